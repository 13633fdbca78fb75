"""Checks at the door of every public function: one place for the wording of errors."""

import math
from numbers import Real

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import get_proxy_mode


def values_are_known() -> bool:
    """Return False while a compiler or an exporter traces, when only shapes may be looked at."""
    return not torch.compiler.is_compiling() and get_proxy_mode() is None


def given(**tensors: Tensor | None) -> dict[str, Tensor]:
    """Return the optional arguments that are not None."""
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


def check_tensors(**tensors: Tensor) -> None:
    """Raise TypeError unless every argument is a tensor of floating-point numbers, ValueError if one is empty."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}")
        if not tensor.is_floating_point():
            raise TypeError(f"{name} must be a floating-point tensor, got {tensor.dtype}")
        if tensor.numel() == 0:
            raise ValueError(f"{name} must not be empty, got shape {tuple(tensor.shape)}")


def check_same_shape(**tensors: Tensor) -> None:
    """Raise ValueError with every shape unless all tensors have one shape; checks dtypes first."""
    check_tensors(**tensors)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"shapes must match, got {shapes}")


def check_ndim(ndim: int, expected: str, **tensors: Tensor) -> None:
    """Raise ValueError unless every tensor has ``ndim`` dimensions, called ``expected`` in the message."""
    for name, tensor in tensors.items():
        if tensor.ndim != ndim:
            raise ValueError(f"{name} must have shape {expected}, got {tuple(tensor.shape)}")


def check_finite(**tensors: Tensor) -> None:
    """Raise ValueError that counts the NaN and infinite entries of the first tensor that has any."""
    if not values_are_known():
        return
    for name, tensor in tensors.items():
        low, high = tensor.detach().aminmax()  # one pass; NaN comes through
        if not (math.isfinite(low) and math.isfinite(high)):
            bad = tensor[~torch.isfinite(tensor)]
            raise ValueError(
                f"{name} must be finite where it counts, got {bad.numel()} non-finite of {tensor.numel()}, "
                f"the first is {bad.flatten()[0].item()}"
            )


def check_ids(name: str, ids: Tensor, vocab_size: int | None = None) -> None:
    """Raise unless ``ids`` is a non-empty (B, L) int64 tensor of ids in [0, vocab_size)."""
    if not isinstance(ids, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(ids).__name__}")
    if ids.dtype != torch.int64:
        raise TypeError(f"{name} must hold token ids of dtype torch.int64, got {ids.dtype}")
    check_ndim(2, "(B, L)", **{name: ids})
    if ids.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(ids.shape)}")
    if vocab_size is not None and values_are_known():
        low, high = (bound.item() for bound in ids.aminmax())
        if low < 0 or high >= vocab_size:
            raise ValueError(f"{name} must be token ids in [0, {vocab_size}), got values from {low} to {high}")


def check_knob(low: float = 0.0, high: float = math.inf, *, inclusive: bool = False, **knobs: float | Tensor) -> None:
    """Raise unless each knob is a number in [low, high); ``inclusive`` admits ``high`` too."""
    for name, knob in knobs.items():
        if isinstance(knob, bool) or not isinstance(knob, Real | Tensor):
            raise TypeError(f"{name} must be a number, got {type(knob).__name__}")
        if isinstance(knob, Tensor) and knob.numel() != 1:
            raise ValueError(f"{name} must be one number, got a tensor of shape {tuple(knob.shape)}")
        if not values_are_known():
            continue
        value = float(knob)
        if not (low <= value < high or (inclusive and value == high)):
            raise ValueError(f"{name} must be in [{low}, {high}{']' if inclusive else ')'}, got {value}")


def check_count(**counts: int) -> None:
    """Raise unless each count is a whole number of at least 1."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int):
            raise TypeError(f"{name} must be a whole number, got {type(count).__name__}")
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError that lists the choices unless ``value`` is one of them."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
