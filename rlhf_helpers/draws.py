"""Random weights that are the same bits on every processor.

``torch.nn.init`` computes them in single precision, where the last bits of a logarithm, a cosine or a sum depend on the
processor, and training makes another run of that. These turn the same uniform numbers into the same weights, in double
precision.
"""

import torch
from torch import Tensor


@torch.no_grad()
def normal_(weight: Tensor, *, std: float = 1.0, generator: torch.Generator | None = None) -> None:
    r"""Fill weights with the normal numbers of ``torch.nn.init.normal_``, by Box and Muller.

    .. math:: \sigma \sqrt{-2 \log (1 - u)} \cdot (\cos 2 \pi v, \sin 2 \pi v)

    Args:
        weight: any shape.
        std: standard deviation sigma.
        generator: source of the uniform numbers u and v.
    """
    blocks = -(-weight.numel() // 16)  # in torch's order: eight cosines, then eight sines
    u, v = _uniform((blocks, 2, 8), generator).unbind(1)
    radius, angle = std * (-2 * torch.log1p(-u)).sqrt(), 2 * torch.pi * v
    numbers = torch.stack([radius * angle.cos(), radius * angle.sin()], 1).flatten()
    weight.copy_(numbers[: weight.numel()].view(weight.shape))


@torch.no_grad()
def uniform_(weight: Tensor, bound: float, *, generator: torch.Generator | None = None) -> None:
    """Fill weights with the uniform numbers of ``torch.nn.init.uniform_``, from ``-bound`` to ``bound``.

    Args:
        weight: any shape.
        bound: the largest number, and the smallest with a minus.
        generator: source of the numbers.
    """
    weight.copy_(bound * (2 * _uniform(weight.shape, generator) - 1))


def _uniform(shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """Return torch's uniform numbers of single precision, from 0 to 1, as doubles, on the generator's device."""
    device = "cpu" if generator is None else generator.device
    return torch.rand(shape, generator=generator, dtype=torch.float32, device=device).double()
