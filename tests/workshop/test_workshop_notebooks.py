"""The learner's and the instructor's copies: what is in them, how they read, and that they run from top to bottom."""

import os
import re
import subprocess
import sys
from pathlib import Path

import myst_to_markdown
import nbformat
import notebooks
import pytest
from support.chapters import CHAPTERS

ROOT = Path(__file__).resolve().parents[2]
STEMS = [path.stem for path in CHAPTERS]


@pytest.fixture(scope="module")
def copies(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("copies")
    for kind in notebooks.KINDS:
        notebooks.make_copies(kind, out / kind)
    return out


def cells(folder: Path, kind: str, stem: str) -> list:
    return nbformat.read(folder / kind / f"{stem}.ipynb", as_version=4).cells


def prose(found: list) -> str:
    return "\n\n".join(cell.source for cell in found if cell.cell_type == "markdown")


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("kind", notebooks.KINDS)
def test_a_copy_reads_without_the_books_build(copies, kind, stem):
    text = re.sub(r"^```.*?^```", "", prose(cells(copies, kind, stem)), flags=re.M | re.S)  # code may hold braces
    assert not re.findall(r"\{[\w:-]+\}`|^:{3,}.*|^`{3,}\{.*|\(eq-[\w-]+\)|^\([\w-]+\)=|^:label:.*", text, re.M)
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("stem", STEMS)
def test_a_learners_copy_has_exercises_and_neither_answers_nor_outputs_nor_notes(copies, stem):
    original = nbformat.read(ROOT / "book" / f"{stem}.ipynb", as_version=4).cells
    copy = cells(copies, "learner", stem)
    assert not [cell for cell in copy if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    assert prose(copy).count("### Exercise ") == prose(original).count("{exercise}")
    assert "### Answer" not in prose(copy)
    assert "Talk track" not in prose(copy)
    checks = re.findall(r'^check\("([^"]+)"', "\n".join(cell.source for cell in copy if cell.cell_type == "code"), re.M)
    assert len(checks) == len(set(checks))  # the stub's, and not the answer's
    # a heading after an answer, in the same cell as its end, is still there
    headings = re.findall(r"^## .+$", prose([cell for cell in original if not notebooks.is_notes(cell)]), re.M)
    assert re.findall(r"^## .+$", prose(copy), re.M) == headings


@pytest.mark.parametrize("stem", STEMS)
def test_an_instructors_copy_has_answers_outputs_and_a_prompt_at_each_section(copies, stem):
    original = nbformat.read(ROOT / "book" / f"{stem}.ipynb", as_version=4).cells
    copy = cells(copies, "instructor", stem)
    text = prose(copy)
    assert text.count("### Answer") == len(re.findall(r"\{solution(?:-start)?\}", prose(original)))
    assert [cell.outputs for cell in copy if cell.cell_type == "code"] == [
        cell.outputs for cell in original if cell.cell_type == "code"
    ]
    notes = next((cell for cell in original if notebooks.is_notes(cell)), None)
    if stem[:2].isdigit():
        assert notes is not None, f"{stem} has no teaching notes"
    if notes is not None:
        prompts = notebooks.PROMPT.findall(notes.source)
        assert len(prompts) >= 3
        assert text.count("**For the teacher, ") == len(prompts)
        for part in ("Aim.", "Where people get stuck.", "The question to ask."):
            assert f"**{part}**" in notes.source, part
        stated = re.search(r"\*\*Time:\*\* (?:about )?(\d+) minutes", text)
        assert sum(int(minutes) for minutes, *_ in prompts) == int(stated.group(1)), stem


def test_the_numbers_are_those_of_the_pages(html_dir):
    for path in CHAPTERS:
        if not (page := html_dir / "book" / f"{path.stem}.html").is_file():
            continue
        html = page.read_text("utf-8")
        formulas = re.findall(r'<span class="eqno">\(([\d.]+)\).*?href="#equation-(eq-[\w-]+)"', html)
        found = dict(
            re.findall(
                r'id="(ex-[\w-]+)">\s*<p class="admonition-title"><span class="caption-number">Exercise ([\d.]+)', html
            )
        )
        pages = {label: number for number, label in formulas} | found
        assert pages or not path.stem[0].isdigit(), path.stem
        for label, number in pages.items():
            assert myst_to_markdown.numbers()[label] == number, (path.stem, label)


def test_another_kind_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"kind must be one of \('learner', 'instructor'\), got 'teacher'"):
        notebooks.make_copies("teacher", tmp_path)


def test_notes_that_name_no_section_are_an_error():
    notes = nbformat.v4.new_markdown_cell("- **5 min · The end.** Say it.", metadata={"tags": ["instructor"]})
    with pytest.raises(ValueError, match="a section that the chapter does not have: ## The end"):
        notebooks.with_prompts([nbformat.v4.new_markdown_cell("## The beginning"), notes])


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("kind", notebooks.KINDS)
def test_a_copy_runs_from_top_to_bottom_under_nbval(copies, kind, stem):
    """An instructor's outputs are compared with what the code gives; a learner's copy has none, and must run."""
    from execute import ENVIRONMENT

    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120", "-q"]
    command += [
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(copies),
        "-c",
        os.devnull,
        str(copies / kind / f"{stem}.ipynb"),
    ]
    settings = ENVIRONMENT if kind == "instructor" else ENVIRONMENT | {"BABY_RLHF_PUBLISH": ""}  # as a learner runs it
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, cwd=copies)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
