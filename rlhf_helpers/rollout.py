"""One batch of experience: sampled, cut off at the end token, and paid."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from rlhf_helpers._checks import bounds, check_choice, check_knob, check_ndim, check_tensors, check_token
from rlhf_helpers.losses import kl_estimate
from rlhf_helpers.masks import keep, mask_after_end
from rlhf_helpers.precision import wide
from rlhf_helpers.rewards import Reward, paid_token
from rlhf_helpers.sampling import Policy, ids_called, next_token_logprobs, sample_with, taken


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
    ref_next_logprobs: Tensor | None = None  # (B, T, V), the reference's for every token, not only the one drawn


def check_models(models: Models) -> None:
    """Raise TypeError unless these are :class:`Models`."""
    if not isinstance(models, Models):
        raise TypeError(f"models must be Models(policy, critic), got {type(models).__name__}")


def check_rollout(rollout: Rollout) -> None:
    """Raise TypeError unless this is a :class:`Rollout`."""
    if not isinstance(rollout, Rollout):
        raise TypeError(f"rollout must be a Rollout, as collect gives it, got {type(rollout).__name__}")


def collect(
    models: Models,
    reference: Policy,
    uniforms: Tensor,
    *,
    prompt_ids: Tensor | None = None,
    end_id: int | None = None,
    reward: Reward = paid_token,
    sample_from: str = "policy",
) -> Rollout:
    """Sample a batch and note down everything a loss may want to know about it.

    Args:
        models: the policy, and perhaps a critic.
        reference: the frozen policy.
        uniforms: random numbers in [0, 1), (B, T): one completion for each row.
        prompt_ids: what each completion goes on from, (B, P); token 0 when left out.
        end_id: the token that ends a completion; without it all T tokens count.
        reward: (prompt_ids, completion_ids) -> rewards (B, T); with ``end_id`` it may also return one number for each
            completion (B,), which is paid at the last token that counts. When left out, :func:`token_reward` of the
            completions.
        sample_from: "policy", or "reference" for a method that learns from a fixed source.

    Returns:
        A :class:`Rollout` without gradients.

    Raises:
        TypeError: wrong types, or a reward that returns anything but a tensor of real numbers.
        ValueError: wrong shapes (a reward that returns neither one number for each token nor one for each
            completion), rewards that are not finite, an ``end_id`` outside the vocabulary, or an unknown
            ``sample_from``.

    Example:
        >>> from rlhf_helpers import TinyPolicy
        >>> policy = TinyPolicy(generator=torch.Generator().manual_seed(0))
        >>> uniforms = torch.full((2, 3), 0.5)
        >>> collect(Models(policy), policy, uniforms).completion_ids.shape
        torch.Size([2, 3])
    """
    check_models(models)
    if not callable(reference):
        raise TypeError(f"reference must be a function of ids, got {type(reference).__name__}")
    check_tensors(uniforms=uniforms)
    check_ndim(2, "(B, T)", uniforms=uniforms)
    check_choice("sample_from", sample_from, ("policy", "reference"))
    sampler = models.policy if sample_from == "policy" else reference
    if prompt_ids is None:
        prompt_ids = torch.zeros(uniforms.shape[0], 1, dtype=torch.int64, device=uniforms.device)
    completion_ids = sample_with(sampler, prompt_ids, uniforms)
    with torch.no_grad():
        old_next = next_token_logprobs(sampler, prompt_ids, completion_ids)
        ref_next = old_next if sampler is reference else next_token_logprobs(reference, prompt_ids, completion_ids)
        mask = None
        if end_id is not None:
            check_token("end_id", end_id, old_next.shape[-1])
            mask = mask_after_end(completion_ids, end_id)
        old_logprobs, ref_logprobs = (keep(taken(x, completion_ids), mask) for x in (old_next, ref_next))
        values = None if models.critic is None else keep(state_values(models.critic, prompt_ids, completion_ids), mask)
        rewards = ask_reward(reward, prompt_ids, completion_ids, mask, like=old_logprobs)
    rewards = rewards if rewards.ndim == 2 else paid_at_the_end(rewards, mask)
    return Rollout(prompt_ids, completion_ids, old_logprobs, ref_logprobs, rewards, values, mask, ref_next)


def ask_reward(
    reward: Reward, prompt_ids: Tensor, completion_ids: Tensor, mask: Tensor | None, *, like: Tensor
) -> Tensor:
    """Return what ``reward`` says, where and in what ``like`` is; raise unless it is as :func:`collect` asks."""
    try:
        rewards = reward(prompt_ids, completion_ids)
    except TypeError as error:  # most likely it takes something else
        raise TypeError(f"reward must take (prompt_ids, completion_ids): {error}") from error
    if not isinstance(rewards, Tensor):
        raise TypeError(f"reward must return a torch.Tensor, got {type(rewards).__name__}")
    if rewards.is_complex():
        raise TypeError(f"reward must return real numbers, got {rewards.dtype}")
    tokens, completions = tuple(completion_ids.shape), tuple(completion_ids.shape[:1])
    if rewards.shape != tokens and (mask is None or rewards.shape != completions):
        expected = f"{tokens}" if mask is None else f"{tokens} or {completions}"
        raise ValueError(f"reward must return shape {expected}, got {tuple(rewards.shape)}")
    rewards = rewards.to(like)
    rewards = keep(rewards, mask) if rewards.ndim == 2 else rewards
    found = bounds(rewards)
    if found and not (math.isfinite(found[0]) and math.isfinite(found[1])):
        values = f"values from {found[0]} to {found[1]} in {rewards.dtype}"
        raise ValueError(f"reward must return finite numbers, got {values}")
    return rewards


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
        (B, T), without gradient, float32 for a batch of 16 bits; this is KL in the reward, as k1. On samples of the
        reference itself (``train(..., sample_from="reference")``) the price is 0: there is no pull.

    Raises:
        TypeError: rollout is none, or kl_coeff is not a number.
        ValueError: kl_coeff is negative or not finite, or log-probabilities are not finite.

    Reference:
        Ziegler et al. 2019, arXiv 1909.08593.
    """
    check_rollout(rollout)
    check_knob(kl_coeff=kl_coeff)
    rewards, old, ref = (wide(x) for x in (rollout.rewards, rollout.old_logprobs, rollout.ref_logprobs))
    return rewards - kl_coeff * kl_estimate(old, ref, "k1")


def state_values(critic: Policy, prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    """Return the critic's value before every completion token, (B, T), 16 bits as 32. Gradients flow into it."""
    if not callable(critic):
        raise TypeError(f"critic must be a function of ids, got {type(critic).__name__}")
    ids = torch.cat([prompt_ids, completion_ids], dim=1)[:, :-1]
    with ids_called("prompt_ids and completion_ids"):
        values = critic(ids)
    if not isinstance(values, Tensor) or values.shape != ids.shape:
        found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"critic must return values (B, L) for ids {tuple(ids.shape)}, got {found}")
    return wide(values)[:, prompt_ids.shape[1] - 1 :]
