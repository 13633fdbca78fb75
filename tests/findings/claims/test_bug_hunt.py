"""What the bug hunt says of its figures, computed; `test_bug_hunt.py` holds the symptom of each case and its cure."""

import functools
import math

import numpy as np
import pytest
from support.claims import Page

page = Page("bug_hunt")
SEEDS = range(3)
OPTIMUM = 1 / (1 + 9 * math.exp(-2))  # at kl_coeff 0.5


@functools.cache
def run(case, *, fixed=False, seed=0, **settings):
    """Every series of a case."""
    return page.figure(f"Case {case}.").run(seed=seed, fixed=float(fixed), **settings)


def late(series):
    return float(np.mean(series[-20:]))


def death(series):
    """The first update at which the figure has no number to show, or None."""
    broken = np.flatnonzero(~np.isfinite(series["loss"]))
    return int(broken[0]) if len(broken) else None


@page.says(
    "Case 1. A busy loss, and a reward that never climbs.",
    "Push the slider up to 1. The line stays where it is, to the last digit.",
)
def test_no_learning_rate_moves_case_1():
    for seed in SEEDS:
        for learning_rate in (0.05, 1.0):
            found = run(1, seed=seed, learning_rate=learning_rate)
            assert found["kl"].max() == 0
            assert np.ptp(found["loss"]) > 0.05


@page.says(
    "Case 2. It starts at a lower loss than the fixed run.",
    "`sigmoid(-112)` is about 2e-49.",
)
def test_case_2_starts_at_a_lower_loss():
    assert math.exp(-112) == pytest.approx(2e-49, rel=0.2)
    for seed in SEEDS:
        found, fixed = (run(2, fixed=on, seed=seed) for on in (False, True))
        assert found["loss"][0] == pytest.approx(18.4, abs=0.1)
        assert fixed["loss"][0] == pytest.approx(112, abs=0.1)


@page.says("Case 3. The trainer's own number looks like success.", "Its answers, and so the reward, never change.")
def test_the_server_of_case_3_throws_dice():
    for seed in SEEDS:
        found = run(3, seed=seed)
        assert late(found["reward"]) == pytest.approx(0.1, abs=0.03)
        assert late(found["trainer"]) == pytest.approx(OPTIMUM, abs=0.08)


@page.says("Case 4. It wanders. Try other seeds: each wanders elsewhere.")
def test_case_4_wanders():
    ends = [run(4, seed=seed)["reward"] for seed in SEEDS]
    assert all(late(rewards) < 0.35 for rewards in ends)


@page.says(
    "Case 5. The reward passes the best possible one.",
    "But a price of 10 does not hold it either.",
    '**"It earns more than the right version, so it cannot be wrong."**',
    "Earning more than the best possible is the surest",
    "press **case 5, as found**, and look at the dashed line.",
)
def test_a_price_of_10_does_not_hold_case_5():
    for seed in SEEDS:
        found, dear = run(5, seed=seed), run(5, seed=seed, kl_coeff=10.0)
        assert late(found["reward"]) > 2 * OPTIMUM
        assert late(found["logged"]) < -2
        assert 2 < late(found["kl"]) < late(dear["kl"])


@page.says(
    "Case 6. All the reward, for a KL of zero.",
    "A policy that earns more than the reference cannot be it.",
    "press **case 6, as found**: a reward near 1 with a KL of 0.0000. In the fixed run KL is about 0.4, the price of a "
    "reward of 0.45.",
)
def test_case_6_pays_nothing_and_the_fixed_run_pays_the_price():
    for seed in SEEDS:
        found, fixed = (run(6, fixed=on, seed=seed) for on in (False, True))
        assert late(found["reward"]) > 0.97
        assert np.abs(found["logged"]).max() < 5e-5
        assert late(fixed["kl"]) == pytest.approx(0.4, abs=0.02)
        assert late(fixed["reward"]) == pytest.approx(0.45, abs=0.03)


@page.says(
    "Case 7. DPO that runs past the point where beta should hold it.",
    "press **case 7, as found**, and then move **pull to the reference, beta** to 4.",
)
def test_eight_times_the_beta_holds_case_7():
    for seed in SEEDS:
        found, dear, fixed = run(7, seed=seed), run(7, seed=seed, beta=4.0), run(7, fixed=True, seed=seed)
        assert late(found["kl"]) > 5 * late(fixed["kl"])
        assert late(dear["kl"]) == pytest.approx(late(fixed["kl"]), abs=0.01)


