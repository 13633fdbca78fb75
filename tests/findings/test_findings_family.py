"""What chapter 12 shows as code is what its figure computes, and what it reads off its table holds for other seeds."""

import functools
import math
import re
from types import SimpleNamespace

import pytest
import torch
from support.claims import Page
from support.definitions import definitions

from rlhf_helpers import group_advantages

HELPERS = (
    *("centered", "scaled", "per_answer", "clipped", "in_mixed_groups", "chosen_and_rejected", "pushes", "gap"),
    *("per_token", "reinforce", "reinforce_pp", "rloo", "grpo", "dr_grpo", "maxrl", "best_of_n", "ppo", "dapo"),
    *("gspo", "cispo", "sapo", "dppo", "distillation", "dpo", "cdpo", "ipo", "simpo", "orpo", "kto", "situation"),
)
CHAPTER = definitions(
    "12_one_line_apart",
    *HELPERS,
    *("FAMILY", "SCALED", "CODE", "PARENTS", "numbers", "batch_of"),
    *("descend", "train_all", "COLUMNS", "REWARDED", "LAG", "RATES", "settled"),
)
FAMILY, CODE = CHAPTER["FAMILY"], CHAPTER["CODE"]


EPS = 1e-4  # what is added to a deviation before it divides


class Deviations(torch.Tensor):
    """Standard deviations that can be divided by; those of groups that agree are not above 0."""

    def __gt__(self, other):
        return self.as_subclass(torch.Tensor) - EPS > other + 1e-9


class Groups(torch.Tensor):
    """Numbers of answers, (32, 1), whose mean and deviation are those of their groups of eight."""

    def mean(self):
        return self.unflatten(0, (4, 8)).as_subclass(torch.Tensor).mean(1).repeat_interleave(8, 0)

    def std(self):
        deviations = self.unflatten(0, (4, 8)).as_subclass(torch.Tensor).std(1).repeat_interleave(8, 0)
        return (deviations + EPS).as_subclass(Deviations)


class Tokens(torch.Tensor):
    """Numbers of tokens, (32, 8), whose mean over an answer leaves out what was not written."""

    def mean(self, _):
        written = Tokens.mask
        return ((self * written).sum(1, keepdim=True) / written.sum(1, keepdim=True)).as_subclass(torch.Tensor)


def names_in(s):
    """What the lines of code speak of, as tensors of one batch."""
    Tokens.mask = s["mask"]
    tokens, score, paid = s["mask"].sum(1, keepdim=True), s["score"][:, None], s["paid"][:, None]
    groups, sums = score.as_subclass(Groups), score.view(4, 8).sum(1).repeat_interleave(8)[:, None]
    highest = score.view(4, 8).amax(1).repeat_interleave(8)[:, None]
    kept = torch.ones_like(s["mask"])

    class Batch(SimpleNamespace):
        def __getitem__(self, which):
            kept.mul_(which)
            return self

    return kept, {
        "score": score,
        "batch": Batch(mean=score.mean, std=lambda: score.std() + EPS),
        "group": groups,
        "others": SimpleNamespace(mean=lambda: (sums - score) / 7),
        "paid": SimpleNamespace(
            mean=lambda: paid.as_subclass(Groups).mean().clamp(min=0.01),
            max=lambda: paid.view(4, 8).amax(1).repeat_interleave(8)[:, None],
            std=paid.as_subclass(Groups).std,
        ),
        "is_best": (highest - score < 1e-4).to(score.dtype).as_subclass(Groups),
        "ratio": s["ratio"].as_subclass(Tokens),
        "length": tokens / tokens.mean(),
        "longest": 8 / tokens.mean(),
        "p": s["new"].exp(),
        "old_p": s["new"].exp() / s["ratio"],
        "logprobs": s["new"],
        "teacher_logprobs": s["teacher"],
        "sigmoid": torch.sigmoid,
        "sign": torch.sign,
    }


def weights_of(name, s):
    """Run a name's lines on a batch."""
    kept, known = names_in(s)

    def inside(low, high):
        a, ratio = known["a"], known["ratio"].as_subclass(torch.Tensor)
        return (~((a > 0) & (ratio > high) | (a < 0) & (ratio < low))).to(ratio.dtype)

    for line in CODE[name]:
        if "a" in known:
            known |= {"inside": inside, "tau": torch.where(known["a"] > 0, 1.0, 1.05)}
        exec(line, known)
        if "a" in known:
            known["a"] = known["a"].as_subclass(torch.Tensor)
    return known["w"].as_subclass(torch.Tensor) * kept * s["mask"].sum() / (kept * s["mask"]).sum()


