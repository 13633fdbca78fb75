"""Exercises of the chapters: complete, in step with their checks, and every typical mistake gets its own diagnosis."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.chapters import CHAPTERS, every_chapter, every_numbered_chapter

from rlhf_helpers import clipped_surrogate
from rlhf_helpers.exercises import EXERCISES, check, question
from rlhf_helpers.exercises.diagnosis import ANY, Choice, Edge, Function, Mistake, Numbers, Parts

KINDS = ("Predict, then run", "Complete the code", "Find the bug", "Explain", "Extend")
DIFFICULTY = r"(easy|medium|hard)"
WRONG = {
    path.stem: importlib.import_module(f"wrong_answers.{path.stem}").WRONG
    for path in sorted((Path(__file__).parent / "wrong_answers").glob("*.py"))
}
ATTEMPTS = [
    pytest.param(label, fragment, attempt, id=f"{label}: {fragment[:30]}")
    for answers in WRONG.values()
    for label, wrong in answers.items()
    for fragment, attempt in wrong.items()
]


def cells(path):
    return nbformat.read(path, as_version=4).cells


def exercises(path) -> dict[str, str]:
    """Label -> text of every exercise of a chapter."""
    text = "\n\n".join(cell.source for cell in cells(path) if cell.cell_type == "markdown")
    blocks = re.findall(r"^(`{3,})\{exercise\}(.*?)^\1\s*$", text, flags=re.M | re.S)
    return {re.search(r":label: (\S+)", body).group(1): body for _, body in blocks}


def printed(cell) -> str:
    return "".join(output.get("text", "") for output in cell.get("outputs", []))


@every_numbered_chapter
def test_a_chapter_has_every_kind_of_exercise_with_time_difficulty_and_two_hints(path):
    kinds = set()
    for label, body in exercises(path).items():
        header = re.search(rf"^\*\*({'|'.join(KINDS)})\*\* · {DIFFICULTY} · (\d+) minutes?$", body, flags=re.M)
        assert header, f"{label}: its first line must read like '**Find the bug** · medium · 8 minutes'"
        kinds.add(header.group(1))
        assert "Hint 1" in body, label
        assert "Hint 2" in body, label
    assert kinds == set(KINDS), path.stem


@every_chapter
def test_a_stub_is_not_attempted_yet_and_its_hidden_answer_passes(path):
    answering = None
    stubs, answers = {}, {}
    for cell in cells(path):
        if cell.cell_type == "markdown":
            for end, start in re.findall(r"\{(solution-end)\}|\{solution-start\} (\S+)", cell.source):
                answering = None if end else start
        elif label := re.search(r'^check\("([^"]+)"', cell.source, flags=re.M):
            (stubs if answering is None else answers)[label.group(1)] = cell
            assert answering in (None, label.group(1)), f"the answer to {answering} checks {label.group(1)}"
    for label, cell in stubs.items():
        assert "exercise" in cell.metadata.get("tags", []), label
        assert printed(cell).startswith("Not attempted yet"), label
        assert "stderr" not in {output.get("name") for output in cell.outputs}, label
    assert stubs.keys() == answers.keys()
    for label, cell in answers.items():
        assert printed(cell).rstrip().endswith("Passed."), label
    kinds_with_code = {label for label, body in exercises(path).items() if "**Explain**" not in body}
    if path.stem[0].isdigit():
        assert stubs.keys() == kinds_with_code, path.stem


def hints(checker) -> set[int]:
    """The hints that a check sends its reader to."""
    if isinstance(checker, Parts):
        return {hint for part in checker.parts.values() for hint in hints(part)}
    if isinstance(checker, Function):
        return {checker.hint, *([checker.gradient_hint] if checker.gradients else [])}
    return set(checker.hints or (1,)) if isinstance(checker, Numbers) else set()


def test_a_check_sends_nobody_to_a_hint_that_is_not_there():
    texts = {label: body for path in CHAPTERS for label, body in exercises(path).items()}
    for label, checker in EXERCISES.items():
        assert all(f"Hint {hint}" in texts[label] for hint in hints(checker)), label
        if isinstance(checker, Numbers) and isinstance(checker.right, tuple):
            assert len(checker.hints) == len(checker.right), label


def test_every_check_belongs_to_an_exercise_of_the_book():
    labels = {label for path in CHAPTERS for label in exercises(path)}
    assert EXERCISES.keys() <= labels
    wrong = {label: attempts for answers in WRONG.values() for label, attempts in answers.items()}
    assert wrong.keys() == EXERCISES.keys()
    assert all(len(attempts) >= 3 for attempts in wrong.values()), {k: len(v) for k, v in wrong.items() if len(v) < 3}


@pytest.mark.parametrize(("label", "fragment", "attempt"), ATTEMPTS)
def test_a_typical_mistake_is_named_with_the_learners_own_values(label, fragment, attempt, capsys):
    check(label, attempt)
    said = capsys.readouterr().out
    assert said.startswith("Not yet. "), said
    assert fragment in said, said
    assert re.search(r"\d|'", said), said


def test_no_two_mistakes_of_an_exercise_get_the_same_diagnosis():
    for answers in WRONG.values():
        for label, attempts in answers.items():
            said = [EXERCISES[label](attempt) for attempt in attempts.values()]
            assert len(set(said)) == len(said), label


# ---- the checks themselves

LOGPROBS = {"logprobs": torch.tensor([-1.0, -2.0, -0.5]), "old_logprobs": torch.tensor([-1.5, -1.0, -0.75])}


def ratio(logprobs, old_logprobs):
    return (logprobs - old_logprobs.detach()).exp()


diagnose_ratio = Function(
    ratio,
    [LOGPROBS],
    [Mistake("That is old over new.", lambda new, old: (old.detach() - new).exp())],
    gradients=("logprobs", "old_logprobs"),
)


def unfinished(logprobs, old_logprobs):
    difference = ...
    return difference * 2


@pytest.mark.parametrize("stub", [..., lambda new, old: ..., unfinished])
def test_dots_are_no_attempt_and_no_error(stub, monkeypatch, capsys):
    monkeypatch.setitem(EXERCISES, "ex-test", diagnose_ratio)
    check("ex-test", stub)
    assert capsys.readouterr().out.startswith("Not attempted yet")


@pytest.mark.parametrize("label", ["ex-baby-repair", "ex-grpo-size"])
def test_an_exercise_with_a_judge_of_its_own_treats_dots_and_errors_like_the_others(label, capsys):
    for stub in (lambda *inputs: ..., lambda *inputs: unfinished(None, None), lambda *inputs: (inputs[0], ...)):
        check(label, stub)
    assert capsys.readouterr().out.count("Not attempted yet") == 3
    check(label, lambda: 0)
    check(label, 0.5)
    error, no_function = capsys.readouterr().out.splitlines()
    assert error.startswith("Not yet. Your function raises TypeError: ")
    assert re.search(r"It was called with (scores|size) = ", error)
    assert no_function == "Not yet. Hand over the function itself, without calling it; you gave a float."


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (
            lambda new, old: (old - new).exp(),
            r"That is old over new\. That is so of its values.* With .* result is \[0\.6065, .*expected \[1\.649",
        ),
        (lambda new, old: (new - old).exp(), "gradient reaches old_logprobs.*detach"),
        (lambda new, old: (new - old).detach().exp(), "no gradient reaches logprobs"),
        (lambda new, old: -(new - old.detach()).exp(), "sign"),
        (lambda new, old: 3 * (new - old.detach()).exp(), "3 times"),
        (lambda new, old: (new - old.detach()).exp().mean(), r"shape \(\), expected \(3,\)"),
        (lambda new, old: (new - old.detach()).sqrt(), "NaN"),
        (lambda new, old: None, "returns None"),
        (lambda new, old: ((new - old.detach()).exp(), old), "returns 2 things"),
        (lambda new, old: "ratio", "returns a str"),
        (lambda new: new, "TypeError"),
        (torch.ones(3), "the function itself"),
    ],
)
def test_what_is_wrong_in_any_exercise_is_said(attempt, said):
    assert re.search(said, diagnose_ratio(attempt)), diagnose_ratio(attempt)


def test_the_right_function_passes_however_it_is_written():
    assert diagnose_ratio(ratio) is None
    assert diagnose_ratio(lambda new, old: new.exp() / old.exp().detach()) is None


def in_place(new, old):
    old.detach_()
    return new.sub_(old).exp_()


def without_grad(new, old):
    return (new - old.requires_grad_(False)).exp()


def in_numpy(new, old):
    return np.exp(new.numpy() - old.numpy())


def by_keyword(new, *, old_logprobs):
    return ratio(new, old_logprobs)


@pytest.mark.parametrize(
    "attempt",
    [
        in_place,
        without_grad,
        by_keyword,
        lambda new, old: [(a - b.detach()).exp() for a, b in zip(new, old, strict=True)],
        lambda new, old: ratio(new.double(), old),
        lambda new, old: ratio(new.bfloat16(), old.bfloat16()),
    ],
)
def test_what_a_reader_writes_is_read_however_it_is_written(attempt):
    assert diagnose_ratio(attempt) is None


def test_only_what_trains_has_to_carry_a_gradient():
    data = Function(ratio, [LOGPROBS], [])
    assert data(in_numpy) is None
    assert data(lambda new, old: np.exp(new.numpy() - old.numpy()).tolist()) is None
    assert re.search("values agree, but .*Can't call numpy", diagnose_ratio(in_numpy))


def test_an_input_that_is_still_needed_must_stay_as_it_is():
    assert "changes `logprobs` itself" in Function(ratio, [LOGPROBS], [], kept=("logprobs",))(in_place)


def test_an_error_is_shown_with_the_case_in_which_it_was_raised():
    one, three = {"x": torch.tensor([1.0])}, {"x": torch.tensor([3.0, 1.0, 2.0])}

    def total(x):
        return x.sum()

    single = Function(total, [one, three], [])
    assert re.search(r"raises RuntimeError: .*called with x = \[3, 1, 2\]", single(lambda x: x.item()))


def test_a_trap_has_words_of_its_own():
    edge = Edge("Zero is no reason to divide.", {"x": torch.tensor([0.0])})
    inverse = Function(lambda x: torch.where(x == 0, 0.0, 1 / x), [{"x": torch.tensor([2.0, 4.0])}], [], edges=(edge,))
    assert inverse(lambda x: 1 / x).startswith("It is right in the usual cases. Zero is no reason to divide.")
    assert "Zero" not in inverse(lambda x: x)


@pytest.mark.parametrize("given", ["0.23", "0,23", "23%", torch.tensor([[0.2276]]), np.float32(0.2276), 0.23])
def test_a_number_is_read_however_it_is_given(given):
    assert EXERCISES["ex-ppo-price"](given) is None


def test_a_decimal_comma_outside_of_a_string_is_explained():
    assert "write 0.23, with a point" in EXERCISES["ex-ppo-price"]((0, 23))


def test_a_second_part_is_asked_for_when_the_first_is_right():
    both = Parts({"the function": diagnose_ratio, "the number": Numbers(2.0, {3.0: "Three."})})
    assert both((ratio, 2)) is None
    assert both(ratio) == both((ratio, ...)) == "The function: right. Now the number: 1 answer is missing."
    assert "Three." in both((ratio, 3))
    assert "That is old over new." in both(lambda new, old: (old - new).exp())


def two_limits(ratio, advantages, low=0.2, high=0.28):
    up, down = (clipped_surrogate(ratio, advantages, clip_eps=eps) for eps in (high, low))
    return torch.where(advantages > 0, up, down)


@pytest.mark.parametrize(
    "wrap", [lambda f: f, lambda f: lambda ratio, advantages, *knobs: f(ratio, advantages.detach(), *knobs)]
)
def test_whether_an_attempt_detaches_what_is_data_does_not_matter(wrap):
    assert EXERCISES["ex-grpo-clip-higher"](wrap(two_limits)) is None


@pytest.mark.parametrize("kind", [tuple, list, torch.tensor, np.array])
def test_several_numbers_may_come_in_any_container(kind):
    assert EXERCISES["ex-grpo-one-of-four"](kind([3**0.5, 1.5, 0.75, 1.0])) is None
    assert "swapped the last two" in EXERCISES["ex-grpo-one-of-four"](kind([3**0.5, 1.5, 1.0, 0.75]))


@given(st.floats(-50, 50).filter(lambda x: abs(x) > 0.1))
def test_a_number_passes_when_it_is_close_and_only_then(right):
    diagnose = Numbers(right, {right * 2: "Twice."})
    assert diagnose(right * 1.005) is None
    assert diagnose(torch.tensor(right)) is None
    assert "Twice." in diagnose(right * 2)
    assert "wrong sign" in diagnose(-right)
    assert ("too large" if right > 0 else "too small") in diagnose(right * 1.02)
    assert "Answer with 1 number" in diagnose("much")


def test_the_place_of_a_wrong_number_is_named():
    diagnose = Numbers((1.25, 0.0), {(ANY, 1.0): "The log of one is zero."})
    assert diagnose((1.25, 0.005)) is None
    assert "Number 1 of your answer, 1.3," in diagnose((1.3, 0.0))
    assert "The log of one" in diagnose((7.0, 1.0))
    assert "Answer with 2 numbers" in diagnose(1.25)


def test_a_choice_explains_the_others():
    diagnose = Choice("up", {"down": "Only bad tokens go down."})
    assert diagnose("up") is None
    assert "Only bad tokens" in diagnose("down")
    assert "'down', 'up'" in diagnose("left")


def test_an_unknown_label_is_an_error():
    with pytest.raises(ValueError, match="label must be an exercise of the book, got 'ex-nothing'"):
        check("ex-nothing", ...)


def test_exercises_come_without_matplotlib():
    code = "import sys, rlhf_helpers.exercises; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# ---- questions


def test_a_question_holds_every_answer_with_its_explanation():
    def asked_again():
        return question("Which `ratio` is <1?", {"new": "Because.", "old": "It is not."}, right="new")

    asked = asked_again()
    bundle = asked._repr_mimebundle_()
    assert bundle["text/plain"].splitlines() == ["Which `ratio` is <1?", "  ( ) new", "  ( ) old"]
    html = bundle["text/html"]
    assert "Which <code>ratio</code> is &lt;1?</p>" in html
    assert html.count("<details ") == html.count("<summary>") == 2
    assert " id=" not in html
    (first,), (second,) = (set(re.findall(r' name="([^"]+)"', one.html)) for one in (asked, asked_again()))
    assert first != second, "a notebook program may hold the question twice"
    assert " open" not in html.split("</style>")[1]
    assert html.index("<strong>Yes.</strong> Because.") < html.index("<strong>No.</strong> It is not.")
    assert "<script" not in html


@pytest.mark.parametrize(
    ("answers", "right", "said"),
    [({"a": "x"}, "a", "at least two"), ({"a": "x", "b": "y"}, "c", "right must be one of the answers, got 'c'")],
)
def test_a_question_without_a_choice_is_an_error(answers, right, said):
    with pytest.raises(ValueError, match=said):
        question("?", answers, right=right)


def test_a_question_names_what_it_cannot_ask():
    with pytest.raises(TypeError, match="text must be a text, got int"):
        question(3, {"a": "x", "b": "y"}, right="a")
    with pytest.raises(TypeError, match="answers must be answer -> explanation, got list"):
        question("?", ["a", "b"], right="a")
