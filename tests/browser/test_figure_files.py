"""The figures as files of their own: small, complete, with the same numbers from a file and in a frame as in a page."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import re

import pytest
from support.browser import AXE_RUN, SETTLED, axe_in, needs_chromium
from support.chapters import CHAPTERS
from support.graphs import published_data
from support.live_pages import SERIES, UNTIL, arrive, drive, first_that_trains, wait_for_step

LIMITS = {"11_names-1": 250}  # kilobytes: weights included
LIMIT = 100
NAMES = [f"{path.stem}-{i + 1}" for path in CHAPTERS for i in range(len(published_data(path)))]
TRAINS = "{}-{}".format(*(lambda stem, index: (stem, index + 1))(*first_that_trains()))
COMPUTES = next(
    f"{path.stem}-{i + 1}" for path in CHAPTERS for i, data in enumerate(published_data(path)) if "starts" not in data
)
# A blog that asks for nothing and forbids nothing, and a place in it.
BLOG = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>A blog</title><h1>A post</h1>{}'
FRAME = '<iframe src="{}" title="A figure" width="700" height="900" sandbox="allow-scripts"></iframe>'
# What a reader does: play a little, move the first slider, look; then the same by the number of updates.
PLAYED = """
  await figure.use(figure.defaults());
  if (figure.trains) await figure.advance(12);
  const {name, kind, min, max, base} = figure.data.controls.find(control => "max" in control);
  const place = min + (max - min) / 4;
  figure.moved(name, kind === "log" ? base ** place : place, figure.inputs.get(name).show);
  if (figure.trains) await figure.advance(8);
