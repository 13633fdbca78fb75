"""What the page on the ratio says of its figures and runs, computed."""

import copy
import math

import pytest
import torch
from support.claims import Page
from support.enumeration import seeded

from rlhf_helpers import (
    TinyPolicy,
    baby_ppo,
    clipped_surrogate,
    generate,
    policy_ratio,
    token_logprobs,
    token_reward,
    train,
)

page = Page("03_ppo_ratio")
REUSE = "A batch is used for some updates"


@page.says(
    "Every ratio is exactly 1, and it learns.",
    "the largest ratio of the whole run is 1.00, and the reward passes 0.97. Then set **the ratio in the loss** to "
    "*A alone*: the loss has the same values, and the reward stays at 0.10.",
    "*the whole ratio detached*: a flat line at 0.10.",
    "With one update per batch it *is* 1,",
)
def test_a_ratio_of_one_learns_by_its_slope():
    figure = page.figure(REUSE)
    for seed in range(20):
        fresh = figure.run("always fresh", seed=seed)
        assert fresh["peak"][-1] == 1
        assert fresh["reward"][-1] > 0.97
        for loss in (1.0, 2.0):
            flat = figure.run("always fresh", seed=seed, loss=loss)["reward"]
            assert flat == pytest.approx(0.1, abs=1e-6)


@page.says(
    "The loss sees a ratio of 1 at every update, so it never clips.",
    "the loss sees a ratio of 1.00 at every update, while the true one passes 3. The gradient is still there, so it "
    "learns; but the clip has nothing to look at, and never acts.",
    "Not if you use a batch more than once.",
)
def test_a_recomputed_record_hides_the_age_of_a_batch():
    figure = page.figure(REUSE)
    for seed in range(20):
        run = figure.run("recomputed", seed=seed)
        assert run["logged"] == pytest.approx(1.0)
        assert run["peak"][-1] > 3
        assert run["reward"][-1] > 0.9
        kept = figure.run(seed=seed)
        assert kept["peak"][-1] < 2.5
        wide = figure.run("recomputed", seed=seed, clip_eps=2.0)
        assert wide["reward"] == pytest.approx(run["reward"], abs=1e-5)  # the clip never acted


@page.says("The clip is 0.2; the ratio walks on.", "with a clip of 0.2, the largest ratio of the run passes 1.8.")
def test_the_clip_is_no_wall():
    for seed in range(20):
        assert page.figure(REUSE).run("forty updates", seed=seed)["peak"][-1] > 1.8


@page.says(
    "The largest of 512 ratios. Every curve but the uppermost is clipped at 1.2, and every one of them passes it."
)
def test_the_largest_ratio_of_one_batch_passes_the_clip_in_every_setting():
    start = torch.zeros(64, 1, dtype=torch.int64)
    for seed in range(3):
        old = TinyPolicy(generator=seeded(4 + seed)).double()
        answers = generate(old, start, 8, generator=seeded(seed))
        assert answers.numel() == 512
        old_logprobs, rewards = token_logprobs(old, start, answers).detach(), token_reward(answers).double()
        better, largest = rewards - rewards.mean(), []
        for signal, adam, clip_eps in (
            (rewards, False, 0.2),
            (better, False, 0.2),
            (better, True, 0.2),
            (better, True, math.inf),
        ):
            policy = copy.deepcopy(old)
            make, rate = (torch.optim.Adam, 0.01) if adam else (torch.optim.SGD, 0.5)
            optimizer = make(policy.parameters(), lr=rate)
            for _ in range(40):
                ratio = policy_ratio(token_logprobs(policy, start, answers), old_logprobs)
                optimizer.zero_grad()
                (-clipped_surrogate(ratio, signal, clip_eps=clip_eps).mean()).backward()
                optimizer.step()
            largest.append(policy_ratio(token_logprobs(policy, start, answers), old_logprobs).max().item())
        paid_only, every_token, with_adam, unclipped = largest
        assert min(paid_only, every_token, with_adam) > 1.2
        assert with_adam < unclipped / 2  # the clip slows it down


@page.says(
    "No batch is used twice, and yet the ratios are not 1.",
    "no batch is used twice, and yet the largest ratio passes 1.1.",
)
def test_two_programs_are_enough_for_a_ratio():
    for seed in range(20):
        run = page.figure(REUSE).run("two programs", seed=seed)
        assert run["largest_ratio"][:20].min() > 1.1
        assert run["smallest_ratio"][:20].max() < 1


@page.says(
    "Silent: raised enough.",
    "It is pulled back up.",
    "Silent: lowered enough.",
    "It is pushed down, and the harder the further it has been raised.",
    "the ratio is 1.50, and the slope of −1.50 in $\\log \\pi$ pushes it down.",
    "there the push is 1.2 times that of REINFORCE, and beyond it is 0.",
    "the ratio is 1.50 and the slope 0.",
)
def test_the_six_cases_and_what_the_weights_feel():
    figure = page.figure("The clipped objective of one token")
    felt = {}
    for preset, slope in (("good, raised", 0), ("good, lowered", 1), ("bad, lowered", 0), ("bad, raised", -1)):
        run = figure.run(preset)
        assert run["slope"] == pytest.approx(slope)
        felt[preset] = float(run["felt"])
    assert felt == pytest.approx({"good, raised": 0, "good, lowered": 0.5, "bad, lowered": 0, "bad, raised": -1.5})
    assert figure.run("bad, raised", ratio=2.5)["felt"] == pytest.approx(-2.5)
    assert figure.run("good, raised", ratio=1.15)["felt"] == pytest.approx(1.15)
    assert figure.run("good, raised", ratio=1.25)["felt"] == 0


