"""The readers', learners' and instructor's copies: what is in them, how they read, and what leads to them.

That a learner's copy runs from top to bottom is what `tests/book/test_export.py` finds when it takes its figures there.
"""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import myst_to_markdown
import nbformat
import notebooks
import pytest
from kept_figures import html_of
from plans import plans
from support.chapters import CHAPTERS, ROOT, every_chapter

every_kind = pytest.mark.parametrize("kind", notebooks.KINDS)


@functools.cache
def original(path: Path) -> list:
    """The cells of a chapter."""
    return nbformat.read(path, as_version=4).cells


@functools.cache
def copied(path: Path, kind: str) -> list:
    """The cells of a copy of it."""
    return notebooks.make_copy(nbformat.read(path, as_version=4), kind, path.stem).cells


def prose(found: list) -> str:
    return "\n\n".join(cell.source for cell in found if cell.cell_type == "markdown")


def code(found: list) -> list:
    """The cells of code, but for questions, which are text in copies, and for the one that installs the package."""
    found = [cell for cell in found if cell.cell_type == "code" and "question" not in cell.metadata.get("tags", [])]
    return [cell for cell in found if "%pip" not in cell.source]


def unfolded(text: str) -> str:
    """What of a text lies open."""
    return re.sub(r"<details>.*?</details>", "", text, flags=re.S)


def test_copies_are_written_in_place_of_older_ones(tmp_path):
    (tmp_path / "11_gone.ipynb").write_text("{}")
    written = notebooks.make_copies("reader", tmp_path)
    assert written == [tmp_path / path.name for path in CHAPTERS] == sorted(tmp_path.iterdir())
    for path in CHAPTERS:
        assert nbformat.read(tmp_path / path.name, as_version=4).cells == copied(path, "reader")


@every_kind
@every_chapter
def test_a_copy_reads_without_the_books_build(kind, path):
    text = re.sub(r"^(`{3,})(?!\{).*?^\1$", "", prose(copied(path, kind)), flags=re.M | re.S)  # code may hold braces
    assert not re.findall(
        r"\{[\w:-]+\}`|^:{3,}.*|^`{3,}\{.*|\(eq-[\w-]+\)|^\([\w-]+\)=|^:label:.*|\]\([\w-]+\.md\)", text, re.M
    )
    assert text.count("<details>") == text.count("</details>")


@every_kind
@every_chapter
def test_a_copy_installs_first_folds_what_the_page_folds_and_has_ids_of_its_own(kind, path):
    cells = copied(path, kind)
    lines = [cell for cell in cells if cell.cell_type == "code"]
    if lines:
        assert lines[0].source.splitlines()[-1] == f"    %pip install --quiet git+{notebooks.address()}"
    for cell in lines:
        folded = "%pip" in cell.source or {"hide-input", "remove-input"} & set(cell.metadata.get("tags", []))
        assert not folded or cell.metadata["jupyter"]["source_hidden"]
        assert not folded or cell.metadata["cellView"] == "form"  # where Colab looks
    assert len({cell.id for cell in cells}) == len(cells)
    assert not {cell.id for other in {*notebooks.KINDS} - {kind} for cell in copied(path, other)} & {
        cell.id for cell in cells
    }
    for output in (output for cell in lines for output in cell.outputs):
        data = output.get("data", {})
        assert set(data) <= {"image/png", "text/plain", "text/markdown", "text/html"}
        assert "<figure" not in data.get("text/html", "")  # it would lose its picture where nobody trusts it


