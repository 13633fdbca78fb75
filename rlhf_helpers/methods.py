"""The methods of the book, each a small function for ``train``.

A method receives the models and a batch and returns ``(loss, series)``: a scalar to minimize and, by name, what it
wants to have recorded. Write your own in the same shape and hand it to ``train``.
"""

import torch
from torch import Tensor

from rlhf_helpers._checks import check_choice, check_knob, values_are_known
from rlhf_helpers.advantages import gae, group_advantages, rloo_advantages
from rlhf_helpers.losses import (
    aggregate,
    baby_ppo_loss,
    dpo_loss,
    grpo_loss,
    kl_estimate,
    ppo_loss,
    reinforce_loss,
    reweighted_ppo_loss,
    spo_loss,
    value_loss,
)
from rlhf_helpers.masks import keep
from rlhf_helpers.rollout import Models, Rollout, shaped_rewards, state_values
from rlhf_helpers.sampling import sequence_logprobs, token_logprobs

Outcome = tuple[Tensor, dict[str, Tensor]]


def baby_ppo(models: Models, rollout: Rollout, *, kl_coeff: float) -> Outcome:
    """Return :func:`baby_ppo_loss` of a batch: ratio times reward, and a penalty toward the policy that sampled.

    The loss takes no mask: tokens behind an end are zeros in its mean.

    Args:
        models: its policy is trained.
        rollout: the batch.
        kl_coeff: weight of the penalty.

    Returns:
        ``(loss, {})``.
    """
    logprobs = _logprobs(models, rollout)
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
    """Return PPO's loss of a batch: clipped surrogate, KL, and a baseline.

    Without a critic the baseline at each position is the batch's mean of what is still to be paid; with one it is the
    critic's value, and the advantages are :func:`gae`'s.

    Args:
        models: policy and critic are trained.
        rollout: the batch.
        kl_coeff: the pull toward the reference.
        clip_eps: the clip range; ``math.inf`` never clips.
        kl_in: "reward" pays ``-kl_coeff * k1`` at every token (a constant for the gradient); "loss" adds ``kl_coeff *
            kl_estimate(..., kl_kind)`` to the loss.
        kl_kind: the estimate, for ``kl_in="loss"``.
        lam: lambda of :func:`gae`, with a critic.
        value_coeff: weight of the critic's loss, with a critic.

    Returns:
        ``(loss, series)``; with a critic, ``value_loss`` is half its mean squared error.
    """
    check_choice("kl_in", kl_in, ("reward", "loss"))
    check_knob(kl_coeff=kl_coeff, value_coeff=value_coeff)
    check_knob(0.0, 1.0, inclusive=True, lam=lam)
    logprobs, mask = _logprobs(models, rollout), rollout.completion_mask
    rewards = shaped_rewards(rollout, kl_coeff) if kl_in == "reward" else rollout.rewards
    if models.critic is None:
        _, to_go = gae(rewards, torch.zeros_like(rewards), lam=1.0)
        baseline = to_go.mean(0) if mask is None else to_go.sum(0) / mask.sum(0).clamp(min=1)  # of those still writing
        advantages, critic_loss, series = to_go - baseline, 0.0, {}
    else:
        advantages, returns = gae(rewards, rollout.values, lam=lam)
        values = state_values(models.critic, rollout.prompt_ids, rollout.completion_ids)
        critic_loss = value_loss(values, returns, mask)
        series = {"value_loss": critic_loss}
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
        kl_coeff: the pull toward the reference, in the reward of the whole completion.
        group_size: G; must divide the batch size.

    Returns:
        ``(loss, {})``.
    """
    logprobs = _logprobs(models, rollout)
    scores = shaped_rewards(rollout, kl_coeff).sum(1)
    advantages = rloo_advantages(_groups(scores, rollout, group_size)).flatten()
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
    """Return the loss of group relative policy optimization: the group is the baseline, the KL is in the loss.

    Args:
        models: its policy is trained.
        rollout: the batch; rows ``i * group_size ... (i + 1) * group_size - 1`` are a group.
        kl_coeff: the pull toward the reference (k3 in the loss).
        group_size: G; must divide the batch size.
        clip_eps: the clip range.
        normalize: divide by the group's standard deviation.

    Returns:
        ``(loss, series)``; ``silent_groups`` is the share of groups whose rewards are all equal.
    """
    logprobs = _logprobs(models, rollout)
    scores = _groups(rollout.rewards.sum(1), rollout, group_size)
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
    silent = scores.amax(1) == scores.amin(1)
    return loss, {"silent_groups": silent.to(scores.dtype).mean()}


def dpo(models: Models, rollout: Rollout, *, kl_coeff: float, soft_labels: bool = False) -> Outcome:
    r"""Return DPO's loss on the pairs of a batch: rows 2i and 2i + 1, the better paid of the two is chosen.

    Args:
        models: its policy is trained.
        rollout: the batch, sampled from the reference for offline DPO (``train(..., sample_from="reference")``).
        kl_coeff: DPO's beta: the same quantity as everywhere else in the book.
        soft_labels: False says that the better paid answer always wins, and leaves out ties; True gives every pair the
            label of a Bradley-Terry judge, who prefers it with probability sigmoid(score gap).

    Returns:
        ``(loss, series)``. The series average over the pairs that are not tied, ``margin`` of the implicit rewards
        (kl_coeff times the gap of the log ratios), ``accuracy`` (share of positive margins), ``chosen_logprobs`` and
        ``rejected_logprobs`` (sums, nats).
    """
    logprobs = _pairs(sequence_logprobs(_logprobs(models, rollout)), rollout)
    scores = _pairs(rollout.rewards.sum(1), rollout)
    ref_logprobs = _pairs(sequence_logprobs(rollout.ref_logprobs), rollout)
    better = (scores[:, 1] > scores[:, 0]).long()[:, None]  # (B / 2, 1): index of the chosen one
    gap = (scores[:, 1] - scores[:, 0]).abs()
    differs = (gap > 0).to(gap.dtype)
    counts = torch.ones_like(gap) if soft_labels else differs  # pairs that reach the loss
    chosen, rejected, ref_chosen, ref_rejected = (
        torch.where(counts > 0, x.gather(1, index)[:, 0], 0.0)
        for x in (logprobs, ref_logprobs)
        for index in (better, 1 - better)
    )
    label_smoothing = torch.sigmoid(-gap) if soft_labels else 0.0
    loss = dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=kl_coeff, label_smoothing=label_smoothing)
    margin = kl_coeff * ((chosen - rejected) - (ref_chosen - ref_rejected))
    count = differs.sum().clamp(min=1)
    series = {
        "margin": (differs * margin).sum() / count,
        "accuracy": (differs * (margin > 0)).sum() / count,
        "chosen_logprobs": (differs * chosen).sum() / count,
        "rejected_logprobs": (differs * rejected).sum() / count,
    }
    return loss, series


def spo(models: Models, rollout: Rollout, *, kl_coeff: float) -> Outcome:
    """Return :func:`spo_loss` on the pairs of a batch: rows 2i and 2i + 1, scored by what they were paid.

    Args:
        models: its policy is trained.
        rollout: the batch.
        kl_coeff: the pull toward the reference, in the score.

    Returns:
        ``(loss, series)``; ``score_gap`` and ``logprob_gap`` are the mean absolute differences within a pair.
    """
    logprobs = _pairs(sequence_logprobs(_logprobs(models, rollout)), rollout)
    scores = _pairs(shaped_rewards(rollout, kl_coeff).sum(1), rollout)
    loss = spo_loss(logprobs[:, 0], logprobs[:, 1], scores[:, 0], scores[:, 1])
    series = {
        "score_gap": (scores[:, 0] - scores[:, 1]).abs().mean(),
        "logprob_gap": (logprobs[:, 0] - logprobs[:, 1]).abs().mean(),
    }
    return loss, series


def reweighted_ppo(models: Models, rollout: Rollout, *, kl_coeff: float) -> Outcome:
    """Return "generalized reweighted PPO" on the pairs of a batch: preference 1 for the better paid, 0 for the other.

    Args:
        models: its policy is trained.
        rollout: the batch; rows 2i and 2i + 1 are a pair, a tie has preference 0.5 on both sides.
        kl_coeff: weight of a k2 pull toward the reference, which the bare loss does not have.

    Returns:
        ``(loss, {})``.
    """
    check_knob(kl_coeff=kl_coeff)
    logprobs, scores = _logprobs(models, rollout), _pairs(rollout.rewards.sum(1), rollout)
    preference = 0.5 * (1 + torch.sign(scores - scores.flip(1))).flatten()  # (B,)
    loss = reweighted_ppo_loss(sequence_logprobs(logprobs), sequence_logprobs(rollout.old_logprobs), preference)
    pull = aggregate(kl_estimate(logprobs, rollout.ref_logprobs, "k2"), rollout.completion_mask)
    return loss + kl_coeff * pull, {}


def _logprobs(models: Models, rollout: Rollout) -> Tensor:
    """Log-probabilities (B, T) under the trained policy; 0 after the end, as everything in the batch."""
    logprobs = token_logprobs(models.policy, rollout.prompt_ids, rollout.completion_ids)
    return keep(logprobs, rollout.completion_mask)


def _groups(scores: Tensor, rollout: Rollout, group_size: int) -> Tensor:
    if group_size < 1 or len(scores) % group_size:
        raise ValueError(f"group_size must divide the batch size {len(scores)}, got {group_size}")
    _must_share_prompts(rollout, group_size)
    return scores.view(-1, group_size)


def _pairs(x: Tensor, rollout: Rollout) -> Tensor:
    if len(x) % 2:
        raise ValueError(f"batch_size must be even for a method of pairs, got {len(x)}")
    _must_share_prompts(rollout, 2)
    return x.view(-1, 2)


def _must_share_prompts(rollout: Rollout, size: int) -> None:
    """Raise unless every ``size`` neighboring rows go on from one prompt: only those can be compared."""
    if values_are_known():
        prompts = rollout.prompt_ids.unflatten(0, (-1, size))
        if not (prompts == prompts[:, :1]).all():
            raise ValueError(f"completions_per_prompt must be a multiple of {size}: this method compares {size} rows")
