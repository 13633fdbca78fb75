"""Make slides of the built chapters.

    python workshop/slides.py                  # all chapters, into _build/html/slides
    python workshop/slides.py 04_ppo --serve 8000

Nothing is typed twice: a slide is a piece of the built page. Each section gives its heading with the first sentence,
each formula, figure, question, table and short code cell a slide of its own, each exercise its text without hints.
All other prose and the teaching notes become speaker notes (press S). A code cell with the tag `skip-slide` stays off.
nbconvert turns the result into reveal.js; scripts come from this machine, so no slide asks another host for anything.
"""

import argparse
import contextlib
import functools
import http.server
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml
from bs4 import BeautifulSoup
from deck import Deck, read_page
from nbconvert import SlidesExporter
from nbformat.v4 import new_notebook, new_raw_cell
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
ASSETS = HERE / "reveal"
ROOT = HERE.parent
SITE = ROOT / "book" / "_site"
HTML = ROOT / "_build" / "html"
BUILD = "jupyter-book build ."
REVEAL = ("reveal.css", "reveal.js", "plugin/notes.js")
# Python would ask the system, and on some Windows machines the registry says that scripts are plain text
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def chapters() -> list[str]:
    """The front page and every numbered chapter of _toc.yml, as names without folder and ending."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    numbered = [chapter["file"] for part in toc["parts"] if part.get("numbered") for chapter in part["chapters"]]
    return [Path(file).name for file in (toc["root"], *numbered)]


def deck_file(name: str) -> str:
    """The file of a chapter's deck; `index.html` is the list of decks."""
    return f"{'front_page' if name == 'index' else name}.html"


def make_notebook(deck: Deck) -> nbformat.NotebookNode:
    """A notebook with a cell for each slide and for its notes, as nbconvert's exporter expects them."""
    cells = []
    for slide in deck.slides:
        kind = "slide" if slide.opens else "subslide"
        body = f'<div class="sheet {slide.kind}">{slide.html}</div>'
        for source, slide_type in ((body, kind), ("\n".join(slide.notes), "notes")):
            if source:
                cells.append(new_raw_cell(source, metadata={"slideshow": {"slide_type": slide_type}}))
    return new_notebook(cells=cells, metadata={"title": deck.title})


def make_deck(name: str, html_dir: Path) -> str:
    """Write the slides of one chapter and return its title.

    Args:
        name: the chapter's file without folder and ending.
        html_dir: the folder of the built book.
    """
    page = html_dir / "book" / f"{name}.html"
    chapter = ROOT / "book" / f"{name}.ipynb"
    if not page.is_file():
        raise SystemExit(f"The page of {name} is not in {html_dir}. Build the book first: {BUILD}")
    if page.stat().st_mtime < chapter.stat().st_mtime:
        tqdm.write(f"{name}: the chapter is newer than its page, and slides show the page. To build it: {BUILD}")
    deck = read_page(page.read_text("utf-8"), nbformat.read(chapter, as_version=4).cells, name)
    exporter = SlidesExporter(template_file=str(ASSETS / "deck.html.j2"))
    html, _ = exporter.from_notebook_node(make_notebook(deck))
    (html_dir / "slides" / deck_file(name)).write_text(html, "utf-8")
    return deck.title


def copy_scripts(html_dir: Path) -> None:
    """Copy reveal.js, from the locked npm packages, and the slides' own styles and script to where slides find them."""
    subprocess.run([sys.executable, SITE / "npm.py", "reveal.js"], check=True)
    for file in REVEAL:
        target = html_dir / "vendor" / "reveal.js" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SITE / "node_modules" / "reveal.js" / "dist" / file, target)
    for file in ("slides.css", "slides.js"):
        shutil.copyfile(ASSETS / file, html_dir / "slides" / file)


def write_index(html_dir: Path) -> None:
    """Write the list of all decks that are there."""
    page = BeautifulSoup((ASSETS / "index.html").read_text("utf-8"), "html.parser")
    for deck in (html_dir / "slides" / deck_file(name) for name in chapters()):
        if deck.is_file():
            page.ol.append(item := page.new_tag("li"))
            item.append(link := page.new_tag("a", href=deck.name))
            link.string = BeautifulSoup(deck.read_text("utf-8"), "html.parser").h1.get_text()
    (html_dir / "slides" / "index.html").write_text(str(page), "utf-8")


def make_slides(names: list[str], html_dir: Path = HTML) -> None:
    """Write the slides of some chapters, and the page that lists them, into ``slides/`` of the built book.

    Args:
        names: chapters, as `chapters()` names them.
        html_dir: the folder of the built book.
    """
    if not (html_dir / "vendor" / "mathjax").is_dir():
        raise SystemExit(f"There is no built book in {html_dir}. Build it first: {BUILD}")
    (html_dir / "slides").mkdir(exist_ok=True)
    copy_scripts(html_dir)
    for name in tqdm(names, desc="slides", unit="chapter", delay=2):
        make_deck(name, html_dir)
    write_index(html_dir)


class Handler(http.server.SimpleHTTPRequestHandler):
    """A file server that knows the types of what is in the book."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | TYPES


def serve(port: int, html_dir: Path = HTML) -> None:
    """Serve the built book with its slides on this machine until Ctrl+C.

    Args:
        port: where; 0 takes a free one.
        html_dir: the folder of the built book.
    """
    handler = functools.partial(Handler, directory=str(html_dir))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/slides/index.html (stop with Ctrl+C)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def main() -> None:
    """Run the command."""
    known = chapters()
    parser = argparse.ArgumentParser(description="Make slides of the built chapters.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"chapters; all if none is given: {', '.join(known)}")
    parser.add_argument(
        "--serve",
        type=int,
        nargs="?",
        const=8000,
        metavar="PORT",
        help="then serve them on this machine, on port 8000 unless you say another",
    )
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in known]:
        parser.error(f"no chapter is called {', '.join(unknown)}; there are {', '.join(known)}")
    make_slides(args.names or known)
    if args.serve is not None:
        serve(args.serve)
    else:
        print(f"Slides are in {(HTML / 'slides').relative_to(ROOT)}. To show them: python workshop/slides.py --serve")


if __name__ == "__main__":
    main()
