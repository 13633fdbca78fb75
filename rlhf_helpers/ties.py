"""When two scores are equal: rounding breaks no tie, and everything that asks uses one tolerance."""

import torch
from torch import Tensor

from rlhf_helpers.precision import wide

TIE = {torch.float64: 1e-9, torch.float32: 1e-6}
"""How far apart equal scores may be by rounding, by their precision; of the larger one where that is above 1."""


def tied(a: Tensor, b: Tensor) -> Tensor:
    r"""Return where two scores are equal but for rounding.

    .. math:: |a - b| \le \tau \max(1, |a|, |b|)

    The same numbers, added up in another order, may differ in their last digits; without a tolerance such a
    difference would decide who is preferred.

    Args:
        a: scores, any shape.
        b: scores to compare them with, of a shape that broadcasts with it.

    Returns:
        bool, the common shape: scores that agree to 9 digits are a tie (float32: 6 digits). NaN ties with nothing.

    Example:
        >>> a, b = torch.tensor([0.1 + 0.2, 0.31], dtype=torch.float64), torch.tensor(0.3, dtype=torch.float64)
        >>> (a == b).tolist(), tied(a, b).tolist()
        ([False, False], [True, False])
    """
    gap = wide(a) - wide(b)
    return gap.abs() <= TIE[gap.dtype] * torch.maximum(wide(a).abs(), wide(b).abs()).clamp(min=1.0)
