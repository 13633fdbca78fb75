"""What the page on systems of many machines says of its figures and runs, computed."""

import functools
import itertools
import math
import re

import numpy as np
import pytest
import torch
from support.claims import Page

from rlhf_helpers import ppo_loss
from rlhf_helpers.beyond.rosetta import table

page = Page("13_beyond_the_laptop")
LAG, PUSH = "A learner, and a sampler", "What answers with 0 to 8 ones add"
MEMORY = "Weights, gradients and Adam's moments"
NONE, CLIP, PRODUCT, ICEPOP, TOPR, MEAN = 0, 4, 5, 8, 9, 10  # options of the correction


@functools.cache
def lag(preset=None, **settings):
    return [page.figure(LAG).run(preset, seed=seed, **settings) for seed in range(3)]


@functools.cache
def push(preset=None, **settings):
    return page.figure(PUSH).run(preset, **settings)


def swing(runs):
    return [float(np.ptp(run["p1"][-150:])) for run in runs]


def near(run):  # updates to nine tenths of the way
    return int((run["p1"] < 0.416).argmin())


@page.says("Fresh answers: it goes to the line, and stays.")
def test_taking_turns_ends_on_the_line():
    for run in lag("taking turns"):
        assert run["p1"][-100:] == pytest.approx(0.451, abs=0.01)


@page.says(
    "Sixteen updates late. The brake is as late as the news, and it swings.",
    "The clip holds the learner near its sampler, and the swings are small.",
    "But the clip keeps the learner close to its sampler, so less can build up in the pipe.",
    "The clip is a damper: the learner cannot run far ahead of the sampler, and so the late price is never very wrong.",
)
def test_a_late_price_swings_and_a_clip_damps_it():
    assert min(swing(lag("the long pipe"))) > 0.4
    assert max(swing(lag("a clip"))) < 0.25
    ahead, held = (
        np.mean([np.abs(run["p1"] - run["sampler_p1"])[-200:].mean() for run in lag(name)])
        for name in ("the long pipe", "a clip")
    )
    assert held < 0.5 * ahead


@page.says(
    "No correction, but the KL is that of the learner now: no swing is left.",
    "sixteen updates late, not corrected, and it ends on the line.",
)
def test_priced_when_learned_nothing_swings():
    assert max(swing(lag("priced when learned"))) < 0.02
    for run in lag("priced when learned"):
        assert run["p1"][-100:] == pytest.approx(0.451, abs=0.01)


@page.says(
    "near the line it takes more than twice as long.",
    "the second takes more than twice as many updates to the line.",
)
def test_a_clip_at_an_old_sampler_is_slow():
    for clipped, free in zip(lag("clipped and slow"), lag("priced when learned"), strict=True):
        assert near(clipped) > 2 * near(free)
    for run in lag("clipped and slow"):
        assert run["p1"][-50:] == pytest.approx(0.451, abs=0.01)
    one = lag(correction=CLIP, staleness=1)
    sixteen = lag(late_price=1, correction=CLIP)
    for a, b in zip(one, sixteen, strict=True):
        assert near(b) > 2 * near(a)


@page.says("Priced when learned, a larger step, and answers beyond a ratio of 3 dropped.")
def test_masks_of_answers_lose_token_1():
    assert sum(run["p1"][-1] < 0.05 for run in lag("masked to death")) >= 2
    free = lag("masked to death", correction=NONE)
    assert [run["p1"][-1] for run in free] == pytest.approx([0.451] * 3, abs=0.02)


@page.says(
    "The mask drops one answer in seventeen.",
    "They are those with most 1s, and carry 77 % of the push.",
    "less than a quarter of the push is left.",
)
def test_a_mask_drops_few_answers_and_most_of_the_push():
    run = push("dropped answers")
    assert 100 / run["lost"] == pytest.approx(17, abs=0.5)
    assert run["lost_push"] == pytest.approx(77, abs=0.6)
    assert run["share"] < 0.25
    gone = np.abs(run["corrected"]) < 1e-6
    assert gone.tolist() == [False] * 5 + [True] * 4  # those with five 1s or more


@page.says(
    "The clip silences the 1s of good answers, and the other tokens of bad ones.",
    "the expected push is less than zero.",
)
def test_the_clip_turns_round():
    assert push("turned round")["share"] < -0.5
    assert push("turned round", sampler=0.32)["share"] == pytest.approx(0.1, abs=0.02)  # one limit acts


