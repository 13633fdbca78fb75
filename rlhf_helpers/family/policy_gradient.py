"""What does a token weigh? Five answers beside PPO's clip, and one other average."""

import math

import torch
from torch import Tensor

from rlhf_helpers._checks import check_finite, check_knob, check_ndim, check_positive, check_same_shape, check_tensors
from rlhf_helpers.losses import policy_ratio, ppo_loss
from rlhf_helpers.losses.terms import average, spread_over_tokens
from rlhf_helpers.masks import check_mask, keep
from rlhf_helpers.precision import wide


def dr_grpo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    completion_mask: Tensor | None = None,
    *,
    clip_eps: float = 0.2,
) -> Tensor:
    r"""Return GRPO's loss "done right": every token weighs the same, whatever the length of its completion.

    .. math:: L = -\frac{1}{B\,T} \sum_{i,t} m_{i,t}
        \min\bigl(\rho_{i,t} A_i,\; \operatorname{clip}(\rho_{i,t}, 1 - \epsilon, 1 + \epsilon)\, A_i\bigr)

    Args:
        logprobs: under the trained policy, (B, T), nats. Gradients flow.
        old_logprobs: under the policy that sampled, (B, T); detached.
        advantages: from ``group_advantages(..., normalize=False)``, (B,), or (B, T); detached.
        completion_mask: m, (B, T), 1 where a token counts; T is the largest length.
        clip_eps: epsilon, the clip range.

    Returns:
        A scalar to minimize.

    Raises:
        TypeError: wrong dtypes.
        ValueError: as :func:`~rlhf_helpers.ppo_loss`.

    Reference:
        Liu et al. 2025, Understanding R1-Zero-Like Training, arXiv 2503.20783.

    Example:
        >>> zero, mask = torch.zeros(1, 4), torch.tensor([[1., 1., 0., 0.]])
        >>> dr_grpo_loss(zero, zero, torch.tensor([1.0]), mask)   # two tokens of four
        tensor(-0.5000)
    """
    return ppo_loss(logprobs, old_logprobs, advantages, completion_mask, clip_eps=clip_eps, how="fixed_length")


def dapo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    completion_mask: Tensor | None = None,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.28,
    how: str = "token_mean",
) -> Tensor:
    r"""Return DAPO's loss: GRPO's without a reference, with more room upward, and a mean over tokens.

    .. math:: L = -\operatorname{mean} \min\bigl(\rho_t A_t,\;
        \operatorname{clip}(\rho_t, 1 - \epsilon_{\mathrm{low}}, 1 + \epsilon_{\mathrm{high}})\, A_t\bigr)

    The paper's other two lines are about what is sampled and paid: :func:`mixed_groups`, :func:`overlong_penalty`.

    Args:
        logprobs: under the trained policy, (B, T), nats. Gradients flow.
        old_logprobs: under the policy that sampled, (B, T); detached.
        advantages: A, (B, T) or (B,); detached.
        completion_mask: (B, T), 1 where a token counts.
        clip_low: epsilon below 1; the paper's value is 0.2.
        clip_high: epsilon above 1; larger lets rare tokens grow faster. The paper's value is 0.28.
        how: the average, see :func:`~rlhf_helpers.aggregate`.

    Returns:
        A scalar to minimize.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, unmasked values that are not finite, knobs negative or NaN, an unknown ``how``, a
            ratio that overflows.

    Reference:
        Yu et al. 2025, DAPO, arXiv 2503.14476, equation 8.

    Example:
        >>> old, new = torch.tensor([[0.5]]).log(), torch.tensor([[0.9]]).log()
        >>> dapo_loss(new, old, torch.tensor([1.0]))
        tensor(-1.2800)
    """
    check_knob(0.0, math.inf, inclusive=True, clip_low=clip_low, clip_high=clip_high)
    logprobs, old_logprobs, advantages = _tokens(logprobs, old_logprobs, advantages, completion_mask)
    ratio = policy_ratio(logprobs, old_logprobs)
    surrogate = torch.minimum(ratio * advantages, ratio.clamp(1 - clip_low, 1 + clip_high) * advantages)
    return average("ratio * advantages", -surrogate, completion_mask, how)


