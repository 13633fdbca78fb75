"""Methods that weigh what was sampled by how good it was."""

import torch

from rlhf_helpers._checks import check_choice, check_knob
from rlhf_helpers.advantages import gae, group_advantages, rloo_advantages
from rlhf_helpers.losses import baby_ppo_loss, grpo_loss, ppo_loss, reinforce_loss, value_loss
from rlhf_helpers.methods.batch import Outcome, batch_logprobs, completion_rewards, in_groups
from rlhf_helpers.rollout import Models, Rollout, shaped_rewards, state_values
from rlhf_helpers.series import ratio_series
from rlhf_helpers.ties import tied


def baby_ppo(models: Models, rollout: Rollout, *, kl_coeff: float) -> Outcome:
    """Return :func:`baby_ppo_loss` of a batch: ratio times reward, and a penalty toward the policy that sampled.

    The loss takes no mask: tokens behind an end are zeros in its mean.

    Args:
        models: its policy is trained.
        rollout: the batch.
        kl_coeff: weight of the penalty; its KL is to the policy that sampled, see ``rlhf_helpers.methods``.

    Returns:
        ``(loss, {})``.

    Raises:
        TypeError: no :class:`Models`, no :class:`Rollout`, wrong types.
        ValueError: a kl_coeff that is negative or NaN, a ratio that overflows.

    Differs from the paper: no clip, no advantage, no reference.

    Reference:
        Schulman et al. 2017, PPO, arXiv 1707.06347.
    """
    logprobs = batch_logprobs(models, rollout)
    return baby_ppo_loss(logprobs, rollout.old_logprobs, rollout.rewards, kl_coeff=kl_coeff), {}


def ppo(
    models: Models,
    rollout: Rollout,
    *,
    kl_coeff: float,
    clip_eps: float = 0.2,
    kl_in: str = "reward",
    kl_kind: str = "k2",
    lam: float = 0.95,
    value_coeff: float = 1.0,
) -> Outcome:
    r"""Return PPO's loss of a batch: clipped surrogate, KL, and a baseline.

    Without a critic the baseline at each position is the batch's mean of what is still to be paid; with one it is the
    critic's value, and the advantages are :func:`gae`'s.

    Args:
        models: policy and critic are trained.
        rollout: the batch.
        kl_coeff: the pull toward the reference: the price of a nat of the completion's KL, in units of reward, with
            ``kl_in="reward"``; of another KL with "loss", see ``rlhf_helpers.methods``.
        clip_eps: the clip range; ``math.inf`` never clips.
        kl_in: "reward" pays ``-kl_coeff * k1`` at every token (a constant for the gradient); "loss" adds ``kl_coeff *
            kl_estimate(..., kl_kind)`` to the loss.
        kl_kind: the estimate, for ``kl_in="loss"``.
        lam: lambda of :func:`gae`, with a critic.
        value_coeff: weight of the critic's loss, with a critic.

    Returns:
        ``(loss, series)``: those of :func:`ratio_series`, and with a critic its ``value_loss``, the mean of
        :math:`\tfrac12 (V_t - R_t)^2` over the tokens that count, in units of reward squared.

    Raises:
        TypeError: no :class:`Models`, no :class:`Rollout`, wrong types.
        ValueError: knobs out of range, an unknown ``kl_in`` or ``kl_kind``, a ratio that overflows.

    Differs from the paper: every update takes the whole batch, not a part of it; without a critic the baseline is the
    batch's mean; there is no bonus for entropy, and gamma is 1. The KL comes from RLHF, where its coefficient was
    adapted during the run; here it is fixed.

    Reference:
        Schulman et al. 2017, PPO, arXiv 1707.06347; KL in the reward: Ziegler et al. 2019, arXiv 1909.08593.
    """
    check_choice("kl_in", kl_in, ("reward", "loss"))
    check_knob(kl_coeff=kl_coeff, value_coeff=value_coeff)
    check_knob(0.0, 1.0, inclusive=True, lam=lam)
    logprobs, mask = batch_logprobs(models, rollout), rollout.completion_mask
    series = ratio_series(logprobs, rollout.old_logprobs, mask, clip_eps=clip_eps)
    rewards = shaped_rewards(rollout, kl_coeff) if kl_in == "reward" else rollout.rewards
    if models.critic is None:
        _, to_go = gae(rewards, torch.zeros_like(rewards), lam=1.0)
        baseline = to_go.mean(0) if mask is None else to_go.sum(0) / mask.sum(0).clamp(min=1)  # of those still writing
        advantages, critic_loss = to_go - baseline, 0.0
    else:
        advantages, returns = gae(rewards, rollout.values, lam=lam)
        values = state_values(models.critic, rollout.prompt_ids, rollout.completion_ids)
        critic_loss = value_loss(values, returns, mask)
        series["value_loss"] = critic_loss
    loss = ppo_loss(
        logprobs,
        rollout.old_logprobs,
        advantages,
        mask,
        ref_logprobs=rollout.ref_logprobs if kl_in == "loss" else None,
        kl_coeff=kl_coeff,
        clip_eps=clip_eps,
        kl_kind=kl_kind,
    )
    return loss + value_coeff * critic_loss, series


