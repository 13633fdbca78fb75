"""The learner's and the instructor's copies: what is in them, how they read, and that they run from top to bottom."""

import re
from pathlib import Path

import myst_to_markdown
import nbformat
import notebooks
import pytest
from support.chapters import CHAPTERS, every_chapter, live_figures

every_kind = pytest.mark.parametrize("kind", notebooks.KINDS)


def original(path: Path) -> list:
    """The cells of a chapter."""
    return nbformat.read(path, as_version=4).cells


def copied(path: Path, kind: str) -> list:
    """The cells of a copy of it."""
    return notebooks.make_copy(nbformat.read(path, as_version=4), kind).cells


def prose(found: list) -> str:
    return "\n\n".join(cell.source for cell in found if cell.cell_type == "markdown")


@every_kind
def test_copies_are_written_in_place_of_older_ones(kind, tmp_path):
    (tmp_path / "11_gone.ipynb").write_text("{}")
    written = notebooks.make_copies(kind, tmp_path)
    assert written == [tmp_path / path.name for path in CHAPTERS] == sorted(tmp_path.iterdir())
    for path in CHAPTERS:
        assert nbformat.read(tmp_path / path.name, as_version=4).cells == copied(path, kind)


@every_kind
@every_chapter
def test_a_copy_reads_without_the_books_build(kind, path):
    text = re.sub(r"^```.*?^```", "", prose(copied(path, kind)), flags=re.M | re.S)  # code may hold braces
    assert not re.findall(r"\{[\w:-]+\}`|^:{3,}.*|^`{3,}\{.*|\(eq-[\w-]+\)|^\([\w-]+\)=|^:label:.*", text, re.M)
    assert text.count("<details>") == text.count("</details>")


@every_chapter
def test_a_learners_copy_runs_from_top_to_bottom(path):
    live_figures(path)


@every_chapter
def test_a_learners_copy_has_exercises_and_neither_answers_nor_outputs_nor_notes(path):
    chapter, copy = original(path), copied(path, "learner")
    assert not [cell for cell in copy if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    assert prose(copy).count("### Exercise ") == prose(chapter).count("{exercise}")
    assert "### Answer" not in prose(copy)
    assert "Talk track" not in prose(copy)
    checks = re.findall(r'^check\("([^"]+)"', "\n".join(cell.source for cell in copy if cell.cell_type == "code"), re.M)
    assert len(checks) == len(set(checks))  # the stub's, and not the answer's
    # a heading after an answer, in the same cell as its end, is still there
    headings = re.findall(r"^## .+$", prose([cell for cell in chapter if not notebooks.is_notes(cell)]), re.M)
    assert re.findall(r"^## .+$", prose(copy), re.M) == headings


@every_chapter
def test_an_instructors_copy_has_answers_outputs_and_a_prompt_at_each_section(path):
    chapter, copy = original(path), copied(path, "instructor")
    text = prose(copy)
    assert text.count("### Answer") == len(re.findall(r"\{solution(?:-start)?\}", prose(chapter)))
    assert [(cell.source, cell.outputs) for cell in copy if cell.cell_type == "code"] == [
        (cell.source, cell.outputs) for cell in chapter if cell.cell_type == "code"
    ]
    notes = next((cell for cell in chapter if notebooks.is_notes(cell)), None)
    if path.stem[:2].isdigit():
        assert notes is not None, "no teaching notes"
    if notes is not None:
        prompts = notebooks.PROMPT.findall(notes.source)
        assert len(prompts) >= 3
        assert text.count("**For the teacher, ") == len(prompts)
        for part in ("Aim.", "Where people get stuck.", "The question to ask."):
            assert f"**{part}**" in notes.source, part
        stated = re.search(r"\*\*Time:\*\* (?:about )?(\d+) minutes", text)
        assert sum(int(minutes) for minutes, *_ in prompts) == int(stated.group(1))


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
