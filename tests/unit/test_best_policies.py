"""Tilted and best-of-n policies agree with counting every completion."""

import itertools
import math

import pytest
import torch
from support.enumeration import F64, seeded

from rlhf_helpers import best_of_n, every_count, tilt

LAW = torch.tensor([0.5, 0.5]).log()


def test_all_kinds_of_completions_are_counted_once():
    ids, logprobs = every_count(3, 4)
    kinds = {}
    for completion in itertools.product(range(3), repeat=4):
        kind = tuple(sorted(completion))
        kinds[kind] = kinds.get(kind, 0) + 3**-4
    assert [tuple(row) for row in ids.tolist()] == sorted(kinds)
    torch.testing.assert_close(logprobs.exp(), torch.tensor([kinds[k] for k in sorted(kinds)], dtype=torch.float64))


def test_the_tilted_policy_beats_every_other_on_reward_minus_kl():
    _, logprobs = every_count(3, 4)
    scores = torch.randn(len(logprobs), generator=seeded(0), dtype=torch.float64)
    probs, kl = tilt(logprobs, scores, 0.5)
    best = probs @ scores - 0.5 * kl
    assert best == pytest.approx(0.5 * torch.logsumexp(logprobs + scores / 0.5, 0).item())
    for seed in range(20):
        other = (probs.log() + 0.3 * torch.randn(len(probs), generator=seeded(seed))).softmax(0)
        assert other @ scores - 0.5 * (other * (other.log() - logprobs)).sum() < best


def test_the_best_of_n_is_what_drawing_n_gives():
    scores = torch.tensor([1.0, 3.0, 0.0, 1.0], dtype=torch.float64)  # sorting them is not its own inverse
    probs = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    expected = torch.zeros(4, dtype=torch.float64)
    for draws in itertools.product(range(4), repeat=3):  # every way to draw three
        top = scores[list(draws)].max()
        winners = [i for i in draws if scores[i] == top]
        for winner in winners:
            expected[winner] += probs[list(draws)].prod() / len(winners)
    found, kl = best_of_n(probs.log(), scores, 3)
    torch.testing.assert_close(found, expected)
    assert kl == pytest.approx((expected * (expected / probs).log()).sum().item())


def test_the_bound_on_the_kl_is_met_without_ties_only():
    fine = torch.full((20_000,), 1 / 20_000, dtype=torch.float64).log()
    _, kl = best_of_n(fine, torch.arange(20_000.0), 8)
    bound = math.log(8) - 7 / 8
    assert kl == pytest.approx(bound, abs=1e-3)
    _, tied = best_of_n(fine, torch.arange(20_000.0) // 10_000, 8)
    assert tied < bound - 0.3
    assert best_of_n(fine, torch.arange(20_000.0), 1)[1] == pytest.approx(0.0, abs=1e-9)


def test_what_is_never_drawn_is_never_the_best():
    logprobs = torch.tensor([0.5, 0.0, 0.5], dtype=F64).log()
    probs, kl = best_of_n(logprobs, torch.tensor([0.0, 5.0, 1.0], dtype=F64), 2)
    assert probs.tolist() == pytest.approx([0.25, 0.0, 0.75])
    assert kl.isfinite()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: tilt(LAW, torch.zeros(2), 0.0), "kl_coeff must be greater than 0"),
        (lambda: tilt(LAW, torch.zeros(3), 1.0), "shapes must match"),
        (lambda: best_of_n(LAW, torch.zeros(2), 0), "n must be at least 1"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