@page.says(
    "Twice as likely, and still rare.",
    "The same ratio, nine times the move.",
    "the ratio is 2.00 both times, and the probability has moved by 0.05 and by 0.45.",
)
def test_one_ratio_and_two_moves():
    figure = page.figure("Two policies, one token")
    small, large = figure.run("small move"), figure.run("large move")
    assert [float(run["ratio"]) for run in (small, large)] == pytest.approx([2, 2])
    assert [float(run["moved"]) for run in (small, large)] == pytest.approx([0.05, 0.45])


@page.says(
    "It ends on token 1.",
    "It ends about as far from the start, on tokens that the noise has picked.",
    "The policy has collapsed: it is as far from the start as it can get.",
)
def test_a_penalty_that_looks_back_one_update_holds_nothing():
    figure = page.figure("The loss of this chapter")
    for seed in range(6):
        for kl_coeff in (0.01, 1.0, 3.0):  # the text below the figure
            run = figure.run(seed=seed, kl_coeff=kl_coeff)
            assert run["reward"][-1] > 0.99
            assert run["kl"][-1] > 2.2
        strong = figure.run("ten thousand times stronger", seed=seed)
        assert strong["reward"][-1] < 0.5
        assert strong["kl"][-1] > 2
        assert figure.run(seed=seed, learning_rate=0.001)["reward"][-1] < 0.4
    at_10, at_30 = ([figure.run(seed=s, kl_coeff=k)["reward"][-1] for s in range(20)] for k in (10.0, 30.0))
    assert min(at_10) < 0.1 < 0.95 < max(at_10)
    assert sum(reward > 0.9 for reward in at_30) < 10


def test_four_uses_of_a_batch_bring_more_than_one_and_so_does_a_larger_step():
    for seed in range(6):
        once, four, large = (
            train(baby_ppo, steps=12 * uses, epochs=uses, kl_coeff=0.1, learning_rate=rate, seed=seed)["reward"][-1]
            for uses, rate in ((1, 0.01), (4, 0.01), (1, 0.04))
        )
        assert once < 0.7 < 0.95 < min(four, large)


@page.says(
    "3.12 at 16 tokens, above 100 from 63 tokens on, and 1,671 at 100. The mean rests on a few enormous ratios, and "
    "20,000 draws hold too few of them, so it mostly comes out too small.",
    "$1.16^{100}$ is 2.8 million.",
    '"draw more answers" is right in principle, but their number must grow with the variance, and',
    '"Clip the product at 1.2" trains, but on nearly no answer, since nearly all lie outside.',
    "The exact mean is 1 at every length.",
)
def test_the_ratio_of_a_long_answer_is_a_lottery():
    assert [(1.16**n - 1) ** 0.5 for n in (16, 100)] == pytest.approx([3.12, 1671], rel=1e-3)
    assert (1.16**62 - 1) ** 0.5 < 100 < (1.16**63 - 1) ** 0.5
    assert round(1.16**100 / 1e6, 1) == 2.8
    means, inside = [], []
    for seed in range(20):  # 20,000 answers of 100 tokens of two kinds, equally likely: their ratios are 0.6 and 1.4
        ones = torch.distributions.Binomial(100, torch.tensor(0.5)).sample
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            count = ones((20_000,)).double()
        ratio = (count * torch.log(torch.tensor(1.4)) + (100 - count) * torch.log(torch.tensor(0.6))).exp()
        means.append(ratio.mean())
        inside.append(((ratio > 0.8) & (ratio < 1.2)).double().mean())
    assert sum(mean < 1 for mean in means) > 12
    assert max(inside) < 0.1


page.prints("The ratio is 1.25", "ratio 1.25, log ratio 0.22, A = +1")
page.defines(
    "Where the new one likes it better than the old one did, the ratio is above 1 and its log above 0.",
    "Drag one, or square 1 of a policy.",
    ", above 1.2.",
    'in the figure "A batch is used for some updates" press **always fresh**:',
    "Training moves the probability, and that ends at 1. What would 3 times 0.5 be?",
    "The new probability is at most 1, so the ratio is at most 1 / 0.5.",
    "Above 1: token 1 has become likelier.",
    "Below 1: token 1 has become less likely.",
    "the ratio leaves 1 at the speed of log π.",
    "the smaller of −1.5 and −1.2 is −1.5, which still moves with the ratio.",
    "the exact mean of the answer's ratio (power 0 means 1), its median,",
    '**"My logs show a ratio of 1, so it is broken, or I can drop it."**',
    '**"My logs show a ratio of 1, so all is well."**',
    '**"The clip keeps the ratio between 0.8 and 1.2."**',
    '**"A ratio above 1 means a good token."**',
    "Its value is 1 at the start, but its derivative is",
    "A test on values would never have found it;",
)
page.cites(
    "a user saw exactly 1 at every mini-batch of an update, and suspected a bug.",
)


def test_no_claim_is_without_proof():
    assert page.problems() == []
