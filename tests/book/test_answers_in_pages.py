"""What a page says to numbers and choices is what the check says on a kernel, from the check's own data."""

import itertools
import json
from pathlib import Path

import pytest
from _site.attempts import form, stubs_of
from support.attempting import RIGHT, WRONG, handed
from support.chapters import CHAPTERS
from support.node import answer

from rlhf_helpers.exercises import EXERCISES
from rlhf_helpers.exercises.answers import as_numbers
from rlhf_helpers.exercises.diagnosis import Choice, Numbers, Parts

CHECKER = Path(__file__).resolve().parents[2] / "book" / "_site" / "scripts" / "attempts" / "checker.js"
SCRIPT = f"""
import {{ readFileSync }} from "node:fs";
const {{ diagnose }} = await import({json.dumps(CHECKER.as_uri())});
const asked = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(asked.map(([check, texts]) => diagnose(check, texts))));
"""
CHECKS = {  # as attempts are named: "ex-ppo-price", and "ex-ppo-two: factor" of several parts
    name: checker
    for name in RIGHT
    for checker in [EXERCISES[name.partition(": ")[0]]]
    for checker in ([list(checker.parts.values())[1]] if ": " in name else [checker])
    if isinstance(checker, Numbers | Choice)
}


def typed(checker, value) -> list[str] | None:
    """Put an attempt into the boxes of a page, if they take it."""
    if isinstance(checker, Choice):
        words = checker.as_data()["words"]
        return next(
            ([word] for word in words if isinstance(value, str) and word.lower() == value.strip().lower()), None
        )
    texts = [value] if isinstance(value, str) else [repr(number) for number in as_numbers(value)]
    return texts if len(texts) == size(checker) and "inf" not in " ".join(texts) else None


def in_page(asked: list[tuple[str, list[str]]]) -> list[str | None]:
    return answer(SCRIPT, [(CHECKS[name].as_data(), texts) for name, texts in asked])


def on_a_kernel(name: str, texts: list[str]) -> str | None:
    return CHECKS[name](texts[0] if len(texts) == 1 else tuple(texts))


def test_attempts_at_numbers_and_choices_are_told_in_the_page_what_a_kernel_tells_them():
    asked, wanted, untyped = [], [], []
    for name, checker in CHECKS.items():
        for side in (RIGHT, WRONG):
            for how, code in side[name].items():
                value = handed(name, code)
                if (texts := typed(checker, value)) is None:
                    untyped.append(f"{name}: {how}")
                    continue
                said = checker(value)
                assert (said is None) == (side is RIGHT), (name, how)
                asked.append((name, texts))
                wanted.append(said)
    assert in_page(asked) == wanted
    assert untyped == [  # what no box takes
        "ex-baby-baseline: best_of_six: two that look alike",
        "ex-baselines-best: than_the_mean: the baseline itself",
        "ex-baselines-best: than_the_mean: a yes",
        "ex-beyond-kept: the other KL",
        "ex-beyond-kept: the other KL, from a division",
        "ex-logs-two-hundred: the probability in float32, which is zero",
        "ex-logs-two-hundred: the product in float32, which is zero, and its log",
        "ex-ppo-min: helpless: their ratio",
        "ex-ppo-min: helpless: a list of the two",
        "ex-ratio-geometric: most_touched: one product",
        "ex-ratio-geometric: most_touched: the place in the list",
        "ex-side-nearest: winner: the reward in place of the name",
        "ex-side-nearest: winner: a yes",
        "ex-side-at-end: lead: None itself",
        "ex-side-at-end: lead: the shortfall in place of the word",
        "ex-side-at-end: lead: a yes",
    ]


def size(checker) -> int:
    return len(checker.right) if isinstance(checker, Numbers) and isinstance(checker.right, tuple) else 1


def variations(checker: Numbers) -> list[list[str]]:
    """Answers around the right one and the known mistakes, swapped, and written as people write them."""
    data = checker.as_data()
    right = [number["value"] for number in data["numbers"]]
    found = [right[::-1]]
    for place, factor in itertools.product(
        range(len(right)), (0.989, 0.9901, 1.0099, 1.011, 1.3, -1, 100, 0.5, 2e-7, 1e6)
    ):
        found.append([number * factor if at == place else number for at, number in enumerate(right)])
    for place, near in itertools.product(range(len(right)), (0.0, 0.009, -0.011, 1 / 3)):
        found.append([number + near if at == place else number for at, number in enumerate(right)])
    for one, two in itertools.combinations(range(len(right)), 2):
        found.append([right[{one: two, two: one}.get(at, at)] for at in range(len(right))])
    for mistake, factor in itertools.product(data["mistakes"], (1, 1.004, 0.985)):
        values = [entry and entry["value"] * factor for entry in mistake["numbers"]]
        found.append([number if value is None else value for value, number in zip(values, right, strict=True)])
    texts = [[repr(float(number)) for number in numbers] for numbers in found]
    for text in (
        "0,23",
        "23%",
        " 1/4 ",
        "1 / 4",
        "1/0",
        "1e999",
        "−0.5",
        "much",
        "it's",
        "1, 2",
        "(3)",
        ".5",
        "5.",
        "1e-3",
        "log 2",
        "0x1",
        "--1",
    ):
        texts += [[text, *map(repr, right[1:])], [text] * len(right)]
    return texts


def test_whatever_is_typed_is_told_in_the_page_what_a_kernel_says():
    asked = [(name, texts) for name, one in CHECKS.items() if isinstance(one, Numbers) for texts in variations(one)]
    assert in_page(asked) == [on_a_kernel(name, texts) for name, texts in asked]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_number_and_every_choice_has_a_box_with_its_name(path):
    for label, stub in stubs_of(path).items():
        checker = EXERCISES[label]
        parts = list(checker.parts.values()) if isinstance(checker, Parts) else [checker]
        boxes = sum(size(part) for part in parts if isinstance(part, Numbers | Choice))
        html = form(label, stub)
        assert html.count("<label>") == boxes, label
        assert html.count("<input") + html.count("<select") == boxes, label
