"""What the page on SPO says of its figures and runs, computed."""

import functools

import numpy as np
import pytest
import torch
from support.claims import Page
from support.enumeration import seeded

page = Page("07_spo")
ON_POLICY = "SPO on pairs that the policy itself has just written"
SEEDS = range(5)  # those that a reader can choose


@functools.cache
def runs(preset=None, **settings):
    figure = page.figure(ON_POLICY)
    return [figure.run(preset, seed=seed, **settings) for seed in SEEDS]


def settled(rows, name):
    return np.array([row[name][-20:].mean() for row in rows])


def random_problem(generator):
    """Log-probabilities and centered scores of ten answers."""
    logits, scores = torch.randn(2, 10, generator=generator, dtype=torch.float64)
    return logits, scores - logits.softmax(0) @ scores


def variance(logits, scores, pair):
    """Exact variance of one estimate of the gradient, made from two answers of the policy."""
    p = logits.softmax(0)
    g = torch.eye(10, dtype=torch.float64) - p
    a, b = torch.cartesian_prod(torch.arange(10), torch.arange(10)).unbind(1)
    if pair:
        estimate = (scores[a] - scores[b])[:, None] * (g[a] - g[b])
    else:
        estimate = scores[a, None] * g[a] + scores[b, None] * g[b]
    weight, climb = (p[a] * p[b])[:, None], (p * scores) @ g
    return (weight * (estimate / 2 - climb) ** 2).sum().item()


@page.says("there the pair has about twice its variance.")
def test_the_fee_of_a_pair_is_a_factor_of_about_two():
    generator = seeded(7)
    factors = []
    for _ in range(200):
        problem = random_problem(generator)
        factors.append(variance(*problem, pair=True) / variance(*problem, pair=False))
    assert np.median(factors) == pytest.approx(2.2, abs=0.15)
    assert min(factors) > 1.3


@page.says(
    "In a pair it is the difference `s_a - s_b` that multiplies, and the 100 cancels in it.",
    "But REINFORCE now multiplies every single random direction by about 100, "
    "and only the average over very many cancels that.",
    "The other answer is the baseline, and it carries the same 100.",
)
def test_a_bonus_of_a_hundred_is_noise_for_reinforce_alone():
    generator = seeded(8)
    for _ in range(20):
        logits, scores = random_problem(generator)
        assert variance(logits, scores + 100, True) == pytest.approx(variance(logits, scores, True))
        assert variance(logits, scores + 100, False) > 1000 * variance(logits, scores, False)


@page.says("at kl_coeff 0.5 other tokens keep more than half of the probability, and they are paid nothing.")
def test_the_pair_loss_ends_at_the_optimum_where_no_gap_is_left():
    rows = runs()
    assert settled(rows, "reward") == pytest.approx(0.451, abs=0.02)
    assert np.all(settled(rows, "score_gap") < 0.1 * np.array([row["score_gap"][0] for row in rows]))
    assert max(row["probs"][1] for row in rows) < 0.5


@page.says(
    "after five updates the mean reward of the seeds 0 to 4 is 0.14, with the old scores 0.13; "
    "in the end it is near 0.86 instead of 0.45."
)
def test_louder_scores_are_not_faster_and_end_elsewhere():
    usual, loud, both = runs(), runs("twice as loud"), runs("louder, and a stronger pull")
    means = [np.mean([row["reward"][5] for row in rows]) for rows in (loud, usual)]
    assert means == pytest.approx([0.14, 0.13], abs=0.006)
    assert settled(loud, "reward") == pytest.approx(0.86, abs=0.025)
    assert settled(usual, "reward") == pytest.approx(0.45, abs=0.02)
    for one, other in zip(usual, both, strict=True):
        assert np.abs(one["reward"] - other["reward"]).mean() < 0.005  # rounding may draw another token


def test_too_large_a_step_overshoots_and_collapses_to_a_single_answer():
    figure = page.figure(ON_POLICY)
    rows = [figure.run("too large a step", seed=seed) for seed in range(20)]
    assert max(row["entropy"][-1] for row in rows) < 0.01
    assert min(row["reward"].max() for row in rows) > 0.451
    assert min(row["reward"][-1] for row in rows) < 0.9  # not always the best answer


@page.says(
    "hard DPO walks to a gap of 2 nats and on, because it was told that one of the two is better "
    "and never saw the scores; SPO stays at 0.",
    "in the same figure move **learning rate** to 0.1 and play: SPO is at a gap of 60 nats after 300 updates "
    "and in full motion, while CoPG rests at 2 and soft DPO is about to.",
    "Its weight is the score gap, at 12 nats as at 0.",
)
def test_a_fixed_pair_is_pushed_apart_forever():
    figure = page.figure("The gap on a single fixed pair")
    tie, fast, usual = figure.run("a tie"), figure.run(learning_rate=0.1), figure.run(steps=600)
    assert tie["DPO"][-1] > 2
    assert np.all(np.diff(tie["DPO"]) > 0)
    assert np.all(tie["SPO"] == 0)
    assert fast["SPO"][-1] == pytest.approx(60, rel=1e-4)
    assert fast["CoPG"][-1] == pytest.approx(2, abs=0.001)
    assert 1.9 < fast["soft_DPO"][-1] < 2
    assert [usual["SPO"][300], usual["SPO"][600]] == pytest.approx([12, 24], rel=1e-4)
    assert figure.run("hardly any pull")["CoPG"][-1] > 6


