"""What the page on GRPO says of its figures and runs, computed."""

import functools
import math

import numpy as np
import pytest
import torch
from support.claims import Page
from support.enumeration import seeded

from rlhf_helpers import group_advantages, grpo, grpo_loss, shaped_rewards, token_logprobs, train, uniform_policy

page = Page("08_grpo")
PLAY, PARTS = "Group relative policy optimization", "GRPO in parts"
BEST = 1 / (1 + 9 * math.exp(-2))  # the optimum at kl_coeff 0.5
G, T = 8, 8


def fresh():
    return uniform_policy(generator=seeded(0))


@functools.cache
def play(preset, *, seed, steps=200, **settings):
    return page.figure(PLAY).run(preset, seed=seed, steps=steps, **settings)


@functools.cache
def level(preset, **settings):
    """Where a run of the parts ends, for three seeds."""
    return [page.figure(PARTS).run(preset, seed=seed, **settings)["level"][-1] for seed in range(3)]


# ---- exact: all groups of eight sums of eight tokens


@functools.cache
def groups():
    """Every group of eight as counts (N, 9) of how many of its completions have k hits, and in how many orders."""
    hands = [[]]
    for _ in range(T):
        hands = [hand + [n] for hand in hands for n in range(G - sum(hand) + 1)]
    counts = torch.tensor([hand + [G - sum(hand)] for hand in hands], dtype=torch.float64)
    return counts, math.lgamma(G + 1) - torch.lgamma(counts + 1).sum(1)


def mean_spread(q):
    """The expected standard deviation of a group's sums when token 1 has probability q."""
    counts, orders = groups()
    hits = torch.arange(T + 1, dtype=torch.float64)
    chance = torch.tensor([math.comb(T, k) * q**k * (1 - q) ** (T - k) for k in range(T + 1)], dtype=torch.float64)
    mean = counts @ hits / G
    variance = (counts @ hits**2 - G * mean**2) / (G - 1)
    return ((orders + counts @ chance.log()).exp() @ variance.clamp(min=0).sqrt()).item()


def rests_at(beta, *, others, divide, corrected):
    """Where push and pull balance, by bisection."""
    low, high = 0.101, 0.95
    for _ in range(40):
        q = (low + high) / 2
        push = (1 if others else (G - 1) / G) * (mean_spread(q) / T if divide else q * (1 - q))
        pull = beta * (q * (1 - q) * math.log(9 * q / (1 - q)) if corrected else q - 0.1)
        low, high = (q, high) if push > pull else (low, q)
    return q


def test_the_enumeration_has_every_group():
    counts, orders = groups()
    assert len(counts) == math.comb(16, 8)
    even = torch.full((T + 1,), 1 / (T + 1), dtype=torch.float64).log()
    assert (orders + counts @ even).exp().sum().item() == pytest.approx(1)


