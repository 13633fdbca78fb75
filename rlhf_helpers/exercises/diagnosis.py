"""How an attempt is compared with the right answer and with the mistakes that people make.

A checker is a function that takes an attempt and returns None when it is right, or a diagnosis in plain words. Checkers
are made here: :class:`Numbers` and :class:`Choice` for predictions, :class:`Function` for code, :class:`Outcome` for
code whose result needs a judge of its own, and :class:`Parts` for an answer of several.
"""

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from rlhf_helpers.exercises.answers import NotAttempted, as_numbers, as_tensor, refuse_dots, written
from rlhf_helpers.exercises.mutants import mutants
from rlhf_helpers.exercises.relations import of_number, of_outputs

Checker = Callable[[object], str | None]
Range = tuple[float, float]
ANY = math.nan  # in an answer of several numbers: whatever this one is
TOLERANCE = 1e-4  # relative and absolute; float32 sums of a few numbers are ten times closer


class Mistake(NamedTuple):
    """A mistake in code: what the reader did, in words, and a function that does just that."""

    words: str
    does: Callable


class Edge(NamedTuple):
    """A case that many an answer forgets: what is special about it, in words, and its inputs."""

    words: str
    case: dict


# ---- Predictions


@dataclass(frozen=True)
class Numbers:
    """Check a number, or several in a tuple, that the reader works out without running anything.

    Attributes:
        right: the answer.
        mistakes: a wrong answer -> what leads to it. In a tuple, ``ANY`` is any value.
        tolerance: relative error that still counts as right, absolute around 0. What is rounded to two digits counts as
            well, unless whole numbers are asked for, with a tolerance of 0.
        hints: for each number, the hint that helps with it.
    """

    right: float | tuple[float, ...]
    mistakes: dict[float | tuple[float, ...], str]
    tolerance: float = 0.01
    hints: tuple[int, ...] = ()

    def __call__(self, attempt: object) -> str | None:
        """Diagnose an attempt."""
        refuse_dots(attempt)
        expected = _as_tuple(self.right)
        try:
            values = as_numbers(attempt)
        except TypeError:
            values = []
        if len(expected) == 1 and len(values) == 2 and all(value.is_integer() for value in values):
            return f"A comma makes two numbers in Python: write {values[0]:.0f}.{values[1]:.0f}, with a point."
        if len(values) != len(expected) or any(math.isnan(value) for value in values):
            return f"Answer with {_count(len(expected), 'number')}; you gave {attempt!r}."
        wrong = [place for place, pair in enumerate(zip(values, expected, strict=True)) if not self._right(*pair)]
        if not wrong:
            return None
        distances = {mistake: self._distance(values, _as_tuple(mistake)) for mistake in self.mistakes}
        nearest = min(distances, key=distances.get)
        if distances[nearest] < math.inf:
            return f"You say {', '.join(map(written, values))}. {self.mistakes[nearest]}"
        for one, two in combinations(wrong, 2):
            if self._right(values[one], expected[two]) and self._right(values[two], expected[one]):
                return f"You say {', '.join(map(written, values))}. Numbers {one + 1} and {two + 1} are swapped."
        place = wrong[0]
        yours, wanted = values[place], expected[place]
        which = f"Number {place + 1} of your answer, {written(yours)}," if len(expected) > 1 else written(yours)
        if math.isinf(yours):
            return (
                f"{which} is what is left when a number on the way is 0 where one divides by it or takes its log, or "
                "gets too small or too large for its format."
            )
        for ranges, words in self._related(wanted):
            if _within(yours, ranges):
                return f"{which} {words}"
        return f"{which} is too {'large' if yours > wanted else 'small'}. Hint {self._hint(place)} helps with it."

    def as_data(self) -> dict:
        """Give all that it compares an attempt with, for a page without Python."""
        return {
            "numbers": [
                {
                    "value": number,
                    "accepted": self._accepted(number),
                    "related": self._related(number),
                    "hint": self._hint(place),
                }
                for place, number in enumerate(_as_tuple(self.right))
            ],
            "mistakes": [
                {
                    "words": words,
                    "numbers": [
                        None if math.isnan(number) else {"value": number, "accepted": self._near(number)}
                        for number in _as_tuple(mistake)
                    ],
                }
                for mistake, words in self.mistakes.items()
                if math.inf not in _as_tuple(mistake)  # which no box takes
            ],
        }

    def _hint(self, place: int) -> int:
        return self.hints[place] if self.hints else 1

    def _right(self, given: float, right: float) -> bool:
        return _within(given, self._accepted(right))

    def _accepted(self, right: float) -> list[Range]:
        return self._near(right) if right else [(-self.tolerance, self.tolerance)]

    def _near(self, number: float) -> list[Range]:
        """What is as good as a number, as far as rounding goes."""
        rounded = [_around(float(f"{number:.1e}"), 1e-6)] if self.tolerance else []
        return [_around(number, self.tolerance), *rounded]

    def _related(self, right: float) -> list[tuple[list[Range], str]]:
        return [([_around(other, 0.006)], words) for other, words in of_number(right)]

    def _distance(self, values: list[float], mistake: tuple[float, ...]) -> float:
        """How far an answer is from a mistake, in thousandths; infinity if it is not that one."""
        pairs = [(given, wrong) for given, wrong in zip(values, mistake, strict=True) if not math.isnan(wrong)]
        if not all(_within(given, self._near(wrong)) for given, wrong in pairs):
            return math.inf
        return round(1000 * sum(abs(given / wrong - 1) for given, wrong in pairs if wrong and math.isfinite(wrong)))


