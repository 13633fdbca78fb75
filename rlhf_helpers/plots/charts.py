"""Curves, bars and functions: numbers in, Axes out, names written where the lines end."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from rlhf_helpers.plots.inputs import check_length, check_names, numbers
from rlhf_helpers.plots.labels import DASH, end_labels, line_styles
from rlhf_helpers.plots.labels import title as write_title
from rlhf_helpers.plots.style import COLORS, TEXT, color_of, few_ticks, label_of, new_axes, styled


def _series(values, name: str) -> np.ndarray:
    array = numbers(name, values)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a 1-D series with at least one value, got shape {array.shape}")
    return array


@styled
def curves(
    series: Mapping,
    ax: Axes | None = None,
    *,
    x=None,
    title: str = "",
    x_label: str = "updates",
    y_label: str = "",
    y_range: tuple | None = None,
    log: bool = False,
    bands: Mapping | None = None,
    levels: Mapping | None = None,
    marks: Sequence = (),
    labels: dict | None = None,
    colors: dict | None = None,
    height: float = 3.0,
) -> Axes:
    """Draw named series over updates, each in its quantity's color with its name at its end.

    Args:
        series: name -> values, shape (N,) each. NaN leaves a gap.
        ax: where to draw; a new figure if None.
        x: positions of the values, shape (N,); 0, 1, 2, ... if None.
        title: what is seen.
        x_label, y_label: with units.
        y_range: (low, high); from the data if None.
        log: logarithmic y axis.
        bands: name -> (low, high), two arrays; a shaded band in the color of that name.
        levels: name -> number; a dashed level line.
        marks: positions on the x axis where a setting changed.
        labels: name -> text at the line's end; None for no text. Else the name with spaces.
        colors: name -> quantity, where the name alone does not tell.
        height: inches of a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: series that are not by name, or no numbers.
        ValueError: no series, a series that is not 1-D, or positions of another length.
    """
    check_names("series", series)
    if not series:
        raise ValueError("series must be at least one, got none")
    ax = new_axes(ax, height)
    ends = _lines(ax, series, x, bands, labels, colors)
    for name, value in (levels or {}).items():
        value = numbers(name, value).item()
        ax.axhline(value, color=color_of(name, colors), linewidth=1.4, linestyle=DASH)
        ends.append((max(e[0] for e in ends) if ends else 1, value, label_of(name, labels), color_of(name, colors)))
    for position in marks:
        ax.axvline(position, color=TEXT, alpha=0.35, linewidth=0.9, linestyle=(0, (1, 2)))
    ax.margins(x=0)
    _dress(ax, title, x_label, y_label, y_range, log)
    end_labels(ax, ends)
    return ax


def _dress(
    ax: Axes,
    title: str,
    x_label: str,
    y_label: str,
    y_range: tuple | None,
    log: bool = False,
    x_ticks: int | None = 5,
    lines_below: int = 0,
) -> None:
    if log:
        ax.set_yscale("log")
        ax.minorticks_off()
    if y_range is not None:
        ax.set_ylim(*y_range)
    few_ticks(ax, x_ticks)
    if y_range is None and not log:
        low, high = ax.get_ylim()
        if high - low < 1e-9:
            ax.set_ylim(low - 0.5, high + 0.5)
    # what the y axis measures is written above it, where it is read without turning the head
    write_title(ax, title, lines_below=int(bool(y_label)) + lines_below)
    if y_label:
        ax.annotate(
            y_label, (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", va="bottom", fontsize=10.5
        )
    ax.set_xlabel(x_label)


@styled
def bars(
    series: Mapping | Sequence,
    ax: Axes | None = None,
    *,
    title: str = "",
    x_label: str = "token",
    y_label: str = "",
    y_range: tuple | None = None,
    ticks: Sequence[str] | None = None,
    accent: int | None = None,
    labels: dict | None = None,
    colors: dict | None = None,
    height: float = 2.6,
) -> Axes:
    """Draw bars, up or down from zero.

    Args:
        series: name -> values, shape (N,): one group of bars per entry; or name -> number: one bar per name.
        ax: where to draw; a new figure if None.
        title: what is seen.
        x_label, y_label: with units.
        y_range: (low, high); from the data if None.
        ticks: names of the groups; 0, 1, 2, ... if None.
        accent: the group in the accent color (only with one series).
        labels, colors: as in :func:`curves`.
        height: inches of a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: series that are no numbers.
        ValueError: no series, series of unlike shapes, or not one tick for each group.
    """
    if not isinstance(series, Mapping):
        series = {"values": series}
    if not series:
        raise ValueError("series must be at least one, got none")
    ax = new_axes(ax, height)
    names = list(series)
    values = [numbers(name, series[name]) for name in names]
    if len({v.shape for v in values}) != 1 or values[0].ndim > 1:
        raise ValueError(f"series must be numbers or 1-D series of one length, got {[v.shape for v in values]}")
    if values[0].ndim == 0:  # one bar per name
        shown = [label_of(name, labels) for name in names]
        ax.bar(shown, values, width=0.62, color=[_surface(name, colors) for name in names])
        for place, value in enumerate(values):
            ax.annotate(
                f"{float(value):z.2f}",
                (place, value),
                (0, 3 if value >= 0 else -3),
                ha="center",
                va="bottom" if value >= 0 else "top",
                textcoords="offset points",
                fontsize=10.5,
            )
        x_label = ""
        ax.margins(y=0.15)
    else:
        count, width = len(values[0]), 0.8 / len(names)
        if ticks is not None:
            ticks = list(ticks)
            check_length("ticks", ticks, count)
        for k, (name, line) in enumerate(zip(names, values, strict=True)):
            color = [_surface(name, colors)] * count
            if accent is not None and len(names) == 1 and accent < count:
                color[accent] = (COLORS["accent"], 0.85)
            ax.bar(np.arange(count) + (k - (len(names) - 1) / 2) * width, line, width=width * 0.92, color=color)
        ax.set_xticks(range(count), ticks if ticks is not None else [str(k) for k in range(count)])
        ax.tick_params(axis="x", length=0)
        if len(names) > 1:
            _names_over(ax, names, labels, colors, y_label)
    grouped = len(names) > 1 and values[0].ndim > 0
    _dress(ax, title, x_label, "" if grouped else y_label, y_range, x_ticks=None, lines_below=int(grouped))
    ax.axhline(0, color=TEXT, alpha=0.6, linewidth=0.8)
    ax.spines["bottom"].set_visible(False)
    return ax


def _surface(name: str, colors: dict | None) -> tuple[str, float]:
    """Return color and opacity of a bar; what has no color of its own is gray."""
    color = color_of(name, colors)
    return color, 0.5 if color == TEXT else 0.85


def _names_over(ax: Axes, names, labels, colors, y_label: str) -> None:
    """Write the names of grouped bars, in their colors, in one line over the axes, after what is measured."""
    words = [(y_label, TEXT, "normal")] if y_label else []
    words += [(label_of(name, labels), color_of(name, colors), "bold") for name in names]
    place = 0.0
    for text, color, weight in words:
        ax.annotate(
            text,
            (place, 1),
            (0, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            color=color,
            va="bottom",
            fontsize=10.5,
            fontweight=weight,
        )
        place += 0.0215 * len(text) + 0.05


@styled
def line_plot(
    x,
    ys: Mapping,
    ax: Axes | None = None,
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    points: Sequence = (),
    trails: Sequence = (),
    x_range: tuple | None = None,
    y_range: tuple | None = None,
    labels: dict | None = None,
    colors: dict | None = None,
    height: float = 3.0,
) -> Axes:
    """Draw y over x for named functions, with points "you are here".

    Args:
        x: shape (N,), rising.
        ys: name -> values, shape (N,) each; may be empty.
        ax: where to draw; a new figure if None.
        title: what is seen.
        x_label, y_label: with units.
        points: (x, y, name) each, numbers or arrays; dots in the color of the name, labeled if ``labels`` has it.
        trails: (xs, ys, name) each; the thin path that a point took.
        x_range, y_range: (low, high); from the data if None.
        labels, colors: as in :func:`curves`.
        height: inches of a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: functions that are not by name, or no numbers.
        ValueError: a series that is not 1-D, or of another length than ``x``.
    """
    check_names("ys", ys)
    ax = new_axes(ax, height)
    x = numbers("x", x)
    ends = _lines(ax, ys, x if ys else None, None, labels, colors, x_range)
    for xs, values, name in trails:
        xs, values = numbers(name, xs), numbers(name, values)
        ax.plot(xs, values, color=color_of(name, colors), linewidth=1.4, alpha=0.6, zorder=4)
    named = []
    for px, py, name in points:
        color = color_of(name, colors)
        px, py = np.atleast_1d(numbers(name, px)), np.atleast_1d(numbers(name, py))
        ax.plot(px, py, "o", color=color, markersize=8, clip_on=False, zorder=5)
        if labels and labels.get(name):
            named.append(
                ax.annotate(labels[name], (px[-1], py[-1]), (8, 7), textcoords="offset points", color=color, zorder=6)
            )
    if x_range is not None:
        ax.set_xlim(*x_range)
    elif ys:
        ax.set_xlim(x.min(), x.max())
    _dress(ax, title, x_label, y_label, y_range)
    end_labels(ax, ends)
    lines = [ax.transData.transform(np.stack([x, numbers(name, y)], axis=1)) for name, y in ys.items()]
    for label in named:
        if any(label.get_window_extent().count_contains(line) for line in lines):
            label.xyann = (8, -16)
    return ax


def _lines(ax: Axes, series: Mapping, x, bands, labels, colors, x_range=None) -> list[tuple]:
    """Draw named lines and return their ends."""
    ends = []
    dashes = line_styles(list(series), colors)
    for name, values in series.items():
        values = _series(values, name)
        positions = np.arange(len(values)) if x is None else numbers("x", x)
        if positions.shape != values.shape:
            raise ValueError(f"x must have shape {values.shape}, as {name!r} has, got {positions.shape}")
        color = color_of(name, colors)
        if bands and name in bands:
            low, high = (_series(edge, f"bands[{name!r}]") for edge in bands[name])
            ax.fill_between(positions, low, high, color=color, alpha=0.18, linewidth=0)
        ax.plot(positions, values, color=color, linestyle=dashes[name])
        seen = np.isfinite(values) if x_range is None else np.isfinite(values) & (positions <= x_range[1])
        if seen.any() and label_of(name, labels):
            last = np.flatnonzero(seen)[-1]
            ends.append((positions[last], values[last], label_of(name, labels), color))
    return ends
