"""The widget: a figure, its controls, and the run that they move."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import ipywidgets
import numpy as np

from rlhf_helpers._checks import check_knob, check_whole
from rlhf_helpers._html import inline, kept, publishing
from rlhf_helpers.live import export
from rlhf_helpers.live.acts import act_of
from rlhf_helpers.live.controls import Canvas, box, preset_bar, run_bar, setting, turn
from rlhf_helpers.live.guidance import Preset
from rlhf_helpers.live.picture import picture
from rlhf_helpers.live.rules import BACK, BUSY, FRAME, pace, write_act, write_number
from rlhf_helpers.live.session import Definition, Session
from rlhf_helpers.live.word import Word


class LiveFigure(ipywidgets.VBox):
    """What :func:`live` returns: a widget, and a run that can be driven from Python.

    Args:
        definition: the figure.
        controls: its ipywidgets controls.
    """

    def __init__(self, definition: Definition, controls: dict):
        self.definition = definition
        self.controls = dict(controls)
        self.session = Session(definition)
        self._task: asyncio.Task | None = None
        self._showing = False  # whether controls move because another update is shown
        self._waiting: dict[str, float | str] = {}  # what was moved since the last update, while it plays
        self._frames = 0
        self._seeding: asyncio.Task | None = None
        touched = self._controls_box()  # which names the controls that have no name
        described = [export.described(name, control) for name, control in controls.items()]
        self.canvas = Canvas(
            spec=definition.spec() | {"controls": described, "seeds": definition.seeds}, frame=self._frame()
        )
        self.canvas.add_class("baby-canvas")
        self.canvas.on_msg(lambda _widget, asked, _buffers: self._guard(lambda: self._asked(asked)))
        grid = ipywidgets.Box([self.canvas, touched])
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
        """Every series of one number, rows 0 to the present update."""
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

    def settings(self) -> dict[str, float | str]:
        """The controls' present values."""
        return {name: setting(control) for name, control in self.controls.items()}

    def picture(self):
        """Draw the still picture of the run with the first settings and seed 0, in double precision.

        Returns:
            What :func:`rlhf_helpers.plots.show` returns.
        """
        return picture(self.definition)

    def save(self, path: str | Path) -> None:
        """Write the figure, with the settings and panels that it was made with, as one HTML file that runs by itself.

        Its function is compiled into the file, which runs from a folder, in a frame of another page, and offline.
        This needs ``pip install "baby-rlhf[publish]"``.

        Args:
            path: such as ``"figure.html"``.

        Raises:
            ImportError: what compiles is not installed.
            ValueError: the function cannot be compiled, or does not use a control; the message names its line.
        """
        from rlhf_helpers.live.page.save import save

        save(self, path)

    # What there is to do; an error in the function reaches the caller

    def step(self, count: int = 1) -> None:
        """Make this many updates; those that were made before are made again, and are the same.

        Raises:
            TypeError: count is not a whole number.
            ValueError: count is negative, or the figure does not train.
        """
        self._must_train()
        check_whole(count=count)
        check_knob(count=count)
        self.pause()
        try:
            for _ in range(count):
                self.session.advance()
        finally:
            self._refresh()

    def seek(self, step: int) -> None:
        """Show another of the updates that were made; from there it plays on."""
        self._must_train()
        if step not in range(self.session.reached + 1):
            raise ValueError(f"step must be 0 to {self.session.reached}, got {step!r}")
        self.pause()
        try:
            self.session.seek(step)
        finally:
            self._refresh()

    def reset(self, seed: int | None = None) -> None:
        """Back to the start, of another seed if one is given; what was there stays as a faint line."""
        self._must_train()
        if seed is not None and seed not in range(self.definition.seeds):
            raise ValueError(f"seed must be 0 to {self.definition.seeds - 1}, got {seed!r}")
        if seed is None or seed == self.seeds.value:
            self._restart()
            return
        self.seeds.value = seed  # its callback restarts
        if self.error is not None:
            raise self.error

    def set(self, **values: float | str) -> None:
        """Move controls, as a reader would."""
        for name, value in values.items():
            if name not in self.controls:
                raise ValueError(f"values must name controls, {sorted(self.controls)}, got {name!r}")
            turn(self.controls[name], value)
        if self.error is not None:
            raise self.error

    def use(self, preset: Preset) -> None:
        """Make a preset's settings, say what there is to see, and play from the start."""
        self.pause()
        words = {name: value for name, value in self.settings().items() if name in self.definition.words}
        self._arrange(self.definition.defaults | words | preset.values)
        self.sentence.value = inline(preset.text)
        if self.definition.trains:
            self._restart()
            self.play(self.definition.steps)

    def act(self, query: str) -> None:
        """Do what a sentence asks for: see :mod:`rlhf_helpers.live.acts`.

        Args:
            query: such as ``"kl_coeff=0.5&moves=100:kl_coeff:2"``.
        """
        asked = act_of(query)
        self.pause()
        self._arrange(self.definition.defaults | asked.values)
        settings = [self._in_words(*setting) for setting in asked.values.items()]
        moves = [(*self._in_words(name, value), step) for step, name, value in asked.moves]
        back = f'<button type="button" class="baby-back">{BACK}</button>'
        self.sentence.value = f"{inline(write_act(settings, asked.seed, moves))} {back}"
        if self.definition.trains:
            self.reset(asked.seed)
            self.session.plan(asked.moves)
            self.play(self.definition.steps if asked.step is None else asked.step)

    def play(self, end: float = math.inf) -> None:
        """Run by itself until it is paused, or to an update.

        Without an event loop it makes as many updates as the default run has, at once.

        Args:
            end: the update.

        Raises:
            TypeError: end is not a number.
            ValueError: end is negative, or the figure does not train.
        """
        self._must_train()
        check_knob(0.0, math.inf, inclusive=True, end=end)
        if self.playing:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.step(self.definition.steps if end == math.inf else max(0, math.ceil(end) - self.session.step))
            return
        self._task = loop.create_task(self._play(end))
        self._refresh()

    def pause(self) -> None:
        """Stop playing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._guard(self._settle)

    # Comparing

    def pin(self, name: str) -> None:
        """Keep the run as it is, as a thin line with a name; of more than four, the oldest goes.

        Args:
            name: such as ``"kl_coeff 0.1"``; a pinned run of this name is replaced.
        """
        self._must_train()
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"name must be a text, got {name!r}")
        self.session.pin(name.strip())
        self._refresh()

    def unpin(self, name: str) -> None:
        """Let go of a pinned run."""
        names = [pin["name"] for pin in self.session.pins]
        if name not in names:
            raise ValueError(f"name must be that of a pinned run, {names}, got {name!r}")
        del self.session.pins[names.index(name)]
        self._refresh()

    def all_seeds(self) -> None:
        """Draw this run with every seed as thin lines; if they are there, let go of them.

        With an event loop they come one after the other, and the figure stays quick meanwhile.
        """
        self._must_train()
        if self._seeding is not None or self.session.seeds:
            self._forget_seeds()
            return
        try:
            self._seeding = asyncio.get_running_loop().create_task(self._make_seeds())
        except RuntimeError:
            for seed in range(self.definition.seeds):
                for _ in self.session.other_seed(seed):
                    pass
        self._refresh()

    def _forget_seeds(self) -> None:
        task, self._seeding = self._seeding, None
        if task is not None:
            task.cancel()
        self.session.seeds, self.session.progress = [], ""
        self._refresh()

    async def _make_seeds(self) -> None:
        task = self._seeding
        begun = told = time.perf_counter()
        for seed in range(self.definition.seeds):
            for step in self.session.other_seed(seed):
                now = time.perf_counter()
                if now - begun < BUSY:
                    continue
                if now - told > FRAME * 4:
                    told = now
                    self.session.progress = f"seed {seed} of {self.definition.seeds}: update {step}"
                    self._refresh()
                await asyncio.sleep(0.005)
                if self._seeding is not task:
                    return
                begun = time.perf_counter()
        self._seeding, self.session.progress = None, ""
        self._refresh()

    # How it does it

    def _controls_box(self) -> ipywidgets.VBox:
        """All that a reader can touch, each with what it does."""
        rows = []
        if self.definition.trains:
            self.buttons, self.speed, self.seeds, bar = run_bar(self.definition.seeds)
            self.buttons["play"].on_click(lambda _: self._guard(self.pause if self.playing else self.play))
            self.buttons["step"].on_click(lambda _: self._guard(self.step))
            self.buttons["reset"].on_click(lambda _: self._guard(self._restart))
            self.seeds.observe(lambda change: self._guard(self._restart), names="value")
            rows.append(bar)
        for name, control in self.controls.items():
            control.description = control.description or name.replace("_", " ")
            control.observe(lambda change, name=name: self._moved(name), names="value")
            if not isinstance(control, Word) and name not in self.definition.alone:
                rows.append(control)
        buttons, self.sentence, bar = preset_bar(self.definition.presets)
        if self.definition.presets or self.definition.name:
            for button, preset in zip(buttons, self.definition.presets, strict=True):
                button.on_click(lambda _, preset=preset: self._guard(lambda: self.use(preset)))
            rows.append(bar)
        for control in self.controls.values():
            if isinstance(control, Word):  # what asks about a run is not among what trains it
                rows += [control, control.message]
        return box("baby-controls", rows)

    def _must_train(self) -> None:
        if not self.definition.trains:
            raise RuntimeError("this figure only computes: it has no start to step from")

    def _guard(self, action: Callable) -> None:
        """Do what a reader asked for; the function's error is in the session, and so in the status line."""
        try:
            action()
        except Exception as error:  # a click has nobody to raise to
            self.session.error = error
        self._refresh()

    def _asked(self, asked: Mapping) -> None:
        """What a reader did: ``{"set": [control, value]}``, ``{"seek": step}``, ``{"act": query}`` or a wish."""
        if "rows" in asked:
            self.session.told = 0
        elif "seek" in asked:
            self.seek(asked["seek"])
        elif "act" in asked:
            self.act(asked["act"])
        elif "pin" in asked:
            self.pin(asked["pin"])
        elif "unpin" in asked:
            self.unpin(asked["unpin"])
        elif "seeds" in asked:
            self.all_seeds()
        else:
            name, value = asked["set"]
            self.set(**{name: value})

    def _in_words(self, name: str, value: float | str) -> tuple[str, str]:
        """A control and a value of it in words; of a label that ends in the control's name just that."""
        control = self.controls[name]
        words = name if control.description.endswith(name) else control.description
        if isinstance(control, ipywidgets.Checkbox):
            return words, "on" if value else "off"
        if isinstance(control, ipywidgets.Dropdown):
            return words, control._options_labels[control._options_values.index(value)]
        return words, (value or "empty") if isinstance(control, Word) else write_number(value, ".3g")

    def _arrange(self, settings: Mapping[str, float | str]) -> None:
        """Put all controls where a run is to begin; a figure that only computes does so at once."""
        self._show(settings)
        if not self.definition.trains:
            self.session.move(settings, plays=False)
            self._refresh()

    def _restart(self) -> None:
        self.pause()
        try:
            self.session.restart(self.seeds.value, self.settings())
        finally:
            self._refresh()

    def _moved(self, name: str) -> None:
        if self._showing:
            return
        self._waiting[name] = setting(self.controls[name])
        self._guard(lambda: None if self.playing else self._settle())

    def _settle(self) -> None:
        """What was moved counts at the update that is shown."""
        if self._waiting:
            self.session.move(self._moves(), plays=False)

    def _moves(self) -> dict[str, float | str]:
        moves, self._waiting = self._waiting, {}
        return moves

    async def _play(self, end: float) -> None:
        task = self._task
        session = self.session
        try:
            while self._task is task and session.step < end:
                begun = time.perf_counter()
                stride, wait = pace(self.speed.value, self.definition.steps)
                session.move(self._moves(), plays=True)
                for _ in range(min(stride, int(min(end, 1e9)) - session.step)):
                    session.advance()
                    if time.perf_counter() - begun > BUSY:
                        break
                self._refresh()
                await asyncio.sleep(max(0.005, wait - (time.perf_counter() - begun)))
        except Exception as error:  # nobody awaits this task: the status line tells
            session.error = error
        finally:
            if self._task is task:
                self._task = None
                self._guard(self._settle)

    def _refresh(self) -> None:
        if self.definition.trains:
            play = self.buttons["play"]
            play.description, play.icon = ("Pause", "pause") if self.playing else ("Play", "play")
        self._show(self.session.settings | self._waiting)
        self._mark_changed()
        self.canvas.previous = self.session.previous
        self.canvas.pins, self.canvas.seeds = list(self.session.pins), list(self.session.seeds)
        self.canvas.frame = self._frame()

    def _show(self, settings: Mapping[str, float | str]) -> None:
        """Put controls where settings are, which nobody moves by that."""
        self._showing = True
        try:
            for name, value in settings.items():
                if setting(self.controls[name]) != value:
                    turn(self.controls[name], value)
        finally:
            self._showing = False

    def _mark_changed(self) -> None:
        """A control that is not where it was at first has a mark, and says where it was."""
        for name, control in self.controls.items():
            if isinstance(control, Word):
                continue
            at_first = f"{self._in_words(name, self.definition.defaults[name])[1]} at first"
            if changed := setting(control) != self.definition.defaults[name]:
                control.add_class("baby-changed")
            elif "baby-changed" in control._dom_classes:
                control.remove_class("baby-changed")
            control.tooltip = at_first if changed else None

    def _frame(self) -> dict:
        """The present frame, with the rows that the drawing has not been told yet, and a number to miss none."""
        frame = self.session.frame(self.playing, self.session.told)
        frame |= {"number": self._frames, "settings": frame["settings"] | self._waiting}
        self.session.told = self.session.reached + 1
        self._frames += 1
        return frame

    def __repr__(self) -> str:
        return f"Live figure: {self.definition.caption}"

    def _repr_mimebundle_(self, **kwargs):
        data = dict(super()._repr_mimebundle_(**kwargs) or {}) | {"text/plain": repr(self)}
        if publishing():  # a kernel shows the widget, and nobody would see the picture
            picture = self.picture()
            data |= kept(export.published(picture.html, self), picture.image)
        else:
            data["text/plain"] += " Run this cell: it needs a kernel to be seen."
        # Colab draws the canvas, which is no widget of its own, only where the output names anywidget's manager
        return data, (self.canvas._repr_mimebundle_(**kwargs) or (data, {}))[1]
