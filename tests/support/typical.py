"""What the exercises' functions are typically called with, and the numbers that are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from rlhf_helpers import TinyPolicy

INF = math.inf


class Draw:
    """Random tensors in float32, from a seed."""

    def __init__(self, seed: int) -> None:
        self.g = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.g)

    def logprobs(self, *shape: int) -> torch.Tensor:
        return -0.2 - 2 * torch.rand(*shape, generator=self.g)

    def near(self, logprobs: torch.Tensor) -> torch.Tensor:
        return (logprobs + 0.4 * self.normal(*logprobs.shape)).clamp(max=-0.01)

    def probs(self, n: int) -> torch.Tensor:
        return self.normal(n).softmax(-1)

    def ids(self, high: int, *shape: int) -> torch.Tensor:
        return torch.randint(high, shape, generator=self.g)


def mask(*lengths: int, width: int) -> torch.Tensor:
    return (torch.arange(width) < torch.tensor(lengths)[:, None]).float()


def padded(logprobs: torch.Tensor, kept: torch.Tensor, value: float) -> torch.Tensor:
    return torch.where(kept == 1, logprobs, value)


def padding(d: Draw) -> list[tuple]:
    kept = mask(3, 6, 1, 4, width=6)
    lp = d.logprobs(4, 6)
    return [(lp, kept), (padded(lp, kept, -INF), kept), (padded(lp, kept, 7.0), kept)]


def scoring(d: Draw) -> list[tuple]:
    policy = TinyPolicy(generator=d.g)
    return [(policy, d.ids(10, 5, 1), d.ids(10, 5, 4)), (policy, d.ids(10, 4, 1), d.ids(10, 4, 4))]


def temperatures(d: Draw) -> list[tuple]:
    return [(2 * d.normal(10), 3), (d.normal(10), 5.5), (3 * d.normal(6), 2)]


def three(d: Draw) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    lp = d.logprobs(4, 6)
    return lp, d.near(lp), d.normal(4, 6)


def geometric(d: Draw) -> list[tuple]:
    new, old, _ = three(d)
    return [(new, old, mask(3, 6, 1, 5, width=6)), (new, old, torch.ones(4, 6))]


def ratios(d: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    return (0.4 * d.normal(5, 8)).exp(), d.normal(5, 8)


def clipped(d: Draw) -> list[tuple]:
    return [ratios(d), (*ratios(d), 0.1), (*ratios(d), 0.3)]


def pairs(d: Draw) -> list[tuple]:
    lp = d.logprobs(6, 5)
    wrong = lp - 300 * (torch.arange(6) == 2)[:, None]  # one pair by hundreds of nats
    return [(new, d.near(lp), mask(3, 5, 1, 4, 5, 2, width=5), 0.3) for new in (lp, wrong)] + [
        (lp, d.near(lp), torch.ones(6, 5), 0.1)
    ]


def scored_pairs(d: Draw) -> list[tuple]:
    lp = d.logprobs(5, 2)
    return [(lp, d.near(lp), d.normal(5, 2), 0.5)]


def rebel(d: Draw) -> list[tuple]:
    lp = d.logprobs(6, 4)
    return [(lp, d.near(lp), d.normal(6, 4), 0.5)]


def groups(d: Draw) -> list[tuple]:
    first = d.normal(4, 4)
    first[1] = 1.0
    first[2] = 1 + 1e-2 * torch.arange(4)
    return [(first,), (d.ids(2, 3, 5).float(),)]


def walks(_: Draw) -> list[tuple]:
    hasty = torch.tensor([[0.11, 0.20, 0.40], [0, 0.10, 0.45]])
    patient = torch.tensor([[0.11, 0.21, 0.29, 0.37], [0, 0.10, 0.20, 0.30]])
    wiggly = torch.tensor([[0.1, 0.3, 0.25, 0.2, 0.7], [0, 0.25, 0.15, 0.1, 0.6]])
    back = torch.tensor([[0.1, 0.35, 0.2], [0, 0.3, 0.1]])
    return [(*hasty, 0.3), (*patient, 0.3), (*patient, 0.5), (*patient, 0.15), (*wiggly, 0.2), (*back, 0.2)]


def late(d: Draw) -> list[tuple]:
    return [(d.normal(4, 6), mask(3, 6, 1, 4, width=6)), (d.normal(3, 5), torch.ones(3, 5))]


def waits(_: Draw) -> list[tuple]:
    up = torch.tensor([0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.24, 0.22, 0.27, 0.26])
    return [(up, 0.2, 4), (up, 0.2, 3), (up, 0.23, 4), (up, 0.5, 4), (up, 0.25, 1), (up, 0.0, 2), (up[:7], 0.24, 16)]


def ends(d: Draw) -> list[tuple]:
    rows = torch.tensor([[3, 0, 4, 5, 6], [0, 2, 3, 0, 1], [5, 4, 3, 2, 1], [1, 2, 3, 4, 0], [2, 0, 3, 0, 5]])
    return [(rows, 0), (rows, 3), (d.ids(4, 6, 7), 2)]


def first_update(d: Draw) -> list[tuple]:
    kept = mask(3, 6, 1, 4, width=6)
    new, old, _ = three(d)
    gone = padded(new, kept, -INF), padded(old, kept, -INF), kept
    lower = old.clone()
    lower[1, 2] = new[1, 2] + 3
    return [
        (new, old, kept),
        gone,
        (padded(new, kept, -INF), old, kept),
        (lower - 2, lower - 2.1, kept),
        (new, lower, kept),
    ]


def critics(d: Draw) -> list[tuple]:
    returns = d.normal(4, 6)
    return [(returns + 0.5 * d.normal(4, 6) + 1, returns + 2), (d.normal(4, 6) * 2, returns + 1)]


def best(d: Draw) -> list[tuple]:
    return [(d.probs(5), d.normal(5)), (torch.tensor([0.5, 0.3, 0.2]), torch.tensor([1.0, 0.0, 0.5]))]


def labels(d: Draw) -> list[tuple]:
    chosen, rejected = d.ids(4, 24).float(), d.ids(3, 24).float()
    return [(chosen, rejected), (d.normal(9), d.normal(9))]


CASES: dict[str, tuple[Callable[[Draw], list[tuple]], tuple[int, ...]]] = {  # arguments; those whose gradient is asked
    "ex-logs-padding": (padding, ()),
    "ex-logs-bugs": (scoring, ()),
    "ex-logs-temperature": (temperatures, ()),
    "ex-baby-bug": (lambda d: [three(d), (*three(d), 0.4)], (0, 1)),
    "ex-baby-baseline": (lambda d: [(d.probs(5), d.normal(5), 0.3), (d.probs(4), d.normal(4), -0.5)], ()),
    "ex-baby-later": (lambda d: [(d.normal(3, 5),)], ()),
    "ex-ratio-silent": (
        lambda d: (
            [(*ratios(d), eps) for eps in (0.2, 0.1, 0.4)] + [((0.3 * d.normal(90)).exp(), d.normal(90) + 1, 0.3)]
        ),
        (),
    ),
    "ex-ratio-quotient": (lambda d: [three(d)], (0, 1)),
    "ex-ratio-geometric": (geometric, (0, 1)),
    "ex-ppo-min": (lambda d: [*clipped(d), ((4 * d.normal(9, 8)).exp(), d.normal(9, 8))], (0,)),
    "ex-ppo-two": (lambda d: [(d.probs(6), d.normal(6), 0.5), (torch.full((10,), 0.1), d.normal(10), 0.3)], ()),
    "ex-ppo-controller": (lambda _: [(0.15, 9, 6, 512, 10000), (0.2, 3, 6, 256, 9000), (0.1, 6.6, 6, 64, 1000)], ()),
    "ex-baselines-best": (best, ()),
    "ex-baselines-wrap": (lambda d: [(d.normal(4, 6), d.normal(4, 6), x) for x in (0.95, 0.5, 0.0)], ()),
    "ex-baselines-explained": (critics, ()),
    "ex-dpo-batch": (pairs, (0, 1)),
    "ex-dpo-bug": (lambda d: [(-5 * d.normal(5, 2).abs(),)], (0,)),
    "ex-dpo-smoothing": (lambda _: [(0.1, 0.1), (0.5, 0.3), (2.0, 0.02)], ()),
    "ex-spo-arms": (lambda d: [(d.normal(4), d.probs(4), d.probs(4))], ()),
    "ex-spo-bug": (scored_pairs, (0,)),
    "ex-spo-rebel": (rebel, (0, 1)),
    "ex-grpo-bug": (groups, ()),
    "ex-grpo-clip-higher": (lambda d: [ratios(d), (*ratios(d), 0.1, 0.4), (*ratios(d), 0.3, 0.1)], (0,)),
    "ex-grpo-size": (lambda _: [(2,), (4,)], ()),
    "ex-side-nearest": (walks, ()),
    "ex-side-at-end": (late, ()),
    "ex-side-epochs": (waits, ()),
    "ex-feedback-agreement": (labels, ()),
    "ex-feedback-bug": (lambda d: [(d.normal(8), d.normal(8), d.normal(8).abs())], (0, 1)),
    "ex-feedback-bon": (lambda _: [(0.5, 4), (0.2, 3), (0.7, 2)], ()),
    "ex-family-dppo": (lambda d: [(d.logprobs(4, 6), d.logprobs(4, 6), d.normal(4, 6), 0.1)], ()),
    "ex-family-cispo": (lambda d: [(d.logprobs(12), d.logprobs(12), d.normal(12), 1.2)], (0,)),
    "ex-family-robust": (lambda d: [(3 * d.normal(6), 0.5, 0.1), (d.normal(4), 1.2, 0.3)], ()),
    "ex-beyond-mean": (lambda d: [(d.normal(4, 6), mask(4, 1, 6, 2, width=6), 61, 4)], (0,)),
    "ex-beyond-mask": (
        lambda d: [(d.logprobs(60, 6), d.logprobs(60, 6), mask(*range(1, 7), width=6).repeat(10, 1), 1.5)],
        (),
    ),
    "ex-beyond-ceiling": (lambda d: [(d.normal(40, 6).exp(), d.normal(40, 6).round(), 0.2, 2.0)], ()),
    "ex-names-mask": (ends, ()),
    "ex-names-bug": (lambda d: [(d.logprobs(3, 9), mask(3, 3, 9, width=9).bool())], (0,)),
    "ex-names-optimum": (lambda _: [(p, k) for p in (1 / 3, 0.1) for k in (1.0, 0.2, 0.01, 0.001)], ()),
    "ex-hunt-ratio": (first_update, ()),
    "ex-hunt-kl": (lambda d: [(d.normal(3, 4, 5), d.normal(3, 4, 5))], ()),
    "ex-hunt-price": (lambda _: [(torch.tensor([0.1, 0.451, 0.99, 1.0]),), (torch.tensor(0.3),)], ()),
    "ex-ppo-toll": (lambda d: [(d.normal(4, 6), *three(d)[:2], 0.5)], (1,)),
}
LOOSE = {
    "ex-grpo-size": 0.05,
    "ex-logs-temperature": 5e-4,
    "ex-ppo-price": 0.015,
    "ex-ppo-two: factor": 0.015,
    "ex-ratio-read": 0.015,
}

NUMBERS = {
    "ex-logs-two-hundred": (200 * math.log(0.2), 5, 200 * math.log10(0.2)),
    "ex-logs-frozen": (4, 0),
    "ex-baby-switches": (5, 1, 1, 0.1),
    "ex-baby-raise": ("centered",),
    "ex-ratio-read": (1.25, math.log(1.25), 0, -1),
    "ex-ratio-by-hand": (1, 0.8, 4 / 75),
    "ex-ppo-price": (1 / math.log(81),),
    "ex-ppo-deltas": (0.1, 0.2, 0.2, 0.25, 0.3, 0.2),
    "ex-dpo-weight": (0.5, 0.25, 0, 10, math.log(2), 0),
    "ex-dpo-table": (1, 0, 2),
    "ex-spo-loud": (0.05, 1),
    "ex-grpo-one-of-four": (math.sqrt(3), 1.5, 0.75, 1),
    "ex-grpo-how-many": (8, 90),
    "ex-side-leaderboard": ("B",),
    "ex-feedback-gap": (math.log(7 / 3), 1 / (1 + math.exp(-1)), math.log(2)),
    "ex-family-one": (1, math.sqrt(8) * 7 / 8, 7),
    "ex-beyond-clock": (4, 3, 8),
    "ex-beyond-kept": (0.9, 0.9**8, -math.log(0.9)),
    "ex-names-loss": (math.log(27), math.log(16) / 3, 2.3),
    "ex-baby-baseline: best_of_six": (0.1,),
    "ex-ratio-geometric: most_touched": ("products",),
    "ex-ppo-two: factor": (math.e,),
    "ex-baselines-best: than_the_mean": ("lower",),
    "ex-feedback-agreement: if_ties_were_right": (1,),
    "ex-hunt-kl: true_number": (2,),
    "ex-side-nearest: winner": ("patient",),
    "ex-side-at-end: lead": ("none",),
    "ex-ppo-min: helpless": ("back",),
    "ex-hunt-plateau": (6 * math.log(10), sum(1 - (8 / 9) ** t for t in range(1, 5)) / 4),
}
