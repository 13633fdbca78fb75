"""What the page on comparing methods says of its tables and its figure, computed."""

import re

import numpy as np
import pytest
from support.claims import Page

page = Page("09_side_by_side")

SEEDS = range(3)  # of the figure: each has another reference, and so another frontier
METHOD = {name: number for number, name in enumerate(("PPO", "RLOO", "GRPO", "SPO", "soft", "hard", "reweighted"))}
QUIET = ("PPO", "RLOO", "SPO", "DPO, soft, online", "DPO, soft, offline")
LOUD = ("GRPO", "reweighted PPO")
UNENDING = ("DPO, hard, online", "DPO, hard, offline")


def table(first_line):
    """Rows of the table that a cell prints below this line: (name, its numbers: means, errors, None for "never")."""
    (text,) = [text for text in page.streams if first_line in text]
    rows = []
    for line in text[text.index(first_line) :].splitlines()[1:]:
        if found := re.fullmatch(r"(\S+(?: \S+)*?)\s{2,}(.*\d)", line.strip()):
            words = re.findall(r"-?\d+(?:\.\d+)?|never|-", found[2])
            rows.append((found[1], [float(word) if word[-1].isdigit() else None for word in words]))
    return rows


ENDS, PASSING = (dict(table(line)) for line in ("shortfall at KL 0.2   nearest", "KL 0.2, thousandths short:"))


def figure(preset=None, **settings):
    """The live figure's run for each seed."""
    return [page.figure("One method at a time").run(preset, seed=seed, **settings) for seed in SEEDS]


def at_the_best(run):
    """Whether a run ends where the best policy is."""
    return abs(run["reward"][-1] - run["optimum"][-1]) < 0.015 and abs(run["kl"][-1] - run["optimal_kl"][-1]) < 0.03


@page.says(
    "A judge who is always sure: the path runs past the green dot.",
    "press **hard labels**: a reward of 1.00, for about 2 nats. The best policy at this price has about half of that "
    "reward for a quarter of the KL, and RLOO, the figure's default, ends right there.",
    "even with fresh pairs the run passes the best policy and goes on to the end of the curve. Choose **DPO, soft "
    "labels** under **method**, and it stops at the green dot.",
)
def test_hard_labels_pass_the_best_policy_and_soft_ones_stop_there():
    for hard, usual, soft in zip(figure("hard labels"), figure(), figure(method=METHOD["soft"]), strict=True):
        assert hard["reward"][-1] > 0.995
        assert 1.9 < hard["kl"][-1] < 2.3
        assert 0.45 < hard["optimum"][-1] < 0.56
        assert 0.15 < hard["optimal_kl"][-1] / hard["kl"][-1] < 0.3
        assert at_the_best(usual)
        assert at_the_best(soft)


@page.says(
    "RLOO passes KL 0.2 nearer to the frontier than at the default rate, and both end at nearly the same place.",
    "RLOO both times. Once it ends at the best policy, and once more than twice as far from home.",
)
def test_the_learning_rate_decides_the_road_and_may_decide_the_end():
    for usual, small, large in zip(figure(), figure("small steps"), figure("too large a step"), strict=True):
        passing = [int((run["kl"] >= 0.2).argmax()) for run in (usual, small)]
        short = [run["limit"][at] - run["reward"][at] for run, at in zip((usual, small), passing, strict=True)]
        assert short[1] < 0.5 * short[0]
        assert abs(small["reward"][-1] - usual["reward"][-1]) < 0.015
        assert at_the_best(small)
        assert large["kl"][-1] > 2.3 * small["kl"][-1]
        assert all(np.isfinite(series).all() for series in large.values())
        assert large["limit"][1] - large["reward"][1] > 0.25  # the first step leaps away from the frontier


@page.says(
    "choose PPO under **method**, which has no critic here either, and play: it ends next to the best policy. Then "
    "press **GRPO**: it stops before.",
    "with the same `kl_coeff` it stops at less KL than RLOO, the figure's default. Then press **reweighted PPO**: it "
    "ends within a tenth of a nat.",
    "The same kl_coeff, and it hardly leaves home.",
)
def test_one_coefficient_ends_at_three_kls():
    runs = zip(figure(), figure(method=METHOD["PPO"]), figure("GRPO"), figure("reweighted PPO"), strict=True)
    for rloo, ppo, grpo, reweighted in runs:
        assert at_the_best(ppo)
        assert grpo["kl"][-30:].mean() < 0.75 * rloo["kl"][-30:].mean()
        assert reweighted["kl"][-30:].mean() < 0.1
        assert reweighted["kl"][-1] < 0.1
    assert page.act("it arrives")["level"][-1] == pytest.approx(0.45, abs=0.03)
    for near, far in zip(figure("reweighted PPO"), figure(method=METHOD["reweighted"], kl_coeff=0.1), strict=True):
        assert far["kl"][-1] > 5 * near["kl"][-1]


