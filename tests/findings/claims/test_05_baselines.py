"""What the chapter on baselines says of its figures and runs, computed."""

import functools

import pytest
import torch
from support.claims import Page
from support.definitions import definitions
from support.enumeration import seeded

from rlhf_helpers import gae, generate, ppo, token_reward, train

page = Page("05_baselines")
SEEDS = range(3)


# ---- One token, drawn from ten


@page.says(
    "press **subtract nothing**, then **the expected reward**: the noise goes *up*, from 0.29 to 0.32. "
    "Then press **the best**: 0.23.",
    "What everybody subtracts; here it is noisier than nothing.",
    "The lowest point of the curve. The bars have not moved.",
)
def test_the_expected_reward_is_not_the_best_baseline():
    figure = page.figure("One token, drawn from ten")
    presets = ("subtract nothing", "the expected reward", "the best")
    nothing, expected, best = (figure.run(preset) for preset in presets)
    assert [float(one["noise_here"]) for one in (nothing, expected, best)] == pytest.approx(
        [0.29, 0.32, 0.23], abs=0.005
    )
    assert best["noise_here"] == pytest.approx(best["noise_best"], abs=0.001)
    assert best["noise_best"] <= best["noise"].min()
    assert best["push"] == pytest.approx(nothing["push"], abs=1e-6)


@page.says("From a uniform policy the best baseline is the expected reward.")
def test_from_a_uniform_policy_the_best_baseline_is_the_expected_reward():
    start = page.figure("One token, drawn from ten").run("at the start")
    assert start["best"] == pytest.approx(start["expected"], abs=1e-6)


@page.says("Lower: the best paid token is also the most probable one, and a probable token pushes little.")
def test_a_probable_token_counts_less():
    best = definitions("05_baselines", "best_baseline")["best_baseline"]
    for seed in range(20):
        pay = torch.randn(5, generator=seeded(seed), dtype=torch.float64)
        probs = (2 * pay).softmax(0)  # the better paid, the more probable
        assert best(probs, pay) < probs @ pay


# ---- The table of signals


@pytest.mark.parametrize("seed", SEEDS)
@page.says('32.07 for "to go", and 6.12 with the value subtracted.')
def test_reward_to_go_is_the_whole_reward_when_it_comes_at_the_end(seed):
    found = definitions("05_baselines", "pay", "uniform", "probs", "to_go", "minus_mean", "left")
    probs, to_go, minus_mean = found["probs"], found["to_go"], found["minus_mean"]
    ids = generate(
        lambda ids: probs.log()[None, None].expand(*ids.shape, 10),
        torch.zeros(4000, 1, dtype=int),
        8,
        generator=seeded(seed),
    )
    rewards = token_reward(ids).double()
    late = torch.zeros_like(rewards)
    late[:, -1] = rewards.sum(1)
    expected = (probs[1] * found["left"]).expand(4000, 8)

    def variance(signal):
        return (signal[..., None] * (torch.eye(10)[ids] - probs)).sum(1).var(0).sum().item()

    whole, sooner = variance(rewards.sum(1, keepdim=True).expand(-1, 8)), variance(to_go(rewards))
    assert torch.equal(to_go(late), rewards.sum(1, keepdim=True).expand(-1, 8))
    assert variance(to_go(late)) == whole > 2 * sooner
    assert variance(minus_mean(to_go(rewards))) < sooner / 4
    assert variance(minus_mean(to_go(late))) < whole / 4
    known = variance(to_go(rewards) - expected)
    if seed == 0:  # the chapter's
        assert (round(sooner, 2), round(known, 2)) == (32.07, 6.12)
    assert known == pytest.approx(variance(to_go(late) - (rewards.cumsum(1) - rewards + expected)), rel=1e-9)
    dial = [variance(gae(rewards, expected, lam=lam)[0]) for lam in (1.0, 0.95, 0.0)]
    assert known == pytest.approx(dial[0], rel=1e-9)
    assert dial[0] > dial[1] > dial[2]
    assert dial[2] < whole / 100


# ---- Runs


