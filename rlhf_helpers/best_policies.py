"""What comes of trusting scores: the best policy for them at every price, and the best of n samples, exactly."""

from itertools import combinations_with_replacement
from math import lgamma, log

import torch
from torch import Tensor

from rlhf_helpers._checks import (
    check_count,
    check_finite,
    check_law,
    check_ndim,
    check_positive,
    check_same_shape,
)
from rlhf_helpers.feedback import earlier_occurrences
from rlhf_helpers.precision import wide
from rlhf_helpers.ties import tied


def every_count(vocab_size: int = 10, completion_length: int = 8) -> tuple[Tensor, Tensor]:
    r"""Return all ways to fill a completion, up to order, and how likely each is under the uniform policy.

    .. math:: P(n) = \frac{T!}{n_1! \cdots n_V!}\, V^{-T}

    Args:
        vocab_size: V.
        completion_length: T.

    Returns:
        ``(ids, logprobs)``: one completion of each kind (K, T) int64, its tokens in order, and the log-probability of
        its kind (K,), nats. For V = 10 and T = 8, K is 24,310 where completions are 100,000,000.

    Raises:
        TypeError: sizes that are not whole numbers.
        ValueError: sizes below 1.

    Example:
        >>> ids, logprobs = every_count(2, 2)
        >>> ids.tolist(), [round(p, 4) for p in logprobs.exp().tolist()]
        ([[0, 0], [0, 1], [1, 1]], [0.25, 0.5, 0.25])
    """
    check_count(vocab_size=vocab_size, completion_length=completion_length)
    ids = torch.tensor(list(combinations_with_replacement(range(vocab_size), completion_length)))  # (K, T)
    # the n-th occurrence of a token divides the number of orders by n
    repeats = (earlier_occurrences(ids) + 1).double().log().sum(-1)
    all_orders = lgamma(completion_length + 1) - completion_length * log(vocab_size)
    return ids, all_orders - repeats


def tilt(logprobs: Tensor, scores: Tensor, kl_coeff: float) -> tuple[Tensor, Tensor]:
    r"""Return the best policy for given scores, and its KL to where it comes from.

    .. math:: \pi(y) \propto \pi_{\mathrm{ref}}(y)\, e^{s(y) / \beta}

    Args:
        logprobs: log-probabilities of the reference, (K,), nats.
        scores: (K,).
        kl_coeff: beta, the price of a nat for a whole completion; greater than 0.

    Returns:
        ``(probs, kl)``: (K,), and a scalar in nats; float32 for 16 bits.

    Raises:
        TypeError: wrong types.
        ValueError: unlike shapes, logprobs that are none, scores that are not finite, or kl_coeff not greater than 0.

    Example:
        >>> probs, kl = tilt(torch.tensor([0.5, 0.5]).log(), torch.tensor([0.0, 1.0]), 1.0)
        >>> probs
        tensor([0.2689, 0.7311])
    """
    _check_law(logprobs, scores)
    check_positive(kl_coeff=kl_coeff)
    logprobs = wide(logprobs)
    tilted = (logprobs + wide(scores) / kl_coeff).log_softmax(-1)
    probs = tilted.exp()
    gap = torch.where(probs > 0, tilted - logprobs, 0.0)  # a probability of zero adds nothing
    return probs, (probs * gap).sum()


def best_of_n(logprobs: Tensor, scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    r"""Return the distribution of the best of n samples, and its exact KL to the reference.

    .. math:: P(\text{level } v) = F(v)^n - F(v^-)^n

    F(v) is the probability of a score of at most v. Samples that tie for the best are equally likely to be taken, so
    within a level of the score the reference keeps its proportions, and

    .. math:: \mathrm{KL} = \sum_v P(v) \log \frac{P(v)}{F(v) - F(v^-)} \le \log n - \frac{n - 1}{n}.

    Args:
        logprobs: log-probabilities of the reference, (K,), nats.
        scores: (K,); those that tie (see ``ties.py``) are one level.
        n: number of samples.

    Returns:
        ``(probs, kl)``: (K,), and a scalar in nats, both in float64.

    Raises:
        TypeError: wrong types.
        ValueError: unlike shapes, logprobs that are none, scores that are not finite, or n below 1.

    Reference:
        Beirami et al. 2024, arXiv 2401.01879, theorem 3.1: the bound is met only without ties.

    Example:
        >>> fair = torch.tensor([0.5, 0.5], dtype=torch.float64).log()
        >>> probs, kl = best_of_n(fair, torch.tensor([0.0, 1.0]), 4)
        >>> probs.tolist()
        [0.0625, 0.9375]
    """
    _check_law(logprobs, scores)
    check_count(n=n)
    ranked, order = scores.sort()
    probs = logprobs.double().exp()
    level = torch.cat([torch.zeros_like(order[:1]), (~tied(ranked[1:], ranked[:-1])).cumsum(0)])  # low to high
    level_probs = torch.zeros_like(probs).scatter_add(0, level, probs[order])  # there are at most K levels
    upto = level_probs.cumsum(0).clamp(max=1.0)
    below = torch.cat([torch.zeros_like(upto[:1]), upto[:-1]])
    won = upto**n - below**n
    ratio = won / level_probs.clamp(min=torch.finfo(won.dtype).tiny)
    kl = torch.where(won > 0, won * ratio.clamp(min=torch.finfo(won.dtype).tiny).log(), 0.0).sum()
    return probs * ratio[level][order.argsort()], kl


def _check_law(logprobs: Tensor, scores: Tensor) -> None:
    check_same_shape(logprobs=logprobs, scores=scores)
    check_ndim(1, "(K,)", logprobs=logprobs)
    check_law(logprobs=logprobs)
    check_finite(scores=scores)
