"""What the page on names that are one line apart says of its figure and runs, computed."""

import functools

import pytest
import torch
from support.claims import Page

page = Page("12_one_line_apart")
TOP = "One batch after the other"
GRPO_TO_DPPO = range(3, 13)  # options of the name


@functools.cache
def runs(preset=None, **settings):
    return [page.figure(TOP).run(preset, seed=seed, **settings) for seed in range(3)]


def ends(rows, name="p1"):
    return [row[name][-20:].mean() for row in rows]


@page.says("with any **name** from GRPO to DPPO and no trap: each ends at 0.45.")
def test_without_a_trap_the_names_end_in_one_place():
    for name in GRPO_TO_DPPO:
        assert ends(runs(which=name)) == pytest.approx([0.451] * 3, abs=0.01)


@page.says("one ends above 0.25, the other below 0.2.")
def test_the_average_is_what_long_answers_touch():
    assert min(ends(runs("long answers"))) > 0.25
    assert max(ends(runs("every token alike"))) < 0.2
    assert runs("long answers")[0]["best"][-1] == pytest.approx(0.16, abs=0.01)


@page.says("after 80 updates token 1 has less than 0.1 in the one and more than 0.4 in the other.")
def test_a_clip_silences_the_token_that_should_grow():
    clipped, free = runs("a rare good token"), runs("never silent")
    assert max(row["p1"][80] for row in clipped) < 0.1
    assert min(row["p1"][80] for row in free) > 0.4
    assert max(row["silent"][10:80].mean() for row in free) < min(row["silent"][10:80].mean() for row in clipped)


@page.says("more than 0.9, where 0.45 is worth most.", "DPO has no place to stop.")
def test_a_sure_judge_never_stops_dpo():
    assert min(ends(runs("a judge without doubt"))) > 0.9
    assert runs("a judge without doubt")[0]["best"][-1] == pytest.approx(0.45, abs=0.002)


def test_where_all_eight_answers_pass_nothing_is_pushed():
    silent = [row["silent"][-60:].mean() for row in runs("silent groups")]
    assert silent == pytest.approx([100 / 3] * 3, abs=8)
    assert max(row["silent"].max() for row in runs(trap=2)) == 0


def test_what_the_buttons_say():
    assert max(ends(runs("KL in the loss"))) < 0.42
    assert max(ends(runs("a target"))) < 0.2


@page.says("A token that has moved *against* its advantage is never silent, however far: it has to come back.")
def test_a_token_that_has_moved_the_wrong_way_is_never_silent():
    from rlhf_helpers.exercises import EXERCISES

    weights = EXERCISES["ex-family-dppo"].right
    p = torch.linspace(0.01, 0.99, 99)
    new, old = torch.meshgrid(p, p, indexing="ij")
    for sign in (1.0, -1.0):
        against = sign * (new - old) < 0
        assert (weights(new.log(), old.log(), torch.full_like(new, sign), 0.05)[against] != 0).all()


@page.says("The push never turns around: robust DPO has no more of an end than DPO has on clean labels.")
def test_the_push_of_robust_dpo_never_turns_around():
    from rlhf_helpers.exercises import EXERCISES

    h = torch.linspace(-50, 50, 1001, dtype=torch.float64)
    for e in (0.05, 0.2, 0.45):
        assert (EXERCISES["ex-family-robust"].right(h, 0.5, e) > 0).all()


page.defines(
    "MaxRL gives the one success as much as the seven failures together take away: 7 against seven times 1.",
    "With eight successes of a hundred it would be 11.5: the rarer, the louder.",
    "At a ratio of 1 nothing is clipped, so nothing is lost.",
    "At a ratio of 1 no probability has moved.",
    "All ratios are 1, and all weights are the advantage: one algorithm with three names.",
    "PPO's clip silences a good token at a ratio of 1.2.",
    "inside() is 0 for a token that has left these limits the way it is pushed, and 1 for all others;",
    "until its probability has risen by 0.2, here at a ratio of 5;",
    "all advantages are 0, whatever is subtracted and whatever they are divided by",
    "Where a line crosses 0, training stops.",
    "cDPO and IPO have such a place, also for a judge who is always sure;",
    "DPO and KTO fade and never turn.",
    "then press **never silent**:",
)


def test_no_claim_is_without_proof():
    assert page.problems() == []
