"""Exercises of the chapter on GRPO, and what a wrong answer is told."""

from functools import cache, partial

import torch
from torch import Tensor

from rlhf_helpers.exercises.combinations import combined
from rlhf_helpers.exercises.diagnosis import ANY, Checker, Edge, Function, Mistake, Numbers

# ---- One of four

one_of_four = Numbers(
    (3**0.5, 1.5, 0.75, 1.0),
    {
        (1.5, 3**0.5, ANY, ANY): "You swapped the two standard deviations: dividing by G - 1 makes the deviation "
        "larger and the advantage smaller.",
        (4.0, 3.0, ANY, ANY): "You divided by the variance; take its root.",
        (4 / 3**0.5, 2.0, ANY, ANY): "You divided the reward itself; subtract the mean first.",
        (ANY, ANY, 1.0, 0.75): "You swapped the last two: it is RLOO that leaves a completion out of its baseline.",
        (ANY, ANY, 0.75, 0.75): "For RLOO you kept the completion in its own baseline; the other three have mean 0.",
        (ANY, ANY, ANY, 2 / 3): "For RLOO the baseline is the mean of the other three rewards, 0, 0 and 0.",
        (1.0, ANY, ANY, ANY): "That is the reward; subtract the mean and divide by the standard deviation.",
        (0.75, ANY, ANY, ANY): "Divide by the standard deviation: that is what Dr. GRPO leaves out.",
        (ANY, 0.75, ANY, ANY): "Divide by the standard deviation: that is what Dr. GRPO leaves out.",
        (3**0.5, 3**0.5, ANY, ANY): "The two standard deviations differ: one divides by 4, the other by 3.",
        (1.5, 1.5, ANY, ANY): "The two standard deviations differ: one divides by 4, the other by 3.",
        (3**0.5, 2.0, ANY, ANY): "With the one over G - 1 the standard deviation is 0.5, and the numerator 0.75.",
        (3**0.5 / 4, 0.5, ANY, ANY): "Those are the standard deviations; divide 0.75 by them.",
        (ANY, ANY, 1.0, ANY): "Dr. GRPO still subtracts the mean, one quarter.",
        (
            ANY,
            ANY,
            ANY,
            0.25,
        ): "The baseline of RLOO leaves the first completion out, and it is the first's reward minus it.",
    },
    hints=(2, 2, 1, 3),
)


# ---- How many answers are enough?

how_many = Numbers(
    (8, 90),
    {
        (7, ANY): "You counted one end only: at 0.5 a group of seven is silent by all right, or by all wrong, "
        "in 1 of 64 cases.",
        (ANY, 2): "You counted the groups that are all right; at 0.05 nearly all silent groups are all wrong.",
        (8, 8): "You gave hard prompts the groups of easy ones; at 0.05 groups of 8 are silent 66% of the time.",
        (ANY, 89): "With 89 the share is still above 0.01, by little: round up.",
        (ANY, 160): "That is linear in the pass rate, and it is the logarithm that counts: 0.95^G = 0.01.",
        (ANY, 80): "That is linear in the pass rate, and it is the logarithm that counts: 0.95^G = 0.01.",
        (6, ANY): "At 0.5 a group of six is silent in 1 of 32 cases.",
        (9, ANY): "At 0.5 a group of eight is already below: 2 of 256 cases.",
        (100, ANY): "1 in 100 is the share that is allowed; the size is what makes the share so small.",
        (ANY, 91): "90 is enough already: 0.95^90 is 0.0099.",
        (ANY, 100): "1 in 100 is the share that is allowed; the size is what makes the share so small.",
        (ANY, 59): "That is for 1 in 20; fewer than 1 in 100 was asked for.",
        (ANY, 45): "You solved 0.95^G = 0.1; the share is 0.01.",
    },
    tolerance=0.0,
    hints=(1, 3),
)


# ---- An easy prompt is no merit

TWO_SILENT = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [2.0, 0.0, 1.0]])
UNLIKE = torch.tensor([[3.0, 1.0, 0.0], [5.0, 2.0, 2.0], [0.0, 4.0, 1.0]])  # square: broadcasting hides a lost keepdim


def _centered(rewards: Tensor) -> Tensor:
    return rewards - rewards.mean(1, keepdim=True)


def _deviation(rewards: Tensor) -> Tensor:
    return rewards.std(1, keepdim=True)


def _within(rewards: Tensor) -> Tensor:
    centered = rewards - rewards.mean(1, keepdim=True)
    return centered / (rewards.std(1, keepdim=True) + 1e-4)