@every_chapter
def test_a_readers_copy_shows_what_the_page_shows_and_gives_nothing_away(path):
    chapter, copy = original(path), copied(path, "reader")
    text = prose(copy)
    answers = len(re.findall(r"\{solution(?:-start)?\}|\{dropdown\} Answer ", prose(chapter)))
    assert text.count("<summary>Answer ") == answers
    assert "Answer" not in re.findall(r"^#+ (\w+)", unfolded(text), re.M)
    assert "Talk track" not in text
    there = iter(code(copy))
    answering = False
    for cell in chapter:
        answering = "{solution-start}" in cell.source or answering and "{solution-end}" not in cell.source
        if cell.cell_type == "code" and answering:
            source = re.sub(r"\n{3,}", "\n\n", cell.source)
            assert source in text, "the code of an answer is not in the answer"
            assert source not in unfolded(text)
        elif cell in code(chapter):
            found = next(there)
            assert found.source == cell.source
            pictures = [html_of(output.get("data", {})) for output in cell.outputs]
            shown = [output.data for output in found.outputs if "data" in output]
            assert sum("image/png" in data for data in shown) == sum("<figure" in html for html in pictures)
            captions = [data["text/plain"] for data in shown if "text/markdown" in data]
            assert len(captions) == sum("<figcaption" in html for html in pictures)
    assert next(there, None) is None
    assert re.findall(r"^## .+$", text, re.M) == headings(chapter)


def copy_of(outputs: list) -> list:
    """Outputs that may be changed."""
    return [nbformat.from_dict(json.loads(json.dumps(output))) for output in outputs]


@every_kind
@every_chapter
def test_a_question_can_be_answered_before_anything_is_run_and_no_code_names_its_answer(kind, path):
    wanted = [outcome(cell) for cell in original(path) if "question" in cell.metadata.get("tags", [])]
    found = [cell for cell in copied(path, kind) if "question" in cell.metadata.get("tags", [])]
    assert [cell.cell_type for cell in found] == ["markdown"] * len(wanted)
    for cell, (text, verdicts) in zip(found, wanted, strict=True):
        assert cell.source.startswith(f"**{text}**\n")
        assert re.findall(r"<details>\n<summary>.+</summary>\n\n\*\*(Yes|No)\.\*\* \S", cell.source) == verdicts
        assert "Yes" not in unfolded(cell.source)
        assert "jupyter" not in cell.metadata  # JupyterLab would not draw it
    assert not [cell for cell in code(copied(path, kind)) if re.match(r"question\(", cell.source)]


def outcome(cell) -> tuple[str, list[str]]:
    """The text of a question, and whether each of its answers is right."""
    asked = []
    exec(cell.source, {"question": lambda text, answers, right, show=None: asked.extend([text, answers, right])})
    text, answers, right = asked
    return text, ["Yes" if answer == right else "No" for answer in answers]


def headings(chapter: list) -> list[str]:
    """The headings of sections; one may be after an answer, in the same cell as its end."""
    return re.findall(r"^## .+$", prose([cell for cell in chapter if not notebooks.is_notes(cell)]), re.M)


