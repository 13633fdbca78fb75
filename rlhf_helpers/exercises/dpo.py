"""Checks of the exercises of the chapter on DPO."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..losses import dpo_loss
from .diagnosis import Checker, function, numbers

NAN, LOG_2 = math.nan, math.log(2)


def _in_one_batch(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float) -> Tensor:
    sums, ref_sums = (mask * logprobs).sum(1), (mask * ref_logprobs).sum(1)
    return dpo_loss(sums[0::2], sums[1::2], ref_sums[0::2], ref_sums[1::2], beta=beta)


def _batch(gap: Tensor, beta: float) -> Tensor:
    return -logsigmoid(beta * (gap[0::2] - gap[1::2])).mean()


def _mean_over_tokens(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float) -> Tensor:
    return _batch((mask * (logprobs - ref_logprobs.detach())).sum(1) / mask.sum(1), beta)


def _halves(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float) -> Tensor:
    chosen, rejected = (mask * (logprobs - ref_logprobs.detach())).sum(1).chunk(2)
    return -logsigmoid(beta * (chosen - rejected)).mean()


def _log_of_sigmoid(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float) -> Tensor:
    gap = (mask * (logprobs - ref_logprobs.detach())).sum(1)
    return -torch.log(torch.sigmoid(beta * (gap[0::2] - gap[1::2]))).mean()


def _uneven(first: float, beta: float) -> dict:
    """Two pairs of uneven lengths; whatever stands in the padding must not count."""
    return {
        "logprobs": torch.tensor([[-1.0, -2.0, -9.0], [-2.0, -9.0, -9.0], [first, -1.0, -0.5], [-1.5, -0.5, -9.0]]),
        "ref_logprobs": torch.tensor([[-1.5, -1.0, -4.0], [-1.0, -4.0, -4.0], [-2.0, -2.0, -1.0], [-1.0, -1.5, -4.0]]),
        "mask": torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 1, 0]]),
        "beta": beta,
    }


def _losses(history: Tensor, reference: Tensor, beta: float = 0.1) -> Tensor:
    gap = history - reference
    return -logsigmoid(beta * (gap[:, 0] - gap[:, 1]))


_HISTORIES = [
    {"history": torch.tensor([[-20.0, -18.0], [-22.0, -25.0], [-25.0, -40.0]])},
    {"history": torch.tensor([[-7.0, -9.0], [-8.0, -7.5], [-6.0, -11.0], [-5.0, -16.0]])},
]


def _resting_places(beta: float, errs: float) -> tuple[float, float]:
    gap = math.log((1 - errs) / errs) / beta
    return gap, 1 / (2 * gap)


EXERCISES: dict[str, Checker] = {
    "ex-dpo-weight": numbers(
        (0.5, 0.25, 0.0, 10.0, LOG_2, 0.0),
        {
            (1.0, 0.5, 0.0, NAN, NAN, NAN): "Those are the values of σ(-βh); the weight has one more factor in front.",
            (0.0, 0.25, 0.5, NAN, NAN, NAN): "You let the settled pair push hardest: the weight is βσ(-βh), with a "
            "minus sign inside.",
            (0.5, 0.5, 0.5, NAN, NAN, NAN): "β is the largest weight, that of a pair ranked completely wrong; the "
            "others push less.",
            (NAN, NAN, NAN, 20.0, NAN, NAN): "The sigmoid sees the margin βh, not h itself.",
            (NAN, NAN, NAN, 10.0, 0.0, 0.0): "A pair without an opinion still costs something: put σ(0) into -log σ.",
            (NAN, NAN, NAN, 0.0, NAN, 10.0): "The two ends are swapped: the pair ranked wrong is the expensive one.",
        },
    ),
    "ex-dpo-batch": function(
        _in_one_batch,
        [_uneven(-1.0, 0.5), _uneven(-300.0, 1.0)],
        {
            "You averaged over the tokens of an answer; its log-probability is the sum.": _mean_over_tokens,
            "The padding is in your sums: the mask has to act before them.": lambda logprobs, ref, mask, beta: _batch(
                (logprobs - ref.detach()).sum(1), beta
            ),
            "You paired the first half of the rows with the second half; rows 2i and 2i + 1 are a pair.": _halves,
            "The reference is missing: measure each answer from where it started.": lambda logprobs, ref, mask, beta: (
                _batch((mask * logprobs).sum(1), beta)
            ),
            "β stands outside of the sigmoid; it belongs to the margin.": lambda logprobs, ref, mask, beta: (
                beta * _batch((mask * (logprobs - ref.detach())).sum(1), 1.0)
            ),
            "You swapped the two: even rows are the chosen answers.": lambda logprobs, ref, mask, beta: _batch(
                -(mask * (logprobs - ref.detach())).sum(1), beta
            ),
            "log(sigmoid(x)) underflows on a pair that is badly wrong; logsigmoid(x) does not.": _log_of_sigmoid,
        },
        gradients=True,
    ),
    "ex-dpo-table": numbers(
        (1.0, 0.0, 2.0),
        {
            (NAN, 1.0, NAN): "That is what the shared features did. In a table no other token comes along.",
            (NAN, 0.1, NAN): "The logit of token 7 stands still, but its probability does not: the softmax divides by "
            "a sum in which z1 has grown.",
            (0.0, NAN, NAN): "Only a feature that it shares could pull the chosen token down. Here its logit "
            "is its own.",
            (NAN, NAN, 10.0): "The softmax lets all ten probabilities move, but log p1 - log p4 = z1 - z4 holds two "
            "logits only.",
            (NAN, NAN, 1.0): "The rejected token has a logit too, and the loss pushes it down.",
        },
    ),
    "ex-dpo-bug": function(
        lambda history: _losses(history, history[:1].detach()),
        _HISTORIES,
        {
            "It still reads log 2 at every update: your reference is the policy of that very moment.": lambda history: (
                _losses(history, history.detach())
            ),
            "Your reference lags one update behind; it has to stay where the run began.": lambda history: _losses(
                history, torch.cat([history[:1], history[:-1]]).detach()
            ),
            "Your reference is the end of the run; the reference is its start.": lambda history: _losses(
                history, history[-1:].detach()
            ),
            "The reference is gone: the first loss is not log 2 anymore.": lambda history: _losses(
                history, torch.zeros(1, 2)
            ),
            "Your reference trains along: it stands at the start, but a gradient runs into it.": lambda history: (
                _losses(history, history[:1])
            ),
        },
        gradients=True,
    ),
    "ex-dpo-smoothing": function(
        _resting_places,
        [{"beta": 0.5, "errs": 0.1}, {"beta": 2.0, "errs": 0.25}],
        {
            "That gap is a margin, βh: divide it by β.": lambda beta, errs: (
                beta * _resting_places(beta, errs)[0],
                1 / (2 * beta * _resting_places(beta, errs)[0]),
            ),
            "You multiplied by β where σ(βh) = 1 - e asks you to divide.": lambda beta, errs: (
                beta**2 * _resting_places(beta, errs)[0],
                1 / (2 * beta**2 * _resting_places(beta, errs)[0]),
            ),
            "That gap solves σ(βh) = e: the chosen answer is the one with 1 - e.": lambda beta, errs: (
                -_resting_places(beta, errs)[0],
                -_resting_places(beta, errs)[1],
            ),
            "The gap is right; IPO stops at h = 1 / (2τ), so τ is not h and not 1 / h.": lambda beta, errs: (
                _resting_places(beta, errs)[0],
                1 / _resting_places(beta, errs)[0],
            ),
        },
    ),
}