@dataclass(frozen=True)
class Choice:
    """Check one word out of a few.

    Attributes:
        right: the answer.
        mistakes: every other word -> why it is wrong.
    """

    right: str
    mistakes: dict[str, str]

    def __call__(self, attempt: object) -> str | None:
        """Diagnose an attempt."""
        refuse_dots(attempt)
        said = str(getattr(attempt, "__name__", attempt))  # also None for "none"
        words = {word.lower(): word for word in (self.right, *self.mistakes)}
        word = words.get(said.strip().lower())
        if word == self.right:
            return None
        if word is not None:
            return f"You say {word!r}. {self.mistakes[word]}"
        return f"Answer with one of {', '.join(map(repr, sorted(words.values())))}; you gave {attempt!r}."

    def as_data(self) -> dict:
        """Give all that it compares an attempt with, for a page without Python."""
        return {"words": sorted((self.right, *self.mistakes)), "right": self.right, "mistakes": self.mistakes}


# ---- Code


@dataclass(frozen=True)
class Behavior:
    """What a function does in one case.

    Attributes:
        outputs: what it returns.
        gradients: of the sum of the outputs, by the name of the input (None: no path).
        changed: the names of the inputs that are not what they were.
        fault: why there are no outputs, in words.
        no_gradient: why there are no gradients, in words.
    """

    outputs: tuple[Tensor, ...] = ()
    gradients: dict[str, Tensor | None] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    fault: str = ""
    no_gradient: str = ""


