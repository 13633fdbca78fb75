"""A look inside a token: it shows what was computed, in a page and from a kernel, by keyboard alone, by touch."""

import re

import numpy as np
import pytest
import torch
from ipywidgets import FloatSlider
from support.browser import SETTLED, axe_in, needs_chromium
from support.chapters import CHAPTERS
from support.graphs import published_data
from support.insides import SHEET, check
from support.live_pages import arrive, drive

from rlhf_helpers.live import Chips, Inside, Say, Strip, Table, live
from rlhf_helpers.live.controls import Canvas

pytestmark = needs_chromium
ASKED = [
    (path.stem, index, place)
    for path in CHAPTERS
    for index, data in enumerate(published_data(path))
    for place, panel in enumerate(data["spec"]["panels"])
    if "inside" in panel
]
AXE_SHEET = axe_in(".baby-tokens", ".baby-sheet")
# Where everything of a figure is but the sheet.
PLACES = """figure => [...figure.querySelectorAll("*")]
  .filter(e => !e.closest("svg *, .baby-dock, script"))
  .map(e => e.getBoundingClientRect())
  .filter(({width, height}) => width + height)
  .map(({left, top, width, height}) => [left, top + scrollY, width, height])"""


def open_by_keyboard(page, group, down, right):
    """Go to a token with arrow keys, from the one that Tab reaches, and look inside."""
    assert group.locator("button[tabindex='0']").count() == 1
    group.locator("button[tabindex='0']").focus()
    for _ in range(down):
        page.keyboard.press("ArrowDown")
    for _ in range(right):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")


@pytest.mark.parametrize(("name", "index", "panel"), ASKED)
def test_a_page_shows_what_its_module_computed(tabs, site, axe_source, name, index, panel):
    page = tabs.open(f"{site}book/{name}.html", size=(375, 800))
    figure = arrive(page, index)
    drive(figure, "await figure.use(figure.defaults()); await figure.advance(9)")
    spec = published_data(next(path for path in CHAPTERS if path.stem == name))[index]["spec"]["panels"][panel]
    rows = spec["kind"] not in ("strip", "bars")
    group = figure.get_by_role("group", name=re.compile(re.escape(spec["title"] or spec["kind"])))
    before = figure.evaluate(PLACES)
    place = [1, 2] if rows else [3]
    open_by_keyboard(page, group, place[0] if rows else 0, place[-1])

    def seen():
        now, settings, step = drive(figure, "return [figure.now, figure.values, figure.frame.step]")
        sheet = page.evaluate(SHEET)
        check(sheet, spec, now, settings, step, place)
        return sheet

    first = seen()
    assert first["live"] == "polite"
    assert np.allclose(figure.evaluate(PLACES), before, atol=0.5), "something moved"
    edges = figure.locator(".baby-sheet").bounding_box()
    assert edges["x"] >= 0
    assert edges["x"] + edges["width"] <= 375
    assert edges["y"] + edges["height"] <= 801
    page.evaluate(axe_source)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(SETTLED)
        assert page.evaluate(AXE_SHEET) == [], scheme
    drive(figure, "await figure.advance(1)")  # it stays open, and follows
    assert seen() != first
    page.keyboard.press("ArrowLeft")  # and goes along
    place[-1] -= 1
    seen()
    page.keyboard.press("Escape")
    assert page.evaluate(SHEET) is None
    assert group.locator("button:focus").get_attribute("aria-expanded") == "false"


def step(state, noise, *, pull):
    ids = noise.mul(10).long()
    probs = torch.softmax(pull * torch.arange(10.0) + state["t"], 0)
    series = {
        "ids": torch.where(noise < 0.9, ids, -1),
        "prob": noise / 3,
        "paid": noise.sum(1) - 2,
        "push": (torch.eye(10)[ids] - noise[..., None]) / 512,
        "probs": probs,
        "table": probs.expand(10, 10) * torch.linspace(0.1, 1, 10)[:, None],
    }
    return {"t": state["t"] + 1}, series


def figure(*panels):
    pull = FloatSlider(value=0.25, min=0, max=1)
    start = lambda seed: {"t": torch.zeros(())}  # noqa: E731
    return live(step, start=start, noise=(4, 8), steps=9, caption="c", panels=panels, pull=pull)


