"""Answers that learners may give to the exercises, right and wrong, put through the checks as a notebook would.

`support/attempts/` has one file a page: `PAGE`, the notebook's stem, and `RIGHT` and `WRONG`, which give for each
exercise the answers by name. The name of a wrong one is the mistake, as a teacher would call it. An answer is what
stands in place of the cell's dots: the body of its function or the right-hand side of its line. One that defines the
function itself, or that assigns the numbers on lines of its own, is all of the cell above the check. What is asked
beside a function has attempts of its own, under the exercise's label and its name: "ex-ppo-two: factor".

    PYTHONPATH=tests python -m support.attempting

counts what the checks make of them, in `tests/support/attempts/count.txt`.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import json
import re
import textwrap
import traceback
from importlib import import_module
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    module.PAGE: module
    for module in (
        import_module(f"support.attempts.{path.stem}")
        for path in sorted((Path(__file__).parent / "attempts").glob("*.py"))
    )
}
RIGHT = {label: answers for page in PAGES.values() for label, answers in page.RIGHT.items()}
WRONG = {label: answers for page in PAGES.values() for label, answers in page.WRONG.items()}
PAGE_OF = {label: stem for stem, page in PAGES.items() for label in page.RIGHT}
COUNT = Path(__file__).parent / "attempts" / "count.txt"
COLUMNS = {
    "right": ("passed", "refused", "crashed"),
    "wrong": ("passed", "crashed", "plain", "general", "named"),
}
GENERAL = (  # what fits any exercise: a factor, a sign, a shape, a gradient, an error
    r"(In every case it|It) is \S+ times what it should be\.",
    r"(Result \d: )?The sign is the wrong way round\.",
    r"It is right to about two digits.*?\?",
    r"(Number \d+ of your answer, )?\S+ has the wrong sign\.",
    r"Your result( \d)? has shape .*, expected .*",
    r"The values agree, but .*",
    r"Your function (raises|returns) .*",
    r"It holds a NaN\.",
    r"Whatever was tried for .*, your result stayed the same: it has to have a say\.",
    r"(Number \d+ of your answer, )?\S+ is a percentage; the number itself was asked for\.",
    r"Your tokens are not drawn from the softmax of the scores\.",
)
PLAIN = (  # what says no more than that it is not right, and shows a case
    r"Not yet\.",
    r"With .*: your(s| result( \d)?) is .*, expected .*",
    r"Hint \d+ (helps with it|may help)\.",
    r"(Number \d+ of your answer, )?\S+ is too (large|small)\.",
    r"Open the \w+ hint and try again\.",
    r"You say .*?\.(?=\s|$)",
    r"Token \d+ came first; you give it .*, expected .*",
    r"From scores = .* in yours .*%\.",
    r"For groups of 2 and 32 yours is \S+ and \S+\.",
    r"Two numbers depend on the size.*",
)
DOTS = re.compile(r"\.\.\.(, \.\.\.)*( *#.*)?")


@functools.cache
def cells(stem: str) -> list[dict]:
    return json.loads((ROOT / "book" / f"{stem}.ipynb").read_text())["cells"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def find(stem: str, label: str, *, exercise: bool) -> int:
    """Return the number of the cell with the exercise's check, for the learner to fill in or as solved.

    Args:
        stem: of the notebook.
        label: of the exercise.
        exercise: True for the learner's cell, False for the solution.
    """
    label = label.partition(": ")[0]
    for number, cell in enumerate(cells(stem)):
        tagged = "exercise" in cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and tagged == exercise and f'check("{label}"' in source(cell):
            return number
    raise ValueError(f"label must have a cell in {stem}, got {label!r}")


@functools.cache
def names_before(stem: str, number: int) -> dict:
    """Return what the page has defined above a cell: its first cell, and all later imports, functions and classes.

    Nothing is trained or drawn, and no solution is read.

    Args:
        stem: of the notebook.
        number: of the cell.
    """
    names, first, solution = {"__name__": "__main__"}, True, False
    for cell in cells(stem)[:number]:
        if cell["cell_type"] == "markdown":
            text = source(cell)
            solution = (solution or "{solution-start}" in text) and "{solution-end}" not in text
        elif not solution and "exercise" not in cell["metadata"].get("tags", []):
            tree = ast.parse(source(cell))
            if not first:
                kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
                tree.body = [node for node in tree.body if isinstance(node, kinds)]
            exec(compile(tree, stem, "exec"), names)
            first = False
    return names


def filled(label: str, answer: str) -> str:
    """Return the learner's cell with an answer in place of its dots.

    Args:
        label: of the exercise.
        answer: from `RIGHT` or `WRONG`.
    """
    stem = PAGE_OF[label]
    cell = source(cells(stem)[find(stem, label, exercise=True)])
    begin = re.search(r"^check\(", cell, re.MULTILINE).start()
    head, check = cell[:begin], cell[begin:]
    answer = textwrap.dedent(answer).strip()
    if beside := label.partition(": ")[2]:
        done = filled(label.partition(": ")[0], next(iter(RIGHT[label.partition(": ")[0]].values())))
        return re.sub(rf"^{beside} = \.\.\..*$", lambda _: f"{beside} = {answer}", done, flags=re.MULTILINE)
    function = re.search(r"^def (\w+)", head, re.MULTILINE)
    if function and re.search(rf"^(def {function[1]}\(|{function[1]} = )", answer, re.MULTILINE):
        others = re.findall(r"^\w+ = .*\.\.\..*$", head, re.MULTILINE)  # what is asked beside the function
        return "\n".join([answer, "", "", *others, check])
    if function:
        body = textwrap.indent(answer, "    ")
        return re.sub(r"^    return \.\.\..*$", lambda _: body, head, flags=re.MULTILINE) + check
    if "\n" in answer or re.match(r"[\w, ]+ = ", answer):
        return f"{answer}\n\n{check}"
    return DOTS.sub(lambda _: answer, head, count=1) + check


def handed(label: str, answer: str):
    """Return what a learner's cell hands to its check; of several things, the one that the label names.

    Args:
        label: of the exercise.
        answer: from `RIGHT` or `WRONG`.
    """
    tree = ast.parse(filled(label, answer))
    check = tree.body.pop().value.args[1]
    names = dict(names_before(PAGE_OF[label], find(PAGE_OF[label], label, exercise=True)))
    exec(compile(tree, label, "exec"), names)
    return names[beside] if (beside := label.partition(": ")[2]) else eval(ast.unparse(check), names)


def run(label: str, answer: str) -> tuple[str, str]:
    """Run a learner's cell in a namespace of its own.

    Args:
        label: of the exercise.
        answer: from `RIGHT` or `WRONG`.

    Returns:
        "passed", "refused" or "crashed", and what the learner sees: what was printed, with the end of the traceback
        if there is one.
    """
    stem = PAGE_OF[label]
    names = dict(names_before(stem, find(stem, label, exercise=True)))
    code = compile(filled(label, answer), label, "exec")
    printed = io.StringIO()
    torch.manual_seed(0)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            exec(code, names)
        except Exception:
            return "crashed", printed.getvalue() + traceback.format_exc(limit=-2)
    seen = printed.getvalue()
    right = "Passed." in seen or "The function: right." in seen  # where more is asked, its dots are left
    return ("passed" if right else "refused"), seen


def diagnosis(seen: str) -> str:
    """Say what a refusal tells: "named" a mistake, "general" what fits any exercise, "plain" no more than a case.

    Args:
        seen: what the learner saw.
    """
    text = seen[seen.find("Not yet.") :]
    without = re.sub("|".join(GENERAL), " ", text)
    rest = re.sub("|".join(PLAIN), " ", without)
    if len(re.findall(r"[^\W\d]{2,}", rest)) >= 3:
        return "named"
    return "plain" if without == text else "general"


def outcome(side: str, label: str, answer: str) -> str:
    """Return the column of `COLUMNS` that an answer belongs to.

    Args:
        side: "right" or "wrong".
        label: of the exercise.
        answer: from `RIGHT` or `WRONG`.
    """
    how, seen = run(label, answer)
    return diagnosis(seen) if (side, how) == ("wrong", "refused") else how


def table() -> str:
    """Return the count of all attempts, with the names of those that the checks get wrong."""
    sides = {"right": RIGHT, "wrong": WRONG}
    found = {
        label: {
            side: {name: outcome(side, label, sides[side][label][name]) for name in sides[side][label]}
            for side in sides
        }
        for label in RIGHT
    }
    header = "".join(f"{side + ' ' + column:>15}" for side, columns in COLUMNS.items() for column in columns)
    rows, amiss = [f"{'exercise':44}{header}"], []
    totals = dict.fromkeys(((side, column) for side, columns in COLUMNS.items() for column in columns), 0)
    for label, by_side in found.items():
        row = f"{label:44}"
        for side, column in totals:
            names = [name for name, got in by_side[side].items() if got == column]
            totals[side, column] += len(names)
            row += f"{len(names) or '.':>15}"
            if (side, column) not in {("right", "passed"), *(("wrong", how) for how in ("plain", "general", "named"))}:
                amiss += [f"{label}: {side}, {column}: {name}" for name in names]
        rows.append(row)
    rows.append(f"{'all':44}" + "".join(f"{n:15}" for n in totals.values()))
    of_wrong = sum(n for (side, _), n in totals.items() if side == "wrong")
    shares = ", ".join(f"{column} {totals['wrong', column] / of_wrong:.1%}" for column in COLUMNS["wrong"])
    return "\n".join([*rows, "", f"wrong answers: {shares}", "", *amiss, ""])


if __name__ == "__main__":
    COUNT.write_text(table(), "utf-8")
    print(COUNT.read_text("utf-8"))