@dataclass(frozen=True)
class Function:
    """Check a function that the reader writes, by one that is right and some that are not.

    Attributes:
        right: does what is asked, written with ``def`` as a reader would: with one thing changed, it is a mistake.
        cases: inputs by name, in the order of the arguments; small, so that a diagnosis can show them.
        mistakes: the first that behaves like the attempt, in all cases, is the diagnosis.
        edges: further cases, each with words for an attempt that is right but for such.
        gradients: the inputs for which the gradients must agree. The others are data.
        kept: the inputs that must stay as they are.
        tolerance: relative and absolute, for results in 32 bits.
        hint: the hint that helps when nothing else can be said.
        gradient_hint: the same for a wrong gradient.
    """

    right: Callable
    cases: list[dict]
    mistakes: list[Mistake]
    edges: tuple[Edge, ...] = ()
    gradients: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    tolerance: float = TOLERANCE
    hint: int = 1
    gradient_hint: int = 1

    def __call__(self, attempt: object) -> str | None:
        """Diagnose an attempt."""
        refuse_dots(attempt)
        if not callable(attempt):
            return _no_function(attempt)
        if fault := _signature_fault(attempt, max(self._every_case, key=len), self._least):
            return fault
        found = self._observed(attempt)
        faults = [self._fault(*pair) for pair in enumerate(found)]
        wrong = [place for place, fault in enumerate(faults) if fault]
        if not wrong:
            return None
        words = self._name(attempt, found, wrong)
        place = min(wrong, key=lambda place: (self._alike(found[place], self._wanted[place]), self._extent(place)))
        fault = faults[place]
        if words:
            return f"{words} {fault}"
        if found[place].fault:
            return fault
        hint = self.gradient_hint if fault.startswith("The values agree") else self.hint
        return f"{fault} Hint {hint} may help."

    def passes(self, attempt: Callable) -> bool:
        """Whether a function is right, without saying why not."""
        places = range(len(self._every_case))
        return not any(self._fault(place, self._one(attempt, self._every_case[place])) for place in places)

    @cached_property
    def _every_case(self) -> list[dict]:
        return [*self.cases, *(edge.case for edge in self.edges)]

    @cached_property
    def _least(self) -> int:
        return min(map(len, self._every_case))

    @cached_property
    def _wanted(self) -> list[Behavior]:
        return [_behavior(self.right, case, None, self.gradients) for case in self._every_case]

    def mutants(self) -> Iterator[tuple[str, Callable]]:
        """Make the right function with one thing changed, in every way, each with what was changed in words."""
        trained = [name for name in self.gradients if any(w.gradients[name] is not None for w in self._wanted)]
        return mutants(self.right, max(self.cases, key=len), trained)

    def _extent(self, place: int) -> int:
        """How much there is to read in a case."""
        return sum(getattr(value, "numel", lambda: 1)() for value in self._every_case[place].values())

    def _observed(self, function: Callable) -> list[Behavior]:
        return [self._one(function, case) for case in self._every_case]

    def _one(self, function: Callable, case: dict) -> Behavior:
        return _behavior(function, case, len(self._wanted[0].outputs), self.gradients)

    def _fault(self, place: int, found: Behavior) -> str | None:
        """What is wrong in one case."""
        case = self._every_case[place]
        if fault := _difference(found, self._wanted[place], case, self.tolerance):
            return fault
        spoiled = next((name for name in found.changed if name in self.kept), None)
        return spoiled and _spoiled(spoiled, case)

    def _alike(self, one: Behavior, two: Behavior) -> bool:
        return _same_values(one, two, self.tolerance)

    def _behaves_like(self, function: Callable, found: list[Behavior], *, gradients: bool) -> bool:
        """Whether a function does what was found, case by case; most differ in the first."""
        pairs = zip(found, self._every_case, strict=False)
        return all(self._same(behavior, self._one(function, case), gradients=gradients) for behavior, case in pairs)

    def _distance(self, function: Callable, found: list[Behavior]) -> float:
        """How far the values of a function are from what was found, in the usual cases: alike need not be equal."""
        pairs = zip(found, (self._one(function, case) for case in self.cases), strict=False)
        outputs = [pair for one, two in pairs for pair in zip(one.outputs, two.outputs, strict=False)]
        return sum((a.double() - b.double().reshape(a.shape)).abs().nan_to_num().sum().item() for a, b in outputs)

    def _same(self, one: Behavior, two: Behavior, *, gradients: bool) -> bool:
        """Whether two behave alike; two that fail do when it is for the same reason."""
        if one.fault or two.fault:
            return one.fault == two.fault
        if not self._alike(one, two):
            return False
        if not gradients:
            return True
        if one.no_gradient or two.no_gradient:
            return False
        pairs = [(one.gradients[name], two.gradients[name]) for name in one.gradients]
        return all(a is b or _close(_zero(a, b), _zero(b, a), TOLERANCE) for a, b in pairs)

    def _name(self, attempt: Callable, found: list[Behavior], wrong: list[int]) -> str | None:
        """What the mistake is, in words, if it is known."""
        values_agree = all(map(self._alike, found, self._wanted))
        usual = len(self.cases)
        only_edges = wrong[0] >= usual
        by_gradient = bool(self.gradients)
        for gradients in (True, False) if by_gradient and not values_agree else (by_gradient,):
            for compared in (len(found),) if only_edges else (len(found), usual):
                alike = [m for m in self.mistakes if self._behaves_like(m.does, found[:compared], gradients=gradients)]
                if alike:
                    words = min(alike, key=lambda mistake: self._distance(mistake.does, found)).words
                    of_values = gradients != by_gradient and not _learns_nothing(found)
                    return f"{words} That is so of its values; its gradient is another." if of_values else words
        if only_edges:
            return f"It is right in the usual cases. {self.edges[wrong[0] - usual].words}"
        if values_agree:
            return None
        if any(behavior.fault for behavior in found[:usual]):
            return self._one_change(found)
        outputs = [(one.outputs, two.outputs) for one, two in zip(found[:usual], self._wanted, strict=False)]
        return (
            self._ignored(attempt, found)
            or of_outputs(outputs, self.cases)
            or self._one_change(found)
            or self._nearly(found)
        )

    def _ignored(self, attempt: Callable, found: list[Behavior]) -> str | None:
        """Say so when one of the inputs has no say in the results."""
        for name in max(self.cases, key=len):
            others = [(at, other) for at, case in enumerate(self.cases) for other in _with_another(case, name)]
            if (
                others
                and all(self._alike(self._one(attempt, other), found[at]) for at, other in others)
                and not all(self._alike(self._one(self.right, other), self._wanted[at]) for at, other in others)
            ):
                return f"Whatever was tried for `{name}`, your result stayed the same: it has to have a say."
        return None

    def _one_change(self, found: list[Behavior]) -> str | None:
        for words, mutant in self.mutants():
            if self._behaves_like(mutant, found[: len(self.cases)], gradients=False):
                return f"It does what a right answer does in which {words}."
        return None

    def _nearly(self, found: list[Behavior]) -> str | None:
        pairs = [
            pair
            for one, two in zip(found[: len(self.cases)], self._wanted, strict=False)
            for pair in zip(one.outputs, two.outputs, strict=True)
        ]
        if all(a.shape == b.shape and _close(a, b, 0.01) for a, b in pairs):
            return "It is right to about two digits: is a constant rounded, or a number kept in 16 bits?"
        return None