@page.says("One answer spreads six times as far as the push is long.")
def test_the_product_is_exact_and_wild():
    run = push("exact, and wild")
    assert run["share"] == pytest.approx(1, abs=1e-4)
    assert run["spread"] == pytest.approx(6.2, abs=0.4)
    assert run["count"] == pytest.approx(44, abs=0.5)
    assert push("exact, and wild", sampler=0.24)["count"] == pytest.approx(18, abs=0.5)


@page.says(
    "Paid for three 1s or more, the ratio of single tokens pushes half too hard.",
    "no correction at all is nearer.",
)
def test_token_ratios_are_wrong_for_a_verifier():
    assert push("a verifier")["share"] == pytest.approx(1.5, abs=0.03)
    assert abs(push("not corrected")["share"] - 1) < abs(push("a verifier")["share"] - 1)


def test_the_exact_push_is_that_of_many_answers():
    """The closed form against sampled answers, by the package's own loss."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.rand(200_000, 8, generator=generator, dtype=torch.float64) < 0.3
    z = torch.tensor(0.45 / 0.55, dtype=torch.float64).log().requires_grad_()
    new = torch.where(ids, torch.nn.functional.logsigmoid(z), torch.nn.functional.logsigmoid(-z))
    old = torch.where(ids, 0.3, 0.7).double().log()
    paid = ids.double().sum(1)
    [slope] = torch.autograd.grad(ppo_loss(new, old, paid - paid.mean(), clip_eps=0.2), z)
    right = 8 * 0.45 * 0.55  # of a sum: the derivative of 8 p
    assert -8 * slope.item() / right == pytest.approx(float(push("turned round")["share"]), abs=0.03)


def of_all_answers(weight, p=0.45, sampler=0.3):
    """The expected push on token 1, as a part of the right one, from all answers of ones and others, one by one."""
    pushed = 0.0
    for answer in itertools.product((True, False), repeat=8):
        chance = math.prod(sampler if one else 1 - sampler for one in answer)
        ratios = [p / sampler if one else (1 - p) / (1 - sampler) for one in answer]
        advantage = sum(answer) - 8 * sampler
        slopes = [1 - p if one else -p for one in answer]
        each = zip(ratios, slopes, strict=True)
        pushed += chance * advantage * sum(weight(ratio, math.prod(ratios), advantage) * slope for ratio, slope in each)
    return pushed / (8 * p * (1 - p))


@pytest.mark.parametrize(
    ("correction", "cap", "weight"),
    [
        (ICEPOP, 1.45, lambda ratio, product, advantage: ratio if 0.5 <= ratio <= 1.45 else 0),
        (ICEPOP, 5, lambda ratio, product, advantage: ratio),
        (TOPR, 2, lambda ratio, product, advantage: 1 if advantage >= 0 else min(product, 1)),
        (MEAN, 1.01, lambda ratio, product, advantage: 0.99 <= product ** (1 / 8) <= 1.01),
        (MEAN, 1.1, lambda ratio, product, advantage: 0.9 <= product ** (1 / 8) <= 1.1),
    ],
)
def test_corrections_with_names_weigh_as_their_papers_say(correction, cap, weight):
    shown = push(correction=correction, cap=cap, sampler=0.3)
    assert shown["share"] == pytest.approx(of_all_answers(weight), abs=1e-4)


@page.says("Only answers with three 1s have a mean ratio within 1 % of 1, and those are fewer than the learner writes.")
def test_the_mask_of_the_mean_keeps_one_kind():
    run = push("one kind is left")
    assert (np.abs(run["corrected"]) > 1e-6).nonzero()[0].tolist() == [3]
    assert 3 < 8 * 0.45
    assert run["share"] < 0


def test_topr_gets_shorter_and_turns_round():
    found = [push(correction=TOPR, needs=needs, sampler=q) for needs in (0, 3) for q in (0.38, 0.3, 0.24)]
    shares = np.array([run["share"] for run in found]).reshape(2, 3)
    assert (shares > 0).all()
    assert (np.diff(shares) < 0).all()
    old = push(correction=TOPR, needs=0, sampler=0.2)["share"]
    by_hand = of_all_answers(lambda _, product, advantage: 1 if advantage >= 0 else min(product, 1), sampler=0.2)
    assert old == pytest.approx(by_hand, abs=1e-4)
    assert old < -0.03


def test_with_large_steps_the_product_arrives_in_most_runs():
    figure, setting = page.figure(LAG), {"correction": PRODUCT, "late_price": 1, "learning_rate": 0.2}
    ends = [figure.run(seed=seed, **setting)["p1"][-100:].mean() for seed in range(16)]
    arrived = [end == pytest.approx(0.451, abs=0.02) for end in ends]
    assert 8 < sum(arrived) < 16


@pytest.mark.parametrize(("correction", "cap"), [(ICEPOP, 5), (TOPR, 2), (MEAN, 1.01)])
def test_priced_when_learned_they_too_end_on_the_line(correction, cap):
    run = page.figure(LAG).run("priced when learned", correction=correction, cap=cap)
    assert run["p1"][-50:] == pytest.approx(0.451, abs=0.01)


@page.says("PPO needs more than twice what fine-tuning needs.")
def test_what_is_in_memory():
    run = page.figure(MEMORY).run("seven billion")
    assert run["ppo"] == pytest.approx(266)
    assert run["ppo"] > 2 * (run["trained"] + run["frozen"])[0]
    assert run["grpo"] == pytest.approx(140)
    with_lora = page.figure(MEMORY).run("with LoRA")
    assert with_lora["frozen"][1] == 0


@page.says(
    "It makes the ratios spread, around a mean of 1.",
    "and the mean would be 1 again.",
    "Only a sampler that never writes some of the tokens has a mean below 1, and it is the kept mass.",
    "Ratios spread far, and their mean stays at 1.",
)
def test_the_mean_ratio_is_the_mass_that_is_kept():
    z = torch.linspace(2, -2, 10, dtype=torch.float64)
    learner = z.softmax(0)
    others = {
        "bfloat16": (z + 64).bfloat16().double().softmax(0),
        "temperature": (z / 0.6).softmax(0),
        "older weights": (z + torch.sin(7 * z)).softmax(0),
        "top-k": torch.where(z > -1.5, learner, 0.0) / learner[z > -1.5].sum(),
    }
    for name, sampler in others.items():
        written = sampler > 0
        ratio = learner[written] / sampler[written]
        assert (sampler[written] * ratio).sum() == pytest.approx(learner[written].sum().item(), abs=1e-12)
        assert (ratio.max() - ratio.min() > 0.1) == (name != "top-k")
        assert (learner[written].sum() < 0.99) == (name == "top-k")


DATED = {"sequence_mask", "max_staleness", "max_off_policy_threshold"}  # a value, and two of experimental parts


def test_the_table_of_names_is_that_of_the_script():
    text = "\n".join(cell.source for cell in page.cells if cell.cell_type == "markdown")
    defaults = {library: {} for library in table()["libraries"]}
    for row in table()["rows"]:
        for library, entries in row["theirs"].items():
            for entry in entries:
                name = entry["at"] if entry["at"].startswith("--") else entry["at"].split(".")[-1]
                defaults[library].setdefault(name, []).append(str(entry["default"]))
    rows = re.search(r"^\| ours \| TRL.*?\n\n", text, re.M | re.S)[0].splitlines()[2:]
    compared = 0
    for row in filter(None, rows):
        for library, cell in zip(defaults, row.strip("| ").split(" | ")[1:], strict=True):
            for name, value in re.findall(r'`([^`]+)`(?: "?([\w.-]*\w)"?)?', cell):
                name = name if name.startswith("--") else name.split(".")[-1]
                if name not in DATED:
                    assert name in defaults[library], name
                    assert not value or value in defaults[library][name], (library, name, value)
                    compared += bool(value)
    assert compared >= 25


page.defines(
    "It would be 0 for answers from last year.",
    "all ratios are exactly 1.",
    "The ratio is 1 by construction.",
    "What answers with 0 to 8 ones add to the expected push on token 1:",
    "With learning rate 0 nothing is ever behind;",
    "is 0.1 for GRPO and 0.5 for the others.",
    "there the 1s of bad answers have a ratio of one and a half, far below a ceiling of 3.",
    '"To drop one answer in twenty costs a twentieth."',
    "a product of a thousand ratios is 0 or infinite sooner than you think",
    "Its distance to the mean is 0, whoever wrote the batch and however it is weighed, and the push is 0, too.",
)


def test_no_claim_is_without_proof():
    assert page.problems() == []
