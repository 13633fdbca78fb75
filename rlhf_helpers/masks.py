"""Masks: 1 where a token counts, 0 where it is padding; a mask acts before ``exp``, never after it."""

import torch
from torch import Tensor

from rlhf_helpers._checks import check_ids, check_same_device, check_token, values_are_known


def check_mask(completion_mask: Tensor | None, like: Tensor) -> Tensor | None:
    """Return the mask as bool (1 = counts), or None; raise unless it is bool or float zeros and ones of one shape."""
    if completion_mask is None:
        return None
    if not isinstance(completion_mask, Tensor):
        raise TypeError(f"completion_mask must be a torch.Tensor, got {type(completion_mask).__name__}")
    if completion_mask.dtype != torch.bool and not completion_mask.is_floating_point():
        raise TypeError(f"completion_mask must be a bool or floating-point tensor, got {completion_mask.dtype}")
    if completion_mask.shape != like.shape:
        shapes = {"completion_mask": tuple(completion_mask.shape), "tokens": tuple(like.shape)}
        raise ValueError(f"shapes must match, got {shapes}")
    check_same_device(completion_mask=completion_mask, tokens=like)
    mask = completion_mask != 0
    if values_are_known(completion_mask) and not (completion_mask == mask).all():
        raise ValueError("completion_mask must hold only 0 and 1 (1 = the token counts)")
    return mask


def keep(tensor: Tensor | None, mask: Tensor | None) -> Tensor | None:
    """Return ``tensor`` with 0 where the mask is 0, so that nothing masked reaches ``exp`` or a gradient."""
    return tensor if tensor is None or mask is None else torch.where(mask, tensor, 0.0)


def mask_after_end(completion_ids: Tensor, end_id: int) -> Tensor:
    r"""Return the mask of completions that end where the policy says so: 1 up to and with the first end token.

    .. math:: m_t = \prod_{s < t} [y_s \neq \mathrm{end}]

    Args:
        completion_ids: (B, T) int64. What comes after the first end token was never meant.
        end_id: the end token.

    Returns:
        The completion mask, (B, T) bool. A completion without an end token was cut off and counts in full.

    Raises:
        TypeError: ids are not int64, or end_id is not a whole number.
        ValueError: ids are not (B, T), or empty; end_id is negative.

    Example:
        >>> ids = torch.tensor([[3, 1, 0, 5], [0, 0, 0, 0], [3, 1, 2, 5]])
        >>> mask_after_end(ids, 0).int().tolist()
        [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]
    """
    check_ids("completion_ids", completion_ids)
    check_token("end_id", end_id)
    is_end = (completion_ids == end_id).long()
    return is_end.cumsum(1) == is_end  # no end before this token
