"""The motif of the book: ten tokens are ten squares, token 1 in the accent color.

A distribution fills the squares, a completion is a row of chips, a policy is a table of squares.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from rlhf_helpers._checks import check_knob, check_whole
from rlhf_helpers.plots.inputs import check_names, check_quantity, check_text, numbers, token_ids
from rlhf_helpers.plots.labels import title as write_title
from rlhf_helpers.plots.style import COLORS, TEXT, WIDTH, color_of, label_of, new_axes, styled

SIZE = 0.88
"""Side of a square; its cell is 1 wide."""
FILL = 0.6
"""Opacity of what fills a square, low enough for the token id to be read on it."""


def short_probability(value: float, digits: int = 2) -> str:
    """Return a probability in few characters: 0.10 -> ".10", 1 -> "1", 0.0004 -> "0"."""
    if abs(value) < 0.5 * 10**-digits:
        return "0"
    text = f"{value:.{digits}f}"
    if float(text) == 1:
        return "1"
    return text.replace("0.", ".", 1)


def probabilities(values, name: str, dimensions: int) -> np.ndarray:
    """Return ``values`` as floats.

    Raises:
        ValueError: they have other dimensions, or do not lie in [0, 1]; the message has their name.
    """
    array = numbers(name, values)
    if array.ndim != dimensions or array.size == 0:
        raise ValueError(f"{name} must have {dimensions} dimension(s) with at least one entry, got shape {array.shape}")
    if not np.all((array >= -1e-6) & (array <= 1 + 1e-6)):
        raise ValueError(f"{name} must be probabilities between 0 and 1, got {array.min():g} to {array.max():g}")
    return np.clip(array, 0.0, 1.0)


def bare(ax: Axes, width: float, height: float) -> None:
    """Draw without axes, with equal scales, in the limits given."""
    ax.set_axis_off()
    ax.set_xlim(-0.06, width)
    ax.set_ylim(height, -0.06)
    ax.set_aspect("equal", anchor="W")


@styled
def token_strip(
    probs,
    ax: Axes | None = None,
    *,
    title: str = "",
    quantity: str = "policy",
    accent: int | None = 1,
    values: bool = True,
) -> Axes:
    """Draw a distribution over tokens: one square a token, its id inside, filled as high as it is probable.

    Args:
        probs: probabilities, shape (V,).
        ax: where to draw; a new figure if None.
        title: what is seen.
        quantity: whose distribution it is: "policy", "old", "reference", "optimum".
        accent: the token in the accent color; None for none.
        values: write the probability under each square.

    Returns:
        The axes.

    Raises:
        TypeError: ``probs`` is no numbers.
        ValueError: ``probs`` is not 1-D, or not probabilities, or an unknown ``quantity``.
    """
    probs = probabilities(probs, "probs", 1)
    check_quantity(quantity)
    ax = new_axes(ax, 0.62 + 0.2 * values + 0.32 * bool(title))
    for token, level in enumerate(probs):
        marked = token == accent
        color = COLORS["accent"] if marked else COLORS[quantity]
        # the y axis points down, so a square is drawn from its lower edge up
        x = token
        if level > 0.004:
            ax.add_patch(Rectangle((x, SIZE), SIZE, -SIZE * level, facecolor=color, alpha=FILL, linewidth=0))
        outline(ax, x, 0, marked)
        ax.text(
            x + SIZE / 2,
            SIZE / 2,
            str(token),
            ha="center",
            va="center_baseline",
            fontsize=12,
            fontweight="bold" if marked else "normal",
        )
        if values:
            ax.text(x + SIZE / 2, SIZE + 0.1, short_probability(level), ha="center", va="top", fontsize=10)
    bare(ax, len(probs), 1.36 if values else 0.94)
    write_title(ax, title)
    return ax


def outline(ax: Axes, x: float, y: float, marked: bool, size: float = SIZE, *, dotted: bool = False) -> None:
    """Draw the border of a square."""
    color, alpha, width = (COLORS["accent"], 1.0, 1.8) if marked else (TEXT, 0.3, 0.9)
    look = {"linewidth": width, "linestyle": ":" if dotted else "-"}
    ax.add_patch(Rectangle((x, y), size, size, fill=False, edgecolor=color, alpha=alpha, **look))


@styled
def number_rows(
    rows: Mapping,
    ax: Axes | None = None,
    *,
    ids=None,
    title: str = "",
    digits: int = 1,
    filled: Sequence[str] = (),
    accent: int | None = 1,
    labels: Mapping[str, str] | None = None,
    colors: Mapping[str, str | None] | None = None,
) -> Axes:
    """Draw what is said of the same tokens: rows of squares under one another, a number in each, its name above.

    Args:
        rows: name -> numbers, shape (T,) each.
        ids: the tokens, shape (T,), above the first row; 0, 1, 2, ... if None.
        ax: where to draw; a new figure if None.
        title: what is seen.
        digits: decimals of a number.
        filled: rows of probabilities, whose squares are filled as high as they are.
        accent: the token in the accent color; None for none.
        labels: name -> text above the row, where the name alone will not do.
        colors: name -> quantity, where the name alone does not tell.

    Returns:
        The axes.

    Raises:
        TypeError: rows that are not by name, or no numbers.
        ValueError: no row, rows that do not have a number for each token, or negative digits.
    """
    check_names("rows", rows)
    check_whole(digits=digits)
    check_knob(digits=digits)
    arrays = {name: numbers(name, values) for name, values in rows.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    if not arrays or len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"rows must have one number for each token, got {shapes}")
    (count,) = next(iter(shapes.values()))
    ids = np.arange(count) if ids is None else np.asarray(ids.tolist() if hasattr(ids, "tolist") else ids)
    if ids.shape != (count,):
        raise ValueError(f"ids must have shape {(count,)}, got {ids.shape}")
    pitch = 1.62
    ax = new_axes(ax, 0.45 * pitch * len(arrays) + 0.25 + 0.32 * bool(title))
    for t, token in enumerate(ids):
        weight = "bold" if token == accent else "normal"
        ax.text(t + SIZE / 2, 0.2, str(token), ha="center", va="center_baseline", fontsize=11, fontweight=weight)
    for k, (name, values) in enumerate(arrays.items()):
        y = 0.95 + k * pitch
        color = color_of(name, colors)
        ax.text(0, y - 0.14, label_of(name, labels), va="bottom", fontsize=10.5, fontweight="bold", color=color)
        for t, value in enumerate(values):
            if name in filled and value > 0.004:
                ax.add_patch(Rectangle((t, y + SIZE), SIZE, -SIZE * value, facecolor=color, alpha=FILL, linewidth=0))
            outline(ax, t, y, ids[t] == accent)
            words = short_probability(value) if name in filled else f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")
            ax.text(t + SIZE / 2, y + SIZE / 2, words, ha="center", va="center_baseline", fontsize=10)
    bare(ax, max(count, 10), 0.95 + pitch * len(arrays) - 0.66)
    write_title(ax, title)
    return ax


@styled
def policy_table(
    table,
    ax: Axes | None = None,
    *,
    title: str = "",
    quantity: str = "policy",
    accent: int | None = 1,
    row_label: str = "after token",
    column_label: str = "next token",
) -> Axes:
    """Draw a policy: row s is its distribution after token s, every row a strip of squares.

    Args:
        table: probabilities, shape (S, V).
        ax: where to draw; a new figure if None.
        title: what is seen.
        quantity: whose table it is.
        accent: the column in the accent color; None for none.
        row_label, column_label: names of the two axes.

    Returns:
        The axes.

    Raises:
        TypeError: ``table`` is no numbers.
        ValueError: ``table`` is not 2-D, or not probabilities, or an unknown ``quantity``.
    """
    table = probabilities(table, "table", 2)
    check_quantity(quantity)
    rows, columns = table.shape
    ax = new_axes(ax, 0.38 * rows + 0.75, width=4.4)
    for s in range(rows):
        ax.text(-0.3, s + SIZE / 2, str(s), ha="right", va="center_baseline", fontsize=10.5)
        for token in range(columns):
            marked = token == accent
            level = table[s, token]
            if level > 0.004:
                ax.add_patch(
                    Rectangle(
                        (token, s + SIZE),
                        SIZE,
                        -SIZE * level,
                        linewidth=0,
                        facecolor=COLORS["accent" if marked else quantity],
                        alpha=FILL,
                    )
                )
            ax.add_patch(
                Rectangle(
                    (token, s),
                    SIZE,
                    SIZE,
                    fill=False,
                    linewidth=0.7,
                    edgecolor=COLORS["accent"] if marked else TEXT,
                    alpha=0.9 if marked else 0.22,
                )
            )
    for token in range(columns):
        ax.text(
            token + SIZE / 2,
            -0.25,
            str(token),
            ha="center",
            va="bottom",
            fontsize=10.5,
            fontweight="bold" if token == accent else "normal",
        )
    bare(ax, columns, rows)
    ax.text(columns / 2, -0.85, column_label, ha="center", va="bottom", fontsize=10.5)
    ax.text(-1.15, rows / 2, row_label, ha="center", va="center", rotation=90, fontsize=10.5)
    write_title(ax, title, pad=44)
    return ax


@styled
def attention_rows(
    weights,
    text: Sequence[str],
    ax: Axes | None = None,
    *,
    title: str = "",
    quantity: str = "policy",
) -> Axes:
    """Draw what attention looks at: a row of squares for each head, filled as high as the weight.

    Args:
        weights: from one position to itself and those before it, shape (heads, positions).
        text: what stands at each position, such as ``".anna"``; what is longer than the weights has not been read yet,
            and no weight can lie there.
        ax: where to draw; a new figure if None.
        title: what is seen.
        quantity: whose weights they are.

    Returns:
        The axes.

    Raises:
        TypeError: ``weights`` is no numbers.
        ValueError: ``weights`` is not 2-D, or not weights between 0 and 1, or has more positions than ``text``, or an
            unknown ``quantity``.
    """
    weights = probabilities(weights, "weights", 2)
    check_quantity(quantity)
    rows, seen = weights.shape
    if seen > len(text):
        raise ValueError(f"text must have at least {seen} positions, got {len(text)}")
    ax = new_axes(ax, 0.42 * rows + 0.45 + 0.32 * bool(title))
    for place, letter in enumerate(text):
        now = place == seen - 1
        if now:
            ax.add_patch(Rectangle((place, -1), SIZE, SIZE, facecolor=COLORS["accent"], alpha=FILL, linewidth=0))
        outline(ax, place, -1, now)
        _inside(ax, place, -1, letter, 11.5, bold=now)
    for row, levels in enumerate(weights):
        ax.text(-0.3, row + SIZE / 2, f"head {row + 1}", ha="right", va="center_baseline", fontsize=10.5)
        for place, level in enumerate(levels):
            if level > 0.004:
                box = Rectangle((place, row + SIZE), SIZE, -SIZE * level, facecolor=COLORS[quantity], alpha=FILL)
                box.set_linewidth(0)
                ax.add_patch(box)
            outline(ax, place, row, False)
            _inside(ax, place, row, short_probability(level), 9)
        for place in range(seen, len(text)):
            outline(ax, place, row, False, dotted=True)
    bare(ax, max(len(text), 10), rows)
    ax.set_ylim(rows, -1.1)
    ax.set_xlim(-2, max(len(text), 10))
    write_title(ax, title)
    return ax


def _inside(ax: Axes, x: float, y: float, words: str, size: float, bold: bool = False) -> None:
    """Write into a square."""
    weight = "bold" if bold else "normal"
    place = x + SIZE / 2, y + SIZE / 2
    ax.text(*place, words, ha="center", va="center_baseline", fontsize=size, fontweight=weight)


@styled
def completion_chips(
    ids,
    ax: Axes | None = None,
    *,
    title: str = "",
    accent: int | None = 1,
    row_labels=None,
    letters: str = "",
    beside: Mapping[str, np.ndarray] | None = None,
    labels: dict | None = None,
    colors: dict | None = None,
) -> Axes:
    """Draw completions: one row each, a chip with its id for every token.

    Args:
        ids: token ids, shape (B, T) or (T,). A negative id is padding and stays empty.
        ax: where to draw; a new figure if None.
        title: what is seen.
        accent: the token in the accent color; None for none.
        row_labels: a text at the end of each row (its reward, say).
        letters: what is written on a chip in place of its id; one character for each id.
        beside: a name and its numbers (B,): a bar with its number at the end of each row, to the left below zero.
        labels, colors: as in :func:`curves`, for ``beside``.

    Returns:
        The axes.

    Raises:
        TypeError: ids that are no numbers.
        ValueError: no ids, ids that are not whole numbers, or not one label for each row.
    """
    ids = np.atleast_2d(token_ids("ids", ids))
    if ids.ndim != 2 or ids.size == 0:
        raise ValueError(f"ids must have shape (B, T) with at least one token, got {ids.shape}")
    rows, columns = ids.shape
    if row_labels is not None and len(row_labels) != rows:
        raise ValueError(f"row_labels must be {rows} texts, got {len(row_labels)}")
    ax = new_axes(ax, 0.46 * rows + 0.1 + 0.32 * bool(title), WIDTH)
    for row, line in enumerate(ids):
        for column, token in enumerate(line):
            if token < 0:
                continue
            marked = token == accent
            if marked:
                ax.add_patch(Rectangle((column, row), SIZE, SIZE, facecolor=COLORS["accent"], alpha=FILL, linewidth=0))
            outline(ax, column, row, marked)
            ax.text(
                column + SIZE / 2,
                row + SIZE / 2,
                letters[token] if letters else str(token),
                ha="center",
                va="center_baseline",
                fontsize=11.5,
                fontweight="bold" if marked else "normal",
            )
        if row_labels is not None:
            ax.text(columns + 0.1, row + SIZE / 2, str(row_labels[row]), ha="left", va="center_baseline", fontsize=10.5)
    for name, values in (beside or {}).items():
        _bars_beside(ax, numbers(name, values), columns, label_of(name, labels), color_of(name, colors))
    bare(ax, max(columns, 10) + (2 if row_labels is not None else 0) + (3 if beside else 0), rows + 0.7 * bool(beside))
    write_title(ax, title)
    return ax


@styled
def code_lines(text: str, ax: Axes | None = None, *, title: str = "") -> Axes:
    """Draw lines of code, those marked that are new.

    Args:
        text: lines that begin with two characters: "# " for what is compared, "- " for a line that has gone, "+ " for a
            new one, two blanks for the others.
        ax: where to draw; a new figure if None.
        title: what is seen.

    Returns:
        The axes.
    """
    check_text("text", text)
    lines = text.splitlines()
    ax = new_axes(ax, 0.24 * len(lines) + 0.1 + 0.32 * bool(title), WIDTH)
    for row, (sign, code) in enumerate((line[0], line[2:]) for line in lines):
        if sign == "+":
            ax.add_patch(Rectangle((0, row), 10, 1, facecolor=COLORS["accent"], alpha=0.3, linewidth=0))
        weight = "bold" if sign in "#+" else "normal"
        place = {"va": "center", "fontsize": 10.5, "fontweight": weight}
        if sign != "#":
            ax.text(0.04, row + 0.5, sign.replace("-", "\u2212"), family="monospace", **place)
        ax.text(
            0.0 if sign == "#" else 0.3,
            row + 0.5,
            code,
            family="sans-serif" if sign == "#" else "monospace",
            alpha=0.75 if sign == "-" else 1,
            **place,
        )
    ax.set(xlim=(0, 10), ylim=(len(lines), 0))
    ax.set_axis_off()
    write_title(ax, title)
    return ax


def _bars_beside(ax: Axes, numbers, columns: int, label: str, color: str) -> None:
    """Draw a bar at the end of each row of chips, four wide at most, from a zero line in the middle."""
    zero, widest = columns + 2.4, max(1.0, np.abs(numbers).max())
    for row, number in enumerate(numbers):
        ax.add_patch(Rectangle((zero, row), 1.6 * number / widest, SIZE, facecolor=color, alpha=FILL, linewidth=0))
        ax.text(
            zero + 1.7 * max(number, 0) / widest + 0.15,
            row + SIZE / 2,
            f"{number:+.1f}".replace("-", "\u2212"),
            va="center_baseline",
            fontsize=10.5,
        )
    ax.plot([zero, zero], [-0.06, len(numbers)], color=TEXT, alpha=0.6, linewidth=0.8)
    ax.text(zero, len(numbers) + 0.35, label, ha="center", va="center_baseline", fontsize=10.5)


@styled
def rlhf_loop(probs, ids, kl: float, ax: Axes | None = None, *, title: str = "", accent: int = 1) -> Axes:
    """Draw the loop of RLHF: a policy, what it writes, what that is paid, and the leash to a uniform reference.

    Args:
        probs: the policy, shape (V,).
        ids: completions, shape (B, T).
        kl: the KL to the reference, in nats.
        ax: where to draw; a new figure if None.
        title: what is seen.
        accent: the token that is paid, one for each time that it is written.

    Returns:
        The axes.

    Raises:
        TypeError: ``probs`` or ``ids`` is no numbers.
        ValueError: ``probs`` is not 1-D, or not probabilities, or ``ids`` are not token ids of shape (B, T).
    """
    probs = probabilities(probs, "probs", 1)
    ids = token_ids("ids", ids)
    if ids.ndim != 2:
        raise ValueError(f"ids must have shape (B, T), got {ids.shape}")
    tokens, (rows, columns) = len(probs), ids.shape
    top, first = 0.75, 2.95  # where the strip and the first row of chips begin
    ax = new_axes(ax, 0.5 * (first + rows + 0.9) + 0.32 * bool(title))
    words = {"va": "center_baseline", "fontsize": 10.5}
    ax.text(0, 0.3, f"4. It is on a leash: straying costs KL, {kl:.2f} nats now", color=COLORS["kl"], **words)
    for token, level in enumerate(probs):
        marked = token == accent
        color = COLORS["accent" if marked else "policy"]
        ax.add_patch(Rectangle((token, top + SIZE), SIZE, -SIZE * level, facecolor=color, alpha=FILL, linewidth=0))
        outline(ax, token, top, marked)
        ends = (top + SIZE * (1 - level), top + SIZE * (1 - 1 / tokens))
        ax.plot([token, token + SIZE], [ends[1]] * 2, color=COLORS["kl"], linewidth=1.6)
        if abs(ends[1] - ends[0]) > 0.2:
            pull = {"arrowstyle": "-|>", "color": COLORS["kl"], "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (token + 0.78, ends[1]), (token + 0.78, ends[0]), arrowprops=pull)
        bold = "bold" if marked else "normal"
        ax.text(token + 0.42, top + 0.44, str(token), ha="center", fontweight=bold, va="center_baseline", fontsize=12)
        ax.text(token + 0.44, top + SIZE + 0.1, short_probability(level), ha="center", va="top", fontsize=10)
    for x, start, end, name in ((0.2, 2.2, first - 0.1, "policy"), (tokens - 0.3, first + 0.4, 2.2, "reward")):
        loop = {"arrowstyle": "-|>", "color": COLORS[name], "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (x, end), (x, start), arrowprops=loop)
    ax.text(0.5, 2.55, "1. It writes", color=COLORS["policy"], **words)
    ax.text(tokens - 0.6, 2.55, "3. Paid tokens become likelier", ha="right", color=COLORS["reward"], **words)
    for row, line in enumerate(ids):
        for column, token in enumerate(line):
            paid = token == accent
            place = (column, first + row)
            if paid:
                ax.add_patch(Rectangle(place, SIZE, SIZE, facecolor=COLORS["accent"], alpha=FILL, linewidth=0))
            outline(ax, *place, paid)
            bold = "bold" if paid else "normal"
            spot = {"ha": "center", "va": "center_baseline", "fontsize": 11.5, "fontweight": bold}
            ax.text(column + SIZE / 2, first + row + SIZE / 2, str(token), **spot)
        paid = f"pays {(line == accent).sum()}"
        ax.text(columns + 0.15, first + row + SIZE / 2, paid, color=COLORS["reward"], fontweight="bold", **words)
    ax.text(0, first + rows + 0.35, "2. Somebody pays for what was written", color=COLORS["reward"], **words)
    bare(ax, max(tokens, columns + 2), first + rows + 0.7)
    write_title(ax, title)
    return ax
