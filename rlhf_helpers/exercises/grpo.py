"""Exercises of the chapter on GRPO, and what a wrong answer is told."""

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from rlhf_helpers.advantages import group_advantages
from rlhf_helpers.exercises.diagnosis import ANY, Checker, Mistake, call, function, numbers, outcome, written

# ---- One of four

one_of_four = numbers(
    (3**0.5, 1.5, 0.75, 1.0),
    {
        (1.5, 3**0.5, ANY, ANY): "You swapped the two standard deviations: dividing by G - 1 makes the deviation "
        "larger and the advantage smaller.",
        (4.0, 3.0, ANY, ANY): "You divided by the variance; take its root.",
        (4 / 3**0.5, 2.0, ANY, ANY): "You divided the reward itself; subtract the mean first.",
        (ANY, ANY, 1.0, 0.75): "You swapped the last two: it is RLOO that leaves a completion out of its baseline.",
        (ANY, ANY, 0.75, 0.75): "For RLOO you kept the completion in its own baseline; the other three have mean 0.",
        (ANY, ANY, ANY, 2 / 3): "For RLOO the baseline is the mean of the other three rewards, 0, 0 and 0.",
    },
)


# ---- How many answers are enough?

how_many = numbers(
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
)


# ---- An easy prompt is no merit

TWO_SILENT = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [2.0, 0.0, 1.0]])
UNLIKE = torch.tensor([[3.0, 1.0, 0.0], [5.0, 2.0, 2.0], [0.0, 4.0, 1.0]])  # square: broadcasting hides a lost keepdim


def _centered(rewards: Tensor) -> Tensor:
    return rewards - rewards.mean(1, keepdim=True)


def _deviation(rewards: Tensor) -> Tensor:
    return rewards.std(1, keepdim=True)


within_a_group = function(
    group_advantages,
    [{"rewards": UNLIKE}, {"rewards": TWO_SILENT}],
    [
        Mistake(
            "Still an average over prompts: a row is a group, and dimension 1 runs along it.",
            lambda rewards: (rewards - rewards.mean(0)) / (rewards.std(0) + 1e-4),
        ),
        Mistake(
            "You lost a dimension, and the columns were matched with the groups: add `keepdim=True`.",
            lambda rewards: (rewards - rewards.mean(1)) / (rewards.std(1) + 1e-4),
        ),
        Mistake(
            "You averaged over all prompts at once; a completion competes with its own group alone.",
            lambda rewards: (rewards - rewards.mean()) / (rewards.std() + 1e-4),
        ),
        Mistake(
            "The mean is right, and the standard deviation still runs over prompts.",
            lambda rewards: _centered(rewards) / (rewards.std(0) + 1e-4),
        ),
        Mistake(
            "The standard deviation is right, and the mean still runs over prompts.",
            lambda rewards: (rewards - rewards.mean(0)) / (_deviation(rewards) + 1e-4),
        ),
        Mistake(
            "You divide by the standard deviation of the whole batch.",
            lambda rewards: _centered(rewards) / (rewards.std() + 1e-4),
        ),
        Mistake(
            "Without the 1e-4 a silent group is 0 divided by 0.",
            lambda rewards: _centered(rewards) / _deviation(rewards),
        ),
        Mistake(
            "You used the standard deviation over G; the function had the one over G - 1.",
            lambda rewards: _centered(rewards) / (rewards.std(1, keepdim=True, correction=0) + 1e-4),
        ),
        Mistake("You left out the division.", _centered),
    ],
)


# ---- Clip higher


def _clip_higher(ratio: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.28) -> Tensor:
    """The clipped surrogate with a limit of its own on each side."""
    return torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


clip_higher = function(
    _clip_higher,
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
    [
        Mistake(
            "Your upper limit is 1 + low.",
            lambda ratio, advantages, low, high: _clip_higher(ratio, advantages, low, low),
        ),
        Mistake(
            "Your lower limit is 1 - high.",
            lambda ratio, advantages, low, high: _clip_higher(ratio, advantages, high, high),
        ),
        Mistake(
            "You swapped the limits: `low` is how far down, `high` how far up.",
            lambda ratio, advantages, low, high: _clip_higher(ratio, advantages, high, low),
        ),
        Mistake(
            "You clipped to low and high themselves; the limits lie around 1.",
            lambda ratio, advantages, low, high: torch.minimum(ratio * advantages, ratio.clamp(low, high) * advantages),
        ),
        Mistake(
            "You took the larger of the two: the surrogate is the pessimistic one, the smaller.",
            lambda ratio, advantages, low, high: torch.maximum(
                ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages
            ),
        ),
        Mistake(
            "You always use the clipped ratio: without the minimum a bad answer that became likely is not pulled back.",
            lambda ratio, advantages, low, high: ratio.clamp(1 - low, 1 + high) * advantages,
        ),
        Mistake(
            "You clipped the product; only the ratio is clipped.",
            lambda ratio, advantages, low, high: torch.minimum(
                ratio * advantages, (ratio * advantages).clamp(1 - low, 1 + high)
            ),
        ),
    ],
    gradients=("ratio",),  # whether the advantages are detached is for the loss to say
)


