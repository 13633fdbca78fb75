"""The drawing module in a real browser: every panel, narrow and wide, with numbers that are not always kind."""

import re

import numpy as np
import pytest
import torch
from ipywidgets import Dropdown, FloatSlider
from support.browser import PAINTED, needs_chromium

from rlhf_helpers._html import PALETTE
from rlhf_helpers.clicks import Clicks
from rlhf_helpers.live import Bars, Chips, Curves, Diff, Loop, Plot, Strip, Table, Term, live
from rlhf_helpers.live.controls import Canvas
from rlhf_helpers.plots import COLORS

pytestmark = needs_chromium

WIDTHS = (260, 343, 720)
OPEN = """async ([code, css, spec, frame]) => {
    const style = document.head.appendChild(document.createElement("style"));
    style.textContent = css;
    document.body.className = "baby-live";
    const { draw } = (await import("data:text/javascript;charset=utf-8," + encodeURIComponent(code))).default;
    const root = document.body.appendChild(document.createElement("div"));
    window.asked = [];
    window.update = draw(root, spec, { seek: (step) => window.asked.push(step) });
    window.update(frame);
}"""
LOOK = """() => {
    const svgs = [...document.querySelectorAll(".baby-place > svg")];
    const texts = [...document.querySelectorAll(".baby-panel text")].filter(t => t.textContent.trim());
    const box = (e) => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; };
    return {
        attributes: svgs.flatMap(svg => [svg, ...svg.querySelectorAll("*")]).flatMap(
            e => e.getAttributeNames().map(name => `${e.tagName} ${name}=${e.getAttribute(name)}`)),
        texts: texts.map(t => ({ words: t.textContent, size: parseFloat(getComputedStyle(t).fontSize), box: box(t),
                                 halo: t.classList.contains("baby-halo") })),
        svgs: svgs.map(box),
        labels: svgs.map(svg => svg.getAttribute("aria-label")),
        lines: [...document.querySelectorAll("path.baby-line")].map(p => p.getAttribute("d")),
        status: document.querySelector(".baby-status").textContent,
        wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    };
}"""


def step(state, noise, *, x, which):
    t = state["t"]
    probs = torch.softmax(torch.arange(10.0) * t * x, dim=0)
    series = {
        "reward": probs[9],
        "kl": probs[9] * 1.01,
        "optimum": x / 3,
        "loss": probs[9] * 0.99 + 1e-6,
        "probs": probs,
        "old_probs": probs.flip(0),
        "table": probs.expand(10, 10),
        "ids": noise.mul(10).long(),
        "grid": torch.linspace(0, 2, 21),
        "curve": torch.linspace(0, 2, 21) ** 2,
        "signed": torch.linspace(-1, 1, 10),
        "advantages": torch.linspace(-2, 2, 4),
    }
    return {"t": t + 0.05}, series


PANELS = {
    "curves": Curves(["reward", "kl", "optimum", "loss"], title="A title", y_label="reward; KL in nats"),
    "range": Curves(["reward", "loss"], y_range=(0.2, 0.3), labels={"loss": None}),
    "log": Curves(["reward", "kl"], log=True, y_label="log"),
    "strip": Strip("probs"),
    "old": Strip("old_probs", accent=None),
    "table": Table("table", title="The policy"),
    "chips": Chips("ids", rows=3),
    "beside": Chips("ids", rows=4, beside="advantages"),
    "loop": Loop("probs", "ids", "kl", title="The loop"),
    "long": Curves(["reward", "kl"], labels={"reward": "a name with many words", "kl": "and one more of them"}),
    "diff": Diff("which", ["# a -> b\n- a = 1\n+ a = 2\n  b = a", f"# b\n+ {'x' * 42}"]),
    "bars": Bars("signed", accent=1),
    "grouped": Bars(["old_probs", "probs"], y_label="probability"),
    "single": Bars(["reward", "kl", "loss"]),
    "plot": Plot("grid", ["curve"], points=[("reward", "kl")], x_label="x", y_label="y", labels={"kl": "you are here"}),
    "trail": Plot("x", [], points=[("kl", "reward")], trails=[("kl", "reward")], x_range=(0, 1.2), y_range=(0, 1)),
}


