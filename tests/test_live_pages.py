"""Every live figure of every built page, in a real browser with no kernel.

It starts, trains, moves, resets, shares its state, agrees with the kernel, and says so when it cannot run.
"""

from __future__ import annotations

import numpy as np
import pytest
from browser import AXE_RUN, needs_chromium, serve
from chapters import CHAPTERS, live_figures
from test_export import CLOSE, STEPS, run_in_torch

pytestmark = needs_chromium
PAGES = [path.stem for path in CHAPTERS]
READY = "index => ['ready', 'failed'].includes(document.querySelectorAll('figure.baby-live')[index].dataset.state)"

# What a figure draws now, as text: changes when the picture does.
DRAWN = "figure => [...figure.querySelectorAll('.baby-grid svg')].map(svg => svg.innerHTML).join()"
# Every series of one number as rows, the others as they are now.
SERIES = "figure => ({...figure.liveFigure.now, ...figure.liveFigure.frame.rows})"


@pytest.fixture
def open_page(browser, site):
    """Open a page of the book with every other host out of reach; at the end it must have met no error."""
    contexts, errors = [], []

    def opened(name: str, query: str = "", viewport=None, before=None):
        context = browser.new_context(viewport=viewport or {"width": 1280, "height": 900})
        contexts.append(context)
        context.route(lambda url: not url.startswith(site), lambda route: route.abort())
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        if before:
            before(page)
        page.goto(f"{site}book/{name}.html{query}")
        return page

    opened.errors = errors
    yield opened
    for context in contexts:
        context.close()
    assert not errors


def start(page, index: int = 0):
    """Press a figure's start button and wait until it runs or says why not."""
    figure = page.locator("figure.baby-live").nth(index)
    figure.locator(".baby-start").click()
    page.wait_for_function(READY, arg=index)
    return figure


def drive(figure, script: str):
    """Run a line of script on a figure's object, as the console would."""
    return figure.evaluate(f"async element => {{ const figure = element.liveFigure; {script} }}")


def wait_for_step(figure, step: int):
    """Wait until a figure has made so many updates."""
    figure.evaluate(
        "(element, step) => new Promise(done => { const look = () => element.liveFigure.frame.step >= step ? done()"
        " : setTimeout(look, 20); look(); })",
        step,
    )


@pytest.mark.parametrize("name", PAGES)
def test_figures_agree_with_the_kernel(open_page, name):
    page = open_page(name)
    figures = live_figures(CHAPTERS[PAGES.index(name)])
    assert page.locator("figure.baby-live").count() == len(figures)
    for index, kernel in enumerate(figures):
        figure = start(page, index)
        if kernel.start is not None:
            drive(figure, f"await figure.advance({STEPS})")
        here, there = run_in_torch(kernel, STEPS), figure.evaluate(SERIES)
        assert here.keys() == there.keys()
        for series, values in here.items():
            np.testing.assert_allclose(there[series], values, **CLOSE, err_msg=f"{kernel.caption}: {series}")


@pytest.mark.parametrize("name", PAGES)
def test_figures_do_what_a_reader_asks(open_page, name):
    page = open_page(name)
    for index in range(page.locator("figure.baby-live").count()):
        figure = start(page, index)
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
                control.evaluate(
                    """(label, position) => {
                      const input = label.querySelector("input, select");
                      if (input.type === "checkbox") input.checked = position === "max";
                      else if (input.type === "range") input.value = input[position];
                      else input.selectedIndex = position === "max" ? input.options.length - 1 : 0;
                      input.dispatchEvent(new Event("input", {bubbles: true}));
                    }""",
                    position,
                )
                drive(figure, "while (figure.asking) await new Promise(next => setTimeout(next, 5));")
                if trains:
                    drive(figure, "await figure.advance(3)")
                assert figure.get_attribute("data-state") == "ready"
                assert "undefined" not in figure.locator(".baby-status").first.inner_text()
                stopped = drive(figure, "return figure.trouble.length > 0")
                assert stopped or not trains or figure.evaluate(DRAWN) != before
        drive(figure, "await figure.use(figure.defaults())")
        if trains:
            figure.get_by_role("button", name="Reset", exact=True).click()
            drive(figure, "await figure.restart()")
        assert figure.evaluate(SERIES) == first


