"""What a reader moves or draws in a figure: what is wrong with it is said when the figure is made; a kernel does it."""

import pytest
import torch
from ipywidgets import Dropdown, FloatSlider

from rlhf_helpers.live import Bars, Curves, Guess, Plot, Strip, live


def step(state, noise, *, a, b):
    pair = torch.stack([a, b])
    return {"t": state["t"] + 1}, {"gain": state["t"] * a, "pair": pair, "a": a, "b": b, "probs": pair.softmax(0)}


def figure(*panels, name="two", **controls):
    controls = {name: FloatSlider(value=0.5, min=0, max=1) for name in "ab"} | controls
    start = {"t": torch.zeros(())}
    return live(step, start=lambda seed: start, steps=4, panels=panels, caption="c", name=name, **controls)


@pytest.mark.parametrize(
    ("message", "make"),
    [
        ("y_range must be given where bars are dragged, got None", lambda: Bars("pair", drag=("a", "b"))),
        ("points must be given where one is dragged, got none with drag='a'", lambda: Plot("pair", ["pair"], drag="a")),
        (
            "guess must be about a series of the panel, ['gain'], got 'loss'",
            lambda: Curves("gain", guess=Guess("loss", "?", (0, 1))),
        ),
        (
            "log must be False where there is a guess",
            lambda: Curves("gain", log=True, guess=Guess("gain", "?", (0, 1))),
        ),
        (
            "drag must name a FloatSlider or an IntSlider, ['a', 'b'], got 'c' in Strip",
            lambda: figure(Strip("probs", drag=("c",))),
        ),
        (
            "drag must name a FloatSlider or an IntSlider, ['a'], got 'b' in Strip",
            lambda: figure(Strip("probs", drag=("a", "b")), b=Dropdown(options=[0, 1])),
        ),
        (
            "presets must set controls, ['a', 'b'], got 'c'",
            lambda: figure(Curves("gain", guess=Guess("gain", "?", (0, 1), {"c": 1.0}))),
        ),
        (
            "name must be given where there is a guess",
            lambda: figure(Curves("gain", guess=Guess("gain", "?", (0, 1))), name=""),
        ),
    ],
)
def test_what_is_wrong_is_said(message, make):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)


def test_controls_of_several_bars_have_no_sliders_and_are_controls_as_all_others():
    fig = figure(Bars("pair", y_range=(0, 1), drag=("a", "b")))
    assert fig.canvas.spec["alone"] == ["a", "b"]
    box = fig.children[0].children[1]
    assert not set(box.children) & set(fig.controls.values())
    fig._asked({"set": ["b", 0.75]})  # as the drawing sends it
    assert fig.settings() == {"a": 0.5, "b": 0.75}
    assert fig.now["pair"].tolist() == [0.5, 0.75]


def test_the_only_one_that_is_dragged_keeps_its_slider():
    fig = figure(Plot("pair", ["pair"], points=[("a", "b")], drag="a"))
    assert "alone" not in fig.canvas.spec
    assert set(fig.children[0].children[1].children) >= set(fig.controls.values())


def test_a_guess_knows_the_settings_of_its_run():
    fig = figure(Curves("gain", guess=Guess("gain", "?", (0, 4), {"a": 1.0})))
    assert fig.canvas.spec["panels"][0]["guess"]["settings"] == {"a": 1.0, "b": 0.5}
    fig._asked({"act": "a=1"})
    assert fig.history["gain"].tolist() == [0, 1, 2, 3, 4]
