"""Exercises of the chapter that sets the methods side by side, and what a wrong answer is told."""

import math

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Mistake, choice, function, numbers

# ---- Read a leaderboard

leaderboard = choice(
    "B",
    {
        "A": "A has more reward than B, and more KL: at KL 0.6 a reward of 0.562 is possible, 0.062 more.",
        "C": "C has the most reward, and it went furthest for it: at KL 1.6 a reward of 0.885 is possible, 0.085 "
        "more than it has.",
        "D": "You divided reward by KL. That ratio is large for whoever stays near home, since the frontier is "
        "steepest there: at KL 0.1 a reward of 0.273 is possible.",
    },
)


# ---- Two tokens

two_answers = numbers(
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
)


# ---- The nearest update


def _at_kl(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    """The reward where a path first reaches a KL, between two updates."""
    after = int((kls >= kl).double().argmax())
    share = (kl - kls[after - 1]) / (kls[after] - kls[after - 1])
    return rewards[after - 1].lerp(rewards[after], share)


def _after(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    return rewards[(kls >= kl).double().argmax()]


def _before(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    return rewards[(kls >= kl).double().argmax() - 1]


def _sorted(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    order = kls.argsort()
    return _at_kl(rewards[order], kls[order], kl)


at_equal_kl = function(
    _at_kl,
    [
        {"rewards": torch.tensor([0.11, 0.2, 0.4]), "kls": torch.tensor([0.0, 0.1, 0.45]), "kl": 0.3},
        {
            "rewards": torch.tensor([0.11, 0.25, 0.45, 0.41, 0.22]),
            "kls": torch.tensor([0.0, 0.15, 0.4, 0.3, 0.1]),
            "kl": 0.2,
        },
    ],
    [
        Mistake(
            "Still the nearest update, wherever it is: interpolate between the two around the KL.",
            lambda rewards, kls, kl: rewards[(kls - kl).abs().argmin()],
        ),
        Mistake("You read the first update at or beyond the KL, which has paid more than that.", _after),
        Mistake("You read the last update before the KL, which has paid less than that.", _before),
        Mistake(
            "You took the middle between the two updates; the weights must follow the KL.",
            lambda *path: (_before(*path) + _after(*path)) / 2,
        ),
        Mistake(
            "You swapped the weights: the nearer update counts more.",
            lambda *path: _before(*path) + _after(*path) - _at_kl(*path),
        ),
        Mistake("You sorted by KL; a path that comes back is out of order, and the first crossing counts.", _sorted),
    ],
)


# ---- Pay PPO at the end


def _pay_late(rewards: Tensor, mask: Tensor) -> Tensor:
    """All that a completion earned, at the last token that counts."""
    last = mask * (mask.cumsum(1) == mask.sum(1, keepdim=True))
    return (rewards * mask).sum(1, keepdim=True) * last


def _in_the_last_column(paid: Tensor) -> Tensor:
    late = torch.zeros_like(paid)
    late[:, -1] = paid.sum(1)
    return late


def _with_padding(rewards: Tensor, mask: Tensor) -> Tensor:
    return rewards.sum(1, keepdim=True) * _pay_late(torch.ones_like(rewards), mask).clamp(max=1)


def _twice(rewards: Tensor, mask: Tensor) -> Tensor:
    last = _pay_late(torch.ones_like(rewards), mask) > 0
    return torch.where(last, _pay_late(rewards, mask), rewards * mask)


paid_at_the_end = function(
    _pay_late,
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
    [
        Mistake(
            "You pay in the last column; the first completion ends before, at its last 1 in the mask.",
            lambda rewards, mask: _in_the_last_column(rewards * mask),
        ),
        Mistake(
            "You pay the mean; a sum was asked for.",
            lambda rewards, mask: _pay_late(rewards, mask) / mask.sum(1, keepdim=True),
        ),
        Mistake("Your sum holds the padding: multiply by the mask first.", _with_padding),
        Mistake(
            "You ignore the mask: it says what to add up and where a completion ends.",
            lambda rewards, mask: _in_the_last_column(rewards),
        ),
        Mistake(
            "You pay the sum at every token; before the last one there is nothing.",
            lambda rewards, mask: (rewards * mask).sum(1, keepdim=True) * mask,
        ),
        Mistake("You pay the sum at the end, and the tokens before it as well: they are paid twice.", _twice),
        Mistake(
            "You pay at every token what was earned so far; before the last one there is nothing.",
            lambda rewards, mask: (rewards * mask).cumsum(1) * mask,
        ),
    ],
)


# ---- The price in tokens

BATCH = 256


def _first(values: Tensor, goal: float) -> int:
    """The first update after which the policy is worth the goal."""
    return int((values >= goal).double().argmax())


def _after_the_last_below(values: Tensor, goal: float) -> int:
    return max([-1, *(values < goal).nonzero().flatten().tolist()]) + 1


tokens_until = function(
    lambda values, goal, epochs: BATCH * math.ceil(_first(values, goal) / epochs),
    [
        {"values": torch.tensor([0.1, 0.2, 0.15, 0.3, 0.26, 0.4]), "goal": 0.25, "epochs": 1},
        {"values": torch.tensor([0.1, 0.2, 0.15, 0.3, 0.26, 0.4]), "goal": 0.25, "epochs": 2},
        {"values": torch.tensor([0.1, 0.12, 0.14, 0.2, 0.26, 0.24]), "goal": 0.25, "epochs": 4},
        {"values": torch.tensor([0.1, 0.3, 0.2]), "goal": 0.25, "epochs": 4},
    ],
    [
        Mistake(
            "You count a batch for every update; with `epochs` updates on each, fewer are sampled.",
            lambda values, goal, epochs: BATCH * _first(values, goal),
        ),
        Mistake(
            "You rounded down: a batch that was begun has been sampled.",
            lambda values, goal, epochs: BATCH * (_first(values, goal) // epochs),
        ),
        Mistake(
            "You did not round: a batch that was begun has been sampled whole.",
            lambda values, goal, epochs: BATCH * _first(values, goal) / epochs,
        ),
        Mistake(
            "You counted one update too many: values[0] is the policy before the first.",
            lambda values, goal, epochs: BATCH * math.ceil((_first(values, goal) + 1) / epochs),
        ),
        Mistake(
            "You counted batches, and the question is about tokens: 256 in each.",
            lambda values, goal, epochs: math.ceil(_first(values, goal) / epochs),
        ),
        Mistake(
            "You multiplied by `epochs`; it saves batches, so divide.",
            lambda values, goal, epochs: BATCH * _first(values, goal) * epochs,
        ),
        Mistake(
            "You waited until the goal was never left again; the first time counts.",
            lambda values, goal, epochs: BATCH * math.ceil(_after_the_last_below(values, goal) / epochs),
        ),
    ],
)

EXERCISES: dict[str, Checker] = {
    "ex-side-leaderboard": leaderboard,
    "ex-side-two": two_answers,
    "ex-side-nearest": at_equal_kl,
    "ex-side-at-end": paid_at_the_end,
    "ex-side-epochs": tokens_until,
}
