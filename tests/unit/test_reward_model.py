"""The reward model finds its judge; tilted and best-of-n policies agree with counting every completion."""

import itertools
import math

import pytest
import torch
from support.enumeration import seeded
from torch.nn.functional import logsigmoid

from rlhf_helpers import (
    best_of_n,
    every_count,
    fit_reward_model,
    judge_utilities,
    preference_pairs,
    tilt,
    token_utilities,
)

LAW = torch.tensor([0.5, 0.5]).log()
QUICK = {"steps": 100, "learning_rate": 0.2}  # as chapter 10 fits its many sets; tests/findings shows that it is enough


def score(ids, utilities):
    return token_utilities(ids, utilities).sum(-1)


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_fit_is_the_minimum_of_its_loss(size):
    chosen, rejected = preference_pairs([judge_utilities()], 60, generator=seeded(0))
    utilities = fit_reward_model(chosen, rejected, size=size, prior=0.7, margin=0.3, steps=600)
    free = utilities[:, :1].clone() if size == "small" else utilities.clone()
    free.requires_grad_()
    table = free.expand(10, 8)
    gap = score(chosen, table) - score(rejected, table)
    loss = -logsigmoid(gap - 0.3).sum() + (free**2).sum() / (2 * 0.7**2)
    (gradient,) = torch.autograd.grad(loss, free)
    assert gradient.abs().max() < 1e-3


def test_with_many_labels_the_large_model_finds_the_judge_and_the_small_one_a_slope():
    chosen, rejected = preference_pairs([judge_utilities()], 20_000, generator=seeded(0))
    large = fit_reward_model(chosen, rejected, size="large", **QUICK)
    seen = slice(0, 3)  # occurrences that the uniform policy writes often enough
    torch.testing.assert_close(large[:, seen] - large[0, 0], judge_utilities()[:, seen], atol=0.2, rtol=0)
    small = fit_reward_model(chosen, rejected, **QUICK)
    assert torch.equal(small, small[:, :1].expand(10, 8))
    assert 0.5 < small[1, 0] - small[0, 0] < 1.0


def test_the_learning_rate_falls_along_a_line():
    """Adam's first steps are as long as the learning rate: 0.01, then half of it."""
    utilities = fit_reward_model(torch.tensor([[1]]), torch.tensor([[2]]), steps=2, learning_rate=0.01)
    assert utilities[1, 0] == pytest.approx(0.015, rel=0.02)


def test_independent_sets_are_fitted_independently():
    chosen, rejected = preference_pairs([judge_utilities()], 40, generator=seeded(0), copies=3)
    together = fit_reward_model(chosen, rejected, size="large", **QUICK)
    apart = torch.stack([fit_reward_model(c, r, size="large", **QUICK) for c, r in zip(chosen, rejected, strict=True)])
    torch.testing.assert_close(together, apart, atol=1e-6, rtol=0)


def test_a_margin_asks_for_larger_gaps():
    chosen, rejected = preference_pairs([judge_utilities()], 500, generator=seeded(0))
    plain, wide = (fit_reward_model(chosen, rejected, margin=m, **QUICK) for m in (0.0, 1.0))
    assert wide.std() > 1.2 * plain.std()


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


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda ids: fit_reward_model(ids, ids[:1]), "must both be"),
        (lambda ids: fit_reward_model(ids, ids, size="huge"), "size must be one of"),
        (lambda ids: fit_reward_model(ids, ids, prior=0.0), "prior must be greater than 0"),
        (lambda ids: tilt(LAW, torch.zeros(2), 0.0), "kl_coeff must be greater than 0"),
        (lambda ids: tilt(LAW, torch.zeros(3), 1.0), "shapes must match"),
        (lambda ids: best_of_n(LAW, torch.zeros(2), 0), "n must be at least 1"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call(torch.zeros(2, 3, dtype=torch.int64))
