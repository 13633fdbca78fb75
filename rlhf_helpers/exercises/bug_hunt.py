"""Exercises of the bug hunt, and what a wrong answer is told."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Edge, Function, Mistake, Numbers, Parts

# ---- Two plateaus

FAILS = 8 / 9  # the chance that an attempt at a first 1 fails
LATE = sum(1 - FAILS**t for t in range(4)) / 4
LONG = sum(1 - FAILS**t for t in range(1, 9)) / 8
PLATEAU = sum(1 - FAILS**t for t in range(1, 5)) / 4

plateaus = Numbers(
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
        (math.log2(1e6), ANY): "That is the logarithm to base 2. A loss is in nats, the natural logarithm.",
        (math.log(2), ANY): "log 2 is the loss at a margin of 0; here the sigmoid has vanished.",
        (0.0, ANY): "The sigmoid is nothing there, and the logarithm of the small number is not.",
        (ANY, 1 - PLATEAU): "That is the share of places without a 1; the reward is the rest.",
        (ANY, 4 * PLATEAU): "That is the reward of all four places; the mean was asked for.",
        (ANY, 4 / 9): "A 1 that is there already is no new one: the chances do not add up.",
        (ANY, (1 - (8 / 9) ** 4) / 4): "Take the mean of four different chances, one for each place.",
        (ANY, sum((1 / 9) ** t for t in range(1, 5)) / 4): "The chance of a 1 grows with the place: 1 - (8/9)^t.",
    },
    hints=(1, 3),
)


# ---- One, at first


def _farthest(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    log_ratio = (logprobs - old_logprobs).masked_fill(mask == 0, 0.0)
    return (log_ratio.exp() - 1).abs().max()


def _log_ratio(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return (logprobs - old_logprobs).masked_fill(mask == 0, 0.0)


farthest_ratio = Function(
    _farthest,
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
        {  # the farthest ratio is below 1, and a log ratio is farther than its ratio
            "logprobs": torch.tensor([[-3.0, -1.0, -0.5], [-2.0, -1.0, -1.0]]),
            "old_logprobs": torch.tensor([[-1.0, -1.1, -0.5], [-1.9, -5.0, -4.0]]),
            "mask": torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]),
        },
        {  # no ratio is 1
            "logprobs": torch.tensor([[-1.0, -2.0, -0.5]]),
            "old_logprobs": torch.tensor([[-1.3, -1.6, -0.3]]),
            "mask": torch.tensor([[1.0, 1.0, 1.0]]),
        },
    ],
    [
        Mistake(
            "You looked at the unused places as well: the mask has to act before exp.",
            lambda new, old, mask: ((new - old).exp() - 1).abs().max(),
        ),
        *(
            Mistake("You multiply by the mask, and infinity times 0 is NaN: replace (`masked_fill`).", does)
            for does in (
                lambda new, old, mask: (((new - old).exp() - 1) * mask).abs().max(),
                lambda new, old, mask: ((new * mask - old * mask).exp() - 1).abs().max(),
            )
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
        Mistake(
            "You averaged over the tokens that count; one bad token among many would hide. Take the maximum.",
            lambda new, old, mask: (_log_ratio(new, old, mask).exp() - 1).abs().sum() / mask.sum(),
        ),
        Mistake(
            "You took the distance of the mean ratio from 1: ratios above and below cancel.",
            lambda new, old, mask: (_log_ratio(new, old, mask).exp().mean() - 1).abs(),
        ),
        Mistake(
            "That is the smallest distance.", lambda new, old, mask: (_log_ratio(new, old, mask).exp() - 1).abs().min()
        ),
        Mistake(
            "You give a distance for each answer, or each place; one number was asked for.",
            lambda new, old, mask: (_log_ratio(new, old, mask).exp() - 1).abs().amax(-1),
        ),
        Mistake(
            "You give a distance for each token; one number was asked for.",
            lambda new, old, mask: (_log_ratio(new, old, mask).exp() - 1).abs(),
        ),
        Mistake(
            "You gave the unused places a ratio of 0, which is 1 away from 1: give them a log ratio of 0.",
            lambda new, old, mask: ((new - old).exp().masked_fill(mask == 0, 0.0) - 1).abs().max(),
        ),
        Mistake(
            "The mask is the wrong way round: 1 is what counts.",
            lambda new, old, mask: (_log_ratio(new, old, 1 - mask).exp() - 1).abs().max(),
        ),
        Mistake(
            "You square the distance.",
            lambda new, old, mask: (_log_ratio(new, old, mask).exp() - 1).square().max(),
        ),
        Mistake(
            "You say whether a ratio is far; how far was asked for.",
            lambda new, old, mask: (_log_ratio(new, old, mask).exp() - 1).abs().max() < 1e-4,
        ),
        *(
            Mistake(
                "That is the distance between the largest and the smallest ratio; from 1 it is measured.",
                lambda new, old, mask, least=least: (
                    _log_ratio(new, old, mask).exp()[mask > least].max()
                    - _log_ratio(new, old, mask).exp()[mask > least].min()
                ),
            )
            for least in (-1, 0)  # with padding, whose ratio is 1, and without
        ),
        Mistake(
            "You summed the distances; one bad token was asked for, the farthest.",
            lambda new, old, mask: (_log_ratio(new, old, mask).exp() - 1).abs().sum(),
        ),
        Mistake(
            "You took the ratio of a whole answer; each token has its own.",
            lambda new, old, mask: (_log_ratio(new, old, mask).sum(1).exp() - 1).abs().max(),
        ),
        Mistake(
            "You took the largest log ratio, and its sign was lost before `exp`.",
            lambda new, old, mask: _log_ratio(new, old, mask).abs().max().exp() - 1,
        ),
        Mistake(
            "You subtracted probabilities; a ratio divides them.",
            lambda new, old, mask: (new.exp() - old.exp())[mask > 0].abs().max(),
        ),
        Mistake(
            "You divided the logs; a ratio is e to their difference.",
            lambda new, old, mask: (new / old - 1)[mask > 0].abs().max(),
        ),
        Mistake(
            "That is the root of the mean square; one bad token among many would hide. Take the maximum.",
            lambda new, old, mask: (_log_ratio(new, old, mask).exp() - 1)[mask > 0].square().mean().sqrt(),
        ),
    ],
    edges=(
        Edge(
            "What is in unused places may be minus infinity, and infinity times 0 is NaN: replace (`masked_fill`).",
            {
                "logprobs": torch.tensor([[-1.0, -2.0], [-0.5, -1.0]]),
                "old_logprobs": torch.tensor([[-1.0, -2.0], [-0.5, -math.inf]]),
                "mask": torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
            },
        ),
        Edge(
            "What is in unused places may be minus infinity, and infinity times 0 is NaN: replace (`masked_fill`).",
            {
                "logprobs": torch.tensor([[-1.0, -2.0], [-0.5, -math.inf]]),
                "old_logprobs": torch.tensor([[-1.0, -2.5], [-0.5, -math.inf]]),
                "mask": torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
            },
        ),
    ),
    hint=2,
)


# ---- The calm log


def _logged_kl(logits: Tensor, ref_logits: Tensor) -> Tensor:
    """KL from the reference to the policy's next-token distributions, as a mean over the tokens."""
    logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
    return (logprobs.exp() * (logprobs - ref)).sum(-1).mean()


