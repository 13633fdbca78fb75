"""One tolerance for every question whether two scores are equal."""

import itertools

import pytest
import torch
from support.enumeration import F64

from rlhf_helpers import (
    best_of_n,
    feedback,
    group_advantages,
    judge_utilities,
    prefer,
    preference_pairs,
    token_utilities,
)
from rlhf_helpers.ties import TIE, tied

TENTHS = [0.1, 0.2, 0.3, 0.4, 0.6, 0.7]
ORDERS = torch.tensor(list(itertools.permutations(TENTHS)), dtype=F64)


def added_up(rows):
    """The sum of each row, from left to right."""
    total = torch.zeros_like(rows[:, 0])
    for column in rows.unbind(1):
        total = total + column
    return total


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 333.3])
def test_the_order_of_a_sum_breaks_no_tie(dtype, scale):
    sums = added_up((scale * ORDERS).to(dtype))
    assert len(sums.unique()) > 1  # rounding does differ
    assert tied(sums[:, None], sums[None]).all()


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_scores_beyond_the_tolerance_are_no_tie(dtype):
    a = torch.tensor([-3.0, -1.0, 0.0, 1.0, 500.0], dtype=dtype)
    scale = a.abs().clamp(min=1.0)
    for sign in (-1, 1):
        near, far = a + 0.5 * sign * TIE[dtype] * scale, a + 2 * sign * TIE[dtype] * scale
        assert tied(a, near).all()
        assert tied(near, a).all()
        assert not tied(a, far).any()
        assert not tied(far, a).any()


@pytest.mark.parametrize(("dtype", "gap"), [(torch.float32, 1e-5), (F64, 1e-8)])
def test_the_tolerance_is_rounding_and_no_more(dtype, gap):
    one = torch.ones(1, dtype=dtype)
    assert not tied(one, one + gap).any()


def test_nothing_ties_with_nan_and_16_bits_are_what_they_are():
    nan, ones = torch.tensor([torch.nan]), torch.ones(1, dtype=torch.bfloat16)
    assert not tied(nan, nan).any()
    assert tied(ones, ones).all()
    assert not tied(ones, ones + 2**-7).any()  # the next number


def test_a_judge_who_never_errs_prefers_no_order_of_the_same_tokens():
    """Sums of the same utilities in another order: 226 of 3,549 such pairs were a preference once."""
    ids = torch.randint(10, (4000, 8), generator=torch.Generator().manual_seed(0))
    mixed = ids.gather(1, torch.rand(4000, 8, generator=torch.Generator().manual_seed(1)).argsort(1))
    scores, others = (added_up(token_utilities(x, judge_utilities())) for x in (ids, mixed))
    assert (scores != others).sum() > 40
    assert tied(scores, others).all()
    chosen, _ = prefer(ids, mixed, scores - others, temperature=0.0, generator=torch.Generator().manual_seed(2))
    differ = scores != others
    first = (chosen == ids).all(1)[differ].double().mean()
    assert first == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_ties_of_a_judge_are_of_the_scores_however_large(dtype, monkeypatch):
    """The gap of large scores is off by more than the tolerance of a gap."""
    ids = torch.randint(10, (4000, 8), generator=torch.Generator().manual_seed(0))
    mixed = ids.gather(1, torch.rand(4000, 8, generator=torch.Generator().manual_seed(1)).argsort(1))
    table = (judge_utilities().abs() * {torch.float32: 1e3 / 3, F64: 1e9 / 3}[dtype]).to(dtype)
    scores, others = (token_utilities(x, table).sum(1) for x in (ids, mixed))
    assert ((scores - others).abs() > TIE[dtype]).any()
    asked = []
    monkeypatch.setattr(feedback, "prefer", lambda a, b, gap, **_: asked.append(gap))
    drawn = iter([torch.stack([ids, mixed]), torch.zeros(4000, dtype=torch.int64)])
    monkeypatch.setattr(feedback, "draw", lambda *_, **__: next(drawn))
    preference_pairs([table], 4000)
    assert torch.equal(asked[0], torch.zeros_like(asked[0]))


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("normalize", [True, False])
def test_a_group_of_ties_has_exactly_no_advantage(dtype, normalize):
    rewards = added_up(ORDERS.to(dtype))[None]
    assert rewards.std() > 0
    assert torch.equal(group_advantages(rewards, normalize=normalize, eps=0.0), torch.zeros_like(rewards))


def test_the_best_of_n_shares_a_level_among_ties():
    logprobs = torch.tensor([0.2, 0.3, 0.5], dtype=F64).log()
    exact, by_rounding = torch.tensor([0.3, 0.3, 1.0], dtype=F64), torch.tensor([0.1 + 0.2, 0.3, 1.0], dtype=F64)
    assert by_rounding[0] != by_rounding[1]
    at_an_edge = torch.tensor([0.5e-9 - 1e-17, 0.5e-9 + 1e-17, 1.0], dtype=F64)  # of what rounding to 9 digits does
    for scores in (by_rounding, at_an_edge):
        for ours, expected in zip(best_of_n(logprobs, scores, 3), best_of_n(logprobs, exact, 3), strict=True):
            torch.testing.assert_close(ours, expected)