@dataclass(frozen=True)
class Outcome:
    """Check a function that the reader writes, by two functions of ours.

    Attributes:
        right: does what is asked, written with ``def`` as a reader would.
        run: takes the attempt, calls it with :func:`call`, and returns what the judge needs. An error that it raises is
            the diagnosis.
        judge: takes that, and returns None or a diagnosis.
        called_with: inputs by name, which the diagnosis of an error shows.
    """

    right: Callable
    run: Callable
    judge: Callable
    called_with: dict

    def __call__(self, attempt: object) -> str | None:
        """Diagnose an attempt."""
        refuse_dots(attempt)
        if not callable(attempt):
            return _no_function(attempt)
        try:
            result = self.run(attempt)
        except NotAttempted:
            raise
        except Exception as error:  # whatever the reader's code raises is the diagnosis
            return _raised(error, self.called_with)
        return self.judge(result)

    def passes(self, attempt: Callable) -> bool:
        """Whether a function is right."""
        return self(attempt) is None

    def mutants(self) -> Iterator[tuple[str, Callable]]:
        """Make the right function with one thing changed, in every way, each with what was changed in words."""
        return mutants(self.right, self.called_with)


@dataclass(frozen=True)
class Parts:
    """Check an answer of several parts, one after the other.

    Attributes:
        parts: what each part is, in a few words -> its checker.
    """

    parts: dict[str, Checker]

    def __call__(self, attempt: object) -> str | None:
        """Diagnose an attempt; one that lacks the later parts is told about the first."""
        given = attempt if isinstance(attempt, tuple | list) else (attempt,)
        for place, (name, checker) in enumerate(self.parts.items()):
            try:
                if place >= len(given):
                    raise NotAttempted
                fault = checker(given[place])
            except NotAttempted:
                if place == 0:
                    raise
                return f"{', '.join(list(self.parts)[:place]).capitalize()}: right. Now {name}: 1 answer is missing."
            if fault:
                return fault
        return None


def call(attempt: Callable, *inputs, **named):
    """Call an attempt.

    Args:
        attempt: the reader's function.
        *inputs: its arguments.
        **named: those that it takes by name alone.

    Returns:
        What it returns.

    Raises:
        NotAttempted: when that is the placeholder, or has it in a tuple or a list.
    """
    result = attempt(*inputs, **named)
    refuse_dots(result)
    return result


# ---- What a function does


