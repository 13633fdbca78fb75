"""Checks of the exercises of the chapter on SPO."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..losses import spo_loss
from .diagnosis import Checker, function, numbers

NAN = math.nan


def _first_push(payout: Tensor, mu: Tensor, nu: Tensor) -> Tensor:
    return mu * (payout - nu @ payout) + nu * (payout - mu @ payout)


_SLOT_MACHINES = [
    {
        "payout": torch.tensor([2.5, 2.0, 1.0]),
        "mu": torch.tensor([0.1, 0.2, 0.7]),
        "nu": torch.tensor([0.05, 0.05, 0.9]),
    },
    {"payout": torch.tensor([1.0, -2.0]), "mu": torch.tensor([0.8, 0.2]), "nu": torch.tensor([0.3, 0.7])},
]


def _pulled(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    scores = rewards - kl_coeff * (logprobs - ref_logprobs)
    return spo_loss(logprobs[:, 0], logprobs[:, 1], scores[:, 0], scores[:, 1])


def _undetached(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    scores = rewards - kl_coeff * (logprobs - ref_logprobs)
    return -((scores[:, 0] - scores[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()


def _only_the_score_trains(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    scores = rewards - kl_coeff * (logprobs - ref_logprobs)
    return -((scores[:, 0] - scores[:, 1]) * (logprobs[:, 0] - logprobs[:, 1]).detach()).mean()


_PAIRS = [
    {
        "logprobs": torch.tensor([[-3.0, -5.0], [-4.0, -2.5]]),
        "ref_logprobs": torch.tensor([[-4.0, -4.5], [-3.0, -3.5]]),
        "rewards": torch.tensor([[1.0, 0.0], [2.0, 3.5]]),
        "kl_coeff": 0.5,
    },
    {
        "logprobs": torch.tensor([[-2.0, -6.0]]),
        "ref_logprobs": torch.tensor([[-3.0, -3.5]]),
        "rewards": torch.tensor([[0.0, 1.0]]),
        "kl_coeff": 0.2,
    },
]


def _rebel(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, beta: float, halves: bool = False) -> Tensor:
    log_ratio, paid = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
    if halves:
        (h, h_b), (r, r_b) = log_ratio.chunk(2), paid.chunk(2)
        return (((h - h_b) - (r - r_b) / beta) ** 2).mean()
    return (((log_ratio[0::2] - log_ratio[1::2]) - (paid[0::2] - paid[1::2]) / beta) ** 2).mean()


_ROWS = {
    "logprobs": torch.tensor([[-1.0, -2.0, -0.5], [-2.0, -1.5, -3.0], [-0.5, -1.0, -2.0], [-3.0, -2.0, -2.5]]),
    "ref_logprobs": torch.tensor([[-1.5, -2.0, -1.5], [-2.0, -2.5, -2.0], [-1.0, -2.0, -2.0], [-2.0, -1.5, -2.0]]),
    "rewards": torch.tensor([[1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 1, 0]]),  # counts: no gradient to ask about
}


EXERCISES: dict[str, Checker] = {
    "ex-spo-loud": numbers(
        (0.05, 1.0),
        {
            (5.0, NAN): "A pull ten times as strong would cancel louder scores. You were asked what louder scores are "
            "like, and they make the pull weak.",
            (0.5, NAN): "With the same pull relative to the old scores nothing would have changed, and the optimum "
            "does: divide 10 r - 0.5 KL by 10.",
            (0.05, 10.0): "The gradient is ten times as large, but Adam divides it by its own size.",
            (0.05, 0.1): "Adam divides by the size of the gradient once, so the factor cancels; it does not turn "
            "around.",
        },
    ),
    "ex-spo-arms": function(
        _first_push,
        _SLOT_MACHINES,
        {
            "You compared each answer with the mean of its own sampler; the baseline is the other answer.": (
                lambda r, m, n: m * (r - m @ r) + n * (r - n @ r)
            ),
            "You counted only the pairs in which the arm is answer a; as answer b it is pushed, too.": lambda r, m, n: (
                m * (r - n @ r)
            ),
            "The baselines are missing: an arm is pushed by the gap of the scores.": lambda r, m, n: (m + n) * r,
            "You left out how often each arm is pulled.": lambda r, m, n: (r - n @ r) + (r - m @ r),
            "You compared with the mean of the payouts, as if all arms were pulled alike.": lambda r, m, n: (
                (m + n) * (r - r.mean())
            ),
        },
    ),
    "ex-spo-bug": function(
        _pulled,
        _PAIRS,
        {
            "The gradient still runs through the score, so the pull acts twice.": _undetached,
            "You detached the reference, which never trains; the policy in the score still pulls a second time.": (
                lambda p, q, r, k: _undetached(p, q.detach(), r, k)
            ),
            "You detached the wrong factor: the score is a number, the log-probabilities are what trains.": (
                _only_the_score_trains
            ),
            "You took the pull out; it has to stay, with its full strength.": lambda p, q, r, k: _pulled(p, q, r, 0),
            "Half the coefficient hides the double pull only where the reference likes both answers alike.": (
                lambda p, q, r, k: _undetached(p, q, r, k / 2)
            ),
            "A bonus for leaving the reference is no pull: the sign of the price is turned.": (
                lambda p, q, r, k: _pulled(p, q, r, -k)
            ),
        },
        gradients=True,
    ),
    "ex-spo-rebel": function(
        _rebel,
        [_ROWS | {"beta": 0.5}, _ROWS | {"beta": 2.0}],
        {
            "The goal for h is the reward gap divided by β, not times β.": (
                lambda p, q, r, beta: _rebel(p, q, r, 1 / beta)
            ),
            "You averaged over the tokens of an answer; its log-probability is the sum, and so is its reward.": (
                lambda p, q, r, beta: _rebel(p / 3, q / 3, r / 3, beta)
            ),
            "The reference is missing: h is the gap of the log ratios.": (
                lambda p, q, r, beta: _rebel(p, 0 * q, r, beta)
            ),
            "You paired the first half of the rows with the second half; rows 2i and 2i + 1 are a pair.": (
                lambda p, q, r, beta: _rebel(p, q, r, beta, halves=True)
            ),
            "The signs of the two gaps differ: the answer that is paid more should become likelier.": (
                lambda p, q, r, beta: _rebel(p, q, -r, beta)
            ),
        },
        gradients=True,
    ),
}
