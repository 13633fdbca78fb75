"""`live`: one pure function of (state, noise, controls), its sliders, and the figure that they move."""

from __future__ import annotations

import asyncio
import pathlib
import time
from collections.abc import Callable, Sequence

import anywidget
import ipywidgets
import numpy as np
import torch
import traitlets

from . import checks
from .panels import Panel, Say, View
from .picture import picture, status_line
from .run import NotFinite, Run

FRAME = 0.05
"""Seconds from one picture to the next while it plays."""
BUSY = 0.03
"""Seconds of computing after which the kernel's loop gets its turn."""
FRAMES = 40
"""Pictures in a whole run, unless its steps are slow."""


class Canvas(anywidget.AnyWidget):
    """The drawing: `live.js` turns the specification and the present frame into SVG."""

    _esm = pathlib.Path(__file__).parent / "live.js"
    _css = pathlib.Path(__file__).parent / "live.css"
    spec = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    previous = traitlets.Dict().tag(sync=True)


def live(function: Callable, *, start: Callable | None = None, noise: Sequence[int] | None = None, steps: int = 300,
         panels: Sequence[Panel] = (), caption: str = "", status: str = "", says: Sequence[Say] = (),
         seeds: int = 5, **controls) -> LiveFigure:  # fmt: skip
    """A figure with controls: it trains, or it only computes, whatever `function` says.

    Args:
        function: with `start`: `(state, noise, *, <controls>) -> (state, series)`, one step; the series describe the
            state that came in. Without: `(*, <controls>) -> series`. Pure torch: dicts of tensors in and out, the
            controls as 0-d tensors of the state's dtype, nothing else read or written.
        start: seed -> state, a dict of tensors.
        noise: shape of the uniforms in [0, 1) that one step uses; None for none.
        steps: length of a run.
        panels: what is drawn.
        caption: what the reader should see.
        status: the line below, a format string over the series of one number, the controls, `step` and `seed`.
        says: sentences that appear when a series goes too far.
        seeds: how many seeds there are to choose from.
        **controls: ipywidgets controls, named like the function's keywords.
    Returns:
        A widget to end a cell with.
    Raises:
        TypeError, ValueError: an argument is wrong; the message names it.
    """
    noise = None if noise is None else tuple(noise)
    checks.check_arguments(start, noise, steps, panels, caption, seeds)
    checks.check_controls(function, controls, training=start is not None)
    return LiveFigure(function, start, noise, steps, tuple(panels), caption, status, tuple(says), seeds, controls)


