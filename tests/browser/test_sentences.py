"""Sentences that act, in a built page: a link sets its figure and runs it, and leads back, by keyboard alone."""

import functools

import pytest
from support.acts import Asked, sentences
from support.browser import PAINTED, needs_chromium
from support.chapters import CHAPTERS
from support.graphs import published_data
from support.live_pages import SERIES, UNTIL

from rlhf_helpers.live.acts import act_of

pytestmark = needs_chromium
# The first sentence of a page that has a move in it; such a run is the hardest to get right.
PAGE, MOVING = next(
    (path.stem, place)
    for path in CHAPTERS
    for place, asked in enumerate(asked for asked in sentences(path) if asked.chapter == path.stem)
    if "moves" in asked.query
)
# What a reader sees of a figure that was called: its run, its line, and where the focus and the page are.
SEEN = """element => {
  const {values, seed, frame} = element.liveFigure;
  const {top} = element.querySelector(".baby-grid").getBoundingClientRect();
  return {values, seed, step: frame.step, marks: frame.marks, top,
          said: element.querySelector(".baby-sentence").innerText,
          focus: document.activeElement.textContent, width: innerWidth, height: document.body.scrollHeight};
}"""

# How much higher the line of a figure's sentence gets with what a link asks for.
ROOM = """([element, query]) => {
  const figure = element.liveFigure;
  const {values, seed, changes} = figure.settingsFrom(new URLSearchParams(`step=${figure.data.steps}&${query}`));
  const height = () => figure.sentence.parentElement.getBoundingClientRect().height;
  const empty = height();
  const back = document.createElement("button");
  Object.assign(back, {className: "baby-back", textContent: "Back to the text"});
  element.classList.add("baby-called");
  figure.sentence.replaceChildren(`${figure.told(values, seed, changes)} `, back);
  const grown = height() - empty;
  element.classList.remove("baby-called");
  figure.sentence.replaceChildren();
  return grown;
}"""


def path_of(stem):
    return next(path for path in CHAPTERS if path.stem == stem)


@functools.cache
def names_of(chapter):
    return [data["spec"].get("name") for data in published_data(path_of(chapter))]


def figure_of(page, chapter, name):
    return page.locator("figure.baby-live").nth(names_of(chapter).index(name))


def links(page):
    return page.locator("a.baby-act[href^='#']")


def asked_by(link) -> Asked:
    """What a link asks, as the notebook has it."""
    figure, query = link.get_attribute("href")[1:].split("?")
    return next(asked for asked in sentences(path_of(PAGE)) if (asked.figure, asked.query) == (figure, query))


@pytest.mark.parametrize("width", [1280, 375])
def test_a_sentence_sets_its_figure_and_runs_it_by_keyboard_alone(tabs, site, width):
    page = tabs.open(f"{site}book/{PAGE}.html", size=(width, 800))
    link = links(page).nth(MOVING)
    asked = asked_by(link)
    act = act_of(asked.query)
    figure = figure_of(page, PAGE, asked.figure)
    link.focus()
    before = page.evaluate("scrollY"), page.evaluate("document.body.scrollHeight")
    page.keyboard.press("Enter")  # no figure was started before: it is far away
    figure.evaluate(UNTIL, f"figure.frame.marks?.length === {len(act.moves)} && !figure.playing")
    seen = figure.evaluate(SEEN)
    assert seen["step"] == figure.evaluate("element => element.liveFigure.data.steps")
    assert seen["values"] == pytest.approx({**seen["values"], **act.values, **{n: v for _, n, v in act.moves}})
    assert [mark["step"] for mark in seen["marks"]] == [step for step, _, _ in act.moves]
    assert seen["said"].startswith("Set: ")
    assert all(f"{name} {value:g} at update {step}" in seen["said"] for step, name, value in act.moves)
    assert 0 <= seen["top"] < 200
    assert seen["focus"] == "Play"
    assert seen["height"] == pytest.approx(before[1], abs=0.5)  # nothing moved
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('href')") == link.get_attribute("href")
    assert page.evaluate("scrollY") == pytest.approx(before[0], abs=800)
    # the same run as that of a link to its state, to the last bit
    address, series = figure.evaluate("element => element.liveFigure.address()"), figure.evaluate(SERIES)
    page.goto(address)
    figure.evaluate(UNTIL, "figure.element.dataset.state === 'ready'")
    assert figure.evaluate(SERIES) == series


