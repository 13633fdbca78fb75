"""The rules that a kernel and a page share: how fast it plays, how a number is written, what the status line says.

A page cannot ask Python, so ``page/rules.js`` has the same rules; the cases of
``tests/support/live_rules.json`` must come out alike from both.
"""

import re
from collections.abc import Mapping, Sequence

FRAME = 0.05
"""Seconds from one picture to the next while it plays."""
BUSY = 0.03
"""Seconds of computing after which the kernel (or the page) gets its turn."""
TOLD = 4
"""Settings that a figure tells one by one."""
PINS = 4
"""Runs that can be pinned."""
BACK = "Back to the text"
"""What leads from a figure to the sentence that has set it."""
PACES = {"slow": 240, "normal": 80, "fast": 20}
"""Pictures of the default run, unless its updates are slow: twelve seconds to watch, four, or one."""
ONE_BY_ONE = 0.6
"""Seconds for each update, at any other speed."""
SAME_DRAG = 20
"""A slider moved again within this part of a run is still the same move: one mark."""

FIELD = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
"""A name in a status line, and the format of its number."""
FORMAT = re.compile(r"\+?(\.\d+)?[feg%]?")
"""The formats that both know."""


def write_number(value: float, form: str = "") -> str:
    """Return a number as a status line shows it: no negative zero, and six digits where no format is given.

    Args:
        value: the number.
        form: one of Python's format specifications, as far as ``FORMAT`` goes.

    Example:
        >>> write_number(0.314, "+.1f"), write_number(-0.001, ".0%"), write_number(82.0)
        ('+0.3', '0%', '82')
    """
    text = format(float(value), form if form[-1:] in tuple("feg%") else f"{form}g")
    negative_zero = text.startswith("-") and not re.search("[1-9]", text.split("e")[0])
    return text[1:] if negative_zero else text


def write_status(status: str, sentences: Sequence[str], known: Mapping[str, float]) -> str:
    """Return the status line: the format string filled in, then what the rules say, each a sentence.

    Args:
        status: the format string; may be empty.
        sentences: what the rules say now.
        known: the numbers, by name.
    """
    filled = FIELD.sub(lambda field: write_number(known[field[1]], field[2] or ""), status)
    parts = [part for part in (filled, *sentences) if part]
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts)


def write_stop(names: Sequence[str], step: int, controls: Sequence[str], *, trains: bool) -> str:
    """Return what the status line says when series or states are no longer finite.

    Args:
        names: the series or states.
        step: the last update with finite numbers.
        controls: names of the figure's controls.
        trains: whether the figure has a run to stop.
    """
    *others, last = names
    listed = f"{', '.join(others)} and {last}" if others else last
    one = len(names) == 1
    if not trains:
        return f"{listed} {'is not a finite number' if one else 'are not finite numbers'} at these settings."
    advice = "lower the learning rate" if "learning_rate" in controls else "move a slider back"
    what = "is no longer a finite number" if one else "are no longer finite numbers"
    return f"Stopped after update {step}: {listed} {what}. Reset, or {advice}."


def pace(speed: str, steps: int) -> tuple[int, float]:
    """Return how many updates there are from one picture to the next, and how many seconds.

    Args:
        speed: one of ``PACES``, or another, which is one update at a time.
        steps: updates of the default run.
    """
    if speed not in PACES:
        return 1, ONE_BY_ONE
    pictures = PACES[speed]
    return max(1, int(steps / pictures + 0.5)), max(FRAME, FRAME * pictures / steps)


def axis_width(reached: int, steps: int) -> float:
    """Return how many updates an axis shows: the default run, or half as many again, or twice as many, and so on.

    Args:
        reached: updates that were made.
        steps: updates of the default run.
    """
    width = steps
    while width < reached:
        width *= 2 if 1.5 * width < reached else 1.5
    return width


def move_mark(marks: list[dict], name: str, old: float, new: float, *, step: int, steps: int) -> None:
    """Add a mark where a control moved; a drag is one mark, and a move there and back is none.

    Args:
        marks: those of the run, oldest first; changed in place.
        name: the control.
        old, new: its value before and after.
        step: where the run is; at the start there is nothing to mark.
        steps: how long the run will be.
    """
    if step == 0:
        return
    last = next((mark for mark in reversed(marks) if mark["name"] == name), None)
    if last is None or step - last["moved"] > max(3, steps // SAME_DRAG):
        marks.append({"step": step, "moved": step, "name": name, "from": old, "to": new})
        return
    last.update(to=new, moved=step)
    if last["from"] == new:
        marks.remove(last)


def write_act(settings: Sequence[tuple[str, str]], seed: int, moves: Sequence[tuple[str, str, int]]) -> str:
    """Return what a figure says that a sentence has set.

    Args:
        settings: words of a control and of its value; of more than four, two are told, and how many more there are.
        seed: of the run; the first goes without saying.
        moves: the same for what moves later, with its update.
    """
    parts = [f"{control} {value}" for control, value in settings]
    if len(parts) > TOLD:
        parts[2:] = [f"{len(parts) - 2} more"]
    parts += [f"seed {seed}"] if seed else []
    parts += [f"{control} {value} at update {step}" for control, value, step in moves]
    return f"Set: {', '.join(parts) or 'all as at first'}."