within_a_group = Function(
    _within,
    [{"rewards": UNLIKE}, {"rewards": torch.tensor([[0.25, 0.5, 3.0, -1.0]])}],
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
            "You used the standard deviation over G; the function had the one over G - 1.",
            lambda rewards: _centered(rewards) / (rewards.std(1, keepdim=True, correction=0) + 1e-4),
        ),
        Mistake("You left out the division.", _centered),
        Mistake(
            "You divide by the variance, and it is the standard deviation.",
            lambda rewards: _centered(rewards) / (rewards.var(1, keepdim=True) + 1e-4),
        ),
        Mistake(
            "You left out the mean: subtract it before you divide.",
            lambda rewards: rewards / (_deviation(rewards) + 1e-4),
        ),
        Mistake(
            "That is RLOO's baseline, the mean of the others.",
            lambda rewards: _centered(rewards) * rewards.shape[1] / (rewards.shape[1] - 1),
        ),
        Mistake(
            "You turned the table, so that the result is (G, N).",
            lambda rewards: (_centered(rewards) / (_deviation(rewards) + 1e-4)).T,
        ),
        Mistake(
            "You subtracted the median; the function had the mean.",
            lambda rewards: (rewards - rewards.median(1, keepdim=True).values) / (_deviation(rewards) + 1e-4),
        ),
        Mistake(
            "You subtracted the mean of the others, as RLOO does; the function had the mean of all.",
            lambda rewards: _within(rewards) * rewards.shape[1] / (rewards.shape[1] - 1),
        ),
        Mistake(
            "You divided by the largest gap; the function had the standard deviation.",
            lambda rewards: _centered(rewards) / (rewards.amax(1, keepdim=True) - rewards.amin(1, keepdim=True) + 1e-4),
        ),
    ],
    edges=(
        Edge("A silent group has advantages of 0; without the 1e-4 they are 0 divided by 0.", {"rewards": TWO_SILENT}),
        Edge(
            "Next to a very small standard deviation the 1e-4 shows: keep it, added to the deviation.",
            {"rewards": torch.tensor([[1.0, 1.002, 1.0], [0.5, 0.5, 0.504]])},
        ),
    ),
    hint=3,
)


# ---- Clip higher


def _clip_higher(ratio: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.28) -> Tensor:
    """The clipped surrogate with a limit of its own on each side."""
    clipped = ratio.clamp(1 - low, 1 + high)
    return torch.minimum(ratio * advantages, clipped * advantages)


RATIOS = (0.002, 0.4, 0.72, 0.78, 0.82, 0.95, 1.05, 1.2, 1.45, 1.6, 2.7, 12.0, 400.0)
clip_higher = Function(
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
        {
            "ratio": torch.tensor([0.6, 0.75, 1.35, 1.27, 3.0]),
            "advantages": torch.tensor([-1.0, 2.0, 1.0, 0.5, -2.0]),
            "low": 0.3,
            "high": 0.32,
        },
        {"ratio": torch.tensor([1.24, 1.3, 0.79, 0.81]), "advantages": torch.tensor([1.0, 2.0, -1.0, -2.0])},
        *combined(5, {"low": 0.15, "high": 0.5}, ratio=RATIOS, advantages=(-4.0, -0.3, 0.0, 0.6, 2.5)),
        *combined(4, {"low": 0.25, "high": 0.1}, ratio=RATIOS, advantages=(-1.2, 0.7)),
    ],
    [
        Mistake(
            "Your upper limit is 1 + low.",
            lambda ratio, advantages, low=0.2, high=0.28: _clip_higher(ratio, advantages, low, low),
        ),
        Mistake(
            "Your lower limit is 1 - high.",
            lambda ratio, advantages, low=0.2, high=0.28: _clip_higher(ratio, advantages, high, high),
        ),
        Mistake(
            "You swapped the limits: `low` is how far down, `high` how far up.",
            lambda ratio, advantages, low=0.2, high=0.28: _clip_higher(ratio, advantages, high, low),
        ),
        Mistake(
            "You clipped to low and high themselves; the limits lie around 1.",
            lambda ratio, advantages, low=0.2, high=0.28: torch.minimum(
                ratio * advantages, ratio.clamp(low, high) * advantages
            ),
        ),
        Mistake(
            "You took the larger of the two: the surrogate is the pessimistic one, the smaller.",
            lambda ratio, advantages, low=0.2, high=0.28: torch.maximum(
                ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages
            ),
        ),
        Mistake(
            "You always use the clipped ratio: without the minimum a bad answer that became likely is not pulled back.",
            lambda ratio, advantages, low=0.2, high=0.28: ratio.clamp(1 - low, 1 + high) * advantages,
        ),
        Mistake(
            "You clipped the product; only the ratio is clipped.",
            lambda ratio, advantages, low=0.2, high=0.28: torch.minimum(
                ratio * advantages, (ratio * advantages).clamp(1 - low, 1 + high)
            ),
        ),
        Mistake("Nothing is clipped.", lambda ratio, advantages, low=0.2, high=0.28: ratio * advantages),
        Mistake(
            "You take the minimum of the ratios; multiply each by the advantage first.",
            lambda ratio, advantages, low=0.2, high=0.28: (
                torch.minimum(ratio, ratio.clamp(1 - low, 1 + high)) * advantages
            ),
        ),
        Mistake(
            "That is the mean, or a loss; one number for each token was asked for.",
            lambda ratio, advantages, low=0.2, high=0.28: _clip_higher(ratio, advantages, low, high).mean(),
        ),
        Mistake(
            "Your limits are 1 / (1 + low) and 1 + high; the lower one is 1 - low.",
            lambda ratio, advantages, low=0.2, high=0.28: _clip_higher(ratio, advantages, low / (1 + low), high),
        ),
        Mistake(
            "Only the upper side is clipped.",
            lambda ratio, advantages, low=0.2, high=0.28: _clip_higher(ratio, advantages, 10.0, high),
        ),
        Mistake(
            "Only the lower side is clipped.",
            lambda ratio, advantages, low=0.2, high=0.28: _clip_higher(ratio, advantages, low, 10.0),
        ),
        Mistake(
            "Your limits are always 0.2 and 0.28: use `low` and `high`.",
            lambda ratio, advantages, low=0.2, high=0.28: _clip_higher(ratio, advantages),
        ),
    ],
    gradients=("ratio",),  # whether the advantages are detached is for the loss to say
    hint=2,
    gradient_hint=3,
)


