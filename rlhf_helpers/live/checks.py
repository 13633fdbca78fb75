"""What is wrong with a live figure is said when it is made, with the argument's name."""

from __future__ import annotations

import inspect
import re
import string
from collections.abc import Callable, Mapping, Sequence
from numbers import Real

import numpy as np
from ipywidgets import ValueWidget

from .base import Panel, Preset, Say
from .controls import turn

_FORMAT = re.compile(r"[+]?(\.\d+)?[feg%d]?")


def check_controls(function: Callable, controls: Mapping, training: bool) -> None:
    """The controls are widgets with numbers, and they are the function's keywords."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise TypeError(f"function: expected a Python function, got {type(function).__name__}") from None
    kinds = inspect.Parameter
    if training:
        positional = [p for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
        if len(positional) < 2:
            raise TypeError("function: with `start` it must take (state, noise, *, <controls>)")
        parameters = [p for p in parameters if p not in positional[:2]]
    keywords = {p.name: p for p in parameters if p.kind in (kinds.KEYWORD_ONLY, kinds.POSITIONAL_OR_KEYWORD)}
    open_ended = any(p.kind is kinds.VAR_KEYWORD for p in parameters)
    for name, control in controls.items():
        if name not in keywords and not open_ended:
            raise TypeError(f"{name}: no such keyword in {_name(function)}, which takes {sorted(keywords)}")
        if not isinstance(control, ValueWidget) or not isinstance(control.value, Real):
            raise TypeError(
                f"{name}: expected an ipywidgets control with a number (FloatSlider, FloatLogSlider, IntSlider, "
                f"Checkbox, Dropdown), got {control!r}"
            )
    missing = [n for n, p in keywords.items() if p.default is kinds.empty and n not in controls]
    if missing:
        raise TypeError(f"{_name(function)} needs a control for {missing}; got {sorted(controls)}")


def check_presets(presets: Sequence[Preset], controls: Mapping) -> None:
    """A preset sets controls that are there, to values that they can take."""
    for preset in presets:
        if not isinstance(preset, Preset):
            raise TypeError(f"presets: expected Preset(name, text, values), got {type(preset).__name__}")
        for name, value in preset.values.items():
            if name not in controls:
                raise ValueError(f"presets: {preset.name!r} sets {name}, but there are only {sorted(controls)}")
            control, kept = controls[name], controls[name].value
            try:
                turn(control, value)
                taken = float(control.value)
            except Exception as error:
                raise ValueError(f"presets: {preset.name!r} cannot set {name} to {value}: {error}") from None
            finally:
                control.value = kept
            if abs(taken - value) > 1e-9 * max(1.0, abs(value)):
                raise ValueError(f"presets: {preset.name!r} sets {name} to {value}, the control takes {taken} instead")


def check_arguments(start, noise, steps, panels, caption, seeds) -> None:
    """The arguments that do not depend on what the function returns."""
    if not isinstance(caption, str) or not caption.strip():
        raise ValueError(f"caption: expected a text, got {caption!r}")
    if start is not None and not callable(start):
        raise TypeError(f"start: expected a function seed -> state, got {type(start).__name__}")
    if noise is not None:
        if start is None:
            raise ValueError("noise: only a figure with `start` has random numbers")
        if not all(isinstance(n, int) and n > 0 for n in noise):
            raise ValueError(f"noise: expected a shape such as (32, 8), got {noise!r}")
    for name, value in (("steps", steps), ("seeds", seeds)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}: expected a whole number of at least 1, got {value!r}")
    if not panels:
        raise ValueError("panels: expected at least one")
    for panel in panels:
        if not isinstance(panel, Panel):
            raise TypeError(f"panels: expected Curves, Bars, Strip, Table, Chips or Plot, got {panel!r}")
        if panel.tracks() and start is None:
            raise ValueError(f"panels: {type(panel).__name__} shows a history, which a figure without `start` has not")


def check_series(series: Mapping[str, np.ndarray], panels: Sequence[Panel], says: Sequence[Say]) -> None:
    """The function returns what the panels and the rules ask for."""
    for panel in panels:
        kind = type(panel).__name__
        wanted = dict.fromkeys(panel.tracks(), (0,)) | panel.needs()
        for name, dimensions in wanted.items():
            if name not in series:
                raise ValueError(f"panels: {kind} names {name!r}, but the function returns {sorted(series)}")
            if series[name].ndim not in dimensions:
                raise ValueError(
                    f"panels: {kind} needs {name!r} with {' or '.join(map(str, dimensions))} dimension(s), "
                    f"got shape {series[name].shape}"
                )
    for say in says:
        if not isinstance(say, Say):
            raise TypeError(f"says: expected Say(...), got {say!r}")
        if say.series not in series or series[say.series].ndim:
            raise ValueError(f"says: {say.series!r} is no series of one number; there are {numbers(series)}")


def check_status(status: str, known: Sequence[str]) -> None:
    """The status line names what exists, in formats that a page can write too."""
    for _, name, form, conversion in string.Formatter().parse(status):
        if name is None:
            continue
        if name not in known:
            raise ValueError(f"status: {{{name}}} is neither a control nor a series of one number: {sorted(known)}")
        if conversion or not _FORMAT.fullmatch(form or ""):
            raise ValueError(f"status: {{{name}:{form}}} is not understood; use .2f, .3g, .1e, .0% or +.2f")


def numbers(series: Mapping[str, np.ndarray]) -> list[str]:
    """The series of one number."""
    return sorted(name for name, value in series.items() if value.ndim == 0)


def _name(function: Callable) -> str:
    return getattr(function, "__name__", "the function")
