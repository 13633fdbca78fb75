"""The plans of `plans.yaml`, with the minutes that chapters state for their sections and their exercises.

A talk track is a list in a chapter's teaching notes. Its item `- **3 + 2 min · A heading.** ...` gives that section 3
minutes, and 2 more for all that the item says; `- **0 + 4 min · ...` can be left out. The first numbers of a chapter
add up to its core. A slot of a plan is either minutes and words, or a chapter, of which it takes the core or the
sections that it names, and exercises by their labels.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import yaml

HERE = Path(__file__).resolve().parent
BOOK = HERE.parent / "book"
PROMPT = re.compile(r"^- \*\*(?P<core>\d+)(?: \+ (?P<more>\d+))? min · (?P<heading>.+?)\.?\*\* (?P<words>.+)$", re.M)
EXERCISE = re.compile(r"^`{3,}\{exercise\} (?P<title>.+)\n:label: (?P<label>\S+)\n+\*\*.+ · (?P<minutes>\d+) min", re.M)


@dataclass(frozen=True)
class Chapter:
    """What a plan can take from a chapter.

    Attributes:
        sections: the minutes of each section, by its heading: for its core, and for what may be added.
        exercises: the minutes of each exercise, by its label.
        titles: the title of each exercise, by its label.
    """

    sections: dict[str, tuple[int, int]]
    exercises: dict[str, int]
    titles: dict[str, str]

    @property
    def core(self) -> list[str]:
        """The headings of the sections with a core."""
        return [heading for heading, (core, _) in self.sections.items() if core]


@cache
def chapter(stem: str) -> Chapter:
    """The minutes that a chapter states.

    Args:
        stem: the name of its file, without `.ipynb`.
    """
    cells = nbformat.read(BOOK / f"{stem}.ipynb", as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return Chapter(
        {found["heading"]: (int(found["core"]), int(found["more"] or 0)) for found in PROMPT.finditer(text)},
        {found["label"]: int(found["minutes"]) for found in EXERCISE.finditer(text)},
        {found["label"]: found["title"] for found in EXERCISE.finditer(text)},
    )


@dataclass(frozen=True)
class Slot:
    """A row of a plan.

    Attributes:
        begin: the minute of the plan at which it begins.
        minutes: how long it takes.
        what: what happens, in Markdown.
        page: the chapter, or "".
        sections: the minutes of each section that it takes.
        full: those of them that are taken with all that may be added.
        exercises: the minutes of each of its exercises, by label.
        cut: what goes first, headings or labels.
        preset: the button that it presses, or "".
    """

    begin: int
    minutes: int
    what: str
    page: str
    sections: dict[str, int]
    full: tuple[str, ...]
    exercises: dict[str, int]
    cut: tuple[str, ...]
    preset: str

    @property
    def end(self) -> int:
        """The minute at which it is over."""
        return self.begin + self.minutes

    def cells(self) -> tuple[str, ...]:
        """Its minutes, what happens, its sections, its exercises and what to cut, in Markdown."""
        has = chapter(self.page) if self.page else Chapter({}, {}, {})
        sections = self.sections
        if has.core and self.sections.keys() >= set(has.core):
            sections = {"the core": sum(has.sections[heading][0] for heading in has.core)}
            sections |= {f"all of *{heading}*": has.sections[heading][1] for heading in self.full}
        exercises = {f"{{ref}}`{label}`": minutes for label, minutes in self.exercises.items()}
        saved = {has.titles.get(each, each): (self.sections | self.exercises)[each] for each in self.cut}
        page = f"{{doc}}`{self.page}`: " if self.page else ""
        press = f" Press **{self.preset}**." if self.preset else ""
        lists = ["; ".join(f"{what} ({n})" for what, n in each.items()) for each in (sections, exercises, saved)]
        return f"{self.begin}–{self.end}", f"{page}{self.what}{press}", *lists


@dataclass(frozen=True)
class Plan:
    """A plan.

    Attributes:
        name: how teaching notes call it.
        title: its heading.
        minutes: how long it is said to be.
        slots: its rows.
    """

    name: str
    title: str
    minutes: int
    slots: tuple[Slot, ...]

    def sections(self, page: str) -> set[str]:
        """The headings of a chapter that it takes."""
        return {heading for slot in self.slots if slot.page == page for heading in slot.sections}

    def markdown(self) -> str:
        """The plan as a table for the teaching guide."""
        rows = ["| minutes | what happens | sections | exercises | cut first |", "|---|---|---|---|---|"]
        rows += [f"| {' | '.join(slot.cells())} |" for slot in self.slots]
        return "\n".join(rows)


@cache
def plans() -> tuple[Plan, ...]:
    """All plans, in the order of the teaching guide.

    Raises:
        ValueError: a slot names a section or an exercise that its chapter does not have, or cuts what it does not take.
    """
    return tuple(_plan(said) for said in yaml.safe_load((HERE / "plans.yaml").read_text("utf-8")))


def _plan(said: dict) -> Plan:
    slots = []
    for row in said["slots"]:
        slots.append(read_slot(slots[-1].end if slots else 0, **row))
    return Plan(said["name"], said["title"], said["minutes"], tuple(slots))


def read_slot(
    begin: int, what: str, *, minutes=0, page="", sections=None, full=(), exercises=(), preset="", cut=()
) -> Slot:
    """A row as `plans.yaml` has it."""
    if not page:
        return Slot(begin, minutes, what, "", {}, (), {}, (), "")
    has = chapter(page)
    named = [*(has.core if sections is None else sections), *full]
    wrong = [heading for heading in named if heading not in has.sections]
    wrong += [label for label in exercises if label not in has.exercises]
    wrong += [each for each in cut if each not in [*named, *exercises]]
    if wrong:
        raise ValueError(f"a slot must take what {page} has, and cut what it takes, got {wrong}")
    taken = {
        heading: core + (more if heading in full else 0)
        for heading, (core, more) in has.sections.items()
        if heading in named
    }
    tried = {label: has.exercises[label] for label in exercises}
    minutes = sum(taken.values()) + sum(tried.values())
    return Slot(begin, minutes, what, page, taken, tuple(full), tried, tuple(cut), preset)
