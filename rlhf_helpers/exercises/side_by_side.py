"""Exercises of the chapter that sets the methods side by side, and what a wrong answer is told."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import Checker, Mistake, choice, function

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


# ---- The nearest update


def _between(rewards: Tensor, kls: Tensor, kl: float) -> Tensor:
    """The reward between the first update at or beyond a KL and the one before; without one, nonsense."""
    after = int((kls >= kl).double().argmax())
    share = (kl - kls[after - 1]) / (kls[after] - kls[after - 1])
    return rewards[after - 1].lerp(rewards[after], share)


def _if_reached(read: Callable[..., Tensor]) -> Callable[..., Tensor | float]:
    """Infinity for a path that never has the KL."""
    return lambda rewards, kls, kl: read(rewards, kls, kl) if (kls >= kl).any() else math.inf


_at_kl = _if_reached(_between)
_after = _if_reached(lambda rewards, kls, kl: rewards[(kls >= kl).double().argmax()])
_before = _if_reached(lambda rewards, kls, kl: rewards[(kls >= kl).double().argmax() - 1])


def _sorted(rewards: Tensor, kls: Tensor, kl: float) -> Tensor | float:
    order = kls.argsort()
    return _at_kl(rewards[order], kls[order], kl)


at_equal_kl = function(
    _at_kl,
    [
        {"rewards": torch.tensor([0.11, 0.2, 0.4]), "kls": torch.tensor([0.0, 0.1, 0.45]), "kl": 0.3},
        {"rewards": torch.tensor([0.11, 0.25, 0.2, 0.45]), "kls": torch.tensor([0.0, 0.3, 0.1, 0.4]), "kl": 0.2},
        {
            "rewards": torch.tensor([0.11, 0.25, 0.45, 0.41, 0.22]),
            "kls": torch.tensor([0.0, 0.15, 0.4, 0.3, 0.1]),
            "kl": 0.2,
        },
        {"rewards": torch.tensor([0.11, 0.2, 0.28]), "kls": torch.tensor([0.0, 0.1, 0.2]), "kl": 0.5},
    ],
    [
        Mistake(
            "Still the nearest update, wherever it is: interpolate between the two around the KL.",
            lambda rewards, kls, kl: rewards[(kls - kl).abs().argmin()],
        ),
        Mistake(
            "A path that never has this KL: `argmax` finds no True and says 0, so you read between its last update "
            "and its first. Return math.inf.",
            _between,
        ),
        Mistake("You read the first update at or beyond the KL, which has paid more than that.", _after),
        Mistake("You read the last update before the KL, which has paid less than that.", _before),
        Mistake(
            "You took the middle between the two updates; the weights must follow the KL.",
            lambda *path: (_before(*path) + _after(*path)) / 2,
        ),
        Mistake(
            "You swapped the weights: the nearer update counts more.",
            _if_reached(lambda *path: _before(*path) + _after(*path) - _at_kl(*path)),
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
            "rewards": torch.tensor([[-1.0, 4.0, 7.0], [3.0, 0.0, 6.0]]),
            "mask": torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]),
        },
    ],
    [
        Mistake(
            "You pay at the last token that was paid before; where a completion ends, the mask says.",
            lambda rewards, mask: _pay_late(rewards, (mask * rewards != 0).to(mask)),
        ),
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


def _first(reached: Tensor) -> float:
    """The first update at which something holds, or infinity."""
    return next(iter(reached.nonzero().flatten().tolist()), math.inf)


def _after_the_last_below(values: Tensor, goal: float) -> float:
    after = max([-1, *(values < goal).nonzero().flatten().tolist()]) + 1
    return after if after < len(values) else math.inf


def _tokens(updates: float, epochs: int) -> float:
    return BATCH * -(-updates // epochs) if updates < math.inf else math.inf


tokens_until = function(
    lambda values, goal, epochs: _tokens(_first(values >= goal), epochs),
    [
        {"values": torch.tensor([0.1, 0.2, 0.15, 0.3, 0.26, 0.4]), "goal": 0.25, "epochs": 1},
        {"values": torch.tensor([0.1, 0.2, 0.15, 0.3, 0.26, 0.4]), "goal": 0.25, "epochs": 2},
        {"values": torch.tensor([0.1, 0.12, 0.14, 0.2, 0.26, 0.24]), "goal": 0.25, "epochs": 4},
        {"values": torch.tensor([0.1, 0.25, 0.3]), "goal": 0.25, "epochs": 1},
        {"values": torch.tensor([0.1, 0.2, 0.15]), "goal": 0.25, "epochs": 2},
    ],
    [
        Mistake(
            "This run never gets there: `argmax` finds no True and says 0, which would be the cheapest run of all. "
            "Return math.inf.",
            lambda values, goal, epochs: BATCH * math.ceil((values >= goal).double().argmax() / epochs),
        ),
        Mistake(
            "You ask for more than the goal; to reach it is enough.",
            lambda values, goal, epochs: _tokens(_first(values > goal), epochs),
        ),
        Mistake(
            "You count a batch for every update; with `epochs` updates on each, fewer are sampled.",
            lambda values, goal, epochs: BATCH * _first(values >= goal),
        ),
        Mistake(
            "You rounded down: a batch that was begun has been sampled.",
            lambda values, goal, epochs: _tokens(_first(values >= goal) - epochs + 1, epochs),
        ),
        Mistake(
            "You did not round: a batch that was begun has been sampled whole.",
            lambda values, goal, epochs: BATCH * _first(values >= goal) / epochs,
        ),
        Mistake(
            "You counted one update too many: values[0] is the policy before the first.",
            lambda values, goal, epochs: _tokens(_first(values >= goal) + 1, epochs),
        ),
        Mistake(
            "You counted batches, and the question is about tokens: 256 in each.",
            lambda values, goal, epochs: _tokens(_first(values >= goal), epochs) / BATCH,
        ),
        Mistake(
            "You multiplied by `epochs`; it saves batches, so divide.",
            lambda values, goal, epochs: BATCH * _first(values >= goal) * epochs,
        ),
        Mistake(
            "You waited until the goal was never left again; the first time counts.",
            lambda values, goal, epochs: _tokens(_after_the_last_below(values, goal), epochs),
        ),
    ],
)

EXERCISES: dict[str, Checker] = {
    "ex-side-leaderboard": leaderboard,
    "ex-side-nearest": at_equal_kl,
    "ex-side-at-end": paid_at_the_end,
    "ex-side-epochs": tokens_until,
}
