"""The pieces that losses are made of: a KL estimate, a clipped surrogate, an average."""

import math

import torch
from torch import Tensor

from rlhf_helpers._checks import (
    bounds,
    check_choice,
    check_finite,
    check_knob,
    check_ndim,
    check_same_device,
    check_same_shape,
    check_tensors,
)
from rlhf_helpers.masks import check_mask, keep
from rlhf_helpers.precision import wide

KL_KINDS = ("k1", "k2", "k3")
AGGREGATIONS = ("token_mean", "sequence_mean", "fixed_length")


def kl_estimate(logprobs: Tensor, ref_logprobs: Tensor, kind: str = "k3") -> Tensor:
    r"""Estimate KL(policy || reference) at every token drawn from the policy.

    .. math::
        r &= \frac{\pi_{\mathrm{ref}}(y_t)}{\pi_\theta(y_t)} \\
        k_1 &= -\log r \\
        k_2 &= \tfrac12 (\log r)^2 \\
        k_3 &= (r - 1) - \log r

    The means of k1 and k3 are the KL; k2 is close where the policies are. As a term of a *loss* on the policy's own
    samples their gradients differ: k1 gives 0, k2 that of KL(policy || reference), k3 that of KL(reference || policy).

    Args:
        logprobs: log-probabilities of the sampled tokens under the policy, any shape, nats. Gradients flow.
        ref_logprobs: the same under the reference, same shape; detached.
        kind: "k1", "k2" or "k3".

    Returns:
        The estimate for each token, shape of ``logprobs``, nats. k1 can be negative, k2 and k3 cannot.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, an unknown kind, log-probabilities that are not finite, or a ratio that overflows.

    Reference:
        Schulman 2020, Approximating KL divergence.

    Example:
        >>> logprobs, ref_logprobs = torch.tensor([[0.5], [0.25]]).log()
        >>> kl_estimate(logprobs, ref_logprobs, "k1")   # log 2
        tensor([0.6931])
    """
    check_same_shape(logprobs=logprobs, ref_logprobs=ref_logprobs)
    log_ratio = ref_logprobs.detach() - logprobs
    largest = check_difference(log_ratio, logprobs=logprobs, ref_logprobs=ref_logprobs)
    check_choice("kind", kind, KL_KINDS)
    if kind == "k1":
        return -log_ratio
    if kind == "k2":
        return 0.5 * log_ratio**2
    check_overflow("ref_logprobs - logprobs", log_ratio.dtype, largest)
    return torch.expm1(log_ratio) - log_ratio


def policy_ratio(logprobs: Tensor, old_logprobs: Tensor) -> Tensor:
    r"""Return how much more likely each token is now than when it was sampled.

    .. math:: \rho_t = \exp\bigl(\log \pi_\theta(y_t) - \log \pi_{\mathrm{old}}(y_t)\bigr)

    Args:
        logprobs: under the trained policy, any shape, nats. Gradients flow.
        old_logprobs: under the policy that sampled, same shape; detached.

    Returns:
        The ratio, same shape; 1 where nothing changed.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, log-probabilities that are not finite, or a ratio too large for its dtype.

    Reference:
        Schulman et al. 2017, PPO, arXiv 1707.06347, section 3.

    Example:
        >>> policy_ratio(torch.tensor([0.5]).log(), torch.tensor([0.25]).log())
        tensor([2.])
    """
    check_same_shape(logprobs=logprobs, old_logprobs=old_logprobs)
    log_ratio = logprobs - old_logprobs.detach()
    largest = check_difference(log_ratio, logprobs=logprobs, old_logprobs=old_logprobs)
    check_overflow("logprobs - old_logprobs", log_ratio.dtype, largest)
    return log_ratio.exp()


def clipped_surrogate(ratio: Tensor, advantages: Tensor, *, clip_eps: float = 0.2) -> Tensor:
    r"""Return PPO's objective for each token, to be maximized.

    .. math:: \min\bigl(\rho A,\; \operatorname{clip}(\rho, 1 - \epsilon, 1 + \epsilon)\, A\bigr)

    The clip stops the gradient of a token that has already moved far enough; it does not bound the ratio.

    Args:
        ratio: rho, any shape. Gradients flow.
        advantages: A, same shape, or one for each row; detached.
        clip_eps: epsilon; larger allows larger updates, ``math.inf`` never clips. The paper's value is 0.2.

    Returns:
        The objective, shape of ``ratio``, in units of the advantage.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, values that are not finite, clip_eps negative or NaN.

    Reference:
        Schulman et al. 2017, PPO, arXiv 1707.06347, equation 7.

    Example:
        >>> ratio = torch.tensor([1.5, 1.5])
        >>> clipped_surrogate(ratio, torch.tensor([1.0, -1.0]))
        tensor([ 1.2000, -1.5000])
    """
    check_tensors(ratio=ratio)
    advantages = spread_over_tokens("advantages", advantages, ratio)
    check_finite(ratio=ratio, advantages=advantages)
    check_knob(0.0, math.inf, inclusive=True, clip_eps=clip_eps)
    clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
    return torch.minimum(ratio * advantages, clipped * advantages)


