"""Cut a built page into slides and speaker notes."""

import ast
import re
from copy import copy
from dataclasses import dataclass, field

from bs4 import BeautifulSoup, NavigableString, Tag
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from myst_to_markdown import markdown
from slide_size import HEIGHT, fits, height, large_enough, listing, parts, text_size


@dataclass
class Slide:
    """One slide: its kind (a class of slides.css), what it shows, what is said, and whether a section opens with it."""

    kind: str
    html: str
    opens: bool = False
    notes: list[str] = field(default_factory=list)


class Deck:
    """The slides of one chapter, filled from its page from top to bottom."""

    def __init__(self, title: str, prompts: dict[str, str]):
        self.title, self.prompts, self.slides = title, prompts, []

    def add(self, kind: str, html, opens: bool = False) -> None:
        self.slides.append(Slide(kind, str(html), opens))

    def note(self, html) -> None:
        self.slides[-1].notes.append(str(html))

    def section(self, section: Tag) -> None:
        """Add a section: its heading and first sentence, then what is in it."""
        heading = section.find(["h1", "h2", "h3"], recursive=False)
        rest = heading.find_next_siblings()
        lead = ""
        if rest and rest[0].name == "p" and not is_claim(rest[0]):
            lead = first_sentence(rest[0])
        self.add("title" if heading.name == "h1" else "lead", f"{heading}{lead}", opens=heading.name != "h3")
        if prompt := self.prompts.pop(words(heading), None):
            self.note(prompt)
        for element in rest:
            self.element(element)

    def element(self, element: Tag) -> None:
        """Add one element of a section, as slides or as notes."""
        kinds = element.get("class", [])
        if element.name == "section":
            self.section(element)
        elif "solution" in kinds:
            pass
        elif "exercise" in kinds:
            self.flow("exercise", element.p, element.section.find_all(True, recursive=False))
        elif "baby-opener" in kinds:
            self.flow("opener", element.p, element.find_all(True, recursive=False)[1:])
        elif "cell" in kinds:
            self.cell(element, kinds)
        elif "math" in kinds:
            self.add("formula", element)
        elif element.table and fits(element.table):
            self.add("table", element.table)
        elif element.name == "dl":
            for claim, answer in zip(element.find_all("dt"), element.find_all("dd"), strict=True):
                self.claim(claim, answer)
        elif is_claim(element):
            claim = element.strong.extract()
            self.claim(claim, element)
        else:
            self.note(element)

    def claim(self, claim: Tag, answer: Tag) -> None:
        """Add what somebody may believe, and, one key later, what is true."""
        said = answer.decode_contents()
        self.add("claim", f'<p class="said">{claim.decode_contents()}</p><div class="fragment">{said}</div>')

    def flow(self, kind: str, title: Tag, blocks: list[Tag]) -> None:
        """Add text under a title: larger where there is room, on more slides where there is none."""
        needs, below = [height(block) for block in blocks], HEIGHT - 100
        size = text_size(sum(needs), below)
        pages, room = [], 0.0
        for block, need in zip(blocks, needs, strict=True):
            if need > room:
                pages.append("")
                room = below
            pages[-1] += str(block)
            room -= need
        for page in pages:
            body = f'<div style="font-size: {size:.0f}px">{page}</div>'
            self.add(kind, f"<h3>{title.decode_contents()}</h3>{body}", opens=kind == "exercise" and page is pages[0])

    def cell(self, cell: Tag, kinds: list[str]) -> None:
        """Add a code cell: figures, questions, and code with what it prints. Code that draws or is folded stays off."""
        if "tag_skip-slide" in kinds or "tag_exercise" in kinds:
            return
        figures = cell.select("figure.baby-figure")
        for figure in figures:
            self.figure(figure)
        code = cell.select_one(".cell_input pre")
        if code and (figures or cell.select_one("details.hide") or only_imports(code.get_text())):
            code = None
        for question in cell.select(".baby-question"):
            self.question(question)
        printed = [text for text in cell.select(".cell_output pre") if not text.find_parent("figure")]
        pieces = [piece for piece in (code, *printed) if piece]
        if large_enough(pieces):
            self.add("code", listing(pieces))
        else:
            for piece in filter(lambda piece: large_enough([piece]), pieces):
                self.add("code", listing([piece]))

    def question(self, question: Tag) -> None:
        """Add a question, with room for the longest of its explanations."""
        need = sum(height(text) for text in question.select(".baby-asked, summary"))
        need += max(height(text) for text in question.select(".baby-why"))
        html = question.parent.decode_contents()
        self.add("question", f'<div style="font-size: {text_size(need, HEIGHT):.0f}px">{html}</div>')

    def figure(self, figure: Tag) -> None:
        """Add a figure, on as many slides as keep its words large."""
        if "baby-live" in figure["class"]:
            self.add("figure live", figure)
            return
        for svg in figure.find_all("svg", recursive=False):
            for part in parts(svg):
                *_, wide, high = (float(v) for v in part["viewbox"].split())
                part["style"] = f"--ratio: {wide / high:.3f}"
                shape = "across" if high < 0.64 * wide else "beside"
                self.add(f"figure {shape}", f'<figure class="baby-figure">{part}{figure.figcaption}</figure>')


