"""Exercises of the bug hunt, and what a wrong answer is told."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Mistake, function, numbers

# ---- Two plateaus

FAILS = 8 / 9  # the chance that an attempt at a first 1 fails
LATE = sum(1 - FAILS**t for t in range(4)) / 4
LONG = sum(1 - FAILS**t for t in range(1, 9)) / 8
PLATEAU = sum(1 - FAILS**t for t in range(1, 5)) / 4

plateaus = numbers(
    (-math.log(1e-6), PLATEAU),
    {
        (-math.log(1e-8), ANY): "18.42 belongs to 1e-8. The small number is 1e-6 now.",
        (math.log(1e-6), ANY): "A loss is minus the logarithm: it is positive here.",
        (6.0, ANY): "6 is the logarithm to base 10. A loss is in nats, the natural logarithm.",
        (1e-6, ANY): "That is what is left in the logarithm. The loss is minus the logarithm of it.",
        (ANY, LONG): "0.390 belongs to 8 places. Completions have 4 now.",
        (ANY, 1 - FAILS**4): "That is the reward at the last place. Take the mean over all four.",
        (ANY, 1 / 9): "One in nine is the reward at the first place only. A 1 that is there stays.",
        (ANY, LATE): "You counted from 0 attempts. Place 1 is one attempt: t = 1, 2, 3, 4.",
    },
)


# ---- One, at first


def _log_ratio(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return (logprobs - old_logprobs).masked_fill(mask == 0, 0.0)


farthest_ratio = function(
    lambda logprobs, old_logprobs, mask: (_log_ratio(logprobs, old_logprobs, mask).exp() - 1).abs().max(),
    [
        {
            "logprobs": torch.tensor([[-1.0, -2.0], [-0.5, -1.0]]),
            "old_logprobs": torch.tensor([[-1.1, -1.2], [-0.7, -1.0]]),
            "mask": torch.tensor([[1.0, 1.0], [1.0, 1.0]]),
        },
        {
            "logprobs": torch.tensor([[-1.0, -2.0], [-0.5, -1.0]]),
            "old_logprobs": torch.tensor([[-1.1, -1.9], [-0.9, -3.0]]),
            "mask": torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
        },
        {
            "logprobs": torch.tensor([[-1.0, -2.0], [-0.5, -1.0]]),
            "old_logprobs": torch.tensor([[-1.0, -2.0], [-0.5, -math.inf]]),
            "mask": torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
        },
    ],
    [
        Mistake(
            "You looked at the unused places as well: the mask has to act before exp.",
            lambda new, old, mask: ((new - old).exp() - 1).abs().max(),
        ),
        Mistake(
            "The mask comes after exp, where infinity times 0 is NaN.",
            lambda new, old, mask: (((new - old).exp() - 1) * mask).abs().max(),
        ),
        Mistake(
            "You averaged; one bad token among many would hide. Take the maximum.",
            lambda new, old, mask: (_log_ratio(new, old, mask).exp() - 1).abs().mean(),
        ),
        Mistake(
            "A ratio below 1 is as far away as one above: take the absolute value.",
            lambda new, old, mask: (_log_ratio(new, old, mask).exp() - 1).max(),
        ),
        Mistake(
            "That is the log ratio. The ratio is its exp.",
            lambda new, old, mask: _log_ratio(new, old, mask).abs().max(),
        ),
        Mistake(
            "That is the largest ratio. How far is it from 1?",
            lambda new, old, mask: _log_ratio(new, old, mask).exp().max(),
        ),
        Mistake("That is old over new.", lambda new, old, mask: (_log_ratio(old, new, mask).exp() - 1).abs().max()),
    ],
)


# ---- The calm log


def _logged_kl(logits: Tensor, ref_logits: Tensor) -> Tensor:
    """KL from the reference to the policy's next-token distributions, as a mean over the tokens."""
    return _kl_terms(logits, ref_logits).sum(-1).mean()


def _kl_terms(logits: Tensor, ref_logits: Tensor) -> Tensor:
    logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
    return logprobs.exp() * (logprobs - ref)


def _kl_by(reduce: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The same with another way to make one number of all entries."""
    return lambda logits, ref_logits: reduce(_kl_terms(logits, ref_logits))


logged_kl = function(
    _logged_kl,
    [
        {
            "logits": torch.tensor([[[0.0, 1.0, 3.0], [2.0, 0.0, 0.5]]]),
            "ref_logits": torch.tensor([[[1.0, 0.0, 0.5], [0.0, 0.0, 1.0]]]),
        },
        {
            "logits": torch.tensor([[[0.0, 2.0]], [[1.0, 0.0]]]),
            "ref_logits": torch.tensor([[[0.5, 0.0]], [[3.0, 0.0]]]),
        },
    ],
    [
        Mistake("That is his mean: it divides by the size of the vocabulary as well.", _kl_by(torch.mean)),
        Mistake("You summed over the tokens too. KL per token is their mean.", _kl_by(torch.sum)),
        Mistake(
            "You summed over T and averaged the vocabulary. The axis is the last one, -1.",
            _kl_by(lambda terms: terms.sum(1).mean()),
        ),
        Mistake(
            "That is KL(reference || policy): its weights are the reference's probabilities.",
            lambda logits, ref_logits: _logged_kl(ref_logits, logits),
        ),
        Mistake(
            "The weights are the policy's, the difference is the wrong way round.",
            _kl_by(lambda terms: -terms.sum(-1).mean()),
        ),
        Mistake(
            "The probabilities that weigh the entries are missing.",
            lambda logits, ref_logits: (logits.log_softmax(-1) - ref_logits.log_softmax(-1)).sum(-1).mean(),
        ),
        Mistake(
            "Logits are not log-probabilities: log_softmax is missing.",
            lambda logits, ref_logits: (logits.softmax(-1) * (logits - ref_logits)).sum(-1).mean(),
        ),
    ],
)


# ---- What a reward must cost


def _least_kl(reward: Tensor) -> Tensor:
    """The least KL from ten equal probabilities at which token 1 has the probability ``reward``."""
    rest = 1 - reward
    return torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, rest / 0.9)


least_kl = function(
    _least_kl,
    [{"reward": torch.tensor([0.1, 0.5, 0.9])}, {"reward": torch.tensor([0.25, 1.0])}],
    [
        Mistake(
            "0 times the logarithm of 0 is NaN here, and 0 by convention. torch.xlogy knows it.",
            lambda r: r * (10 * r).log() + (1 - r) * ((1 - r) / 0.9).log(),
        ),
        Mistake(
            "The other nine tokens are missing; they have lost probability.",
            lambda r: torch.xlogy(r, 10 * r),
        ),
        Mistake(
            "The rest is shared among nine tokens: each has (1 - r) / 9, against 1/10.",
            lambda r: torch.xlogy(r, 10 * r) + torch.xlogy(1 - r, 10 * (1 - r)),
        ),
        Mistake(
            "That is the entropy of right and wrong. KL compares with the reference's 0.1 and 0.9.",
            lambda r: -torch.xlogy(r, r) - torch.xlogy(1 - r, 1 - r),
        ),
        Mistake(
            "That is KL(reference || policy).",
            lambda r: 0.1 * (0.1 / r).log() + 0.9 * (0.9 / (1 - r)).log(),
        ),
    ],
)

EXERCISES: dict[str, Checker] = {
    "ex-hunt-plateau": plateaus,
    "ex-hunt-ratio": farthest_ratio,
    "ex-hunt-kl": logged_kl,
    "ex-hunt-price": least_kl,
}
