"""Every live figure of every built page, in a real browser with no kernel.

It starts, trains, moves, resets, shares its state, agrees with the kernel, and says so when it cannot run.
"""

import re

import numpy as np
import pytest
from support.browser import AXE_RUN, SETTLED, needs_chromium, serve
from support.chapters import CHAPTERS, ROOT
from support.graphs import CLOSE, STEPS, published_data, run_in_onnxruntime
from support.live_pages import READY, SERIES, UNTIL, drive, first_that_trains, start, wait_for_step

pytestmark = needs_chromium
PAGES = [path.stem for path in CHAPTERS]
# What a figure draws now, as text: changes when the picture does.
DRAWN = "figure => [...figure.querySelectorAll('.baby-grid svg')].map(svg => svg.innerHTML).join()"


class Reader:
    """Opens pages of the book with every other host out of reach, and notes what goes wrong there."""

    def __init__(self, browser, site):
        self.browser, self.site, self.contexts, self.errors = browser, site, [], []

    def open(self, name: str, query: str = "", before=None):
        """Open a page; ``before`` sees it before it is loaded."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 900})
        self.contexts.append(context)
        context.route(lambda url: not url.startswith(self.site), lambda route: route.abort())
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        if before:
            before(page)
        page.goto(f"{self.site}book/{name}.html{query}")
        return page

    def leave(self):
        """Close all pages; they must have met no error."""
        for context in self.contexts:
            context.close()
        assert not self.errors


@pytest.fixture
def reader(browser, site):
    """A reader for one test."""
    reader = Reader(browser, site)
    yield reader
    reader.leave()


@pytest.fixture(scope="module", params=PAGES)
def chapter(request, browser, site):
    """A chapter with all its figures started: its name, the figures, and the reader."""
    reader = Reader(browser, site)
    page = reader.open(request.param)
    figures = [start(page, index) for index in range(page.locator("figure.baby-live").count())]
    yield request.param, figures, reader
    reader.leave()


# Moves the control in a label to one of its ends, as a reader's hand would.
MOVE = """(label, position) => {
  const input = label.querySelector("input, select");
  if (input.type === "checkbox") input.checked = position === "max";
  else if (input.type === "range") input.value = input[position];
  else input.selectedIndex = position === "max" ? input.options.length - 1 : 0;
  input.dispatchEvent(new Event("input", {bubbles: true}));
}"""
# Some steps, a slider moved, some more steps, a slider moved while it plays: a state that an address has to tell.
WANDER = """
  await figure.use(figure.defaults());
  if (!figure.trains) return;
  await figure.advance(5);
  const {name, kind, min, max, base} = figure.data.controls[0];
  if (!["log", "linear"].includes(kind)) return;
  const sleep = milliseconds => new Promise(next => setTimeout(next, milliseconds));
  const move = part => {
    const place = min + Math.round((max - min) * part);
    figure.moved(name, kind === "log" ? base ** place : place, figure.inputs.get(name).show);
  };
  move(0.25);
  while (figure.asking) await sleep(5);
  await figure.advance(5);
  const playing = figure.play();
  await sleep(60);
  move(0.5);
  await sleep(60);
  move(0.4);
  figure.pause();
  await playing;