def gspo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    completion_mask: Tensor | None = None,
    *,
    clip_low: float = 3e-4,
    clip_high: float = 4e-4,
) -> Tensor:
    r"""Return GSPO's loss: one ratio for the whole completion, the geometric mean of its tokens'.

    .. math::
        s_i &= \Bigl(\prod_t \rho_{i,t}\Bigr)^{1 / |y_i|} \\
        L &= -\frac1B \sum_i \min\bigl(s_i A_i,\;
        \operatorname{clip}(s_i, 1 - \epsilon_{\mathrm{low}}, 1 + \epsilon_{\mathrm{high}})\, A_i\bigr)

    Args:
        logprobs: under the trained policy, (B, T), nats. Gradients flow.
        old_logprobs: under the policy that sampled, (B, T); detached.
        advantages: A, (B,); detached.
        completion_mask: (B, T), 1 where a token counts.
        clip_low: epsilon below 1; the paper's value, 3e-4, is made for answers of thousands of tokens.
        clip_high: epsilon above 1; the paper's value is 4e-4.

    Returns:
        A scalar to minimize; a completion without a token that counts adds 0.

    Raises:
        TypeError: wrong dtypes.
        ValueError: as :func:`dapo_loss`, or advantages that are not (B,).

    Reference:
        Zheng et al. 2025, Group Sequence Policy Optimization, arXiv 2507.18071.

    Example:
        >>> old, new = torch.tensor([[0.1, 0.9]]).log(), torch.tensor([[0.4, 0.9]]).log()
        >>> # ratios of 4 and 1: their geometric mean is 2
        >>> gspo_loss(new, old, torch.tensor([1.0]), clip_high=9.0)
        tensor(-2.)
    """
    check_tensors(advantages=advantages)
    check_ndim(1, "(B,)", advantages=advantages)
    each = [_length_mean(x, completion_mask) for x in _tokens(logprobs, old_logprobs, advantages, completion_mask)]
    return dapo_loss(*each, clip_low=clip_low, clip_high=clip_high)  # of completions of one token


def cispo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    completion_mask: Tensor | None = None,
    *,
    max_weight: float = 5.0,
    how: str = "token_mean",
) -> Tensor:
    r"""Return CISPO's loss: the weight is clipped and the token still learns, where PPO's clip silences it.

    .. math:: L = -\operatorname{mean}\bigl[\operatorname{sg}\bigl(\min(\rho_t, c)\bigr)\, A_t
        \log \pi_\theta(y_t)\bigr]

    with sg for "no gradient flows through".

    Args:
        logprobs: under the trained policy, (B, T), nats. Gradients flow.
        old_logprobs: under the policy that sampled, (B, T); detached.
        advantages: A, (B, T) or (B,); detached.
        completion_mask: (B, T), 1 where a token counts.
        max_weight: c, the largest weight *itself*, not its distance from 1. 5 is a value used with TRL, where the
            knob is called ``epsilon_high``; left at its default there it is 0.2, and every fresh token weighs 0.2.
        how: the average, see :func:`~rlhf_helpers.aggregate`.

    Returns:
        A scalar to minimize. Its value says nothing about progress; its gradient does.

    Raises:
        TypeError: wrong dtypes.
        ValueError: as :func:`dapo_loss`.

    Differs from the paper: no lower limit, which the paper sets so low that it never acts.

    Reference:
        MiniMax 2025, MiniMax-M1, arXiv 2506.13585.

    Example:
        >>> old, new = torch.tensor([[0.1]]).log(), torch.tensor([[0.9]]).log().requires_grad_()
        >>> cispo_loss(new, old, torch.tensor([1.0])).backward()
        >>> new.grad   # minus the weight: 5, not the ratio of 9, nor 0 as with a clip
        tensor([[-5.]])
    """
    check_knob(0.0, math.inf, inclusive=True, max_weight=max_weight)
    logprobs, old_logprobs, advantages = _tokens(logprobs, old_logprobs, advantages, completion_mask)
    weight = policy_ratio(logprobs, old_logprobs).detach().clamp(max=max_weight)
    return average("weight * advantages * logprobs", -weight * advantages * logprobs, completion_mask, how)


