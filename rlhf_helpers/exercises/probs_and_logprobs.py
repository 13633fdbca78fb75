"""Exercises of the chapter on probabilities and log-probabilities, and what a wrong answer is told."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Edge, Function, Mistake, Numbers
from rlhf_helpers.policy import TinyPolicy
from rlhf_helpers.sampling import sequence_logprobs

# ---- Two hundred tokens

two_hundred = Numbers(
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
        (200 * 0.2, ANY, ANY): "You added up probabilities. They are multiplied, and it is their logs that are added.",
        (ANY, 200.0, ANY): "The perplexity is about an average token, and not about how many there are.",
    },
    hints=(1, 2, 2),
)


# ---- Answers of unequal length


def _right_scores(logprobs: Tensor, completion_mask: Tensor) -> tuple[Tensor, Tensor]:
    total = torch.where(completion_mask == 1, logprobs, 0.0).sum(-1)
    return total, torch.exp(-total / completion_mask.sum(-1))


def _perplexity(logprobs: Tensor, mask: Tensor) -> Tensor:
    return (-sequence_logprobs(logprobs, mask) / mask.sum(-1)).exp()


def _scores(total: Callable = sequence_logprobs, perplexity: Callable = _perplexity) -> Callable:
    """Scores of answers, of which one may come from a mistaken formula."""
    return lambda logprobs, mask: (total(logprobs, mask), perplexity(logprobs, mask))


unequal_length = Function(
    _right_scores,
    [
        {
            "logprobs": torch.tensor([[-0.5, -1.5, -9.0], [-2.0, -0.25, -3.0]]),
            "completion_mask": torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
        },
        {
            "logprobs": torch.tensor([[-1.0, -2.0, -0.5, -0.1], [-0.25, -3.0, -1.0, -2.5]]),
            "completion_mask": torch.tensor([[1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 1.0, 1.0]]),
        },
    ],
    [
        Mistake(
            "The padding was added too.",
            lambda logprobs, mask: (logprobs.sum(-1), (-logprobs.mean(-1)).exp()),
        ),
        Mistake(
            "You kept every finite number; padding may be finite too, and only the mask says which tokens count.",
            lambda logprobs, mask: _scores()(logprobs, logprobs.isfinite().to(logprobs.dtype)),
        ),
        Mistake(
            "You divided by the number of columns; the padding is no token.",
            _scores(perplexity=lambda logprobs, mask: (-sequence_logprobs(logprobs, mask) / logprobs.shape[-1]).exp()),
        ),
        Mistake(
            "Your first result is a mean; a log-probability is the sum.",
            _scores(lambda logprobs, mask: sequence_logprobs(logprobs, mask) / mask.sum(-1)),
        ),
        Mistake(
            "The minus in the perplexity is missing.",
            _scores(perplexity=lambda logprobs, mask: 1 / _perplexity(logprobs, mask)),
        ),
        Mistake(
            "Your perplexity is that of the sum; divide by the number of tokens first.",
            _scores(perplexity=lambda logprobs, mask: (-sequence_logprobs(logprobs, mask)).exp()),
        ),
        Mistake("The two results are in the wrong order.", _scores(_perplexity, sequence_logprobs)),
    ],
    edges=(
        Edge(
            "You multiplied by the mask, and 0 times minus infinity is NaN: replace, then add.",
            {
                "logprobs": torch.tensor([[-0.5, -math.inf, -2.0, -0.75]]),
                "completion_mask": torch.tensor([[1.0, 0.0, 1.0, 1.0]]),
            },
        ),
        Edge(
            "You multiplied by the mask, and 0 times minus infinity is NaN: replace, then add.",
            {
                "logprobs": torch.tensor([[-1.0, -2.0, -0.5], [-0.25, -3.0, -math.inf]]),
                "completion_mask": torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]),
            },
        ),
    ),
    hint=2,
)


# ---- Find two bugs


POLICY = TinyPolicy(generator=torch.Generator().manual_seed(4))


def _right_score(policy: TinyPolicy, prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    logprobs = policy(ids[:, :-1]).log_softmax(-1)
    return logprobs.gather(-1, completion_ids[..., None])[..., 0].sum(-1)


def _score(
    policy: TinyPolicy,
    prompt_ids: Tensor,
    completion_ids: Tensor,
    dim: int = -1,
    reduce: Callable = torch.sum,
    rows: slice = slice(None, -1),
) -> Tensor:
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    logprobs = policy(ids)[:, rows].log_softmax(dim)
    return reduce(logprobs.gather(-1, completion_ids[..., None])[..., 0], -1)


two_bugs = Function(
    _right_score,
    [
        {
            "policy": POLICY,
            "prompt_ids": torch.tensor([[0], [3]]),
            "completion_ids": torch.tensor([[4, 1, 7], [1, 1, 5]]),
        },
        {"policy": POLICY, "prompt_ids": torch.tensor([[2]]), "completion_ids": torch.tensor([[5, 9, 0, 3]])},
    ],
    [
        Mistake("One bug is left: log_softmax(1) still normalizes over the positions.", partial(_score, dim=1)),
        Mistake("One bug is left: the mean should be a sum.", partial(_score, reduce=torch.mean)),
        Mistake("Both bugs are still there.", partial(_score, dim=1, reduce=torch.mean)),
        Mistake("log_softmax(0) normalizes over the answers of the batch.", partial(_score, dim=0)),
        Mistake(
            "The slice was right; you now read each token's own row, one too late.",
            partial(_score, rows=slice(1, None)),
        ),
        Mistake(
            "You give the log-probability of each token; the one of an answer is their sum.",
            partial(_score, reduce=lambda picked, dim: picked),
        ),
    ],
    hint=2,
)


# ---- The product that refuses to die

frozen_product = Numbers(
    (4.0, 0.0),
    {
        (4 * 2.0**-24, ANY): "That is the product itself. The rung is how many times 2^-24 that is.",
        (0.0, ANY): "The true product is that small, but every step rounds: 0.9 times 4 rungs is 3.6, which is 4.",
        (5.0, ANY): "In float16, 0.9 is a hair less than 0.9: five rungs become 4.4996, and that rounds down.",
        (1.0, ANY): "One rung would stay there too, but the product stops earlier, on its way down.",
        (ANY, 1.0): "0.4 of a rung is nearer to no rung than to one.",
        (ANY, 4.0): "With 0.4, four rungs become 1.6, which rounds to 2; go on from there.",
        (10.0, ANY): "0.9 times 10 rungs is 9 rungs: it still goes down there.",
        (9.0, ANY): "0.9 times 9 rungs is 8.1, which is rung 8: it still goes down there.",
        (ANY, 2.0): "0.4 of 2 rungs is 0.8, which rounds to 1; go on from there.",
    },
    tolerance=0.0,
    hints=(2, 1),
)


# ---- A temperature for a given width


def _right_temperature(logits: Tensor, width: float) -> float:
    low, high = 0.01, 100.0
    for _ in range(60):
        tau = math.sqrt(low * high)
        if torch.special.entr((logits / tau).softmax(-1)).sum().exp() < width:
            low = tau
        else:
            high = tau
    return tau


def _width(logits: Tensor, tau: float) -> Tensor:
    return torch.special.entr((logits / tau).softmax(-1)).sum().exp()


def _bisect(too_narrow: Callable[[float], bool]) -> float:
    low, high = 0.01, 100.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if too_narrow(middle) else (low, middle)
    return middle


def _temperature(logits: Tensor, width: float) -> float:
    return _bisect(lambda tau: _width(logits, tau) < width)


temperature = Function(
    _right_temperature,
    [
        {"logits": torch.tensor([2.0, 1.0, 0.0, -1.0]), "width": 1.2},
        {"logits": torch.tensor([0.5, 3.0, -2.0, 1.0, 0.0, 1.5]), "width": 1.5},
    ],
    [
        Mistake(
            "Your entropy is equal to `width`; the width is e to the entropy.",
            lambda logits, width: _bisect(lambda tau: _width(logits, tau).log() < width),
        ),
        Mistake(
            "You end at the upper limit of the search: a strip that is too narrow needs more heat, no other.",
            lambda logits, width: _bisect(lambda tau: _width(logits, tau) > width),
        ),
        Mistake(
            "That is 1 / tau: the logits are divided by the temperature.",
            lambda logits, width: 1 / _temperature(logits, width),
        ),
        Mistake(
            "Your entropy is in bits; e to a power wants nats.",
            lambda logits, width: _bisect(lambda tau: _width(logits, tau).log() / math.log(2) < math.log(width)),
        ),
        Mistake(
            "That is the strip's width at a temperature of 1; the temperature was asked for.",
            lambda logits, width: _width(logits, 1.0),
        ),
        Mistake(
            "You end at the lower limit of the search: logits are divided by the temperature, not multiplied.",
            lambda logits, width: _bisect(lambda tau: _width(logits, 1 / tau) < width),
        ),
        Mistake(
            "You measure the width as one over the largest probability; it is e to the entropy.",
            lambda logits, width: _bisect(lambda tau: 1 / (logits / tau).softmax(-1).max() < width),
        ),
        Mistake(
            "You measure the width as one over the sum of the squares; it is e to the entropy.",
            lambda logits, width: _bisect(lambda tau: 1 / (logits / tau).softmax(-1).square().sum() < width),
        ),
        Mistake(
            "Your width is 2 to the entropy; the width is e to it.",
            lambda logits, width: _bisect(lambda tau: 2 ** _width(logits, tau).log() < width),
        ),
        Mistake(
            "You stop at one token more than `width`.",
            lambda logits, width: _temperature(logits, width + 1),
        ),
    ],
    hint=2,
)

EXERCISES: dict[str, Checker] = {
    "ex-logs-two-hundred": two_hundred,
    "ex-logs-padding": unequal_length,
    "ex-logs-bugs": two_bugs,
    "ex-logs-frozen": frozen_product,
    "ex-logs-temperature": temperature,
}
