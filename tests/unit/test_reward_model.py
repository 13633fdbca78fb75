"""The reward model finds its judge."""

import pytest
import torch
from support.enumeration import seeded
from torch.nn.functional import logsigmoid

from rlhf_helpers import fit_reward_model, judge_utilities, preference_pairs, token_utilities

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


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda ids: fit_reward_model(ids, ids[:1]), "must both be"),
        (lambda ids: fit_reward_model(ids, ids, size="huge"), "size must be one of"),
        (lambda ids: fit_reward_model(ids, ids, prior=0.0), "prior must be greater than 0"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call(torch.zeros(2, 3, dtype=torch.int64))
