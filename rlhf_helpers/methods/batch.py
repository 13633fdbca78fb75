"""What methods ask of a batch: log-probabilities under the trained policy, groups, pairs."""

from torch import Tensor

from rlhf_helpers._checks import bounds, check_count
from rlhf_helpers.masks import keep
from rlhf_helpers.precision import wide
from rlhf_helpers.rollout import Models, Rollout, check_models, check_rollout
from rlhf_helpers.sampling import token_logprobs

Outcome = tuple[Tensor, dict[str, Tensor]]  # (loss, series)


def batch_logprobs(models: Models, rollout: Rollout) -> Tensor:
    """Return log-probabilities (B, T) under the trained policy; 0 after the end, as everything in the batch."""
    check_models(models)
    check_rollout(rollout)
    logprobs = token_logprobs(models.policy, rollout.prompt_ids, rollout.completion_ids)
    return keep(logprobs, rollout.completion_mask)


def completion_rewards(rollout: Rollout) -> Tensor:
    """Return what each completion is paid in all, (B,)."""
    return wide(rollout.rewards).sum(1)


def in_groups(scores: Tensor, rollout: Rollout, group_size: int) -> Tensor:
    """Return scores (B,) as groups, (B / G, G)."""
    check_count(group_size=group_size)
    if len(scores) % group_size:
        raise ValueError(f"group_size must divide the batch size {len(scores)}, got {group_size}")
    must_share_prompts(rollout, group_size)
    return scores.view(-1, group_size)


def in_pairs(x: Tensor, rollout: Rollout) -> Tensor:
    """Return one number for each completion (B,) as pairs, (B / 2, 2)."""
    if len(x) % 2:
        raise ValueError(f"batch_size must be even for a method of pairs, got {len(x)}")
    must_share_prompts(rollout, 2)
    return x.view(-1, 2)


def must_share_prompts(rollout: Rollout, size: int) -> None:
    """Raise unless every ``size`` neighboring rows go on from one prompt: only those can be compared."""
    prompts = rollout.prompt_ids.unflatten(0, (-1, size))
    if bounds(prompts - prompts[:, :1]) not in (None, (0, 0)):
        raise ValueError(f"completions_per_prompt must be a multiple of {size}: this method compares {size} rows")
