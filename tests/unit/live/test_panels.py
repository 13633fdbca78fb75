"""What a panel, a sentence or a guess cannot be is said when it is made."""

import math

import numpy as np
import pytest
import torch
from ipywidgets import FloatSlider

from rlhf_helpers.live import Bars, Chips, Curves, Guess, Heads, Loop, Plot, Say, live
from rlhf_helpers.live.controls import run_bar


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Chips("ids", rows=0), ValueError, "rows must be at least 1, got 0"),
        (lambda: Loop("a", "b", "c", rows=1.5), TypeError, "rows must be a whole number, got float"),
        (lambda: Heads("a", "b", "c", rows="4"), TypeError, "rows must be a whole number, got str"),
        (lambda: Curves("a", y_range=(1, 0)), ValueError, r"y_range must be \(low, high\), got \(1, 0\)"),
        (lambda: Bars("a", y_range=3), ValueError, r"y_range must be \(low, high\), got 3"),
        (lambda: Plot("x", "y", x_range=(0, math.nan)), ValueError, r"x_range must be \(low, high\)"),
        (lambda: Plot("x", "y", y_range=(1, 1)), ValueError, r"y_range must be \(low, high\), got \(1, 1\)"),
        (lambda: Curves("a", y_range=(0, 1, 2)), ValueError, r"y_range must be \(low, high\), got \(0, 1, 2\)"),
        (lambda: Curves("a", y_range={"a": 0, "b": 1}), ValueError, r"y_range must be \(low, high\), got {'a': 0"),
        (lambda: Curves("a", y_range=np.eye(2)), ValueError, r"y_range must be \(low, high\)"),
        (lambda: Curves("a", y_range=(0, 10**400)), ValueError, r"y_range must be \(low, high\)"),
        (lambda: figure(noise=b"ab"), ValueError, r"noise must be a shape such as \(32, 8\), got b'ab'"),
        (lambda: Guess("a", "b", "ab"), ValueError, r"y_range must be \(low, high\), got 'ab'"),
        (lambda: Say("a", "b", above="1"), TypeError, "above must be a number, got str"),
        (lambda: Say("a", "b", below=math.nan), ValueError, "below must be in"),
        (lambda: Say("a", "b", above=1, after=0.5), TypeError, "after must be a whole number, got float"),
        (lambda: Say("a", "b", above=1, after=-1), ValueError, "after must be in .* got -1"),
        (lambda: figure(noise=3), ValueError, r"noise must be a shape such as \(32, 8\), got 3"),
        (lambda: figure().step(1.5), TypeError, "count must be a whole number, got float"),
        (lambda: figure().step(-1), ValueError, "count must be in .* got -1"),
        (lambda: figure().play("end"), TypeError, "end must be a number, got str"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_what_ends_nowhere_is_allowed():
    assert Curves("a", y_range=(-1e308, 1e308)).y_range == (-1e308, 1e308)
    assert Say("a", "b", below=math.inf).applies(0.0, 0)
    assert Say("a", "b", above=-math.inf).applies(0.0, 0)


def test_a_shape_may_be_an_array_and_an_end_a_float():
    made = figure(noise=np.array([2, 3]))
    made.play(2.5)
    assert made.session.step == 3


@pytest.mark.parametrize(("seeds", "choices"), [(1, ["speed"]), (2, ["speed", "seed"])])
def test_one_seed_alone_is_no_choice(seeds, choices):
    *_, bar = run_bar(seeds)
    assert [part.description for part in bar.children[3:]] == choices


def test_counts_may_be_numpys():
    assert Chips("ids", rows=np.int64(3)).rows == 3
    made = figure()
    made.step(np.int64(2))
    assert len(made.history["sum"]) == 3


def figure(noise=(2, 3)):
    def step(state, uniforms, *, rate):
        return {"x": state["x"] + rate}, {"sum": state["x"].sum()}

    def start(seed):
        return {"x": torch.zeros(2)}

    return live(
        step, start=start, noise=noise, steps=5, panels=[Curves("sum")], caption="A sum.", rate=FloatSlider(1.0)
    )
