"""Checks of the exercises of the chapter on GRPO."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from ..advantages import group_advantages
from .diagnosis import Checker, NotAttempted, function, numbers, show

ANY = math.nan


# ---- a broken group average

TWO_SILENT = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [2.0, 0.0, 1.0]])
UNLIKE = torch.tensor([[3.0, 1.0, 0.0], [5.0, 2.0, 2.0], [0.0, 4.0, 1.0]])  # square: broadcasting hides a lost keepdim


def _without_keepdim(rewards: Tensor) -> Tensor:
    return (rewards - rewards.mean(1)) / (rewards.std(1) + 1e-4)


def _over_prompts(rewards: Tensor) -> Tensor:
    return (rewards - rewards.mean(0)) / (rewards.std(0) + 1e-4)


def _over_everything(rewards: Tensor) -> Tensor:
    return (rewards - rewards.mean()) / (rewards.std() + 1e-4)


def _std_over_prompts(rewards: Tensor) -> Tensor:
    return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(0) + 1e-4)


def _std_of_the_batch(rewards: Tensor) -> Tensor:
    return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std() + 1e-4)


def _mean_over_prompts(rewards: Tensor) -> Tensor:
    return (rewards - rewards.mean(0)) / (rewards.std(1, keepdim=True) + 1e-4)


def _without_epsilon(rewards: Tensor) -> Tensor:
    return (rewards - rewards.mean(1, keepdim=True)) / rewards.std(1, keepdim=True)


# ---- two limits of the clip


def clip_higher(ratio: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.28) -> Tensor:
    """The clipped surrogate with a limit of its own on each side."""
    return torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


def _one_limit(ratio: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.28) -> Tensor:
    return clip_higher(ratio, advantages, low, low)


def _other_limit(ratio: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.28) -> Tensor:
    return clip_higher(ratio, advantages, high, high)


def _swapped(ratio: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.28) -> Tensor:
    return clip_higher(ratio, advantages, high, low)


def _around_zero(ratio: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.28) -> Tensor:
    return torch.minimum(ratio * advantages, ratio.clamp(low, high) * advantages)


def _largest(ratio: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.28) -> Tensor:
    return torch.maximum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


def _clipped_only(ratio: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.28) -> Tensor:
    return ratio.clamp(1 - low, 1 + high) * advantages


def _product_clipped(ratio: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.28) -> Tensor:
    return torch.minimum(ratio * advantages, (ratio * advantages).clamp(1 - low, 1 + high))


# ---- where a group of any size comes to rest


@cache
def resting_place(size: int, *, share: float | None = None, spread: int | None = None, pull: str = "k3") -> float:
    """The probability of token 1 where push and pull balance at kl_coeff 0.5.

    Args:
        size: completions in a group.
        share: what the group's own mean leaves of the push; (G - 1) / G if None.
        spread: size of the groups whose standard deviation counts; ``size`` if None, no division if 0.
        pull: "k3" or "k2".
    """
    q = torch.linspace(0.101, 0.95, 200, dtype=torch.float64)
    spread = size if spread is None else spread
    push = q * (1 - q)
    if spread:
        shape = (max(1000, 8000 // spread), spread, 8)
        draws = torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        push = torch.stack([(draws < x).sum(-1).double().std(1).mean() for x in q]) / 8
    push = push * ((size - 1) / size if share is None else share)
    slope = q - 0.1 if pull == "k3" else q * (1 - q) * (9 * q / (1 - q)).log()
    return q[(push - 0.5 * slope > 0).nonzero().max()].item()


def check_resting_place(attempt) -> str | None:
    """Whether an attempt predicts where groups of 2 and of 32 come to rest."""
    if not callable(attempt):
        return f"Hand over the function itself, without calling it; you gave a {type(attempt).__name__}."
    try:
        found = {size: attempt(size) for size in (2, 32)}
    except Exception as error:  # whatever the reader's code raises is the diagnosis
        if "ellipsis" in str(error).lower():
            raise NotAttempted from None
        return f"Your function raises {type(error).__name__}: {error}. It was called with size = 2."
    if ... in found.values():
        raise NotAttempted
    if not all(isinstance(value, float | int) for value in found.values()):
        return f"Return one number, with `.item()` if it is a tensor; for size 2 yours is {found[2]!r}."
    mistakes = {
        "You kept the 7/8 of groups of eight: a group of G leaves (G - 1)/G of the push.": {"share": 7 / 8},
        "You kept the standard deviation of groups of eight: draw `size` completions for each group.": {"spread": 8},
        "You kept both numbers of groups of eight: the answer cannot depend on the size then.": {
            "share": 7 / 8,
            "spread": 8,
        },
        "You left out (G - 1)/G: that is a baseline of the others.": {"share": 1.0},
        "You left out the standard deviation: that is Dr. GRPO with k3.": {"spread": 0},
        "You balanced with the slope of k2; GRPO has k3, whose pull is β (q − 1/10).": {"pull": "k2"},
    }
    if _agree(found, {}):
        return None
    values = f"For groups of 2 and 32 yours is {show(found[2])} and {show(found[32])}."
    for words, changed in mistakes.items():
        if _agree(found, changed):
            return f"{words} {values}"
    return f"{values} Two numbers depend on the size; open the first hint and try again."


def _agree(found: dict[int, float], changed: dict) -> bool:
    return all(abs(value - resting_place(size, **changed)) < 0.013 for size, value in found.items())


EXERCISES: dict[str, Checker] = {
    "ex-grpo-one-of-four": numbers(
        (3**0.5, 1.5, 0.75, 1.0),
        {
            (1.5, 3**0.5, ANY, ANY): "You swapped the two standard deviations: dividing by G - 1 makes the deviation "
            "larger and the advantage smaller.",
            (4.0, 3.0, ANY, ANY): "You divided by the variance; take its root.",
            (4 / 3**0.5, 2.0, ANY, ANY): "You divided the reward itself; subtract the mean first.",
            (ANY, ANY, 1.0, 0.75): "You swapped the last two: it is RLOO that leaves a completion out of its baseline.",
            (ANY, ANY, 0.75, 0.75): "For RLOO you kept the completion in its own baseline; the other three have "
            "mean 0.",
            (ANY, ANY, ANY, 2 / 3): "For RLOO the baseline is the mean of the other three rewards, 0, 0 and 0.",
        },
    ),
    "ex-grpo-how-many": numbers(
        (8, 90),
        {
            (7, ANY): "You counted one end only: at 0.5 a group of seven is silent by all right, or by all wrong, "
            "in 1 of 64 cases.",
            (ANY, 2): "You counted the groups that are all right; at 0.05 nearly all silent groups are all wrong.",
            (8, 8): "You gave hard prompts the groups of easy ones; at 0.05 groups of 8 are silent 66% of the time.",
            (ANY, 89): "With 89 the share is still above 0.01, by little: round up.",
            (ANY, 160): "That is linear in the pass rate, and it is the logarithm that counts: 0.95^G = 0.01.",
            (ANY, 80): "That is linear in the pass rate, and it is the logarithm that counts: 0.95^G = 0.01.",
        },
        tolerance=0.001,
    ),
    "ex-grpo-bug": function(
        group_advantages,
        [{"rewards": UNLIKE}, {"rewards": TWO_SILENT}],
        {
            "Still an average over prompts: a row is a group, and dimension 1 runs along it.": _over_prompts,
            "You lost a dimension, and the columns were matched with the groups: add `keepdim=True`.": _without_keepdim,
            "You averaged over all prompts at once; a completion competes with its own group alone.": _over_everything,
            "The mean is mended, and the standard deviation still runs over prompts.": _std_over_prompts,
            "The standard deviation is mended, and the mean still runs over prompts.": _mean_over_prompts,
            "You divide by the standard deviation of the whole batch.": _std_of_the_batch,
            "Without the 1e-4 a silent group is 0 divided by 0.": _without_epsilon,
            "You used the standard deviation over G; the function had the one over G - 1.": lambda rewards: (
                (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True, correction=0) + 1e-4)
            ),
            "You left out the division.": lambda rewards: rewards - rewards.mean(1, keepdim=True),
        },
    ),
    "ex-grpo-clip-higher": function(
        clip_higher,
        [
            {
                "ratio": torch.tensor([0.5, 0.75, 1.25, 1.5]),
                "advantages": torch.tensor([1.0, 2.0, 1.0, 2.0]),
                "low": 0.2,
                "high": 0.28,
            },
            {
                "ratio": torch.tensor([0.5, 0.75, 1.25, 1.5]),
                "advantages": torch.tensor([-1.0, -2.0, -1.0, -2.0]),
                "low": 0.1,
                "high": 0.4,
            },
        ],
        {
            "Your upper limit is 1 + low.": _one_limit,
            "Your lower limit is 1 - high.": _other_limit,
            "You swapped the limits: `low` is how far down, `high` how far up.": _swapped,
            "You clipped to low and high themselves; the limits lie around 1.": _around_zero,
            "You took the larger of the two: the surrogate is the pessimistic one, the smaller.": _largest,
            "You always use the clipped ratio: without the minimum a bad answer that became likely is not pulled "
            "back.": _clipped_only,
            "You clipped the product; only the ratio is clipped.": _product_clipped,
        },
        gradients=True,
    ),
    "ex-grpo-size": check_resting_place,
}
