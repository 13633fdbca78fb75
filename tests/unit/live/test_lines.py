"""Which line an error names, and what a state is said to be."""

import torch

from rlhf_helpers.live.export import _packed
from rlhf_helpers.live.lines import line_of_return
from rlhf_helpers.live.run import _look


def one(x):
    x += 1
    return x * x


def two(x):
    if x > 0:
        return x
    return -x


def test_a_return_has_its_line_and_several_have_the_function_s():
    first = one.__code__.co_firstlineno
    assert line_of_return(one) == f"line {first + 2} of one, `return x * x`"
    first = two.__code__.co_firstlineno
    assert line_of_return(two) == f"line {first} of two, `def two(x):`"


def test_a_state_is_floats_truth_values_or_whole_numbers_of_a_shape():
    assert _look(torch.zeros(2, 3)) == "floats of shape (2, 3)"
    assert _look(torch.zeros(2, dtype=torch.bool)) == "truth values of shape (2,)"
    assert _look(torch.zeros((), dtype=torch.long)) == "whole numbers of shape ()"


def test_a_tensor_that_equals_an_earlier_one_is_packed_as_that():
    numbers = torch.tensor([1.0, 2.0])
    packed = _packed({"policy": numbers, "other": numbers + 1, "reference": numbers.clone(), "last": numbers + 1})
    assert [entry.get("like") for entry in packed.values()] == [None, None, "policy", "other"]
    assert ["bytes" in entry for entry in packed.values()] == [True, True, False, False]
