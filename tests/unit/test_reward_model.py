"""The reward model finds its judge; tilted and best-of-n policies agree with counting every completion."""

import itertools
import math

import pytest
import torch
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
QUICK = {"steps": 100, "learning_rate": 0.2}  # as chapter 9 fits its many sets; a test below says that it is enough


def seeded(seed):
    return torch.Generator().manual_seed(seed)


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
    scores = torch.tensor([0.0, 1.0, 1.0, 3.0], dtype=torch.float64)
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


def test_a_small_model_is_fooled_however_many_labels_it_has_and_a_large_one_is_not():
    """What chapter 9 says of the exact policies for a fitted score."""
    ids, logprobs = every_count()
    true = score(ids, judge_utilities())
    fair = logprobs.exp() @ true
    for size, count in (("small", 3000), ("large", 3000), ("large", 300)):
        chosen, rejected = preference_pairs([judge_utilities()], count, generator=seeded(count), copies=4)
        for utilities in fit_reward_model(chosen, rejected, size=size, **QUICK):
            near, far = (tilt(logprobs, score(ids, utilities), beta)[0] @ true - fair for beta in (2.0, 0.06))
            assert near > 0.2
            assert far < -1 if size == "small" else far > near


def test_nobody_agrees_with_new_labels_more_often_than_the_judge():
    new = preference_pairs([judge_utilities()], 20_000, generator=seeded(0))

    def agreement(utilities):
        gap = score(new[0], utilities) - score(new[1], utilities)
        return ((gap > 1e-9).double() + 0.5 * (gap.abs() <= 1e-9)).mean()

    ceiling = agreement(judge_utilities())
    found = []
    for count in (30, 3000):
        pairs = preference_pairs([judge_utilities()], count, generator=seeded(1), copies=4)
        found.append(
            torch.stack([agreement(utilities) for utilities in fit_reward_model(*pairs, size="large", **QUICK)]).mean()
        )
    assert found[0] < found[1] - 0.03
    assert found[1] == pytest.approx(ceiling.item(), abs=0.01)


def share_of(judged, utilities):
    """How often a model prefers the chosen one, a tie counting half."""
    gap = score(judged[0], utilities) - score(judged[1], utilities)
    return ((gap > 1e-9).double() + 0.5 * (gap.abs() <= 1e-9)).mean().item()


def test_labels_average_noise_away_and_not_a_second_taste():
    """What chapter 9's figure of noise and disagreement shows."""
    first, second = judge_utilities(), judge_utilities("second")
    clean = preference_pairs([first], 4000, temperature=0.0, generator=seeded(0))
    found = {}
    for name, judges, noise in (("noise", [first], 3.0), ("two", [first, second], 1.0)):
        for count in (100, 3000):
            pairs = preference_pairs(judges, count, temperature=noise, generator=seeded(count), copies=8)
            shares = [share_of(clean, utilities) for utilities in fit_reward_model(*pairs, **QUICK)]
            found[name, count] = sum(shares) / len(shares)
    mean_of_both = share_of(clean, (first + second) / 2)
    assert found["noise", 3000] > found["noise", 100] + 0.1
    assert found["noise", 3000] > 0.85
    assert found["two", 3000] == pytest.approx(mean_of_both, abs=0.03)
    assert mean_of_both < 0.75


def test_few_labels_make_a_model_too_sure_and_many_do_not():
    many = preference_pairs([judge_utilities()], 20_000, generator=seeded(0))
    for count, low, high in ((100, 0.05, 0.2), (3000, -0.02, 0.03)):
        pairs = preference_pairs([judge_utilities()], count, generator=seeded(count), copies=4)
        for utilities in fit_reward_model(*pairs, size="large", **QUICK):
            gap = score(many[0], utilities) - score(many[1], utilities)
            sure = torch.sigmoid(gap.abs()) > 0.8
            too_much = torch.sigmoid(gap.abs())[sure].mean() - (gap[sure] > 0).double().mean()
            assert low < too_much < high


def test_fewer_and_larger_steps_fit_the_same_model():
    """Chapter 9 fits its many sets so; a constant on all utilities changes no score gap."""
    pairs = preference_pairs([judge_utilities()], 300, generator=seeded(0), copies=3)
    for size in ("small", "large"):
        quick, slow = (fit_reward_model(*pairs, size=size, **knobs) for knobs in (QUICK, {"steps": 600}))
        quick, slow = (table - table.mean((1, 2), keepdim=True) for table in (quick, slow))
        torch.testing.assert_close(quick, slow, atol=0.03, rtol=0)


def test_best_of_n_beats_the_tilted_policy_where_the_model_is_fooled_and_only_there():
    ids, logprobs = every_count()
    true = score(ids, judge_utilities())
    pairs = preference_pairs([judge_utilities()], 300, generator=seeded(300), copies=4)
    for size in ("small", "large"):
        leads = []
        for utilities in fit_reward_model(*pairs, size=size, **QUICK):
            scores = score(ids, utilities)
            probs, kl = best_of_n(logprobs, scores, 256)
            low, high = 0.01, 10.0  # the price at which the tilted policy spends as much
            for _ in range(50):
                price = (low * high) ** 0.5
                rival, spent = tilt(logprobs, scores, price)
                low, high = (price, high) if spent > kl else (low, price)
            assert spent == pytest.approx(kl.item(), abs=1e-6)
            assert rival @ scores > probs @ scores  # nobody pays less for the model's score
            leads.append(((probs - rival) @ true).item())
        assert sum(leads) / 4 > 0.2 if size == "small" else max(leads) < 0.1
