"""The slides: what the chapters say is on them or in the notes, readable from the last row, with no other host."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import slides
from bs4 import BeautifulSoup
from deck import read_page
from nbformat.v4 import new_markdown_cell
from support.browser import PAINTED, needs_chromium, serve
from support.slide_checks import FAULTS, HERE, SHOWN, STARTED

DECKS = {
    "01_probs_and_logprobs": (1280, 720, ""),
    "11_names": (1920, 1080, "?dark"),  # with the figure that has most of all
}  # a screen, and what the address asks

PAGE = """<article class="bd-article"><section>
<h1><span class="section-number">1. </span>Ten squares<a class="headerlink" href="#x">#</a></h1><p>A question?</p>
<section><h2><span class="section-number">1.1. </span>It’s a draw</h2><p>See <code>x.y</code> first. Then say this.</p>
<div class="cell tag_skip-slide"><div class="cell_input"><pre>too_long = 1</pre></div></div>
<div class="cell tag_exercise"><div class="cell_input"><pre>stub = 2</pre></div></div>
<div class="cell"><div class="cell_input"><pre>import torch</pre></div></div>
<div class="cell"><div class="cell_input"><pre>shown = 3</pre></div><div class="cell_output"><pre>3</pre></div></div>
<p><strong>“It is broken.”</strong> It is not.</p>
<div class="exercise admonition"><p class="admonition-title">Exercise 1</p>
<section><p>Do it.</p><details><summary>Hint 1</summary>Secret.</details></section></div>
<div class="solution admonition"><p>Answer.</p></div></section></section></article>"""
NOTES = "**Aim.** Know.\n\n**Talk track.**\n\n- **5 min · {}.** Say $x^2$. *Ask:* Why?\n\n**Skip if short.** Nothing."


@pytest.fixture(scope="module")
def folder(html_dir, tmp_path_factory) -> Path:
    """A copy of the built book with the slides of two chapters."""
    copy = tmp_path_factory.mktemp("slides") / "html"
    shutil.copytree(html_dir, copy, ignore=shutil.ignore_patterns("slides"))
    slides.make_slides(list(DECKS), copy)
    return copy


@pytest.fixture(scope="module", params=list(DECKS))
def pair(request, folder):
    """A chapter's page and its deck, parsed."""
    return [
        BeautifulSoup((folder / place / f"{request.param}.html").read_text("utf-8"), "html.parser")
        for place in ("book", "slides")
    ]


def plain_text(html) -> str:
    return re.sub(r"\s+", " ", html.get_text())


def test_formulas_figures_questions_and_exercises_have_slides(pair):
    page, deck = pair
    body = "article section > "
    for what, kind in {
        f"{body}div.math:not(.exercise *, .solution *)": ".sheet.formula",
        "figure.baby-live": ".sheet.live",
        ".baby-question": ".sheet.question",
        "article h2": ".sheet.lead h2",
        "article h3": ".sheet.lead h3",
    }.items():
        assert len(page.select(what)) == len(deck.select(kind)), kind
    captions = [plain_text(caption) for caption in deck.select(".sheet figcaption")]
    assert {plain_text(caption) for caption in page.select("figcaption")} == set(captions)
    titles = [plain_text(title) for title in page.select(".exercise > .admonition-title")]
    assert list(dict.fromkeys(plain_text(title) for title in deck.select(".sheet.exercise h3"))) == titles


def test_prose_is_on_a_slide_or_in_the_notes(pair):
    page, deck = pair
    for junk in page.select("a.headerlink, .exercise, .solution, .cell"):
        junk.decompose()
    said = plain_text(deck)
    for paragraph in page.select("article.bd-article :is(p, li)"):
        last = re.split(r"(?<=[.?!]) ", plain_text(paragraph).strip())[-1]
        assert last in said, last


def test_no_markup_hint_or_answer_is_left(pair):
    _, deck = pair
    for code in deck.select("pre, script, style"):
        code.decompose()
    assert re.findall(r"\{[\w:]+\}`|\{cite|:::|```|\{exercise\}|\{solution|Hint 1|Solution to", plain_text(deck)) == []
    assert deck.select(".solution, .exercise details") == []


def test_slides_of_a_small_page():
    deck = read_page(PAGE, [new_markdown_cell(NOTES.format("It's a draw"), metadata={"tags": ["instructor"]})], "small")
    shown = [(slide.kind, BeautifulSoup(slide.html, "html.parser").get_text(" ", strip=True)) for slide in deck.slides]
    assert shown == [
        ("title", "1. Ten squares A question?"),
        ("lead", "1.1. It’s a draw See x.y first."),
        ("code", "shown = 3 3"),
        ("claim", "“It is broken.” It is not."),
        ("exercise", "Exercise 1 Do it."),
    ]
    first, second = ("".join(slide.notes) for slide in deck.slides[:2])
    assert "Know." in first
    assert "Nothing." in first
    assert "5 min" in second
    assert '<span class="math inline">x^2</span>' in second
    assert "Then say this." in second


def test_teaching_notes_for_a_section_that_is_not_there():
    cell = new_markdown_cell(NOTES.format("Another heading"), metadata={"tags": ["instructor"]})
    with pytest.raises(SystemExit, match="small: the teaching notes name sections .*Another heading"):
        read_page(PAGE, [cell], "small")