# ---- A group of 32


@cache
def _resting_place(
    size: int,
    *,
    share: float | None = None,
    spread: int | None = None,
    pull: str = "k3",
    of_groups: str = "sample",
    tokens: int = 8,
    price: float = 0.5,
) -> float:
    """The probability of token 1 where push and pull balance at kl_coeff 0.5.

    Args:
        size: completions in a group.
        share: what the group's own mean leaves of the push; (G - 1) / G if None.
        spread: size of the groups whose standard deviation counts; ``size`` if None, no division if 0.
        pull: "k3" or "k2".
        of_groups: the deviation that counts: "sample" (over G - 1), "population" (over G), or "exact", that of a sum.
        tokens: what the deviation of the sum of eight tokens is divided by.
        price: of the pull.
    """
    q = torch.linspace(0.101, 0.95, 100, dtype=torch.float64)
    spread = size if spread is None else spread
    push = q * (1 - q)
    if spread:
        shape = (max(1000, 4000 // spread), spread, 8)
        draws = torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        correction = 0 if of_groups == "population" else 1
        push = torch.stack([(draws < x).sum(-1).double().std(1, correction=correction).mean() for x in q]) / tokens
        if of_groups == "exact":
            push = (8 * q * (1 - q)).sqrt() / tokens
    push = push * ((size - 1) / size if share is None else share)
    slope = q - 0.1 if pull == "k3" else q * (1 - q) * (9 * q / (1 - q)).log()
    return q[(push - price * slope > 0).nonzero().max()].item()


def _rests_at(size: int) -> float:
    draws = torch.rand(1000, size, 8, generator=torch.Generator().manual_seed(0)).double()
    q = torch.linspace(0.101, 0.95, 100).double()
    deviation = torch.stack([(draws < x).sum(-1).double().std(1).mean() for x in q])
    push = (size - 1) / size * deviation / 8
    return q[(push - 0.5 * (q - 0.1) > 0).nonzero().max()].item()


group_size = Function(
    _rests_at,
    [{"size": 2}, {"size": 32}],
    [
        Mistake(
            "You kept the 7/8 of groups of eight: a group of G leaves (G - 1)/G of the push.",
            partial(_resting_place, share=7 / 8),
        ),
        *(
            Mistake(
                "Yours is not the standard deviation of groups of `size`: that of groups of eight, or √(8q(1 − q)), "
                "the deviation of one sum? Draw `size` completions for each group.",
                does,
            )
            for does in (partial(_resting_place, spread=8), partial(_resting_place, of_groups="exact"))
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
            "You left out the standard deviation: that is Dr. GRPO with k3.",
            partial(_resting_place, spread=0),
        ),
        Mistake(
            "You left out the 8 tokens of an answer: the push on a token is an eighth of the deviation of their sum.",
            partial(_resting_place, tokens=1),
        ),
        Mistake(
            "The pull has no price in it: `kl_coeff` is 0.5.",
            partial(_resting_place, price=1.0),
        ),
        Mistake(
            "Your share is G / (G - 1), the other way round: the group's own mean takes something away.",
            lambda size: _resting_place(size, share=size / (size - 1)),
        ),
        Mistake(
            "Your share is 1 / G; it is (G - 1) / G that is left.",
            lambda size: _resting_place(size, share=1 / size),
        ),
        Mistake("That is the optimum, 0.45, which GRPO with k3 does not reach.", lambda size: 0.4509),
        Mistake(
            "You balanced with the slope of k2; GRPO has k3, whose pull is β (q − 1/10).",
            partial(_resting_place, pull="k2"),
        ),
    ],
    tolerance=0.01,
    hint=2,
)

EXERCISES: dict[str, Checker] = {
    "ex-grpo-one-of-four": one_of_four,
    "ex-grpo-how-many": how_many,
    "ex-grpo-bug": within_a_group,
    "ex-grpo-clip-higher": clip_higher,
    "ex-grpo-size": group_size,
}
