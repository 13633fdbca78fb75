"""The list of attempts says of itself which are right: against the solutions, on typical input, without the checks."""

import ast
import functools
import inspect
import math
import re

import numpy as np
import pytest
import torch
from support.attempting import (
    COUNT,
    PAGE_OF,
    RIGHT,
    WRONG,
    cells,
    diagnosis,
    filled,
    find,
    handed,
    names_before,
    run,
    source,
)
from support.chapters import CHAPTERS
from support.typical import CASES, LOOSE, NUMBERS, Draw

from rlhf_helpers.exercises import EXERCISES
from rlhf_helpers.exercises.diagnosis import Function, Parts


def asked(label: str, code: str, *, definitions_only: bool = False):
    """Run a cell without its check, and return what it would have handed to it."""
    stem = PAGE_OF[label]
    tree = ast.parse(code)
    calls = (node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
    call = next(call for call in calls if ast.unparse(call.func) == "check")
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef) if definitions_only else ast.AST
    tree.body = [node for node in tree.body if isinstance(node, kept) and getattr(node, "value", None) is not call]
    names = dict(names_before(stem, find(stem, label, exercise=True)))
    exec(compile(tree, label, "exec"), names)
    first = call.args[1]
    if isinstance(first, ast.Tuple):
        first = first.elts[0]  # the function; what is asked beside it has attempts of its own
    return eval(ast.unparse(first), names)


def solution(label: str):
    stem = PAGE_OF[label]
    return asked(label, source(cells(stem)[find(stem, label, exercise=False)]), definitions_only=True)


def flat(result) -> list[np.ndarray]:
    if isinstance(result, tuple | list) and not all(isinstance(x, int | float) for x in result):
        return [array for part in result for array in flat(part)]
    if isinstance(result, tuple | list):
        return [np.asarray(float(x)) for x in result]
    if isinstance(result, torch.Tensor):
        return [result.detach().double().numpy()]
    return [np.asarray(result, dtype=float)]


def outcome(function, args: tuple, wanted: tuple[int, ...]) -> list[np.ndarray]:
    """Return the values, and the gradients of what has to be differentiable."""
    leaves = {i: args[i].clone().requires_grad_() for i in wanted}
    given = [
        leaves[i] * 1 if i in leaves else a.clone() if isinstance(a, torch.Tensor) else a for i, a in enumerate(args)
    ]
    torch.manual_seed(0)
    names = inspect.signature(function).parameters.values()
    by_name = {p.name: value for p, value in zip(names, given, strict=False) if p.kind is p.KEYWORD_ONLY}
    result = function(*given[: len(given) - len(by_name)], **by_name)
    arrays = flat(result)
    if wanted:
        weights = torch.linspace(1, 2, result.numel()).view_as(result)
        gradients = [torch.zeros_like(leaf) for leaf in leaves.values()]
        if result.requires_grad:
            found = torch.autograd.grad((weights * result).sum(), list(leaves.values()), allow_unused=True)
            gradients = [zero if g is None else g for zero, g in zip(gradients, found, strict=True)]
        arrays += [g.double().numpy() for g in gradients]
    return arrays


@functools.cache
def solved(label: str) -> list[tuple[tuple, list[np.ndarray]]]:
    """Return typical arguments of an exercise's function, each with what the solution makes of them."""
    cases, wanted = CASES[label]
    return [(args, outcome(solution(label), args, wanted)) for args in cases(Draw(5))]


def agree(label: str, function) -> bool:
    loose, wanted = LOOSE.get(label, 2e-4), CASES[label][1]
    for args, expected in solved(label):
        got = outcome(function, args, wanted)
        if len(expected) == 1 and sum(one.size for one in got) == expected[0].size and len(got) > 1:  # lists of lists
            got = [np.concatenate([one.reshape(-1) for one in got]).reshape(expected[0].shape)]
        if len(got) != len(expected):
            return False
        for right_one, one in zip(expected, got, strict=True):
            one = one.reshape(()) if one.size == 1 else one  # a tensor of one element is as good as a number
            if one.shape != right_one.shape or not np.allclose(one, right_one, rtol=loose, atol=max(1e-5, loose**2)):
                return False
    return True


def draws_from_the_softmax(act) -> bool:
    scores = torch.tensor([0.5, -1.0, 2.0, 0.0, -0.5], requires_grad=True)
    torch.manual_seed(0)
    ids, logprobs = act(scores, 5000)
    if ids.is_floating_point() or ids.shape != (5000,) or logprobs.shape != (5000,):
        return False
    row = scores.log_softmax(-1)
    if not logprobs.requires_grad or not torch.allclose(logprobs, row[ids], atol=1e-5):
        return False
    mine, right = (torch.autograd.grad(x.sum(), scores, retain_graph=True)[0] for x in (logprobs, row[ids]))
    share = torch.bincount(ids, minlength=5) / 5000
    return torch.allclose(mine, right, atol=0.5) and bool(((share - row.exp()).abs() < 0.03).all())


def right(label: str, answer: str) -> bool:
    """Say whether an answer does what the solution does."""
    try:
        value = handed(label, answer) if label in NUMBERS else asked(label, filled(label, answer))
        if label == "ex-baby-repair":
            return draws_from_the_softmax(value)
        if label in CASES:
            return agree(label, value)
        if isinstance(NUMBERS[label][0], str):
            return str(value).strip().lower() == NUMBERS[label][0].lower()
        numbers = [
            float(x) for array in flat(value if isinstance(value, tuple) else [value]) for x in array.reshape(-1)
        ]
        wanted = NUMBERS[label]
        return len(numbers) == len(wanted) and all(
            math.isclose(a, b, rel_tol=LOOSE.get(label, 0.0065), abs_tol=5e-4)
            for a, b in zip(numbers, wanted, strict=True)
        )
    except (RuntimeError, ValueError, ArithmeticError, IndexError, TypeError, KeyError, AttributeError):
        return False


