"""Every live figure of every built page, in a real browser with no kernel.

It is there with the page, trains, moves, resets, shares its state, and says so when it cannot run. That it computes
what its graph does is in `test_agreement.py`.
"""

import re
import threading
from urllib.parse import urlsplit

import numpy as np
import pytest
from support.browser import PAINTED, SETTLED, Tabs, WithoutFormulas, axe_in, needs_chromium, serve
from support.chapters import CHAPTERS, ROOT
from support.graphs import published_data
from support.live_pages import (
    READY,
    SERIES,
    UNTIL,
    arrive,
    drive,
    first_that_trains,
    first_that_trains_first,
    start,
    wait_for_step,
)

pytestmark = needs_chromium
PAGES = [path.stem for path in CHAPTERS if published_data(path)]
ASLEEP = "IntersectionObserver.prototype.observe = () => {}"  # nothing starts by itself
# What a figure draws now, as text: changes when the picture does.
DRAWN = "figure => [...figure.querySelectorAll('.baby-canvas svg')].map(svg => svg.innerHTML).join()"


@pytest.fixture
def read(tabs, site):
    """Opens pages of the book, each for a new reader; nothing may go wrong there."""
    return lambda name, query="", **how: tabs.open(f"{site}book/{name}.html{query}", **how)


@pytest.fixture(scope="module")
def long_tabs(browser):
    """Tabs for pages that several tests look at."""
    tabs = Tabs(browser)
    yield tabs
    tabs.close()


@pytest.fixture(scope="module", params=PAGES)
def chapter(request, long_tabs, site):
    """A chapter with all its figures ready: its name and the figures."""
    page = long_tabs.open(f"{site}book/{request.param}.html")
    yield request.param, [arrive(page, index) for index in range(page.locator("figure.baby-live").count())]
    long_tabs.leave()


# Moves each control of a figure to both of its ends, as a reader's hand would, with a few updates behind each; tells
# after which of it the figure was not ready, had nothing to say, or went on and drew the same as before.
MOVE = """async element => {
  const figure = element.liveFigure;
  const frames = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const drawn = () => (DRAWN)(element);
  const to = (input, end) => {
    if (input.type === "checkbox") input.checked = end === "max";
    else if (input.type === "range") input.value = input[end];
    else if (input.type === "text") input.value = end === "max" ? "b" : "";
    else input.selectedIndex = end === "max" ? input.options.length - 1 : 0;
    input.dispatchEvent(new Event("input", {bubbles: true}));
  };
  const faults = [];
  for (const label of element.querySelectorAll(".baby-control")) {
    for (const end of ["min", "max"]) {
      const before = drawn();
      to(label.querySelector("input, select"), end);
      if (figure.trains) await figure.advance(3);
      await frames();
      const fault = what => faults.push(`${label.innerText} at ${end}: ${what}`);
      if (element.dataset.state !== "ready") fault(element.dataset.state);
      if (element.querySelector(".baby-status").innerText.includes("undefined")) fault("undefined");
      if (figure.trains && !figure.trouble.length && drawn() === before) fault("draws the same");
    }
  }
  return faults;
}""".replace("DRAWN", DRAWN)
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
  await figure.advance(5);
  const playing = figure.play();
  await sleep(60);
  move(0.5);
  await sleep(60);
  move(0.4);
  figure.pause();
  await playing;
