"""What panels have in common, and the rules that speak up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from matplotlib.axes import Axes

from rlhf_helpers.plots.labels import line_styles
from rlhf_helpers.plots.style import label_of, quantity_of


@dataclass(frozen=True)
class View:
    """What there is to draw: the curves so far, what is true now, where settings changed."""

    history: Mapping[str, np.ndarray]
    now: Mapping[str, np.ndarray]
    marks: Sequence[int] = ()


class Panel:
    """A panel: the series it draws, its JSON specification, its still picture."""

    kind = ""

    def needs(self) -> dict[str, tuple[int, ...]]:
        """Series that it shows as they are now: name -> how many dimensions they may have."""
        return {}

    def tracks(self) -> tuple[str, ...]:
        """Series of one number per step of which it shows the history."""
        return ()

    def lines(self) -> tuple[str, ...]:
        """Series drawn as lines that must be told apart."""
        return self.tracks()

    def draw(self, view: View, ax: Axes | None = None) -> Axes:
        """The still picture."""
        raise NotImplementedError

    def describe(self, view: View) -> str:
        """The still picture in words, with the numbers it ends in."""
        labels = getattr(self, "labels", None)
        words = [f"{label_of(name, labels)} {_course(view.history[name])}" for name in self.tracks()]
        words += [f"{label_of(name, labels)} {_value(view.now[name])}" for name in self.needs()]
        return f"{self.title or self.kind.capitalize()}: {'; '.join(words)}."

    def spec(self) -> dict:
        """All that the drawing module has to know, in JSON."""
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        colors, labels = told.pop("colors", None), told.pop("labels", None)
        names = list(dict.fromkeys([*self.tracks(), *self.needs()]))
        dashes = dict.fromkeys(names, "-") | line_styles(self.lines(), colors)
        looks = {
            name: {
                "label": label_of(name, labels),
                "named": bool(labels and labels.get(name)),
                "quantity": quantity_of(name, colors),
                "dash": [] if dashes[name] == "-" else [round(2.2 * part, 1) for part in dashes[name][1]],
            }
            for name in names
        }
        return {"kind": self.kind, "looks": looks} | told


def names_of(value, argument: str) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    names = (value,) if isinstance(value, str) else tuple(value)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{argument}: expected the names of one or more series, got {value!r}")
    return names


def pairs_of(value, argument: str) -> tuple[tuple[str, str], ...]:
    """Pairs (name of x, name of y)."""
    pairs = tuple(tuple(pair) if not isinstance(pair, str) else (pair,) for pair in value)
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{argument}: expected pairs (name of x, name of y), got {value!r}")
    return pairs


def plain(value: float) -> str:
    """A number in words; rounding noise around zero is zero on every machine."""
    return "0" if abs(value) < 1e-6 else f"{value:.3g}"


def _course(values: np.ndarray) -> str:
    first, last = plain(values[0]), plain(values[-1])
    return f"stays at {first}" if first == last else f"goes from {first} to {last}"


def _value(value: np.ndarray) -> str:
    value = np.asarray(value, dtype=float)
    if value.ndim == 0:
        return f"is {plain(value)}"
    if value.ndim == 1 and value.size <= 12:
        return "is " + ", ".join(plain(v) for v in value)
    shape = " by ".join(map(str, value.shape))
    return f"has {shape} values from {plain(np.nanmin(value))} to {plain(np.nanmax(value))}"


@dataclass(frozen=True)
class Preset:
    """Settings worth a look: a button that makes them, and a sentence that says what there is to see.

    Args:
        name: what stands on the button.
        text: the sentence.
        values: control name -> value; the other controls go back to where they were at first.
    """

    name: str
    text: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Say:
    """A sentence that appears when a series goes too far.

    Args:
        series: its name; one number per step.
        text: what is said.
        above: speaks when the series is larger.
        below: speaks when the series is smaller. One of the two at least.
        after: silent before this many steps.
    """

    series: str
    text: str
    above: float | None = None
    below: float | None = None
    after: int = 0

    def __post_init__(self):
        if self.above is None and self.below is None:
            raise ValueError(f"Say({self.series!r}): give `above` or `below`")

    def spec(self) -> dict:
        """The rule in JSON."""
        return asdict(self)

    def applies(self, value: float, step: int) -> bool:
        """Whether it speaks now."""
        high = self.above is not None and value > self.above
        return step >= self.after and (high or (self.below is not None and value < self.below))
