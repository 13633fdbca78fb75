"""What a maintainer would otherwise check by eye: layout, pins, commands, committed chapters, references."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import symtable
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from kept_figures import KEPT
from plans import chapter, plans, read_slot
from support.chapters import CHAPTERS, ROOT, each, every_chapter, every_numbered_chapter
from support.minutes import SECONDS, SHOWN, SPOKEN_A_MINUTE, WORDS_A_MINUTE, contents, minutes, said_and_shown, taught

BOOK = ROOT / "book"
LAYOUT = {
    *(".ci", ".github", ".gitignore", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "LICENSE-text", "README.md"),
    *("_config.yml", "_toc.yml", "conftest.py", "pyproject.toml", "requirements", "requirements.txt"),
    *("book", "rlhf_helpers", "tests", "workshop"),
}
COMMANDS = ["python -m pip install -r requirements.txt", "jupyter-book build .", "python -m pytest"]


def tracked_files() -> list[Path]:
    """The files git knows; skips the test where this is no git checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_of(name: str) -> str:
    """The text of a file of the project."""
    return (ROOT / name).read_text("utf-8")


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    """The code cells of a chapter."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_top_level_is_the_documented_layout():
    assert {path.relative_to(ROOT).parts[0] for path in tracked_files()} == LAYOUT


def test_files_name_no_machine_and_no_registry():
    hosts = ["pypi." + "org", "pythonhosted." + "org", "npmjs." + "org", "npmjs." + "com", "pytorch.org/" + "whl"]
    paths = [r"(?<![\w.:/])/" + top + r"/\w" for top in ("work", "root", "home", "Users", "mnt")]
    forbidden = re.compile("|".join([*map(re.escape, hosts), *paths, r"[A-Z]:\\Users"]))
    found = []
    for path in tracked_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in forbidden.finditer(text)]
    assert found == []


@pytest.mark.parametrize("folder", ["book/_site", "workshop/room"])
def test_lock_file_is_exact_and_names_no_host(folder):
    lock = json.loads(text_of(f"{folder}/package-lock.json"))
    manifest = json.loads(text_of(f"{folder}/package.json"))
    for name, version in (manifest["dependencies"] | manifest.get("devDependencies", {})).items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    for name, package in lock["packages"].items():
        assert "resolved" not in package
        assert not name or package["integrity"].startswith("sha512-")


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_and_ci_use_the_same_command(command):
    assert command in text_of("README.md")
    assert re.search(rf"^(\w+=\S+ )*{re.escape(command)}( |$)", text_of(".ci/run"), re.MULTILINE)


@pytest.mark.parametrize(
    "tier", sorted(path.name for path in (ROOT / "tests").iterdir() if any(path.rglob("test_*.py")))
)
def test_every_tier_has_its_command_and_minutes(tier):
    rows = [
        re.search(rf"`(python -m pytest [^`]*\btests/{tier}\b[^`]*)` \| ([\d.]+) \|$", text_of(name), re.MULTILINE)
        for name in ("README.md", "CONTRIBUTING.md")
    ]
    assert all(rows), rows
    assert rows[0].groups() == rows[1].groups()


def test_every_module_has_its_file_of_tests_and_every_folder_its_own():
    package, unit = ROOT / "rlhf_helpers", ROOT / "tests" / "unit"
    for path in package.iterdir():
        if path.is_dir() and any(path.glob("*.py")) and path.name != "exercises":  # tests/book has those
            assert any((unit / path.name).glob("test_*.py")) or (unit / f"test_{path.name}.py").exists(), path.name
        elif path.suffix == ".py" and not path.name.startswith("_"):
            assert (unit / f"test_{path.name}").exists(), path.name


def test_what_contributors_are_told_is_there():
    text = text_of("CONTRIBUTING.md")
    for path in re.findall(r"(?<![\w/])(?:book|rlhf_helpers|tests|workshop|\.ci)/[\w./]*\w", text):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text):
        assert any(name.encode() in path.read_bytes() for path in tracked_files() if path.suffix != ".md"), name


def test_contributors_are_told_every_variable_of_ours():
    read = re.compile(r"""environ(?:\.\w+\(|\[)["']([A-Z]\w+)""")
    found = {name for path in tracked_files() if path.suffix == ".py" for name in read.findall(path.read_text("utf-8"))}
    of_others = {"CONDA_PREFIX", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_API_URL", "JUPYTERHUB_USER", "PATH", "PYTHONPATH"}
    of_others |= {"MARK_OF_A_TEST", "PIP_FIND_LINKS"}
    rows = re.findall(r"^\| (`.+?`) \|", text_of("CONTRIBUTING.md").split("## The environment")[1], re.MULTILINE)
    assert found >= {"BABY_RLHF_PUBLISH", "ROOM_PASSWORD"}
    assert found - of_others <= set(re.findall(r"`(\w+)", " ".join(rows)))


def test_repository_address_is_set_in_one_place():
    config = yaml.safe_load(text_of("_config.yml"))
    address = config["repository"]["url"].rstrip("/")
    naming = {path.relative_to(ROOT).as_posix() for path in tracked_files() if address.encode() in path.read_bytes()}
    assert naming <= {"_config.yml", "README.md"}


def test_table_of_contents_names_every_chapter():
    toc = yaml.safe_load(text_of("_toc.yml"))
    named = {toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])}
    there = {path.relative_to(ROOT).with_suffix("").as_posix() for path in [*CHAPTERS, *BOOK.glob("*.md")]}
    assert named == there


@every_chapter
def test_chapter_was_run_from_top_to_bottom(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@every_chapter
def test_chapter_outputs_are_clean(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", cell.id
            assert "widget-view" not in str(output.get("data", {}).keys()), cell.id
            bare = "image/png" in output.get("data", {}) and KEPT not in output.data
            assert not bare, f"{cell.id}: show(fig, ...) gives words and dark mode"
            assert "<figure" not in output.get("data", {}).get("text/html", ""), f"{cell.id}: no notebook trusts this"
            assert " at 0x" not in str(output), cell.id


@every_chapter
def test_chapter_is_normalized(path):
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert [cell.id for cell in notebook.cells] == [f"cell-{n:03d}" for n in range(1, len(notebook.cells) + 1)]
    assert {key for cell in notebook.cells for key in cell.metadata} <= {"tags", "mystnb", "jupyter"}


PLUMBING = re.compile(r"^(?:\w+ = )?(?:live|question|figure|curves|line_plot|show)\(|\bvmap\(|\bmake_fx\(", re.M)


@each([path for path in CHAPTERS if path.stem != "make_your_own"])  # there it is what the page is about
def test_plumbing_is_folded(path):
    unfolded = [cell for cell in code_cells(path) if not cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert [cell.id for cell in unfolded if PLUMBING.search(cell.source)] == []


def names_in_functions(table: symtable.SymbolTable) -> set[str]:
    """The global names that functions look up when they run."""
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and table.get_type() == "function"}
    return own.union(*map(names_in_functions, table.get_children()))


def names_made_by(statement: ast.stmt) -> set[str]:
    """The names that a statement of a cell binds."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


@each([path for path in CHAPTERS if "live(" in path.read_text("utf-8") and path.stem != "make_your_own"])
def test_chapter_opens_with_a_figure(path):
    """A title, a question, what to try, and the figure. What its functions look up may be shown again, unchanged."""
    title, opening, *rest = nbformat.read(path, as_version=4).cells
    heading, question, to_try = title.source.split("\n\n")
    assert re.fullmatch(r"(\([\w-]+\)=\n)?# .+", heading)
    assert re.fullmatch(r"\*\*[^*]+\?\*\*", question)
    assert re.fullmatch(r"[^.?!]+\.", re.sub(r"\]\([^)]*\)|[`*]", "", to_try), re.S)
    assert [tag for tag in opening.metadata.tags if tag != "full-width"] == ["opening", "hide-input"]
    assert not any("opening" in cell.metadata.get("tags", []) for cell in rest)
    assert re.search(r"^(?:\w+ = )?live\(", opening.source, re.M)
    looked_up = names_in_functions(symtable.symtable(opening.source, path.stem, "exec"))
    known = {name: ast.dump(made) for made in ast.parse(opening.source).body for name in names_made_by(made)}
    for cell in rest:
        for made in ast.parse(cell.source).body if cell.cell_type == "code" else []:
            for name in looked_up & known.keys() & names_made_by(made):
                assert ast.dump(made) == known[name], f"{cell.id} changes {name}, which the figure at the top looks up"


@every_chapter
def test_what_a_page_says_is_computed(path):
    assert "page.problems() == []" in text_of(f"tests/findings/claims/test_{path.stem}.py")


@every_numbered_chapter
def test_chapter_has_exercises_with_answers(path):
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    labels = set(re.findall(r"\{exercise(?:-start)?\}.*\n(?:.*\n)*?:label: (\S+)", text))
    answered = set(re.findall(r"\{solution(?:-start)?\} (\S+)", text))
    assert len(labels) >= 3
    assert labels == answered


def cited_keys() -> set[str]:
    """All keys that the book cites."""
    sources = [path.read_text("utf-8") for path in BOOK.glob("*.md")]
    sources += [cell.source for path in CHAPTERS for cell in nbformat.read(path, as_version=4).cells]
    found = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", "\n".join(sources))
    return {key.strip() for keys in found for key in keys.split(",")}


def test_references_are_complete_and_cited_by_key():
    from pybtex.database import parse_file

    entries = parse_file(str(BOOK / "references.bib")).entries
    assert cited_keys() <= set(entries)
    for key, entry in entries.items():
        assert re.fullmatch(r"[a-z]+\d{4}[a-z0-9]+", key), key
        assert entry.persons["author"], key
        assert {"title", "year"} <= set(entry.fields), key
        assert "eprint" not in entry.fields or entry.fields["archivePrefix"] == "arXiv", key


@pytest.mark.parametrize(
    "module",
    [
        "rlhf_helpers",
        "rlhf_helpers.plots",
        "rlhf_helpers.live",
        "rlhf_helpers.exercises",
        "rlhf_helpers.clicks",
        "rlhf_helpers.names",
        "rlhf_helpers.family",
    ],
)
def test_api_page_has_every_public_name(module):
    sections = re.split(r"\.\. currentmodule:: (\S+)", text_of("book/api.md"))
    text = dict(zip(sections[1::2], sections[2::2], strict=True))[module]
    documented = re.findall(r"^\.\. (?:auto(?:function|class)|py:data):: (\w+)", text, re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == set(importlib.import_module(module).__all__)


def test_the_teaching_guide_names_presets_that_are_there():
    rows = re.findall(r"\| \{doc\}`(\w+)` \| ([^|]+) \|", (ROOT / "book" / "teaching.md").read_text("utf-8"))
    assert rows
    for page, preset in rows:
        source = (ROOT / "book" / f"{page}.ipynb").read_text("utf-8")
        assert f'Preset(\\"{preset.strip()}\\"' in source, f"{page} has no preset called {preset}"


def test_who_learns_alone_is_told_how_long_it_takes():
    rows = re.findall(r"^\| `\d\d_\w+` \| .*? \| (\d+) \+ (\d+) \|$", text_of("README.md"), re.M)
    reading, exercises = (sum(int(row[column]) for row in rows) / 60 for column in (0, 1))
    words = text_of("book/learn_alone.md")
    told = re.search(r"take about (\d+) hours to read and play with, and their exercises (\d+)", words)
    assert len(rows) == 13
    assert [int(told[1]), int(told[2])] == [round(reading), round(exercises)]


def test_every_plan_takes_the_minutes_of_its_title():
    said = {"the hour": 60, "the half day": 210, "the day": 450, "the first half day": 210, "the second half day": 210}
    assert {plan.name: plan.minutes for plan in plans()} == said
    for plan in plans():
        ends = [slot.end for slot in plan.slots]
        assert [slot.begin for slot in plan.slots] == [0, *ends[:-1]], plan.name
        assert ends[-1] == plan.minutes, plan.name
        assert all(slot.minutes > 0 for slot in plan.slots), plan.name


@pytest.mark.parametrize("path", [path for path in CHAPTERS if chapter(path.stem).sections], ids=lambda path: path.stem)
def test_minutes_of_a_talk_track_are_those_of_its_words_and_what_they_show(path):
    for heading, (core_taken, all_taken) in taught(path).items():
        core, more = chapter(path.stem).sections[heading]
        assert not core or core_taken <= core + 0.5, heading
        assert all_taken <= core + more + 0.5, heading
        if path.stem != "bug_hunt":  # whose minutes are those of pairs who search
            assert core + more <= 2 * all_taken + 2, heading


def test_a_plan_leaves_the_room_a_quarter_to_a_half_of_its_time():
    for plan in plans():
        assert 0.5 <= sum(map(said_and_shown, plan.slots)) / plan.minutes <= 0.75, plan.name


def test_plans_press_presets_that_are_there():
    pressed = {(slot.page, slot.preset) for plan in plans() for slot in plan.slots if slot.preset}
    assert pressed
    for page, preset in pressed:
        assert f'Preset(\\"{preset}\\"' in text_of(f"book/{page}.ipynb"), f"{page} has no preset called {preset}"


EVENINGS = {"12_one_line_apart", "13_beyond_the_laptop"}  # chapters that no plan takes


def test_the_day_gives_each_chapter_its_core():
    (day,) = [plan for plan in plans() if plan.name == "the day"]
    taken = {slot.page: slot for slot in day.slots if slot.page}
    teachable = {path.stem for path in CHAPTERS if chapter(path.stem).sections}
    # the second half day takes the one; the others are for whoever has a configuration at hand
    assert teachable - taken.keys() == {"07_spo", *EVENINGS}
    for page, slot in taken.items():
        assert list(slot.sections) == chapter(page).core, page
        assert not slot.full, page
    assert {"Which do you prefer?", "How good is it, and how good can it be?", "Fooling the reward model"} <= set(
        taken["10_human_feedback"].sections
    )
    assert taken["11_names"].minutes == 30


def test_two_half_days_reach_every_chapter():
    pages = {slot.page for plan in plans() if plan.name.endswith("half day") for slot in plan.slots if slot.page}
    assert pages == {path.stem for path in CHAPTERS if chapter(path.stem).sections} - EVENINGS


@pytest.mark.parametrize(
    "slot",
    [
        {"sections": ["No such heading"]},
        {"full": ["No such heading"]},
        {"exercises": ["ex-ppo-min"]},
        {"cut": ["In real systems"]},
    ],
)
def test_a_slot_that_names_what_is_not_there_is_an_error(slot):
    with pytest.raises(ValueError, match="01_probs_and_logprobs has, and cut what it takes, got .'"):
        read_slot(0, what="", page="01_probs_and_logprobs", **slot)


def test_a_plan_as_a_table():
    has = chapter("01_probs_and_logprobs")
    kept, added = "From scores to probabilities", "What a log does to a gradient"
    slot = read_slot(
        10,
        what="Words.",
        page="01_probs_and_logprobs",
        full=[added],
        exercises=["ex-logs-bugs"],
        preset="hot",
        cut=[added],
    )
    core, more = sum(minutes for minutes, _ in has.sections.values()), has.sections[added][1]
    assert slot.sections[kept] == has.sections[kept][0]
    assert slot.cells() == (
        f"10–{10 + core + more + 8}",
        "{doc}`01_probs_and_logprobs`: Words. Press **hot**.",
        f"the core ({core}); all of *{added}* ({more})",
        "{ref}`ex-logs-bugs` (8)",
        f"{added} ({more})",
    )


@each([path for path in CHAPTERS if "**Time:**" in path.read_text("utf-8")])
def test_a_chapter_says_how_long_it_takes(path):
    text = "\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    reading, exercises = map(int, re.search(r"\*\*Time:\*\* (\d+) minutes to \w+.*?, and (\d+) more", text).groups())
    assert reading == minutes(path) == 5 * round(reading / 5), f"the rule of CONTRIBUTING.md gives {minutes(path)}"
    assert exercises == sum(chapter(path.stem).exercises.values())
    assert reading <= (60 if path.stem == "bug_hunt" else 50)


def test_the_rule_for_reading_minutes_is_the_one_that_contributors_read():
    said = re.search(r"Reading minutes.*?\n\n", text_of("CONTRIBUTING.md"), re.S)[0]
    assert list(map(int, re.findall(r"\d+", said))) == [WORDS_A_MINUTE, *SECONDS.values(), 5]


def test_the_rule_for_what_is_said_and_shown_is_the_one_that_contributors_read():
    said = re.search(r"What a teacher says.*?\n\n", text_of("CONTRIBUTING.md"), re.S)[0]
    kinds = ("ask", "button", "figure", "live figure", "line")
    assert list(map(int, re.findall(r"\d+", said))) == [SPOKEN_A_MINUTE, *(SHOWN[kind] for kind in kinds)]
    assert (SHOWN["question"], SHOWN["formula"]) == (SHOWN["ask"], SHOWN["figure"])


def test_what_counts_as_reading(tmp_path):
    text = "One two $x + y$.\n\n$$\nx = 1\n$$ (eq-x)\n\n:::{dropdown} Folded\nNot counted.\n:::"
    cells = [
        nbformat.v4.new_markdown_cell(text),
        nbformat.v4.new_code_cell("a = 1\n\nb = 2", outputs=[nbformat.v4.new_output("stream", text="1\n")]),
        nbformat.v4.new_code_cell("folded = 1", metadata={"tags": ["hide-input"]}, outputs=[shown("Figure: A.")]),
        nbformat.v4.new_code_cell("folded = 1", metadata={"tags": ["hide-input"]}, outputs=[shown("Live figure: A.")]),
        nbformat.v4.new_code_cell("question()", metadata={"tags": ["question"]}, outputs=[shown("Q")]),
        nbformat.v4.new_markdown_cell("## Exercises"),
        nbformat.v4.new_code_cell("b = 3"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "page.ipynb")
    assert contents(tmp_path / "page.ipynb") == {
        "words": 4, "formula": 1, "line": 3, "figure": 1, "live figure": 1, "question": 1
    }  # fmt: skip


def shown(text: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("display_data", {"text/plain": text})


def test_the_citation_is_that_of_this_version():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    config = yaml.safe_load(text_of("_config.yml"))
    assert citation["version"] == project["version"]
    assert citation["title"] == config["title"]
    assert citation["authors"] == [{"name": config["author"]}]
    assert project["license"] in citation["license"]


def lines_of_code(path: Path) -> int:
    """Lines of a module without blank lines, comments and docstrings."""
    source = path.read_text("utf-8")
    words = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            words |= set(range(node.lineno, node.end_lineno + 1))
    lines = (line.strip() for line in source.splitlines())
    return sum(bool(line) and not line.startswith("#") and i not in words for i, line in enumerate(lines, start=1))


def test_readme_says_how_much_mathematics_there_is_to_read():
    package = ROOT / "rlhf_helpers"
    apart = {"live", "plots", "clicks", "exercises", "names", "beyond"}
    everything = [p for p in package.rglob("*.py") if p.relative_to(package).parts[0] not in apart and p.name[0] != "_"]
    path = re.findall(r"``([\w/]+\.py)``", importlib.import_module("rlhf_helpers").__doc__.split("What is left")[0])
    told = re.findall(r"about ([\d,]+) ", re.sub(r"\s+", " ", text_of("README.md")))[:2]
    counted = [sum(map(lines_of_code, files)) for files in ([package / name for name in path], everything)]
    for said, count in zip(told, counted, strict=True):
        assert int(said.replace(",", "")) == pytest.approx(count, rel=0.03)