def rloo(models: Models, rollout: Rollout, *, kl_coeff: float, group_size: int = 8) -> Outcome:
    """Return REINFORCE's loss with the mean of the other completions of the group as the baseline.

    Args:
        models: its policy is trained.
        rollout: the batch; rows ``i * group_size ... (i + 1) * group_size - 1`` are a group.
        kl_coeff: the pull toward the reference, in the reward of the whole completion: the price of a nat of its KL.
        group_size: G; must divide the batch size.

    Returns:
        ``(loss, {})``.

    Raises:
        TypeError: no :class:`Models`, no :class:`Rollout`, wrong types.
        ValueError: a kl_coeff that is negative or NaN, a group_size that does not divide the batch or whose rows go on
            from unlike prompts.

    Differs from the paper: the loss is a mean over tokens, the paper's a sum over each completion.

    Reference:
        Ahmadian et al. 2024, Back to Basics, arXiv 2402.14740.
    """
    logprobs = batch_logprobs(models, rollout)
    scores = shaped_rewards(rollout, kl_coeff).sum(1)
    advantages = rloo_advantages(in_groups(scores, rollout, group_size)).flatten()
    return reinforce_loss(logprobs, advantages, rollout.completion_mask), {}


def grpo(
    models: Models,
    rollout: Rollout,
    *,
    kl_coeff: float,
    group_size: int = 8,
    clip_eps: float = 0.2,
    normalize: bool = True,
) -> Outcome:
    r"""Return the loss of group relative policy optimization: the group is the baseline, the KL is in the loss.

    Args:
        models: its policy is trained.
        rollout: the batch; rows ``i * group_size ... (i + 1) * group_size - 1`` are a group.
        kl_coeff: the pull toward the reference (k3 in the loss): the price of another KL, against a push that the
            group has scaled, see ``rlhf_helpers.methods``.
        group_size: G; must divide the batch size.
        clip_eps: the clip range.
        normalize: divide by the group's standard deviation.

    Returns:
        ``(loss, series)``: those of :func:`ratio_series`, and ``silent_groups``, the share of groups with
        :math:`\min_i r_i = \max_i r_i` (see ``ties.py``), without a unit.

    Raises:
        TypeError: no :class:`Models`, no :class:`Rollout`, wrong types.
        ValueError: knobs out of range, a group_size that does not divide the batch or whose rows go on from unlike
            prompts, a ratio that overflows.

    Differs from the paper: the reference is the start of the run to its end, where the paper takes a new one at every
    iteration; the standard deviation is that of :func:`group_advantages`.

    Reference:
        Shao et al. 2024, DeepSeekMath, arXiv 2402.03300; without ``normalize``: Liu et al. 2025, arXiv 2503.20783.
    """
    logprobs = batch_logprobs(models, rollout)
    scores = in_groups(completion_rewards(rollout), rollout, group_size)
    advantages = group_advantages(scores, normalize=normalize).flatten()
    loss = grpo_loss(
        logprobs,
        rollout.old_logprobs,
        advantages,
        rollout.completion_mask,
        ref_logprobs=rollout.ref_logprobs,
        kl_coeff=kl_coeff,
        clip_eps=clip_eps,
    )
    silent = tied(scores.amax(1), scores.amin(1))
    series = ratio_series(logprobs, rollout.old_logprobs, rollout.completion_mask, clip_eps=clip_eps)
    return loss, series | {"silent_groups": silent.to(scores.dtype).mean()}