TOKEN = Inside(
    {"paid": "{paid:+.3f} × {pull:.2f} at {step}", "probability": "{prob:.4f}"},
    [Say("prob", "{prob:.0%} is likely.", above=0.1), Say("prob", "Rare.", below=0.1)],
    push="push",
)
CHIPS = Chips("ids", title="What it writes", rows=3, inside=TOKEN)
OPEN = """async ([code, css, spec, frame]) => {
  document.head.appendChild(document.createElement("style")).textContent = css;
  document.body.className = "baby-live";
  const { draw } = (await import("data:text/javascript;charset=utf-8," + encodeURIComponent(code))).default;
  window.looks = 0;
  window.update = draw(document.body.appendChild(document.createElement("div")), spec, { look: () => (looks += 1) });
  window.update(frame);
}"""


@pytest.fixture
def drawn(browser):
    """Draws the frames of a kernel's figure in a bare page."""
    page = browser.new_page(viewport={"width": 700, "height": 600}, has_touch=True)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))

    def draw(made):
        page.set_content("<!doctype html><html><body style='margin:0'></body></html>")
        page.evaluate(OPEN, [str(Canvas._esm), str(Canvas._css), made.canvas.spec, made.canvas.frame])
        return page

    yield draw
    assert page.errors == []
    page.close()


@pytest.mark.parametrize(
    ("panel", "place", "title"),
    [
        (CHIPS, [2, 4], "Row 3, 5th token: "),
        (Table("table", inside=Inside({"p": "{table:.3f}"})), [3, 7], "after token 3, next token 7"),
        (Strip("probs", inside=Inside({"p": "{probs:.3f} × {pull:.2f}"})), [6], "Token 6"),
    ],
    ids=["chips", "table", "strip"],
)
def test_a_kernel_shows_what_torch_computed(drawn, panel, place, title):
    made = figure(panel)
    made.step(2)
    page = drawn(made)
    open_by_keyboard(page, page.get_by_role("group"), place[0] if place[1:] else 0, place[-1])
    spec = made.canvas.spec["panels"][0]
    for _ in range(3):
        sheet = page.evaluate(SHEET)
        check(sheet, spec, made.now, made.settings(), made.session.step, place)
        assert sheet["title"].startswith(title)
        made.step()
        page.evaluate("frame => update(frame)", made.canvas.frame)
    made.set(pull=0.75)
    page.evaluate("frame => update(frame)", made.canvas.frame)
    check(page.evaluate(SHEET), spec, made.now, made.settings(), 5, place)
    assert page.evaluate("looks") == 1


def test_one_token_is_open_and_the_same_token_closes_it(drawn):
    page = drawn(figure(CHIPS, Strip("probs", title="The policy", inside=Inside({"p": "{probs:.3f}"}))))
    chip = page.get_by_role("button", name="Row 1, 2nd token")
    square = page.get_by_role("button", name="Token 3", exact=True)
    chip.tap()
    assert page.evaluate(SHEET)["title"].startswith("Row 1, 2nd token")
    square.tap()
    assert page.evaluate(SHEET)["title"] == "Token 3"
    assert page.locator("[aria-expanded='true']").count() == 1
    square.click()
    assert page.evaluate(SHEET) is None
    chip.click()
    page.get_by_role("button", name="Close").press("Escape")
    assert page.evaluate(SHEET) is None
    assert page.evaluate("document.activeElement.ariaLabel").startswith("Row 1, 2nd token")
    chip.click()
    page.get_by_role("button", name="Close").click()
    assert page.evaluate(SHEET) is None


def test_arrows_stop_at_the_edges_and_where_nothing_is_written_nothing_is_said(drawn):
    made = figure(CHIPS)
    rows = np.argwhere(made.now["ids"][:3] < 0)
    row, column = map(int, rows[0])
    page = drawn(made)
    open_by_keyboard(page, page.get_by_role("group"), row, column)
    assert page.evaluate(SHEET)["title"].endswith(": none")
    assert not page.locator(".baby-sheet dl").is_visible()
    for _ in range(9):
        page.keyboard.press("ArrowLeft")
    assert page.evaluate(SHEET)["title"].startswith(f"Row {row + 1}, 1st")
    assert page.locator(".baby-sheet dl").is_visible()
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    assert page.evaluate(SHEET)["title"].startswith("Row 1, 1st")
    page.set_viewport_size({"width": 343, "height": 600})  # the buttons go along
    page.wait_for_function("document.querySelector('.baby-place > svg').clientWidth < 344")
    chip = page.locator("svg rect").nth(1).bounding_box()
    button = page.get_by_role("button", name="Row 1, 1st").bounding_box()
    assert min(button["width"], button["height"]) >= 24
    assert abs(button["x"] + button["width"] / 2 - chip["x"] - chip["width"] / 2) < 4
