"""Numbers of 16 bits are added up in 32."""

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def wide(tensor: Tensor) -> Tensor:
    """Return a tensor of 16 bits in float32, and any other as it is.

    Whatever adds numbers up calls this first: in bfloat16 the sum of 300 ones is 256, since 257 has no such number; in
    float16 a sum overflows at 65,504. What comes of it stays in float32, as under ``torch.autocast``. Gradients flow
    back in 16 bits.

    Example:
        >>> ones = torch.ones(300, dtype=torch.bfloat16)
        >>> running = torch.zeros((), dtype=torch.bfloat16)
        >>> for one in ones:
        ...     running = running + one
        >>> running.item(), wide(ones).sum().item()
        (256.0, 300.0)
    """
    return tensor.float() if tensor.dtype in HALF else tensor
