"""What a live figure shows: each panel names the series it draws, and draws their still picture with ``plots``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rlhf_helpers import plots
from rlhf_helpers._checks import check_count, check_range
from rlhf_helpers.live.base import Panel, lines_in_words, names_of, number_in_words, pairs_of
from rlhf_helpers.live.guidance import Guess
from rlhf_helpers.live.inside import Inside
from rlhf_helpers.plots.style import label_of, quantity_of


@dataclass(frozen=True)
class Curves(Panel):
    """Series over updates; each has its name at its end.

    Args:
        names: series of one number per update.
        title: what is seen.
        y_label: what is measured, with its unit.
        y_range: (low, high); follows the data if None.
        log: logarithmic y axis.
        x_label: what one update is.
        anew: a series that is 1 where something begins anew, such as a batch: a thin line there; "" for none.
        labels: name -> text, where the name alone will not do.
        colors: name -> quantity ("policy", "old", "reference", "reward", "kl", "optimum"), if the name does not tell.
        guess: a question about one of the series, which a reader may answer by drawing it first.

    Raises:
        ValueError: names are no names, or the guess is about a series that the panel does not draw, or on a log axis.
    """

    names: Sequence[str]
    title: str = ""
    y_label: str = ""
    y_range: tuple[float, float] | None = None
    log: bool = False
    x_label: str = "updates"
    anew: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[str, str | None] = field(default_factory=dict)
    guess: Guess | None = None
    kind = "curves"

    def __post_init__(self):
        object.__setattr__(self, "names", names_of(self.names, "names"))
        check_range(y_range=self.y_range)
        if self.guess and self.guess.series not in self.names:
            raise ValueError(
                f"guess must be about a series of the panel, {list(self.names)}, got {self.guess.series!r}"
            )
        if self.guess and self.log:
            raise ValueError("log must be False where there is a guess, got True")

    def tracks(self):
        return (*self.names, *([self.anew] if self.anew else []))

    def lines(self):
        return self.names

    def spec(self):
        return {name: value for name, value in super().spec().items() if value or name != "anew"}

    def draw(self, view, ax=None):
        begins = np.flatnonzero(view.history[self.anew])[1:] if self.anew else ()
        return plots.curves(
            {name: view.history[name] for name in self.names},
            ax,
            title=self.title,
            x_label=self.x_label,
            y_label=self.y_label,
            y_range=self.y_range,
            log=self.log,
            marks=[*view.marks, *begins],
            labels=dict(self.labels),
            colors=dict(self.colors),
            height=2.9,
        )


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
        labels, colors: as in :class:`Curves`.
        drag: controls that the bars of the first series are handles of, bar by bar, "" for none; needs a ``y_range``.
            A bar moves its control by as much as it is moved. Controls of several bars have no sliders of their own.
        inside: what it says of a bar when a reader asks; None for nothing.
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
    drag: Sequence[str] = ()
    inside: Inside | None = None
    kind = "bars"

    def __post_init__(self):
        object.__setattr__(self, "names", names_of(self.names, "names"))
        check_range(y_range=self.y_range)
        if self.drag and self.y_range is None:
            raise ValueError("y_range must be given where bars are dragged, got None")

    def asked(self):
        return self.names[0]

    def needs(self):
        return dict.fromkeys(self.names, (0, 1))

    def draw(self, view, ax=None):
        return plots.bars(
            {name: view.now[name] for name in self.names},
            ax,
            title=self.title,
            x_label=self.x_label,
            y_label=self.y_label,
            y_range=self.y_range,
            ticks=list(self.ticks) or None,
            accent=self.accent,
            labels=dict(self.labels),
            colors=dict(self.colors),
        )


@dataclass(frozen=True)
class Strip(Panel):
    """A distribution over tokens as the strip of squares.

    Args:
        name: series of probabilities, shape (V,).
        title: what is seen.
        quantity: whose distribution; from the name if None.
        accent: the token in the accent color; None for none.
        drag: controls that the squares are handles of, each its probability; as in :class:`Bars`.
        inside: what it says of a square when a reader asks; None for nothing.
    """

    name: str
    title: str = ""
    quantity: str | None = None
    accent: int | None = 1
    drag: Sequence[str] = ()
    inside: Inside | None = None
    kind = "strip"

    def asked(self):
        return self.name

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
        inside: what it says of a cell when a reader asks; None for nothing.
    """

    name: str
    title: str = ""
    quantity: str | None = None
    accent: int | None = 1
    row_label: str = "after token"
    column_label: str = "next token"
    inside: Inside | None = None
    kind = "table"

    def asked(self):
        return self.name

    def needs(self):
        return {self.name: (2,)}

    def draw(self, view, ax=None):
        quantity = self.quantity or quantity_of(self.name) or "policy"
        return plots.policy_table(
            view.now[self.name],
            ax,
            title=self.title,
            quantity=quantity,
            accent=self.accent,
            row_label=self.row_label,
            column_label=self.column_label,
        )


