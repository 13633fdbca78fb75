"""Make the readers', the learners' and the instructor's copies of all chapters from the chapters themselves.

    python workshop/notebooks.py                # into _build/workshop/reader, .../learner and .../instructor

All three are plain Markdown, have hints folded and questions that need no kernel, and run from top to bottom in
JupyterLab, VS Code or Colab, where their first line of code installs the package. A reader's copy shows its figures
before anything is run, and has its answers folded. A learner's copy has no answers and no outputs. An instructor's copy
has both, the teaching notes on top, and at each section what to say and to ask, its minutes, and the plans with it.
"""

import argparse
import ast
import html
import re
from pathlib import Path

import nbformat
import yaml
from myst_to_markdown import BOOK, markdown, numbers
from plans import PROMPT, plans
from preflight import write_anything
from tqdm import tqdm

ROOT = BOOK.parent
BUILT = ROOT / "_build" / "workshop"
KINDS = ("reader", "learner", "instructor")
KEPT = "application/vnd.baby-rlhf.figure"  # of a figure's HTML, for its page alone
ANSWER = re.compile(
    r"^(?P<fence>`{3,})\{solution\} (?P<label>\S+)\n(?::class: dropdown\n)?(?P<body>.*?)^(?P=fence)$\n?", re.M | re.S
)
START = re.compile(r"^(?P<fence>`{3,})\{solution-start\} (?P<label>\S+).*?^(?P=fence)$", re.M | re.S)
END = re.compile(r"^(?P<fence>`{3,})\{solution-end\}\n(?P=fence)$", re.M)
CHECK = re.compile(r'^check\("([\w-]+)"', re.M)
INSTALL = """# @title Install the package where it is missing, on Colab for instance
try:
    import rlhf_helpers
except ModuleNotFoundError:
    %pip install --quiet git+{address}"""


def address() -> str:
    """The address of the repository."""
    return yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["repository"]["url"]


def without_answers(cells: list) -> list:
    """The cells outside of answers; a Markdown cell keeps what comes before and after an answer."""
    kept, answering = [], False
    for cell in cells:
        if cell.cell_type != "markdown":
            kept += [] if answering else [cell]
            continue
        outside, rest = "", cell.source
        while rest:
            found = (END if answering else START).search(rest)
            outside += "" if answering else rest[: found.start()] if found else rest
            rest = rest[found.end() :] if found else ""
            answering = answering != bool(found)
        cell.source = ANSWER.sub("", outside).strip()
        kept += [cell] if cell.source else []
    return kept


def with_folded_answers(cells: list) -> list:
    """The cells, with each answer, its code included, in one folded piece of text: nothing of it lies open anywhere."""
    kept, answer = [], None
    for cell in cells:
        if cell.cell_type == "code":
            if answer is None:
                kept.append(cell)
            else:
                answer[1].append(_told(cell))
            continue
        cell.source = ANSWER.sub(lambda found: _folded(found["label"], [found["body"]]) + "\n", cell.source)
        outside, rest = [], cell.source
        while rest:
            found = (END if answer else START).search(rest)
            piece, rest = (rest[: found.start()], rest[found.end() :]) if found else (rest, "")
            (answer[1] if answer else outside).append(piece)
            if found and answer:
                outside.append(_folded(*answer))
            if found:
                answer = None if answer else (found["label"], [])
        cell.source = "\n\n".join(piece.strip() for piece in outside).strip()
        kept += [cell] if cell.source else []
    return kept


def _folded(label: str, pieces: list[str]) -> str:
    """A folded box of the book with an answer in it."""
    content = "\n\n".join(piece.strip() for piece in pieces)
    fence = "`" * (max(map(len, re.findall(r"^`{3,}", content, re.M)), default=2) + 1)
    return f"{fence}{{dropdown}} Answer {numbers()[label]}\n{content}\n{fence}"


def _told(cell) -> str:
    """A code cell as text: what it says and what it prints."""
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    return f"```python\n{cell.source}\n```" + (f"\n\nIt prints:\n\n```text\n{printed.rstrip()}\n```" if printed else "")


def is_notes(cell) -> bool:
    """Whether a cell holds the teaching notes."""
    return "instructor" in cell.metadata.get("tags", [])


