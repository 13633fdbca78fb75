"""Checks of the exercises of the chapter that sets the methods side by side."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .diagnosis import Checker, choice, function, numbers

ANY = math.nan


# ---- reward at equal KL


def at_kl(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    """The reward where a path first reaches a KL, between two updates."""
    after = int((kls >= kl).double().argmax())
    share = (kl - kls[after - 1]) / (kls[after] - kls[after - 1])
    return rewards[after - 1].lerp(rewards[after], share)


def _nearest(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    return rewards[(kls - kl).abs().argmin()]


def _after(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    return rewards[(kls >= kl).double().argmax()]


def _before(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    return rewards[(kls >= kl).double().argmax() - 1]


def _middle(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    return (_before(rewards, kls, kl) + _after(rewards, kls, kl)) / 2


def _weights_swapped(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    return _before(rewards, kls, kl) + _after(rewards, kls, kl) - at_kl(rewards, kls, kl)


def _sorted(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    order = kls.argsort()
    return at_kl(rewards[order], kls[order], kl)


# ---- paid at the last token


def pay_late(rewards: Tensor, mask: Tensor) -> Tensor:
    """All that a completion earned, at the last token that counts."""
    last = mask * (mask.cumsum(1) == mask.sum(1, keepdim=True))
    return (rewards * mask).sum(1, keepdim=True) * last


def _last_column(rewards: Tensor, mask: Tensor) -> Tensor:
    late = torch.zeros_like(rewards)
    late[:, -1] = (rewards * mask).sum(1)
    return late


def _mean(rewards: Tensor, mask: Tensor) -> Tensor:
    return pay_late(rewards, mask) / mask.sum(1, keepdim=True)


def _with_padding(rewards: Tensor, mask: Tensor) -> Tensor:
    return rewards.sum(1, keepdim=True) * pay_late(torch.ones_like(rewards), mask).clamp(max=1)


def _blind(rewards: Tensor, mask: Tensor) -> Tensor:
    late = torch.zeros_like(rewards)
    late[:, -1] = rewards.sum(1)
    return late


def _everywhere(rewards: Tensor, mask: Tensor) -> Tensor:
    return (rewards * mask).sum(1, keepdim=True) * mask


def _twice(rewards: Tensor, mask: Tensor) -> Tensor:
    last = pay_late(torch.ones_like(rewards), mask) > 0
    return torch.where(last, pay_late(rewards, mask), rewards * mask)


def _so_far(rewards: Tensor, mask: Tensor) -> Tensor:
    return (rewards * mask).cumsum(1) * mask


# ---- the price in tokens

BATCH = 256


def tokens_until(values: Tensor, goal: float, epochs: int) -> int:
    """Tokens sampled until the first policy that is worth the goal."""
    updates = int((values >= goal).double().argmax())
    return BATCH * math.ceil(updates / epochs)


def _first(values: Tensor, goal: float) -> int:
    return int((values >= goal).double().argmax())


EXERCISES: dict[str, Checker] = {
    "ex-side-leaderboard": choice(
        "B",
        {
            "A": "A has more reward than B, and more KL: at KL 0.6 a reward of 0.562 is possible, 0.062 more.",
            "C": "C has the most reward, and it went furthest for it: at KL 1.6 a reward of 0.885 is possible, 0.085 "
            "more than it has.",
            "D": "You divided reward by KL. That ratio is large for whoever stays near home, since the frontier is "
            "steepest there: at KL 0.1 a reward of 0.273 is possible.",
        },
    ),
    "ex-side-two": numbers(
        (0.4594, 0.6363),
        {
            (0.6628, ANY): "The first number is in bits; take the natural logarithm.",
            (0.7254, ANY): "The first is KL(reference || best of 4); the policy comes first, and its probabilities are "
            "the weights.",
            (0.5893, ANY): "The first lacks the answer that lost: it has probability 1/16 and a negative term.",
            (ANY, 1.3863): "The second is log 4; (n - 1)/n = 3/4 is still to be subtracted.",
            (0.4594, 0.4594): "The formula does not know about ties: put n = 4 into it, without the probabilities.",
            (ANY, 0.0795): "You divided by the eight tokens of the chapter's completions; here a completion has one.",
        },
    ),
    "ex-side-nearest": function(
        at_kl,
        [
            {"rewards": torch.tensor([0.11, 0.2, 0.4]), "kls": torch.tensor([0.0, 0.1, 0.45]), "kl": 0.3},
            {
                "rewards": torch.tensor([0.11, 0.25, 0.45, 0.41, 0.22]),
                "kls": torch.tensor([0.0, 0.15, 0.4, 0.3, 0.1]),
                "kl": 0.2,
            },
        ],
        {
            "Still the nearest update, wherever it is: interpolate between the two around the KL.": _nearest,
            "You read the first update at or beyond the KL, which has paid more than that.": _after,
            "You read the last update before the KL, which has paid less than that.": _before,
            "You took the middle between the two updates; the weights must follow the KL.": _middle,
            "You swapped the weights: the nearer update counts more.": _weights_swapped,
            "You sorted by KL; a path that comes back is out of order, and the first crossing counts.": _sorted,
        },
    ),
    "ex-side-at-end": function(
        pay_late,
        [
            {
                "rewards": torch.tensor([[1.0, 0.0, 2.0, 5.0], [0.0, 3.0, 1.0, 2.0]]),
                "mask": torch.tensor([[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]]),
            },
            {
                "rewards": torch.tensor([[-1.0, 4.0, 7.0], [2.0, 2.0, 6.0]]),
                "mask": torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
            },
        ],
        {
            "You pay in the last column; the first completion ends before, at its last 1 in the mask.": _last_column,
            "You pay the mean; a sum was asked for.": _mean,
            "Your sum holds the padding: multiply by the mask first.": _with_padding,
            "You ignore the mask: it says what to add up and where a completion ends.": _blind,
            "You pay the sum at every token; before the last one there is nothing.": _everywhere,
            "You pay the sum at the end, and the tokens before it as well: they are paid twice.": _twice,
            "You pay at every token what was earned so far; before the last one there is nothing.": _so_far,
        },
    ),
    "ex-side-epochs": function(
        tokens_until,
        [
            {"values": torch.tensor([0.1, 0.2, 0.15, 0.3, 0.26, 0.4]), "goal": 0.25, "epochs": 1},
            {"values": torch.tensor([0.1, 0.2, 0.15, 0.3, 0.26, 0.4]), "goal": 0.25, "epochs": 2},
            {"values": torch.tensor([0.1, 0.12, 0.14, 0.2, 0.26, 0.24]), "goal": 0.25, "epochs": 4},
            {"values": torch.tensor([0.1, 0.3, 0.2]), "goal": 0.25, "epochs": 4},
        ],
        {
            "You count a batch for every update; with `epochs` updates on each, fewer are sampled.": lambda values, goal, epochs: (
                BATCH * _first(values, goal)
            ),
            "You rounded down: a batch that was begun has been sampled.": lambda values, goal, epochs: (
                BATCH * (_first(values, goal) // epochs)
            ),
            "You did not round: a batch that was begun has been sampled whole.": lambda values, goal, epochs: (
                BATCH * _first(values, goal) / epochs
            ),
            "You counted one update too many: values[0] is the policy before the first.": lambda values, goal, epochs: (
                BATCH * math.ceil((_first(values, goal) + 1) / epochs)
            ),
            "You counted batches, and the question is about tokens: 256 in each.": lambda values, goal, epochs: (
                math.ceil(_first(values, goal) / epochs)
            ),
            "You multiplied by `epochs`; it saves batches, so divide.": lambda values, goal, epochs: (
                BATCH * _first(values, goal) * epochs
            ),
            "You waited until the goal was never left again; the first time counts.": lambda values, goal, epochs: (
                BATCH * math.ceil((max([-1, *(values < goal).nonzero().flatten().tolist()]) + 1) / epochs)
            ),
        },
    ),
}
