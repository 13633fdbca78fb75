"""The sentences of the chapters that act: links of the text, and of questions, that set a figure and run it."""

import functools
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
from support.chapters import CHAPTERS
from support.graphs import published_data

from rlhf_helpers.live.acts import LINK, Act, act_of
from rlhf_helpers.live.word import Spelling

SEE = re.compile(r'<a class="baby-act[^"]*" href="#(\w+)\?([^"]*)">(.*?)</a>')
"""The same link in HTML, as questions have it."""


class Asked(NamedTuple):
    """A sentence: its words, the chapter and the name of the figure it speaks of, and what it asks."""

    words: str
    chapter: str
    figure: str
    query: str


@functools.cache
def sentences(path: Path) -> list[Asked]:
    """Return all sentences of a chapter that act."""
    return list(_found(path))


def _found(path: Path) -> Iterator[Asked]:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for words, chapter, figure, query in LINK.findall(cell.source):
                yield Asked(" ".join(words.split()), chapter or path.stem, figure, query)
        for output in cell.get("outputs", []):
            for figure, query, words in SEE.findall("".join(output.get("data", {}).get("text/html", ""))):
                yield Asked(words, path.stem, figure, html.unescape(query))


@functools.cache
def figures_of(chapter: str) -> dict[str, dict]:
    """Return the figures of a chapter that have a name, as they are published."""
    path = next(path for path in CHAPTERS if path.stem == chapter)
    named = [data for data in published_data(path) if data["spec"].get("name")]
    names = [data["spec"]["name"] for data in named]
    assert len(set(names)) == len(names), f"names must be unique in a chapter, got {names}"
    return dict(zip(names, named, strict=True))


def problems(asked: Asked) -> list[str]:
    """Return what is wrong with a sentence; empty if its figure can do what it asks."""
    data = figures_of(asked.chapter).get(asked.figure)
    if data is None:
        return [f"no figure {asked.figure} in {asked.chapter}"]
    try:
        act = act_of(asked.query)
    except ValueError as error:
        return [f"{asked.query}: {error}"]
    controls = {control["name"]: control for control in data["controls"]}
    found = []
    for name, value in (*act.values.items(), *((name, value) for _, name, value in act.moves)):
        if name not in controls:
            found.append(f"no control {name} in {asked.figure}")
        elif not fits(controls[name], value):
            found.append(f"{name} cannot be {value}")
    return [*found, *_run_problems(act, data)]


def _run_problems(act: Act, data: dict) -> Iterator[str]:
    if "starts" not in data:
        if act.seed or act.step is not None or act.moves:
            yield "a figure that only computes has no seed, step or moves"
        return
    if act.seed not in range(len(data["starts"])):
        yield f"no seed {act.seed}"
    order = [0, *(step for step, _, _ in act.moves), data["steps"] if act.step is None else act.step]
    if order != sorted(order) or order[1] < 1:
        yield f"moves and step are not one after another: {order[1:]}"


def fits(control: dict, value: float | str) -> bool:
    """Return whether a control can be set to a value."""
    if isinstance(value, str) or control["kind"] == "word":
        return control["kind"] == "word" and Spelling(*(control[x] for x in ("letters", "length", "end"))).is_word(
            value
        )
    if control["kind"] == "switch":
        return value in (0, 1)
    if control["kind"] == "choice":
        return value in [option for _, option in control["options"]]
    low, high = control["min"], control["max"]
    if control["kind"] == "log":
        low, high = control["base"] ** low, control["base"] ** high
    return low - 1e-9 <= value <= high + 1e-9
