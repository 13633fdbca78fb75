"""What chapter 10 says of reward models, their labels and the policies that they pay, computed again."""

import pytest
import torch
from support.enumeration import seeded

from rlhf_helpers import (
    best_of_n,
    every_count,
    fit_reward_model,
    judge_utilities,
    preference_pairs,
    tilt,
    token_utilities,
)

QUICK = {"steps": 100, "learning_rate": 0.2}  # as chapter 10 fits its many sets; a test below says that it is enough


def score(ids, utilities):
    return token_utilities(ids, utilities).sum(-1)


def test_a_small_model_is_fooled_however_many_labels_it_has_and_a_large_one_is_not():
    """What chapter 10 says of the exact policies for a fitted score."""
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
    """What chapter 10's figure of noise and disagreement shows."""
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
    """Chapter 10 fits its many sets so; a constant on all utilities changes no score gap."""
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