def aggregate(per_token: Tensor, completion_mask: Tensor | None = None, how: str = "token_mean") -> Tensor:
    r"""Reduce a value per token to one number; which average is a choice that changes what is trained.

    .. math::
        \mathrm{token\_mean} &= \frac{\sum_{i,t} m_{i,t} x_{i,t}}{\sum_{i,t} m_{i,t}} \\[1ex]
        \mathrm{sequence\_mean} &= \frac1B \sum_i \frac{\sum_t m_{i,t} x_{i,t}}{\sum_t m_{i,t}} \\[1ex]
        \mathrm{fixed\_length} &= \frac{\sum_{i,t} m_{i,t} x_{i,t}}{B\,T}

    Args:
        per_token: x, (B, T). Gradients flow where the mask is 1.
        completion_mask: m, (B, T), 1 where a token counts; whatever is masked may be NaN.
        how: "token_mean" (every token weighs the same), "sequence_mean" (every completion weighs the same; a fully
            masked row stays in the denominator and adds 0), "fixed_length" (divides by B * T).

    Returns:
        A scalar in the unit of ``per_token``, float32 for numbers of 16 bits; 0 where everything is masked.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, unmasked values that are not finite, an unknown ``how``.

    Reference:
        sequence_mean: Shao et al. 2024, arXiv 2402.03300, equation 3; token_mean: Yu et al. 2025 (DAPO), arXiv
        2503.14476; fixed_length: Liu et al. 2025 (Dr. GRPO), arXiv 2503.20783.

    Example:
        >>> x = torch.tensor([[1., 9.], [2., 4.]])
        >>> mask = torch.tensor([[1., 0.], [1., 1.]])
        >>> hows = ("token_mean", "sequence_mean", "fixed_length")
        >>> [round(aggregate(x, mask, how).item(), 2) for how in hows]
        [2.33, 2.0, 1.75]
    """
    return average("per_token", per_token, completion_mask, how)


def average(name: str, per_token: Tensor, completion_mask: Tensor | None, how: str = "token_mean") -> Tensor:
    """Return :func:`aggregate` of something that the caller knows as ``name``."""
    check_tensors(**{name: per_token})
    check_ndim(2, "(B, T)", **{name: per_token})
    check_choice("how", how, AGGREGATIONS)
    mask = check_mask(completion_mask, per_token)
    per_token = keep(wide(per_token), mask)
    check_finite(**{name: per_token})
    counts = torch.ones_like(per_token) if mask is None else mask.to(per_token.dtype)
    if how == "token_mean":
        return per_token.sum() / counts.sum().clamp(min=1)
    if how == "sequence_mean":
        return (per_token.sum(1) / counts.sum(1).clamp(min=1)).mean()
    return per_token.mean()


def spread_over_tokens(name: str, signal: Tensor, like: Tensor) -> Tensor:
    """Return a detached signal in the shape of ``like``: as it is, or one value for each row (B,) repeated over T."""
    check_tensors(**{name: signal})
    check_same_device(**{name: signal}, tokens=like)
    if signal.shape == like.shape:
        return signal.detach()
    if signal.ndim == 1 and like.ndim == 2 and signal.shape[0] == like.shape[0]:
        return signal.detach()[:, None].expand_as(like)
    expected = {name: tuple(signal.shape), "tokens": tuple(like.shape)}
    raise ValueError(f"shapes must match (or {name} be one value for each row), got {expected}")


def check_difference(difference: Tensor, **parts: Tensor) -> float | None:
    """Return the largest number of a difference, None where not known; raise :func:`check_finite` of its parts.

    A difference is finite only where both parts are, so one look at it is enough.
    """
    found = bounds(difference)
    if found is None:
        return None
    if not (math.isfinite(found[0]) and math.isfinite(found[1])):
        check_finite(**parts)
    return found[1]


def check_overflow(name: str, dtype: torch.dtype, largest: float | None) -> None:
    """Raise ValueError where ``exp`` of the largest log ratio would be infinite, and its gradient NaN."""
    limit = math.log(torch.finfo(dtype).max)
    if largest is not None and largest > limit:
        raise ValueError(
            f"{name} must be at most {limit:.1f} for {dtype}, got {largest:.1f}: "
            "the ratio overflows, the policy has moved too far (lower the learning rate)"
        )
