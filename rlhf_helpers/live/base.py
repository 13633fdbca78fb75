"""What all panels have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from matplotlib.axes import Axes

from rlhf_helpers.live.inside import Inside
from rlhf_helpers.plots.labels import line_styles
from rlhf_helpers.plots.style import label_of, quantity_of


@dataclass(frozen=True)
class View:
    """What there is to draw: the curves so far, what is true now, where settings changed, and what they are."""

    history: Mapping[str, np.ndarray]
    now: Mapping[str, np.ndarray]
    marks: Sequence[int] = ()
    settings: Mapping[str, float | str] = field(default_factory=dict)


class Panel:
    """A panel: the series it draws, its JSON specification, its still picture."""

    kind = ""
    inside: Inside | None = None
    """What it says of one of its tokens."""

    def asked(self) -> str:
        """Series whose entries a reader can ask about."""
        raise NotImplementedError

    def needs(self) -> dict[str, tuple[int, ...]]:
        """Series that it shows as they are now: name -> how many dimensions they may have."""
        return {}

    def tracks(self) -> tuple[str, ...]:
        """Series of one number per update of which it shows the history."""
        return ()

    def lines(self) -> tuple[str, ...]:
        """Series drawn as lines that must be told apart."""
        return self.tracks()

    def drags(self) -> tuple[str, ...]:
        """Controls that a reader moves in the drawing."""
        drag = getattr(self, "drag", ())
        return tuple(name for name in ((drag,) if isinstance(drag, str) else drag) if name)

    def draw(self, view: View, ax: Axes | None = None) -> Axes:
        """The still picture."""
        raise NotImplementedError

    def describe(self, view: View) -> str:
        """The still picture in words, with the numbers it ends in."""
        labels, anew = getattr(self, "labels", None), getattr(self, "anew", None)
        words = [f"{label_of(name, labels)} {_course(view.history[name])}" for name in self.tracks() if name != anew]
        words += [f"{label_of(name, labels)} {_value(view.now[name])}" for name in self.needs()]
        return f"{self.title or self.kind.capitalize()}: {'; '.join(words)}."

    def spec(self) -> dict:
        """All that the drawing module has to know, in JSON."""
        settings = {f.name: getattr(self, f.name) for f in fields(self)}
        for asked in ("drag", "guess"):  # what most panels have nothing of
            if not settings.get(asked, True):
                del settings[asked]
        colors, labels = settings.pop("colors", None), settings.pop("labels", None)
        inside = settings.pop("inside", None)
        if inside is not None:
            settings["inside"] = inside.spec(colors)
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
        return {"kind": self.kind, "looks": looks} | settings


def names_of(value, argument: str) -> tuple[str, ...]:
    """Return one name or several as a tuple.

    Raises:
        ValueError: there is none, or one is no text; the message has the argument's name.
    """
    names = (value,) if isinstance(value, str) else tuple(value)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{argument} must be the names of one or more series, got {value!r}")
    return names


def pairs_of(value, argument: str) -> tuple[tuple[str, str], ...]:
    """Return pairs (name of x, name of y).

    Raises:
        ValueError: one of them is no pair; the message has the argument's name.
    """
    pairs = tuple(tuple(pair) if not isinstance(pair, str) else (pair,) for pair in value)
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{argument} must be pairs (name of x, name of y), got {value!r}")
    return pairs


def number_in_words(value: float) -> str:
    """Return a number with three digits; rounding noise around zero is zero on every machine."""
    return "0" if abs(value) < 1e-6 else f"{value:.3g}"


def lines_in_words(text: str) -> str:
    """Return lines of a diff with words in place of its signs."""
    words = {"#": "", "-": "without ", "+": "new ", " ": ""}
    return "; ".join(words[line[0]] + line[2:] for line in text.splitlines())


def _course(values: np.ndarray) -> str:
    first, last = number_in_words(values[0]), number_in_words(values[-1])
    return f"stays at {first}" if first == last else f"goes from {first} to {last}"


def _value(value: np.ndarray) -> str:
    value = np.asarray(value, dtype=float)
    if value.ndim == 0:
        return f"is {number_in_words(value)}"
    if value.ndim == 1 and value.size <= 12:
        return "is " + ", ".join(number_in_words(v) for v in value)
    shape = " by ".join(map(str, value.shape))
    return f"has {shape} values from {number_in_words(np.nanmin(value))} to {number_in_words(np.nanmax(value))}"