@page.says(
    "There is no noise in it at all, and SPO puts 0.998 on the wrong arm.",
    "in the same figure play the default and watch the loss fall without end, while the mean payout stops at 2.00.",
    "the loss comes to rest, and the payout at 2.32, higher than where the falling loss led.",
)
def test_the_slot_machine_ends_on_the_second_best_arm():
    figure = page.figure("The slot machine, in exact expectation")
    usual, held, even = (figure.run(preset) for preset in (None, "with a pull", "even samplers"))
    assert usual["second"][-1] == pytest.approx(0.998, abs=0.0005)
    assert usual["payout"][-1] == pytest.approx(2.00, abs=0.005)
    assert np.all(np.diff(usual["loss"]) < 0)
    assert held["payout"][-1] == pytest.approx(2.32, abs=0.005)
    assert held["loss"][-5:] == pytest.approx(0, abs=1e-3)
    assert even["first"][-1] > 0.99


def push_on_arms(score, mu, nu):
    return mu * (score - nu @ score) + nu * (score - mu @ score)


@page.says("And the pushes never change, because neither the samplers nor the payouts do;")
def test_copg_rests_at_the_optimum_whoever_pulls_the_arms_and_spo_where_the_samplers_say():
    generator = seeded(0)
    payout = torch.tensor([2.5, 2.0, 1.0], dtype=torch.float64)
    best = (payout / 0.5).softmax(0)
    for _ in range(20):
        mu, nu = torch.rand(2, 3, generator=generator, dtype=torch.float64).add(0.05)
        mu, nu = mu / mu.sum(), nu / nu.sum()
        held, free = torch.zeros(2, 3, dtype=torch.float64)
        for _ in range(3000):
            score = payout - 0.5 * (held.log_softmax(0) + torch.tensor(3.0).log())
            push = push_on_arms(score, mu, nu)
            held = held + push - push.sum() * held.softmax(0)
            push = push_on_arms(payout, mu, nu)
            free = free + push - push.sum() * free.softmax(0)
        torch.testing.assert_close(held.softmax(0), best, atol=1e-3, rtol=0)
        assert free.argmax() == push.argmax()


def test_rebel_moves_on_in_every_round():
    rounds, eta, scores = [0.0], 0.5, 1.0
    for _ in range(3):
        h = anchor = torch.tensor(rounds[-1], requires_grad=True)
        for _ in range(200):
            (slope,) = torch.autograd.grad((h - anchor.detach() - eta * scores) ** 2, h)
            h = (h - 0.1 * slope).detach().requires_grad_()
        rounds.append(h.item())
    assert rounds == pytest.approx([0.0, 0.5, 1.0, 1.5], abs=1e-3)


page.defines(
    "A score gap of 1 and beta = 0.5.",
    "Three lines cross zero at the same place, 1 / 0.5 = 2;",
    "Offline pairs from the reference, seed 0.",
    "that is where the 2 comes from).",
)


page.defines(
    "press **twice as loud**:",
    "the pull acts twice, and the gap stops at half its place.",
    "half a pull that acts twice.",
)


@pytest.mark.parametrize("seed", range(5))
def test_only_the_ratio_of_volume_and_pull_decides_where_it_ends(seed):
    loud = page.act("After 80 updates turn the volume up to 2", seed)
    both = page.act("After 140 double `kl_coeff` as well", seed)
    assert loud["reward"][-20:].mean() > 0.8 > 0.5 > loud["reward"][60:80].mean()
    assert both["optimum"][-1] == pytest.approx(both["optimum"][79], abs=1e-6)
    assert loud["optimum"][-1] > 0.8
    assert both["reward"][-20:].mean() == pytest.approx(both["optimum"][-1], abs=0.06)


def test_without_a_score_gap_only_hard_dpo_goes_on():
    run = page.act("Drag the score gap to 0 in the middle of a run")
    assert np.ptp(run["SPO"][151:]) < 1e-4 < run["SPO"][151]
    assert run["DPO"][-1] > run["DPO"][150] + 0.5
    assert run["CoPG"][-1] < 0.1 < 1.5 < run["CoPG"][150]
    assert run["soft_DPO"][-1] < run["soft_DPO"][150]


def test_no_claim_is_without_proof():
    assert page.problems() == []
