"""The rules that a kernel and a page share, on the kernel; tests/browser/test_page_rules.py asks the page the same."""

import json
from pathlib import Path

import pytest

from rlhf_helpers.live.rules import (
    FORMAT,
    axis_width,
    move_mark,
    pace,
    write_act,
    write_number,
    write_status,
    write_stop,
)

CASES = json.loads((Path(__file__).resolve().parents[2] / "support" / "live_rules.json").read_text("utf-8"))


@pytest.mark.parametrize(("value", "form", "text"), CASES["numbers"])
def test_numbers(value, form, text):
    assert FORMAT.fullmatch(form)
    assert write_number(value, form) == text


@pytest.mark.parametrize(("status", "sentences", "text"), CASES["statuses"])
def test_status_lines(status, sentences, text):
    assert write_status(status, sentences, CASES["known"]) == text


@pytest.mark.parametrize(("names", "step", "controls", "trains", "text"), CASES["stops"])
def test_what_is_said_when_a_run_stops(names, step, controls, trains, text):
    assert write_stop(names, step, controls, trains=trains) == text


@pytest.mark.parametrize(("settings", "seed", "moves", "text"), CASES["acts"])
def test_what_is_said_of_what_a_sentence_has_set(settings, seed, moves, text):
    assert write_act(settings, seed, moves) == text


@pytest.mark.parametrize(("speed", "steps", "updates", "milliseconds"), CASES["paces"])
def test_speeds(speed, steps, updates, milliseconds):
    assert pace(speed, steps) == pytest.approx((updates, milliseconds / 1000))


@pytest.mark.parametrize(("reached", "steps", "width"), CASES["widths"])
def test_the_axis_follows_in_leaps(reached, steps, width):
    assert axis_width(reached, steps) == width


@pytest.mark.parametrize("case", CASES["marks"], ids=lambda case: str(case["moves"]))
def test_marks(case):
    marks = []
    for step, name, old, new in case["moves"]:
        move_mark(marks, name, old, new, step=step, steps=case["steps"])
    assert [[mark["step"], mark["name"], mark["to"]] for mark in marks] == case["marks"]
