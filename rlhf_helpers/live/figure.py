"""`live`: one pure function of (state, noise, controls), its sliders, and the figure that they move."""

from __future__ import annotations

import asyncio
import pathlib
import time
from collections.abc import Callable, Sequence

import anywidget
import ipywidgets
import numpy as np
import traitlets

from . import checks, export
from .base import Panel, Say
from .picture import picture
from .session import Definition, Session

FRAME = 0.05
"""Seconds from one picture to the next while it plays."""
BUSY = 0.03
"""Seconds of computing after which the kernel's loop gets its turn."""
FRAMES = 40
"""Pictures in a whole run, unless its steps are slow: two seconds to watch."""


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
    """Make a figure with controls: it trains, or it only computes, whatever `function` says.

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
        **controls: ipywidgets controls with numbers, named like the function's keywords.

    Returns:
        A widget to end a cell with. On a page without a kernel it is the picture of its default run.

    Raises:
        TypeError: an argument is of the wrong kind, or controls and keywords do not match; the message names it.
        ValueError: an argument is wrong, or a panel names a series that is not there; the message names it.
    """
    noise = None if noise is None else tuple(noise)
    checks.check_arguments(start, noise, steps, panels, caption, seeds)
    checks.check_controls(function, controls, training=start is not None)
    defaults = {name: float(control.value) for name, control in controls.items()}
    definition = Definition(function, start, noise, steps, tuple(panels), caption, status, tuple(says), seeds, defaults)
    return LiveFigure(definition, controls)