@dataclass(frozen=True)
class Chips(Panel):
    """Completions as rows of chips.

    Args:
        name: series of token ids, shape (B, T); a negative id stays empty.
        title: what is seen.
        rows: at most this many of the B are shown.
        accent: the token in the accent color; None for none.
        letters: what is written on a chip in place of its id; one character for each id.
        beside: series of one number per completion, shape (B,): a bar at the end of each row; "" for none.
        labels, colors: as in :class:`Curves`, for ``beside``.
        inside: what it says of a token when a reader asks; None for nothing.
    """

    name: str
    title: str = ""
    rows: int = 4
    accent: int | None = 1
    letters: str = ""
    beside: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[str, str | None] = field(default_factory=dict)
    inside: Inside | None = None
    kind = "chips"

    def __post_init__(self):
        check_count(rows=self.rows)

    def asked(self):
        return self.name

    def needs(self):
        return {self.name: (1, 2)} | ({self.beside: (1,)} if self.beside else {})

    def describe(self, view):
        if not self.letters:
            return super().describe(view)
        ids = np.atleast_2d(view.now[self.name])[: self.rows].astype(int)
        words = ["".join(self.letters[i] for i in row if i >= 0) for row in ids]
        return f"{self.title or self.kind.capitalize()}: {', '.join(words)}."

    def draw(self, view, ax=None):
        ids = np.atleast_2d(view.now[self.name])[: self.rows]
        beside = {self.beside: view.now[self.beside][: self.rows]} if self.beside else None
        return plots.completion_chips(
            ids,
            ax,
            title=self.title,
            accent=self.accent,
            letters=self.letters,
            beside=beside,
            labels=dict(self.labels),
            colors=dict(self.colors),
        )


@dataclass(frozen=True)
class Diff(Panel):
    """Lines of code, those marked that are new beside a neighbor's.

    Args:
        control: the control that chooses among the texts, by its value: 0, 1, 2, ...
        texts: lines that begin with two characters: "# " for what is compared, "- " for a line of the neighbor, "+ "
            for the one in its place, two blanks for what both have.
        title: what is seen.

    Raises:
        ValueError: a line begins with something else.
    """

    control: str
    texts: Sequence[str]
    title: str = ""
    kind = "diff"

    def __post_init__(self):
        object.__setattr__(self, "texts", tuple(self.texts))
        for line in (line for text in self.texts for line in text.splitlines()):
            if line[:2] not in ("# ", "- ", "+ ", "  "):
                raise ValueError(f'texts must have lines that begin with "# ", "- ", "+ " or two blanks, got {line!r}')

    def text(self, view):
        return self.texts[int(view.settings[self.control])]

    def spec(self):
        return super().spec() | {"rows": max(len(text.splitlines()) for text in self.texts)}

    def describe(self, view):
        return f"{self.title or 'Lines of code'}: {lines_in_words(self.text(view))}."

    def draw(self, view, ax=None):
        return plots.code_lines(self.text(view), ax, title=self.title)


@dataclass(frozen=True)
class Loop(Panel):
    """The loop of RLHF as one drawing: tokens fall out of the policy's strip, are paid, squares fill, a leash pulls.

    The policy is a strip of squares. Out of it fall completions, a row of chips each, and at the end of a row stands
    what it was paid: one for every token in the accent color. A line across each square is the reference, which is
    uniform, and an arrow from a square's level to that line is the pull of the leash. While the figure plays, new rows
    fall every few seconds; with reduced motion they are there. It needs only series that ``training_step`` gives:

    ``Loop("probs", "completions", "kl", title="RLHF, one update after the other")``

    Args:
        policy: series of probabilities, shape (V,).
        completions: series of token ids, shape (B, T).
        kl: series of one number, the KL to the reference.
        title: what is seen.
        rows: at most this many of the B completions are shown.
        accent: the token that is paid.
        inside: what it says of a token when a reader asks; None for nothing.
    """

    policy: str
    completions: str
    kl: str
    title: str = ""
    rows: int = 3
    accent: int = 1
    inside: Inside | None = None
    kind = "loop"

    def __post_init__(self):
        check_count(rows=self.rows)

    def asked(self):
        return self.completions

    def needs(self):
        return {self.policy: (1,), self.completions: (2,), self.kl: (0,)}

    def describe(self, view):
        probs, ids = view.now[self.policy], view.now[self.completions][: self.rows].astype(int)
        words = [f"{' '.join(map(str, row))}, paid {(row == self.accent).sum()}" for row in ids]
        return (
            f"{self.title or 'Loop'}: the policy gives token {self.accent} the probability "
            f"{number_in_words(probs[self.accent])}; it writes {'; '.join(words)}; its KL to the reference is "
            f"{number_in_words(view.now[self.kl])} nats."
        )

    def draw(self, view, ax=None):
        now = view.now
        return plots.rlhf_loop(
            now[self.policy],
            now[self.completions][: self.rows],
            float(now[self.kl]),
            ax,
            title=self.title,
            accent=self.accent,
        )