def _behavior(function: Callable, case: dict, count: int | None, gradients: tuple[str, ...]) -> Behavior:
    """Run a function on copies of the inputs; ``count`` outputs are asked for, any number if None."""
    inputs = {name: _copy(value) for name, value in case.items()}
    try:
        result = _called(function, inputs)
    except NotAttempted:
        raise
    except Exception as error:  # whatever the reader's code raises is the diagnosis
        return Behavior(fault=_raised(error, case))
    outputs, fault = _outputs(result, count)
    if fault:
        return Behavior(fault=f"{fault[:-1]}, with {_inputs(case)}.")
    changed = tuple(name for name, value in inputs.items() if _has_changed(value, case[name]))
    found, problem = _gradients(function, case, count, gradients) if gradients else ({}, "")
    return Behavior(tuple(output.detach() for output in outputs), found, changed, "", problem)


def _called(function: Callable, inputs: dict):
    """Call with the inputs in order; what comes after a star, by name."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    by_name = {entry.name for entry in parameters if entry.kind is inspect.Parameter.KEYWORD_ONLY}
    in_order = [value for name, value in inputs.items() if name not in by_name]
    return call(function, *in_order, **{name: value for name, value in inputs.items() if name in by_name})


def _gradients(function: Callable, case: dict, count: int | None, names: tuple[str, ...]) -> tuple[dict, str]:
    """Gradients of the sum of the outputs, and what kept us from having them.

    The inputs are not leaves, as in a training loop: an answer may change them in place. One that turns off
    ``requires_grad``, which only leaves can have turned off, is called again with leaves.
    """
    problem = ""
    for a_leaf in (False, True):
        leaves = {name: _copy(case[name]).requires_grad_() for name in names}
        inputs = {name: leaves[name] if a_leaf else leaves[name] * 1 for name in names}
        try:
            outputs, _ = _outputs(
                _called(function, {n: inputs.get(n, _copy(value)) for n, value in case.items()}), count
            )
            total = sum(output.sum() for output in outputs)
            followed = {name: leaf for name, leaf in leaves.items() if leaf.requires_grad}
            found = [None] * len(followed)
            if total.requires_grad and followed:
                found = torch.autograd.grad(total, list(followed.values()), allow_unused=True)
            return dict.fromkeys(names) | dict(zip(followed, found, strict=True)), ""
        except Exception as error:  # NumPy on a tensor that needs a gradient, for example
            problem = problem or f"{type(error).__name__}: {error}"
    return {}, problem


def _outputs(result: object, count: int | None) -> tuple[tuple[Tensor, ...], str]:
    """The outputs as tensors, or what is wrong with them."""
    if result is None:
        return (), "Your function returns None: is a `return` missing?"
    several = isinstance(result, tuple | list) or (count or 1) > 1 and getattr(result, "ndim", 0)
    if count is None:
        count = len(result) if isinstance(result, tuple) else 1
    try:
        if count == 1 and isinstance(result, tuple) and len(result) > 1 and getattr(result[0], "ndim", 0):
            raise TypeError  # several tensors, and not one in pieces
        if count == 1:
            return (as_tensor(result[0] if isinstance(result, tuple) and len(result) == 1 else result),), ""
        if several and len(result) == count:
            return tuple(map(as_tensor, result)), ""
    except TypeError as error:
        if count > 1 or not several:
            return (), f"Your function returns {error}, and a tensor or a number was asked for."
    return (), f"Your function returns {_count(len(result) if several else 1, 'thing')}, and {count} were asked for."


def _signature_fault(attempt: Callable, case: dict, least: int) -> str | None:
    """Say so when a function cannot take all the inputs that it is asked to take."""
    try:
        parameters = list(inspect.signature(attempt).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(entry.kind is inspect.Parameter.VAR_POSITIONAL for entry in parameters):
        return None
    missing = list(case)[len(parameters) :]
    if missing and len(parameters) >= least:
        return (
            f"Your function has no argument `{missing[0]}`. It takes {_count(len(parameters), 'argument')} and is to "
            f"take {len(case)}, as the first line above says."
        )
    return None


def _with_another(case: dict, name: str) -> list[dict]:
    """The same case with other values for one input, of the same kind."""
    value = case.get(name)
    if isinstance(value, Tensor) and value.is_floating_point():
        others = [value.roll(1, -1) if value.ndim else value / 2, 0.6 * value - 0.9, 1.5 * value + 0.7]
    elif isinstance(value, Tensor):
        others = [value.roll(1, -1), value.roll(1, 0), value.flip(-1)]
    elif isinstance(value, int):
        others = [value // 2, value - 1, value + 1, 3 * value, 10 * value]
    elif isinstance(value, float):
        others = [0.1 * value, 0.5 * value, 0.75 * value, 1.3 * value, 2 * value, 5 * value]
    else:
        others = []
    return [case | {name: other} for other in others]


# ---- Comparing


def _difference(yours: Behavior, wanted: Behavior, case: dict, tolerance: float) -> str | None:
    """What differs between two behaviors, with the values, or None."""
    if yours.fault:
        return yours.fault
    for place, (a, b) in enumerate(zip(yours.outputs, wanted.outputs, strict=True)):
        which = f"result {place + 1}" if len(wanted.outputs) > 1 else "result"
        if not _fits(a, b):
            return f"Your {which} has shape {tuple(a.shape)}, expected {tuple(b.shape)}, with {_inputs(case)}."
        if not _close(a, b, max(tolerance, _tolerance(a))):
            hint = "It holds a NaN. " if a.isnan().any() and not b.isnan().any() else ""
            return f"{hint}With {_inputs(case)}: your {which} is {written(a)}, expected {written(b)}."
    if yours.no_gradient:
        return (
            f"The values agree, but with inputs that carry a gradient it ends in {yours.no_gradient}. The gradient has "
            f"to get through, with {_inputs(case)}."
        )
    tolerance = max([tolerance, *map(_tolerance, yours.outputs)])
    for name, b in wanted.gradients.items():
        a = yours.gradients[name]
        if _close(_zero(a, case[name]), _zero(b, case[name]), tolerance):
            continue
        if b is None or not b.any():
            return f"The values agree, but a gradient reaches {name}, {written(a)}, and none should: detach it."
        if a is None or not a.any():
            return f"The values agree, but no gradient reaches {name}; expected {written(b)}."
        return f"The values agree, but the gradient for {name} does not: yours is {written(a)}, expected {written(b)}."
    return None


def _same_values(one: Behavior, two: Behavior, tolerance: float) -> bool:
    if one.fault or two.fault or len(one.outputs) != len(two.outputs):
        return False
    pairs = zip(one.outputs, two.outputs, strict=True)
    return all(_fits(a, b) and _close(a, b, max(tolerance, _tolerance(a))) for a, b in pairs)


def _fits(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape or a.numel() == b.numel() == 1


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return torch.allclose(a.double().reshape(b.shape), b.double(), rtol=tolerance, atol=tolerance, equal_nan=True)


def _tolerance(found: Tensor) -> float:
    """What rounding may make of a result: much in 16 bits."""
    return 4 * torch.finfo(found.dtype).eps if found.is_floating_point() else 0.0


def _learns_nothing(found: list[Behavior]) -> bool:
    return not any(gradient is not None for behavior in found for gradient in behavior.gradients.values())


def _zero(gradient: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if gradient is None else gradient


# ---- Words


def _no_function(attempt: object) -> str:
    return f"Hand over the function itself, without calling it; you gave a {type(attempt).__name__}."


def _raised(error: Exception, case: dict) -> str:
    """Say what was raised.

    Raises:
        NotAttempted: when the dots were used as if they were a value.
    """
    if "ellipsis" in str(error).lower():
        raise NotAttempted from None
    return f"Your function raises {type(error).__name__}: {error}. It was called with {_inputs(case)}."


def _spoiled(name: str, case: dict) -> str:
    return f"Your function changes `{name}` itself, which others still need: work on a copy, with {_inputs(case)}."


def _inputs(case: dict) -> str:
    return ", ".join(f"{name} = {written(value)}" for name, value in case.items())


def _has_changed(now: object, before: object) -> bool:
    return isinstance(before, Tensor) and not (now.shape == before.shape and torch.equal(now, before))


def _copy(value):
    return value.clone() if isinstance(value, Tensor) else value


def _around(number: float, tolerance: float) -> Range:
    """The numbers that ``math.isclose`` finds close to one, with a relative tolerance."""
    low, high = sorted((number * (1 - tolerance), number / (1 - tolerance)))
    return low, high


def _within(number: float, ranges: list[Range]) -> bool:
    return any(low <= number <= high for low, high in ranges)


def _as_tuple(value) -> tuple:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
