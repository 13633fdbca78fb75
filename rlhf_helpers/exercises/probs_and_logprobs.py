"""Checks of the exercises of chapter 1, probabilities and log-probabilities."""

from __future__ import annotations

import math
from functools import partial

import torch

from rlhf_helpers.policy import TinyPolicy
from rlhf_helpers.sampling import sequence_logprobs, token_logprobs

from .diagnosis import Checker, function, numbers

ANY = math.nan
POLICY = TinyPolicy(generator=torch.Generator().manual_seed(4))
ANSWERS = [
    {"prompt_ids": torch.tensor([[0], [3]]), "completion_ids": torch.tensor([[4, 1, 7], [1, 1, 5]])},
    {"prompt_ids": torch.tensor([[2]]), "completion_ids": torch.tensor([[5, 9, 0]])},
]
PADDED = [
    {
        "logprobs": torch.tensor([[-1.0, -2.0, -0.5], [-0.25, -3.0, -math.inf]]),
        "completion_mask": torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]),
    },
    {
        "logprobs": torch.tensor([[-0.5, -math.inf, -2.0, -0.75]]),
        "completion_mask": torch.tensor([[1.0, 0.0, 1.0, 1.0]]),
    },
]
SCORES = [
    {"logits": torch.tensor([2.0, 1.0, 0.0, -1.0]), "width": 1.2},
    {"logits": torch.tensor([0.5, 3.0, -2.0, 1.0, 0.0, 1.5]), "width": 1.5},
]


def _perplexity(logprobs, completion_mask):
    return (-sequence_logprobs(logprobs, completion_mask) / completion_mask.sum(-1)).exp()


def _answers(total=sequence_logprobs, perplexity=_perplexity):
    """Scores of answers, of which one may come from a mistaken formula."""
    return lambda logprobs, mask: (total(logprobs, mask), perplexity(logprobs, mask))


def _score(prompt_ids, completion_ids, dim=-1, reduce=torch.sum, rows=slice(None, -1)):
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    logprobs = POLICY(ids)[:, rows].detach().log_softmax(dim)
    return reduce(logprobs.gather(-1, completion_ids[..., None])[..., 0], -1)


_diagnose_score = function(
    lambda prompt_ids, completion_ids: sequence_logprobs(token_logprobs(POLICY, prompt_ids, completion_ids).detach()),
    ANSWERS,
    {
        "One bug is left: log_softmax(1) still normalizes over the positions.": partial(_score, dim=1),
        "One bug is left: the mean should be a sum.": partial(_score, reduce=torch.mean),
        "Both bugs are still there.": partial(_score, dim=1, reduce=torch.mean),
        "log_softmax(0) normalizes over the answers of the batch.": partial(_score, dim=0),
        "The slice was right; you now read each token's own row, one too late.": partial(_score, rows=slice(1, None)),
    },
)


def _diagnose_repaired_score(attempt) -> str | None:
    return _diagnose_score(partial(attempt, POLICY) if callable(attempt) else attempt)


def _width(logits, tau):
    return torch.special.entr((logits / tau).softmax(-1)).sum().exp()


def _bisect(too_narrow):
    low, high = 0.01, 100.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if too_narrow(middle) else (low, middle)
    return middle


def _find_temperature(logits, width):
    return _bisect(lambda tau: _width(logits, tau) < width)


EXERCISES: dict[str, Checker] = {
    "ex-logs-two-hundred": numbers(
        (200 * math.log(0.2), 5.0, 200 * math.log10(0.2)),
        {
            (math.log(0.2), ANY, ANY): "That is what one token costs; an answer is the sum over its 200 tokens.",
            (-200 * math.log(0.2), ANY, ANY): "The log of a probability is negative: the whole column is below 0.",
            (200 * math.log10(0.2), ANY, ANY): "That is a log to base 10; a log-probability is in nats.",
            (ANY, 10.0, ANY): "Ten tokens exist, but each draw was as hard as among 1 / 0.2 equal ones.",
            (ANY, -math.log(0.2), ANY): "That is an average token's cost in nats; the perplexity is e to that power.",
            (ANY, 0.2, ANY): "A minus is lost: the perplexity is exp of minus the mean, and never below 1.",
            (ANY, ANY, 200 * math.log(0.2)): "Those are powers of e; divide by 2.3 to get powers of ten.",
            (ANY, ANY, 200 * math.log(0.2) * math.log(10)): "You multiplied by 2.3; ten is more than e, so divide.",
        },
    ),
    "ex-logs-padding": function(
        _answers(),
        PADDED,
        {
            "You multiplied by the mask, and 0 times minus infinity is NaN: replace, then add.": _answers(
                lambda logprobs, mask: (logprobs * mask).sum(-1),
                lambda logprobs, mask: (-(logprobs * mask).sum(-1) / mask.sum(-1)).exp(),
            ),
            "The padding was added too.": _answers(
                lambda logprobs, mask: logprobs.sum(-1), lambda logprobs, mask: (-logprobs.mean(-1)).exp()
            ),
            "You divided by the number of columns; the padding is no token.": _answers(
                perplexity=lambda logprobs, mask: (-sequence_logprobs(logprobs, mask) / logprobs.shape[-1]).exp()
            ),
            "Your first result is a mean; a log-probability is the sum.": _answers(
                lambda logprobs, mask: sequence_logprobs(logprobs, mask) / mask.sum(-1)
            ),
            "The minus in the perplexity is missing.": _answers(
                perplexity=lambda logprobs, mask: 1 / _perplexity(logprobs, mask)
            ),
            "Your perplexity is that of the sum; divide by the number of tokens first.": _answers(
                perplexity=lambda logprobs, mask: (-sequence_logprobs(logprobs, mask)).exp()
            ),
            "The two results are in the wrong order.": _answers(_perplexity, sequence_logprobs),
        },
    ),
    "ex-logs-bugs": _diagnose_repaired_score,
    "ex-logs-frozen": numbers(
        (4.0, 0.0),
        {
            (0.0, ANY): "The true product is that small, but every step rounds: 0.9 times 4 rungs is 3.6, which is 4.",
            (5.0, ANY): "In float16, 0.9 is a hair less than 0.9: five rungs become 4.4996, and that rounds down.",
            (1.0, ANY): "One rung would stay there too, but the product stops earlier, on its way down.",
            (ANY, 1.0): "0.4 of a rung is nearer to no rung than to one.",
            (ANY, 4.0): "With 0.4, four rungs become 1.6, which rounds to 2; go on from there.",
        },
    ),
    "ex-logs-temperature": function(
        _find_temperature,
        SCORES,
        {
            "Your entropy is equal to `width`; the width is e to the entropy.": lambda logits, width: _bisect(
                lambda tau: _width(logits, tau).log() < width
            ),
            "You kept the wrong half each time: a strip that is too narrow needs more heat.": lambda logits, width: (
                _bisect(lambda tau: _width(logits, tau) > width)
            ),
            "That is 1 / tau: the logits are divided by the temperature.": lambda logits, width: (
                1 / _find_temperature(logits, width)
            ),
            "Your entropy is in bits; e to a power wants nats.": lambda logits, width: _bisect(
                lambda tau: _width(logits, tau).log() / math.log(2) < math.log(width)
            ),
        },
    ),
}
