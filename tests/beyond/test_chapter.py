"""What chapter 13 says that the scripts print, and what they print."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec

import pytest
from support.scripts import ROOT, Script

CELLS = json.loads((ROOT / "book" / "13_beyond_the_laptop.ipynb").read_text("utf-8"))["cells"]
TEXT = "\n".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
IN_ONE_LINE = re.sub(r"\\\n +", "", TEXT)  # a command may go on in the next
COMMANDS = re.findall(r"^python -m (.*rlhf_helpers\.beyond\..*)$", IN_ONE_LINE, re.MULTILINE)


def printed(folder, script, *more):
    """What the chapter's command for a script prints; with more arguments, which replace its own."""
    (command,) = (command for command in COMMANDS if f"beyond.{script}" in command)
    running = Script(*command.split(), *more, folder=folder)
    status, out, err = running.end()
    assert status == 0, err
    return out


def numbers(pattern):
    """What the chapter says in the places of a sentence."""
    (found,) = re.findall(pattern, TEXT)
    return [float(one.replace(",", "")) for one in found]


@pytest.mark.skipif(not find_spec("ray"), reason="what runs on Ray needs requirements/beyond.txt")
def test_a_queue_makes_it_as_much_faster_as_the_chapter_says(tmp_path):
    said = numbers(r"wrote ([\d,]+) tokens .*taking turns, ([\d,]+) with a queue of one and ([\d,]+) with .* sixteen")
    rows = [line.split() for line in printed(tmp_path, "apart").splitlines()[2:]]
    speeds = {depth: float(speed.replace(",", "")) for depth, speed, *_ in rows}
    found = [speeds[depth] for depth in ("0", "1", "16")]
    assert [one / found[0] for one in found] == pytest.approx([one / said[0] for one in said], rel=0.3)


@pytest.mark.parametrize("average", ["means", "twice"])
def test_two_learners_are_as_far_off_as_the_chapter_says(tmp_path, average):
    of_one = r"(\d+) of (\d+) tokens are on one of two processes"
    here, everywhere, *errors = numbers(of_one + r"; .* off by (\S+) of the gradient's length, .* twice by (\S+)\.")
    first = printed(tmp_path, "two_learners", "--updates", "1", "--average", average)
    assert f"{here:.0f} of {everywhere:.0f} tokens are on process 0" in first
    found = float(re.search(r"is off by (\S+),", first)[1])
    assert found == pytest.approx(errors[average == "twice"], abs=0.005)