def figure(*panels, formula=()):
    fig = live(
        step,
        start=lambda seed: {"t": torch.zeros(())},
        noise=(4, 8),
        steps=40,
        panels=panels,
        caption="c",
        status="reward {reward:.2f}",
        formula=formula,
        x=FloatSlider(value=1, min=0, max=3),
        which=Dropdown(options=[("a", 0), ("b", 1)]),
    )
    fig.step(15)
    fig.reset()
    fig.step(10)
    fig.set(x=0.5)
    fig.step(10)
    return fig


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 343, "height": 600})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    yield page
    assert page.errors == []
    page.close()


def opened(page, fig, frame=None):
    """Draw a figure's frame in a bare page and look at it."""
    code, css = str(Canvas._esm), str(Canvas._css)
    page.set_content("<!doctype html><html><body style='margin:0'></body></html>")
    page.evaluate(OPEN, [code, css, fig.canvas.spec, frame or fig.session.frame() | {"previous": fig.canvas.previous}])
    return page.evaluate(LOOK)


def overlap(a, b):
    return a[0] < b[2] - 1 and b[0] < a[2] - 1 and a[1] < b[3] - 3 and b[1] < a[3] - 3


@pytest.mark.parametrize("kind", PANELS)
def test_every_panel_at_every_width(page, kind):
    fig = figure(PANELS[kind])
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 600})
        seen = opened(page, fig)
        bad = [a for a in seen["attributes"] if any(word in a for word in ("NaN", "undefined", "Infinity", "null"))]
        assert not bad, bad
        assert seen["texts"]
        assert min(text["size"] for text in seen["texts"]) >= 11
        assert not seen["wide"], "the page scrolls sideways"
        left, top, right, bottom = seen["svgs"][0]
        room = (left - 2, top - 2, right + 2, bottom + 2)
        outside = [
            t for t in seen["texts"] if any(t["box"][k] < room[k] or t["box"][k + 2] > room[k + 2] for k in (0, 1))
        ]
        assert not outside, outside
        names = [text for text in seen["texts"] if text["halo"]]
        for k, one in enumerate(names):
            for other in names[k + 1 :]:
                assert not overlap(one["box"], other["box"]), (one, other)


def test_text_alternative_and_status_say_the_present_values(page):
    fig = figure(PANELS["curves"])
    seen = opened(page, fig)
    value = f"{float(fig.now['reward']):.2f}"
    assert seen["labels"][0].startswith("A title: reward " + value)
    assert "optimum 0.17" in seen["labels"][0]
    assert seen["status"] == f"Update 20: reward {value}."


def test_lines_of_code_that_are_new_are_marked_and_another_choice_moves_nothing(page):
    fig = figure(PANELS["diff"])
    marked = "() => [...document.querySelectorAll('rect')].filter(e => e.getAttribute('width') > 0).length"
    seen = opened(page, fig)
    assert seen["labels"] == ["a -> b; without a = 1; new a = 2; b = a"]
    assert [text["words"] for text in seen["texts"]] == ["a -> b", "\u2212", "a = 1", "+", "a = 2", "b = a"]
    assert page.evaluate(marked) == 1
    fig.set(which=1)
    after = opened(page, fig)
    assert after["labels"] == [f"b; new {'x' * 42}"]
    assert after["svgs"] == seen["svgs"]


def test_the_name_of_a_point_is_where_no_line_is(page):
    fig = figure(Plot("grid", ["curve"], points=[("kl", "reward")], y_range=(-4, 4), labels={"reward": "here"}))
    frame, grid = fig.session.frame(), [i / 20 for i in range(-20, 21)]
    for slope in (1, -1):
        now = {"grid": grid, "curve": [slope * x for x in grid], "kl": 0, "reward": 0}
        seen = opened(page, fig, frame | {"now": frame["now"] | now})
        (name,) = [text["box"] for text in seen["texts"] if text["words"] == "here"]
        dot = page.locator("svg circle").last.bounding_box()
        assert (name[1] > dot["y"]) == (slope > 0)


def test_an_update_moves_the_line_and_a_wider_page_draws_it_anew(page):
    fig = figure(PANELS["curves"])
    before = opened(page, fig)
    fig.step()
    page.evaluate("frame => window.update(frame)", fig.session.frame())
    after = page.evaluate(LOOK)
    assert before["lines"] != after["lines"]
    page.set_viewport_size({"width": 700, "height": 600})
    drawn = "line => document.querySelector('path.baby-line').getAttribute('d') !== line"
    page.wait_for_function(drawn, arg=after["lines"][0])