"""


def test_figures_agree_with_their_graphs(chapter):
    """And `tests/book/test_export.py` finds that the graphs agree with the kernel."""
    name, figures, _ = chapter
    for figure, data in zip(figures, published_data(CHAPTERS[PAGES.index(name)]), strict=True):
        if "starts" in data:
            drive(figure, f"await figure.advance({STEPS})")
        here, there = run_in_onnxruntime(data, STEPS), figure.evaluate(SERIES)
        assert here.keys() == there.keys()
        for series, values in here.items():
            np.testing.assert_allclose(there[series], values, **CLOSE, err_msg=series)


def test_figures_do_what_a_reader_asks(chapter):
    for figure in chapter[1]:
        drive(figure, "await figure.use(figure.defaults())")
        first, drawn = figure.evaluate(SERIES), figure.evaluate(DRAWN)
        play = figure.get_by_role("button", name="Play", exact=True)
        trains = play.count() > 0
        if trains:
            play.click()
            wait_for_step(figure, 8)
            figure.get_by_role("button", name="Pause", exact=True).click()
            assert figure.evaluate(DRAWN) != drawn
        for control in figure.locator(".baby-control").all():
            for position in ("min", "max"):
                before = figure.evaluate(DRAWN)
                control.evaluate(MOVE, position)
                drive(figure, "while (figure.asking) await new Promise(next => setTimeout(next, 5));")
                if trains:
                    drive(figure, "await figure.advance(3)")
                assert figure.get_attribute("data-state") == "ready"
                assert "undefined" not in figure.locator(".baby-status").first.inner_text()
                stopped = drive(figure, "return figure.trouble.length > 0")
                assert stopped or not trains or figure.evaluate(DRAWN) != before
        drive(figure, "await figure.use(figure.defaults())")
        if trains:
            drive(figure, "await figure.advance(2)")
            figure.get_by_role("button", name="Reset", exact=True).click()
            figure.evaluate(UNTIL, "figure.frame.step === 0")
        assert figure.evaluate(SERIES) == first


def test_an_address_and_a_preset_restore_the_state(chapter):
    name, figures, reader = chapter
    for index, figure in enumerate(figures):
        for preset in figure.locator(".baby-presets button").all():
            preset.click()
            figure.evaluate(UNTIL, "figure.sentence.textContent && (figure.playing || !figure.trains)")
            wanted = drive(figure, f"return figure.data.presets.find(one => one.name === {preset.inner_text()!r})")
            values = drive(figure, "figure.pause(); return figure.values")
            assert figure.locator(".baby-sentence").inner_text() == wanted["text"]
            assert values == drive(figure, "return figure.defaults()") | wanted["values"]
        drive(figure, WANDER)
        address = drive(figure, "return figure.address()")
        page = reader.open(name, "?" + address.split("?")[1])
        page.wait_for_function(READY, arg=index)
        copy = page.locator("figure.baby-live").nth(index)
        assert copy.evaluate(SERIES) == figure.evaluate(SERIES)
        page.close()


@pytest.mark.parametrize("damage", ["kl_coeff=lots", "seed=-1", "step=1e99", "moves=x"])
def test_a_damaged_address_gives_the_defaults_with_a_word(reader, damage):
    name, index = first_that_trains()
    page = reader.open(name, f"?figure={index + 1}&{damage}")
    page.wait_for_function(READY, arg=index)
    figure = page.locator("figure.baby-live").nth(index)
    assert "does not fit" in figure.inner_text()
    assert drive(figure, "return JSON.stringify(figure.values) === JSON.stringify(figure.defaults())")
    assert drive(figure, "return figure.frame.step") == 0


def fails_with_a_word(figure):
    """The figure says that it could not run, shows its picture again, and offers another try."""
    figure.locator(".baby-word", has_text="could not run").first.wait_for()
    assert figure.get_attribute("data-state") == "failed"
    assert figure.locator("svg[role=img]").first.is_visible()
    assert figure.get_by_role("button", name="Try again").is_enabled()


def test_a_blocked_runtime_is_told_and_can_be_tried_again(reader):
    page = reader.open(PAGES[1])
    page.context.route("**/*.wasm", lambda route: route.abort())
    fails_with_a_word(start(page))
    page.context.unroute("**/*.wasm")
    reader.errors.clear()  # the browser logs the request that was blocked
    figure = page.locator("figure.baby-live").first
    figure.get_by_role("button", name="Try again").click()
    figure.locator(".baby-grid").wait_for()


def test_a_truncated_graph_is_told(reader):
    page = reader.open(PAGES[1])
    figure = page.locator("figure.baby-live").first
    drive(figure, "figure.data.graph = figure.data.graph.slice(0, 400)")
    fails_with_a_word(start(page))
    reader.errors.clear()


def test_an_exception_in_a_run_is_told(reader):
    name, index = first_that_trains()
    page = reader.open(name)
    figure = start(page, index)
    drive(figure, "delete figure.values[figure.data.controls[0].name]")
    figure.get_by_role("button", name="Step", exact=True).click()
    fails_with_a_word(figure)


def test_a_hung_runtime_is_told(reader):
    def stall(page):
        page.clock.install()
        page.context.route("**/ort.wasm.min.mjs", lambda route: None)

    page = reader.open(PAGES[1], before=stall)
    figure = page.locator("figure.baby-live").first
    figure.locator(".baby-start").click()
    page.clock.fast_forward(60_000)
    fails_with_a_word(figure)


def test_nothing_of_the_runtime_is_loaded_before_a_start(reader):
    asked = []
    page = reader.open(PAGES[1], before=lambda page: page.on("request", lambda request: asked.append(request.url)))
    page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "onnxruntime" in url or "worker" in url]


def test_a_figure_is_worked_with_the_keyboard(reader):
    name, index = first_that_trains()
    page = reader.open(name)
    figure = page.locator("figure.baby-live").nth(index)
    figure.locator(".baby-start").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(READY, arg=index)
    figure.get_by_role("button", name="Step", exact=True).focus()
    page.keyboard.press("Space")
    wait_for_step(figure, 1)
    slider = figure.locator("input[type=range]").first
    slider.focus()
    before = slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") != before


def test_a_figure_works_by_touch_on_a_phone(browser, site):
    name, index = first_that_trains()
    context = browser.new_context(viewport={"width": 375, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{site}book/{name}.html")
    figure = page.locator("figure.baby-live").nth(index)
    figure.locator(".baby-start").tap()
    page.wait_for_function(READY, arg=index)
    figure.get_by_role("button", name="Play", exact=True).tap()
    wait_for_step(figure, 5)
    slider = figure.locator("input[type=range]").first
    before = slider.input_value()
    slider.tap(position={"x": 5, "y": 10})
    assert slider.input_value() != before
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    context.close()


def test_pages_run_under_the_content_policy_of_the_guide(reader, site):
    guide = (ROOT / "book" / "teaching.md").read_text("utf-8")
    policy = " ".join(re.search(r"```\n(default-src .*?)\n```", guide, re.S).group(1).split())

    def strict(page):
        def answer(route):
            response = route.fetch()
            route.fulfill(response=response, headers={**response.headers, "content-security-policy": policy})

        page.context.route(f"{site}**", answer)

    page = reader.open(PAGES[1], before=strict)
    start(page)
    assert page.locator("figure.baby-live").first.get_attribute("data-state") == "ready"


def test_pages_work_below_any_path(browser, html_dir):
    with serve(html_dir.parent) as address:
        page = browser.new_page()
        page.goto(f"{address}{html_dir.name}/book/{PAGES[1]}.html")
        assert start(page).get_attribute("data-state") == "ready"
        page.close()


def test_a_page_opened_from_a_file_says_how_to_serve_it(browser, html_dir):
    page = browser.new_page()
    page.goto((html_dir / "book" / f"{PAGES[1]}.html").as_uri())
    figure = page.locator("figure.baby-live").first
    assert figure.locator("svg[role=img]").first.is_visible()
    assert "python -m http.server" in figure.inner_text()
    page.close()


def test_a_running_figure_is_accessible_in_light_and_in_dark(browser, site, axe_source):
    name, index = first_that_trains()
    page = browser.new_page()
    page.goto(f"{site}book/{name}.html")
    drive(start(page, index), "await figure.advance(3)")
    page.evaluate(axe_source)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(SETTLED)
        assert page.evaluate(AXE_RUN) == [], scheme
    page.close()


def test_without_scripts_the_picture_and_a_sentence_remain(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}book/{PAGES[1]}.html")
    figure = page.locator("figure.baby-live").first
    assert figure.locator("svg[role=img]").first.is_visible()
    assert "With JavaScript" in figure.inner_text()
    assert page.locator("button.baby-start").count() == 0
    context.close()


def test_an_update_says_how_long_it_takes(reader):
    name, index = first_that_trains()
    figure = start(reader.open(name), index)
    assert "ms an update" not in figure.inner_text()
    drive(figure, "await figure.advance(3)")
    assert re.search(r"[\d.]+ ms an update on this machine", figure.inner_text())


# Moves the first slider to its end and back, and counts the marks.
THERE_AND_BACK = """
  await figure.advance(5);
  const {name, kind, max, base, value} = figure.data.controls.find(control => "max" in control);
  const counts = [];
  for (const next of [kind === "log" ? base ** max : max, value]) {
    figure.moved(name, next, figure.inputs.get(name).show);
    while (figure.asking) await new Promise(next => setTimeout(next, 5));
    counts.push(figure.frame.marks.length);
  }
  return counts;