def test_on_a_wide_screen_the_figure_stands_beside_its_sentence(tabs, site):
    page = tabs.open(f"{site}book/{PAGE}.html", size=(1600, 900))
    link = links(page).nth(MOVING)
    link.scroll_into_view_if_needed()
    where = "link => [scrollY, document.body.scrollHeight, link.closest('li, p').getBoundingClientRect().right]"
    before = link.evaluate(where)
    link.click()
    figure = page.locator(".baby-beside")
    figure.evaluate(UNTIL, "figure.frame.marks?.length && !figure.playing")
    box = figure.bounding_box()
    assert link.evaluate(where) == pytest.approx(before, abs=1)  # nothing moved; a height is a whole number
    assert before[2] <= box["x"]
    assert box["x"] + box["width"] <= 1600
    assert 0 <= box["y"] <= box["y"] + box["height"] <= 900
    page.keyboard.press("Escape")
    page.evaluate(PAINTED)
    assert page.locator(".baby-beside").count() == 0
    assert link.evaluate(where) == pytest.approx(before, abs=1)
    assert page.evaluate("document.activeElement.getAttribute('href')") == link.get_attribute("href")


def test_an_explanation_of_a_question_shows_it_by_keyboard_alone(tabs, site):
    page = tabs.open(f"{site}book/03_ppo_ratio.html")
    choice = page.locator("details:has(.baby-see[href^='#clip?'])").first
    choice.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    link = choice.locator(".baby-see")
    href = page.evaluate("document.activeElement.getAttribute('href')")
    assert href == link.get_attribute("href")
    page.keyboard.press("Enter")
    figure = figure_of(page, "03_ppo_ratio", "clip")
    figure.evaluate(UNTIL, "figure.sentence.textContent")
    values = act_of(href.partition("?")[2]).values
    assert figure.evaluate("element => element.liveFigure.values") == pytest.approx({"clip_eps": 0.2, **values})
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('href')") == href


def test_a_link_from_another_page_acts_on_arrival(tabs, site):
    elsewhere = next(
        asked for path in CHAPTERS for asked in sentences(path) if asked.chapter != path.stem and path.stem == "08_grpo"
    )
    page = tabs.open(f"{site}book/08_grpo.html", size=(1600, 900))
    page.locator(f"a.baby-act[href^='{elsewhere.chapter}.html#']").first.click()
    page.wait_for_url(f"**/{elsewhere.chapter}.html#{elsewhere.figure}*")
    figure = figure_of(page, elsewhere.chapter, elsewhere.figure)
    figure.evaluate(UNTIL, "figure.frame.step === figure.data.steps && !figure.playing")
    values = figure.evaluate("element => element.liveFigure.values")
    assert values == pytest.approx({**values, **act_of(elsewhere.query).values})
    assert figure.locator(".baby-sentence").first.inner_text().startswith("Set: ")  # and no way back
    assert 0 <= figure.locator(".baby-grid").evaluate("grid => grid.getBoundingClientRect().top") < 450  # in view
    assert page.locator(".baby-beside").count() == 0  # there is no sentence that it could stand beside


ASKED = {one for path in CHAPTERS for one in sentences(path)}


@pytest.mark.parametrize("chapter", sorted({one.chapter for one in ASKED}))
def test_what_a_sentence_sets_fits_into_its_room(tabs, site, chapter):
    asleep = "IntersectionObserver.prototype.observe = () => {}"  # nothing is computed
    page = tabs.open(f"{site}book/{chapter}.html", script=asleep)
    higher = []
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 800})
        for one in sorted(one for one in ASKED if one.chapter == chapter):
            element = figure_of(page, chapter, one.figure).element_handle()
            grown = page.evaluate(ROOM, [element, one.query])
            higher += [(width, one.figure, one.query, grown)] if grown > 0.5 else []
    assert not higher
