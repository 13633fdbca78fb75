"""Methods that compare two completions: rows 2i and 2i + 1 of a batch are a pair."""

import torch

from rlhf_helpers._checks import check_knob
from rlhf_helpers.losses import dpo_loss, kl_estimate, reweighted_ppo_loss, spo_loss
from rlhf_helpers.methods.batch import Outcome, batch_logprobs, completion_rewards, in_pairs
from rlhf_helpers.rollout import Models, Rollout, shaped_rewards
from rlhf_helpers.sampling import sequence_logprobs
from rlhf_helpers.ties import tied


def dpo(models: Models, rollout: Rollout, *, kl_coeff: float, soft_labels: bool = False) -> Outcome:
    r"""Return DPO's loss on the pairs of a batch: rows 2i and 2i + 1, the better paid of the two is chosen.

    Args:
        models: its policy is trained.
        rollout: the batch, sampled from the reference for offline DPO (``train(..., sample_from="reference")``).
        kl_coeff: DPO's beta: with ``soft_labels`` the loss is lowest where reward minus ``kl_coeff`` times the KL of a
            whole completion is largest, see ``rlhf_helpers.methods``.
        soft_labels: False says that the better paid answer always wins, and leaves out ties; True gives every pair the
            label of a Bradley-Terry judge, who prefers it with probability sigmoid(score gap).

    Returns:
        ``(loss, series)``. The series are means over the pairs that are not tied: ``margin`` of the implicit rewards,
        :math:`\beta h` with the h of :func:`dpo_loss`, in units of reward; ``accuracy``,
        :math:`\mathbb{1}[\beta h > 0]`, without a unit; ``chosen_logprobs`` and ``rejected_logprobs``,
        :math:`\log \pi_\theta(y_w)` and :math:`\log \pi_\theta(y_l)` of whole completions, in nats.

    Raises:
        TypeError: no :class:`Models`, no :class:`Rollout`, wrong types.
        ValueError: a kl_coeff that is negative or NaN, an odd batch, or pairs that go on from unlike prompts.

    Differs from the paper: pairs are drawn anew for every batch and labeled by what they are paid, where the paper has
    a fixed data set of human labels; it has no soft labels.

    Reference:
        Rafailov et al. 2023, arXiv 2305.18290.
    """
    check_knob(kl_coeff=kl_coeff)
    logprobs = in_pairs(sequence_logprobs(batch_logprobs(models, rollout)), rollout)
    ref_logprobs = in_pairs(sequence_logprobs(rollout.ref_logprobs), rollout)
    first, second = in_pairs(completion_rewards(rollout), rollout).unbind(1)  # scores, (B / 2,)
    better = (second > first).long()[:, None]  # (B / 2, 1): index of the chosen one
    gap = (second - first).abs()
    differs = (~tied(first, second)).to(gap.dtype)
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
    r"""Return :func:`spo_loss` on the pairs of a batch: rows 2i and 2i + 1, scored by what they were paid.

    Args:
        models: its policy is trained.
        rollout: the batch.
        kl_coeff: the pull toward the reference, in the score: the price of a nat of a whole completion's KL.

    Returns:
        ``(loss, series)``; the series are means over pairs: ``score_gap``, :math:`|s_a - s_b|` in units of reward, and
        ``logprob_gap``, :math:`|\log \pi_\theta(y_a) - \log \pi_\theta(y_b)|` in nats.

    Raises:
        TypeError: no :class:`Models`, no :class:`Rollout`, wrong types.
        ValueError: a kl_coeff that is negative or NaN, an odd batch, or pairs that go on from unlike prompts.

    Differs from the paper: no ratio and no clip, and twice its gradient.

    Reference:
        Wu et al. 2023, P3O, arXiv 2310.00212.
    """
    logprobs = in_pairs(sequence_logprobs(batch_logprobs(models, rollout)), rollout)
    scores = in_pairs(shaped_rewards(rollout, kl_coeff).sum(1), rollout)
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
        kl_coeff: weight of a pull toward the reference, which the bare loss does not have: k2 of the whole completion,
            so that on fresh samples its gradient is that of ``kl_coeff`` times the KL of the completion. The push has
            no unit of reward: it is at most 1 for a pair, whatever the gap between its two rewards, so the
            ``kl_coeff`` that ends at a given KL has to be searched for.

    Returns:
        ``(loss, {})``.

    Raises:
        TypeError: no :class:`Models`, no :class:`Rollout`, wrong types.
        ValueError: a kl_coeff that is negative or NaN, an odd batch, or pairs that go on from unlike prompts.

    No paper is known that has this loss; see :func:`reweighted_ppo_loss`.
    """
    check_knob(kl_coeff=kl_coeff)
    logprobs, scores = batch_logprobs(models, rollout), in_pairs(completion_rewards(rollout), rollout)
    other = scores.flip(1)
    preference = torch.where(tied(scores, other), 0.5, (scores > other).to(scores.dtype)).flatten()  # (B,)
    new, old, ref = (sequence_logprobs(x) for x in (logprobs, rollout.old_logprobs, rollout.ref_logprobs))  # (B,)
    loss = reweighted_ppo_loss(new, old, preference)
    return loss + kl_coeff * kl_estimate(new, ref, "k2").mean(), {}