@every_chapter
def test_a_learners_copy_has_exercises_and_neither_answers_nor_outputs_nor_notes(path):
    chapter, copy = original(path), copied(path, "learner")
    assert not [cell for cell in copy if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    assert prose(copy).count("### Exercise ") == prose(chapter).count("{exercise}")
    assert "### Answer" not in prose(copy)
    assert "Talk track" not in prose(copy)
    checks = re.findall(r'^check\("([^"]+)"', "\n".join(cell.source for cell in code(copy)), re.M)
    assert len(checks) == len(set(checks))  # the stub's, and not the answer's
    assert re.findall(r"^## .+$", prose(copy), re.M) == headings(chapter)


@every_chapter
def test_an_instructors_copy_has_answers_outputs_and_a_prompt_at_each_section(path):
    chapter, copy = original(path), copied(path, "instructor")
    text = prose(copy)
    assert text.count("### Answer") == len(re.findall(r"\{solution(?:-start)?\}", prose(chapter)))
    assert [cell.source for cell in code(copy)] == [cell.source for cell in code(chapter)]
    for ours, theirs in zip(code(copy), code(chapter), strict=True):
        assert [output for output in ours.outputs if "text/markdown" not in output.get("data", {})] == [
            output
            for output in notebooks.as_images(copy_of(theirs.outputs))
            if "text/markdown" not in output.get("data", {})
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
        for prompt in prompts:  # each says which plans have it
            within = [plan.name for plan in plans() if prompt[2] in plan.sections(path.stem)]
            assert (f"*In {', '.join(within)}.*" in text) == bool(within)


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


def test_buttons_and_branch_lead_to_readers_copies(html_dir):
    found = sorted((html_dir / "notebooks").glob("*.ipynb"))
    assert [path.name for path in found] == [path.name for path in CHAPTERS]
    sample = nbformat.read(html_dir / "notebooks" / "04_ppo.ipynb", as_version=4).cells
    assert sample == copied(ROOT / "book" / "04_ppo.ipynb", "reader")
    assert not list((html_dir / "_sources").rglob("*.ipynb"))
    repository = notebooks.address().removeprefix("https://github.com/")
    for path in CHAPTERS:
        page = html_dir / "book" / f"{path.stem}.html"
        if not page.is_file():  # the front page is the book's own index.html
            page = html_dir / "index.html"
        html = page.read_text("utf-8")
        leads = [link for link in re.findall(r'href="([^"]+\.ipynb)(?:#[^"]*)?"', html) if "/edit/" not in link]
        assert len(leads) == 3 * (1 + html.count('class="baby-attempt"')), path.stem  # the page's, and each exercise's
        assert all(link.endswith(f"/{path.name}") for link in leads)
        places = re.findall(rf"/{path.name}#scrollTo=([^\"]+)", html)
        assert {*places} <= {cell.id for cell in copied(path, "reader")}, path.stem
        assert f"/v2/gh/{repository}/notebooks?urlpath=lab/tree/{path.name}" in html
        assert f"colab.research.google.com/github/{repository}/blob/notebooks/{path.name}" in html
        (local,) = {link for link in leads if "://" not in link}
        assert (page.parent / local).resolve() == html_dir.resolve() / "notebooks" / path.name
    wanted = (html_dir / "notebooks" / "requirements.txt").read_text("utf-8")
    assert wanted.splitlines()[-1] == f"git+{notebooks.address()}"


def test_a_folder_whose_name_a_console_cannot_write_is_none_that_copies_and_pre_flight_mind(tmp_path):
    out, environment = tmp_path / "Łukasz", os.environ | {"PYTHONIOENCODING": "cp1252"}
    command = "import notebooks; notebooks.BOOK = notebooks.Path(sys.argv.pop()); notebooks.main()"
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.ipynb").write_text(
        json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    arguments = ["-c", f"import sys; {command}", "--out", out, tmp_path / "book"]
    run = {"cwd": ROOT / "workshop", "env": environment, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, *arguments], **run)
    assert done.returncode == 0, done.stderr
    assert "1 notebooks in " in done.stdout
    assert "\\u0141ukasz" in done.stdout
    said = "import preflight as p; p.findings = lambda: [p.Finding('ok', 'Łukasz')]; raise SystemExit(p.main())"
    done = subprocess.run([sys.executable, "-c", said], **run)
    assert (done.returncode, done.stdout) == (0, "ok     \\u0141ukasz\nReady.\n")


def test_words_of_a_question_are_text_and_code():
    assert notebooks.inline("a < `b`") == "a &lt; <code>b</code>"


def test_another_kind_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"kind must be one of \('reader', 'learner', 'instructor'\), got 'teacher'"):
        notebooks.make_copies("teacher", tmp_path)


def test_notes_that_name_no_section_are_an_error():
    notes = nbformat.v4.new_markdown_cell("- **5 min · The end.** Say it.", metadata={"tags": ["instructor"]})
    with pytest.raises(ValueError, match="a section that the chapter does not have: ## The end"):
        notebooks.with_prompts([nbformat.v4.new_markdown_cell("## The beginning"), notes], "small")
