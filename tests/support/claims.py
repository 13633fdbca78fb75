"""What a page says of its figures and runs, and where that is computed.

A claim is a sentence with a number, or with "always", "never", "more than", "twice" and their like, in a place where a
page says what a figure or a run shows: under "What people get wrong", in a preset, a status sentence, a caption, the
explanations of a question, the answer to an exercise. Each page has a file in ``tests/findings/claims/`` that quotes
every claim, word for word as in the notebook (line breaks do not count, nor where a link to a figure leads; a part of a
sentence is enough if it has all that is claimed)::

    page = Page("06_dpo")

    @page.says("the margin passes 10", "more than 60 nats below")
    def test_a_sure_judge_never_stops():
        for seed in range(3):
            run = page.figure("One policy, many pairs").run("a sure judge", seed=seed)
            assert run["margin"][-1] > 10
            ...

    page.prints("The two end at 0.23 and 0.99.", "0.5: 0.23", "1.0: 0.99")  # and the lines in which cells print it
    page.defines("0 is silent, 1 is full.")  # true of any run: a definition, a setting, arithmetic that it spells out
    page.cites("In InstructGPT it was 72 %.")  # somebody else's number; the citation stands beside it

    def test_no_claim_is_without_proof():
        assert page.problems() == []
"""

import ast
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import nbformat
import numpy as np
from support.acts import figures_of, sentences
from support.chapters import CHAPTERS
from support.graphs import published_data, rows_of

from rlhf_helpers.live.acts import LINK, act_of

CLAIM = re.compile(
    r"(?<![A-Za-z])\d"
    r"|\b(?:always|never|(?:more|less|fewer) than|at (?:least|most)|twice|third|quarter|tenth|twentieth)\b",
    re.I,
)
SILENT = re.compile(  # code, formulas, citations, addresses, numbers of list items, names that have a number
    r"```\w*\n.*?```|`[^`\n]+`|\$[^$]+\$|\{cite:\w+\}|(?<=\])\([^)]*\)|https?://\S+|^\s*\d+\.\s"
    r"|(?:\bchapters?|\btokens?|#)\s*\d+(?:(?:, | and | or | to )\d+\b)*",
    re.I | re.M | re.S,
)


class Page:
    """A page of the book, its claims, and what speaks for them.

    Args:
        stem: the notebook's name, without its ending.
    """

    def __init__(self, stem: str):
        self.path = next(path for path in CHAPTERS if path.stem == stem)
        self.quotes: list[str] = []
        self.printed: dict[str, tuple[str, ...]] = {}  # quote -> printed lines

    def says(self, *quotes: str) -> Callable[[Callable], Callable]:
        """Decorate the test that computes these claims."""
        self.quotes += quotes
        return lambda test: test

    def prints(self, quote: str, *lines: str) -> None:
        """Name a claim, and the parts of printed lines that have its numbers, in the order of the claim."""
        self.quotes.append(quote)
        self.printed[quote] = lines

    def defines(self, *quotes: str) -> None:
        """Name sentences that hold whatever is run: definitions, settings, arithmetic that the sentence spells out."""
        self.quotes += quotes

    def cites(self, *quotes: str) -> None:
        """Name sentences whose numbers are somebody else's, with the source beside them."""
        self.quotes += quotes

    def problems(self) -> list[str]:
        """Return claims that nothing speaks for, and quotes that are not on the page; empty if all is well."""
        places = [one_line(text) for text in claiming(self.cells)]
        printed = one_line(" ".join(self.streams))
        found = []
        for quote in map(one_line, sorted(self.quotes, key=len, reverse=True)):
            if not any(quote in place for place in places):
                found.append(f"not on the page: {quote}")
            places = [place.replace(quote, " ") for place in places]
        for quote, lines in self.printed.items():
            found += [f"no cell prints {line}: {quote}" for line in lines if one_line(line) not in printed]
            if not in_this_order(numbers(quote), numbers(" ".join(lines))):
                found.append(f"the lines do not have its numbers: {quote}")
        for place in places:
            sentences = re.split(r"(?<=[.!?:;])[\"\u201d*_)]*\s+", SILENT.sub(" ", place))
            found += [f"without proof: {sentence.strip()}" for sentence in sentences if CLAIM.search(sentence)]
        return found

    def figure(self, caption: str) -> "Figure":
        """Return the live figure whose caption begins so, as it is published."""
        figures = [data for data in self._figures if data["caption"].startswith(caption)]
        assert len(figures) == 1, (caption, [data["caption"] for data in self._figures])
        return Figure(figures[0])

    def act(self, words: str, seed: int | None = None) -> dict[str, np.ndarray]:
        """Run what a sentence of the page asks for, and return what :meth:`Figure.run` returns.

        Args:
            words: of the link, as in the notebook.
            seed: instead of its own.
        """
        queries = {(asked.chapter, asked.figure, asked.query) for asked in sentences(self.path) if asked.words == words}
        assert len(queries) == 1, (words, [asked.words for asked in sentences(self.path)])
        [(chapter, name, query)] = queries
        act, moves = act_of(query), {}
        for step, control, value in act.moves:
            moves.setdefault(step, {})[control] = value
        figure = Figure(figures_of(chapter)[name])
        return figure.run(seed=act.seed if seed is None else seed, steps=act.step, moves=moves, **act.values)

    @functools.cached_property
    def _figures(self) -> list[dict]:
        return published_data(self.path)

    @functools.cached_property
    def cells(self) -> list:
        """The cells of the notebook."""
        return nbformat.read(self.path, as_version=4).cells

    @property
    def streams(self) -> list[str]:
        """What cells print, one text for each that does."""
        outputs = (output for cell in self.cells for output in cell.get("outputs", []))
        return [output.text for output in outputs if output.output_type == "stream"]