@page.says(
    "Case 8. Ahead at first. Wait for it.",
    "Try 0.01: it passes the line just the same, only later. And the fixed run is calm at 0.05.",
)
def test_case_8_passes_the_line_at_any_learning_rate():
    for seed in SEEDS:
        quick, slow, fixed = run(8, seed=seed), run(8, seed=seed, learning_rate=0.01), run(8, fixed=True, seed=seed)
        assert quick["reward"][-1] < 0.05
        assert slow["reward"].max() > OPTIMUM + 0.2
        assert (slow["reward"] > OPTIMUM + 0.2).argmax() > (quick["reward"] > OPTIMUM + 0.2).argmax()
        assert abs(fixed["reward"][60:] - OPTIMUM).max() < 0.15


@page.says(
    "Case 9. A run that learns, until it is no longer a number.",
    "It is a little below 0.5 for token 1, and steady.",
    "Move it down to 0.005, or up: with this seed it dies at the same update.",
    "With others it dies when the dice first roll the end token, and in a few runs that is never.",
    "In case 9 it means that an answer was short.",
    'in the figure "Case 9" move **learning rate** down to 0.001: it still dies,',
)
def test_case_9_dies_of_the_first_short_answer_at_any_learning_rate():
    for learning_rate in (0.001, 0.005, 0.05, 0.1):
        assert death(run(9, learning_rate=learning_rate)) == 83
    assert run(9)["reward"][40:80].mean() == pytest.approx(0.47, abs=0.03)
    deaths = []
    for seed in range(20):
        alive = run(9, fixed=True, seed=seed, learning_rate=0.001)
        short = np.flatnonzero(alive["length"] < 8)
        deaths.append(death(run(9, seed=seed, learning_rate=0.001)))
        assert deaths[-1] == (int(short[0]) if len(short) else None), seed
    assert 1 <= deaths.count(None) <= 8


@page.says("Case 10. A slow start, a good middle, and a plateau.", "of 120 batches fewer than 60 are used.")
def test_case_10_uses_fewer_than_half_of_its_batches():
    for seed in range(20):
        found = run(10, seed=seed)
        assert found["done"][-1] < 60
        assert found["chance"][-1] < 0.94


@page.says(
    "Case 11. It learns, and levels off.",
    "But a 1 that is there goes on, so there are more of them at the end.",
    "So the row of token 1 learns to write 1, and no other row learns to write a first 1.",
)
def test_case_11_writes_more_ones_at_the_end():
    runs = [run(11, seed=seed) for seed in range(4)]
    places = np.mean([found["places"] for found in runs], axis=0)
    assert all(found["again"][-1] > 0.9 and found["first"][-1] < 0.15 for found in runs)
    assert places[0] < 0.2
    assert places[-1] > 0.45
    assert np.corrcoef(np.arange(8), places)[0, 1] > 0.9


@page.says(
    "Case 12. The loss falls, lower than that of the fixed run.",
    'in the figure "Case 12" press **case 12, as found**, then **case 12, fixed**:',
    "the run that never stops talking has the lower loss.",
)
def test_case_12_talks_and_has_the_lower_loss():
    for seed in SEEDS:
        found, fixed = (run(12, fixed=on, seed=seed) for on in (False, True))
        assert late(found["loss"]) < late(fixed["loss"]) - 0.1
        assert late(found["length"]) > 7


def test_the_logged_kl_times_the_vocabulary():
    assert pytest.approx(2) == 0.00004 * 50_000
    assert math.log(10) == pytest.approx(2.3, abs=0.01)


def test_the_four_logs_are_those_of_their_cases():
    for seed in SEEDS:
        six, three, five = run(6, seed=seed), run(3, seed=seed), run(5, seed=seed)
        assert late(six["reward"]) == pytest.approx(0.99, abs=0.015)
        assert late(six["kl"]) == pytest.approx(2.2, abs=0.02)
        assert late(three["estimate"]) == pytest.approx(-0.30, abs=0.03)
        assert late(five["logged"]) == pytest.approx(-2.25, abs=0.05)


page.defines(
    "beta is 0.5. Does it look like 0.5?",
    "Stop it at update 40 and write a paper.",
    "Its value is 1 and its gradient is zero, whatever the rewards are.",
    "The ratio is 1 in the fixed run as well.",
    "Next to 1e-8 it is nothing,",
    "(32,) times (32, 1) is (32, 32).",
    "This memory never fades.",
    "All rewards are 0 or 1.",
    "Then the deviation is 0, and 0 / 0 is NaN:",
    "A 1 was read off the row of that 1.",
)


def test_no_claim_is_without_proof():
    assert page.problems() == []