def read_page(html: str, cells: list, name: str) -> Deck:
    """Cut a built page into slides.

    Args:
        html: the page.
        cells: the chapter's cells, of which the teaching notes are not on the page.
        name: the chapter, for messages.
    """
    article = BeautifulSoup(html, "html.parser").select_one("article.bd-article")
    for junk in article.select("a.headerlink, .sd-summary-state-marker, .exercise details, .baby-noscript"):
        junk.decompose()
    for link in article.find_all("a"):
        link.unwrap()
    for element in article.find_all(id=True):
        if not element.find_parent("figure"):
            del element["id"]
    prompts, rest = teaching_notes(cells)
    deck = Deck(words(article.h1), prompts)
    deck.section(article.section)
    deck.slides[0].notes += rest
    if prompts:
        raise SystemExit(f"{name}: the teaching notes name sections that the chapter does not have: {list(prompts)}")
    return deck


def teaching_notes(cells: list) -> tuple[dict[str, str], list[str]]:
    """The teaching notes of a chapter: what they say at each section, by its heading, and what they say besides."""
    source = next((cell.source for cell in cells if "instructor" in cell.metadata.get("tags", [])), "")
    html = MarkdownIt("commonmark").use(dollarmath_plugin).render(markdown(source))
    notes = BeautifulSoup(html, "html.parser")
    prompts = {}
    for item in notes.find_all("li"):
        if item.strong and (found := re.match(r"[\d+ ]+ min · (.+?)\.?$", item.strong.get_text())):
            prompts[found[1]] = f"<p>{item.extract().decode_contents()}</p>"
    return prompts, [str(element) for element in notes.find_all(True, recursive=False) if element.get_text(strip=True)]


def words(heading: Tag) -> str:
    """The text of a heading, without its number and with the apostrophe of the source."""
    text = copy(heading)
    for number in text.select(".section-number"):
        number.decompose()
    return text.get_text().strip().replace("’", "'")


def is_claim(element: Tag) -> bool:
    """Whether a paragraph opens with a quoted claim in bold, as those of "What people get wrong" do."""
    first = next((child for child in element.children if str(child).strip()), None)
    return element.name == "p" and getattr(first, "name", "") == "strong" and first.get_text().startswith("“")


def first_sentence(paragraph: Tag) -> Tag:
    """The first sentence of a paragraph; it leaves the paragraph."""
    lead = BeautifulSoup("<p></p>", "html.parser").p
    for child in list(paragraph.children):
        end = re.search(r"[.?!][”\"]?(?=\s|$)", child) if type(child) is NavigableString else None
        if end:
            lead.append(child[: end.end()])
            child.replace_with(child[end.end() :])
            break
        lead.append(child.extract())
    return lead


def only_imports(code: str) -> bool:
    """Whether code only imports."""
    return all(isinstance(line, ast.Import | ast.ImportFrom) for line in ast.parse(code).body)
