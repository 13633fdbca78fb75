"""One batch of experience: sampled, cut off at the end token, paid, and measured."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from rlhf_helpers._checks import check_choice, check_knob, check_same_shape
from rlhf_helpers.losses import kl_estimate
from rlhf_helpers.masks import keep, mask_after_end
from rlhf_helpers.rewards import token_reward
from rlhf_helpers.sampling import Policy, next_token_logprobs, sample_with, taken


class Models(NamedTuple):
    """What is trained: a policy, and a critic where the method uses one."""

    policy: Policy  # ids (B, L) -> logits (B, L, V)
    critic: Policy | None = None  # ids (B, L) -> values (B, L)


class Rollout(NamedTuple):
    """One batch of experience; everything in it is a constant for the loss.

    Where completions end by themselves, everything after the end is 0, and the mask says so.
    """

    prompt_ids: Tensor  # (B, P)
    completion_ids: Tensor  # (B, T)
    old_logprobs: Tensor  # (B, T), under the policy that sampled
    ref_logprobs: Tensor  # (B, T), under the frozen reference
    rewards: Tensor  # (B, T)
    values: Tensor | None  # (B, T), the critic's, before each token
    completion_mask: Tensor | None = None  # (B, T), 1 where a token counts; None if all of them do
    old_next_logprobs: Tensor | None = None  # (B, T, V), what each token was drawn from, for `measure`
    ref_next_logprobs: Tensor | None = None  # (B, T, V), and what the reference would have drawn it from


def collect(
    models: Models,
    reference: Policy,
    uniforms: Tensor,
    *,
    prompt_ids: Tensor | None = None,
    end_id: int | None = None,
    reward: Callable[..., Tensor] = token_reward,
    sample_from: str = "policy",
) -> Rollout:
    """Sample a batch and note down everything a loss may want to know about it.

    Args:
        models: the policy, and perhaps a critic.
        reference: the frozen policy.
        uniforms: random numbers in [0, 1), (B, T): one completion for each row.
        prompt_ids: what each completion goes on from, (B, P); token 0 when left out.
        end_id: the token that ends a completion; without it all T tokens count.
        reward: completion_ids (B, T) -> rewards (B, T); with ``end_id`` it may also return one number for each
            completion (B,), which is paid at the last token that counts. Given ``prompt_ids``, it gets them first:
            (prompt_ids, completion_ids).
        sample_from: "policy", or "reference" for a method that learns from a fixed source.

    Returns:
        A :class:`Rollout` without gradients.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes (a reward that returns neither one number for each token nor one for each
            completion), or an unknown ``sample_from``.

    Example:
        >>> from rlhf_helpers import TinyPolicy
        >>> policy = TinyPolicy(generator=torch.Generator().manual_seed(0))
        >>> uniforms = torch.full((2, 3), 0.5)
        >>> collect(Models(policy), policy, uniforms).completion_ids.shape
        torch.Size([2, 3])
    """
    check_choice("sample_from", sample_from, ("policy", "reference"))
    sampler = models.policy if sample_from == "policy" else reference
    prompts = torch.zeros(uniforms.shape[0], 1, dtype=torch.int64) if prompt_ids is None else prompt_ids
    completion_ids = sample_with(sampler, prompts, uniforms)
    mask = None if end_id is None else mask_after_end(completion_ids, end_id)
    with torch.no_grad():
        old_next = next_token_logprobs(sampler, prompts, completion_ids)
        ref_next = old_next if sampler is reference else next_token_logprobs(reference, prompts, completion_ids)
        old_logprobs, ref_logprobs = (keep(taken(x, completion_ids), mask) for x in (old_next, ref_next))
        values = None if models.critic is None else keep(state_values(models.critic, prompts, completion_ids), mask)
        rewards = reward(completion_ids) if prompt_ids is None else reward(prompt_ids, completion_ids)
    rewards = rewards.to(old_logprobs.dtype)
    if mask is not None and rewards.shape == mask.shape[:1]:
        rewards = paid_at_the_end(rewards, mask)
    check_same_shape(rewards=rewards, completion_logprobs=old_logprobs)
    rewards = keep(rewards, mask)
    return Rollout(prompts, completion_ids, old_logprobs, ref_logprobs, rewards, values, mask, old_next, ref_next)


def paid_at_the_end(scores: Tensor, mask: Tensor) -> Tensor:
    """Return scores (B,) as rewards (B, T): the whole score at the last token that counts, 0 elsewhere."""
    following = torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], dim=1)
    return torch.where(mask & ~following, scores[:, None], 0.0)


def shaped_rewards(rollout: Rollout, kl_coeff: float) -> Tensor:
    r"""Return the rewards of a batch minus the price of leaving the reference.

    .. math:: r_t - \beta \bigl(\log \pi_{\mathrm{old}}(y_t) - \log \pi_{\mathrm{ref}}(y_t)\bigr)

    Args:
        rollout: the batch.
        kl_coeff: beta.

    Returns:
        (B, T), without gradient; this is KL in the reward, as k1. On samples of the reference itself
        (``train(..., sample_from="reference")``) the price is 0: there is no pull.

    Reference:
        Ziegler et al. 2019, arXiv 1909.08593.
    """
    check_knob(kl_coeff=kl_coeff)
    return rollout.rewards - kl_coeff * kl_estimate(rollout.old_logprobs, rollout.ref_logprobs, "k1")


def state_values(critic: Policy, prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    """Return the critic's value before every completion token, (B, T). Gradients flow into it."""
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    return critic(ids[:, :-1])[:, prompt_ids.shape[1] - 1 :]


@torch.no_grad()
def measure(rollout: Rollout, logprobs: Tensor | None = None, *, clip_eps: float = 0.2) -> dict[str, Tensor]:
    """Return the series of a batch that every run records, as ``History`` defines them.

    Args:
        rollout: the batch, from :func:`collect`.
        logprobs: the policy's :func:`next_token_logprobs` on it, (B, T, V). Left out, the policy that sampled.
        clip_eps: the clip range, for ``clip_share``.
    """
    logprobs = rollout.old_next_logprobs if logprobs is None else logprobs
    mask = rollout.completion_mask
    ratio = (keep(taken(logprobs, rollout.completion_ids), mask) - rollout.old_logprobs).exp()
    probs = logprobs.exp()
    gap = torch.where(probs > 0, logprobs - rollout.ref_next_logprobs, 0.0)  # a probability of zero adds nothing
    entropy = -(probs * torch.where(probs > 0, logprobs, 0.0)).sum(-1)

    kl = (probs * gap).sum(-1)  # (B, T)

    def mean(per_token: Tensor) -> Tensor:
        return per_token.mean() if mask is None else keep(per_token, mask).sum() / mask.sum()

    series = {
        "reward": mean(rollout.rewards),
        "kl": mean(kl),
        "entropy": mean(entropy),
        "ratio": mean(ratio),
        "clip_share": mean(((ratio - 1).abs() > clip_eps).to(ratio.dtype)),
    }
    if mask is not None:
        series["score"] = rollout.rewards.sum(1).mean()
        series["completion_kl"] = keep(kl, mask).sum(1).mean()
        series["length"] = mask.sum(1).to(ratio.dtype).mean()
    return series
