"""A guess is drawn before a run, stays beside it, and is scored with Python's numbers from the same rows."""

import re

import numpy as np
import pytest
import torch
from ipywidgets import FloatSlider
from support.browser import PAINTED, needs_chromium

from rlhf_helpers.live import Curves, Guess, live
from rlhf_helpers.live.controls import Canvas

pytestmark = needs_chromium

STEPS = 40
OPEN = """async ([code, css, spec, frame]) => {
    document.head.appendChild(document.createElement("style")).textContent = css;
    document.body.className = "baby-live";
    const { draw } = (await import("data:text/javascript;charset=utf-8," + encodeURIComponent(code))).default;
    window.asked = [];
    const root = document.body.appendChild(document.createElement("div"));
    window.update = draw(root, spec, { act: (query) => asked.push(query) });
    window.update(frame);
}"""


def step(state, noise, *, x):
    t = state["t"]
    return {"t": t + 1}, {"gain": x * (t - t * t / 30)}


@pytest.fixture
def fig():
    guess = Guess("gain", "Where does it go at 1?", (-16, 16), {"x": 1.0})
    return live(
        step,
        start=lambda seed: {"t": torch.zeros(())},
        steps=STEPS,
        panels=[Curves(["gain"], guess=guess)],
        caption="c",
        name="rise",
        status="gain {gain:.2f}",
        x=FloatSlider(value=0.5, min=0, max=2),
    )


def frame(fig):
    return fig.session.frame() | {"rows": {name: list(row) for name, row in fig.session.rows.items()}}


def test_it_is_drawn_kept_and_scored(browser, fig):
    page = browser.new_page(viewport={"width": 500, "height": 600})
    page.set_content("<!doctype html><html><body></body></html>")
    fig.step(STEPS)
    page.evaluate(OPEN, [str(Canvas._esm), str(Canvas._css), fig.canvas.spec, frame(fig)])
    words = page.locator(".baby-guess-words").first
    line = page.locator("path.baby-line")
    height = page.evaluate("document.body.scrollHeight")
    assert words.inner_text() == "Where does it go at 1?"
    assert line.get_attribute("d")

    page.get_by_role("button", name="Draw your guess").click()  # the run is covered
    assert not line.get_attribute("d")
    assert not page.locator(".baby-status").is_visible()
    sheet = page.locator(".baby-paper").bounding_box()
    page.mouse.move(sheet["x"] + 2, sheet["y"] + sheet["height"] / 2)
    page.mouse.down()
    page.mouse.move(sheet["x"] + sheet["width"], sheet["y"] + sheet["height"] / 4, steps=8)
    page.mouse.up()
    points = page.get_by_role("slider", name=re.compile("your guess at update"))
    drawn = [float(point.get_attribute("aria-valuenow")) for point in points.all()]
    assert drawn == pytest.approx([1.6, 3.2, 4.8, 6.4, 8], abs=0.5)  # half of the way up, in a line
    for point, value in zip(points.all(), (4, 8, 8, 4, 0), strict=True):  # the same by keys, exactly
        point.focus()
        page.keyboard.press("Home")
        for _ in range(int((value + 16) / 10)):
            page.keyboard.press("PageUp")
        for _ in range(int((value + 16) % 10)):
            page.keyboard.press("ArrowUp")
    page.evaluate(PAINTED)
    assert [float(point.get_attribute("aria-valuenow")) for point in points.all()] == [4, 8, 8, 4, 0]

    page.get_by_role("button", name="Play it").click()
    assert page.evaluate("asked") == ["x=1"]
    assert not line.get_attribute("d")  # the old run does not show for a moment
    fig.set(x=1.0)
    fig.reset()
    page.evaluate("frame => update(frame)", frame(fig))
    assert "At the end you read" in words.inner_text()
    fig.step(STEPS)
    page.evaluate("frame => update(frame)", frame(fig))
    guess = np.interp(np.arange(STEPS + 1), np.arange(6) * STEPS / 5, [0, 4, 8, 8, 4, 0])
    truth = fig.history["gain"]
    away = np.abs(guess - truth).mean()
    assert words.inner_text() == (
        f"{'Very close' if away / 32 < 0.05 else 'Close' if away / 32 < 0.15 else 'Not as you drew it'}: your line is "
        f"{away:.2f} away on average. The run ends at −{-truth[-1]:.1f}, your line at 0.00. The run has its peak of "
        f"{truth.max():.2f} at update {truth.argmax()}; your line has its peak of 8.00 at update 16."
    )
    assert page.locator("path.baby-your-line").count() == 1
    fig.set(x=2.0)
    page.evaluate("frame => update(frame)", frame(fig))
    assert "other settings" in words.inner_text()
    assert page.evaluate("document.body.scrollHeight") == height  # nothing moved
    page.get_by_role("button", name="Leave it").click()
    assert words.inner_text() == "Where does it go at 1?"
    page.close()


def test_a_chart_that_is_there_while_it_plays_says_where_it_is_read(browser, fig):
    page = browser.new_page()
    page.set_content("<!doctype html><html><body></body></html>")
    fig.step(2)
    page.evaluate(OPEN, [str(Canvas._esm), str(Canvas._css), fig.canvas.spec, frame(fig) | {"playing": True}])
    assert page.get_by_role("slider", name="Read the curves").get_attribute("aria-valuenow") == "2"
    page.close()
