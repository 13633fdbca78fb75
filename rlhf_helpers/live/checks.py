"""What is wrong with a live figure is said when it is made, with the argument's name."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Real

import numpy as np
from ipywidgets import FloatSlider, IntSlider, ValueWidget

from rlhf_helpers._checks import check_count, is_whole
from rlhf_helpers.live.base import Panel
from rlhf_helpers.live.controls import setting, turn
from rlhf_helpers.live.guidance import Preset, Say, Term
from rlhf_helpers.live.inside import Inside
from rlhf_helpers.live.lines import name_of
from rlhf_helpers.live.panels import Diff
from rlhf_helpers.live.rules import FIELD, FORMAT
from rlhf_helpers.live.word import Word

ADDRESS = ("figure", "seed", "step", "until", "moves", "pin", "name")
"""What the address of a state says besides the controls."""


def check_controls(function: Callable, controls: Mapping, training: bool) -> None:
    """Raise TypeError unless the controls are widgets with numbers, and the function's keywords."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        raise TypeError(f"function must be a Python function, got {type(function).__name__}") from None
    parameters = list(signature.parameters.values())
    kinds = inspect.Parameter
    if training:
        positional = [p for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
        if len(positional) < 2:
            raise TypeError(f"function must take (state, noise, *, <controls>) where start is given, got {signature}")
        parameters = [p for p in parameters if p not in positional[:2]]
    keywords = {p.name: p for p in parameters if p.kind in (kinds.KEYWORD_ONLY, kinds.POSITIONAL_OR_KEYWORD)}
    open_ended = any(p.kind is kinds.VAR_KEYWORD for p in parameters)
    if taken := [name for name in controls if name in ADDRESS]:
        raise TypeError(f"controls must not be called {', '.join(ADDRESS)}, which an address needs, got {taken[0]!r}")
    for name, control in controls.items():
        if name not in keywords and not open_ended:
            raise TypeError(f"controls must be keywords of {name_of(function)}, {sorted(keywords)}, got {name!r}")
        number = isinstance(control, ValueWidget) and isinstance(control.value, Real)
        if not number and not isinstance(control, Word):
            raise TypeError(
                f"{name} must be an ipywidgets control with a number (FloatSlider, FloatLogSlider, IntSlider, "
                f"Checkbox, Dropdown) or a Word, got {control!r}"
            )
    missing = [n for n, p in keywords.items() if p.default is kinds.empty and n not in controls]
    if missing:
        raise TypeError(f"controls must be given for {missing} of {name_of(function)}, got {sorted(controls)}")


def check_presets(presets: Sequence[Preset], controls: Mapping) -> None:
    """Raise unless presets set controls that are there, to values that they can take."""
    for preset in presets:
        if not isinstance(preset, Preset):
            raise TypeError(f"presets must be Preset(name, text, values), got {type(preset).__name__}")
        for name, value in preset.values.items():
            if name not in controls:
                raise ValueError(f"presets must set controls, {sorted(controls)}, got {name!r} in {preset.name!r}")
            control, kept = controls[name], controls[name].value
            refused = f"presets must set values that controls can take, got {name}={value} in {preset.name!r}"
            try:
                turn(control, value)
                taken = setting(control)
            except Exception as error:
                raise ValueError(f"{refused}: {error}") from None
            finally:
                control.value = kept
            if taken != value and abs(taken - value) > 1e-9 * max(1.0, abs(value)):
                raise ValueError(f"{refused}, which becomes {taken}")


def check_formula(formula: Sequence[Term | str], panels: Sequence[Panel], controls: Mapping) -> None:
    """Raise unless the terms of a formula name series that are drawn and controls that are there."""
    drawn = sorted({name for panel in panels for name in (*panel.tracks(), *panel.needs())})
    for piece in formula:
        if not isinstance(piece, Term | str):
            raise TypeError(f"formula must be Term(text, ...) and texts between them, got {type(piece).__name__}")
        if isinstance(piece, str):
            continue
        if strange := [name for name in piece.series if name not in drawn]:
            raise ValueError(f"formula must name series of panels, {drawn}, got {strange[0]!r} in {piece.text!r}")
        if strange := [name for name in piece.controls if name not in controls]:
            raise ValueError(f"formula must name controls, {sorted(controls)}, got {strange[0]!r} in {piece.text!r}")


def check_guesses(panels: Sequence[Panel], controls: Mapping, name: str) -> None:
    """Raise unless guesses are about runs that the controls can make, of a figure that can be asked for them."""
    guesses = [guess for panel in panels if (guess := getattr(panel, "guess", None))]
    check_presets([Preset(guess.question, guess.question, guess.values) for guess in guesses], controls)
    if guesses and not name:
        raise ValueError(f"name must be given where there is a guess, got {name!r}")


def check_drags(panels: Sequence[Panel], controls: Mapping) -> None:
    """Raise unless what is dragged are linear sliders."""
    sliders = [name for name, control in controls.items() if isinstance(control, FloatSlider | IntSlider)]
    for panel in panels:
        for name in panel.drags():
            if name not in sliders:
                kind = type(panel).__name__
                raise ValueError(f"drag must name a FloatSlider or an IntSlider, {sliders}, got {name!r} in {kind}")


def check_words(panels: Sequence[Panel], controls: Mapping) -> None:
    """Raise ValueError unless panels that show what is written name a control that holds a word."""
    words = [name for name, control in controls.items() if isinstance(control, Word)]
    for panel in panels:
        if hasattr(panel, "word") and panel.word not in words:
            raise ValueError(f"word must name a control that is a Word, {words}, got {panel.word!r}")


def check_diffs(panels: Sequence[Panel], controls: Mapping) -> None:
    """Raise ValueError unless a control chooses among the texts of a panel, and has no other values."""
    for panel in panels:
        if not isinstance(panel, Diff):
            continue
        values = getattr(controls.get(panel.control), "_options_values", ())
        if sorted(values) != list(range(len(panel.texts))):
            texts = f"a Dropdown with the values 0 to {len(panel.texts) - 1}, one for each text"
            raise ValueError(f"control must name {texts}, got {panel.control!r}")


def check_arguments(start, noise, steps, panels, caption, seeds, name) -> None:
    """Raise on what is wrong with the arguments that do not depend on what the function returns."""
    if not isinstance(caption, str) or not caption.strip():
        raise ValueError(f"caption must be a text, got {caption!r}")
    if not isinstance(name, str) or (name and not name.isidentifier()):
        raise ValueError(f'name must be an identifier such as "ppo", got {name!r}')
    if start is not None and not callable(start):
        raise TypeError(f"start must be a function seed -> state, got {type(start).__name__}")
    if noise is not None:
        if start is None:
            raise ValueError(f"noise must be None where there is no start, got {noise!r}")
        is_shape = isinstance(noise, Collection) and not isinstance(noise, str | bytes)
        if not is_shape or not all(is_whole(n) and n > 0 for n in noise):
            raise ValueError(f"noise must be a shape such as (32, 8), got {noise!r}")
    check_count(steps=steps, seeds=seeds)
    if not panels:
        raise ValueError("panels must be at least one, got none")
    for panel in panels:
        if not isinstance(panel, Panel):
            raise TypeError(f"panels must be Curves, Bars or another Panel, got {panel!r}")
        if panel.tracks() and start is None:
            raise ValueError(f"panels must show no history where there is no start, got {type(panel).__name__}")


def check_series(series: Mapping[str, np.ndarray], panels: Sequence[Panel], says: Sequence[Say]) -> None:
    """Raise unless the function returns what the panels and the rules ask for."""
    for panel in panels:
        kind = type(panel).__name__
        wanted = dict.fromkeys(panel.tracks(), (0,)) | panel.needs()
        for name, dimensions in wanted.items():
            if name not in series:
                raise ValueError(f"panels must name series of the function, {sorted(series)}, got {name!r} in {kind}")
            if series[name].ndim not in dimensions:
                allowed = " or ".join(map(str, dimensions))
                shape = series[name].shape
                raise ValueError(f"{kind} must show series with {allowed} dimension(s), got {name!r} of shape {shape}")
    for say in says:
        if not isinstance(say, Say):
            raise TypeError(f"says must be Say(...), got {say!r}")
        if say.series not in series or series[say.series].ndim:
            raise ValueError(f"says must name series of one number, {numbers(series)}, got {say.series!r}")


def check_inside(series: Mapping[str, np.ndarray], panels: Sequence[Panel], controls: Sequence[str]) -> None:
    """Raise unless what panels say of a token names controls, and series with a number for each token."""
    for panel in panels:
        inside = panel.inside
        if inside is None:
            continue
        if not isinstance(inside, Inside):
            raise TypeError(f"inside must be Inside(...), got {inside!r}")
        whole = series[panel.asked()].shape
        shapes = {
            whole,
            (min(whole[0], getattr(panel, "rows", whole[0])), *whole[1:]),
        }  # all rows, those that are shown
        known = [name for name, x in series.items() if x.shape in {shape[: x.ndim] for shape in shapes}]
        kind = f"controls, or series with a number for each entry or row of {panel.asked()!r}, {whole}"
        for argument, text in inside.texts():
            check_format(argument, text, [*known, *controls, "step"], kind)
        for say in inside.says:
            if say.series not in known:
                raise ValueError(f"says must name {kind}, {sorted(known)}, got {say.series!r}")
        push = inside.push
        if push and (push not in series or series[push].shape[:-1] not in shapes):
            got = f"{push!r} of shape {series[push].shape}" if push in series else repr(push)
            raise ValueError(
                f"push must name a series with a row for each entry of {panel.asked()!r}, {whole}, got {got}"
            )


def check_format(argument: str, text: str, known: Sequence[str], kind: str) -> None:
    """Raise ValueError unless a format string names what is known, in formats that a page can write too."""
    for field in FIELD.finditer(text):
        if field[1] not in known:
            raise ValueError(f"{argument} must name {kind}, {sorted(known)}, got {field[0]}")
        if not FORMAT.fullmatch(field[2] or ""):
            raise ValueError(f"{argument} must use formats such as .2f, .3g, .1e, .0% or +.2f, got {field[0]}")
    if stray := [part for part in FIELD.split(text)[::3] if set(part) & set("{}")]:
        raise ValueError(f"{argument} must use braces for names and formats alone, got {stray[0]!r}")


def numbers(series: Mapping[str, np.ndarray]) -> list[str]:
    """Return the names of the series of one number."""
    return sorted(name for name, value in series.items() if value.ndim == 0)