@page.says(
    "the reward ends between 0.43 and 0.48, around the optimum of 0.45. Now set **baseline: mean of** to the group and "
    "play again: about 0.39.",
    "the reward ends above 0.5, and with the division below 0.4.",
    "at the same `kl_coeff` the run ends at 0.44 or 0.45, on the optimum, and not below 0.4.",
    "The KL of TRL 1.16 has the right gradient, and the standard deviation still makes the reward cheaper.",
    'in "GRPO in parts" press **TRL 1.16**: 0.29, further from the optimum than the paper\'s 0.39.',
    "and the reward ends at 0.15 or 0.16, where group relative policy optimization ends at 0.39.",
    "has the gradient of the right KL too, and the run with the own mean still ends at 0.39",
    "Mean of the others, no division, the KL of TRL 1.16: nothing is left of GRPO, and it ends on the line.",
)
def test_each_part_moves_the_end_to_where_push_and_pull_balance():
    fair = {"others": 1, "divide": 0, "pull": 1}
    exact = {
        "paper": rests_at(0.5, others=False, divide=True, corrected=False),
        "TRL 1.16": rests_at(0.5, others=False, divide=True, corrected=True),
        "no division": rests_at(0.5, others=False, divide=False, corrected=False),
        "own mean": rests_at(0.5, others=False, divide=False, corrected=True),
        "fair": rests_at(0.5, others=True, divide=False, corrected=True),
    }
    assert exact == pytest.approx(
        {"paper": 0.3924, "TRL 1.16": 0.2927, "no division": 0.5353, "own mean": 0.39, "fair": BEST}, abs=2e-4
    )
    for name, place in exact.items():
        preset = {"paper": None, "own mean": None, "fair": "a fair baseline"}.get(name, name)
        settings = fair | {"others": 0} if name == "own mean" else {}
        assert level(preset, **settings) == pytest.approx([place] * 3, abs=0.03), name
    assert level(None) == pytest.approx([0.39] * 3, abs=0.01)
    assert level("TRL 1.16") == pytest.approx([0.29] * 3, abs=0.01)
    assert level("KL in the reward") == pytest.approx([0.445] * 3, abs=0.01)
    assert page.act("PPO of chapter 4")["reward"][-100:].mean() == pytest.approx(BEST, abs=0.02)
    assert 0.145 < min(level("the notes' GRPO")) < max(level("the notes' GRPO")) < 0.165
    assert min(level("no division")) > 0.5
    assert 0.43 < min(level("a fair baseline")) < max(level("a fair baseline")) < 0.48


def test_the_place_is_right_for_every_kl_coeff_where_the_kl_is_in_the_reward():
    for kl_coeff in (0.2, 1.0):  # and 0.5 above
        best = 1 / (1 + 9 * math.exp(-1 / kl_coeff))
        assert level("KL in the reward", kl_coeff=kl_coeff) == pytest.approx([best] * 3, abs=0.015)


@page.says(
    "the push per token is 0.15 at a distance of 0.1 from the optimum and still 0.15 at a distance of 0.01.",
    "Without the division it falls from 0.043 to 0.004.",
)
def test_the_division_keeps_the_size_of_the_push_next_to_the_optimum():
    # the shaped reward is a straight line in the number of hits: what is left of its slope when divided is the sign
    def pushes(distance):
        q = BEST + distance
        slope = 1 - 0.5 * math.log(9 * q / (1 - q))
        own = (G - 1) / G
        return math.copysign(own * mean_spread(q) / T, slope), own * slope * q * (1 - q)

    far, near = pushes(0.1), pushes(0.01)
    assert [far[0], near[0]] == pytest.approx([-0.15, -0.15], abs=2e-3)
    assert [far[1], near[1]] == pytest.approx([-0.043, -0.004], abs=5e-4)
    assert pushes(-0.01)[0] == pytest.approx(0.15, abs=2e-3)  # and it turns round on the other side


def kl_in_the_reward(models, rollout, *, kl_coeff, divide):
    logprobs = token_logprobs(models.policy, rollout.prompt_ids, rollout.completion_ids)
    scores = shaped_rewards(rollout, kl_coeff).sum(1).view(-1, G)
    advantages = group_advantages(scores, normalize=divide)
    silent = advantages.abs().amax(1) < 1e-9
    series = {"size": advantages.abs().mean(), "silent": silent.double().mean()}
    return grpo_loss(logprobs, rollout.old_logprobs, advantages.flatten()), series


@page.says(
    "that the shaped reward is *constant* at the optimum, and that $0/0$ is not 0.",
    "the mean size of an advantage is about 0.77 at the end, as at the start, and no group is silent.",
)
def test_with_the_division_advantages_do_not_fade():
    for seed in range(3):
        knobs = {"steps": 60, "learning_rate": 0.03, "kl_coeff": 0.5, "seed": seed, "batch_size": 64, "policy": fresh()}
        with_it, without = (train(kl_in_the_reward, divide=divide, **knobs) for divide in (True, False))
        for part in (slice(0, 5), slice(-20, None)):
            assert with_it["size"][part].mean() == pytest.approx(0.77, abs=0.03)
        assert with_it["silent"].max() == 0
        assert without["size"][-20:].mean() < 0.15 * without["size"][:5].mean()


# ---- the playground


