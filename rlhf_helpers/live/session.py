"""A live figure without a screen: what its author defined, the run a reader is in, and the frames to draw."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch

from rlhf_helpers.live import checks
from rlhf_helpers.live.base import Panel, View
from rlhf_helpers.live.guidance import Preset, Say, Term
from rlhf_helpers.live.rules import PINS, axis_width, move_mark, write_status, write_stop
from rlhf_helpers.live.run import Kept, NotFinite, Run
from rlhf_helpers.live.word import Spelling

ROOM = 64_000_000
"""Bytes of states that a session keeps, to go back to."""
LEAST = 24
"""States that it keeps whatever they take."""


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

    @property
    def alone(self) -> list[str]:
        """Controls without sliders of their own: one of several bars or squares that are dragged."""
        several = [names for panel in self.panels if len(names := panel.drags()) > 1]
        return sorted({name for names in several for name in names})

    def run(self, dtype: torch.dtype) -> Run:
        """A run that has not begun."""
        return Run(self.function, self.start, self.noise, dtype, self.words)

    def spec(self) -> dict:
        """What the drawing module has to know, in JSON."""
        panels = [panel.spec() for panel in self.panels]
        for panel in panels:
            if "guess" in panel:
                panel["guess"] = asdict(panel["guess"]) | {"settings": {**self.defaults, **panel["guess"].values}}
        spec = {"panels": panels, "steps": self.steps, "training": self.trains}
        formula = [piece if isinstance(piece, str) else asdict(piece) for piece in self.formula]
        words = {name: asdict(spelling) for name, spelling in self.words.items()}
        given = {"formula": formula, "words": words, "name": self.name, "alone": self.alone}
        return spec | {name: value for name, value in given.items() if value}

    def tracked(self) -> list[str]:
        """Series whose history is drawn."""
        return list(dict.fromkeys(name for panel in self.panels for name in panel.tracks()))

    def status_of(self, run: Run, seed: int = 0) -> str:
        """Return the status line of a run."""
        series = {name: float(value) for name, value in run.now.items() if value.ndim == 0}
        known = run.controls | series | {"step": run.step, "seed": seed}  # a series wins, as in the page
        sentences = [say.text for say in self.says if say.applies(known[say.series], run.step)]
        return write_status(self.status, sentences[:1], known)


class Session:
    """The run that a reader is in: the updates made so far, the moves of its controls, and the way back.

    A run is its start, its seed and its moves, and nothing else: whoever goes back and on again finds the same numbers.

    Args:
        definition: the figure.
    """

    def __init__(self, definition: Definition):
        self.definition = definition
        self.run = definition.run(torch.float32)
        self.error: Exception | None = None
        self.previous: dict[str, list] = {}
        self.pins: list[dict] = []
        self.seeds: list[dict] = []
        self.progress = ""
        self._begin(0, definition.defaults)
        self.run.reset(0, self.settings)  # an author's error is raised at once
        checks.check_series(self.run.now, definition.panels, definition.says)
        numbers = [name for name in definition.defaults if name not in definition.words]
        known = [*checks.numbers(self.run.now), *numbers, "step", "seed"]
        checks.check_format("status", definition.status, known, "controls or series of one number")
        checks.check_inside(self.run.now, definition.panels, numbers)
        self._note()

    def _begin(self, seed: int, settings: Mapping[str, float]) -> None:
        """A run of which nothing was made."""
        self.seed, self.initial, self.settings = seed, dict(settings), dict(settings)
        self.changes: dict[int, dict[str, float]] = {}
        self.rows: dict[str, list] = {name: [] for name in self.definition.tracked()}
        self.reached = self.furthest = 0
        self.told = 0  # how many rows the drawing knows
        self._kept: list[Kept] = []
        self._every = 1

    @property
    def step(self) -> int:
        """The update that is shown."""
        return self.run.step

    @property
    def marks(self) -> list[dict]:
        """Where controls moved, as far as the run went: ``changes`` may hold moves to come."""
        marks, known = [], dict(self.initial)
        for step, values in self.changes.items():
            for name, value in values.items() if step <= self.reached else ():
                if value != known[name]:
                    move_mark(marks, name, known[name], value, step=step, steps=self.definition.steps)
                known[name] = value
        return marks

    def settings_at(self, step: int) -> dict[str, float]:
        """Return the settings with which an update was evaluated."""
        settings = dict(self.initial)
        for since, values in self.changes.items():
            if since <= step:
                settings |= values
        return settings

    def advance(self) -> None:
        """One update: as it was made before, if it was."""
        self.settings = self.settings | self.changes.get(self.step + 1, {})
        self._try(self.run.commit, self.settings)
        self._note()

    def seek(self, step: int) -> None:
        """Go to an update that was made."""
        nearest = next(kept for kept in reversed(self._kept) if kept.step <= step)
        if step < self.step or nearest.step > self.step:
            self.settings = self.settings_at(nearest.step)
            self._try(self.run.restore, nearest, self.settings)
        while self.step < step:
            self.advance()

    def move(self, values: Mapping[str, float | str], *, plays: bool) -> None:
        """Move controls: from the present update on or, if it plays, from the next; what came after is dropped.

        A word only asks, at every update.
        """
        news = {name: value for name, value in values.items() if value != self.settings[name]}
        words = {name: value for name, value in news.items() if name in self.definition.words}
        self.initial |= words
        self.settings |= words
        if numbers := {name: value for name, value in news.items() if name not in words}:
            self._cut()
            step = self.step + plays
            if step:
                self.changes[step] = self.changes.get(step, {}) | numbers
            else:
                self.initial |= numbers
            self._kept = [kept for kept in self._kept if kept.step < step]
        if plays or not (news or self.error):
            return
        self.settings = self.settings_at(self.step)
        self._try(self.run.evaluate, self.settings)
        self._note()

    def pin(self, name: str) -> None:
        """Keep the run as it is under a name; another of this name goes, or the oldest of too many."""
        self.pins = [pin for pin in self.pins if pin["name"] != name][1 - PINS :]
        self.pins.append({"name": name, "rows": {series: list(row) for series, row in self.rows.items()}})

    def other_seed(self, seed: int) -> Iterator[int]:
        """Make this run with another seed, an update at a time, and add it to ``seeds``: yields the updates made."""
        run = self.definition.run(torch.float32)
        rows = {name: [] for name in self.rows}
        initial, changes = dict(self.initial), {step: dict(values) for step, values in self.changes.items()}
        last = max(self.reached, self.definition.steps)
        settings = dict(initial)
        try:
            run.reset(seed, settings)
            for step in range(last + 1):
                for name, row in rows.items():
                    row.append(five_digits(run.now[name]))
                if step == last:
                    break
                settings |= changes.get(step + 1, {})
                run.commit(settings)
                yield step + 1
        except NotFinite:
            pass  # as far as it went
        self.seeds = [*self.seeds, {"rows": rows}]

    def plan(self, moves: Sequence[tuple[int, str, float | str]]) -> None:
        """Say which controls will move by themselves, and at which update: (update, name, value)."""
        for step, name, value in moves:
            self.changes[step] = self.changes.get(step, {}) | {name: value}

    def restart(self, seed: int, settings: Mapping[str, float]) -> None:
        """Back to the start; what was there becomes the run before."""
        if self.reached:
            self.previous = self.rows
        self._begin(seed, settings)
        self._try(self.run.reset, seed, settings)
        self._note()

    def _cut(self) -> None:
        step = self.step
        if step < self.reached:
            self.previous = self.rows
            self.rows = {name: row[: step + 1] for name, row in self.rows.items()}
            self._kept = [kept for kept in self._kept if kept.step <= step]
            del self.run.rows[step:]
        self.reached, self.told = step, min(self.told, step)
        self.changes = {since: values for since, values in self.changes.items() if since <= step}

    def _note(self) -> None:
        """Write down the present update, and now and then keep all that is needed to come back to it."""
        step = self.step
        for name, row in self.rows.items():
            row[step : step + 1] = [five_digits(self.run.now[name])]
        self.reached, self.furthest = max(self.reached, step), max(self.furthest, step)
        if not self.definition.trains or step % self._every or (self._kept and self._kept[-1].step >= step):
            return
        self._kept.append(self.run.kept())
        if len(self._kept) > max(LEAST, ROOM / self._kept[0].size):
            self._every *= 2
            self._kept = [kept for kept in self._kept if kept.step % self._every == 0]

    def status(self) -> str:
        """The line under the picture."""
        error = self.error
        if error is None:
            return self.definition.status_of(self.run, self.seed)
        if not isinstance(error, NotFinite):
            return f"{type(error).__name__}: {error}"
        return write_stop(error.names, self.step, [*self.definition.defaults], trains=self.definition.trains)

    def frame(self, playing: bool = False, since: int = 0) -> dict:
        """Return what the drawing module draws now, in JSON.

        Args:
            playing: whether the figure runs by itself.
            since: the first update whose rows it has to be told.
        """
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
            "reached": self.reached,
            "width": axis_width(self.furthest, self.definition.steps),
            "since": since,
            "rows": {name: row[since:] for name, row in self.rows.items()},
            "now": now,
            "marks": [{key: mark[key] for key in ("step", "name", "from", "to")} for mark in self.marks],
            "settings": self.run.controls,
            "seed": self.seed,
            "progress": self.progress,
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