@dataclass(frozen=True)
class Plot(Panel):
    """Functions y(x), with points "you are here".

    Args:
        x: series of the positions, shape (N,).
        ys: series of the values, shape (N,) each.
        title: what is seen.
        x_label, y_label: with units.
        points: (name of x, name of y) each: two numbers or two 1-D series; a dot in the color of y.
        trails: (name of x, name of y) each, numbers: the path they took in this run.
        x_range, y_range: (low, high); follow the data if None.
        labels, colors: as in :class:`Curves`; a point has a label only if ``labels`` has one for its y.
        drag: the control that is the x of the points, which a reader moves by them; "" for none.
    """

    x: str
    ys: Sequence[str]
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    points: Sequence[tuple[str, str]] = ()
    trails: Sequence[tuple[str, str]] = ()
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[str, str | None] = field(default_factory=dict)
    drag: str = ""
    kind = "plot"

    def __post_init__(self):
        object.__setattr__(self, "ys", names_of(self.ys, "ys") if self.ys else ())
        check_range(x_range=self.x_range, y_range=self.y_range)
        object.__setattr__(self, "points", pairs_of(self.points, "points"))
        object.__setattr__(self, "trails", pairs_of(self.trails, "trails"))
        if self.drag and not self.points:
            raise ValueError(f"points must be given where one is dragged, got none with drag={self.drag!r}")

    def needs(self):
        functions = dict.fromkeys((self.x, *self.ys), (1,)) if self.ys else {}
        return {name: (0, 1) for pair in self.points for name in pair} | functions

    def lines(self):
        return self.ys

    def tracks(self):
        return tuple(dict.fromkeys(name for pair in self.trails for name in pair))

    def draw(self, view, ax=None):
        now, past = view.now, view.history
        return plots.line_plot(
            now[self.x] if self.ys else (),
            {name: now[name] for name in self.ys},
            ax,
            title=self.title,
            x_label=self.x_label,
            y_label=self.y_label,
            x_range=self.x_range,
            y_range=self.y_range,
            labels=dict(self.labels),
            colors=dict(self.colors),
            points=[(now[px], now[py], py) for px, py in self.points],
            trails=[(past[px], past[py], py) for px, py in self.trails],
        )


@dataclass(frozen=True)
class Letters(Panel):
    """How likely each letter is to come next, as bars; a click on one writes it behind the word.

    Args:
        names: one or more series of probabilities, shape (V,) each.
        word: the control that holds what is written, a :class:`Word`.
        letters: what each id is called.
        title: what is seen.
        labels, colors: as in :class:`Curves`.
    """

    names: Sequence[str]
    word: str
    letters: str
    title: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[str, str | None] = field(default_factory=dict)
    kind = "letters"

    def __post_init__(self):
        object.__setattr__(self, "names", names_of(self.names, "names"))

    def needs(self):
        return dict.fromkeys(self.names, (1,))

    def describe(self, view):
        parts = []
        for name in self.names:
            best = np.argsort(-view.now[name], kind="stable")[:3]
            likely = ", ".join(f"{self.letters[i]} {number_in_words(view.now[name][i])}" for i in best)
            parts.append(f"{label_of(name, dict(self.labels))} {likely}")
        return f'{self.title or "Letters"}: after "{view.settings[self.word]}" the likeliest: {"; ".join(parts)}.'

    def draw(self, view, ax=None):
        return plots.bars(
            {name: view.now[name] for name in self.names},
            ax,
            title=self.title,
            x_label=f'the letter after "{view.settings[self.word]}"',
            ticks=list(self.letters),
            labels=dict(self.labels),
            colors=dict(self.colors),
        )


@dataclass(frozen=True)
class Heads(Panel):
    """What each head of a transformer looks at: a row of squares for each, as full as the weight.

    It shows the weights from the last letter of a word, or from the letter that a reader points at. What comes later
    than that letter has no square: no weight can lie there.

    Args:
        name: series of weights, shape (heads, positions, positions): a row for each position that looks back.
        word: the control that holds what is written, a :class:`Word`.
        start: what the first position is called, before the first letter.
        title: what is seen.
        rows: how many heads there are, those of the first block first.
        quantity: whose weights; from the name if None.
    """

    name: str
    word: str
    start: str
    title: str = ""
    rows: int = 4
    quantity: str | None = None
    kind = "heads"

    def __post_init__(self):
        check_count(rows=self.rows)

    def needs(self):
        return {self.name: (3,)}

    def describe(self, view):
        text = self.start + view.settings[self.word]
        weights = view.now[self.name][:, len(text) - 1, : len(text)]
        rows = [
            f"head {k + 1} " + ", ".join(f"{letter} {number_in_words(w)}" for letter, w in zip(text, row, strict=True))
            for k, row in enumerate(weights)
        ]
        return f"{self.title or 'Heads'}: from {text[-1]}: {'; '.join(rows)}."

    def draw(self, view, ax=None):
        text = self.start + view.settings[self.word]
        quantity = self.quantity or quantity_of(self.name) or "policy"
        weights = view.now[self.name][:, len(text) - 1, : len(text)]
        return plots.attention_rows(weights, text, ax, title=self.title, quantity=quantity)
