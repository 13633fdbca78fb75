"""The modules of live figures: made from the graphs that chapters publish, and put into the pages.

    python book/_site/modules.py

compiles what has no module yet. A module is a file of ``modules/``, named by the SHA-256 of its graph and of how graphs
are compiled, so that only what is new is compiled, and equal graphs share theirs; modules that no chapter uses any more
are removed. Only whoever publishes needs the compilers (``requirements/publish.txt``): the build of the pages does
without.
"""

import base64
import functools
import hashlib
import json
import re
import sys
import time
from pathlib import Path

from sphinx.util import logging

from rlhf_helpers._html import in_script
from rlhf_helpers.live.page.compile import OPTIONS, TEMPLATES

HERE = Path(__file__).resolve().parent
BOOK = HERE.parent
sys.path.append(str(BOOK))  # when it is run as a script

from kept_figures import html_of  # noqa: E402

MODULES = HERE / "modules"
DATA = re.compile(r'<script type="application/json" class="baby-live-data">(.*?)</script>', re.DOTALL)
logger = logging.getLogger(__name__)


def published(notebook: Path) -> list[dict]:
    """What the outputs of a chapter give to its page, a dict for each live figure."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    shown = [html_of(output.get("data", {})) for cell in cells for output in cell.get("outputs", [])]
    return [json.loads(data) for html in shown for data in DATA.findall(html)]


def file_of(graph: bytes) -> Path:
    """Where the module of a graph is, or would be."""
    return MODULES / f"{hashlib.sha256(recipe() + graph).hexdigest()[:16]}.wasm.gz"


@functools.cache
def recipe() -> bytes:
    """Of what a module depends on besides its graph: the compilers' versions and options, and our C code.

    After a change of ``compile.py`` itself, delete ``modules/``.
    """
    versions = (BOOK.parent / "requirements" / "publish.txt").read_bytes()
    return versions + " ".join(OPTIONS).encode() + b"".join(file.read_bytes() for file in sorted(TEMPLATES.iterdir()))


def put_modules(app, pagename, templatename, context, doctree) -> None:
    """Put the compiled modules of a page's figures into it; a figure without one stays a picture, with a warning."""

    def with_module(found: re.Match) -> str:
        data = json.loads(found[1])
        file = file_of(base64.b64decode(data.pop("graph")))
        if file.is_file():
            data["module"] = base64.b64encode(file.read_bytes()).decode()
        else:
            words = '%s: the figure "%s" has no module and stays a picture: python book/_site/modules.py'
            logger.warning(words, pagename, data["caption"])
        return f"{found[0].replace(found[1], in_script(data))}<baby-live-end></baby-live-end>"  # where page.js begins

    if "baby-live-data" in context.get("body", ""):
        context["body"] = DATA.sub(with_module, context["body"])


def main() -> int:
    """Compile what has no module yet and remove modules that no chapter uses; return 1 where a graph cannot be."""
    figures = {}  # a graph and the first figure that has it
    for notebook in sorted(BOOK.glob("*.ipynb")):
        for data in published(notebook):
            figures.setdefault(base64.b64decode(data["graph"]), f'{notebook.stem}, "{data["caption"]}"')
    MODULES.mkdir(exist_ok=True)
    for stale in set(MODULES.glob("*.wasm.gz")) - {file_of(graph) for graph in figures}:
        stale.unlink()
    failed = 0
    for graph, figure in figures.items():
        if not file_of(graph).is_file() and not _compile(graph, figure):
            failed = 1
    return failed


def _compile(graph: bytes, figure: str) -> bool:
    """Write the module of a graph, and say so; whether it could be."""
    from rlhf_helpers.live.page.compile import CompileError, compile_graph

    begun = time.perf_counter()
    try:
        file_of(graph).write_bytes(compile_graph(graph))
    except CompileError as error:
        print(f"no module for the figure of {figure}: {error}", file=sys.stderr, flush=True)
        return False
    size, seconds = file_of(graph).stat().st_size / 1000, time.perf_counter() - begun
    print(f"{figure[:60]:<62}{size:6.1f} kB {seconds:6.1f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
