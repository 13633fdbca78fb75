"""What a panel says of one of its tokens: what an author can get wrong, and what reaches the drawing."""

import re

import numpy as np
import pytest
import torch
from ipywidgets import FloatSlider

from rlhf_helpers.live import Bars, Chips, Curves, Inside, Say, Strip, Table, live


def step(state, noise, *, pull):
    ids = noise.mul(10).long()
    series = {
        "kl": pull * state["t"],
        "ids": ids,
        "prob": (noise[:2] + 1) / 3,
        "paid": noise.sum(1),
        "table": torch.eye(10) / 3,
        "push": torch.arange(60.0).view(2, 3, 10) / 7,
        "wide": torch.zeros(5, 3),
    }
    return {"t": state["t"] + 1}, series


def figure(inside, panel=Chips, name="ids", **more):
    return live(
        step,
        start=lambda seed: {"t": torch.zeros(())},
        noise=(4, 3),
        steps=5,
        caption="c",
        panels=[Curves("kl"), panel(name, inside=inside, **more)],
        pull=FloatSlider(value=0.5, min=0, max=1),
    )


def test_the_drawing_gets_formats_colors_and_numbers_to_the_last_digit():
    says = [Say("prob", "{prob:.1f} is high.", above=0.5)]
    inside = Inside({"ratio": "{prob:.3f} of {paid:.2f}, {pull:.1f}, {step}"}, says, push="push")
    made = figure(inside, rows=2)
    made.step()
    spec, frame = made.canvas.spec["panels"], made.canvas.frame
    assert "inside" not in spec[0]
    assert spec[1]["inside"] == {
        "lines": [("ratio", "{prob:.3f} of {paid:.2f}, {pull:.1f}, {step}")],
        "says": [{"series": "prob", "text": "{prob:.1f} is high.", "above": 0.5, "below": None}],
        "push": "push",
        "quantities": {"prob": "policy", "paid": None, "pull": None, "step": None},
    }
    for name in ("prob", "paid", "push"):  # whole, and exact: a page has the same numbers, and writes them alike
        np.testing.assert_array_equal(np.float32(frame["now"][name]), made.now[name])
    assert np.shape(frame["now"]["ids"]) == (2, 3)


def test_bars_beside_rows_reach_the_drawing_as_one_number_for_each_row():
    made = figure(Inside({}), rows=2, beside="paid")
    assert made.canvas.frame["now"]["paid"] == pytest.approx(made.now["paid"][:2], rel=1e-4)


@pytest.mark.parametrize(("panel", "name"), [(Table, "table"), (Strip, "paid"), (Bars, "paid")])
def test_other_panels_are_asked_about_their_entries(panel, name):
    made = figure(Inside({"here": f"{{{name}:.2f}}"}), panel, name)
    assert made.canvas.spec["panels"][1]["inside"]["lines"] == [("here", f"{{{name}:.2f}}")]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Inside("{prob}"), TypeError, "lines must be name -> format string, got '{prob}'"),
        (lambda: Inside({"a": 1}), TypeError, "lines must be name -> format string, got {'a': 1}"),
        (lambda: Inside({}, says=["now"]), TypeError, "says must be Say(...), got ['now']"),
        (lambda: Inside({}, push=["push"]), TypeError, "push must be the name of a series, got ['push']"),
        (lambda: figure("prob"), TypeError, "inside must be Inside(...), got 'prob'"),
        (
            lambda: figure(Inside({"a": "{missing}"})),
            ValueError,
            "lines must name controls, or series with a number for each entry or row of 'ids', (4, 3), ",
        ),
        (lambda: figure(Inside({"a": "{wide:.2f}"})), ValueError, "got {wide:.2f}"),
        (lambda: figure(Inside({"a": "{prob:.2f}"})), ValueError, "got {prob:.2f}"),  # two rows, and four are shown
        (lambda: figure(Inside({"a": "{kl:d}"})), ValueError, "lines must use formats such as .2f, .3g"),
        (lambda: figure(Inside({"a": "{kl"})), ValueError, "lines must use braces for names and formats alone"),
        (
            lambda: figure(Inside({}, [Say("wide", "a", above=1)])),
            ValueError,
            "says must name controls, or series with",
        ),
        (
            lambda: figure(Inside({}, [Say("kl", "{b}", above=1)])),
            ValueError,
            "says must name controls, or series with",
        ),
        (
            lambda: figure(Inside({}, push="kl")),
            ValueError,
            "push must name a series with a row for each entry of 'ids', (4, 3), got 'kl' of shape ()",
        ),
        (lambda: figure(Inside({}, push="gone")), ValueError, "(4, 3), got 'gone'"),
    ],
)
def test_errors_name_the_argument(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()