def test_panels_of_a_figure_share_their_edges(page):
    """Whatever their numbers and names need; and their heights come from the styles, not from what they show."""
    fig = figure(*(PANELS[kind] for kind in ("curves", "range", "bars", "plot")))
    frame = fig.session.frame()
    edges = """() => [...document.querySelectorAll(".baby-place > svg > svg")]
      .map(pane => [pane.getAttribute("x"), pane.getAttribute("width")])"""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 600})
        opened(page, fig, frame)
        assert len({tuple(pair) for pair in page.evaluate(edges)}) == 1
        heights = page.evaluate(LOOK)["svgs"]
        rows = {name: [v * 12345 for v in values] for name, values in frame["rows"].items()}
        page.evaluate("frame => window.update(frame)", frame | {"rows": rows})
        assert page.evaluate(LOOK)["svgs"] == heights


READ = """() => {
    const shown = (svg) => [...svg.querySelectorAll("text")].filter(
        t => getComputedStyle(t).visibility === "visible").map(t => t.textContent);
    return [...document.querySelectorAll(".baby-place")].map((place) => ({
        below: shown(place.querySelector(":scope > svg")),
        above: shown(place.querySelector(".baby-cross > svg") ?? document.createElement("svg")),
        line: place.querySelector(".baby-cross path")?.getAttribute("d").split(" ")[0],
        plot: ["x", "width"].map(name => Number(place.querySelector(":scope > svg > svg").getAttribute(name))),
        height: place.getBoundingClientRect().height,
    }));
}"""


def written(value: float) -> str:
    """A number as a drawing writes it, between 0.005 and 10."""
    return f"{value:.2f}"


def readable():
    """A run of 20 updates in which two controls have moved."""
    fig = live(
        lambda state, noise, *, x, way: step(state, noise, x=x * (1 + way), which=torch.tensor(0.0)),
        start=lambda seed: {"t": torch.full((), 0.05)},
        noise=(4, 8),
        steps=40,
        panels=[
            Curves(["reward", "kl"], title="One", y_label="reward; KL"),
            Curves(["loss"], title="Another"),
            PANELS["plot"],
        ],
        caption="c",
        x=FloatSlider(value=1, min=0, max=3),
        way=Dropdown(options=[("there", 0), ("back", 1)], value=0),
    )
    fig.step(10)
    fig.set(x=0.5)
    fig.step(5)
    fig.set(way=1)
    fig.step(5)
    return fig


@pytest.mark.parametrize("width", WIDTHS)
def test_a_pointer_reads_all_curves_at_one_update_and_moves_nothing(page, width):
    fig = readable()
    page.set_viewport_size({"width": width, "height": 1000})
    before = opened(page, fig)
    places = page.locator(".baby-place")
    svg = places.nth(1).bounding_box()
    quiet = page.evaluate(READ)
    left, wide = quiet[1]["plot"]
    for index in (0, 3, 10, 17, 20):
        page.mouse.move(svg["x"] + left + wide * index / 40 + 0.3, svg["y"] + 30)
        one, other, function = page.evaluate(READ)
        for seen, names in ((one, ["reward", "kl"]), (other, ["loss"])):
            for name in names:
                label = "KL" if name == "kl" else name
                assert f"{label} {written(fig.history[name][index])}" in seen["above"]
            assert any(words.startswith(f"update {index}") for words in seen["above"])
            assert not any(re.search(r"^(reward|KL|loss) ", words) for words in seen["below"])
        assert one["line"] == other["line"]
        assert not function["above"]
        assert [place["height"] for place in (one, other, function)] == [place["height"] for place in quiet]
        told = " ".join(other["above"])
        assert f"x {1 if index < 10 else 0.5}" in told
        assert f"way {'there' if index < 15 else 'back'}" in told, "the words of a choice, not its number"
        near = [f"way {word}" for word, at in (("back", 15),) if abs(index - at) <= 2]
        assert [words for words in one["above"] if re.match("(x|way) ", words)] == near + ["x 0.5"] * (index == 10)
        overflow = """() => [...document.querySelectorAll(".baby-cross text")].filter(text => {
            const [inner, outer] = [text, text.closest(".baby-place")].map(e => e.getBoundingClientRect());
            return inner.left < outer.left - 1 || inner.right > outer.right + 2 || inner.bottom > outer.bottom + 2;
        }).map(text => text.textContent)"""
        assert page.evaluate(overflow) == []
    assert page.evaluate("document.querySelector('.baby-heard').textContent") == "", "who points does not listen"
    assert page.evaluate("window.asked") == []
    page.mouse.down()
    page.mouse.move(svg["x"] + left + 1, svg["y"] + 30)
    page.mouse.up()
    assert page.evaluate("window.asked")[-1] == 0, "a drag asks for an update"
    page.mouse.move(1, 999)
    assert page.evaluate(READ) == quiet
    assert page.evaluate(LOOK)["texts"] == before["texts"]


