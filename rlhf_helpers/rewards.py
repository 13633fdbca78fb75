"""Rewards that a program can compute."""

from collections.abc import Callable

import torch
from torch import Tensor

from rlhf_helpers._checks import check_ids, check_token

Reward = Callable[[Tensor, Tensor], Tensor]  # (prompt_ids, completion_ids) -> rewards (B, T), or scores (B,)


def token_reward(completion_ids: Tensor, target: int = 1) -> Tensor:
    r"""Pay 1.0 for every target token and 0.0 for every other.

    .. math:: r_t = \mathbb{1}[y_t = \text{target}]

    Args:
        completion_ids: token ids, (B, T) int64.
        target: the token that is paid.

    Returns:
        Rewards (B, T), dimensionless, 0.0 or 1.0 in the default floating-point type.

    Raises:
        TypeError: ids are not int64, or target is not a whole number.
        ValueError: ids are not (B, T), or empty, or target is negative.

    Example:
        >>> token_reward(torch.tensor([[1, 4, 1]])).tolist()
        [[1.0, 0.0, 1.0]]
    """
    check_ids("completion_ids", completion_ids)
    check_token("target", target)
    return (completion_ids == target).to(torch.get_default_dtype())


def paid_token(prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    """Return :func:`token_reward` of the completions, whatever the prompts; what is paid where nothing else is said."""
    return token_reward(completion_ids)