def pushes_of(name, s):
    """The same for a name of pairs: its lines once for the chosen answers, once for the rejected ones."""
    split = functools.partial(CHAPTER["chosen_and_rejected"], s)
    ratios, means = split(((s["new"] - s["ref"]) * s["mask"]).sum(1)), CHAPTER["per_token"](s)[:2]
    lengths, found = split(s["mask"].sum(1)), []
    for i in range(2):
        known = {
            "chosen_ratio": ratios[0],
            "rejected_ratio": ratios[1],
            "own_ratio": ratios[i],
            "batch_kl": torch.cat(ratios).mean().clamp(min=0),
            "beta": 0.5,
            "chosen": SimpleNamespace(mean=lambda: means[0]),
            "rejected": SimpleNamespace(mean=lambda: means[1]),
            "chosen_log_odds": means[0].exp().logit(),
            "rejected_log_odds": means[1].exp().logit(),
            "p": means[i].exp(),
            "length": lengths[i],
            "is_chosen": 1 - i,
            "sigmoid": torch.sigmoid,
        }
        for line in CODE[name]:
            exec(line, known)
        found.append(known["w"])
    return CHAPTER["pushes"](s, *found)


@pytest.mark.parametrize("name", FAMILY)
def test_the_lines_that_are_shown_compute_what_the_figure_draws(name):
    for trap in range(5):
        s = CHAPTER["batch_of"](trap, seed=trap)
        wanted = (FAMILY[name](s) + 0 * s["mask"]) * s["mask"]
        shown = (pushes_of if CODE[name][0].startswith("h =") else weights_of)(name, s) * s["mask"]
        torch.testing.assert_close(shown, wanted, rtol=1e-5, atol=1e-6)


def test_every_number_of_the_table_to_choose_by_is_printed_by_a_cell():
    page = Page("12_one_line_apart")
    (table,) = [cell.source for cell in page.cells if cell.source.startswith("| You have ...")]
    asked = re.findall(r"[\d.]*\d", table.partition("\n\n")[0])
    printed = set(re.findall(r"[\d.]*\d", " ".join(page.streams)))
    assert len(asked) > 15
    assert set(asked) <= printed


def test_no_name_is_more_than_three_lines_from_its_parent():
    new = {name: len(set(CODE[name]) - set(CODE[parent])) for name, parent in CHAPTER["PARENTS"].items() if parent}
    assert {name for name, lines in new.items() if lines > 2} == {"SimPO", "ORPO"}
    assert min(new.values()) == 1


COLUMNS = CHAPTER["COLUMNS"]
SEEDS = [7, 8]  # which no cell of the table has


@functools.cache
def runs(name):
    traps, places = zip(*[column for column in COLUMNS.values() for _ in SEEDS], strict=True)
    path = CHAPTER["train_all"]([name], traps, SEEDS * len(COLUMNS), places, [0.05] * len(traps))
    return path[0, :, -30:].mean(1).view(len(COLUMNS), len(SEEDS)).mean(1)


def end(name, column):
    """Where token 1 ends."""
    return runs(name)[list(COLUMNS).index(column)].item()


PAID = ("REINFORCE", "REINFORCE++", "RLOO", "GRPO", "Dr. GRPO", "MaxRL", "best of n", "PPO", "DAPO", "GSPO", "CISPO")
PAID = (*PAID, "SAPO", "DPPO")
PAIRS = ("DPO", "cDPO", "IPO", "SimPO", "ORPO", "KTO")


def test_with_the_kl_in_the_reward_whoever_is_paid_ends_in_one_place():
    assert [end(name, "none") for name in PAID] == pytest.approx([0.451] * len(PAID), abs=0.05)
    assert [end(name, "stale") for name in PAID] == pytest.approx([0.451] * len(PAID), abs=0.05)
    assert runs("distillation").tolist() == pytest.approx([0.451] * len(COLUMNS), abs=0.01)


def test_with_the_kl_in_the_loss_each_advantage_has_its_place():
    ends = {name: end(name, "in loss") for name in ("MaxRL", "GRPO", "REINFORCE++", "Dr. GRPO", "RLOO")}
    for name, exact in {"MaxRL": 0.263, "GRPO": 0.391, "REINFORCE++": 0.437, "Dr. GRPO": 0.535, "RLOO": 0.585}.items():
        assert ends[name] == pytest.approx(exact, abs=0.025), name