def test_a_figure_is_read_by_keyboard_alone_and_heard(page):
    fig = readable()
    page.set_viewport_size({"width": 720, "height": 1000})
    opened(page, fig)
    quiet = page.evaluate(READ)
    focused = "() => [document.activeElement.getAttribute('aria-label'), document.activeElement.ariaValueText]"
    heard = "document.querySelector('.baby-heard').textContent"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == ["Read the curves", "update 20"]
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(ring) == "solid"
    index = 20
    for key, to in (("ArrowLeft", 19), ("PageDown", 9), ("ArrowRight", 10), ("Home", 0), ("ArrowLeft", 0), ("End", 20)):
        page.keyboard.press(key)
        index = to
        assert page.evaluate(focused) == ["Read the curves", f"update {index}"]
        values = ", ".join(
            f"{label} {written(fig.history[name][index])}"
            for label, name in (("reward", "reward"), ("KL", "kl"), ("loss", "loss"))
        )
        settings = f"x {1 if index < 10 else 0.5}, way {'there' if index < 15 else 'back'}"
        mark = "; at update 10: x 0.5" if index in (9, 10) else ""
        assert page.evaluate(heard) == f"{values}; {settings}{mark}"
    page.keyboard.press("Escape")
    assert page.evaluate(READ) == quiet
    page.keyboard.press("Tab")
    assert page.evaluate(focused)[0] == "update"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == ["Read the functions", "x 2"]
    page.keyboard.press("ArrowLeft")
    grid, curve = fig.now["grid"], fig.now["curve"]
    assert page.evaluate(focused)[1] == f"x {written(grid[-2])}"
    assert page.evaluate(READ)[2]["above"] == [f"x {written(grid[-2])}: curve {written(curve[-2])}"]
    assert not page.evaluate(READ)[0]["above"], "updates are another axis"
    page.keyboard.press("Tab")
    assert page.evaluate(READ) == quiet, "who goes on leaves nothing behind"


def test_the_cross_hair_stays_where_it_is_while_a_figure_plays_and_is_cheap(page):
    fig = readable()
    page.set_viewport_size({"width": 720, "height": 1000})
    opened(page, fig)
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    page.keyboard.press("PageUp")
    fig.step(3)
    page.evaluate("frame => window.update(frame)", fig.session.frame() | {"playing": True})
    assert page.evaluate("document.activeElement.ariaValueText") == "update 10"
    assert f"reward {written(fig.history['reward'][10])}" in page.evaluate(READ)[0]["above"]
    cost = page.evaluate("""() => {
      const place = document.querySelector(".baby-place"), box = place.getBoundingClientRect();
      const times = [];
      for (let x = 60; x < 260; x++) {
        const begun = performance.now();
        const where = { clientX: box.left + x, clientY: box.top + 60, bubbles: true };
        place.dispatchEvent(new PointerEvent("pointermove", where));
        times.push(performance.now() - begun);
      }
      return times.sort((a, b) => a - b)[100];
    }""")
    assert cost < 2, "milliseconds for a move of the pointer"


