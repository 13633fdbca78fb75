"""Losses that weigh the log-probabilities of sampled tokens by how good they were."""

import torch
from torch import Tensor

from rlhf_helpers._checks import (
    bounds,
    check_choice,
    check_finite,
    check_knob,
    check_ndim,
    check_same_shape,
    check_tensors,
    given,
)
from rlhf_helpers.losses.terms import (
    KL_KINDS,
    average,
    clipped_surrogate,
    kl_estimate,
    policy_ratio,
    spread_over_tokens,
)
from rlhf_helpers.masks import check_mask, keep
from rlhf_helpers.precision import wide


def baby_ppo_loss(logprobs: Tensor, old_logprobs: Tensor, rewards: Tensor, *, kl_coeff: float = 0.1) -> Tensor:
    r"""Return the smallest loss with a ratio, a reward and a penalty: PPO before it has a clip or an advantage.

    .. math::
        L &= -\operatorname{mean}(\rho\, r) \\
        &\quad\; + \beta \operatorname{mean}(\log \pi_{\mathrm{old}} - \log \pi_\theta)

    Args:
        logprobs: under the trained policy, any shape, nats. Gradients flow.
        old_logprobs: under the policy that sampled, same shape; detached.
        rewards: r, same shape or one for each row; detached.
        kl_coeff: beta, weight of the penalty. The penalty looks back at the *sampling* policy, not at a reference,
            and on-policy its expected gradient is zero.

    Returns:
        A scalar to minimize.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, values that are not finite, kl_coeff negative or NaN.

    Differs from the paper: no clip, no advantage, no reference.

    Example:
        >>> logprobs = torch.tensor([[0.5, 0.5]]).log()
        >>> baby_ppo_loss(logprobs, logprobs, torch.tensor([[1.0, 0.0]]))
        tensor(-0.5000)
    """
    check_same_shape(logprobs=logprobs, old_logprobs=old_logprobs)
    logprobs, old_logprobs = wide(logprobs), wide(old_logprobs)
    ratio = policy_ratio(logprobs, old_logprobs)
    rewards = wide(spread_over_tokens("rewards", rewards, logprobs))
    check_finite(rewards=rewards)
    check_knob(kl_coeff=kl_coeff)
    penalty = (old_logprobs.detach() - logprobs).mean()
    return -(ratio * rewards).mean() + kl_coeff * penalty


def reinforce_loss(
    logprobs: Tensor, advantages: Tensor, completion_mask: Tensor | None = None, *, how: str = "token_mean"
) -> Tensor:
    r"""Return the loss whose gradient is the policy gradient.

    .. math:: L = -\operatorname{mean}\bigl(A_t \log \pi_\theta(y_t)\bigr)

    Args:
        logprobs: under the policy that is trained and that sampled, (B, T), nats. Gradients flow.
        advantages: A, (B, T) or (B,); detached.
        completion_mask: (B, T), 1 where a token counts.
        how: the average, see :func:`aggregate`.

    Returns:
        A scalar to minimize. Its value says nothing about progress; its gradient does.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, unmasked values that are not finite, an unknown ``how``.

    Reference:
        Williams 1992, Simple statistical gradient-following algorithms.

    Example:
        >>> logprobs = torch.tensor([[-1.0, -2.0]])
        >>> reinforce_loss(logprobs, torch.tensor([[1.0, -1.0]]))
        tensor(-0.5000)
    """
    check_tensors(logprobs=logprobs)
    check_ndim(2, "(B, T)", logprobs=logprobs)
    advantages = spread_over_tokens("advantages", advantages, logprobs)
    mask = check_mask(completion_mask, logprobs)
    logprobs, advantages = (keep(wide(tensor), mask) for tensor in (logprobs, advantages))
    check_finite(logprobs=logprobs, advantages=advantages)
    return average("logprobs * advantages", -logprobs * advantages, completion_mask, how)


def ppo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    completion_mask: Tensor | None = None,
    *,
    ref_logprobs: Tensor | None = None,
    kl_coeff: float = 0.1,
    clip_eps: float = 0.2,
    kl_kind: str = "k3",
    how: str = "token_mean",
) -> Tensor:
    r"""Return PPO's clipped loss, with a pull toward a reference where one is given.

    .. math::
        L &= -\operatorname{mean}\bigl[s_t - \beta\, k(\pi_\theta, \pi_{\mathrm{ref}})_t\bigr] \\
        s_t &= \min\bigl(\rho_t A_t,\; \operatorname{clip}(\rho_t, 1 - \epsilon, 1 + \epsilon)\, A_t\bigr)

    Args:
        logprobs: under the trained policy, (B, T), nats. Gradients flow.
        old_logprobs: under the policy that sampled, (B, T); detached.
        advantages: A, (B, T) or (B,); detached, and not whitened.
        completion_mask: (B, T), 1 where a token counts.
        ref_logprobs: under the frozen reference, (B, T); detached. Without it there is no KL term.
        kl_coeff: beta, the pull toward the reference: the price of a nat of KL per token, in units of the advantage.
        clip_eps: epsilon, the clip range; the paper's value is 0.2.
        kl_kind: which estimate the loss holds, see :func:`kl_estimate` for the gradient each one has.
        how: the average, see :func:`aggregate`.

    Returns:
        A scalar to minimize.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, unmasked values that are not finite, knobs negative or NaN, an unknown
            ``kl_kind`` or ``how``, a ratio that overflows.

    Reference:
        Schulman et al. 2017, PPO, arXiv 1707.06347, equation 7; the reference term: Ziegler et al. 2019, arXiv
        1909.08593 (there it is part of the reward).

    Example:
        >>> old = torch.tensor([[0.5, 0.5]]).log()
        >>> new = torch.tensor([[0.9, 0.4]]).log()
        >>> ppo_loss(new, old, torch.tensor([[1.0, -1.0]]))   # -(1.2 - 0.8) / 2
        tensor(-0.2000)
    """
    check_same_shape(logprobs=logprobs, old_logprobs=old_logprobs, **given(ref_logprobs=ref_logprobs))
    check_ndim(2, "(B, T)", logprobs=logprobs)
    advantages = spread_over_tokens("advantages", advantages, logprobs)
    check_knob(kl_coeff=kl_coeff)
    check_choice("kl_kind", kl_kind, KL_KINDS)
    mask = check_mask(completion_mask, logprobs)
    logprobs, old_logprobs, ref_logprobs, advantages = (
        keep(None if tensor is None else wide(tensor), mask)
        for tensor in (logprobs, old_logprobs, ref_logprobs, advantages)
    )
    objective = clipped_surrogate(policy_ratio(logprobs, old_logprobs), advantages, clip_eps=clip_eps)
    if ref_logprobs is not None:
        objective = objective - kl_coeff * kl_estimate(logprobs, ref_logprobs, kl_kind)
    return average("ratio * advantages - kl_coeff * kl", -objective, completion_mask, how)


