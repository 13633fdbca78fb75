"""Where a completion ends, and what is hidden from a loss."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlhf_helpers import mask_after_end
from rlhf_helpers.masks import keep


@given(row=st.lists(st.integers(0, 3), min_size=1, max_size=6), end_id=st.integers(0, 3))
def test_the_first_end_token_counts_and_nothing_after_it(row, end_id):
    rows = [row, row[::-1]]
    mask = mask_after_end(torch.tensor(rows), end_id)
    assert mask.dtype == torch.bool
    lengths = [(r.index(end_id) + 1 if end_id in r else len(r)) for r in rows]
    assert mask.int().tolist() == [[1] * n + [0] * (len(row) - n) for n in lengths]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_is_hidden_has_neither_a_value_nor_a_gradient(bad):
    numbers = torch.tensor([1.0, bad], requires_grad=True)
    kept = keep(numbers, torch.tensor([True, False]))
    kept.exp().sum().backward()
    assert kept.tolist() == [1.0, 0.0]
    assert numbers.grad.tolist() == [torch.tensor(1.0).exp().item(), 0.0]
    assert keep(numbers, None) is numbers
    assert keep(None, torch.tensor([True])) is None


IDS = torch.zeros(2, 3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mask_after_end(IDS.float(), 0), TypeError, "completion_ids must hold token ids of dtype torch.int64"),
        (lambda: mask_after_end(IDS[0], 0), ValueError, r"completion_ids must have shape \(B, L\), got \(3,\)"),
        (lambda: mask_after_end(IDS[:, :0], 0), ValueError, r"completion_ids must not be empty, got shape \(2, 0\)"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