@functools.cache
def runs(seed):
    """KL of the chapter's three runs, with another seed."""
    found = definitions("05_baselines", "start_policy", "to_go", "ppo_bare", "settings")
    settings = found["settings"] | {"seed": seed}
    return {
        "none": train(found["ppo_bare"], **settings)["kl"],
        "batch mean": train(ppo, **settings)["kl"],
        "critic": train(ppo, critic=True, **settings)["kl"],
    }


@page.says("Three runs with 8 completions in a batch and the same random numbers.")
@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_baseline_it_never_settles(seed):
    spread = {name: torch.as_tensor(kl)[-40:].std() for name, kl in runs(seed).items()}
    assert spread["none"] > 2 * max(spread["batch mean"], spread["critic"])
    for name in ("batch mean", "critic"):
        assert torch.as_tensor(runs(seed)[name])[-40:].mean() == pytest.approx(0.41, abs=0.04)


@page.says("It starts at 0, because the critic begins with zeros, and ends at 1.00.")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_critic_ends_by_explaining_all(seed):
    found = definitions("05_baselines", "start_policy", "to_go", "explained_variance", "with_log")
    settings = dict(critic=True, steps=120, learning_rate=0.03, kl_coeff=0.5, seed=seed, policy=found["start_policy"])
    known = train(found["with_log"], **settings)["explained"]
    assert known[0] == 0
    assert known[-1] == pytest.approx(1.0, abs=0.005)


page.defines(
    "token 1 is paid 1.",
    "With a real reward model luck remains, and the line stays below 1.",
    "With $\\lambda$ near 1 the fault reaches every token of the completion.",
    "$\\lambda = 1$ the first advantage is 0.5, the whole surprise of the completion: it paid 1 and the critic "
    "expected 0.5.",
)


# ---- The dial


@page.says(
    "Calm and wrong: token 7 gets no credit.",
    "Lambda 0 trusts it: calm and wrong, token 7 gets no credit.",
    "Lambda 1 trusts the rewards: right on average, and noisy.",
    "Right on average: token 7 gets all its credit. And all the noise.",
    "Little noise is left, so the best place is far to the right.",
    "No bias anywhere, so lambda 0 is best.",
    "Token 7 is paid nothing, ever, and the critic gives it a credit of 0.39, for what comes after it.",
    '**"With λ = 1 and γ = 1 there is no GAE, and the critic is idle."**',
    "press **trust the rewards**: token 7's credit is 0.39, the truth, and the bias is 0.00.",
    '**"No bias is best, so λ should be 1."**',
    "with **trust the rewards** the error of a token's credit is 0.63.",
    "Move **the dial, lambda** down to 0.5: there is a bias of 0.07 now, and the error is 0.14.",
    "(With **a thousand samples** to average over, it is the other way round.)",
)
def test_the_dial_does_what_is_said_of_it():
    figure = page.figure("A critic that sees the position but not the token")
    blind, honest, many, seeing = (
        figure.run(name)
        for name in ("trust the blind critic", "trust the rewards", "a thousand samples", "a critic that sees")
    )
    assert blind["noise_here"] == pytest.approx(0, abs=0.001)
    assert blind["credit_of_7"] == pytest.approx(0, abs=0.03)
    assert honest["credit_of_7"] == pytest.approx(0.39, abs=0.005)
    assert honest["true_credit"][7] == pytest.approx(honest["credit_of_7"], abs=1e-4)
    assert [honest["bias_here"], honest["error_here"]] == pytest.approx([0.0, 0.63], abs=0.005)
    assert many["dial"][many["error"].argmin()] > 0.85
    assert many["noise_here"] < 0.03
    assert seeing["bias"].max() < 1e-4
    assert seeing["error"].argmin() == 0
    assert seeing["credit_of_7"] == pytest.approx(0.39, abs=0.005)
    middle = figure.run("trust the rewards", lam=0.5)
    assert [middle["bias_here"], middle["error_here"]] == pytest.approx([0.07, 0.14], abs=0.005)
    one, thousand = (figure.run("trust the rewards", tokens=tokens)["error"] for tokens in (1.0, 1000.0))
    assert one[20] < one[40]  # 0.5 against 1
    assert thousand[20] > thousand[40]
    assert 0 < one.argmin() < 40


def test_no_claim_is_without_proof():
    assert page.problems() == []
