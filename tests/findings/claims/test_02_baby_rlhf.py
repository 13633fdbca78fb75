"""What the page on the smallest loop says of its figures and runs, computed."""

import numpy as np
import pytest
import torch
from support.claims import Page
from support.definitions import definitions
from torch.nn.functional import logsigmoid

from rlhf_helpers import baby_ppo, policy_table, ppo, token_reward, train

page = Page("02_baby_rlhf")


def first_above(curve, level):
    """The first update at which a curve is above a level, or one more than the run has."""
    above = np.flatnonzero(curve > level)
    return above[0] if len(above) else len(curve)


@page.says("Every other token is paid 0.9. The difference is small, and so the climb is slow.")
def test_a_small_difference_in_pay_is_learned_slowly():
    figure = page.figure("The loop on one strip")
    for seed in range(20):
        usual, close = (figure.run(preset, seed=seed)["token_1"] for preset in (None, "almost the same pay"))
        assert usual[-1] > 0.99
        assert first_above(close, 0.9) > 4 * first_above(usual, 0.9)


@page.says(
    "the score went from 0.38 to 0.99. There is nowhere left to go.",
    "In 300 updates that makes 2,400 tokens, and the ones among them were enough to push the score of token 1 to 0.99.",
    "that is why [the first loop](sec-baby-sigmoid) began with a sum of about 5",
)
def test_ten_scores_learn_their_paid_one_and_write_as_before():
    policy, everything = definitions("02_baby_rlhf", "ScorePolicy")["ScorePolicy"], torch.arange(10)
    for seed in range(5):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            scorer, paid = policy(), []
            before = scorer(everything).sigmoid().detach()
            optimizer = torch.optim.Adam(scorer.parameters(), lr=1e-2)
            for _ in range(300):
                actions = torch.multinomial(torch.randn(10).softmax(-1), 8, replacement=True)
                rewards = token_reward(actions[None])[0]
                loss = -(rewards * logsigmoid(scorer(actions))).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                paid.append(rewards.mean().item())
            after = scorer(everything).sigmoid().detach()
        assert 4 < before.sum() < 6
        assert after.sum() > before.sum()
        assert after[1] > 0.99
        assert 0.07 < np.mean(paid[150:]) < 0.13
        if seed == 0:  # the page's
            assert before[1] == pytest.approx(0.38, abs=0.005)
            assert after[1] == pytest.approx(0.99, abs=0.005)
            assert (after > before).sum() > 6  # most of the others, too


@page.says(
    "The reward stays at chance.",
    "The same loop, one word longer: it learns.",
    "While the word is missing, the reward stays at chance; put it in while the figure plays.",
    "The reward climbs to 1.00 all the same.",
)
def test_one_word_makes_the_loop_learn():
    figure = page.figure("The loop of the notes")
    for seed in range(4):
        missing = figure.run("one word missing", seed=seed)
        assert missing["reward"].max() < 0.25
        assert missing["reward"].mean() == pytest.approx(0.1, abs=0.015)
        assert np.ptp(missing["moved"]) == 0
        assert figure.run("the word in place", seed=seed)["reward"][-50:].min() > 0.98
        late = figure.run("one word missing", seed=seed, moves={100: {"word": 1.0}})["reward"]
        assert late[:100].max() < 0.25
        assert late[120:130].mean() > 1.5 * late[:100].mean()  # it takes off
        assert late[-50:].min() > 0.9


@page.says("The reward passes 0.9 some fifteen updates later than with the whole word.")
def test_a_millionth_of_the_gradient_is_enough_for_adam():
    figure = page.figure("The loop of the notes")
    later = [
        first_above(figure.run(seed=seed, steps=90, word=1e-6)["reward"], 0.9)
        - first_above(figure.run(seed=seed, steps=60, word=1.0)["reward"], 0.9)
        for seed in range(12)
    ]
    assert min(later) > 5
    assert np.mean(later) == pytest.approx(15, abs=2.5)


@page.says("One leap, and it writes the same completion every time.", "It writes the same completion every time.")
def test_a_high_learning_rate_ends_on_one_completion_and_it_may_be_a_poor_one():
    runs = [
        page.figure("The loop of the notes").run("learning rate too high", seed=seed, steps=100) for seed in range(6)
    ]
    assert all(run["entropy"][20:].max() < 0.02 for run in runs)
    ends = [run["reward"][-1] for run in runs]
    assert min(ends) < 0.5 < 0.99 < max(ends)
    assert all(np.ptp(run["reward"][-60:]) < 0.01 for run in runs)  # nothing moves it any more


@page.says(
    "The loss reads zero from the first update to the last.",
    "the status line says loss 0.00 at every update, while the probability of token 1 goes from 0.10 to 1.00.",
)
def test_a_loss_of_zero_learns():
    for seed in range(20):
        run = page.figure("One token to write").run("a loss of zero", seed=seed)
        assert abs(run["loss"]).max() < 0.005
        assert run["token_1"][[0, -1]] == pytest.approx([0.1, 1.0], abs=0.005)


