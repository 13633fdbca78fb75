"""Exercises of the chapter that sets the methods side by side, and what a wrong answer is told."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import Checker, Choice, Edge, Function, Mistake, Parts

# ---- Read a leaderboard

leaderboard = Choice(
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


def _last_crossing(rewards: Tensor, kls: Tensor, kl: float) -> Tensor | float:
    crossings = ((kls[1:] >= kl) & (kls[:-1] < kl)).nonzero().flatten()
    if len(crossings) == 0:
        return math.inf
    before = int(crossings[-1])
    return _between(rewards[before : before + 2], kls[before : before + 2], kl)


def _beyond(rewards: Tensor, kls: Tensor, kl: float) -> Tensor | float:
    if not (kls > kl).any():
        return math.inf
    after = int((kls > kl).double().argmax())
    share = (kl - kls[after - 1]) / (kls[after] - kls[after - 1])
    return rewards[after - 1].lerp(rewards[after], share)


def _first_crossing(rewards: Tensor, kls: Tensor, kl: float) -> Tensor | float:
    if not (kls >= kl).any():
        return math.inf
    after = int((kls >= kl).double().argmax())
    share = (kl - kls[after - 1]) / (kls[after] - kls[after - 1])
    return rewards[after - 1] + share * (rewards[after] - rewards[after - 1])


at_equal_kl = Function(
    _first_crossing,
    [
        {"rewards": torch.tensor([0.11, 0.2, 0.4]), "kls": torch.tensor([0.0, 0.1, 0.45]), "kl": 0.3},
        {"rewards": torch.tensor([0.11, 0.25, 0.2, 0.45]), "kls": torch.tensor([0.0, 0.3, 0.1, 0.4]), "kl": 0.2},
        {
            "rewards": torch.tensor([0.11, 0.25, 0.45, 0.41, 0.22]),
            "kls": torch.tensor([0.0, 0.15, 0.4, 0.3, 0.1]),
            "kl": 0.2,
        },
        {  # a KL that an update has exactly, and reward that falls
            "rewards": torch.tensor([0.11, 0.3, 0.2, 0.35]),
            "kls": torch.tensor([0.0, 0.25, 0.5, 0.75]),
            "kl": 0.5,
        },
        {"rewards": torch.tensor([0.11, 0.3, 0.25]), "kls": torch.tensor([0.0, 0.25, 0.125]), "kl": 0.25},
        {"rewards": torch.tensor([0.11, 0.3, 0.28]), "kls": torch.tensor([0.0, 0.125, 0.0625]), "kl": 0.1},
        {"rewards": torch.tensor([0.11, 0.3, 0.5, 0.6]), "kls": torch.tensor([0.0, 0.25, 0.7, 0.9]), "kl": 0.6},
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
        Mistake(
            "A path that never has this KL: you say NaN, and `math.inf` was asked for.",
            lambda *path: _at_kl(*path) if (path[1] >= path[2]).any() else math.nan,
        ),
        Mistake(
            "A path that never has this KL: you give its last reward, and `math.inf` was asked for.",
            lambda *path: _at_kl(*path) if (path[1] >= path[2]).any() else path[0][-1],
        ),
        Mistake(
            "A path that never has this KL: you say 0, and `math.inf` was asked for.",
            lambda *path: _at_kl(*path) if (path[1] >= path[2]).any() else 0.0,
        ),
        Mistake(
            "A path that never has this KL: minus infinity would be the worst reward; `math.inf` was asked for.",
            lambda *path: _at_kl(*path) if (path[1] >= path[2]).any() else -math.inf,
        ),
        Mistake("You read the last crossing; the first one counts.", _last_crossing),
        Mistake(
            "You read the largest reward within this KL; it is to be read where the path first reaches it.",
            lambda rewards, kls, kl: rewards[kls <= kl].max() if (kls >= kl).any() else math.inf,
        ),
        Mistake("You asked for more than the KL; to reach it is enough.", _beyond),
    ],
    edges=(
        Edge(
            "This path never has the KL: return math.inf.",
            {"rewards": torch.tensor([0.11, 0.2, 0.28]), "kls": torch.tensor([0.0, 0.1, 0.2]), "kl": 0.5},
        ),
    ),
    hint=2,
)


winner = Choice(
    "patient",
    {
        "hasty": "Its last update lies at KL 0.45. Where it passes 0.3 it has about 0.31, the patient run 0.37.",
        "neither": "At KL 0.3 one of them has about 0.31 and the other 0.37.",
    },
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


def _last_place(mask: Tensor) -> Tensor:
    return mask * (mask.cumsum(1) == mask.sum(1, keepdim=True))


def _at_the_first(rewards: Tensor, mask: Tensor) -> Tensor:
    paid = torch.zeros_like(rewards)
    paid[:, 0] = (rewards * mask).sum(1)
    return paid


paid_at_the_end = Function(
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
        {  # three columns and three rows, so that a lost dimension does not fit by chance alone
            "rewards": torch.tensor([[0.5, 2.0, 0.0], [0.0, 1.0, 4.0], [2.5, 1.0, 3.0]]),
            "mask": torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
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
        Mistake(
            "The running sum of the mask stays where it is behind the last token, so you pay there again: multiply by "
            "the mask.",
            lambda rewards, mask: (rewards * mask).sum(1, keepdim=True) * (mask.cumsum(1) == mask.sum(1, keepdim=True)),
        ),
        Mistake(
            "You pay at the first token; the last that counts was asked for.",
            lambda rewards, mask: _at_the_first(rewards, mask),
        ),
        Mistake(
            "You keep what the last token itself earned; the sum of all was asked for.",
            lambda rewards, mask: rewards * _last_place(mask),
        ),
        Mistake(
            "You give one number for each completion; put it at its last token, with zeros elsewhere.",
            lambda rewards, mask: (rewards * mask).sum(1),
        ),
        Mistake("You pay at the place before the last.", lambda rewards, mask: _pay_late(rewards, mask).roll(-1, 1)),
        Mistake("You pay one place behind the last.", lambda rewards, mask: _pay_late(rewards, mask).roll(1, 1)),
    ],
    kept=("rewards",),
    hint=2,
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


def _tokens_until(values: Tensor, goal: float, epochs: int) -> float:
    reached = (values >= goal).nonzero().flatten()
    if len(reached) == 0:
        return math.inf
    return 256 * math.ceil(reached[0].item() / epochs)


tokens_until = Function(
    _tokens_until,
    [
        {"values": torch.tensor([0.1, 0.2, 0.15, 0.3, 0.26, 0.4]), "goal": 0.25, "epochs": 1},
        {"values": torch.tensor([0.1, 0.2, 0.15, 0.3, 0.26, 0.4]), "goal": 0.25, "epochs": 2},
        {"values": torch.tensor([0.1, 0.12, 0.14, 0.2, 0.26, 0.24]), "goal": 0.25, "epochs": 4},
        {"values": torch.tensor([0.1, 0.25, 0.3]), "goal": 0.25, "epochs": 1},
        {"values": torch.tensor([0.3, 0.2, 0.4]), "goal": 0.25, "epochs": 2},
        {"values": torch.tensor([0.1, 0.2, 0.2, 0.2, 0.2, 0.3]), "goal": 0.25, "epochs": 3},
        {"values": torch.tensor([-0.2, -0.1, 0.1]), "goal": 0.05, "epochs": 1},
        {"values": torch.tensor([0.1, 0.3, 0.45, 0.28, 0.2]), "goal": 0.25, "epochs": 1},
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
            "You count one update too many, or always one batch more: values[0] is the policy before the first update, "
            "and an update that ends a batch has not begun the next.",
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
        Mistake(
            "This run never gets there: you count all its updates. Return math.inf.",
            lambda values, goal, epochs: BATCH * math.ceil(min(_first(values >= goal), len(values)) / epochs),
        ),
        Mistake(
            "This run never gets there: you count up to its last update. Return math.inf.",
            lambda values, goal, epochs: BATCH * math.ceil(min(_first(values >= goal), len(values) - 1) / epochs),
        ),
        Mistake(
            "You look for the last update at the goal; the first that reaches it counts.",
            lambda values, goal, epochs: (
                _tokens(len(values) - 1 - _first(values.flip(0) >= goal), epochs)
                if (values >= goal).any()
                else math.inf
            ),
        ),
        Mistake(
            "You look for the update with the highest value; the first that reaches the goal counts.",
            lambda values, goal, epochs: _tokens(int(values.argmax()), epochs) if (values >= goal).any() else math.inf,
        ),
    ],
    edges=(
        Edge(
            "This run never gets there. Return math.inf.",
            {"values": torch.tensor([0.1, 0.2, 0.15]), "goal": 0.25, "epochs": 2},
        ),
    ),
    hint=2,
)


lead = Choice(
    "none",
    {
        "more": "Paid late, PPO ends below RLOO: it had been in front since it saw each token's pay.",
        "less": "Nothing is left: paid late, PPO ends below RLOO.",
    },
)


EXERCISES: dict[str, Checker] = {
    "ex-side-leaderboard": leaderboard,
    "ex-side-nearest": Parts({"the function": at_equal_kl, "who wins": winner}),
    "ex-side-at-end": Parts({"the function": paid_at_the_end, "what is left of the lead": lead}),
    "ex-side-epochs": tokens_until,
}
