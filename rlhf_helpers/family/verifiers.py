"""A program in the place of a reward model, and what DAPO takes off for length."""

from collections.abc import Callable

import torch
from torch import Tensor

from rlhf_helpers._checks import check_finite, check_ids, check_positive, check_tensors
from rlhf_helpers.precision import wide


def verifier_reward(completion_ids: Tensor, passes: Callable[[list[int]], bool]) -> Tensor:
    r"""Pay 1 for every completion that a program accepts: a verifier in place of a reward model.

    .. math:: r(y) = \mathbb{1}[y \text{ passes}]

    Args:
        completion_ids: token ids, (B, T) int64.
        passes: the program: the token ids of one completion -> whether it is right.

    Returns:
        Rewards (B,), 0.0 or 1.0, in the default floating-point type.

    Raises:
        TypeError: ids are not int64, or passes is no function, or returns anything that is not equal to True or False.
        ValueError: ids are not (B, T), or empty.

    Reference:
        Lambert et al. 2024, Tülu 3, arXiv 2411.15124, reinforcement learning with verifiable rewards.

    Example:
        >>> ids = torch.tensor([[3, 1, 4, 1], [2, 7, 1, 8]])
        >>> verifier_reward(ids, lambda tokens: tokens.count(1) >= 2).tolist()
        [1.0, 0.0]
    """
    check_ids("completion_ids", completion_ids)
    if not callable(passes):
        raise TypeError(f"passes must be a function of one completion's ids, got {type(passes).__name__}")
    verdicts = [_verdict(passes(tokens)) for tokens in completion_ids.tolist()]
    return torch.tensor(verdicts, device=completion_ids.device)


def overlong_penalty(lengths: Tensor, *, max_length: float, grace: float) -> Tensor:
    r"""Return what DAPO adds to the reward of answers that come close to the limit, or pass it.

    .. math:: r(y) = \operatorname{clip}\Bigl(\frac{(L - c) - |y|}{c},\; -1,\; 0\Bigr)

    Args:
        lengths: tokens in each completion, (B,), floating-point.
        max_length: L, from where on nothing more is taken off.
        grace: c, the tokens below L over which the penalty grows.

    Returns:
        Rewards (B,), from 0 to -1; float32 for lengths of 16 bits.

    Raises:
        TypeError: wrong dtypes.
        ValueError: lengths that are not finite, max_length or grace not greater than 0.

    Reference:
        Yu et al. 2025, DAPO, arXiv 2503.14476, equation 13.

    Example:
        >>> overlong_penalty(torch.tensor([70.0, 90.0, 100.0, 500.0]), max_length=100, grace=20)
        tensor([ 0.0000, -0.5000, -1.0000, -1.0000])
    """
    check_tensors(lengths=lengths)
    check_finite(lengths=lengths)
    check_positive(max_length=max_length, grace=grace)
    return ((max_length - grace - wide(lengths)) / grace).clamp(-1, 0)


def _verdict(found: bool) -> float:
    """Return what a program said of one completion as 1.0 or 0.0."""
    try:
        is_known = found in (True, False)
    except (ValueError, RuntimeError):  # several at once
        is_known = False
    if not is_known:
        raise TypeError(f"passes must return True or False, got {found!r}")
    return float(found)
