"""A live figure without a screen: what its author defined, the run a reader is in, and the frames to draw."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import torch

from rlhf_helpers.live import checks
from rlhf_helpers.live.base import Panel, View
from rlhf_helpers.live.guidance import Preset, Say, Term
from rlhf_helpers.live.rules import move_mark, write_status, write_stop
from rlhf_helpers.live.run import NotFinite, Run
from rlhf_helpers.live.word import Spelling


@dataclass(frozen=True)
class Definition:
    """What the author gave: everything that another engine needs to run the same figure."""

    function: Callable
    start: Callable | None
    noise: tuple[int, ...] | None
    steps: int
    panels: tuple[Panel, ...]
    caption: str
    status: str
    says: tuple[Say, ...]
    presets: tuple[Preset, ...]
    seeds: int
    defaults: Mapping[str, float | str]
    formula: tuple[Term | str, ...] = ()
    words: Mapping[str, Spelling] = field(default_factory=dict)
    name: str = ""

    @property
    def trains(self) -> bool:
        """Whether there is a state to step from."""
        return self.start is not None

    def run(self, dtype: torch.dtype) -> Run:
        """A run that has not begun."""
        return Run(self.function, self.start, self.noise, dtype, self.words)

    def spec(self) -> dict:
        """What the drawing module has to know, in JSON."""
        spec = {"panels": [panel.spec() for panel in self.panels], "steps": self.steps, "training": self.trains}
        formula = [piece if isinstance(piece, str) else asdict(piece) for piece in self.formula]
        words = {name: asdict(spelling) for name, spelling in self.words.items()}
        given = {"formula": formula, "words": words, "name": self.name}
        return spec | {name: value for name, value in given.items() if value}

    def tracked(self) -> list[str]:
        """Series whose history is drawn."""
        return list(dict.fromkeys(name for panel in self.panels for name in panel.tracks()))

    def status_of(self, run: Run, seed: int = 0) -> str:
        """Return the status line of a run."""
        series = {name: float(value) for name, value in run.now.items() if value.ndim == 0}
        known = run.controls | series | {"step": run.step, "seed": seed}  # a series wins, as in the page
        sentences = [say.text for say in self.says if say.applies(known[say.series], run.step)]
        return write_status(self.status, sentences, known)


class Session:
    """The run that a reader is in: one evaluation per state, marks, the line of the run before.

    Args:
        definition: the figure.
    """

    def __init__(self, definition: Definition):
        self.definition = definition
        self.run = definition.run(torch.float32)
        self.error: Exception | None = None
        self.marks: list[dict] = []
        self.previous: dict[str, list] = {}
        self.seed = 0
        self.run.reset(0, definition.defaults)  # an author's error is raised at once
        checks.check_series(self.run.now, definition.panels, definition.says)
        numbers = [name for name in definition.defaults if name not in definition.words]
        known = [*checks.numbers(self.run.now), *numbers, "step", "seed"]
        checks.check_format("status", definition.status, known, "controls or series of one number")
        checks.check_inside(self.run.now, definition.panels, numbers)
        self._rows: dict[str, list] = {name: [] for name in definition.tracked()}

    @property
    def step(self) -> int:
        """How many updates the run has made."""
        return self.run.step

    @property
    def ended(self) -> bool:
        """Whether the run is as long as it gets."""
        return self.run.step >= self.definition.steps

    def advance(self, settings: Mapping[str, float]) -> None:
        """One update."""
        row = {name: five_digits(self.run.now[name]) for name in self._rows}
        self._try(self.run.commit, settings)
        for name, value in row.items():
            self._rows[name].append(value)

    def evaluate(self, settings: Mapping[str, float]) -> None:
        """Ask again about the present state, with the same random numbers."""
        self._try(self.run.evaluate, settings)

    def restart(self, seed: int, settings: Mapping[str, float]) -> None:
        """Back to the start; what was there becomes the run before."""
        if self.run.step > 0:
            self.previous = self.rows()
        self.marks, self.seed = [], seed
        self._rows = {name: [] for name in self._rows}
        self._try(self.run.reset, seed, settings)

    def mark(self, name: str, old: float, new: float) -> None:
        """Remember that a control moved; a word asks, and leaves no mark."""
        if name not in self.definition.words:
            move_mark(self.marks, name, old, new, step=self.run.step, steps=self.definition.steps)

    def rows(self) -> dict[str, list]:
        """The histories that are drawn, up to now."""
        return {name: [*rows, five_digits(self.run.now[name])] for name, rows in self._rows.items()}

    def status(self) -> str:
        """The line under the picture."""
        error = self.error
        if error is None:
            return self.definition.status_of(self.run, self.seed)
        if not isinstance(error, NotFinite):
            return f"{type(error).__name__}: {error}"
        return write_stop(error.names, self.step, [*self.definition.defaults], trains=self.definition.trains)

    def frame(self, playing: bool = False) -> dict:
        """What the drawing module draws now, in JSON."""
        now = {}
        for panel in self.definition.panels:
            for name in panel.needs():
                value = np.atleast_1d(self.run.now[name])
                rows = panel.kind == "chips" and (value.ndim == 2 or name == panel.beside)
                now[name] = five_digits(value[: panel.rows] if rows else self.run.now[name])
        insides = [panel.inside for panel in self.definition.panels if panel.inside]
        now |= {name: digits(self.run.now[name], 9) for inside in insides for name in inside.series(self.run.now)}
        return {
            "step": self.step,
            "rows": self.rows(),
            "now": now,
            "marks": [{key: mark[key] for key in ("step", "name", "from", "to")} for mark in self.marks],
            "settings": self.run.controls,
            "status": self.status(),
            "error": self.error is not None,
            "playing": playing,
        }

    def view(self) -> View:
        """What the still pictures are drawn from."""
        return View(self.run.history(), self.run.now, [mark["step"] for mark in self.marks], self.run.controls)

    def _try(self, action: Callable, *arguments) -> None:
        try:
            action(*arguments)
            self.error = None
        except Exception as error:
            self.error = error
            raise


def five_digits(value) -> float | list | None:
    """Return numbers as a drawing needs them: five digits, None where there is no finite number."""
    return digits(value, 5)


def digits(value, count: int) -> float | list | None:
    """The same with this many digits; nine are all that a float has."""
    array = np.asarray(value)
    if array.ndim:
        return [digits(part, count) for part in array]
    number = float(array)
    return float(f"{number:.{count}g}") if np.isfinite(number) else None
