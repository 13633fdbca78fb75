"""Checks at the door of every public function: one place for the wording of errors."""

import math
import operator
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from rlhf_helpers.precision import wide

try:  # private, so it may move; without it only `make_fx` would find checks of values in its way
    from torch.fx.experimental.proxy_tensor import get_proxy_mode
    from torch.utils._python_dispatch import is_in_torch_dispatch_mode

    def is_traced() -> bool:
        """Return whether ``make_fx`` traces; without any mode, as in a run, that is known at once."""
        return is_in_torch_dispatch_mode() and get_proxy_mode() is not None
except ImportError:

    def is_traced() -> bool:
        """Say that nothing is being traced."""
        return False


def values_are_known(*tensors: Any) -> bool:
    """Return False where only shapes may be looked at.

    That is while a compiler or an exporter traces, and for tensors without values of their own: on the meta device, in
    ``FakeTensorMode``, inside of ``torch.func.vmap``.

    Args:
        tensors: those whose values a check would read; what is no tensor is known.
    """
    if torch.compiler.is_compiling() or is_traced():
        return False
    try:
        for tensor in tensors:
            if isinstance(tensor, Tensor) and tensor.numel():
                tensor.detach()[(0,) * tensor.ndim].item()
    except RuntimeError:  # that is how every one of them refuses
        return False
    return True


def bounds(tensor: Tensor) -> tuple[float, float] | None:
    """Return the smallest and the largest number of a tensor, NaN if it has any; None where they are not known."""
    if not values_are_known():
        return None
    try:
        low, high = (tensor.detach() if tensor.requires_grad else tensor).aminmax()
        return low.item(), high.item()
    except RuntimeError:  # as above, without asking twice
        return None


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
    """Raise ValueError with every shape unless all tensors have one shape and one device; checks dtypes first."""
    check_tensors(**tensors)
    if len({tensor.shape for tensor in tensors.values()}) > 1:
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        raise ValueError(f"shapes must match, got {shapes}")
    check_same_device(**tensors)


def check_same_device(**tensors: Tensor) -> None:
    """Raise ValueError with every device unless all tensors are on one."""
    if len({tensor.device for tensor in tensors.values()}) > 1:
        devices = {name: str(tensor.device) for name, tensor in tensors.items()}
        raise ValueError(f"devices must match, got {devices}")


def check_ndim(ndim: int, expected: str, **tensors: Tensor) -> None:
    """Raise ValueError unless every tensor has ``ndim`` dimensions, called ``expected`` in the message."""
    for name, tensor in tensors.items():
        if tensor.ndim != ndim:
            raise ValueError(f"{name} must have shape {expected}, got {tuple(tensor.shape)}")


def check_finite(**tensors: Tensor) -> None:
    """Raise ValueError that counts the NaN and infinite entries of the first tensor that has any."""
    for name, tensor in tensors.items():
        found = bounds(tensor)
        if found and not (math.isfinite(found[0]) and math.isfinite(found[1])):
            bad = tensor[~torch.isfinite(tensor)]
            raise ValueError(
                f"{name} must be finite where it counts, got {bad.numel()} non-finite of {tensor.numel()}, "
                f"the first is {bad.flatten()[0].item()}"
            )


def check_law(**laws: Tensor) -> None:
    """Raise ValueError unless the last dimension holds log-probabilities, of a distribution or of a part of it."""
    for name, logprobs in laws.items():
        if not values_are_known(logprobs):
            continue
        totals = wide(logprobs.detach()).exp().sum(-1)
        wrong = totals[~(totals < 1.05)]  # NaN too; by rounding never, whatever the precision
        if wrong.numel():
            raise ValueError(
                f"{name} must be log-probabilities: exp adds up to at most 1 in every row, got {wrong[0].item()}"
            )