def sapo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    completion_mask: Tensor | None = None,
    *,
    tau_positive: float = 1.0,
    tau_negative: float = 1.05,
    how: str = "sequence_mean",
) -> Tensor:
    r"""Return SAPO's loss: the clip's hard edge is a sigmoid.

    .. math::
        f_t &= \frac{4}{\tau}\, \sigma\bigl(\tau (\rho_t - 1)\bigr) \\
        L &= -\operatorname{mean}(f_t A_t)

    Its slope at a ratio of 1 is 1, as PPO's, and it fades on both sides, whichever way a token is pushed.

    Args:
        logprobs: under the trained policy, (B, T), nats. Gradients flow.
        old_logprobs: under the policy that sampled, (B, T); detached.
        advantages: A, (B, T) or (B,); detached.
        completion_mask: (B, T), 1 where a token counts.
        tau_positive: tau where A > 0; larger fades sooner. TRL's value is 1.
        tau_negative: tau elsewhere; TRL's value is 1.05.
        how: the average, see :func:`~rlhf_helpers.aggregate`.

    Returns:
        A scalar to minimize.

    Raises:
        TypeError: wrong dtypes.
        ValueError: as :func:`dapo_loss`; a tau that is not greater than 0.

    Reference:
        Gao et al. 2025, Soft Adaptive Policy Optimization, arXiv 2511.20347.

    Example:
        >>> zero = torch.zeros(1, 1)
        >>> sapo_loss(zero, zero, torch.tensor([1.0]))   # at a ratio of 1: 4 times one half
        tensor(-2.)
    """
    check_positive(tau_positive=tau_positive, tau_negative=tau_negative)
    logprobs, old_logprobs, advantages = _tokens(logprobs, old_logprobs, advantages, completion_mask)
    tau = torch.where(advantages > 0, tau_positive, tau_negative + 0 * advantages)
    gate = 4 / tau * torch.sigmoid(tau * (policy_ratio(logprobs, old_logprobs) - 1))
    return average("gate * advantages", -gate * advantages, completion_mask, how)


def dppo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    completion_mask: Tensor | None = None,
    *,
    max_move: float = 0.2,
    how: str = "token_mean",
) -> Tensor:
    r"""Return DPPO's loss: a token stops when its *probability* has moved far enough, not its ratio.

    .. math:: L = -\operatorname{mean}\bigl(\rho_t A_t\, \mathbb{1}[\operatorname{sign}(A_t)
        (\pi_\theta(y_t) - \pi_{\mathrm{old}}(y_t)) \le \delta]\bigr)

    From 0.001 to 0.002 is a ratio of 2 and no move at all; from 0.99 to 0.8 is a ratio of 0.81 and a large one.

    Args:
        logprobs: under the trained policy, (B, T), nats. Gradients flow.
        old_logprobs: under the policy that sampled, (B, T); detached.
        advantages: A, (B, T) or (B,); detached.
        completion_mask: (B, T), 1 where a token counts.
        max_move: delta, in probability; 0.2 in SkyRL, prime-rl and verl.
        how: the average, see :func:`~rlhf_helpers.aggregate`.

    Returns:
        A scalar to minimize.

    Raises:
        TypeError: wrong dtypes.
        ValueError: as :func:`dapo_loss`.

    Differs from the paper: of its distances, the one in total variation between {this token, any other}.

    Reference:
        Qi et al. 2026, Rethinking the Trust Region in LLM Reinforcement Learning, arXiv 2602.04879.

    Example:
        >>> old, new = torch.tensor([[0.001, 0.1]]).log(), torch.tensor([[0.002, 0.4]]).log()
        >>> dppo_loss(new, old, torch.tensor([1.0]))   # -(2 + 0) / 2
        tensor(-1.)
    """
    check_knob(0.0, math.inf, inclusive=True, max_move=max_move)
    logprobs, old_logprobs, advantages = _tokens(logprobs, old_logprobs, advantages, completion_mask)
    moved = (logprobs.exp() - old_logprobs.exp()).detach()
    surrogate = policy_ratio(logprobs, old_logprobs) * advantages * (advantages.sign() * moved <= max_move)
    return average("ratio * advantages", -surrogate, completion_mask, how)


def _tokens(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, completion_mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a loss's tensors, checked: (B, T) each, 0 where the mask is, constants without gradient."""
    check_same_shape(logprobs=logprobs, old_logprobs=old_logprobs)
    check_ndim(2, "(B, T)", logprobs=logprobs)
    advantages = spread_over_tokens("advantages", advantages, logprobs)
    mask = check_mask(completion_mask, logprobs)
    logprobs, old_logprobs, advantages = (
        keep(wide(tensor), mask) for tensor in (logprobs, old_logprobs.detach(), advantages)
    )
    check_finite(advantages=advantages)
    return logprobs, old_logprobs, advantages


def _length_mean(per_token: Tensor, completion_mask: Tensor | None) -> Tensor:
    """Return the mean over each completion's tokens, (B, 1); what is masked is 0 already."""
    counts = torch.ones_like(per_token) if completion_mask is None else (completion_mask != 0).to(per_token.dtype)
    return per_token.sum(1, keepdim=True) / counts.sum(1, keepdim=True).clamp(min=1)
