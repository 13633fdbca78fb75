"""What can be dragged in a drawing: by mouse, by finger and by keys it gives what its slider gives, and says so."""

import numpy as np
import pytest
from support.browser import PAINTED, needs_chromium
from support.chapters import CHAPTERS
from support.graphs import published_data
from support.live_pages import arrive, drive

pytestmark = needs_chromium

# page, control, the series that the thing shows, which of its numbers
THINGS = {
    "a bar": ("01_probs_and_logprobs", "logit_3", "logits", 3),
    "a square": ("03_ppo_ratio", "new_probability", "new_strip", 1),
    "the dot on the clip": ("03_ppo_ratio", "ratio", "rho", None),
    "lambda's dots": ("05_baselines", "lam", "here", None),
}
AXE = "async figure => (await axe.run(figure)).violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.html}`))"


def dragged(data):
    """The controls that a figure's panels are handles of."""
    drags = [panel.get("drag", ()) for panel in data["spec"]["panels"]]
    return [name for drag in drags for name in ([drag] if isinstance(drag, str) else drag)]


@pytest.fixture(params=THINGS)
def thing(request, tabs, site):
    """A handle on a phone: the page, its figure, the handle, what it moves, and what shows it."""
    stem, *known = THINGS[request.param]
    figures = published_data(next(path for path in CHAPTERS if path.stem == stem))
    index = next(i for i, data in enumerate(figures) if known[0] in dragged(data))
    page = tabs.open(f"{site}book/{stem}.html", size=(375, 800), has_touch=True)
    figure = arrive(page, index)
    control = known[0]
    label = drive(figure, f"return figure.data.controls.find(one => one.name === '{control}').label")
    handle = figure.get_by_role("slider", name=label, exact=True).and_(figure.locator(".baby-handle")).last
    return page, figure, handle, *known


def shown(page, figure, control, series, entry):
    """The value of a control, after what was asked has come to the drawing; all that shows it agrees."""
    page.evaluate(PAINTED)
    value, number = drive(figure, f"await null; return [figure.values.{control}, figure.now.{series}]")
    assert np.isclose(number if entry is None else number[entry], value, rtol=1e-6)
    label = drive(figure, f"return figure.data.controls.find(one => one.name === '{control}').label")
    handles = figure.get_by_role("slider", name=label, exact=True)
    for handle in handles.and_(figure.locator(".baby-handle")).all():
        assert float(handle.get_attribute("aria-valuenow")) == value
    slider = figure.locator(f"input[name={control}]")
    assert not slider.count() or float(slider.input_value()) == value
    return value


def test_mouse_finger_and_keys_move_it(thing, axe_source):
    page, figure, handle, *known = thing
    data = drive(figure, f"return figure.data.controls.find(one => one.name === '{known[0]}')")
    low, high, step = data["min"], data["max"], data["step"]
    handle.focus()
    keys = {"Home": low, "ArrowUp": low + step, "PageUp": low + 11 * step, "ArrowLeft": low + 10 * step, "End": high}
    for key, value in keys.items():
        page.keyboard.press(key)
        assert shown(page, figure, *known) == pytest.approx(value, abs=1e-9), key
    for _ in range(3):  # faster than the drawing
        page.keyboard.press("ArrowDown")
    assert shown(page, figure, *known) == pytest.approx(high - 3 * step, abs=1e-9)
    assert handle.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"

    upright = handle.get_attribute("aria-orientation") == "vertical"
    begun = shown(page, figure, *known)
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 5, y + 5)
    page.mouse.move(x - 12, y + 12)
    moved = shown(page, figure, *known)
    page.mouse.move(x - 6, y + 6)
    page.mouse.up()
    half = shown(page, figure, *known)
    assert moved < half < begun
    assert half - begun == pytest.approx((moved - begun) / 2, abs=step)
    page.mouse.move(x - 60, y + 60)
    assert shown(page, figure, *known) == half  # nobody holds it

    place = handle.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    touch = page.context.new_cdp_session(page)
    for kind, way in (("touchStart", 0), ("touchMove", 6), ("touchMove", 12), ("touchEnd", None)):
        points = [] if way is None else [{"x": x - (0 if upright else way), "y": y + (way if upright else 0)}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert shown(page, figure, *known) == pytest.approx(half + moved - begun, abs=1.01 * step)
    assert handle.evaluate("e => getComputedStyle(e).touchAction") == ("none" if upright else "pan-y")
    assert page.evaluate("scrollX") == 0

    if known[2] is None:
        return
    page.evaluate(axe_source)  # bars and squares; dots are made alike
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert figure.evaluate(AXE) == [], scheme