def test_a_term_its_curve_its_slider_and_its_code_light_up_together(page):
    """Whichever of them is asked: by pointer, by focus, by a tap; they stay so while the figure plays."""
    terms = [Term("R", "reward", code="R = pay(y)"), Term("x", controls="x"), Term("KL", "kl", "x", "k = kl(p)")]
    fig = figure(PANELS["curves"], formula=[terms[0], " − ", terms[1], " × ", terms[2]])
    opened(page, fig)
    page.evaluate("""() => {
      const controls = document.body.appendChild(document.createElement("div"));
      controls.className = "baby-controls";
      controls.innerHTML = `<label class="baby-control"><span class="baby-words">x</span>
        <input type="range" name="x"></label>`;
      document.body.prepend(controls);
    }""")
    lit = """() => [...document.querySelectorAll(".baby-on")].map(
      (node) => node.dataset.series ?? node.textContent.trim())"""
    dim = "() => [...document.querySelectorAll('.baby-term, path')].map(e => getComputedStyle(e).opacity)"
    assert page.evaluate("document.querySelector('.baby-terms').textContent") == "R − x × KL"
    assert page.evaluate("document.querySelector('.baby-code').textContent") == "R = pay(y)\nk = kl(p)\n"
    page.evaluate("frame => window.update(frame)", fig.session.frame())
    with_kl = {"x", "KL", "k = kl(p)", "kl"}
    for name, what in (
        (".baby-title", None),
        (".baby-term >> nth=2", with_kl),
        (".baby-row >> nth=1", with_kl),
        (".baby-words", with_kl),
        (".baby-term >> nth=0", {"R", "R = pay(y)", "reward"}),
        (".baby-term >> nth=1", {"x"}),
    ):
        page.locator(name).hover()
        assert set(page.evaluate(lit)) == (what or set()), name
        page.evaluate("frame => window.update(frame)", fig.session.frame() | {"playing": True})
        assert set(page.evaluate(lit)) == (what or set()), "a new picture"
        assert ("0.3" in page.evaluate(dim)) == bool(what)
    name = page.locator("text[data-series=kl]").first.bounding_box()
    page.mouse.move(name["x"] + 3, name["y"] + 5)
    page.mouse.move(name["x"] + 5, name["y"] + 5)
    assert set(page.evaluate(lit)) == with_kl, "the name of a curve, which the cross-hair wrote anew"
    page.mouse.move(1, 599)
    assert page.evaluate(lit) == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "x"
    assert set(page.evaluate(lit)) == with_kl
    page.keyboard.press("Tab")
    assert set(page.evaluate(lit)) == {"R", "R = pay(y)", "reward"}
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("[...document.querySelectorAll('.baby-term')].map(b => b.ariaPressed)")[0] == "true"
    page.keyboard.press("Escape")
    assert page.evaluate(lit) == []


def test_rows_fall_while_it_plays_and_are_there_when_it_does_not(page):
    fig = figure(PANELS["loop"])
    frame = fig.session.frame()
    written = """() => [...document.querySelectorAll(".baby-loop g")].map(chip => chip.textContent.trim()).join(" ")"""
    ids = " ".join(str(int(i)) for row in frame["now"]["ids"][:3] for i in row)
    opened(page, fig, frame)
    assert page.evaluate(written) == ids
    assert page.evaluate("document.getAnimations().length") == 0
    page.evaluate("frame => window.update(frame)", frame | {"playing": True})
    assert page.evaluate("document.getAnimations().length") == 24 + 3  # chips, and what rows are paid
    changed = {**frame, "now": {**frame["now"], "ids": [[7] * 8] * 4}}
    page.evaluate("frame => window.update(frame)", changed | {"playing": True})
    assert page.evaluate(written) == ids, "rows stay for a moment, so that they can be read"
    page.evaluate("frame => window.update(frame)", changed)
    assert page.evaluate(written) == " ".join("7" * 24)
    page.emulate_media(reduced_motion="reduce")
    opened(page, fig, frame | {"playing": True})
    assert page.evaluate("document.getAnimations().length") == 0