def test_without_a_built_book_it_says_how_to_build_one(tmp_path):
    with pytest.raises(SystemExit, match="Build it first: jupyter-book build"):
        slides.make_slides(["04_ppo"], tmp_path)


def test_the_list_of_decks_is_served(folder):
    # a shell that runs the tests in the background makes its children deaf to Ctrl+C
    hear = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    registry = "import mimetypes; mimetypes.add_type('text/plain', '.js')"  # of some Windows machines
    code = f"{hear}; {registry}; import slides, pathlib; slides.serve(0, pathlib.Path({str(folder)!r}))"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=slides.HERE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        address = run.stdout.readline().split()[0]
        page = BeautifulSoup(urlopen(address, timeout=10).read(), "html.parser")
        script = urlopen(address.replace("index.html", "slides.js"), timeout=10)
        run.send_signal(signal.SIGINT)
        assert run.wait(10) == 0
    assert script.headers["Content-Type"] == "text/javascript"
    assert [link["href"] for link in page.select("ol a")] == [f"{name}.html" for name in DECKS]


@pytest.fixture
def room(browser, folder):
    """Opens decks with every other host out of reach; nothing may go wrong there."""
    wrong, contexts = [], []

    def open_deck(site: str, name: str, width: int = 1280, height: int = 720, query: str = ""):
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)

        def only_here(route):
            if route.request.url.startswith(site) or urlsplit(route.request.url).scheme in ("data", "blob", "about"):
                route.continue_()
            else:
                wrong.append(f"asks {route.request.url}")
                route.abort()

        context.route("**/*", only_here)
        context.on("console", lambda message: message.type == "error" and wrong.append(message.text))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        page = context.new_page()
        page.goto(f"{site}slides/{name}.html{query}")
        page.wait_for_function("window.Reveal?.isReady()")
        return page

    with serve(folder) as site:
        yield lambda *args: open_deck(site, *args)
        for context in contexts:
            context.close()
    assert wrong == []


@needs_chromium
@pytest.mark.parametrize("name", list(DECKS))
def test_every_slide_can_be_read_from_the_last_row(room, name):
    page = room(name, *DECKS[name])
    faults, seen = [], set()
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        if page.evaluate(SHOWN + ".querySelector('figure.baby-live') !== null"):
            page.wait_for_function(STARTED)
            page.evaluate(PAINTED)
        for choice in range(page.evaluate(SHOWN + ".querySelectorAll('.baby-choice').length")):
            page.evaluate(f"{SHOWN}.querySelectorAll('.baby-choice summary')[{choice}].click()")
            faults += [(number, fault) for fault in page.evaluate(FAULTS)]
        faults += [(number, fault) for fault in page.evaluate(FAULTS)]
        for view in ("turned", "asked"):
            page.evaluate(SHOWN + ".querySelector('.baby-others')?.click()")
            if page.evaluate(SHOWN + f".querySelector('[data-view={view}]') !== null"):
                page.evaluate(PAINTED)
                seen.add(view)
                faults += [(number, fault) for fault in page.evaluate(FAULTS)]
        page.evaluate(SHOWN + ".querySelector('.fragment') && Reveal.next()")
        page.keyboard.press("ArrowRight")
    assert faults == []
    assert name != "11_names" or seen == {"turned", "asked"}
    assert page.evaluate("Reveal.isLastSlide()")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 3 * 128) == page.url.split("#")[0].endswith("?dark")


@needs_chromium
def test_a_live_figure_plays_and_keys_go_where_the_focus_is(room):
    page = room("11_names")
    page.evaluate("""() => {
      const trains = [...document.querySelectorAll("figure.baby-live")].find(figure => figure.liveFigure.trains);
      const { h, v } = Reveal.getIndices(trains.closest("section"));
      Reveal.slide(h, v);
    }""")
    page.wait_for_function(STARTED)
    figure = page.locator("figure.baby-live[data-state=ready]")
    figure.get_by_role("button", name="Play").click()
    page.wait_for_function("Number(document.querySelector('figure.baby-live[data-state=ready]').dataset.step) > 5")
    figure.get_by_role("button", name="Pause").click()
    here, slider = page.evaluate(HERE), figure.locator(".baby-controls input[type=range]").first
    slider.focus()
    before = slider.input_value()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() != before
    assert page.evaluate(HERE) == here
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(HERE) == here + 1
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(HERE) == here


@needs_chromium
def test_the_speaker_sees_the_notes_with_formulas(room):
    page = room("01_probs_and_logprobs")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    speaker = opened.value
    speaker.wait_for_function("document.querySelectorAll('iframe').length === 2")
    number = page.evaluate("Reveal.getSlides().findIndex(slide => slide.querySelector('aside.notes .math'))")
    page.evaluate(
        "number => { const {h, v} = Reveal.getIndices(Reveal.getSlides()[number]); Reveal.slide(h, v); }", number
    )
    notes = speaker.locator(".speaker-controls-notes .value")
    notes.locator("math").first.wait_for()
    assert "\\(" not in notes.inner_text()
    assert speaker.frames[1].url.startswith(page.url.split("#")[0])