@pytest.mark.parametrize("name", PAGES)
def test_an_address_and_a_preset_restore_the_state(open_page, name):
    page = open_page(name)
    for index in range(page.locator("figure.baby-live").count()):
        figure = start(page, index)
        for preset in figure.locator(".baby-presets button").all():
            preset.click()
            assert figure.locator(".baby-sentence").inner_text()
            drive(figure, "figure.pause()")
        drive(
            figure,
            """
            await figure.use(figure.defaults());
            if (!figure.trains) return;
            await figure.advance(5);
            const {name, kind, min, max, base} = figure.data.controls[0];
            if (!["log", "linear"].includes(kind)) return;
            const middle = min + Math.round((max - min) / 4);
            figure.inputs.get(name).show(kind === "log" ? base ** middle : middle);
            figure.moved(name, kind === "log" ? base ** middle : middle, figure.inputs.get(name).show);
            while (figure.asking) await new Promise(next => setTimeout(next, 5));
            await figure.advance(5);
            """,
        )
        address = drive(figure, "return figure.address()")
        other = open_page(name, "?" + address.split("?")[1])
        other.wait_for_function(READY, arg=index)
        copy = other.locator("figure.baby-live").nth(index)
        wait_for_step(copy, drive(figure, "return figure.frame.step"))
        assert copy.evaluate(SERIES) == figure.evaluate(SERIES)


def first_that_trains() -> tuple[str, int]:
    """A chapter with a figure that trains, and which of its figures that is."""
    return next((p.stem, i) for p in CHAPTERS for i, f in enumerate(live_figures(p)) if f.start is not None)


@pytest.mark.parametrize("damage", ["kl_coeff=lots", "seed=-1", "step=1e99", "moves=x"])
def test_a_damaged_address_gives_the_defaults_with_a_word(open_page, damage):
    name, index = first_that_trains()
    page = open_page(name, f"?figure={index + 1}&{damage}")
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


def test_a_blocked_runtime_is_told_and_can_be_tried_again(open_page):
    page = open_page(PAGES[1])
    page.context.route("**/*.wasm", lambda route: route.abort())
    fails_with_a_word(start(page))
    page.context.unroute("**/*.wasm")
    open_page.errors.clear()  # the browser logs the request that was blocked
    figure = page.locator("figure.baby-live").first
    figure.get_by_role("button", name="Try again").click()
    figure.locator(".baby-grid").wait_for()


def test_a_truncated_graph_is_told(open_page):
    page = open_page(PAGES[1])
    figure = page.locator("figure.baby-live").first
    drive(figure, "figure.data.graph = figure.data.graph.slice(0, 400)")
    fails_with_a_word(start(page))
    open_page.errors.clear()


def test_an_exception_in_a_run_is_told(open_page):
    name, index = first_that_trains()
    page = open_page(name)
    figure = start(page, index)
    drive(figure, "delete figure.values[figure.data.controls[0].name]")
    figure.get_by_role("button", name="Step", exact=True).click()
    fails_with_a_word(figure)


def test_a_hung_runtime_is_told(open_page):
    def stall(page):
        page.clock.install()
        page.context.route("**/ort.wasm.min.mjs", lambda route: None)

    page = open_page(PAGES[1], before=stall)
    figure = page.locator("figure.baby-live").first
    figure.locator(".baby-start").click()
    page.clock.fast_forward(60_000)
    fails_with_a_word(figure)


def test_nothing_of_the_runtime_is_loaded_before_a_start(open_page):
    asked = []
    page = open_page(PAGES[1], before=lambda page: page.on("request", lambda request: asked.append(request.url)))
    page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "onnxruntime" in url or "worker" in url]


def test_a_figure_is_worked_with_the_keyboard(open_page):
    name, index = first_that_trains()
    page = open_page(name)
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


def test_pages_run_under_a_strict_content_policy(open_page, site):
    policy = (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:"
    )  # the theme's own inline scripts and styles ask for 'unsafe-inline' and data:

    def strict(page):
        def answer(route):
            response = route.fetch()
            route.fulfill(response=response, headers={**response.headers, "content-security-policy": policy})

        page.context.route(f"{site}**", answer)

    page = open_page(PAGES[1], before=strict)
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_running_figure_is_accessible(browser, site, axe_source, scheme):
    name, index = first_that_trains()
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{site}book/{name}.html")
    drive(start(page, index), "await figure.advance(3)")
    page.evaluate(axe_source)
    assert page.evaluate(AXE_RUN) == []
    context.close()


def test_without_scripts_the_picture_and_a_sentence_remain(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}book/{PAGES[1]}.html")
    figure = page.locator("figure.baby-live").first
    assert figure.locator("svg[role=img]").first.is_visible()
    assert "With JavaScript" in figure.inner_text()
    assert page.locator("button.baby-start").count() == 0
    context.close()
