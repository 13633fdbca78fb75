"""Words on figures: names where lines end, moved apart where they would meet, and titles that fit."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rlhf_helpers.plots.style import quantity_of

DASHED = ("optimum", "reference")
"""Quantities that are a goal or a yardstick, not something that is trained: drawn dashed."""
DASH = (0, (3.2, 2))
_STYLES = ("-", DASH, (0, (1, 1.6)), (0, (6, 2, 1, 2)))
_END = "end-label"


def line_styles(names: Sequence[str], colors: dict | None = None) -> dict:
    """Return a line style for each name: yardsticks dashed, and lines of the same color told apart."""
    seen: dict = {}
    result = {}
    for name in names:
        quantity = quantity_of(name, colors)
        if quantity in DASHED:
            result[name] = DASH
            continue
        result[name] = _STYLES[seen.get(quantity, 0) % len(_STYLES)]
        seen[quantity] = seen.get(quantity, 0) + 1
    return result


def spread(positions: Sequence[float], gap: float, low: float = -np.inf, high: float = np.inf) -> list[float]:
    """Move positions as little as needed so that neighbors are ``gap`` apart and, if they fit, inside [low, high].

    Args:
        positions: where they would like to be.
        gap: the least distance.
        low, high: where there is room.

    Returns:
        Their places, in the order given.

    Example:
        >>> spread([0.0, 0.0, 5.0], 1.0)
        [-0.5, 0.5, 5.0]
    """
    order = np.argsort(positions, kind="stable")
    blocks: list[tuple[float, list[int]]] = []  # a block: its first place, its members
    for index in order:
        members, first = [int(index)], float(positions[index])
        while blocks and blocks[-1][0] + gap * len(blocks[-1][1]) > first + 1e-9:
            members = blocks.pop()[1] + members
            # the block sits where its members would like it on average
            first = float(np.mean([positions[m] - gap * k for k, m in enumerate(members)]))
        blocks.append((first, members))
    result = [0.0] * len(positions)
    floor = low
    for first, members in blocks:
        for k, member in enumerate(members):
            result[member] = max(first + gap * k, floor)
            floor = result[member] + gap
    ceiling = high
    for index in reversed(order):
        result[index] = min(result[index], ceiling)
        ceiling = result[index] - gap
    return result


def end_labels(ax: Axes, ends: Sequence[tuple[float, float, str, str]], size: float = 11) -> None:
    """Write names where lines end; :func:`show` moves them apart.

    Args:
        ax: the axes of the lines.
        ends: (x, y, text, color) of each line's last point.
        size: points.
    """
    for x, y, text, color in ends:
        ax.annotate(
            text,
            (x, y),
            (7, 0),
            textcoords="offset points",
            color=color,
            fontsize=size,
            va="center",
            annotation_clip=False,
            gid=_END,
        )
    settle(ax)


def settle(ax: Axes) -> None:
    """Move the names at the ends of lines apart, for the axes as large as they are now."""
    labels = [text for text in ax.texts if text.get_gid() == _END]
    if len(labels) < 2:
        return
    scale = 72 / ax.figure.dpi  # pixels to points
    box = ax.get_window_extent()
    ends = np.array([ax.transData.transform(label.xy)[1] for label in labels])
    inside = np.clip(ends, box.y0, box.y1)
    size = max(label.get_fontsize() for label in labels)
    places = spread(list(inside * scale), size * 1.2, box.y0 * scale, box.y1 * scale)
    for label, end, place in zip(labels, ends * scale, places, strict=True):
        label.set_position((label.xyann[0], place - end))


def settle_all(fig: Figure) -> None:
    """Move names apart in every axes of a figure, once its layout is known."""
    if any(text.get_gid() == _END for ax in fig.axes for text in ax.texts):
        if layout := fig.get_layout_engine():
            layout.execute(fig)
        for ax in fig.axes:
            settle(ax)


def title(ax: Axes, words: str, *, lines_below: int = 0, pad: float | None = None) -> None:
    """Write the title, in as many lines as it needs, with room for other lines below it."""
    if not words:
        return
    grid = ax.get_gridspec()
    columns = grid.ncols if grid is not None else 1
    room = int(ax.figure.get_size_inches()[0] / columns * 72 / 7.1)
    ax.set_title("\n".join([*textwrap.wrap(words, max(room, 16)), *[""] * lines_below]), pad=pad)
