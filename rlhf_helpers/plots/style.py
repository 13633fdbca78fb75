"""The house style: one color per quantity, few ticks, no boxes, sizes that hold on a phone and on a projector."""

import functools
from contextlib import contextmanager

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rlhf_helpers._checks import check_count, check_positive

COLORS = {
    "policy": "#0072B2",
    "old": "#56B4E9",
    "reference": "#999999",
    "reward": "#D55E00",
    "kl": "#CC79A7",
    "optimum": "#009E73",
    "accent": "#E69F00",
}
"""Quantity -> color (Okabe-Ito). ``show`` turns each into the CSS variable ``--q-<quantity>`` of ``palette.css``."""

TEXT = "#000000"
"""Everything else: ``show`` turns it into the page's own text color."""

WIDTH = 5.2
"""Width of a figure in inches. Its text is 11 points: 16 pixels on a desktop page, 10 on a phone."""

_WORDS = {
    "optimum": ("optimum", "optimal", "exact"),
    "kl": ("kl",),
    "reference": ("reference", "ref"),
    "old": ("old", "sampling", "before", "behind"),
    "reward": ("reward", "rewards", "return", "returns", "score", "scores"),
    "policy": ("policy", "new", "prob", "probs", "probability", "logprob", "logprobs", "chosen"),
    "accent": ("accent", "target"),
}

RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "baby-rlhf",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "font.size": 11,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 2.2,
    "lines.solid_capstyle": "round",
    "text.color": TEXT,
    "axes.edgecolor": TEXT,
    "axes.labelcolor": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "path.simplify": False,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
}


@contextmanager
def style():
    """Draw in the house style inside a ``with`` block; the functions of this package do it themselves."""
    with matplotlib.rc_context(RC):
        yield


def styled(function):
    """Run a drawing function in the house style."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        with style():
            return function(*args, **kwargs)

    return wrapper


@styled
def figure(width: float = WIDTH, height: float = 3.0, *, rows: int = 1, columns: int = 1, **grid):
    """Return a new figure and its axes, as ``plt.subplots`` does, in the house style.

    Args:
        width, height: inches. Keep the width: wider figures have smaller text on a phone.
        rows, columns: how many axes; two columns are hard to read on a phone, two rows are not.
        **grid: passed to ``Figure.subplots`` (sharex, sharey, height_ratios, ...).

    Returns:
        (figure, axes).

    Raises:
        TypeError: sizes that are no numbers, or rows or columns that are not whole ones.
        ValueError: nothing to draw on.
    """
    check_positive(width=width, height=height)
    check_count(rows=rows, columns=columns)
    fig = Figure(figsize=(width, height), layout="constrained")
    fig.get_layout_engine().set(w_pad=0.03, h_pad=0.04, hspace=0.14 if rows > 1 else 0.02)
    return fig, fig.subplots(rows, columns, **grid)


def new_axes(ax: Axes | None, height: float, width: float = WIDTH) -> Axes:
    """Return ``ax``, or the axes of a new figure."""
    if not isinstance(ax, Axes | None):
        raise TypeError(f"ax must be axes of matplotlib, got {type(ax).__name__}")
    return figure(width, height)[1] if ax is None else ax


def quantity_of(name: str, colors: dict | None = None) -> str | None:
    """Return which quantity of the book a name means, ``"reward"`` for ``"mean_reward"``; None if it is none of them.

    Args:
        name: a series' name.
        colors: name -> quantity, where the name alone does not tell.

    Raises:
        ValueError: ``colors`` has a quantity for it that does not exist.
    """
    if colors and name in colors:
        if colors[name] is not None and colors[name] not in COLORS:
            raise ValueError(f"colors must be among {sorted(COLORS)}, got {colors[name]!r} for {name!r}")
        return colors[name]
    words = name.lower().replace("_", " ").replace("-", " ").split()
    for quantity, known in _WORDS.items():
        if any(word in known for word in words):
            return quantity
    return None


def color_of(name: str, colors: dict | None = None) -> str:
    """Return the color of a name's quantity, or the text color."""
    return COLORS.get(quantity_of(name, colors), TEXT)


def label_of(name: str, labels: dict | None = None) -> str:
    """Return what a reader sees for a name: ``labels[name]``, or the name with spaces."""
    if labels and name in labels:
        return labels[name]
    return " ".join("KL" if word == "kl" else word for word in name.split("_"))


def few_ticks(ax: Axes, x: int | None = 5, y: int | None = 4) -> None:
    """Set at most this many ticks; None leaves an axis as it is."""
    if x is not None and ax.get_xscale() == "linear":
        ax.xaxis.set_major_locator(MaxNLocator(x, min_n_ticks=2))
    if y is not None and ax.get_yscale() == "linear":
        ax.yaxis.set_major_locator(MaxNLocator(y, min_n_ticks=2))
    ax.yaxis.grid(True, color=TEXT, alpha=0.12, linewidth=0.8)
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_alpha(0.6)
