"""How long a chapter takes to read and play with, by a stated rule: CONTRIBUTING.md says it in words."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import nbformat
from notebooks import is_notes, without_answers

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
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            text = FOLDED.sub("", cell.source)
            found["formula"] += len(FORMULA.findall(text))
            found["words"] += len(re.findall(r"\S*\w\S*", FORMULA.sub("", text)))
        elif "question" in tags:
            found["question"] += 1
        elif "exercise" not in tags:
            shown = [output["data"].get("text/plain", "") for output in cell.outputs if "data" in output]
            still = sum(text.startswith("Figure: ") for text in shown)
            found["figure"] += still
            found["live figure"] += len(shown) - still
            printed = [output.text for output in cell.outputs if output.output_type == "stream"]
            read = printed if "hide-input" in tags else [cell.source, *printed]
            found["line"] += sum(bool(line.strip()) for text in read for line in text.splitlines())
    return found


def minutes(path: Path) -> int:
    """The minutes that the opener of a chapter states: to the next five, since nothing of this is exact."""
    found = contents(path)
    return 5 * round((found["words"] / WORDS_A_MINUTE + sum(found[what] * s for what, s in SECONDS.items()) / 60) / 5)