def check_ids(name: str, ids: Tensor, vocab_size: int | None = None, *, ndim: int | None = 2) -> None:
    """Raise unless ``ids`` is a non-empty int64 tensor, (B, L) or any shape, of ids in [0, vocab_size)."""
    if not isinstance(ids, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(ids).__name__}")
    if ids.dtype != torch.int64:
        raise TypeError(f"{name} must hold token ids of dtype torch.int64, got {ids.dtype}")
    if ids.ndim != ndim and (ids.ndim == 0 or ndim is not None):
        expected = "(..., T)" if ndim is None else "(B, L)"
        raise ValueError(f"{name} must have shape {expected}, got {tuple(ids.shape)}")
    if ids.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(ids.shape)}")
    found = None if vocab_size is None else bounds(ids)
    if found and not 0 <= found[0] <= found[1] < vocab_size:
        raise ValueError(f"{name} must be token ids in [0, {vocab_size}), got values from {found[0]} to {found[1]}")


def check_knob(low: float = 0.0, high: float = math.inf, *, inclusive: bool = False, **knobs: float | Tensor) -> None:
    """Raise unless each knob is a number in [low, high); ``inclusive`` admits ``high`` too."""
    for name, knob in knobs.items():
        if isinstance(knob, bool) or not isinstance(knob, (float, int, Real, Tensor)):  # the two are Real, sooner known
            raise TypeError(f"{name} must be a number, got {type(knob).__name__}")
        if isinstance(knob, Tensor) and knob.numel() != 1:
            raise ValueError(f"{name} must be one number, got a tensor of shape {tuple(knob.shape)}")
        if not values_are_known(knob):
            continue
        value = knob.item() if isinstance(knob, Tensor) else float(knob)
        if not (low <= value < high or (inclusive and value == high)):
            raise ValueError(f"{name} must be in [{low}, {high}{']' if inclusive else ')'}, got {value}")


def check_range(**ranges: tuple[float, float] | None) -> None:
    """Raise ValueError unless each range is None or (low, high), two numbers of which the second is larger."""
    for name, ends in ranges.items():
        try:
            low, high = (0.0, 1.0) if ends is None else map(float, ends)
        except (TypeError, ValueError, OverflowError, RuntimeError):  # no numbers, or not two
            low = high = math.nan
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"{name} must be (low, high), got {ends!r}")


def check_positive(*, inclusive: bool = False, **knobs: float | Tensor) -> None:
    """Raise unless each knob is a number greater than 0, and finite; ``inclusive`` admits infinity."""
    for name, knob in knobs.items():
        check_knob(inclusive=inclusive, **{name: knob})
        if values_are_known(knob) and not knob > 0:
            raise ValueError(f"{name} must be greater than 0, got {float(knob)}")


def is_whole(number: Any) -> bool:
    """Return whether something is a whole number, of Python, numpy or another library, and no bool."""
    if isinstance(number, bool) or getattr(number, "dtype", None) == torch.bool:
        return False
    try:
        operator.index(number)
    except TypeError:
        return False
    return True


def check_whole(**numbers: int) -> None:
    """Raise TypeError unless each argument is a whole number."""
    for name, number in numbers.items():
        if not is_whole(number):
            raise TypeError(f"{name} must be a whole number, got {type(number).__name__}")


def check_count(**counts: int) -> None:
    """Raise unless each count is a whole number of at least 1."""
    check_whole(**counts)
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")


def check_token(name: str, token: int, vocab_size: int | None = None) -> None:
    """Raise unless ``token`` is one token id, in [0, vocab_size)."""
    if not is_whole(token):
        raise TypeError(f"{name} must be a token id, got {type(token).__name__}")
    if vocab_size is None and token < 0:
        raise ValueError(f"{name} must be a token id of at least 0, got {token}")
    if vocab_size is not None and not 0 <= token < vocab_size:
        raise ValueError(f"{name} must be a token id in [0, {vocab_size}), got {token}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError that lists the choices unless ``value`` is one of them."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_generator(generator: torch.Generator | None) -> None:
    """Raise TypeError unless ``generator`` is one, or None for the global one."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
