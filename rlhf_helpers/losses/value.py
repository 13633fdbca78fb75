"""The loss of the critic."""

import math

import torch
from torch import Tensor

from rlhf_helpers._checks import check_finite, check_knob, check_ndim, check_same_shape, given
from rlhf_helpers.losses.terms import average
from rlhf_helpers.masks import check_mask, keep
from rlhf_helpers.precision import wide


def value_loss(
    values: Tensor,
    returns: Tensor,
    completion_mask: Tensor | None = None,
    *,
    old_values: Tensor | None = None,
    clip_eps: float | None = None,
) -> Tensor:
    r"""Return the critic's loss: half the squared error, as a mean over tokens.

    .. math::
        L &= \tfrac12 \operatorname{mean} \max\bigl[(V - R)^2,\; (\tilde V - R)^2\bigr] \\
        \tilde V &= \operatorname{clip}(V, V_{\mathrm{old}} - \epsilon, V_{\mathrm{old}} + \epsilon)

    Args:
        values: V, (B, T), in units of reward. Gradients flow.
        returns: R, the target, (B, T); detached.
        completion_mask: (B, T), 1 where a token counts.
        old_values: V when the batch was sampled, (B, T); detached. Given with ``clip_eps``, or not at all.
        clip_eps: epsilon of the value clip; without it, the plain squared error.

    Returns:
        A scalar to minimize, in units of reward squared.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, unmasked values that are not finite, one of ``old_values`` and ``clip_eps`` without
            the other, clip_eps negative or NaN.

    Reference:
        Schulman et al. 2017, arXiv 1707.06347, equation 9; the clip is a detail of its code, not of the paper.

    Example:
        >>> value_loss(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 3.0]]))
        tensor(0.2500)
    """
    check_same_shape(values=values, returns=returns, **given(old_values=old_values))
    check_ndim(2, "(B, T)", values=values)
    if (old_values is None) != (clip_eps is None):
        raise ValueError("old_values and clip_eps must be given together, got one without the other")
    mask = check_mask(completion_mask, values)
    values, returns, old_values = (
        keep(None if tensor is None else wide(tensor), mask) for tensor in (values, returns.detach(), old_values)
    )
    check_finite(values=values, returns=returns, **given(old_values=old_values))
    errors = (values - returns) ** 2
    if old_values is not None:
        check_knob(0.0, math.inf, inclusive=True, clip_eps=clip_eps)
        moved = (values - old_values.detach()).clamp(-clip_eps, clip_eps)
        errors = torch.maximum(errors, (old_values.detach() + moved - returns) ** 2)
    return 0.5 * average("(values - returns) ** 2", errors, completion_mask)