"""


def test_a_slider_moved_there_and_back_leaves_no_mark(reader):
    name, index = first_that_trains()
    assert drive(start(reader.open(name), index), THERE_AND_BACK) == [1, 0]


def test_weights_come_when_a_figure_starts_and_once(reader):
    asked = []

    def note(page):
        page.on("request", lambda request: asked.append(request.url) if ".f32" in request.url else None)

    page = reader.open("11_names", before=note)
    page.wait_for_load_state("networkidle")
    assert asked == []
    figure = start(page)
    drive(figure, "await figure.restart(); figure.seed = 1; await figure.restart()")
    assert [url.split("/")[-1] for url in asked] == ["names.f32"]


def test_weights_that_do_not_come_are_named(browser, site):
    page = browser.new_page()
    page.route("**/*.f32", lambda route: route.fulfill(status=404))
    page.goto(f"{site}book/11_names.html")
    figure = start(page)
    assert "names.f32 could not be loaded" in figure.inner_text()
    assert figure.locator("svg[role=img]").first.is_visible()
    page.close()


def test_clicks_set_the_sliders_of_a_figure_and_train_it(reader):
    page = reader.open("11_names")
    clicks, figure = page.locator(".baby-clicks"), page.locator("figure.baby-live")
    train = clicks.get_by_role("button", name="Train on my clicks")
    for _ in range(5):
        assert not train.is_visible()
        clicks.locator(".baby-clicks-choice").first.click()
    shown = clicks.locator(".baby-clicks-value").all_inner_texts()
    utilities = [float(text.replace("\u2212", "-")) for text in shown]
    assert len(set(utilities)) > 2
    train.click()
    page.wait_for_function(READY, arg=0)
    wait_for_step(figure, 3)
    drive(figure, "figure.pause()")
    sliders = figure.locator("input[type=range]")
    values = [float(slider.input_value()) for slider in sliders.all()][2:]  # behind kl_coeff and the learning rate
    np.testing.assert_allclose(values, utilities, atol=0.056)
    assert "trains on your utilities" in clicks.inner_text()
    other = reader.open("10_human_feedback")
    assert other.get_by_role("button", name="Train on my clicks").count() == 0
