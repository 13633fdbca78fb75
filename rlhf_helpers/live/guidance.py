"""What guides a reader: presets, guesses, sentences when a series goes too far, and a formula in its terms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rlhf_helpers._checks import check_knob, check_range, check_whole


@dataclass(frozen=True)
class Preset:
    """Settings worth a look: a button that makes them, and a sentence that says what there is to see.

    Args:
        name: what is written on the button.
        text: the sentence.
        values: control name -> value (a word for a :class:`Word`); the other controls go back to where they were at
            first, and other words stay.
    """

    name: str
    text: str
    values: Mapping[str, float | str]


@dataclass(frozen=True)
class Guess:
    """A question that a reader may answer before a run, by drawing the course of a series.

    The line stays beside the run, and words say how near it came when the run is as long as the figure's ``steps``.

    Args:
        series: what is guessed, one of the panel's.
        question: what is asked.
        y_range: (low, high), the axis that it is drawn on, and read with.
        values: settings of the run in question: control name -> value; the other controls as they were at first.
            With none it is the default run, which stays covered until a reader has guessed or skipped it.

    Raises:
        ValueError: a range that does not rise.
    """

    series: str
    question: str
    y_range: tuple[float, float]
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self):
        check_range(y_range=self.y_range)


@dataclass(frozen=True)
class Say:
    """A sentence that appears when a series goes too far.

    Args:
        series: its name; one number per update.
        text: what is said.
        above: speaks when the series is larger.
        below: speaks when the series is smaller. One of the two at least.
        after: silent before this many updates.

    Raises:
        TypeError: a limit that is no number, or an ``after`` that is not a whole one.
        ValueError: neither ``above`` nor ``below`` is given, or ``after`` is negative.
    """

    series: str
    text: str
    above: float | None = None
    below: float | None = None
    after: int = 0

    def __post_init__(self):
        if self.above is None and self.below is None:
            raise ValueError(f"above or below must be given, got neither for Say({self.series!r}, ...)")
        limits = {"above": self.above, "below": self.below}
        check_knob(-math.inf, inclusive=True, **{name: limit for name, limit in limits.items() if limit is not None})
        check_whole(after=self.after)
        check_knob(after=self.after)

    def applies(self, value: float, step: int) -> bool:
        """Whether it speaks now."""
        high = self.above is not None and value > self.above
        return step >= self.after and (high or (self.below is not None and value < self.below))


@dataclass(frozen=True)
class Term:
    """A term of a figure's formula, which lights up together with its curves, its sliders and its line of code.

    Args:
        text: how it is written in the formula.
        series: the series that show it: curves, functions y(x), or bars beside completions.
        controls: the controls that set it.
        code: the line that computes it.
    """

    text: str
    series: Sequence[str] = ()
    controls: Sequence[str] = ()
    code: str = ""

    def __post_init__(self):
        for name in ("series", "controls"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
