"""Every page of the built book in a real browser, with every other host out of reach.

The book is built once into a temporary folder, unless BABY_RLHF_HTML names a built one.
"""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
import yaml
from _site.old_addresses import MOVED, SECTIONS
from support.browser import AXE_RUN, SETTLED, needs_chromium

ROOT = Path(__file__).resolve().parents[2]
PHONE = {"width": 375, "height": 800}
ZOOMED = {"width": 320 - 15, "height": 800}  # a laptop at 400 %, less a scroll bar
LAPTOP = {"width": 1280, "height": 900}
SCREENS = 30  # of a laptop, that a chapter may be long, exercises aside

pytestmark = needs_chromium


def toc_pages() -> list[str]:
    """The pages of _toc.yml, and the two that Sphinx adds."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [toc["root"], *chapters, "genindex", "search"]


# What a page tells about itself. Typeset formulas, text alternatives, what sticks out sideways.
FORMULAS = """() => {
  const main = document.querySelector("main") ?? document.body;
  const copy = main.cloneNode(true);
  const tex = e => [...MathJax.startup.document.math].find(m => m.typesetRoot.contains(e)).math;
  for (const e of copy.querySelectorAll("pre, code, script, style, mjx-container")) e.remove();
  return {
    wanted: main.querySelectorAll(".math").length,
    typeset: main.querySelectorAll(".math mjx-container").length,
    errors: [...main.querySelectorAll("mjx-merror, mjx-container [style*='color: red']")].map(tex),
    raw: copy.textContent.match(/\\\\\\(|\\\\\\[|\\$\\$|\\\\begin\\{/g) ?? [],
  };
}"""
PICTURES = """() => {
  const main = document.querySelector("article") ?? document.body;
  const unnamed = e => !(e.getAttribute("aria-label") ?? "").trim() && !e.querySelector(":scope > title");
  const hidden = e => e.closest("[aria-hidden=true], mjx-container, button, svg svg");
  const role = e => e.querySelector("a") ? "group" : "img";  // an image hides the links in it
  const wordless = e => !e.hasAttribute("alt") || /^\\S*[/._-]\\S*$/.test(e.alt);  // none, or a file name
  return [
    ...[...main.querySelectorAll("img")].filter(wordless),
    ...[...main.querySelectorAll("svg")].filter(e => !hidden(e) && (e.getAttribute("role") !== role(e) || unnamed(e))),
    ...[...main.querySelectorAll("figure")].filter(e => !e.querySelector("figcaption")?.textContent.trim()),
  ].map(e => e.outerHTML.slice(0, 200));
}"""
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = e => e.matches("main") ? false
    : getComputedStyle(e).overflowX !== "visible" || scrolls(e.parentElement);
  const wide = [...document.querySelectorAll("main *")]
    .filter(e => e.getBoundingClientRect().right > width + 1 && !scrolls(e.parentElement));
  return [document.documentElement.scrollWidth, ...wide.slice(0, 8).map(e => e.outerHTML.slice(0, 160))];
}"""


FIRST_SCREENS = """() => {
  const top = element => element ? element.getBoundingClientRect().top / innerHeight : null;
  const seen = [...document.querySelectorAll("article .baby-live :is(.baby-controls :is(button, select, input), svg)")]
    .filter(element => element.checkVisibility() && element.getBoundingClientRect().height);
  const imports = [...document.querySelectorAll("article pre")].filter(code => code.checkVisibility())
    .find(code => /^(import|from) /m.test(code.textContent));
  return {
    drawing: top(seen.find(element => element.matches("svg"))),
    control: top(seen.find(element => !element.matches("svg"))),
    imports: top(imports),
  };
}"""
# Words of pictures that are too small to read, cut off, or written over others.
PICTURE_WORDS = """() => {
  const width = document.documentElement.clientWidth;
  const faults = [];
  const middle = ({left, right, top, bottom}) =>  // of a word's box, which has room above and below its letters
    ({left: left + 1, right: right - 1, top: top + (bottom - top) / 4, bottom: bottom - (bottom - top) / 4});
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const cuts = e => getComputedStyle(e).overflowX !== "visible";
  const clip = e => e.tagName === "BODY" ? null : cuts(e) ? e : clip(e.parentElement);
  for (const svg of document.querySelectorAll("figure.baby-figure > svg")) {
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    for (const text of svg.querySelectorAll("text")) {
      const {left, right} = text.getBoundingClientRect();
      const size = parseFloat(getComputedStyle(text).fontSize) * scale;
      const room = clip(svg)?.getBoundingClientRect() ?? { left: 0, right: width };
      if (size && size < 11) faults.push(`${text.textContent}: ${size.toFixed(1)} px`);
      if (left < Math.max(0, room.left) - 1 || right > Math.min(width, room.right) + 1)
        faults.push(`${text.textContent}: from ${left.toFixed(0)} to ${right.toFixed(0)}`);
    }
    const words = [...svg.querySelectorAll("text")].filter(text => text.textContent.trim() && text.checkVisibility());
    const boxes = words.map(text => middle(text.getBoundingClientRect()));
    for (const [i, box] of boxes.entries())
      for (const [j, other] of boxes.slice(0, i).entries())
        if (meet(box, other)) faults.push(`${words[j].textContent} lies on ${words[i].textContent}`);
  }
  return faults;
}"""
WIDE_TABLES = """() => [...document.querySelectorAll("article .pst-scrollable-table-container")]
  .filter(box => box.scrollWidth > box.clientWidth).map(box => box.querySelector("thead").textContent)"""
# Code on a phone that goes on in the next line where nothing says that it may.
BROKEN_CODE = """() => {
  const lines = part => {
    const range = document.createRange();
    range.selectNodeContents(part);
    return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size;
  };
  const words = document.querySelectorAll("article :is(td, th) code .pre, .baby-choice > summary code");
  return [...words].filter(word => [...word.childNodes].some(part => lines(part) > 1)).map(word => word.textContent);
}"""
SCREENS_TO_READ = """() => {
  const height = selector => document.querySelector(selector)?.getBoundingClientRect().height ?? 0;
  return (height("article") - height("section#exercises")) / innerHeight;
}"""


@pytest.fixture(scope="module")
def window(browser):
    """A tab for all pages, one after the other, and what goes wrong there."""
    context = browser.new_context(service_workers="block", reduced_motion="reduce")
    page, wrong = context.new_page(), {"asked": [], "failed": [], "console": []}
    page.on("request", lambda request: wrong["asked"].append(request.url))
    page.on("console", lambda message: message.type == "error" and wrong["console"].append(message.text))
    page.on("pageerror", lambda error: wrong["console"].append(str(error)))
    page.on("requestfailed", lambda request: wrong["failed"].append(request.url))
    page.on("response", lambda response: response.status >= 400 and wrong["failed"].append(response.url))
    yield page, wrong
    context.close()


@pytest.fixture(scope="module", params=toc_pages())
def found(request, window, whole_site, axe_source) -> dict:
    """What one page of the book shows: opened in dark, turned to light, then narrow."""
    page, wrong = window
    for one in wrong.values():
        one.clear()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(LAPTOP)
    page.goto(f"{whole_site}{request.param}.html")
    page.evaluate("() => window.MathJax?.startup?.promise")
    found = {
        "name": request.param,
        "formulas": page.evaluate(FORMULAS),
        "pictures": page.evaluate(PICTURES),
        "screens": page.evaluate(SCREENS_TO_READ),
        "begins": [page.evaluate(FIRST_SCREENS)],
        "words": [page.evaluate(PICTURE_WORDS)],
        "tables": page.evaluate(WIDE_TABLES),
        "axe": [],
    }
    page.evaluate(axe_source)
    for scheme, rules in (("dark", None), ("light", ["color-contrast"])):  # nothing else depends on the scheme
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
        page.evaluate(SETTLED)
        found["axe"] += [f"{scheme}: {fault}" for fault in page.evaluate(AXE_RUN, rules)]
    page.set_viewport_size(PHONE)
    found["begins"].append(page.evaluate(FIRST_SCREENS))
    found["words"].append(page.evaluate(PICTURE_WORDS))
    found["code"] = page.evaluate(BROKEN_CODE)
    page.set_viewport_size(ZOOMED)
    found["too_wide"] = page.evaluate(TOO_WIDE)
    foreign = [url for url in wrong["asked"] if not url.startswith((whole_site, "data:", "blob:"))]
    return found | {"foreign": foreign, "failed": wrong["failed"][:], "console": wrong["console"][:]}


def test_page_asks_no_other_host(found):
    assert found["foreign"] == []


def test_page_loads_without_an_error(found):
    assert found["failed"] == []
    assert found["console"] == []


def test_formulas_are_typeset(found):
    formulas = found["formulas"]
    assert formulas["errors"] == []
    assert formulas["raw"] == []
    assert formulas["typeset"] == formulas["wanted"]


def test_pictures_have_words(found):
    assert found["pictures"] == []


def test_words_of_pictures_can_be_read_on_a_laptop_and_on_a_phone(found):
    assert found["words"] == [[], []]


def test_tables_are_seen_whole_on_a_laptop(found):
    assert found["tables"] == []


def test_code_in_tables_and_in_answers_is_whole(found):
    assert found["code"] == []


def test_no_page_is_too_long_to_read_in_one_sitting(found):
    assert found["name"].startswith("book/api") or found["screens"] <= SCREENS


def test_page_opens_with_a_figure_and_no_plumbing(found):
    notebook = ROOT / f"{found['name']}.ipynb"
    opens = notebook.is_file() and '"opening"' in notebook.read_text("utf-8")  # the tag of the cell that draws it
    for begins in found["begins"] if opens else ():
        assert 0 < begins["drawing"] < 0.95
        assert 0 < begins["control"] < 0.95
        assert begins["imports"] is None or begins["imports"] > 2


def test_a_page_at_400_percent_needs_no_sideways_scrolling(found):
    assert found["too_wide"] == []


def test_page_is_accessible(found):
    assert found["axe"] == [], "\n".join(found["axe"])


def test_a_formula_that_is_wider_than_a_phone_fades_out_until_it_is_scrolled_to_its_end(tabs, whole_site):
    tab = tabs.open(f"{whole_site}book/05_baselines.html", size=(375, 800))
    formula = tab.locator("div.math:not(.output *) > mjx-container").first
    formula.wait_for()
    fades = "formula => parseFloat(getComputedStyle(formula).getPropertyValue('--baby-more'))"
    assert formula.evaluate("formula => formula.scrollWidth > formula.clientWidth + 32")
    assert formula.evaluate(fades) == 32
    formula.evaluate("formula => formula.scrollTo(1000, 0)")
    tab.evaluate(SETTLED)
    assert formula.evaluate(fades) == 0
    assert tab.locator("div.math > mjx-container").nth(1).evaluate(fades) == 0


def test_links_in_a_picture_are_followed_by_keyboard(tabs, site):
    page = tabs.open(f"{site}book/12_one_line_apart.html")
    links = page.locator("figure.baby-figure > svg[role=group] a[href]")
    names = links.evaluate_all("links => links.map(link => link.textContent)")
    assert len(names) == 21
    links.first.focus()
    for name in names:
        assert page.evaluate("() => document.activeElement.textContent") == name
        assert page.get_by_role("link", name=name, exact=True).count()
        page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/12_one_line_apart.html#sec-family-pair")


def test_old_addresses_lead_to_the_new_ones_with_all_that_they_carry(tabs, site, html_dir):
    page = tabs.open(f"{site}book/glossary.html")
    for old, new in MOVED.items():
        page.goto(f"{site}book/{old}.html?seed=3#exercises", wait_until="commit")
        page.wait_for_url(f"{site}book/{new}.html?seed=3#exercises", wait_until="commit")
        assert f"url={new}.html" in (html_dir / "book" / f"{old}.html").read_text("utf-8")  # without JavaScript


def test_sections_that_moved_to_another_page_are_found_there(tabs, site, html_dir):
    page = tabs.open(f"{site}book/glossary.html")
    for name, sections in SECTIONS.items():
        for old, new in sections.items():
            page.goto(f"{site}book/{name}.html#{old}", wait_until="commit")
            page.wait_for_url(f"{site}book/{new}", wait_until="commit")
            there, _, anchor = new.partition("#")
            assert anchor in Links((html_dir / "book" / there).read_text("utf-8")).ids, new


class Links(HTMLParser):
    """The links of a page and the names they can point to."""

    def __init__(self, html: str):
        super().__init__()
        self.hrefs, self.ids = [], set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "baby-act" in (attributes.get("class") or ""):  # sets a figure; tests/book/test_sentences.py follows it
            return
        self.ids |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag == "a" and attributes.get("href"):
            self.hrefs.append(attributes["href"])


def test_links_within_the_book_lead_somewhere(html_dir):
    pages = {path.relative_to(html_dir).as_posix(): Links(path.read_text("utf-8")) for path in html_dir.rglob("*.html")}
    broken = []
    for name, page in pages.items():
        for href in page.hrefs:
            address, anchor = urldefrag(urljoin(name, href))
            if re.match(r"[a-z]+:|//", href):
                continue
            target = unquote(address) or name
            if not (html_dir / target).is_file():
                broken.append(f"{name}: {href}")
            elif anchor and target in pages and unquote(anchor) not in pages[target].ids:
                broken.append(f"{name}: {href} (no such anchor)")
    assert broken == []


def test_every_page_is_built(html_dir):
    assert [name for name in toc_pages() if not (html_dir / f"{name}.html").is_file()] == []


def test_contents_below_a_figure_that_goes_over_them_open_when_they_are_pressed(tabs, site):
    """A pointer that passes them on its way to the figure opens nothing."""
    tab = tabs.open(f"{site}book/08_grpo.html")
    contents = tab.locator(".bd-sidebar-secondary.hide")
    contents.wait_for()

    def until(what: str):
        tab.wait_for_function(f"bar => {what}", arg=tab.locator(".bd-sidebar-secondary").element_handle())

    heading, link = contents.locator(".onthispage"), contents.get_by_role("link").first
    heading.hover()
    tab.wait_for_timeout(600)  # longer than they take to open
    until("bar.getBoundingClientRect().height < 60")
    heading.click()
    until("bar.getBoundingClientRect().height > 200")
    tab.mouse.move(300, 300)
    link.press("Escape")  # keys come to the links, too
    until("bar.getBoundingClientRect().height > 200 && getComputedStyle(bar.querySelector('nav')).opacity === '1'")
    link.evaluate("link => link.blur()")
    until("bar.getBoundingClientRect().height < 60")