def with_prompts(cells: list, stem: str) -> list:
    """The cells with the teaching notes on top, and each prompt of theirs below the heading that it names.

    Args:
        cells: of a chapter.
        stem: its name, by which plans call it.
    """
    notes = next((cell for cell in cells if is_notes(cell)), None)
    cells = [cell for cell in cells if not is_notes(cell)]
    if notes is None:
        return cells
    for prompt in PROMPT.finditer(notes.source):
        heading = f"## {prompt['heading']}"
        cell = next((c for c in cells if c.cell_type == "markdown" and heading in c.source.split("\n")), None)
        if cell is None:
            raise ValueError(f"the teaching notes name a section that the chapter does not have: {heading}")
        more = f" + {prompt['more']}" if prompt["more"] else ""
        within = [plan.name for plan in plans() if prompt["heading"] in plan.sections(stem)]
        where = f" *In {', '.join(within)}.*" if within else ""
        aside = f"> **For the teacher, {prompt['core']}{more} min.** {prompt['words']}{where}"
        cell.source = cell.source.replace(heading, f"{heading}\n\n{aside}", 1)
    rest = PROMPT.sub("", notes.source).replace("**Talk track.**\n", "").strip()
    return [cells[0], nbformat.v4.new_markdown_cell(f"## For the teacher\n\n{rest}", id="teacher"), *cells[1:]]


def as_text(cell):
    """A question as a cell of text: it needs no kernel to be answered, and its code would name the right answer."""
    asked = ast.parse(cell.source).body[-1].value
    text, answers = map(ast.literal_eval, asked.args)
    right = ast.literal_eval(asked.keywords[0].value)
    choices = []
    for answer, why in answers.items():
        verdict = "Yes" if answer == right else "No"
        choices.append(f"<details>\n<summary>{inline(answer)}</summary>\n\n**{verdict}.** {why}\n\n</details>")
    tags = {"tags": cell.metadata["tags"]}  # and not that its source is hidden, which hides text
    return nbformat.v4.new_markdown_cell("\n\n".join([f"**{text}**", *choices]), metadata=tags)


def inline(text: str) -> str:
    """Markdown of one line as HTML; text in backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def as_images(outputs: list) -> list:
    """Outputs of a chapter as a notebook shows them before it is run: figures are images, with captions below."""
    shown = []
    for output in outputs:
        shown.append(output)
        data = output.get("data", {})
        if KEPT not in data:
            continue
        del data[KEPT]
        what, _, caption = data["text/plain"].partition(": ")
        caption += " *Run this cell, and the figure moves.*" if what == "Live figure" else ""
        shown.append(nbformat.v4.new_output("display_data", {"text/markdown": caption, "text/plain": caption}))
    return shown


def fold(cell) -> None:
    """Fold a cell's code where JupyterLab and Colab look for that, each in its own place; VS Code looks nowhere."""
    cell.metadata |= {"jupyter": {"source_hidden": True}, "cellView": "form"}


def make_copy(notebook: nbformat.NotebookNode, kind: str, stem: str = "") -> nbformat.NotebookNode:
    """Change a chapter, in place, into a copy for somebody, and return it.

    Args:
        notebook: the chapter.
        kind: "reader", "learner" or "instructor".
        stem: the chapter's name, by which the plans in an instructor's copy call it.
    """
    if kind == "instructor":
        notebook.cells = with_prompts(notebook.cells, stem)
    else:
        edited = with_folded_answers if kind == "reader" else without_answers
        notebook.cells = edited([cell for cell in notebook.cells if not is_notes(cell)])
    notebook.cells = [as_text(c) if "question" in c.metadata.get("tags", []) else c for c in notebook.cells]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = markdown(cell.source)
            continue
        cell.outputs = [] if kind == "learner" else as_images(cell.outputs)
        if kind == "learner":
            cell.execution_count = None
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            fold(cell)
    first = next((i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"), len(notebook.cells))
    notebook.cells.insert(first, nbformat.v4.new_code_cell(INSTALL.format(address=address())))
    fold(notebook.cells[first])
    for number, cell in enumerate(notebook.cells, start=1):
        asked = "exercise" in cell.metadata.get("tags", []) and CHECK.search(cell.source)
        cell.id = f"{kind}-{asked[1]}" if asked else f"{kind}-{number:03d}"  # pages lead to exercises
    return notebook


def make_copies(kind: str, out: Path, *, quiet: bool = False) -> list[Path]:
    """Write the copies of all chapters of one kind.

    Args:
        kind: "reader", "learner" or "instructor".
        out: the folder to write to; copies of an earlier run in it are replaced.
        quiet: whether to do without a progress bar.

    Returns:
        The files written.

    Raises:
        ValueError: when the kind is another one.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.ipynb"):
        old.unlink()
    written = []
    for path in tqdm(sorted(BOOK.glob("*.ipynb")), desc=f"{kind} copies", unit="chapter", disable=quiet):
        copy = make_copy(nbformat.read(path, as_version=4), kind, path.stem)
        nbformat.validate(copy)
        nbformat.write(copy, out / path.name)
        written.append(out / path.name)
    return written


def main() -> None:
    """Read the command line and write the copies."""
    write_anything()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=BUILT, help="folder for the copies (default: _build/workshop)")
    out = parser.parse_args().out
    for kind in KINDS:
        written = make_copies(kind, out / kind)
        print(f"{len(written)} notebooks in {written[0].parent}")


if __name__ == "__main__":
    main()
