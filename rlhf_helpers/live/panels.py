"""What a live figure shows: each panel names the series it draws, and draws them still with `plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from matplotlib.axes import Axes

from rlhf_helpers import plots
from rlhf_helpers.plots.charts import line_styles
from rlhf_helpers.plots.style import label_of, quantity_of


@dataclass(frozen=True)
class View:
    """What there is to draw: the curves so far, what is true now, where settings changed, how long a run is."""

    history: Mapping[str, np.ndarray]
    now: Mapping[str, np.ndarray]
    marks: Sequence[int] = ()
    steps: int = 0


def _names(value) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"a panel needs the names of one or more series, got {value!r}")
    return names


def _in_words(name: str, panel: Panel, view: View) -> str:
    if panel.moves:
        first, last = view.history[name][0], view.history[name][-1]
        return f"goes from {first:.3g} to {last:.3g} in {view.steps} updates"
    value = np.asarray(view.now[name])
    if value.ndim == 0:
        return f"is {value:.3g}"
    if value.ndim == 1 and value.size <= 12:
        return "is " + ", ".join(f"{v:.3g}" for v in value)
    return f"has {' x '.join(map(str, value.shape))} values from {np.nanmin(value):.3g} to {np.nanmax(value):.3g}"


class Panel:
    """A panel: the series it needs, with their dimensions, its JSON specification, and its still picture."""

    kind = ""
    moves = False
    """True if it shows a history, which a figure that only computes does not have."""

    def needs(self) -> dict[str, tuple[int, ...]]:
        """Series name -> how many dimensions it may have."""
        raise NotImplementedError

    def draw(self, view: View, ax: Axes | None = None) -> Axes:
        """The still picture."""
        raise NotImplementedError

    def describe(self, view: View) -> str:
        """The picture in words, with the numbers it ends in."""
        values = [f"{self._label(name)} {_in_words(name, self, view)}" for name in self.needs()]
        return f"{self.title or self.kind}: {'; '.join(values)}."

    def _label(self, name: str) -> str:
        return label_of(name, getattr(self, "labels", None))

    def spec(self) -> dict:
        """All that the drawing module has to know, in JSON."""
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        colors = told.pop("colors", None)
        labels = told.pop("labels", None)
        names = list(self.needs())
        dashes = line_styles(names, colors)
        looks = {
            name: {
                "label": label_of(name, labels),
                "quantity": quantity_of(name, colors),
                "dash": [] if dashes[name] == "-" else [round(2.2 * part, 1) for part in dashes[name][1]],
            }
            for name in names
        }
        return {"kind": self.kind, "looks": looks} | told


@dataclass(frozen=True)
class Curves(Panel):
    """Series over updates; each has its name at its end.

    Args:
        names: series of one number per step.
        title: what is seen.
        y_label: what is measured, with its unit.
        y_range: (low, high); follows the data if None.
        log: logarithmic y axis.
        x_label: what one step is.
        labels: name -> text, where the name alone will not do.
        colors: name -> quantity ("policy", "old", "reference", "reward", "kl", "optimum"), where the name does not tell.
    """

    names: Sequence[str]
    title: str = ""
    y_label: str = ""
    y_range: tuple[float, float] | None = None
    log: bool = False
    x_label: str = "updates"
    labels: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[str, str | None] = field(default_factory=dict)
    kind = "curves"
    moves = True

    def __post_init__(self):
        object.__setattr__(self, "names", _names(self.names))

    def needs(self):
        return dict.fromkeys(self.names, (0,))

    def draw(self, view, ax=None):
        return plots.curves(
            {name: view.history[name] for name in self.names}, ax, title=self.title, x_label=self.x_label,
            y_label=self.y_label, y_range=self.y_range, log=self.log, marks=view.marks, labels=dict(self.labels),
            colors=dict(self.colors), height=2.9,
        )  # fmt: skip


@dataclass(frozen=True)
class Bars(Panel):
    """Bars, up or down from zero: one for each number, or a group for each entry of the series.

    Args:
        names: one or more series, all numbers or all 1-D of one length.
        title: what is seen.
        x_label, y_label: with units.
        y_range: (low, high); follows the data if None.
        ticks: names of the groups; 0, 1, 2, ... if empty.
        accent: the group in the accent color (only with one series).
        labels, colors: as in `Curves`.
    """

    names: Sequence[str]
    title: str = ""
    x_label: str = "token"
    y_label: str = ""
    y_range: tuple[float, float] | None = None
    ticks: Sequence[str] = ()
    accent: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[str, str | None] = field(default_factory=dict)
    kind = "bars"

    def __post_init__(self):
        object.__setattr__(self, "names", _names(self.names))

    def needs(self):
        return dict.fromkeys(self.names, (0, 1))

    def draw(self, view, ax=None):
        return plots.bars(
            {name: view.now[name] for name in self.names}, ax, title=self.title, x_label=self.x_label,
            y_label=self.y_label, y_range=self.y_range, ticks=list(self.ticks) or None, accent=self.accent,
            labels=dict(self.labels), colors=dict(self.colors),
        )  # fmt: skip


@dataclass(frozen=True)
class Strip(Panel):
    """A distribution over tokens as the strip of squares.

    Args:
        name: series of probabilities, shape (V,).
        title: what is seen.
        quantity: whose distribution; from the name if None.
        accent: the token in the accent color; None for none.
    """

    name: str
    title: str = ""
    quantity: str | None = None
    accent: int | None = 1
    kind = "strip"

    def needs(self):
        return {self.name: (1,)}

    def draw(self, view, ax=None):
        quantity = self.quantity or quantity_of(self.name) or "policy"
        return plots.token_strip(view.now[self.name], ax, title=self.title, quantity=quantity, accent=self.accent)


@dataclass(frozen=True)
class Table(Panel):
    """A policy as a table of squares: row s is the distribution after token s.

    Args:
        name: series of probabilities, shape (S, V).
        title: what is seen.
        quantity: whose policy; from the name if None.
        accent: the column in the accent color; None for none.
        row_label, column_label: names of the two axes.
    """

    name: str
    title: str = ""
    quantity: str | None = None
    accent: int | None = 1
    row_label: str = "after token"
    column_label: str = "next token"
    kind = "table"

    def needs(self):
        return {self.name: (2,)}

    def draw(self, view, ax=None):
        quantity = self.quantity or quantity_of(self.name) or "policy"
        return plots.policy_table(
            view.now[self.name], ax, title=self.title, quantity=quantity, accent=self.accent,
            row_label=self.row_label, column_label=self.column_label,
        )  # fmt: skip


@dataclass(frozen=True)
class Chips(Panel):
    """Completions as rows of chips.

    Args:
        name: series of token ids, shape (B, T); a negative id stays empty.
        title: what is seen.
        rows: at most so many of the B are shown.
        accent: the token in the accent color; None for none.
    """

    name: str
    title: str = ""
    rows: int = 4
    accent: int | None = 1
    kind = "chips"

    def needs(self):
        return {self.name: (1, 2)}

    def draw(self, view, ax=None):
        ids = np.atleast_2d(view.now[self.name])[: self.rows]
        return plots.completion_chips(ids, ax, title=self.title, accent=self.accent)


@dataclass(frozen=True)
class Plot(Panel):
    """Functions y(x), with points "you are here".

    Args:
        x: series of the positions, shape (N,).
        ys: series of the values, shape (N,) each.
        title: what is seen.
        x_label, y_label: with units.
        points: (name of x, name of y) each: two numbers or two 1-D series; a dot in the color of y.
        y_range: (low, high); follows the data if None.
        labels, colors: as in `Curves`.
    """

    x: str
    ys: Sequence[str]
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    points: Sequence[tuple[str, str]] = ()
    y_range: tuple[float, float] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[str, str | None] = field(default_factory=dict)
    kind = "plot"

    def __post_init__(self):
        object.__setattr__(self, "ys", _names(self.ys))
        points = tuple(tuple(pair) for pair in self.points)
        if any(len(pair) != 2 for pair in points):
            raise ValueError(f"points: expected pairs (name of x, name of y), got {self.points!r}")
        object.__setattr__(self, "points", points)

    def needs(self):
        needed = dict.fromkeys((self.x, *self.ys), (1,))
        return needed | {name: (0, 1) for pair in self.points for name in pair if name not in needed}

    def draw(self, view, ax=None):
        now = view.now
        return plots.line_plot(
            now[self.x], {name: now[name] for name in self.ys}, ax, title=self.title, x_label=self.x_label,
            y_label=self.y_label, y_range=self.y_range, labels=dict(self.labels), colors=dict(self.colors),
            points=[(now[px], now[py], self.colors.get(py) and py or py) for px, py in self.points],
        )  # fmt: skip


@dataclass(frozen=True)
class Say:
    """A sentence that appears when a series goes too far.

    Args:
        series: its name; one number per step.
        text: what is said.
        above, below: when; one of them at least.
        after: not before this many steps (entropy is low for other reasons at the start, say).
    """

    series: str
    text: str
    above: float | None = None
    below: float | None = None
    after: int = 0

    def __post_init__(self):
        if self.above is None and self.below is None:
            raise ValueError(f"Say({self.series!r}): give `above` or `below`")

    def applies(self, value: float, step: int) -> bool:
        """Whether it speaks now."""
        high = self.above is not None and value > self.above
        return step >= self.after and (high or (self.below is not None and value < self.below))