class LiveFigure(ipywidgets.VBox):
    """What `live` returns: a widget, and a run that can be driven from Python.

    Args:
        definition: the figure.
        controls: its ipywidgets controls.
    """

    def __init__(self, definition: Definition, controls: dict):
        self.definition = definition
        self.function, self.start, self.noise = definition.function, definition.start, definition.noise
        self.steps, self.panels, self.says = definition.steps, definition.panels, definition.says
        self.caption, self.status_format, self.defaults = definition.caption, definition.status, definition.defaults
        self.controls = dict(controls)
        self.session = Session(definition)
        self._task: asyncio.Task | None = None
        self._picture = None
        self._known = self.settings()
        self.canvas = Canvas(spec=definition.spec(), frame=self.session.frame())
        self.canvas.add_class("baby-canvas")
        grid = ipywidgets.Box([self.canvas, self._panel_of_controls()])
        grid.add_class("baby-grid")
        super().__init__([grid])
        self.add_class("baby-live")

    # What there is to see

    @property
    def now(self) -> dict[str, np.ndarray]:
        """The series of the present state."""
        return self.session.run.now

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Every series of one number, rows 0 to the present step."""
        return self.session.run.history()

    @property
    def status(self) -> str:
        """The line under the picture."""
        return self.session.status()

    @property
    def error(self) -> Exception | None:
        """What went wrong in the last evaluation, if anything."""
        return self.session.error

    @property
    def marks(self) -> list[dict]:
        """Where controls moved: step, name, from, to."""
        return self.session.marks

    @property
    def playing(self) -> bool:
        """Whether it is running by itself."""
        return self._task is not None

    def settings(self) -> dict[str, float]:
        """The controls' present values."""
        return {name: float(control.value) for name, control in self.controls.items()}

    def picture(self):
        """The still picture of the run with the first settings and seed 0, in double precision."""
        if self._picture is None:
            self._picture = picture(self.definition)
        return self._picture

    # What there is to do; an error in the function reaches the caller

    def step(self, count: int = 1) -> None:
        """Take so many steps, or as many as the run has left."""
        self._must_train()
        self.pause()
        try:
            for _ in range(min(count, self.definition.steps - self.session.step)):
                self.session.advance(self.settings())
        finally:
            self._refresh()

    def reset(self, seed: int | None = None) -> None:
        """Back to the start, of another seed if one is given; what was there stays as a faint line."""
        self._must_train()
        if seed is not None and seed not in range(self.definition.seeds):
            raise ValueError(f"seed: expected 0 to {self.definition.seeds - 1}, got {seed!r}")
        if seed is None or seed == self.seeds.value:
            self._restart()
            return
        self.seeds.value = seed  # its callback restarts
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
        """Run to the end by itself; at the end, from the start. Without an event loop it runs there at once."""
        self._must_train()
        if self.playing:
            return
        if self.session.ended:
            self._restart()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.step(self.definition.steps)
            return
        self._task = loop.create_task(self._play())
        self._refresh()

    def pause(self) -> None:
        """Stop playing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._refresh()

    # How it does it

    def _panel_of_controls(self) -> ipywidgets.VBox:
        rows = list(self.controls.values())
        for name, control in self.controls.items():
            control.description = control.description or name.replace("_", " ")
            control.observe(lambda change, name=name: self._moved(name), names="value")
        if self.definition.trains:
            self.seeds = ipywidgets.Dropdown(options=range(self.definition.seeds), value=0, description="seed")
            self.seeds.observe(lambda change: self._guard(self._restart), names="value")
            self.buttons = {
                "play": ipywidgets.Button(description="Play", icon="play", button_style="primary"),
                "step": ipywidgets.Button(description="Step", icon="step-forward", tooltip="One update"),
                "reset": ipywidgets.Button(description="Reset", icon="undo", tooltip="Back to the start"),
            }
            self.buttons["play"].on_click(lambda _: self._guard(self.pause if self.playing else self.play))
            self.buttons["step"].on_click(lambda _: self._guard(self.step))
            self.buttons["reset"].on_click(lambda _: self._guard(self._restart))
            bar = ipywidgets.HBox([*self.buttons.values(), self.seeds])
            bar.add_class("baby-buttons")
            rows.insert(0, bar)
        box = ipywidgets.VBox(rows)
        box.add_class("baby-controls")
        return box

    def _must_train(self) -> None:
        if not self.definition.trains:
            raise RuntimeError("this figure only computes: it has no `start` to step from")

    def _guard(self, action: Callable) -> None:
        """Do what a reader asked for; the function's error is in the session, and so in the status line."""
        try:
            action()
        except Exception as error:  # a click has nobody to raise to
            self.session.error = error
        self._refresh()

    def _restart(self) -> None:
        self.pause()
        try:
            self.session.restart(self.seeds.value, self.settings())
        finally:
            self._refresh()

    def _moved(self, name: str) -> None:
        settings = self.settings()
        if self.definition.trains:
            self.session.mark(name, self._known[name], settings[name])
        self._known = settings
        if not self.playing:  # else the next step takes it
            self._guard(lambda: self.session.evaluate(settings))

    async def _play(self) -> None:
        task = self._task
        session, steps = self.session, self.definition.steps
        stride = max(1, round(steps / FRAMES))
        try:
            while self._task is task and not session.ended:
                begun = time.perf_counter()
                for _ in range(min(stride, steps - session.step)):
                    session.advance(self.settings())
                    if time.perf_counter() - begun > BUSY:
                        break
                self._refresh()
                await asyncio.sleep(max(0.005, FRAME - (time.perf_counter() - begun)))
        except Exception as error:  # nobody awaits this task: the status line tells
            session.error = error
        finally:
            if self._task is task:
                self._task = None
                self._refresh()

    def _refresh(self) -> None:
        if self.definition.trains:
            play = self.buttons["play"]
            play.description, play.icon = ("Pause", "pause") if self.playing else ("Play", "play")
        self.canvas.previous = self.session.previous
        self.canvas.frame = self.session.frame(self.playing)

    def __repr__(self) -> str:
        return f"Live figure: {self.definition.caption}"

    def _repr_mimebundle_(self, **kwargs):
        data = super()._repr_mimebundle_(**kwargs) or {}
        markup = self.picture().html
        if export.publishing():
            markup = export.published(markup, self)
        return dict(data) | {"text/html": markup, "text/plain": repr(self)}
