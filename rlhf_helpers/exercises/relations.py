"""What a wrong result has to do with the right one: a sign, a factor, a logarithm, a sum for a mean."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

CLOSE = 0.002  # relative; closer than two unrelated numbers of an exercise are


# ---- Numbers

OF_NUMBERS: dict[str, Callable[[float], float]] = {
    "has the wrong sign.": lambda x: -x,
    "is a percentage; the number itself was asked for.": lambda x: 100 * x,
    "is upside down: take one over it.": lambda x: 1 / x,
    "is the logarithm of what was asked for.": math.log,
    "is e to the power of what was asked for: take the logarithm.": math.exp,
    "is a logarithm to base 10; take the natural one, of base e.": lambda x: x / math.log(10),
    "is in bits, a logarithm to base 2; take the natural one, of base e.": lambda x: x / math.log(2),
    "is one minus what was asked for.": lambda x: 1 - x,
    "is the square of what was asked for.": lambda x: x * x,
    "is the root of what was asked for.": math.sqrt,
    "is twice what was asked for.": lambda x: 2 * x,
    "is half of what was asked for.": lambda x: x / 2,
}


def of_number(right: float) -> list[tuple[float, str]]:
    """Return the wrong numbers that have something to do with the right one, each with what that is.

    Args:
        right: the answer.
    """
    made = [(_made(how, right), words) for words, how in OF_NUMBERS.items()]
    return [(other, words) for other, words in made if other and not math.isclose(other, right, rel_tol=0.02)]


def _made(how: Callable[[float], float], number: float) -> float | None:
    try:
        return how(number)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


# ---- Results of functions

OF_TENSORS: dict[str, Callable[[Tensor], Tensor]] = {
    "The sign is the wrong way round.": lambda x: -x,
    "It is upside down: take one over it.": lambda x: 1 / x,
    "It is the logarithm of what was asked for: an `exp` is missing, or a `log` too many.": lambda x: x.log(),
    "It is e to the power of what was asked for: a `log` is missing, or an `exp` too many.": lambda x: x.exp(),
    "It is one minus what was asked for.": lambda x: 1 - x,
    "It is a percentage; the share itself was asked for.": lambda x: 100 * x,
    "It is the square of what was asked for.": lambda x: x.square(),
    "It is the root of what was asked for.": lambda x: x.sqrt(),
    "It is in bits: take the natural logarithm.": lambda x: x / math.log(2),
    "It is a logarithm to base 10: take the natural one.": lambda x: x / math.log(10),
    "It is the absolute value of what was asked for: the sign is lost.": lambda x: x.abs(),
    "It is cut off below 0.": lambda x: x.clamp(min=0),
    "It runs the wrong way: the last entry comes first.": lambda x: x.flip(-1) if x.ndim else x + 1,
    "Its rows are in the wrong order.": lambda x: x.flip(0) if x.ndim else x + 1,
    "It is one place too late: shift it.": lambda x: x.roll(1, -1) if x.ndim else x + 1,
    "It is one place too early: shift it.": lambda x: x.roll(-1, -1) if x.ndim else x + 1,
    "It is adjusted to sum to 1, and that was not asked for.": lambda x: x / x.sum() if x.ndim else x + 1,
    "It is off by exactly 1 everywhere: 1 too much.": lambda x: x + 1,
    "It is off by exactly 1 everywhere: 1 too little.": lambda x: x - 1,
}
REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "The numbers are right, and there is a dimension of size 1 too many.": lambda x: x.squeeze(),
    "The mean over all of your result is what was asked for.": lambda x: x.double().mean(),
    "The sum of your result is what was asked for.": lambda x: x.double().sum(),
    "Minus the mean over all of your result is what was asked for.": lambda x: -x.double().mean(),
    "The sum over the last dimension of your result is what was asked for.": lambda x: x.double().sum(-1),
    "The mean over the last dimension of your result is what was asked for.": lambda x: x.double().mean(-1),
    "Rows and columns are exchanged: transpose it.": lambda x: x.T if x.ndim == 2 else x,
}
EXPANSIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "You made one number of all; it is the mean of what was asked for.": lambda x: x.double().mean(),
    "You made one number of all; it is the sum of what was asked for.": lambda x: x.double().sum(),
    "You have taken the mean over the last dimension, which was to stay.": lambda x: x.double().mean(-1),
    "You have taken the sum over the last dimension, which was to stay.": lambda x: x.double().sum(-1),
    "You have taken the mean over the first dimension, which was to stay.": lambda x: x.double().mean(0),
    "You have taken the sum over the first dimension, which was to stay.": lambda x: x.double().sum(0),
}


def of_outputs(outputs: list[tuple[tuple[Tensor, ...], tuple[Tensor, ...]]], cases: list[dict]) -> str | None:
    """Say what wrong results have to do with the right ones, if it is the same in every case.

    Args:
        outputs: for each case, an attempt's results and the right ones.
        cases: the inputs.
    """
    count = len(outputs[0][1])
    places = [place for place in range(count) if any(not _alike(a[place], b[place]) for a, b in outputs)]
    if not places:
        return None
    pairs = [(a[places[0]], b[places[0]]) for a, b in outputs]
    which = f"Result {places[0] + 1}: " if count > 1 else ""
    if count == 2 and len(places) == 2 and all(_alike(a[0], b[1]) and _alike(a[1], b[0]) for a, b in outputs):
        return "The two results are in the wrong order."
    words = next(_relations(pairs), None) or _factor(pairs, cases)
    return f"{which}{words}" if words else None


def _relations(pairs: list[tuple[Tensor, Tensor]]) -> Iterator[str]:
    for words, made in OF_TENSORS.items():
        if all(_alike(a, made(_float(b))) for a, b in pairs):
            yield words
    for words, made in REDUCTIONS.items():
        if all(a.ndim and _alike(made(a), b, strictly=True) for a, b in pairs):
            yield words
    for words, made in EXPANSIONS.items():
        if all(b.ndim and _alike(a, made(b), strictly=True) for a, b in pairs):
            yield words


def _factor(pairs: list[tuple[Tensor, Tensor]], cases: list[dict]) -> str | None:
    """Name the factor between results and right ones: a size, one of the inputs, or a number."""
    found = [_quotient(a, b) for a, b in pairs]
    known = [(factor, case) for factor, case in zip(found, cases, strict=True) if factor != "any"]
    if not known or any(factor is None for factor, _ in known):
        return None
    for words, made in _factors(max(cases, key=len), pairs[0][1].numel()):
        if all(_is_made(factor, made, case) for factor, case in known):
            return words
    first, entries = known[0][0], sum(b.count_nonzero().item() for _, b in pairs)
    same = all(math.isclose(factor, first, rel_tol=CLOSE) for factor, _ in known)
    return (
        f"In every case it is {first:.4g} times what it should be."
        if same and entries > 1 and 0.05 < abs(first) < 20
        else None
    )


def _is_made(factor: float, made: Callable[[dict], float], case: dict) -> bool:
    try:
        other = made(case)
    except (IndexError, ZeroDivisionError, KeyError):
        return False
    return other != 1 and math.isclose(factor, other, rel_tol=CLOSE)


def _factors(example: dict, entries: int) -> Iterator[tuple[str, Callable[[dict], float]]]:
    """Factors that a result of this many entries may be off by; sizes, if it is made of fewer than there were."""
    for name, value in example.items():
        if isinstance(value, Tensor) and value.numel() > entries:
            for dim in range(value.ndim):
                size = f"the size of dimension {dim} of `{name}`"
                yield (
                    f"It is too large by {size}: a sum stands for a mean.",
                    lambda case, n=name, d=dim: case[n].shape[d],
                )
                yield (
                    f"It is too small by {size}: a mean stands for a sum.",
                    lambda case, n=name, d=dim: 1 / case[n].shape[d],
                )
            size = f"the number of entries of `{name}`"
            yield f"It is too large by {size}: a sum stands for a mean.", lambda case, n=name: case[n].numel()
            yield f"It is too small by {size}: a mean stands for a sum.", lambda case, n=name: 1 / case[n].numel()
            counted = f"what `{name}` adds up to"
            yield f"It is too large by {counted}: divide.", lambda case, n=name: float(case[n].sum())
            yield f"It is too small by {counted}: multiply.", lambda case, n=name: 1 / float(case[n].sum())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"It is `{name}` times too large.", lambda case, n=name: case[n]
            yield f"It should be multiplied by `{name}`.", lambda case, n=name: 1 / case[n]
            yield f"It is `{name}` squared times too large.", lambda case, n=name: case[n] ** 2
            yield f"It should be multiplied by `{name}` squared.", lambda case, n=name: 1 / case[n] ** 2


def _quotient(a: Tensor, b: Tensor) -> float | str | None:
    """The one number by which ``b`` has to be multiplied to give ``a``; "any" if both are 0, None if there is none."""
    if a.shape != b.shape and not a.numel() == b.numel() == 1:
        return None
    a, b = a.double().reshape(b.shape), b.double()
    used = b.abs() > 1e-4
    if not a.isfinite().all() or not b.isfinite().all():
        return "any" if _alike(a, b) else None
    if not used.any():
        return "any" if not (a.abs() > 1e-4).any() else None
    factor = (a[used] / b[used]).mean()
    return factor.item() if torch.allclose(a, factor * b, rtol=CLOSE, atol=1e-4) else None


def _alike(a: Tensor, b: Tensor, *, strictly: bool = False) -> bool:
    if a.shape != b.shape and (strictly or not a.numel() == b.numel() == 1):
        return False
    return torch.allclose(a.double().reshape(b.shape), b.double(), rtol=CLOSE, atol=1e-4, equal_nan=True)


def _float(value: Tensor) -> Tensor:
    return value.double()