"""


def test_figures_do_what_a_reader_asks(chapter):
    for figure in chapter[1]:
        drive(figure, "await figure.use(figure.defaults())")
        for skip in figure.get_by_role("button", name="Skip", exact=True).all():  # a guess hides the run before it
            skip.click()
        first, drawn = figure.evaluate(SERIES), figure.evaluate(DRAWN)
        play = figure.get_by_role("button", name="Play", exact=True)
        trains = play.count() > 0
        assert trains == drive(figure, "return figure.trains")
        if trains:
            play.click()
            wait_for_step(figure, 8)
            drive(figure, "figure.pause()")
            assert figure.evaluate(DRAWN) != drawn
        assert figure.evaluate(MOVE) == []
        drive(figure, "await figure.use(figure.defaults())")
        if trains:
            drive(figure, "await figure.advance(2)")
            figure.get_by_role("button", name="Reset", exact=True).click()
            figure.evaluate(UNTIL, "figure.frame.step === 0")
        assert figure.evaluate(SERIES) == first


def test_running_figures_fit_a_window_at_400_percent(chapter):
    page = chapter[1][0].page
    page.set_viewport_size({"width": 320 - 15, "height": 800})  # less a scroll bar
    page.evaluate(PAINTED)
    assert page.evaluate("document.documentElement.scrollWidth") == 320 - 15
    page.set_viewport_size({"width": 1280, "height": 900})


def test_an_address_and_a_preset_restore_the_state(chapter, read):
    name, figures = chapter
    addresses = []
    for figure in figures:
        for preset in figure.locator(".baby-presets button").all():
            preset.click()
            figure.evaluate(UNTIL, "figure.sentence.textContent && (figure.playing || !figure.trains)")
            wanted = drive(figure, f"return figure.data.presets.find(one => one.name === {preset.inner_text()!r})")
            values = drive(figure, "figure.pause(); return figure.values")
            assert figure.locator(".baby-sentence").first.inner_text() == wanted["text"]
            assert values == drive(figure, "return figure.defaults()") | wanted["values"]
        drive(figure, WANDER)
        addresses.append("?" + drive(figure, "return figure.address()").split("?")[1])
    page = read(name, addresses[0])  # and what it does there, the other figures do with theirs
    for index, (figure, address) in enumerate(zip(figures, addresses, strict=True)):
        copy = arrive(page, index)
        if index:
            copy.evaluate(AS_FROM_AN_ADDRESS, address)
        assert copy.evaluate(SERIES) == figure.evaluate(SERIES)


AS_FROM_AN_ADDRESS = """async ({liveFigure: figure}, query) => {
  figure.started = null;
  await figure.start(figure.settingsFrom(new URLSearchParams(query)));
}"""


@pytest.mark.parametrize(
    "damage", ["learning_rate=lots", "seed=-1", "step=1e99", "moves=x", "step=9&until=3", "step=3&moves=4:seed:1"]
)
def test_a_damaged_address_gives_the_defaults_with_a_word(read, damage):
    name, index = first_that_trains()
    page = read(name, f"?figure={index + 1}&{damage}")
    page.wait_for_function(READY, arg=index)
    figure = page.locator("figure.baby-live").nth(index)
    assert "does not fit" in figure.locator(".baby-notice").first.inner_text()
    assert drive(figure, "return JSON.stringify(figure.values) === JSON.stringify(figure.defaults())")
    assert drive(figure, "return figure.frame.step === figure.data.steps")


def fails_with_a_word(figure):
    """The figure says that it could not run, shows its picture again, and offers another try."""
    figure.locator(".baby-status.baby-error", has_text="could not run").first.wait_for()
    assert figure.get_attribute("data-state") == "failed"
    assert figure.locator(".baby-still").first.is_visible()
    assert figure.get_by_role("button", name="Try again").is_enabled()


def test_a_browser_without_webassembly_is_told_and_can_be_tried_again(read):
    page = read(PAGES[1], script=BLOCKED)
    figure = arrive(page)
    fails_with_a_word(figure)
    page.evaluate("() => { WebAssembly.compile = kept; }")
    figure.get_by_role("button", name="Try again").click()
    page.wait_for_function("document.querySelector('figure.baby-live').dataset.state === 'ready'")
    assert figure.get_by_role("button", name="Play", exact=True).is_visible()
    assert "could not run" not in figure.locator(".baby-status").first.inner_text()


BLOCKED = "globalThis.kept = WebAssembly.compile; WebAssembly.compile = async () => { throw new Error('blocked'); }"


@pytest.mark.parametrize("damage", ["figure.data.module.slice(0, 400)", "undefined"])
def test_a_damaged_or_missing_module_is_told(read, damage):
    page = read(PAGES[1])
    figure = arrive(page)
    drive(figure, f"figure.started = null; figure.data.module = {damage}; await figure.start()")
    fails_with_a_word(figure)


def test_another_try_is_made_at_what_a_link_says(read):
    name, index = first_that_trains()
    query = f"?figure={index + 1}&kl_coeff=0.03&seed=1&step=7"
    page = read(name, query, script=BLOCKED)
    figure = arrive(page, index)
    fails_with_a_word(figure)
    page.evaluate("() => { WebAssembly.compile = kept; }")
    figure.get_by_role("button", name="Try again").click()
    figure.evaluate(UNTIL, "figure.element.dataset.state === 'ready'")
    assert drive(figure, "return [figure.frame.step, figure.seed, figure.values.kl_coeff]") == [7, 1, 0.03]


def first_that_plays(read):
    """A page that opens with a figure that trains, and this figure, brought into view: it plays by itself."""
    name, index = first_that_trains_first()
    page = read(name, motion="no-preference")
    figure = page.locator("figure.baby-live").nth(index)
    figure.locator(".baby-first").scroll_into_view_if_needed()
    return page, figure


def test_an_exception_in_a_run_that_plays_by_itself_is_told(read):
    _, figure = first_that_plays(read)
    figure.evaluate(UNTIL, "figure.playing")
    drive(figure, "figure.engine.model = () => { throw new Error('unreachable') }")
    fails_with_a_word(figure)


def test_step_stops_a_run_that_plays(read):
    name, index = first_that_trains()
    figure = start(read(name), index)
    figure.get_by_role("button", name="Play", exact=True).click()
    wait_for_step(figure, 3)
    step = drive(figure, "await figure.step(); return figure.frame.step")
    assert figure.get_by_role("button", name="Play", exact=True).is_visible()
    figure.page.wait_for_timeout(300)
    assert drive(figure, "return figure.frame.step") == step


# Hears what observers hear, so that a test can say it too: `tell` gives the observer of a panel some entries at once.
TOLD = """globalThis.tell = null;
globalThis.IntersectionObserver = class extends IntersectionObserver {
  constructor(hear, options) {
    super(hear, options);
    if (!options?.threshold) return;
    globalThis.tell = (...seen) => hear(seen.map((isIntersecting) => ({ isIntersecting })), this);
  }
};"""


def test_of_what_was_seen_the_last_counts(read):
    name, index = first_that_trains_first()
    page = read(name, motion="no-preference", script=TOLD)
    figure = page.locator("figure.baby-live").nth(index)
    figure.locator(".baby-first").scroll_into_view_if_needed()
    figure.evaluate(UNTIL, "figure.playing")
    page.evaluate("tell(true, false)")
    assert not drive(figure, "return figure.playing")
    page.evaluate("tell(false, true)")
    figure.evaluate(UNTIL, "figure.playing")


def test_an_exception_in_a_run_is_told(read):
    name, index = first_that_trains()
    page = read(name)
    figure = start(page, index)
    drive(figure, "figure.engine.model = () => { throw new Error('unreachable') }")
    figure.get_by_role("button", name="Step", exact=True).click()
    fails_with_a_word(figure)


def test_a_page_asks_for_its_own_files_and_no_others_after_it_is_there(read):
    asked = []
    page = read(PAGES[1], before=lambda page: page.on("request", lambda request: asked.append(request.url)))
    page.wait_for_load_state("networkidle")
    here = len(asked)
    drive(start(page), "await figure.advance(3)")
    assert [url for url in asked[here:] if "favicon" not in url] == []
    assert not [url for url in asked if re.search(r"onnx|worker|\.mjs|\.wasm", url)]


def test_controls_are_there_before_anything_is_computed(read):
    """Its page is there, scripts have run, and no figure has come near the window yet."""
    name, index = first_that_trains()
    page = read(name, script=ASLEEP)
    figure = page.locator("figure.baby-live").nth(index)
    for button in ("Play", "Step", "Reset", "Copy a link to this state"):
        assert figure.get_by_role("button", name=button, exact=True).is_visible()
    assert figure.locator(".baby-controls input[type=range]").first.is_visible()
    assert figure.locator("svg.baby-still").first.is_visible()
    figure.get_by_role("button", name="Play", exact=True).click()  # one click, and it runs
    figure.evaluate(UNTIL, "figure.playing && figure.frame.step > 3")


# Does to every figure of a page what a reader may do, and tells what moved, or lost the focus, anywhere on the page but
# inside of drawings. It also tells which pictures are too small to read, or too far from what changes them.
LAYOUT = r"""async phone => {
  const faults = [];
  const frames = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const { closest } = Element.prototype; // a form calls its fields by name, and one of them is "closest"
  const all = [...document.querySelectorAll("body, body *")]
    .filter(e => !closest.call(e, "svg *, .baby-time *, mjx-container, option, .baby-still"))
    .filter(e => !e.matches("script, baby-live-end"));
  const place = e => {
    const {left, top, width, height} = e.getBoundingClientRect();
    return [left, top + scrollY, width, height];
  };
  const told = e => `${e.tagName}.${e.className.baseVal ?? e.className} ${e.textContent.slice(0, 30)}`;
  for (const [index, element] of [...document.querySelectorAll("figure.baby-live")].entries()) {
    const figure = element.liveFigure;
    const fault = (what, words) => faults.length < 12 && faults.push(`figure ${index + 1}, ${what}: ${words}`);
    const before = new Map(all.map(e => [e, place(e)]));
    const own = [document.body, ...all.filter(e => element.contains(e))];
    const focused = element.querySelector(".baby-control input, .baby-control select");
    focused.focus({preventScroll: true});
    const same = async (what, which = own) => {
      await frames();
      for (const e of which) {
        const by = Math.max(...place(e).map((v, i) => Math.abs(v - before.get(e)[i])));
        if (by > 0.5) fault(what, `${by.toFixed(1)} px: ${told(e)}`);
      }
      if (document.activeElement !== focused) fault(what, `the focus is on ${told(document.activeElement)}`);
    };
    await figure.start();
    await same("start", all);
    if (figure.trains) {
      await figure.restart(); await same("reset");
      figure.play(); await frames(); await same("play"); figure.pause();
      await figure.step(); await same("step");
      await figure.advance(figure.data.steps); await same("end");
    }
    for (const button of element.querySelectorAll(".baby-presets button")) {
      button.click(); await frames(); figure.pause(); await same(button.textContent);
    }
    const times = [];
    for (const {name, kind, options, min, max, base} of figure.data.controls) {
      const {show} = figure.inputs.get(name);
      const ends = options?.map(([, value]) => value) ?? {switch: [0, 1], word: ["", "abc"]}[kind] ?? [min, max];
      for (const end of ends) {
        const begun = performance.now();
        figure.moved(name, kind === "log" ? base ** end : end, show);
        times.push(performance.now() - begun);
        await same(`${name} at ${end}`);
      }
    }
    const least = Math.min(...times); // what it takes when nothing else takes the processor
    const alone = times.map(() => {
      const begun = performance.now();
      figure.engine.evaluate(figure.values);
      return performance.now() - begun;
    });
    const ours = least - Math.min(...alone); // an update of chapter 11 has budgets of its own
    if (ours > 16) fault("a moved slider", `takes ${ours.toFixed(0)} ms, the module aside`);
    const {says} = figure.data;
    for (const say of says) {
      figure.data.says = [{...say, above: -Infinity, below: Infinity}];
      figure.paint(); await same(say.text);
    }
    figure.data.says = says;
    figure.trouble = Object.keys(figure.data.spec.panels[0].looks).slice(0, 2); figure.paint(); await same("stop");
    figure.trouble = []; figure.paint();
    figure.say("The link is in your clipboard: this run, to the last bit, in every browser."); await same("link");
    for (const text of element.querySelectorAll(".baby-place text")) {
      if (parseFloat(getComputedStyle(text).fontSize) < 11) fault("text", text.textContent);
    }
    const panes = [...element.querySelectorAll(".baby-place > svg > svg")];
    for (const side of ["x", "width"]) {
      const sides = new Set(panes.map(pane => pane.getAttribute(side)));
      if (sides.size > 1) fault("edges of panels", [...sides].join());
    }
    const top = e => e.getBoundingClientRect().top - element.getBoundingClientRect().top;
    const bottom = e => top(e) + e.getBoundingClientRect().height;
    const sliders = [...element.querySelectorAll(".baby-control :is(input, select)")];
    const presets = element.querySelector(".baby-presets");
    const reach = bottom(sliders[0]) - top(element.querySelector(".baby-first"));
    if (phone && reach > 740) fault("first slider", `${reach} px below the top of the first picture`);
    if (phone && presets && bottom(presets) > 1.3 * 800) fault("presets", `end at ${bottom(presets)}`);
    figure.fail(new Error("its module is missing")); await same("failure", all);
  }
  return faults;
}"""


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_moves_whatever_a_figure_does(read, name, width):
    """And what is drawn is large enough, in line, and near what changes it."""
    page = read(name, size=(width, 800), script=f"{ASLEEP}; {SHIFTS}")
    assert page.evaluate("shifted") == [], "while the page was read"
    page.evaluate(PAINTED)  # the theme has scrolled its contents to this page
    page.evaluate("scrollTo(0, 2000); scrollTo(0, 1000)")  # a pill "Back to top" would lie on the controls of a phone
    assert width > 375 or not page.locator("#pst-back-to-top").is_visible()
    assert page.evaluate(LAYOUT, width == 375) == []


def test_nothing_of_a_figure_shows_before_all_of_it_is_there(browser, html_dir):
    """A page comes in parts, and is painted between them."""
    name, seen = PAGES[1], threading.Event()
    page_bytes = (html_dir / "book" / f"{name}.html").read_bytes()
    cut = page_bytes.index(b"<baby-live-end") - 100

    class InTwoParts(WithoutFormulas):
        def do_GET(self):  # noqa: N802
            if not self.path.endswith(f"/{name}.html"):
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page_bytes[:cut])
            self.wfile.flush()
            seen.wait(20)
            self.wfile.write(page_bytes[cut:])

    with serve(html_dir, InTwoParts) as site:
        page = browser.new_page(viewport={"width": 1280, "height": 4000})
        page.add_init_script(ASLEEP)
        page.add_init_script(SHIFTS)
        page.goto(f"{site}book/{name}.html", wait_until="commit")
        page.wait_for_function("() => document.querySelector('figure.baby-live > figcaption')")
        page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
        page.evaluate(PAINTED)
        seen.set()
        page.wait_for_load_state()
        page.evaluate(PAINTED)
        caption = page.locator("figure.baby-live > figcaption").first
        assert caption.evaluate("caption => getComputedStyle(caption).visibility") == "visible"
        assert page.evaluate("shifted") == []
        page.close()


SHIFTS = """globalThis.shifted = [];
new PerformanceObserver(list => {
  const nodes = list.getEntries().flatMap(entry => entry.sources.map(({node}) => node));
  shifted.push(...nodes.filter(node => node?.closest?.("figure.baby-live")).map(node => node.outerHTML.slice(0, 99)));
}).observe({type: "layout-shift", buffered: true});"""


def test_the_first_figure_plays_by_itself_while_it_is_seen_until_a_reader_touches_it(read):
    page, figure = first_that_plays(read)
    figure.evaluate(UNTIL, "figure.playing && figure.frame.step > 2 && figure.frame.step < figure.data.steps")
    for other in page.locator("figure.baby-live").all()[1:]:
        assert not drive(other, "return Boolean(figure.playing || figure.alone)")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    figure.evaluate(UNTIL, "!figure.playing")
    step = drive(figure, "return figure.frame.step")
    figure.locator(".baby-first").scroll_into_view_if_needed()
    figure.evaluate(UNTIL, f"figure.playing && figure.frame.step > {step}")
    page.evaluate(HIDDEN, True)
    figure.evaluate(UNTIL, "!figure.playing")
    page.evaluate(HIDDEN, False)
    figure.evaluate(UNTIL, "figure.playing")
    figure.locator(".baby-controls input[type=range]").first.press("ArrowRight")
    figure.evaluate(UNTIL, "!figure.playing")
    page.evaluate(HIDDEN, True)
    page.evaluate(HIDDEN, False)
    assert not drive(figure, "return figure.playing || figure.alone")
    figure.get_by_role("button", name="Play", exact=True).click()
    figure.evaluate(UNTIL, "figure.playing")
    _, pausing = first_that_plays(read)
    pausing.evaluate(UNTIL, "figure.playing")
    pausing.get_by_role("button", name="Pause", exact=True).click()
    assert not drive(pausing, "return figure.playing || figure.alone")


HIDDEN = """hidden => {
  Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_nothing_plays_by_itself_for_who_wants_less_motion(read):
    name, index = first_that_trains_first()
    figure = arrive(read(name), index)
    assert drive(figure, "return figure.frame.step === figure.data.steps && !figure.playing && !figure.alone")


def test_a_figure_is_worked_with_the_keyboard(read):
    name, index = first_that_trains()
    page = read(name)
    figure = start(page, index)
    figure.get_by_role("button", name="Step", exact=True).focus()
    page.keyboard.press("Space")
    wait_for_step(figure, 1)
    slider = figure.locator(".baby-controls input[type=range]").first
    slider.focus()
    before = slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") != before


# Goes to updates of a run, and tells all that is shown there: series, settings, status.
VISIT = """async ([{liveFigure: figure}, steps]) => {
  const seen = [];
  for (const step of steps) {
    await figure.seek(step);
    seen.push([figure.frame.step, {...figure.values}, JSON.stringify(figure.now), figure.line.textContent]);
  }
  return seen;
}"""
# Plays on beyond the default run, moves a slider on the way, and tells what is shown at each update.
PLAY_ON = """
  await figure.restart();
  const seen = [];
  const paint = figure.paint;
  const {name, min, max, base, kind} = figure.data.controls.find(control => "max" in control);
  const move = part => {
    const place = min + (max - min) * part;
    figure.moved(name, kind === "log" ? base ** place : place, figure.inputs.get(name).show);
  };
  for (let step = 0; step <= figure.data.steps + 40; step++) {
    if (step === 30) move(0.75);
    if (step === figure.data.steps + 10) move(0.25);
    seen.push([figure.frame.step, {...figure.values}, JSON.stringify(figure.now), figure.line.textContent]);
    await figure.step();
  }
  return seen;
"""


def test_a_run_has_no_end_and_a_rewound_run_is_the_same_run(read):
    """To the last bit, whatever there is to see; and a link opens the update that was shown, and what came after."""
    name, index = first_that_trains()
    figure = start(read(name), index)
    seen = drive(figure, PLAY_ON)
    steps = drive(figure, "return figure.data.steps")
    reached = steps + 41
    assert seen[-1][0] == reached - 1
    assert drive(figure, "return [figure.run.reached, figure.frame.width]") == [reached, steps * 1.5]
    assert len(drive(figure, "return figure.frame.marks")) == 2
    series = figure.evaluate(SERIES)
    there = [steps, 29, 30, 3, steps + 10, steps + 9, 0, 31]
    pair = "[figure, steps]"
    assert figure.evaluate(f"(figure, steps) => ({VISIT})({pair})", there) == [seen[step] for step in there]
    drive(figure, "await figure.advance(9)")
    assert drive(figure, "return JSON.stringify(figure.now)") == seen[40][2]
    rows = figure.evaluate("figure => figure.liveFigure.frame.rows")
    assert rows == {name: series[name] for name in rows}
    address = "?" + drive(figure, "return figure.address()").split("?")[1]
    assert f"step=40&until={reached}" in address
    copy = arrive(read(name, address), index)
    assert drive(copy, "return [figure.frame.step, figure.run.reached]") == [40, reached]
    assert copy.evaluate(SERIES) == figure.evaluate(SERIES)
    whole = figure.evaluate("figure => figure.liveFigure.frame.rows")
    drive(
        figure,
        "const c = figure.data.controls.find(one => 'max' in one); "
        "figure.moved(c.name, c.value * 0.77, figure.inputs.get(c.name).show)",
    )
    figure.evaluate(UNTIL, "figure.run.reached === 40 && figure.frame.step === 40")
    assert drive(figure, "return figure.frame.previous") == whole, "what came after stays as the run before"


# The figure shows the update to which its line of time was moved.
THERE = "!figure.seeking && figure.frame.step === Number(figure.element.querySelector('.baby-time input').value)"


def test_the_line_of_time_by_keys_and_by_hand(read):
    """The whole figure shows that update; the line is where the axis of the curves is."""
    name, index = first_that_trains()
    page = read(name)
    figure = start(page, index)
    drive(figure, "await figure.advance(figure.data.steps)")
    steps = drive(figure, "return figure.data.steps")
    line = figure.get_by_role("slider", name="update", exact=True)
    line.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    figure.evaluate(UNTIL, f"figure.frame.step === {steps - 2} && !figure.seeking")
    assert figure.locator(".baby-status").first.inner_text().startswith(f"Update {steps - 2}: ")
    page.keyboard.press("Home")
    figure.evaluate(UNTIL, "figure.frame.step === 0 && !figure.seeking")
    page.keyboard.press("End")
    figure.evaluate(UNTIL, f"figure.frame.step === {steps} && !figure.seeking")
    pane = figure.locator(".baby-curves .baby-place > svg > svg").first.bounding_box()
    for part in (0.25, 0.6):
        x = pane["x"] + part * pane["width"]
        box = line.bounding_box()
        page.mouse.move(pane["x"] + pane["width"], box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(x, box["y"] + box["height"] / 2, steps=3)
        page.mouse.up()
        figure.evaluate(UNTIL, THERE)
        by_line = drive(figure, "return figure.frame.step")
        assert abs(by_line - part * steps) <= 0.02 * steps
        page.mouse.move(x + 40, pane["y"] + 20)
        page.mouse.down()
        page.mouse.move(x, pane["y"] + 20, steps=3)
        page.mouse.up()
        figure.evaluate(UNTIL, THERE)
        assert abs(drive(figure, "return figure.frame.step") - part * steps) <= 1
    figure.get_by_role("button", name="Step", exact=True).click()  # and it goes on from there
    figure.evaluate(UNTIL, "figure.frame.step === figure.wanted + 1")
    assert drive(figure, "return figure.run.reached") == steps


@pytest.mark.parametrize(("name", "count"), [("04_ppo", 1), ("make_your_own", 0)])
def test_one_seed_alone_is_no_choice(read, name, count):
    figure = arrive(read(name))
    assert figure.get_by_role("combobox", name="seed", exact=True).count() == count


def test_a_figure_works_by_touch_on_a_phone(tabs, whole_site):
    name, index = first_that_trains()
    page = tabs.open(
        f"{whole_site}book/{name}.html", size=(375, 800), motion="no-preference", has_touch=True, is_mobile=True
    )
    figure = start(page, index)
    figure.get_by_role("button", name="Play", exact=True).tap()
    wait_for_step(figure, 5)
    slider = figure.locator(".baby-controls input[type=range]").first
    before = slider.input_value()
    slider.tap(position={"x": 120, "y": 10})
    assert slider.input_value() != before
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_pages_run_under_the_content_policy_of_the_guide(tabs, whole_site):
    guide = (ROOT / "book" / "teaching.md").read_text("utf-8")
    policy = " ".join(re.search(r"```\n(default-src .*?)\n```", guide, re.S).group(1).split())

    def strict(page):
        def answer(route):
            response = route.fetch()
            route.fulfill(response=response, headers={**response.headers, "content-security-policy": policy})

        page.context.route(f"{whole_site}**", answer)

    page = tabs.open(f"{whole_site}book/{PAGES[1]}.html", before=strict)
    start(page)
    assert page.locator("figure.baby-live").first.get_attribute("data-state") == "ready"


def test_pages_work_below_any_path(browser, html_dir):
    with serve(html_dir.parent) as address:
        page = browser.new_page()
        page.goto(f"{address}{html_dir.name}/book/{PAGES[1]}.html")
        assert start(page).get_attribute("data-state") == "ready"
        page.close()


AXE_FIGURE = axe_in("#seen")


def test_a_running_figure_is_accessible_in_light_and_in_dark(read, axe_source):
    """What is around it is looked at in `test_pages.py`."""
    name, index = first_that_trains()
    page = read(name)
    figure = start(page, index)
    drive(figure, "await figure.advance(3)")
    figure.evaluate("figure => { figure.id = 'seen'; }")
    page.evaluate(axe_source)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(SETTLED)
        assert page.evaluate(AXE_FIGURE) == [], scheme


def test_without_scripts_the_picture_and_a_sentence_remain(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}book/{PAGES[1]}.html")
    figure = page.locator("figure.baby-live").first
    assert figure.locator("svg[role=img]").first.is_visible()
    assert "With JavaScript" in figure.inner_text()
    assert figure.locator("button").count() == 0
    context.close()


def test_an_update_says_how_long_it_takes(read):
    name, index = first_that_trains()
    figure = start(read(name), index)
    drive(figure, "await figure.advance(3)")
    assert re.search(r"[\d.]+ ms an update", figure.inner_text())


# Moves the first slider to its end and back, and counts the marks.
THERE_AND_BACK = """
  await figure.advance(5);
  const {name, kind, max, base, value} = figure.data.controls.find(control => "max" in control);
  const counts = [];
  for (const next of [kind === "log" ? base ** max : max, value]) {
    figure.moved(name, next, figure.inputs.get(name).show);
    counts.push(figure.frame.marks.length);
  }
  return counts;
"""


def test_a_slider_moved_there_and_back_leaves_no_mark(read):
    name, index = first_that_trains()
    assert drive(start(read(name), index), THERE_AND_BACK) == [1, 0]


def test_weights_come_once_and_when_a_figure_needs_them(read):
    asked = []

    def note(page):
        page.on("request", lambda request: asked.append(request.url) if ".f32" in request.url else None)
        page.add_init_script(ASLEEP)  # nothing starts by itself

    page = read("11_names", before=note)
    page.wait_for_load_state("networkidle")
    assert asked == []
    figure = page.locator("figure.baby-live").first
    drive(figure, "await figure.start(); await figure.restart(); figure.seed = 1; await figure.restart()")
    assert [urlsplit(url).path.split("/")[-1] for url in asked] == ["names.f32.js"]


def test_weights_that_do_not_come_are_named(browser, site):
    page = browser.new_page()
    page.route("**/*.f32.js", lambda route: route.fulfill(status=404))
    page.goto(f"{site}book/11_names.html")
    figure = arrive(page)
    assert "names.f32 could not be loaded" in figure.locator(".baby-status").first.inner_text()
    assert figure.locator("svg.baby-still").first.is_visible()
    page.close()


def test_clicks_set_the_sliders_of_a_figure_and_train_it(read):
    page = read("11_names")
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
    sliders = figure.locator(".baby-controls input[type=range]")
    values = [float(slider.input_value()) for slider in sliders.all()][2:]  # behind kl_coeff and the learning rate
    np.testing.assert_allclose(values, utilities, atol=0.056)
    assert "trains on your utilities" in clicks.inner_text()
    other = read("10_human_feedback")
    assert other.get_by_role("button", name="Train on my clicks").count() == 0


def test_what_a_figure_draws_makes_the_stock_theme_do_nothing(read):
    """After an element comes anywhere else it measures all blocks of code, and lays the page out for each."""
    name, index = first_that_trains()
    figure = start(read(name), index)
    figure.page.evaluate(
        """() => {
          const measured = { get: () => { looks += 1; return 0; } };
          Object.defineProperty(document.querySelector("#main-content pre"), "scrollWidth", measured);
          window.looks = 0;
          document.querySelector("#main-content h1").append(document.createElement("i"));
        }"""
    )
    figure.page.wait_for_function("looks > 0")
    figure.evaluate("figure => { looks = 0; figure.querySelector('svg').append(document.createElement('i')); }")
    figure.page.wait_for_timeout(600)  # twice as long as the theme waits
    assert figure.page.evaluate("looks") == 0