"""


def test_every_figure_is_a_small_file_that_asks_for_nothing(html_dir):
    assert sorted(path.stem for path in (html_dir / "figures").iterdir()) == sorted(NAMES)
    for name in NAMES:
        text = (html_dir / "figures" / f"{name}.html").read_text("utf-8")
        assert len(text.encode()) <= 1000 * LIMITS.get(name, LIMIT), name
        chapter = name.rpartition("-")[0]
        home = f"https://OWNER.github.io/baby-rlhf/book/{chapter}.html"
        outside = [address for address in re.findall(r'(?:src|href)="([^"]*)"', text) if not address.startswith("#")]
        assert outside == [home], name
        assert re.search(r"<title>[^<]{8,}</title>", text), name
        assert "<figcaption>" in text, name
        assert "<noscript>" in text, name
        packed = b"".join(map(gzip.decompress, map(base64.b64decode, re.findall(r"H4sI[\w+/=]{2000,}", text))))
        assert (b"Inside a token" in packed) == ('"inside":' in text), name
        assert (b"Draw your guess" in packed) == ('"guess":' in text), name


@pytest.fixture
def open_page(tabs):
    """Opens addresses; nothing may go wrong there."""
    return functools.partial(tabs.open, motion="no-preference")


@needs_chromium
@pytest.mark.parametrize("name", [TRAINS, COMPUTES, "11_names-1"])
def test_a_figure_computes_the_same_from_a_file_and_in_a_frame_as_in_its_page(
    open_page, site, html_dir, tmp_path, name
):
    chapter, _, number = name.rpartition("-")
    file = html_dir / "figures" / f"{name}.html"
    blog = tmp_path / "blog.html"
    blog.write_text(BLOG.format(FRAME.format(file.as_uri())), "utf-8")
    page = open_page(f"{site}book/{chapter}.html")
    alone = open_page(file.as_uri())
    frame = open_page(blog.as_uri()).frames[1]
    figures = [arrive(page, int(number) - 1), arrive(alone), arrive(frame)]
    assert frame.evaluate("self.origin") == "null"
    series, looked = [], []
    for figure in figures:
        assert figure.get_attribute("data-state") == "ready", figure.inner_text()
        if figure.get_by_role("button", name="Play", exact=True).count():
            figure.get_by_role("button", name="Play", exact=True).click()
            wait_for_step(figure, 3)
            drive(figure, "figure.pause()")
        drive(figure, PLAYED)
        series.append(figure.evaluate(SERIES))
        looked.append([])
        for token in figure.locator(".baby-tokens button[tabindex='0']").all():  # one of each panel that can be asked
            token.press("Enter")
            looked[-1].append(figure.locator(".baby-sheet:visible").inner_text())
            token.press("Escape")
            assert figure.locator(".baby-sheet:visible").count() == 0
        figure.get_by_role("button", name="Copy a link to this state").click()
        figure.evaluate(UNTIL, "figure.notice.textContent")
        assert "clipboard" in drive(figure, "return figure.notice.textContent")
    assert series[0] == series[1] == series[2]
    assert looked[0] == looked[1] == looked[2]
    assert looked[0] or name != "11_names-1"
    query = drive(figures[0], "return new URL(figure.address()).search")
    assert arrive(open_page(file.as_uri() + query)).evaluate(SERIES) == series[0]


@needs_chromium
def test_a_file_is_accessible_and_fits_a_phone_in_light_and_in_dark(open_page, html_dir, axe_source):
    page = open_page((html_dir / "figures" / f"{TRAINS}.html").as_uri(), size=(375, 800))
    arrive(page)
    page.evaluate(axe_source)
    shades = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(SETTLED)
        assert page.evaluate(AXE_RUN) == [], scheme
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        shades.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert shades[0] != shades[1]
    page.goto(f"{page.url}?light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == shades[0]


@needs_chromium
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_file_plays_by_itself_unless_motion_is_to_be_little(open_page, html_dir, motion):
    figure = arrive(open_page((html_dir / "figures" / f"{TRAINS}.html").as_uri(), motion=motion))
    assert bool(drive(figure, "return figure.playing")) == (motion == "no-preference")
    assert drive(figure, "return figure.frame.step === figure.data.steps") == (motion == "reduce")


@needs_chromium
def test_without_scripts_a_file_says_what_it_needs(open_page, html_dir):
    page = open_page((html_dir / "figures" / f"{TRAINS}.html").as_uri(), java_script_enabled=False)
    assert "needs JavaScript" in page.inner_text("body")
    assert page.locator("figcaption").is_visible()
    assert page.get_by_role("link").is_visible()


AXE_DIALOG = axe_in("dialog[open]")
# Where everything is on a page.
PLACES = """() => [...document.querySelectorAll("article *")].filter(e => !e.closest("dialog"))
  .map(e => e.getBoundingClientRect().top)"""


@needs_chromium
@pytest.mark.parametrize("width", [1280, 375])
def test_the_dialog_offers_the_file_and_its_line_and_moves_nothing(
    open_page, site, html_dir, tmp_path, axe_source, width
):
    chapter, _, number = TRAINS.rpartition("-")
    page = open_page(f"{site}book/{chapter}.html", size=(width, 900))
    figure = arrive(page, int(number) - 1)
    opener = figure.get_by_role("button", name="Take it along")
    opener.scroll_into_view_if_needed()
    before = page.evaluate(PLACES)
    opener.click()
    dialog = page.get_by_role("dialog", name="Take it along")
    assert dialog.is_visible()
    assert page.evaluate(PLACES) == before
    link = dialog.get_by_role("link", name=f"Download {TRAINS}.html")
    assert page.request.get(link.evaluate("link => link.href")).text() == (
        text := (html_dir / "figures" / f"{TRAINS}.html").read_text("utf-8")
    )
    assert f"({round(len(text) / 1000)} kB)" in dialog.inner_text()
    line = dialog.get_by_role("textbox").input_value()
    dialog.get_by_role("button", name="Copy the line").click()
    dialog.get_by_text("It is in your clipboard.").wait_for()
    page.evaluate(axe_source)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(SETTLED)
        assert page.evaluate(AXE_DIALOG) == [], scheme
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert opener.evaluate("opener => opener === document.activeElement")
    address = f"https://OWNER.github.io/baby-rlhf/figures/{TRAINS}.html"
    assert line.startswith(f'<iframe src="{address}" title="')
    assert line.endswith(' sandbox="allow-scripts"></iframe>')
    blog = tmp_path / "blog.html"
    blog.write_text(BLOG.format(line.replace(address, (html_dir / "figures" / f"{TRAINS}.html").as_uri())), "utf-8")
    frame = open_page(blog.as_uri(), size=(width + 20, 900)).frames[1]
    arrive(frame)
    assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight"), line  # all of it is seen
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), line


def test_the_data_of_a_page_name_the_file_and_where_it_comes_from(html_dir):
    text = (html_dir / "book" / "11_names.html").read_text("utf-8")
    data = json.loads(re.search(r'class="baby-live-data">(.*?)</script>', text, re.S)[1])
    file = data["file"]
    assert file["weights"]
    assert file["home"] == ["https://OWNER.github.io/baby-rlhf/book/11_names.html", file["home"][1]]
    assert "Names" in file["home"][1]