def test_names_tell_lines_of_one_color_apart_and_say_which_is_hidden(page):
    grid = Plot("grid", ["curve", "other", "third"], labels={"curve": "one"})
    fig = live(
        lambda *, x: {"grid": x * torch.arange(3.0), "curve": x + torch.arange(3.0), "other": x + torch.arange(3.0),
                      "third": 2 * x * torch.arange(3.0)},
        panels=[grid],
        caption="c",
        x=FloatSlider(value=1, min=0, max=3),
    )  # fmt: skip
    page.set_viewport_size({"width": 720, "height": 600})
    names = [text["words"] for text in opened(page, fig)["texts"] if text["halo"]]
    assert names == ["one", "= other", "third"]
    dashes = """() => [...document.querySelectorAll(".baby-place > svg > path[data-series]")].map(
      piece => [piece.dataset.series, piece.getAttribute("stroke-dasharray")])"""
    lines = """() => [...document.querySelectorAll("path.baby-line")].map(
      line => [line.dataset.series, line.getAttribute("stroke-dasharray")])"""
    assert page.evaluate(dashes) == page.evaluate(lines), "a piece of each line stands before its name"
    assert len({dash for _, dash in page.evaluate(lines)}) == 3


def test_where_something_begins_anew_there_is_a_line(page):
    fig = live(
        lambda state, noise, *, x: ({"t": state["t"] + 1}, {"loss": x, "new": (state["t"] % 5 == 0).float()}),
        start=lambda seed: {"t": torch.zeros(())},
        steps=20,
        panels=[Curves("loss", anew="new")],
        caption="c",
        x=FloatSlider(value=1, min=0, max=3),
    )
    fig.step(12)
    opened(page, fig)
    upright = """() => [...document.querySelectorAll(".baby-place > svg > svg path")]
      .flatMap(path => [...path.getAttribute("d").matchAll(/M([0-9.]+) 0V/g)]).map(found => parseFloat(found[1]))"""
    wide = page.evaluate("parseFloat(document.querySelector('.baby-place > svg > svg').getAttribute('width'))")
    assert page.evaluate(upright) == pytest.approx([wide * 5 / 20, wide * 10 / 20], abs=0.1)


def test_gaps_and_nothing_at_all(page):
    fig = figure(PANELS["plot"])
    frame = fig.session.frame()
    frame["now"] |= {"curve": [None] * 5 + [1.0, 2.0] + [None] * 14, "kl": None}
    seen = opened(page, fig, frame)
    assert seen["lines"][0].count("M") == 1
    assert not [a for a in seen["attributes"] if "NaN" in a]
    frame["now"]["curve"] = [None] * 21
    seen = opened(page, fig, frame)
    assert seen["lines"] == [""]
    assert not [a for a in seen["attributes"] if "NaN" in a]


def test_the_axis_does_not_jump_while_a_run_grows(page):
    fig = figure(PANELS["curves"])
    opened(page, fig)
    ticks = """() => [...document.querySelectorAll(".baby-panel text")].map(t => t.textContent)
        .filter(words => /^[0-9.]+$/.test(words))"""
    first = page.evaluate(ticks)
    frame = fig.session.frame() | {
        "rows": {name: rows[:15] for name, rows in fig.session.frame()["rows"].items()},
        "step": 14,
        "reached": 14,
    }
    page.evaluate("frame => window.update(frame)", frame)
    assert page.evaluate(ticks) == first


def test_a_frame_asks_for_no_layout_and_touches_only_what_differs(page):
    """What a picture costs: the page is laid out by the browser, between pictures, however many panels there are."""
    fig = figure(*PANELS.values(), formula=["reward ", Term("KL", series=["kl"])])
    opened(page, fig)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def layouts() -> int:
        return next(
            m["value"] for m in devtools.send("Performance.getMetrics")["metrics"] if m["name"] == "LayoutCount"
        )

    known = -1
    while known != (known := layouts()):  # sizes are heard of, and what hears of them draws anew
        page.evaluate(PAINTED)
    frames = []
    for _ in range(60):
        fig.step()
        frames.append(fig.session.frame() | {"playing": True})
    before = layouts()
    page.evaluate("frames => frames.forEach(window.update)", frames)
    assert layouts() - before <= 10, "layouts for sixty pictures, and of some frames behind them"
    touched = page.evaluate(
        """async frame => {
            const seen = [];
            const observer = new MutationObserver((changes) => seen.push(...changes));
            observer.observe(document.body, { attributes: true, childList: true, characterData: true, subtree: true });
            window.update(frame);
            await null;
            return seen.map(({ type, attributeName, target }) => `${target.tagName} ${type} ${attributeName}`);
        }""",
        frames[-1],
    )
    assert touched == [], "the same picture again"


