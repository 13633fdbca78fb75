"""What the front page says of its playground, computed."""

import numpy as np
from support.claims import Page

page = Page("index")
SEEDS = range(3)


def ends(preset=None, **settings):
    """Where the playground ends, as reward, KL and optimum, over seeds: means of the last 20 of 200 updates."""
    runs = [page.figure("The playground").run(preset, seed=seed, **settings) for seed in SEEDS]
    return ([float(np.mean(run[name][-20:])) for run in runs] for name in ("reward", "kl", "optimum"))


def test_grpo_and_reweighted_ppo_stop_short_and_the_others_settle_on_the_line():
    for method in (0.0, 1.0, 2.0):
        rewards, _, optima = ends(method=method)
        assert all(abs(reward - optimum) < 0.03 for reward, optimum in zip(rewards, optima, strict=True))
    for preset, least, most in (("GRPO stops short", 0.5, 0.65), ("reweighted PPO hardly leaves", 0.12, 0.3)):
        rewards, _, optima = ends(preset)
        assert all(least < reward < most < optimum - 0.1 for reward, optimum in zip(rewards, optima, strict=True))


def test_a_strong_leash_leaves_chance_and_a_weak_one_everything():
    rewards, _, optima = ends("KL too strong")
    assert max(optima) < 0.12
    assert all(abs(reward - optimum) < 0.02 for reward, optimum in zip(rewards, optima, strict=True))
    rewards, _, _ = ends(kl_coeff=10**-1.5)
    assert min(rewards) > 0.99


def test_what_has_gone_to_token_1_does_not_come_back_at_first():
    figure = page.figure("The playground")
    for seed in SEEDS:
        run = figure.run(seed=seed, kl_coeff=10**-1.5, moves={150: {"kl_coeff": 10.0}}, steps=170)
        assert run["reward"][150:].min() > 0.95
        assert run["optimum"][149] > 0.99 > 0.12 > run["optimum"][-1]  # the slider has moved


def test_a_learning_rate_of_1_is_one_leap_to_one_token():
    figure = page.figure("The playground")
    for seed in SEEDS:
        run = figure.run("learning rate too high", seed=seed)
        assert run["entropy"][-1] < 0.05


def test_no_claim_is_without_proof():
    assert page.problems() == []
