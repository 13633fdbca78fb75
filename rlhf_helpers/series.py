"""What a run records: every series, defined where it is computed."""

import math

import torch
from torch import Tensor

from rlhf_helpers._checks import check_knob, check_same_shape
from rlhf_helpers.losses import policy_ratio
from rlhf_helpers.masks import check_mask, keep
from rlhf_helpers.precision import wide
from rlhf_helpers.rollout import Rollout, check_rollout
from rlhf_helpers.sampling import Policy, next_token_logprobs


@torch.no_grad()
def measure(policy: Policy, rollout: Rollout) -> dict[str, Tensor]:
    r"""Return the series that every run records, of a batch that the policy wrote.

    With :math:`m` the mask (1 for every token where completions do not end by themselves), :math:`\pi` the policy
    after :math:`y_{<t}` and a *mean* over all tokens that count, :math:`\sum_{i,t} m_{i,t} x_{i,t} / \sum_{i,t}
    m_{i,t}`:

    ============= ================================================================================= ================
    series        meaning                                                                           unit
    ============= ================================================================================= ================
    reward        mean of :math:`r_t`                                                               reward per token
    kl            mean of :math:`\sum_a \pi(a) \log \bigl(\pi(a) / \pi_{\mathrm{ref}}(a)\bigr)`     nats per token
    entropy       mean of :math:`-\sum_a \pi(a) \log \pi(a)`                                        nats per token
    score         mean over completions of :math:`\sum_t m_t r_t`                                   reward
    completion_kl mean over completions of the sum of what ``kl`` averages                          nats
    length        mean over completions of :math:`\sum_t m_t`, the end included                     tokens
    ============= ================================================================================= ================

    The last three are there only where completions end by themselves (``end_id`` of :func:`collect`).

    Args:
        policy: the trained policy as it is now; after an update on the batch no longer the one that sampled it.
        rollout: the batch, from :func:`collect`.

    Returns:
        Scalars by name, without gradient.

    Raises:
        TypeError: rollout is none.
        ValueError: a batch without ``ref_next_logprobs``.

    Example:
        >>> from rlhf_helpers import Models, collect, uniform_policy
        >>> policy = uniform_policy(2)
        >>> rollout = collect(Models(policy), policy, torch.rand(4, 8))
        >>> round(measure(policy, rollout)["entropy"].item(), 4)   # log 2
        0.6931
    """
    check_rollout(rollout)
    if rollout.ref_next_logprobs is None:
        raise ValueError("rollout must have ref_next_logprobs, as collect gives it, got None")
    mask, rewards = rollout.completion_mask, wide(rollout.rewards)
    logprobs = next_token_logprobs(policy, rollout.prompt_ids, rollout.completion_ids)  # (B, T, V)
    probs = logprobs.exp()
    gap = torch.where(probs > 0, logprobs - rollout.ref_next_logprobs, 0.0)  # a probability of zero adds nothing
    kl = (probs * gap).sum(-1)  # (B, T)
    entropy = -(probs * torch.where(probs > 0, logprobs, 0.0)).sum(-1)
    series = {name: _mean(x, mask) for name, x in (("reward", rewards), ("kl", kl), ("entropy", entropy))}
    if mask is not None:
        series["score"] = rewards.sum(1).mean()
        series["completion_kl"] = keep(kl, mask).sum(1).mean()
        series["length"] = mask.sum(1).to(kl.dtype).mean()
    return series


@torch.no_grad()
def ratio_series(
    logprobs: Tensor, old_logprobs: Tensor, completion_mask: Tensor | None = None, *, clip_eps: float
) -> dict[str, Tensor]:
    r"""Return what a method that clips records: how far the policy is from the one that sampled.

    With :math:`\rho_t` of :func:`policy_ratio`, and means over all tokens that count:

    ========== ================================================================== ====
    series     meaning                                                            unit
    ========== ================================================================== ====
    ratio      mean of :math:`\rho_t`                                             none
    clip_share share of the tokens with :math:`|\rho_t - 1| > \epsilon`           none
    ========== ================================================================== ====

    Args:
        logprobs: under the trained policy, (B, T), nats.
        old_logprobs: under the policy that sampled, (B, T), nats.
        completion_mask: (B, T), 1 where a token counts.
        clip_eps: epsilon, the clip range *that the loss used*.

    Returns:
        Two scalars by name, without gradient.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, unmasked values that are not finite, clip_eps negative or NaN.

    Example:
        >>> old = torch.tensor([[0.5, 0.5]]).log()
        >>> new = torch.tensor([[0.9, 0.4]]).log()   # ratios 1.8 and 0.8
        >>> series = ratio_series(new, old, clip_eps=0.3)
        >>> {name: round(x.item(), 2) for name, x in series.items()}
        {'ratio': 1.3, 'clip_share': 0.5}
    """
    check_same_shape(logprobs=logprobs, old_logprobs=old_logprobs)
    check_knob(0.0, math.inf, inclusive=True, clip_eps=clip_eps)
    mask = check_mask(completion_mask, logprobs)
    ratio = policy_ratio(keep(wide(logprobs), mask), keep(wide(old_logprobs), mask))
    clipped = ((ratio - 1).abs() > clip_eps).to(ratio.dtype)
    return {"ratio": _mean(ratio, mask), "clip_share": _mean(clipped, mask)}


def _mean(per_token: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over all tokens that count; no check of values, so that a run that breaks can be recorded."""
    return per_token.mean() if mask is None else keep(per_token, mask).sum() / mask.sum()
