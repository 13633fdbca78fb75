"""What is drawn, as arrays; what cannot be drawn is named as the caller knows it."""

from collections.abc import Collection, Mapping

import numpy as np

from rlhf_helpers.plots.style import COLORS


def numbers(name: str, values) -> np.ndarray:
    """Return lists, arrays or tensors as floats; tensors of any precision, with gradients or without.

    Raises:
        TypeError: they are no numbers.
    """
    try:
        found = np.asarray(_off_torch(values))
        if np.iscomplexobj(found):
            raise TypeError("these are complex")
        return found.astype(float)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must be numbers: {error}") from error


def _off_torch(values):
    """Return tensors, and those in a list, as arrays: they may be anywhere, and numpy knows nothing of bfloat16."""
    if isinstance(values, list | tuple):
        return [_off_torch(value) for value in values]
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    return (values.double() if values.is_floating_point() else values).numpy()


def token_ids(name: str, values) -> np.ndarray:
    """Return token ids as integers; raise unless they are whole numbers."""
    ids = numbers(name, values)
    is_whole = np.isfinite(ids) & (ids == ids.round())
    if not is_whole.all():
        raise ValueError(f"{name} must be token ids, got {ids[~is_whole].flat[0]}")
    return ids.astype(int)


def check_names(name: str, named: Mapping) -> None:
    """Raise TypeError unless something is by name."""
    if not isinstance(named, Mapping):
        raise TypeError(f"{name} must be name -> values, got {type(named).__name__}")


def check_text(name: str, text: str) -> None:
    """Raise TypeError unless something is a text."""
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a text, got {type(text).__name__}")


def check_quantity(quantity: str) -> None:
    """Raise ValueError unless there is a color for it."""
    if not isinstance(quantity, str) or quantity not in COLORS:
        raise ValueError(f"quantity must be among {sorted(COLORS)}, got {quantity!r}")


def check_length(name: str, given: Collection, count: int) -> None:
    """Raise ValueError unless there is one for each."""
    if len(given) != count:
        raise ValueError(f"{name} must be {count}, got {len(given)}")