@page.says(
    "the reward goes from about 0.1 to more than 0.97, and the loss stays below 0.15 all the way.",
    "The reward goes to 1, and most groups fall silent.",
    "whenever the status line says that 100% carry no signal, the eight bars are 0.",
)
def test_hardly_any_pull_wins_everything_with_a_small_loss():
    for seed in range(3):
        run = play("hardly any pull", seed=seed)
        assert run["reward"][0] == pytest.approx(0.1, abs=0.06)
        assert run["reward"][-20:].mean() > 0.97
        assert run["loss"].max() < 0.15
        assert run["no_signal"][80:].mean() > 0.5
        silent = int(np.flatnonzero(run["no_signal"] == 1)[0])
        assert not play("hardly any pull", seed=seed, steps=silent)["advantages"].any()
    assert page.act("stop where all groups are silent")["no_signal"][-1] == 1


@page.says(
    "Then move kl_coeff to 10.",
    "Only if `kl_coeff` is 0.",
    "and halfway through, when most groups are silent, move **pull to the reference, kl_coeff** to 10:",
    "the reward falls back to less than 0.2.",
)
def test_silent_groups_walk_home():
    for seed in range(3):
        run = page.figure(PLAY).run("hardly any pull", seed=seed, moves={100: {"kl_coeff": 10.0}})
        assert run["no_signal"][80:100].mean() > 0.5
        assert run["reward"][100] > 0.97
        assert run["reward"][-20:].mean() < 0.2


def test_a_policy_that_is_certain_mostly_stays():
    ends = [
        page.figure(PLAY).run(
            "hardly any pull", seed=seed, steps=130, learning_rate=0.05, moves={100: {"kl_coeff": 10.0}}
        )
        for seed in range(20)
    ]
    assert 11 <= sum(run["reward"][100:].min() == 1 for run in ends) < 20


def test_a_step_that_is_too_large_makes_certain_of_anything():
    runs = [play("too large a step", seed=seed, steps=60) for seed in range(20)]
    assert all(run["entropy"][:20].min() < 0.05 for run in runs)
    assert all(run["entropy"][30:].max() < 0.05 for run in runs)
    assert all(run["no_signal"][40:].min() == 1 for run in runs)
    ends = [run["reward"][-1] for run in runs]
    assert min(ends) == 0
    assert max(ends) == 1
    assert len(set(ends)) > 4


@page.says("All 32 completions are compared with one another: the reward settles near the line.")
def test_a_group_of_two_settles_far_below_the_line_and_one_of_32_near_it():
    for seed in range(3):
        two, all_32 = (play(preset, seed=seed) for preset in ("groups of two", "one large group"))
        assert two["reward"][-60:].mean() < BEST - 0.2
        assert two["no_signal"][-100:].mean() == pytest.approx(0.25, abs=0.02)
        assert all_32["reward"][-60:].mean() == pytest.approx(BEST, abs=0.04)
        assert play(None, seed=seed)["reward"][-60:].mean() < BEST - 0.04


# ---- groups that say nothing


@page.says(
    "Groups of eight, kl_coeff 0.05. With one token the share of silent groups falls and rises again; with eight"
)
def test_too_hard_then_too_easy():
    for seed in range(3):
        knobs = {"steps": 80, "learning_rate": 0.01, "kl_coeff": 0.05, "seed": seed, "policy": fresh()}
        one = train(grpo, batch_size=512, completion_length=1, **knobs)["silent_groups"]
        eight = train(grpo, batch_size=256, **knobs)["silent_groups"]
        assert one[0] == pytest.approx(0.43, abs=0.1)
        assert one.min() < 0.05
        assert one[-10:].mean() > 0.7
        assert eight[:20].max() < 0.05
        assert eight[-10:].mean() > 0.1


# ---- exercises


