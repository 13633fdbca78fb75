"""What the five questions explain with a number: arithmetic that each of them spells out."""

import torch
from support.claims import Page

from rlhf_helpers import baby_ppo, train

page = Page("before_you_start")


@page.says("In chapter 2 you meet a loss that prints zero at every update and still teaches.")
def test_a_loss_of_zero_teaches():
    def centered(models, rollout, *, kl_coeff):
        better = rollout.rewards - rollout.rewards.mean()
        return baby_ppo(models, rollout._replace(rewards=better), kl_coeff=kl_coeff)

    for seed in range(3):
        run = train(centered, steps=150, learning_rate=0.02, kl_coeff=0.1, seed=seed)
        assert run["loss"].abs().max() < 1e-6
        assert run["reward"][-1] > 0.99


@page.says(
    "That averages over the answers and leaves one number for each of the 8 positions, shape (8,). Dimension 0 is "
    "the one that disappears.",
    "One mean for each answer, kept as a column, so that it can be subtracted from all 8 tokens of its own answer.",
)
def test_the_shapes_of_means():
    rewards = torch.ones(32, 8)
    assert rewards.mean(0).shape == (8,)
    assert (rewards - rewards.mean(1, keepdim=True)).shape == rewards.shape


page.defines(
    "That is why everyone in this field adds log-probabilities, and never multiplies probabilities.",
    "The average weighs each payment with its probability: 0.2 × 1 + 0.8 × 0.",
    "0.2 × 1 + 0.8 × 0 = 0.2 is the expected reward.",
    "The step is minus the learning rate times the slope: −0.1 × (−3) = +0.3.",
)


def test_no_claim_is_without_proof():
    assert page.problems() == []