def _kl_terms(logits: Tensor, ref_logits: Tensor) -> Tensor:
    logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
    return logprobs.exp() * (logprobs - ref)


def _kl_by(reduce: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The same with another way to make one number of all entries."""
    return lambda logits, ref_logits: reduce(_kl_terms(logits, ref_logits))


logged_kl = Function(
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
        Mistake(
            "You summed over the tokens of a completion and averaged over the batch: KL per token is a mean over both.",
            _kl_by(lambda terms: terms.sum((1, 2)).mean()),
        ),
        Mistake("You give the KL of each token; their mean was asked for.", _kl_by(lambda terms: terms.sum(-1))),
        Mistake("You give the KL of each completion.", _kl_by(lambda terms: terms.sum(-1).mean(-1))),
        Mistake("You summed over the batch.", _kl_by(lambda terms: terms.sum(0).mean())),
        Mistake("Your KL is in bits.", _kl_by(lambda terms: terms.sum(-1).mean() / math.log(2))),
        Mistake(
            "log_softmax runs over the positions; the alternatives lie along the last axis.",
            lambda logits, ref_logits: (
                (logits.log_softmax(1).exp() * (logits.log_softmax(1) - ref_logits.log_softmax(1))).sum(-1).mean()
            ),
        ),
        Mistake(
            "The weights are the reference's, and the difference is the policy's minus the reference's.",
            lambda logits, ref_logits: -_logged_kl(ref_logits, logits),
        ),
        Mistake(
            "You multiply the old mean by a fixed size of the vocabulary; it is the size of the last axis.",
            lambda logits, ref_logits: _kl_terms(logits, ref_logits).mean() * 50_000,
        ),
        Mistake(
            "That is the largest KL of a token; their mean was asked for.",
            lambda logits, ref_logits: _kl_terms(logits, ref_logits).sum(-1).max(),
        ),
        Mistake(
            "You took absolute values: terms of a KL may be negative, and cancel.",
            lambda logits, ref_logits: _kl_terms(logits, ref_logits).abs().sum(-1).mean(),
        ),
        Mistake(
            "That is the sum of both KLs; the policy's alone was asked for.",
            lambda logits, ref_logits: _logged_kl(logits, ref_logits) + _logged_kl(ref_logits, logits),
        ),
        Mistake(
            "That is the mean of both KLs; the policy's alone was asked for.",
            lambda logits, ref_logits: (_logged_kl(logits, ref_logits) + _logged_kl(ref_logits, logits)) / 2,
        ),
        Mistake(
            "That is the KL of the last token; the mean is over all.",
            lambda logits, ref_logits: _kl_terms(logits, ref_logits)[:, -1].sum(-1).mean(),
        ),
        Mistake(
            "That is the cross entropy: the log of the policy's own probability is missing.",
            lambda logits, ref_logits: -(logits.softmax(-1) * ref_logits.log_softmax(-1)).sum(-1).mean(),
        ),
        Mistake(
            "You divided by the length alone; the mean is over the batch as well.",
            lambda logits, ref_logits: _kl_terms(logits, ref_logits).sum() / logits.shape[1],
        ),
        Mistake(
            "That is half the mean square of the log ratio, an estimate; the exact KL was asked for.",
            lambda logits, ref_logits: (
                (logits.softmax(-1) * (logits.log_softmax(-1) - ref_logits.log_softmax(-1)) ** 2 / 2).sum(-1).mean()
            ),
        ),
        Mistake(
            "You looked at one entry of each distribution, where the log ratio is largest.",
            lambda logits, ref_logits: (logits.log_softmax(-1) - ref_logits.log_softmax(-1)).amax(-1).mean(),
        ),
    ],
    hint=2,
)

true_kl = Numbers(
    2.0,
    {
        0.00004: "That is what he logs. His mean has divided by the size of the vocabulary.",
        50_000.0: "That is the size of the vocabulary: multiply what he logs by it.",
        8e-10: "His mean divides by 50,000, so multiply.",
        0.2: "0.00004 times 50,000: count the zeros again.",
        20.0: "0.00004 times 50,000: count the zeros again.",
    },
    hints=(2,),
)


# ---- What a reward must cost


def _least_kl(reward: Tensor) -> Tensor:
    """The least KL from ten equal probabilities at which token 1 has the probability ``reward``."""
    rest = 1 - reward
    return torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, rest / 0.9)


least_kl = Function(
    _least_kl,
    [
        {"reward": torch.tensor([0.1, 0.5, 0.9])},
        {"reward": torch.tensor([[0.25, 0.7], [0.3, 0.6]])},
        {"reward": torch.tensor(0.4)},
    ],
    [
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
        Mistake(
            "The rest has probability 9/10 under the reference: you compare it with 1/9.",
            lambda r: torch.xlogy(r, 10 * r) + torch.xlogy(1 - r, 9 * (1 - r)),
        ),
        Mistake(
            "The second term is not weighed: multiply it by 1 - r.",
            lambda r: torch.xlogy(r, 10 * r) + ((1 - r) / 0.9).log(),
        ),
        Mistake(
            "The second term is subtracted; both are added.",
            lambda r: torch.xlogy(r, 10 * r) - torch.xlogy(1 - r, (1 - r) / 0.9),
        ),
        Mistake("Your logarithm is in bits.", lambda r: _least_kl(r) / math.log(2)),
        Mistake(
            "You shared the rest among ten tokens; token 1 is not one of them.",
            lambda r: torch.xlogy(r, 10 * r) + torch.xlogy(1 - r, 1 - r),
        ),
        Mistake(
            "You made one number of all; each reward has a price of its own.",
            lambda r: _least_kl(r).mean(),
        ),
        Mistake(
            "A small number in the logarithm is no cure where it shows: torch.xlogy is exact.",
            lambda r: r * (10 * r + 1e-3).log() + (1 - r) * ((1 - r) / 0.9 + 1e-3).log(),
        ),
        Mistake(
            "The rest is weighed by 1 - r, all nine tokens together; you divided that by 9.",
            lambda r: torch.xlogy(r, 10 * r) + torch.xlogy((1 - r) / 9, (1 - r) / 0.9),
        ),
        Mistake(
            "The rest is weighed by 1 - r, all nine tokens together; you multiplied that by 9.",
            lambda r: torch.xlogy(r, 10 * r) + 9 * torch.xlogy(1 - r, (1 - r) / 0.9),
        ),
        Mistake(
            "The reference's 1/10 is missing under both logs.",
            lambda r: torch.xlogy(r, r) + torch.xlogy(1 - r, (1 - r) / 9),
        ),
        Mistake(
            "Token 1 has 1/10 under the reference; you compare with 1/9.",
            lambda r: torch.xlogy(r, 9 * r) + torch.xlogy(1 - r, (1 - r) / 0.9),
        ),
        Mistake(
            "The reference has ten tokens; yours has two.",
            lambda r: torch.xlogy(r, 2 * r) + torch.xlogy(1 - r, 2 * (1 - r)),
        ),
        Mistake(
            "Both weights are missing: r before the first log, 1 - r before the second.",
            lambda r: (10 * r).log() + ((1 - r) / 0.9).log(),
        ),
        Mistake(
            "You made one number of all; each reward has a price of its own.",
            lambda r: _least_kl(r).sum(),
        ),
        Mistake(
            "At a reward of 1 you say infinity; it costs log 10.",
            lambda r: torch.where(r == 1, math.inf, _least_kl(r)),
        ),
        Mistake(
            "At a reward of 1 you say 0; it costs log 10.",
            lambda r: torch.where(r == 1, 0.0, _least_kl(r)),
        ),
    ],
    edges=(
        Edge(
            "Here 0 times the logarithm of 0 counts as 0; written plainly it is NaN. torch.xlogy knows it.",
            {"reward": torch.tensor([0.25, 1.0])},
        ),
    ),
    hint=2,
)

EXERCISES: dict[str, Checker] = {
    "ex-hunt-plateau": plateaus,
    "ex-hunt-ratio": farthest_ratio,
    "ex-hunt-kl": Parts({"the function": logged_kl, "the true number": true_kl}),
    "ex-hunt-price": least_kl,
}
