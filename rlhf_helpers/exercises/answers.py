"""What a reader hands over, as tensors and numbers: however it is written, it is read, and shown in a few digits."""

import re
from decimal import Decimal
from fractions import Fraction
from numbers import Real

import torch
from torch import Tensor


class NotAttempted(Exception):
    """The placeholder is still in its place."""


def refuse_dots(value: object) -> None:
    """Raise when an answer is the placeholder, or has it in a tuple or a list.

    Args:
        value: the answer.

    Raises:
        NotAttempted: when it does.
    """
    if value is ...:
        raise NotAttempted
    if isinstance(value, tuple | list):
        for entry in value:
            refuse_dots(entry)


def as_tensor(value: object) -> Tensor:
    """Read a result: a tensor, an array, a number of any kind, or lists of them.

    Args:
        value: the result.

    Raises:
        TypeError: when it is none of these.
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Real | Decimal):
        return torch.tensor(float(value), dtype=torch.float64)
    if isinstance(value, tuple | list) and value:
        entries = [as_tensor(entry) for entry in value]
        if len({entry.shape for entry in entries}) == 1:
            kinds = [entry.dtype for entry in entries]
            return torch.stack([entry.to(max(kinds, key=lambda kind: kind.itemsize)) for entry in entries])
        raise TypeError(f"{len(value)} things of different shapes")
    if hasattr(value, "__array__"):
        return torch.as_tensor(value)
    raise TypeError(f"a {type(value).__name__}")


def as_numbers(value: object) -> list[float]:
    """Read an answer of several numbers: in any container, of any kind, also written in a string.

    Args:
        value: the answer.

    Raises:
        TypeError: when it holds something else.
    """
    if isinstance(value, str):
        return [_from_text(part) for part in re.split(r"[;\s]+|,\s+", value.strip(" ()[]")) if part]
    if isinstance(value, Real | Decimal):
        return [float(value)]
    if isinstance(value, tuple | list):
        return [number for entry in value for number in as_numbers(entry)]
    if isinstance(value, Tensor) or hasattr(value, "__array__"):
        return torch.as_tensor(value).detach().double().flatten().tolist()
    raise TypeError(f"a {type(value).__name__}")


def _from_text(text: str) -> float:
    """Read "0.23", "0,23", "23%" or "1/4"."""
    try:
        if text.endswith("%"):
            return float(text[:-1].replace(",", ".")) / 100
        return float(Fraction(text.replace(",", ".").replace("\N{MINUS SIGN}", "-")))
    except (ValueError, ArithmeticError):
        raise TypeError("text") from None


def written(value: object) -> str:
    """Write a number or a small tensor in a few digits; of a large tensor, its shape; of anything else, what it is."""
    if isinstance(value, Tensor) and value.numel() > 12:
        return f"shape {tuple(value.shape)}"
    if isinstance(value, Tensor) and value.ndim:
        return f"[{', '.join(written(entry) for entry in value)}]"
    if isinstance(value, Tensor) and value.dtype == torch.bool:
        return repr(bool(value))
    if isinstance(value, Real | Tensor) and not isinstance(value, bool):
        return f"{float(value):.4g}"
    return repr(value) if isinstance(value, str | bool | None | tuple | list) else f"a {type(value).__name__}"