def grpo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    completion_mask: Tensor | None = None,
    *,
    ref_logprobs: Tensor | None = None,
    kl_coeff: float = 0.04,
    clip_eps: float = 0.2,
    how: str = "sequence_mean",
) -> Tensor:
    r"""Return the loss of group relative policy optimization: PPO's, with a group's own mean as its baseline.

    .. math::
        L &= -\frac1B \sum_i \frac{1}{|y_i|} \sum_t \bigl[s_{i,t} - \beta\, k_{3,i,t}\bigr] \\
        s_{i,t} &= \min\bigl(\rho_{i,t} A_i,\; \operatorname{clip}(\rho_{i,t}, 1 - \epsilon, 1 + \epsilon)\, A_i\bigr)

    Args:
        logprobs: under the trained policy, (B, T), nats. Gradients flow.
        old_logprobs: under the policy that sampled, (B, T); detached.
        advantages: from :func:`group_advantages`, (B,), or (B, T); detached.
        completion_mask: (B, T), 1 where a token counts.
        ref_logprobs: under the frozen reference, (B, T); detached. Without it there is no KL term.
        kl_coeff: beta, the price of a nat of KL per token in units of the advantage, which has lost the reward's own
            unit where it was divided by a standard deviation; the paper's value is 0.04.
        clip_eps: epsilon, the clip range.
        how: the average; the paper's is "sequence_mean", see :func:`aggregate`.

    Returns:
        A scalar to minimize. Near 0 on fresh samples, since advantages average to 0; watch the reward instead.

    Raises:
        TypeError: wrong dtypes.
        ValueError: as :func:`ppo_loss`.

    Reference:
        Shao et al. 2024, DeepSeekMath, arXiv 2402.03300, equations 3 and 4.

    Example:
        >>> logprobs = torch.tensor([[0.5], [0.5]]).log()
        >>> grpo_loss(logprobs, logprobs, torch.tensor([1.0, -1.0])).abs()
        tensor(0.)
    """
    return ppo_loss(
        logprobs,
        old_logprobs,
        advantages,
        completion_mask,
        ref_logprobs=ref_logprobs,
        kl_coeff=kl_coeff,
        clip_eps=clip_eps,
        kl_kind="k3",
        how=how,
    )


def reweighted_ppo_loss(logprobs: Tensor, old_logprobs: Tensor, preference: Tensor) -> Tensor:
    r"""Return "generalized reweighted PPO": the negative log of a ratio mixed with 1.

    .. math:: L = -\operatorname{mean} \log\bigl(p\,\rho + (1 - p)\bigr)

    With p = 1 this is maximum likelihood on the preferred answer, with p = 0 it has no gradient. The gradient is that
    of the log-probability times a weight of at most 1, whatever the preference rests on, so the loss is in no unit of
    reward. It is not what the field calls GRPO: see :func:`grpo_loss`.

    Args:
        logprobs: under the trained policy, any shape, nats. Gradients flow.
        old_logprobs: under the policy that sampled, same shape; detached.
        preference: p in [0, 1], same shape; detached.

    Returns:
        A scalar to minimize, exact for log ratios of any size.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, values that are not finite, preference outside [0, 1].

    Example:
        >>> logprobs, old = torch.tensor([[0.5], [0.25]]).log()
        >>> reweighted_ppo_loss(logprobs, old, torch.tensor([1.0]))
        tensor(-0.6931)
    """
    check_same_shape(logprobs=logprobs, old_logprobs=old_logprobs, preference=preference)
    check_finite(logprobs=logprobs, old_logprobs=old_logprobs, preference=preference)
    logprobs, old_logprobs, preference = (wide(x) for x in (logprobs, old_logprobs, preference.detach()))
    found = bounds(preference)
    if found and not 0 <= found[0] <= found[1] <= 1:
        raise ValueError(f"preference must be in [0, 1], got values from {found[0]} to {found[1]}")
    log_ratio = logprobs - old_logprobs.detach()
    return -torch.logaddexp(preference.log() + log_ratio, torch.log1p(-preference)).mean()
