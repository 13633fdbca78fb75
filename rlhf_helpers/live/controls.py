"""The widgets of a live figure: its drawing, the bar that plays it, the bar of presets."""

from collections.abc import Sequence
from pathlib import Path

import anywidget
import ipywidgets
import traitlets

from rlhf_helpers._html import PALETTE
from rlhf_helpers.live.guidance import Preset
from rlhf_helpers.live.rules import PACES
from rlhf_helpers.live.scripts import DRAWING, widget
from rlhf_helpers.live.word import Word

HERE = Path(__file__).parent


class Canvas(anywidget.AnyWidget):
    """The drawing: ``live.js`` turns the specification and the present frame into SVG."""

    _esm = widget(*DRAWING)
    _css = PALETTE + (HERE / "live.css").read_text("utf-8")
    spec = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    previous = traitlets.Dict().tag(sync=True)
    pins = traitlets.List().tag(sync=True)
    seeds = traitlets.List().tag(sync=True)


def turn(control: ipywidgets.ValueWidget, value: float | str) -> None:
    """Set a control to a number, or to a word; a checkbox is off at 0."""
    if isinstance(control, Word):
        control.spelling.check(value)
    control.value = bool(value) if isinstance(control, ipywidgets.Checkbox) else value


def setting(control: ipywidgets.ValueWidget) -> float | str:
    """Return what a control is set to: a number, or a word."""
    return control.written if isinstance(control, Word) else float(control.value)


def box(kind: str, children: Sequence[ipywidgets.Widget], cls: type = ipywidgets.VBox) -> ipywidgets.Box:
    """Return a box that the styles know by name."""
    result = cls(children)
    result.add_class(kind)
    return result


def run_bar(
    seeds: int,
) -> tuple[dict[str, ipywidgets.Button], ipywidgets.Dropdown, ipywidgets.Dropdown, ipywidgets.Box]:
    """Return the buttons play, step and reset by name, the choices of speed and seed, and the bar with all of them.

    One seed alone is no choice, and not in the bar.
    """
    buttons = {
        "play": ipywidgets.Button(description="Play", icon="play", button_style="primary"),
        "step": ipywidgets.Button(description="Step", icon="step-forward", tooltip="One update"),
        "reset": ipywidgets.Button(description="Reset", icon="undo", tooltip="Back to the start"),
    }
    speed = ipywidgets.Dropdown(options=[*PACES, "one by one"], value="normal", description="speed")
    seed = ipywidgets.Dropdown(options=range(seeds), value=0, description="seed")
    choices = [speed, seed] if seeds > 1 else [speed]
    return buttons, speed, seed, box("baby-buttons", [*buttons.values(), *choices], ipywidgets.HBox)


def preset_bar(presets: Sequence[Preset]) -> tuple[list[ipywidgets.Button], ipywidgets.HTML, ipywidgets.Box]:
    """Return a button for each preset, the place for their sentences, and the box with all of it."""
    buttons = [ipywidgets.Button(description=preset.name, layout={"width": "auto"}) for preset in presets]
    sentence = ipywidgets.HTML()
    row = box("baby-presets", buttons, ipywidgets.HBox)
    return buttons, sentence, ipywidgets.VBox([row, sentence])