class LiveFigure(ipywidgets.VBox):
    """What `live` returns. From Python: `step`, `reset`, `play`, `set`, `controls`, `now`, `history`, `error`."""

    def __init__(self, function, start, noise, steps, panels, caption, status, says, seeds, controls):
        self.function, self.start, self.noise, self.steps = function, start, noise, steps
        self.panels, self.caption, self.status_format, self.says = panels, caption, status, says
        self.controls = dict(controls)
        self.defaults = self.settings()
        self.error: Exception | None = None
        self.marks: list[dict] = []
        self._known = self.settings()
        self._task: asyncio.Task | None = None
        self._picture = None
        self.run = Run(function, start, noise, torch.float32)
        self.run.reset(0, self.settings())
        checks.check_series(self.run.now, panels, says)
        known = checks.numbers(self.run.now) + [*controls, "step", "seed"]
        checks.check_status(status, dict.fromkeys(known))

        self._build(seeds)
        self._cached = {name: [] for name in self._curve_names()}
        self.canvas.spec = {
            "panels": [panel.spec() for panel in panels], "steps": steps, "training": start is not None,
        }  # fmt: skip
        super().__init__([self._grid])
        self.add_class("baby-live")
        self._refresh()

    # what there is to see

    @property
    def now(self) -> dict[str, np.ndarray]:
        """The series of the present state."""
        return self.run.now

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Every series of one number, rows 0 to the present step."""
        return self.run.history()

    @property
    def seed(self) -> int:
        """Which run of random numbers."""
        return self.seeds.value if self.start is not None else 0

    @property
    def playing(self) -> bool:
        """Whether it is running by itself."""
        return self._task is not None

    @property
    def status(self) -> str:
        """The line under the picture."""
        if self.error is not None:
            return self._trouble(self.error)
        values = self.settings() | {"step": self.run.step, "seed": self.seed}
        return status_line(self.status_format, self.says, self.run.now, values)

    def settings(self) -> dict[str, float]:
        """The controls' present values."""
        return {name: float(control.value) for name, control in self.controls.items()}

    # what there is to do; errors reach the caller

    def step(self, count: int = 1) -> None:
        """Take so many steps, or as many as the run has left."""
        self._needs_start()
        self.pause()
        try:
            for _ in range(min(count, self.steps - self.run.step)):
                self._advance()
        finally:
            self._refresh()

    def reset(self, seed: int | None = None) -> None:
        """Back to the start; what was there stays as a faint line."""
        self._needs_start()
        self.pause()
        if seed is not None and seed != self.seed:
            self.seeds.value = seed  # resets
        else:
            self._restart()
        if self.error is not None:
            raise self.error

    def set(self, **values: float) -> None:
        """Move controls, as a reader would."""
        for name, value in values.items():
            if name not in self.controls:
                raise ValueError(f"{name}: no such control; there are {sorted(self.controls)}")
            self.controls[name].value = value
        if self.error is not None:
            raise self.error

    def play(self) -> None:
        """Run to the end by itself; after the end, from the start. Without an event loop it runs there at once."""
        self._needs_start()
        if self.playing:
            return
        if self.run.step >= self.steps:
            self._restart()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self.step(self.steps)
        self._task = loop.create_task(self._play())
        self._refresh()

    def pause(self) -> None:
        """Stop playing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._refresh()

    def picture(self):
        """The still picture of the run with the first settings and seed 0, in double precision."""
        if self._picture is None:
            self._picture = picture(self)
        return self._picture

    # how it does it

    def _build(self, seeds: int) -> None:
        self.canvas = Canvas()
        self.canvas.add_class("baby-canvas")
        for name, control in self.controls.items():
            if not control.description:
                control.description = name.replace("_", " ")
            control.observe(lambda change, name=name: self._moved(name), names="value")
        rows = list(self.controls.values())
        if self.start is not None:
            self.seeds = ipywidgets.Dropdown(options=range(seeds), value=0, description="seed")
            self.seeds.observe(lambda change: self._guard(self._restart), names="value")
            self.buttons = {
                "play": ipywidgets.Button(description="Play", icon="play", button_style="primary"),
                "step": ipywidgets.Button(description="Step", icon="step-forward", tooltip="one update"),
                "reset": ipywidgets.Button(description="Reset", icon="undo", tooltip="back to the start"),
            }
            self.buttons["play"].on_click(lambda _: self.pause() if self.playing else self._guard(self.play))
            self.buttons["step"].on_click(lambda _: self._guard(self.step))
            self.buttons["reset"].on_click(lambda _: self._guard(self.reset))
            bar = ipywidgets.HBox([*self.buttons.values(), self.seeds])
            bar.add_class("baby-buttons")
            rows.insert(0, bar)
        box = ipywidgets.VBox(rows)
        box.add_class("baby-controls")
        self._grid = ipywidgets.Box([self.canvas, box])
        self._grid.add_class("baby-grid")

    def _needs_start(self) -> None:
        if self.start is None:
            raise RuntimeError("this figure only computes: it has no `start` to step from")

    def _guard(self, action: Callable) -> None:
        """Do what a reader asked for; an error goes to the status line."""
        try:
            action()
        except Exception as error:  # noqa: BLE001 - a reader's click has nobody to raise to
            self.error = error
            self._refresh()

    def _evaluate(self, action: Callable, *arguments) -> None:
        try:
            action(*arguments)
            self.error = None
        except Exception as error:
            self.error = error
            raise

    def _advance(self) -> None:
        row = {name: _short(self.run.now[name]) for name in self._cached}
        self._evaluate(self.run.commit, self.settings())
        for name, value in row.items():
            self._cached[name].append(value)

    def _restart(self) -> None:
        self.pause()
        if self.run.step > 0:
            self.canvas.previous = self._rows()
        self.marks = []
        self._cached = {name: [] for name in self._cached}
        try:
            self._evaluate(self.run.reset, self.seed, self.settings())
        finally:
            self._refresh()

    def _moved(self, name: str) -> None:
        value = self.settings()[name]
        if self.start is not None:
            self._mark(name, self._known[name], value)
        self._known[name] = value
        if self.playing:
            return  # the next step takes it
        self._guard(lambda: self._evaluate(self.run.evaluate, self.settings()))
        self._refresh()

    def _mark(self, name: str, old: float, new: float) -> None:
        step = self.run.step
        if step == 0:
            return
        last = next((mark for mark in reversed(self.marks) if mark["name"] == name), None)
        if last is not None and step - last["moved"] <= max(3, self.steps // 20):  # still the same drag
            last.update(to=new, moved=step)
            if last["to"] == last["from"]:
                self.marks.remove(last)
        else:
            self.marks.append({"step": step, "moved": step, "name": name, "from": old, "to": new})

    async def _play(self) -> None:
        task = self._task
        stride = max(1, round(self.steps / FRAMES))
        try:
            while self._task is task and self.run.step < self.steps:
                begun = time.perf_counter()
                for _ in range(min(stride, self.steps - self.run.step)):
                    self._advance()
                    if time.perf_counter() - begun > BUSY:
                        break
                self._refresh()
                await asyncio.sleep(max(0.005, FRAME - (time.perf_counter() - begun)))
        except Exception:  # noqa: BLE001 - it is in self.error and in the status line
            pass
        finally:
            if self._task is task:
                self._task = None
                self._refresh()

    def _curve_names(self) -> list[str]:
        return list(dict.fromkeys(name for panel in self.panels if panel.moves for name in panel.needs()))

    def _rows(self) -> dict[str, list]:
        return {name: [*rows, _short(self.run.now[name])] for name, rows in self._cached.items()}

    def _refresh(self) -> None:
        if self.start is not None:
            button = self.buttons["play"]
            button.description, button.icon = ("Pause", "pause") if self.playing else ("Play", "play")
        others = dict.fromkeys(name for panel in self.panels if not panel.moves for name in panel.needs())
        limits = {panel.name: panel.rows for panel in self.panels if panel.kind == "chips"}
        self.canvas.frame = {
            "step": self.run.step,
            "rows": self._rows(),
            "now": {name: _short(self.run.now[name][: limits.get(name)]) if name in limits
                    else _short(self.run.now[name]) for name in others},
            "marks": [{"step": m["step"], "text": f"{m['name']} {m['to']:.3g}"} for m in self.marks],
            "status": self.status,
            "error": self.error is not None,
            "playing": self.playing,
        }  # fmt: skip

    def _trouble(self, error: Exception) -> str:
        if not isinstance(error, NotFinite):
            return f"{type(error).__name__}: {error}"
        if self.start is None:
            return f"{error} is not a finite number at these settings."
        advice = "lower the learning rate" if "learning_rate" in self.controls else "move a slider back"
        return f"Stopped after update {self.run.step}: {error} is no longer a finite number. Reset, or {advice}."

    def view(self) -> View:
        """What the panels draw from."""
        return View(self.history, self.now, [mark["step"] for mark in self.marks], self.run.step)

    def __repr__(self) -> str:
        return f"Live figure: {self.caption}"

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        data = dict(data) | {"text/html": self.picture().html, "text/plain": repr(self)}
        return data, metadata


def _short(value) -> float | list | None:
    """Numbers as a page needs them: five digits, None where there is no number."""
    array = np.asarray(value)
    if array.ndim:
        return [_short(part) for part in array]
    number = float(array)
    return float(f"{number:.5g}") if np.isfinite(number) else None
