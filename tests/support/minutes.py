"""How long a chapter takes, to read and to teach, by stated rules: CONTRIBUTING.md says them in words."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import nbformat
from notebooks import is_notes, without_answers
from plans import BOOK, PROMPT, Slot

WORDS_A_MINUTE = 200  # published speeds for technical prose are 200 to 240
SECONDS = {"formula": 30, "line": 4, "figure": 40, "live figure": 180, "question": 45}
FOLDED = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?:exercise|dropdown)\}.*?^(?P=fence)$", re.M | re.S)
FORMULA = re.compile(r"^\$\$.*?\$\$.*?$", re.M | re.S)


def contents(path: Path) -> Counter:
    """What a reader meets in a chapter before its exercises, hints and folded boxes left out.

    Args:
        path: the chapter.

    Returns:
        The number of words of prose and of each thing that `SECONDS` names: a formula on its own lines, a line of open
        code or of what it prints, a figure, one to play with, a question.
    """
    found = Counter()
    for cell in without_answers(nbformat.read(path, as_version=4).cells):
        if is_notes(cell) or re.search(r"^## Exercises?$", cell.source, re.M):
            break
        found += counted(cell) if cell.cell_type == "code" else counted_text(cell.source)
    return found


def counted_text(text: str) -> Counter:
    """The words and formulas of a text, without what is folded."""
    text = FOLDED.sub("", text)
    words = re.findall(r"\S*\w\S*", FORMULA.sub("", text))
    return Counter({"formula": len(FORMULA.findall(text)), "words": len(words)})


def counted(cell) -> Counter:
    """The question of a cell, or its lines of open code, what they print, and its figures; nothing of an exercise."""
    tags = cell.metadata.get("tags", [])
    if "question" in tags:
        return Counter({"question": 1})
    if "exercise" in tags:
        return Counter()
    shown = [output["data"].get("text/plain", "") for output in cell.outputs if "data" in output]
    still = sum(text.startswith("Figure: ") for text in shown)
    printed = [output.text for output in cell.outputs if output.output_type == "stream"]
    read = printed if "hide-input" in tags else [cell.source, *printed]
    lines = sum(bool(line.strip()) for text in read for line in text.splitlines())
    return Counter({"figure": still, "live figure": len(shown) - still, "line": lines})


def minutes(path: Path) -> int:
    """The minutes that the opener of a chapter states: to the next five, since nothing of this is exact."""
    found = contents(path)
    return 5 * round((found["words"] / WORDS_A_MINUTE + sum(found[what] * s for what, s in SECONDS.items()) / 60) / 5)


SPOKEN_A_MINUTE = 130  # words of a talk track, said to a room
SHOWN = {  # seconds in a class; a run of a figure takes three, the sentence below it ten, and then people look
    **{"ask": 45, "question": 45, "button": 20},
    **{"formula": 30, "line": 2, "figure": 30, "live figure": 60},
}
TITLE = re.compile(r"^#{2,3} (.+?) *$", re.M)
PRESET = re.compile(r'Preset\(\s*"([^"]+)"')
OWN = re.compile(r"\b(one|two|three|four|five)(?: silent)? minutes?\b")  # what a note gives the room to do
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}


def taught(path: Path) -> dict[str, tuple[float, float]]:
    """How long a teacher takes for each section of a chapter that its talk track names: what is said and shown.

    Args:
        path: the chapter.

    Returns:
        By heading, the minutes of the section's core, which is its note up to the answer to the first question and one
        thing to look at, and of all that the note says and the section shows.
    """
    cells = nbformat.read(path, as_version=4).cells
    presets = {name for cell in cells for name in PRESET.findall(cell.source)}
    shown = shown_in(cells)
    found = {}
    for note in PROMPT.finditer("\n\n".join(cell.source for cell in cells if is_notes(cell))):
        heading, words = note["heading"], note["words"]
        if heading not in shown:
            raise ValueError(f"a talk track must name sections of {path.stem}, got {heading!r}")
        there = shown[heading] + Counter({"live figure": "top of the page" in words})
        until = re.match(r".*?\*Expect:\*[^.;]*[.;]?|.*", words)[0]
        first = next((Counter({kind: 1}) for kind in ("live figure", "figure", "formula") if there[kind]), Counter())
        everything = _minutes(words, there, presets)
        found[heading] = min(everything, _minutes(until, first, presets)), everything
    return found


def shown_in(cells: list) -> dict[str, Counter]:
    """What each section of a chapter shows, by its heading."""
    found, heading = {"": Counter()}, ""
    for cell in without_answers(cells):
        if cell.cell_type == "code":
            found[heading] += counted(cell)
        elif not is_notes(cell):
            before, *rest = TITLE.split(FOLDED.sub("", cell.source))
            found[heading] += counted_text(before)
            for heading, text in zip(rest[::2], rest[1::2], strict=True):  # noqa: B007, the last one goes on
                found[heading] = counted_text(text)
    return found


def _minutes(words: str, shown: Counter, presets: set[str]) -> float:
    buttons = sum(bool(re.search(rf"\*{re.escape(name)}\*", words)) for name in presets)
    shown = shown + Counter(ask=words.count("*Ask"), button=buttons)
    own = sum(NUMBERS[number] for number in OWN.findall(words))
    return len(words.split()) / SPOKEN_A_MINUTE + sum(SHOWN.get(what, 0) * n for what, n in shown.items()) / 60 + own


def said_and_shown(slot: Slot) -> float:
    """The minutes of a plan's slot that the teacher fills, or an exercise; the others are the room's."""
    if not slot.page:
        return slot.minutes
    found = taught(BOOK / f"{slot.page}.ipynb")
    return sum(found[heading][heading in slot.full] for heading in slot.sections) + sum(slot.exercises.values())
