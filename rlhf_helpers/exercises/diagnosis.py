"""How an attempt is compared with the right answer and with the mistakes that people make.

A checker is a function that takes an attempt and returns None when it is right, or a diagnosis in plain words. Checkers
are made here: by :func:`numbers` and :func:`choice` for predictions, by :func:`function` for code, and by
:func:`outcome` for code whose result needs a judge of its own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

Checker = Callable[[object], str | None]
Result = TypeVar("Result")
ANY = math.nan  # in an answer of several numbers: whatever this one is
TOLERANCE = 1e-4  # relative and absolute; float32 sums of a few numbers are ten times closer


class NotAttempted(Exception):
    """The placeholder is still in its place."""


class Mistake(NamedTuple):
    """A mistake in code: what the reader did, in words, and a function that does just that."""

    words: str
    does: Callable


def numbers(
    right: float | tuple[float, ...], mistakes: dict[float | tuple[float, ...], str], *, tolerance: float = 0.01
) -> Checker:
    """Make a checker for a number, or for several in a tuple, that the reader works out without running anything.

    Args:
        right: the answer.
        mistakes: a wrong answer -> what leads to it. In a tuple, ``ANY`` is any value.
        tolerance: relative error that still counts as right; absolute around 0.

    Returns:
        The checker.
    """
    expected = _as_tuple(right)

    def close(a: float, b: float) -> bool:
        return math.isnan(b) or math.isclose(a, b, rel_tol=tolerance, abs_tol=0.0 if b else tolerance)

    def diagnose(attempt) -> str | None:
        given = tuple(attempt) if getattr(attempt, "ndim", 0) == 1 else _as_tuple(attempt)  # also a tensor or an array
        _refuse_dots(given)
        if len(given) != len(expected) or not all(_is_number(value) for value in given):
            return f"Answer with {_count(len(expected), 'number')}; you gave {attempt!r}."
        values = [float(value) for value in given]
        wrong_places = [place for place, pair in enumerate(zip(values, expected, strict=True)) if not close(*pair)]
        if not wrong_places:
            return None
        for wrong, why in mistakes.items():
            if all(map(close, values, _as_tuple(wrong))):
                return f"You say {', '.join(map(written, values))}. {why}"
        place = wrong_places[0]
        yours, wanted = values[place], expected[place]
        which = f"Number {place + 1} of your answer, {written(yours)}," if len(expected) > 1 else written(yours)
        if wanted and math.isclose(yours, -wanted, rel_tol=tolerance):
            return f"{which} has the wrong sign."
        return f"{which} is too {'large' if yours > wanted else 'small'}. Open the first hint and try again."

    return diagnose


def choice(right: str, mistakes: dict[str, str]) -> Checker:
    """Make a checker for one word out of a few.

    Args:
        right: the answer.
        mistakes: every other word -> why it is wrong.

    Returns:
        The checker.
    """

    def diagnose(attempt) -> str | None:
        if attempt == right:
            return None
        if attempt in mistakes:
            return f"You say {attempt!r}. {mistakes[attempt]}"
        return f"Answer with one of {', '.join(map(repr, sorted([right, *mistakes])))}; you gave {attempt!r}."

    return diagnose


def outcome(run: Callable[[Callable], Result], judge: Callable[[Result], str | None], *, called_with: dict) -> Checker:
    """Make a checker for a function that the reader writes, from two functions of ours.

    Args:
        run: takes the attempt, calls it with :func:`call`, and returns what the judge needs. An error that it raises
            is the diagnosis.
        judge: takes that, and returns None or a diagnosis.
        called_with: inputs by name, which the diagnosis of an error shows.

    Returns:
        The checker.
    """

    def diagnose(attempt) -> str | None:
        if not callable(attempt):
            return f"Hand over the function itself, without calling it; you gave a {type(attempt).__name__}."
        try:
            result = run(attempt)
        except NotAttempted:
            raise
        except Exception as error:  # whatever the reader's code raises is the diagnosis
            if "ellipsis" in str(error).lower():  # the dots were used as if they were a value
                raise NotAttempted from None
            return f"Your function raises {type(error).__name__}: {error}. It was called with {_inputs(called_with)}."
        return judge(result)

    return diagnose


def call(attempt: Callable, *inputs):
    """Call an attempt.

    Args:
        attempt: the reader's function.
        *inputs: its arguments.

    Returns:
        What it returns.

    Raises:
        NotAttempted: when that is the placeholder, or has it in a tuple or a list.
    """
    result = attempt(*inputs)
    _refuse_dots(_as_tuple(result))
    return result


@dataclass(frozen=True)
class Behavior:
    """What a function does on one case: its outputs, and their gradient with respect to each input (None: no path)."""

    outputs: tuple[Tensor, ...]
    gradients: dict[str, Tensor | None]


def function(
    right: Callable, cases: list[dict], mistakes: list[Mistake], *, gradients: bool | tuple[str, ...] = False
) -> Checker:
    """Make a checker for a function that the reader writes, from one that is right and some that are not.

    Args:
        right: a function that does what is asked.
        cases: inputs by name, in the order of the arguments; small, so that a diagnosis can show them.
        mistakes: the first that behaves like the attempt, in all cases, is the diagnosis.
        gradients: whether the gradients with respect to the floating-point inputs must agree as well, or the names of
            the inputs for which they must.

    Returns:
        The checker.
    """

    def judge(found: list[Behavior]) -> str | None:
        if not all(behavior.outputs for behavior in found):
            return "Your function returns None. Is a `return` missing?"
        wanted = [_behavior(right, case, gradients) for case in cases]
        fault = _first_difference(found, wanted, cases)
        if fault is None:
            return None
        values_agree = _first_difference(found, [replace(behavior, gradients={}) for behavior in wanted], cases) is None
        for mistake in mistakes:
            made = [_behavior(mistake.does, case, gradients and values_agree) for case in cases]
            if _first_difference(found, made, cases) is None:
                return f"{mistake.words} {fault}"
        return fault

    return outcome(lambda attempt: [_behavior(attempt, case, gradients) for case in cases], judge, called_with=cases[0])


def _behavior(function: Callable, case: dict, gradients: bool | tuple[str, ...]) -> Behavior:
    followed = case if gradients is True else gradients or ()
    leaves = {
        name: value.detach().clone().requires_grad_() if name in followed and _is_float(value) else _copy(value)
        for name, value in case.items()
    }
    result = call(function, *leaves.values())
    if result is None:
        return Behavior((), {})
    outputs = tuple(map(_as_tensor, _as_tuple(result)))
    found = {}
    inputs = {name: leaf for name, leaf in leaves.items() if isinstance(leaf, Tensor) and leaf.requires_grad}
    if inputs:
        total = sum(output.sum() for output in outputs)
        if total.requires_grad:
            grads = torch.autograd.grad(total, list(inputs.values()), allow_unused=True)
            found = dict(zip(inputs, grads, strict=True))
        else:
            found = dict.fromkeys(inputs)
    return Behavior(tuple(output.detach() for output in outputs), found)


def _first_difference(yours: list[Behavior], wanted: list[Behavior], cases: list[dict]) -> str | None:
    return next(filter(None, map(_difference, yours, wanted, cases)), None)


def _difference(yours: Behavior, wanted: Behavior, case: dict) -> str | None:
    """What differs between two behaviors, with the values, or None."""
    if len(yours.outputs) != len(wanted.outputs):
        return f"It returns {_count(len(yours.outputs), 'thing')}, and {len(wanted.outputs)} were asked for."
    for a, b in zip(yours.outputs, wanted.outputs, strict=True):
        if a.shape != b.shape:
            return f"Your result has shape {tuple(a.shape)}, expected {tuple(b.shape)}, with {_inputs(case)}."
        if _close(a, b):
            continue
        hint = ""
        if a.isnan().any() and not b.isnan().any():
            hint = "It holds a NaN. "
        elif _close(a, -b):
            hint = "The sign is the wrong way round. "
        elif (factor := _factor(a, b)) is not None:
            hint = f"It is {written(factor)} times what it should be. "
        return f"{hint}With {_inputs(case)}: yours is {written(a)}, expected {written(b)}."
    for name, b in wanted.gradients.items():
        a = yours.gradients[name]
        if a is None and b is None or _close(_zero(a, case[name]), _zero(b, case[name])):
            continue
        if b is None or not b.any():
            return f"The values agree, but a gradient reaches {name}, {written(a)}, and none should: detach it."
        if a is None or not a.any():
            return f"The values agree, but no gradient reaches {name}; expected {written(b)}."
        return f"The values agree, but the gradient for {name} does not: yours is {written(a)}, expected {written(b)}."
    return None


def written(value) -> str:
    """Write a number or a small tensor in a few digits; of a large tensor, its shape."""
    if isinstance(value, Tensor) and value.numel() > 12:
        return f"shape {tuple(value.shape)}"
    if isinstance(value, Tensor) and value.ndim:
        return f"[{', '.join(written(entry) for entry in value)}]"
    if isinstance(value, Real | Tensor) and not isinstance(value, bool):
        return f"{float(value):.4g}"
    return repr(value)


def _inputs(case: dict) -> str:
    return ", ".join(f"{name} = {written(value)}" for name, value in case.items())


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a.double(), b.double(), rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)


def _factor(a: Tensor, b: Tensor) -> float | None:
    """The one number by which all of ``b`` has to be multiplied to give ``a``, or None."""
    used = b.abs() > TOLERANCE
    if not used.any() or not a.isfinite().all():
        return None
    factor = (a.double()[used] / b.double()[used]).mean()
    if used.sum() == 1 and not any(_close(x, x.round()) for x in (factor, 1 / factor)):
        return None  # any number is some multiple of another
    return factor.item() if _close(a, factor * b) else None


def _zero(gradient: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if gradient is None else gradient


def _refuse_dots(values: tuple) -> None:
    if any(value is ... for value in values):
        raise NotAttempted


def _as_tuple(value) -> tuple:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _is_number(value) -> bool:
    return isinstance(value, Real) or (isinstance(value, Tensor) and value.numel() == 1)


def _is_float(value) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _copy(value):
    return value.clone() if isinstance(value, Tensor) else value


def _as_tensor(value) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Real):
        return torch.tensor(float(value))
    raise TypeError(f"it returned a {type(value).__name__}, and a tensor was asked for")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