@pytest.mark.parametrize("kind", ["range", "strip", "table", "beside", "loop", "diff", "trail"])  # whose axes are given
def test_a_picture_does_not_depend_on_those_before(page, kind):
    drawn = """() => [...document.querySelectorAll(".baby-place > svg *")].map(e => [
        e.tagName, e.children.length ? "" : e.textContent,
        ...e.getAttributeNames().sort().map(name => `${name}=${e.getAttribute(name)}`)])"""
    fig = figure(PANELS[kind])
    first = fig.session.frame()
    fig.step(5)
    fig.set(which=1)
    last = fig.session.frame()
    opened(page, fig, first)
    page.evaluate("window.update", last)
    page.evaluate("window.update", first)
    after = page.evaluate(drawn)
    page.reload()
    opened(page, fig, first)
    assert after == page.evaluate(drawn)


def test_who_wants_less_motion_gets_fewer_pictures(browser):
    page = browser.new_page(reduced_motion="reduce")
    fig = figure(PANELS["curves"])
    frame = fig.session.frame() | {"playing": True}
    opened(page, fig, frame)
    page.evaluate("window.milliseconds = 1e6; performance.now = () => window.milliseconds;")
    page.evaluate(PAINTED)  # sizes are known
    show = "([frame, later]) => { window.milliseconds += later; window.update(frame); }"
    page.evaluate(show, [frame | {"step": 3}, 600])
    page.evaluate(show, [frame | {"step": 4}, 100])
    assert "Update 3:" in page.evaluate(LOOK)["status"], "two pictures within half a second"
    page.evaluate(show, [frame | {"step": 5}, 500])
    assert "Update 5:" in page.evaluate(LOOK)["status"], "half a second later there is another"
    page.evaluate(show, [frame | {"step": 6, "playing": False}, 100])
    assert "Update 6:" in page.evaluate(LOOK)["status"], "the last picture is always drawn"
    page.close()


def colors(css: str) -> dict[str, str]:
    """The variables that a block of styles sets."""
    return dict(re.findall(r"--q-([\w-]+): (#\w{6});", css))


SEEN = {  # linear RGB as it is seen with all cones, and without those for red, green, blue (Machado et al. 2009)
    "all": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def lab(color: str, eyes) -> np.ndarray:
    """A color as eyes see it, in CIELAB, where distances are those that are seen."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(eyes @ linear, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("block", [0, 1], ids=["light", "dark"])
def test_what_stands_side_by_side_can_be_told_apart(block, eyes):
    """Policy and sampler in one formula and in one picture; what is paid beside the token that is paid."""
    light, dark = (colors(part) for part in PALETTE.split("}")[:2])
    palette = light | dark if block else light
    for one, other in (("policy", "old"), ("reward", "accent"), ("reward", "accent-fill")):
        seen = [lab(palette[name], np.array(SEEN[eyes])) for name in (one, other)]
        assert np.linalg.norm(seen[0] - seen[1]) > 15, (one, other)


def test_the_palette_has_every_quantity_in_light_and_in_dark():
    light, dark = (colors(block) for block in PALETTE.split("}")[:2])
    surfaces = {"old-fill", "accent-fill"}  # the same in both
    assert light.keys() - surfaces == dark.keys() == COLORS.keys() | {"grid"}
    assert {light[name].lower() for name in surfaces} == {COLORS["old"].lower(), COLORS["accent"].lower()}


@pytest.mark.parametrize("styles", [Canvas._css, Clicks._css], ids=["live", "clicks"])
def test_a_notebook_has_the_colors_of_the_pages(page, styles):
    """A notebook does not load the pages' styles: a widget brings the palette, and sets no color of its own."""
    css = str(styles)
    assert css.startswith(PALETTE)
    assert colors(css) == colors(PALETTE)
    page.set_content("<!doctype html><html><body></body></html>")
    seen = []
    for theme in ("true", "false"):
        seen += page.evaluate(
            """([css, theme]) => {
              document.head.appendChild(document.createElement("style")).textContent = css;
              document.body.dataset.jpThemeLight = theme;
              return [getComputedStyle(document.body).getPropertyValue("--q-reward")];
            }""",
            [css, theme],
        )
    assert seen == ["#b84c00", "#f47340"]