@page.says(
    "its own mean costs it almost nothing, since 31/32 is nearly 1, but $k_3$ still lets it run up and the standard "
    "deviation still pulls it down.",
    "the best policy has 0.94 there, and `rests_at(32, beta=0.2)` says 0.79.",
)
def test_a_group_of_32_is_near_the_optimum_by_luck():
    def place(beta, seed):
        u = torch.rand(1000, 32, T, generator=seeded(seed), dtype=torch.float64)
        q = torch.linspace(0.3, 0.9, 120, dtype=torch.float64)
        spread = torch.stack([(u < x).sum(-1).double().std(1).mean() for x in q])
        return q[(31 / 32 * spread / T - beta * (q - 0.1) > 0).nonzero().max()].item()

    for seed in range(3):
        assert place(0.2, seed) == pytest.approx(0.79, abs=0.006)
        assert place(0.5, seed) == pytest.approx(BEST, abs=0.02)
    assert 1 / (1 + 9 * math.exp(-5)) == pytest.approx(0.94, abs=5e-3)


@page.says("Hard prompts need groups more than ten times as large.")
def test_hard_prompts_need_larger_groups():
    sizes = [next(n for n in range(2, 1000) if rate**n + (1 - rate) ** n < 0.01) for rate in (0.5, 0.05)]
    assert sizes == [8, 90]


@page.says("One success, and its push differs by a factor of 2.3 between four methods")
def test_four_ways_differ_by_a_factor():
    pushes = [math.sqrt(3), 1.5, 0.75, 1.0]
    assert max(pushes) / min(pushes) == pytest.approx(2.3, abs=0.05)


page.cites(
    "The question is asked again and again, in [TRL's issue 2703](https://github.com/huggingface/trl/issues/2703) for",
    "because nobody is better than the mean ([TRL's issue 3857](https://github.com/huggingface/trl/issues/3857)).",
)
page.defines(
    "on ten tokens, 32 completions an update.",
    "and that is 0 for all eight.",
    "0 divided by 0.0001 is 0.",
    "Every reward equals the mean, so every advantage is 0.",
    "and that average multiplies advantages of 0.",
    "Above, each completion earns 0 or 1;",
    "so dividing by it does least: a factor of 2.",
    "A pass rate of 0.05 has the same standard deviation as one of 0.95:",
    "The advantages of a group sum to 0, so their part of the loss is 0 on fresh samples.",
    "The line y = x is 0 at the origin, and its slope is 1.",
    "Its reward was 0.1, that of chance.",
    "every update has 64 completions in groups of eight.",
    "Where training ends at kl_coeff 0.5, one change at a time from left to right:",
    "Put p = 0 into the mixture: `-log(0 + 1)` is 0, wherever the ratio is.",
    "With p = 0 the mixture is 1, whatever the ratio is.",
    "The weight would have to be above 0.",
    "With p = 0 the numerator p·ρ is 0.",
    "For 0 < p < 1 it does.",
    "Here p·ρ is 0 for every ratio.",
    '**"The loss is 0, so nothing is learned."**',
    "Its advantages are exactly 0,",
    "The others' mean is 0, so RLOO says 1.",
    "It averages over dimension 0, over *prompts*,",
    "their advantages must all be 0.",
    "A token of a good completion with a ratio between 1.2 and 1.28 is still pushed.",
    "For a token that started at a probability of 0.01, the push from one batch ends at 0.0128 instead of at 0.012.",
)


page.defines(
    "Both wrong ones start at one third and have the same reward.",
)


@pytest.mark.parametrize("seed", range(5))
def test_a_silent_group_walks_home_while_it_can(seed):
    home = page.act("when most groups are silent, move `kl_coeff` to 10", seed)
    assert home["no_signal"][95:100].mean() > 0.5
    assert home["reward"][-20:].mean() < 0.2
    small, large = page.act("Move the **group size** to 2", seed), page.act("Move it to 32", seed)
    assert small["reward"][-40:].mean() < 0.26 < 0.4 < large["reward"][-40:].mean()
    certain = page.act("Move the **learning rate** to 1 at the start", seed)
    assert np.ptp(certain["reward"][20:]) == 0


def test_with_longer_steps_it_mostly_stays():
    stays = [page.act("Do the same with a learning rate of 0.05", seed)["reward"][-1] == 1 for seed in range(5)]
    assert sum(stays) >= 3


def test_no_claim_is_without_proof():
    assert page.problems() == []