class Figure:
    """A live figure, run in onnxruntime from its published graph: the kernel's numbers in a fraction of its time.

    Args:
        data: what the page is given.
    """

    def __init__(self, data: Mapping):
        self.data = data

    def run(
        self,
        preset: str | None = None,
        *,
        seed: int = 0,
        steps: int | None = None,
        moves: Mapping[int, Mapping[str, float]] = MappingProxyType({}),
        **settings: float,
    ) -> dict[str, np.ndarray]:
        """Return every series: of one number as rows (0 to the last update), the others as they are at the end.

        Args:
            preset: the preset to press first.
            seed: of the uniforms, and which start.
            steps: updates; by default all that the figure makes.
            moves: controls moved later, by the update after which they are moved.
            settings: values of controls; they win over the preset's.
        """
        values = {control["name"]: control["value"] for control in self.data["controls"]}
        if preset is not None:
            values |= {p["name"]: p["values"] for p in self.data["presets"]}[preset]
        assert set(settings) <= set(values), (set(settings), set(values))
        steps = self.data["steps"] if steps is None else steps
        return rows_of(self.data, values | settings, steps=steps, seed=seed, moves=moves)


def claiming(cells: list) -> Iterator[str]:
    """Yield the texts of a page in which a number is a claim about its figures and runs."""
    section, solving = "", False
    for cell in cells:
        if cell.cell_type == "code":
            yield from spoken(cell.source)
            continue
        text = LINK.sub(r"\1", cell.source)  # a link that sets a figure is a sentence like any other
        for part in re.split(r"^(?=## )", text, flags=re.M):
            if part.startswith("## "):
                section = part.partition("\n")[0]
            if "{solution-start}" in part or "{solution-end}" in part:
                solving = "{solution-start}" in part
            elif solving or section == "## What people get wrong":
                yield part
            else:
                yield from re.findall(r"^`{3,}\{solution\} .*?\n(.*?)^`{3,}$", part, re.M | re.S)


def spoken(source: str) -> Iterator[str]:
    """Yield what a cell's code says to a reader: captions, presets, status sentences, explanations of a question."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "id", "")
        words = [keyword.value for keyword in call.keywords if keyword.arg in ("caption", "text")]
        if name == "Preset":
            words += call.args[1:2]
        if name == "presets":  # of the bug hunt, which makes two of them
            words += call.args
        if name == "question":
            words += call.args[1].values
        yield from (word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str))


def one_line(text: str) -> str:
    """Return a text with single spaces for all white space."""
    return " ".join(text.split())


def in_this_order(some: list[str], all_of_them: list[str]) -> bool:
    """Return whether some are among all, one after another."""
    rest = iter(all_of_them)
    return all(one in rest for one in some)


def numbers(text: str) -> list[str]:
    """Return the numbers in a text, without sign and grouping."""
    return [n.replace(",", "") for n in re.findall(r"(?<![A-Za-z.\d])\d+(?:,\d{3})*(?:\.\d+)?", SILENT.sub(" ", text))]
