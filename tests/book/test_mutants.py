"""Right answers with one thing changed, made by a machine: every check refuses them, or a list says why not."""

import json
from pathlib import Path

import pytest
from torch import Tensor

from rlhf_helpers.exercises import EXERCISES
from rlhf_helpers.exercises.diagnosis import Choice, Function, Numbers, Outcome, Parts

SURVIVORS = json.loads((Path(__file__).parent / "surviving_mutants.json").read_text("utf-8"))
IN_PLACE = "an input is changed in place"


def parts(checker) -> list:
    return (
        [part for other in checker.parts.values() for part in parts(other)] if isinstance(checker, Parts) else [checker]
    )


def of_kind(*kinds) -> list:
    found = [(label, part) for label, checker in EXERCISES.items() for part in parts(checker)]
    return [pytest.param(label, part, id=label) for label, part in found if isinstance(part, kinds)]


def in_place(function, name):
    """The function, and afterward one of its inputs is gone."""

    def spoiling(*inputs, **more):
        kept = [value.clone() if isinstance(value, Tensor) else value for value in inputs]
        result = function(*kept, **more)
        inputs[name].detach().zero_()
        return result

    return spoiling


@pytest.mark.parametrize(("label", "checker"), of_kind(Function, Outcome))
@pytest.mark.filterwarnings("ignore")
def test_a_right_answer_with_one_thing_changed_is_refused_or_listed(label, checker):
    assert checker.passes(checker.right)
    made = list(checker.mutants())
    assert len(made) >= 5, "too few: is the right answer written out?"
    assert {words for words, mutant in made if checker.passes(mutant)} == SURVIVORS.get(label, {}).keys()


@pytest.mark.parametrize(("label", "checker"), of_kind(Function))
def test_an_answer_in_place_passes_unless_the_text_forbids_it(label, checker):
    assert SURVIVORS["*"].keys() == {IN_PLACE}
    for place, (name, value) in enumerate(checker.cases[0].items()):
        if isinstance(value, Tensor):
            assert checker.passes(in_place(checker.right, place)) == (name not in checker.kept), name


@pytest.mark.parametrize(("label", "checker"), of_kind(Numbers, Choice))
def test_another_number_or_word_is_refused(label, checker):
    right = checker.right if isinstance(checker.right, tuple) else (checker.right,)
    assert checker(checker.right) is None
    if isinstance(checker, Choice):
        assert all(checker(word) for word in checker.mistakes)
        return
    for place, number in enumerate(right):
        for other in (-number, 1 - number, number + 1, 1.05 * number, 0.93 * number, 100 * number):
            if abs(other - number) > 0.011 * max(1, abs(number)):
                assert checker((*right[:place], other, *right[place + 1 :])), other


def test_the_list_names_exercises_and_gives_reasons():
    assert SURVIVORS.keys() <= {*EXERCISES, "*"}
    reasons = [reason for listed in SURVIVORS.values() for reason in listed.values()]
    assert all(len(reason.split()) >= 5 for reason in reasons)