@page.says(
    "at KL 0.2, SPO is more than 20 thousandths behind PPO in passing, and less than 3 at the end.",
    "With hard labels it ends almost twice as far below the frontier as online DPO",
)
def test_the_gaps_of_the_road_are_not_those_of_the_end():
    assert PASSING["SPO"][0] - PASSING["PPO"][0] > 20
    assert 0 < ENDS["SPO"][0] - ENDS["PPO"][0] < 3
    assert 1.6 < ENDS["DPO, hard, offline"][0] / ENDS["DPO, hard, online"][0] < 2
    assert PASSING["SPO"][0] > 20 * ENDS["SPO"][0]
    assert abs(PASSING["GRPO"][0] - PASSING["RLOO"][0]) < PASSING["GRPO"][1]  # level in passing, and not at the end
    assert ENDS["GRPO"][0] > 4 * ENDS["RLOO"][0]
    assert abs(ENDS["GRPO"][0] - ENDS["DPO, hard, online"][0]) < ENDS["GRPO"][1]
    assert PASSING["reweighted PPO"][0] is None
    in_passing = sorted((row[0], name) for name, row in PASSING.items() if row[0] is not None)
    assert [name for _, name in in_passing][0] == "PPO"
    assert [name for _, name in in_passing][-3:] == ["SPO", *UNENDING]
    assert all(4.5 < row[2] < 9 for row in PASSING.values() if row[0] is not None)


def test_five_arrive_and_four_stay_behind():
    assert ENDS.keys() == {*QUIET, *LOUD, *UNENDING}
    for name, (short, error, _, noise, _) in ENDS.items():
        assert error < 0.1 * short
        assert short < 3.5 if name in QUIET else short > 8
        assert noise > 65 if name in LOUD else noise < 21
    assert ENDS["PPO"][0] + 3 * ENDS["PPO"][1] < ENDS["RLOO"][0] - 3 * ENDS["RLOO"][1]
    assert ENDS["RLOO"][0] + 3 * ENDS["RLOO"][1] < min(ENDS[name][0] - 2 * ENDS[name][1] for name in QUIET[2:])


def test_every_row_of_the_last_table_cites_what_was_measured():
    text = "\n".join(cell.source for cell in page.cells)
    section = text.partition("## So, which one?")[2].partition("## Exercises")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| You")]
    assert len(rows) == 8
    for row in rows:
        cited = re.search(r"\*(.+?)\*: (\d+)", row)
        if cited is None:
            assert "best of" in row
            assert "10_human_feedback.ipynb" in row
        else:
            assert float(cited[2]) == round(ENDS[cited[1]][0]), row


def test_the_clip_makes_many_steps_on_a_batch_safe_and_small_steps_do_some_of_its_work():
    after = {}  # (rate, steps, tokens, clip) -> value
    for rate, (steps, *row) in table("rate steps   clip 0.2")[:6]:
        for value, key in zip(row, ((t, clip) for t in (1280, 5120) for clip in (True, False)), strict=True):
            after[float(rate), int(steps), *key] = value
    assert len(after) == 24
    for rate in (0.01, 0.03):
        for tokens in (1280, 5120):
            assert after[rate, 1, tokens, True] == after[rate, 1, tokens, False]
            assert after[rate, 16, tokens, True] > after[rate, 16, tokens, False] + 0.05
        assert after[rate, 4, 1280, True] > after[rate, 1, 1280, True] + 0.01
        assert after[0.01, 16, 1280, True] == 0.25 == after[rate, 1, 5120, True]
    assert all(0 <= after[0.01, 4, tokens, True] - after[0.01, 4, tokens, False] <= 0.01 for tokens in (1280, 5120))
    assert after[0.03, 4, 1280, False] < 0.6 * after[0.03, 4, 1280, True]


@page.says("paid late, PPO ends more than three times as far below the frontier as RLOO.")
def test_the_lead_is_that_of_knowing_which_token_was_paid():
    short = {name: row[0] for name, row in table("shortfall at KL 0.2, in thousandths\n")}
    assert short["PPO"] < short["RLOO"]
    assert short["PPO, paid late"] > 3 * short["RLOO"]
    assert abs(short["PPO, paid and charged late"] - short["RLOO"]) < 0.3  # back beside RLOO


page.prints("At KL 0.5 no policy of any kind can have more than 0.517.", "KL 0.5: reward at most 0.517")
page.prints(
    "The ceiling at KL 0.2 is 0.351; the reference has 0.110.",
    "KL 0.2: reward at most 0.351",
    "expected reward of the reference: 0.110",
)
page.prints(
    "At the best of these settings on each side the clip needs 768 tokens, its absence 2,048, and one step a batch "
    "3,072.",
    "rate 0.01, 16 step(s) 768",
    "rate 0.01, 4 step(s) 1536 2048",
    "rate 0.03, 1 step(s) 3072",
)
page.defines(
    "says that the goal was not reached within the 5,120 tokens of these runs",
    "Shortfall at KL 0.2, mean and standard error of sixteen seeds:",
    "The nearest update of the hasty run is its last, at KL 0.45. It is praised for a reward that cost 50 % more.",
    "The last mean is a KL, so it is never negative, and it is zero only for",
    "a KL is never negative.",
    "a policy that always writes token 1 has more.",
)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_list_of_things_to_try_says(seed):
    moved = page.act("Move **kl_coeff** while it runs", seed)
    assert moved["kl"][59] > moved["kl"][-1] + 0.2  # also backwards
    home, away = page.act("**reweighted PPO**", seed), page.act("drag **kl_coeff** down to 0.1", seed)
    assert home["kl"][-1] < 0.1 < 0.3 < away["kl"][-1]
    leap = page.act("Set the **learning rate** to 0.3", seed)
    assert leap["limit"][1] - leap["reward"][1] > 0.3
    assert leap["kl"][-1] > 1.5
    past = page.act("Choose **DPO, hard labels**", seed)
    assert past["kl"][-1] > 1.5 > past["optimal_kl"][-1]


def test_no_claim_is_without_proof():
    assert page.problems() == []
