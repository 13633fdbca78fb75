"""Make the learner's and the instructor's copies of all chapters from the chapters themselves.

    python workshop/notebooks.py                # into _build/workshop/learner and _build/workshop/instructor

A learner's copy has no answers and no outputs. An instructor's copy has both, the teaching notes on top, and at each
section what to say and to ask, with the minutes. Both run from top to bottom in JupyterLab, VS Code or Colab.
"""

import argparse
import re
from pathlib import Path

import nbformat
from myst_to_markdown import BOOK, markdown
from tqdm import tqdm

BUILT = BOOK.parent / "_build" / "workshop"
KINDS = ("learner", "instructor")
ANSWER = re.compile(r"^(?P<fence>`{3,})\{solution\} .*?^(?P=fence)$\n?", re.M | re.S)
START = re.compile(r"^(?P<fence>`{3,})\{solution-start\}.*?^(?P=fence)$", re.M | re.S)
END = re.compile(r"^(?P<fence>`{3,})\{solution-end\}\n(?P=fence)$", re.M)
PROMPT = re.compile(r"^- \*\*(?P<minutes>\d+) min · (?P<heading>.+?)\.?\*\* (?P<words>.+)$", re.M)


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


def is_notes(cell) -> bool:
    """Whether a cell holds the teaching notes."""
    return "instructor" in cell.metadata.get("tags", [])


def with_prompts(cells: list) -> list:
    """The cells with the teaching notes on top, and each prompt of theirs below the heading that it names."""
    notes = next((cell for cell in cells if is_notes(cell)), None)
    cells = [cell for cell in cells if not is_notes(cell)]
    if notes is None:
        return cells
    for prompt in PROMPT.finditer(notes.source):
        heading = f"## {prompt['heading']}"
        cell = next((c for c in cells if c.cell_type == "markdown" and heading in c.source.split("\n")), None)
        if cell is None:
            raise ValueError(f"the teaching notes name a section that the chapter does not have: {heading}")
        aside = f"> **For the teacher, {prompt['minutes']} min.** {prompt['words']}"
        cell.source = cell.source.replace(heading, f"{heading}\n\n{aside}", 1)
    rest = PROMPT.sub("", notes.source).replace("**Talk track.**\n", "").strip()
    return [cells[0], nbformat.v4.new_markdown_cell(f"## For the teacher\n\n{rest}", id="teacher"), *cells[1:]]


def make_copy(notebook: nbformat.NotebookNode, kind: str) -> nbformat.NotebookNode:
    """Change a chapter, in place, into a learner's or an instructor's copy, and return it.

    Args:
        notebook: the chapter.
        kind: "learner" or "instructor".
    """
    if kind == "learner":
        notebook.cells = without_answers([cell for cell in notebook.cells if not is_notes(cell)])
    else:
        notebook.cells = with_prompts(notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = markdown(cell.source)
            continue
        if kind == "learner":
            cell.outputs, cell.execution_count = [], None
    return notebook


def make_copies(kind: str, out: Path) -> list[Path]:
    """Write the copies of all chapters of one kind.

    Args:
        kind: "learner" or "instructor".
        out: the folder to write to; copies of an earlier run in it are replaced.

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
    for path in tqdm(sorted(BOOK.glob("*.ipynb")), desc=f"{kind} copies", unit="chapter"):
        copy = make_copy(nbformat.read(path, as_version=4), kind)
        nbformat.validate(copy)
        nbformat.write(copy, out / path.name)
        written.append(out / path.name)
    return written


def main() -> None:
    """Read the command line and write the copies."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=BUILT, help="folder for the copies (default: _build/workshop)")
    out = parser.parse_args().out
    for kind in KINDS:
        written = make_copies(kind, out / kind)
        print(f"{len(written)} notebooks in {written[0].parent}")


if __name__ == "__main__":
    main()