@page.says(
    "There is nothing to learn. The weights move all the same.",
    "Every token is paid 1, so there is nothing to learn. After 300 updates the logits have moved by more than 0.3 on "
    "average, and some tokens are several times as likely as others.",
)
def test_luck_moves_the_weights():
    likeliest = set()
    for seed in range(20):
        run = page.figure("One token to write").run("the same pay for all", seed=seed)
        assert run["moved"][-1] > 0.3
        assert run["probs"].max() > 3 * run["probs"].min()
        likeliest.add(run["probs"].argmax())
    assert len(likeliest) > 4  # another seed favors other tokens


@page.says(
    '**"A reward of 0 teaches that a token is bad."**',
    'Now "not paid" means "less than usual".',
)
def test_only_what_is_paid_or_compared_leaves_a_trace():
    figure = page.figure("One token to write")
    for seed in range(20):
        plain, centered = figure.run(seed=seed, steps=0), figure.run(seed=seed, steps=0, minus=1.0)
        others = np.arange(10) != 1
        assert (plain["wish"][others] == 0).all()
        assert plain["wish"][1] >= 0
        assert (centered["wish"][others] <= 0).all()
        assert (centered["wish"][others] < 0).sum() >= 8


@page.says(
    "It copies what it is shown, weighted by pay.",
    "is paid 1, every other token 0.6, and dice show each of them equally often. The probability of token 1 hovers "
    "around 0.16, which is its share of all the pay,",
    "Take **share written by dice** down to 0, and it finds token 1.",
)
def test_dice_teach_their_own_mixture():
    figure = page.figure("One token to write")
    shares = [figure.run("written by dice", seed=seed)["token_1"][-100:].mean() for seed in range(20)]
    assert np.mean(shares) == pytest.approx(1 / (1 + 9 * 0.6), abs=0.01)
    assert all(0.13 < share < 0.18 for share in shares)
    assert all(figure.run("written by dice", seed=seed, dice=0.0)["token_1"][-1] > 0.95 for seed in range(20))


@page.says(
    "Every sampled token gets a push of 100 or more, paid for or not, so luck decides which tokens win.",
    "and so does the problem.",
)
def test_a_raise_drowns_the_difference():
    def raised(prompt_ids, completion_ids):
        return 100 + token_reward(completion_ids)

    def centered(models, rollout, *, kl_coeff):
        better = rollout.rewards - rollout.rewards.mean()
        return baby_ppo(models, rollout._replace(rewards=better), kl_coeff=kl_coeff)

    for seed in range(3):
        plain, quiet = (
            train(method, steps=80, learning_rate=0.05, kl_coeff=0.1, seed=seed, reward=raised)
            for method in (baby_ppo, centered)
        )
        assert plain["reward"][-20:].mean() - 100 < 0.9
        assert plain["entropy"][-1] < plain["entropy"][0] / 3  # something has won
        assert quiet["reward"][-20:].mean() - 100 > 0.95


page.prints(
    "For ten equally likely tokens the variance is smallest at the expected reward, 0.1, and a baseline that",
    "b = 0.1: mean 0.090 for token 1, total variance 0.072",
)
page.defines(
    "is too large is worse than none.",  # in the same table
    "The mean never changes, by Equation {eq}`eq-baby-score`.",
)


@page.says(
    "The best completion is 1 2 1 2 1 2 1 2: half a point per token. All three learn to write 2 after 1. But the token "
    "that made it possible, the 1 before it, is paid nothing, so `my_baby_ppo` has no reason to write it.",
)
def test_only_the_patient_are_paid_for_what_comes_later():
    def two_after_one(prompt_ids, completion_ids):
        last = torch.cat([torch.zeros_like(completion_ids[:, :1]), completion_ids[:, :-1]], dim=1)
        return ((last == 1) & (completion_ids == 2)).double()

    setting = {"steps": 120, "learning_rate": 0.03, "kl_coeff": 0.01, "reward": two_after_one}
    for seed in range(3):
        hasty, patient = (train(method, seed=seed, **setting) for method in (baby_ppo, ppo))
        assert policy_table(hasty.policy).detach().exp()[1, 2] > 0.9
        assert hasty["reward"][-20:].mean() < 0.4 < 0.45 < patient["reward"][-20:].mean()


page.defines(
    "64 tokens are drawn, paid and learned from in each update.",
    "Row 4 says what comes after token 4.",
    "one seed each, means of 15 updates.",
    "float32 keeps seven digits of a number, however small it is.",
    "A gradient of 1e-7 is no worse for it than one of 0.1.",
    "`baby_ppo` for 150 updates.",
    "The last completions of five seeds with a learning rate of 0.3.",
    "The loss is the number that the notes' formula would print, with a ratio of 1: minus the mean pay.",
    "One token to write, paid 1 if it is token 1. 64 samples in a batch.",
    "probabilities go on summing to 1,",
    "A fresh layer gives scores near 0, and",
    "A softmax sums to 1 before, after, and whatever you do to the scores:",
    "With $b = 0$ the two samples say ½ and 0;",
    "the ratio's value is 1 and its *slope* is $\\nabla \\log \\pi_\\theta$,",
)


def test_no_claim_is_without_proof():
    assert page.problems() == []