@pytest.mark.parametrize("label", RIGHT)
def test_right_answers_do_what_the_solution_does_and_wrong_ones_do_not(label):
    assert [how for how, answer in RIGHT[label].items() if not right(label, answer)] == []
    assert [mistake for mistake, answer in WRONG[label].items() if right(label, answer)] == []


def test_every_exercise_with_a_check_has_attempts():
    found = [
        re.search(r'check\("(ex-[\w-]+)"', source(cell))[1]
        for path in CHAPTERS
        for cell in cells(path.stem)
        if "exercise" in cell["metadata"].get("tags", [])
    ]
    beside = {name for name in RIGHT if ": " in name}
    assert {*found, *beside} == set(RIGHT) == set(WRONG) == {*CASES, *NUMBERS, "ex-baby-repair"}
    several = {label: checker.parts for label, checker in EXERCISES.items() if isinstance(checker, Parts)}
    assert sorted(name.partition(": ")[0] for name in beside) == sorted(
        label for label, parts in several.items() for _ in list(parts)[1:]
    )
    for label in RIGHT:
        assert len(RIGHT[label]) >= 3, label
        assert len(WRONG[label]) >= 2, label


@pytest.mark.parametrize(
    ("expected", "seen"),
    [
        ("plain", "Not yet. With p = [0.5, 0.5], n = 2: yours is [1, 0], expected [0, 1]."),
        ("plain", "Not yet. Number 2 of your answer, 89.8, is too small. Open the first hint and try again."),
        ("general", "Not yet. It is 0.5 times what it should be. With p = 0.5: yours is 1, expected 2."),
        ("general", "Not yet. Your result has shape (), expected (2,), with p = 0.5."),
        ("named", "Not yet. You say 0.2, 1. That is the mean."),
        (
            "named",
            "Not yet. You added the padding. It is 2 times what it should be. With p = 0.5: yours is 1, expected 2.",
        ),
    ],
)
def test_a_diagnosis_is_named_only_if_it_names_a_mistake(expected, seen):
    assert diagnosis(seen) == expected


def test_an_answer_is_run_as_a_learner_would_run_it():
    assert run("ex-ppo-price", "0.2276") == ("passed", "Passed.\n")
    assert run("ex-ppo-price", "0.5")[0] == "refused"
    how, seen = run("ex-ppo-price", "1 / log(81)")
    assert how == "crashed"
    assert seen.endswith("NameError: name 'log' is not defined\n")


LISTED: dict[str, str] = {}  # a wrong answer that passes, as "exercise: mistake" -> why that is right


@pytest.mark.parametrize("label", RIGHT)
def test_a_check_passes_the_right_answers_and_refuses_the_wrong_ones(label):
    refused = {how: seen for how, answer in RIGHT[label].items() if (seen := run(label, answer))[0] != "passed"}
    assert refused == {}
    made = {mistake: run(label, answer) for mistake, answer in WRONG[label].items()}
    assert {f"{label}: {mistake}" for mistake, (how, _) in made.items() if how != "refused"} <= LISTED.keys()
    named = [mistake for mistake, (how, seen) in made.items() if how == "refused" and diagnosis(seen) == "named"]
    counted = {line[:44].strip(): line.split()[-1] for line in COUNT.read_text("utf-8").splitlines() if line}
    assert counted[label].replace(".", "0") == str(len(named)), "count again: python -m support.attempting"


def function_part(label: str) -> Function | None:
    checker = EXERCISES.get(label)
    checker = next(iter(checker.parts.values())) if isinstance(checker, Parts) else checker
    return checker if isinstance(checker, Function) else None


def finite(results: list[np.ndarray]) -> bool:
    return all(np.isfinite(result).all() for result in results)


def behaves_alike(label: str, one, two) -> bool:
    """Whether two functions give the same values on typical inputs, wherever both give finite ones."""
    for args in CASES[label][0](Draw(6)):
        try:
            pair = [outcome(function, args, ()) for function in (one, two)]
        except (RuntimeError, ValueError, ArithmeticError, IndexError, TypeError):
            continue
        if all(map(finite, pair)) and not all(
            a.size == b.size and np.allclose(a.reshape(b.shape), b, rtol=0.01, atol=1e-4)
            for a, b in zip(*pair, strict=True)
        ):
            return False
    return True


FUNCTIONS = [label for label in CASES if label != "ex-grpo-size" and function_part(label)]  # that one draws at random


@pytest.mark.parametrize("label", FUNCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_what_a_mistake_is_called_holds_beyond_the_cases_of_the_check(label):
    checker, untrue, unsaid = function_part(label), [], []
    for mistake in checker.mistakes:
        if not (checker(mistake.does) or "").startswith(mistake.words):
            unsaid.append(mistake.words)
    for name, answer in WRONG[label].items():
        attempt = asked(label, filled(label, answer))
        said = checker(attempt)
        named = [mistake.does for mistake in checker.mistakes if said.startswith(mistake.words)]
        named += [
            mutant
            for words, mutant in (checker.mutants() if "does what a right answer does" in said else ())
            if said.startswith(f"It does what a right answer does in which {words}.")
        ]
        if named and not any(behaves_alike(label, attempt, does) for does in named):
            untrue.append(f"{name}: {said[:100]}")
    assert unsaid == []  # told apart by the cases, and none is right
    assert untrue == []


def test_most_wrong_answers_get_a_named_diagnosis():
    shares = re.search(r"^wrong answers: .* named ([\d.]+)%", COUNT.read_text("utf-8"), flags=re.MULTILINE)
    assert float(shares[1]) >= 60