def test_with_the_gradient_of_the_other_kl_grpo_rests_at_less(monkeypatch):
    """As in TRL, where k3 is multiplied by the ratio."""
    descend = CHAPTER["descend"]

    def of_the_other_kl(s, weights, policy, ref, onehot, pull):
        gap = policy - ref
        slope = policy.exp() * (gap - (policy.exp() * gap).sum(-1, keepdim=True))
        return descend(s, weights, policy, ref, onehot, 0 * pull) + pull[..., None] * slope

    monkeypatch.setitem(CHAPTER, "descend", of_the_other_kl)
    path = CHAPTER["train_all"](["GRPO"], [0, 0], SEEDS, [1, 1], [0.05, 0.05])
    assert path[..., -30:].mean() == pytest.approx(0.291, abs=0.015)


def test_a_mean_over_each_answer_is_what_long_answers_move():
    for name in ("GRPO", "GSPO", "SAPO", "best of n"):
        assert end(name, "long") > 0.24, name
    for name in ("RLOO", "PPO", "Dr. GRPO", "MaxRL", "DAPO", "CISPO", "DPPO"):
        assert end(name, "long") == pytest.approx(0.16, abs=0.04), name


def test_wrong_rewards_cost_those_least_that_divide_by_a_deviation():
    divided = [end(name, "noisy") for name in ("GRPO", "DAPO", "GSPO", "CISPO", "SAPO", "DPPO")]
    assert divided == pytest.approx([0.451] * 6, abs=0.03)
    heard = math.exp(1.6) / (math.exp(1.6) + 9)  # a right token earns 0.9 on average, a wrong one 0.1
    for name in ("RLOO", "Dr. GRPO", "PPO"):
        assert end(name, "noisy") == pytest.approx(heard, abs=0.03), name


@pytest.mark.parametrize(("name", "kept"), [("GRPO", 0.9), ("RLOO", 0.2)])
def test_dividing_makes_a_group_without_a_wrong_reward_as_loud_however_little_it_has_to_say(name, kept):
    """Its push at 0.36 and at 0.44, where the best is at 0.45, on one draw of answers."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.rand(5000, 8, 8, generator=generator, dtype=torch.float64)

    def push(p):
        right = (draws < p).sum(2).double()
        score = right - 0.5 * (right * math.log(10 * p) + (8 - right) * math.log(10 * (1 - p) / 9))
        advantages = group_advantages(score, normalize=name == "GRPO")
        return (advantages * (right - 8 * p)).mean()

    near, far = push(0.44), push(0.36)
    assert (near / far > kept) == (name == "GRPO")


def test_silent_groups_are_silent_for_who_looks_at_what_was_paid():
    """While the price of the KL is in the score, the scores of eight answers that pass still differ."""
    s = CHAPTER["batch_of"](2, seed=11)
    groups, paid = s["score"].view(4, 8), s["paid"].view(4, 8)
    silent = paid.amax(1) == paid.amin(1)
    assert silent.any()
    assert not silent.all()
    assert (groups.std(1) > 1e-3).all()
    heard = (FAMILY["DAPO"](s) * s["mask"]).abs().view(4, 64).amax(1) > 0
    assert (heard == ~silent).all()


def test_who_is_still_rising_after_the_150_updates_of_the_table():
    rising = [("KTO", 0), ("KTO", 1), ("KTO", 2), ("SimPO", 0), ("DPO", 6), ("ORPO", 6)]
    resting = [("ORPO", 0), ("cDPO", 6), ("IPO", 6)]
    moved = {}
    for name, trap in rising + resting:
        path = CHAPTER["train_all"]([name], [trap] * 2, SEEDS, [0, 0], [0.05, 0.05], steps=400)
        moved[name, trap] = (path[..., -60:].mean() - path[..., 90:150].mean()).item()
    assert min(moved[it] for it in rising) > 0.01
    assert max(abs(moved[it]) for it in resting) < 0.03


def test_without_doubt_only_cdpo_and_ipo_end_somewhere_else_than_at_one():
    ends = {name: end(name, "sure") for name in PAIRS}
    assert {name for name, p1 in ends.items() if p1 < 0.9} == {"cDPO", "IPO"}
    assert 0.4 < ends["cDPO"] < 0.6
    assert ends["IPO"] < 0.2


def test_a_rare_good_token_waits_longest_for_those_that_clip_each_token():
    def waits(name):
        """Updates with the best of the chapter's rates, on the mean of six seeds."""
        rates = [rate for rate in CHAPTER["RATES"] for _ in range(6)]
        path = CHAPTER["train_all"]([name], [4] * 18, 3 * [20, 21, 22, 23, 24, 25], [0] * 18, rates)
        return CHAPTER["settled"](path[0]).unflatten(0, (3, 6)).mean(1).min()

    free = ("RLOO", "DPPO", "CISPO", "GSPO")
    clipped, free = [[waits(name) for name in names] for names in (("GRPO", "DAPO"), free)]
    assert max(free) < 0.6 * min(clipped)
    assert max(free) < waits("PPO") < min(clipped)