# ---- A group of 32


@cache
def _resting_place(
    size: int, *, share: float | None = None, spread: int | None = None, pull: str = "k3", of_groups: str = "sample"
) -> float:
    """The probability of token 1 where push and pull balance at kl_coeff 0.5.

    Args:
        size: completions in a group.
        share: what the group's own mean leaves of the push; (G - 1) / G if None.
        spread: size of the groups whose standard deviation counts; ``size`` if None, no division if 0.
        pull: "k3" or "k2".
        of_groups: the deviation that counts: "sample" (over G - 1), "population" (over G), or "exact", that of a sum.
    """
    q = torch.linspace(0.101, 0.95, 200, dtype=torch.float64)
    spread = size if spread is None else spread
    push = q * (1 - q)
    if spread:
        shape = (max(1000, 8000 // spread), spread, 8)
        draws = torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        correction = 0 if of_groups == "population" else 1
        push = torch.stack([(draws < x).sum(-1).double().std(1, correction=correction).mean() for x in q]) / 8
        if of_groups == "exact":
            push = (8 * q * (1 - q)).sqrt() / 8
    push = push * ((size - 1) / size if share is None else share)
    slope = q - 0.1 if pull == "k3" else q * (1 - q) * (9 * q / (1 - q)).log()
    return q[(push - 0.5 * slope > 0).nonzero().max()].item()


OTHER_BALANCES = [
    Mistake(
        "You kept the 7/8 of groups of eight: a group of G leaves (G - 1)/G of the push.",
        partial(_resting_place, share=7 / 8),
    ),
    Mistake(
        "You kept the standard deviation of groups of eight: draw `size` completions for each group.",
        partial(_resting_place, spread=8),
    ),
    Mistake(
        "You kept both numbers of groups of eight: the answer cannot depend on the size then.",
        partial(_resting_place, share=7 / 8, spread=8),
    ),
    Mistake(
        "You left out (G - 1)/G: that is a baseline of the others.",
        partial(_resting_place, share=1.0),
    ),
    Mistake(
        "You used the standard deviation over G; GRPO's is the one over G - 1.",
        partial(_resting_place, of_groups="population"),
    ),
    Mistake(
        "You put in √(8q(1 − q)), the deviation of one sum: a small group's own deviation is smaller on average.",
        partial(_resting_place, of_groups="exact"),
    ),
    Mistake(
        "You left out the standard deviation: that is Dr. GRPO with k3.",
        partial(_resting_place, spread=0),
    ),
    Mistake(
        "You balanced with the slope of k2; GRPO has k3, whose pull is β (q − 1/10).",
        partial(_resting_place, pull="k2"),
    ),
]


def _judge(found: dict[int, object]) -> str | None:
    """Compare the predictions with where groups of either size come to rest."""
    if not all(isinstance(value, float | int) for value in found.values()):
        return f"Return one number, with `.item()` if it is a tensor; for size 2 yours is {found[2]!r}."

    def agree(place: Callable[[int], float]) -> bool:
        return all(abs(value - place(size)) < 0.013 for size, value in found.items())

    if agree(_resting_place):
        return None
    values = f"For groups of 2 and 32 yours is {written(found[2])} and {written(found[32])}."
    for mistake in OTHER_BALANCES:
        if agree(mistake.does):
            return f"{mistake.words} {values}"
    return f"{values} Two numbers depend on the size; open the first hint and try again."


group_size = outcome(lambda attempt: {size: call(attempt, size) for size in (2, 32)}, _judge, called_with={"size": 2})

EXERCISES: dict[str, Checker] = {
    "ex-grpo-one-of-four": one_of_four,
    "ex-grpo-how-many": how_many,
    "ex-grpo-bug": within_a_group,
    "ex-grpo-clip-higher": clip_higher,
    "ex-grpo-size": group_size,
}
