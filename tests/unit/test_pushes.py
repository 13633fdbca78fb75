"""What a step down a loss asks of the logits: by autograd, by formula, by trying."""

import pytest
import torch
from torch.nn.functional import one_hot

from rlhf_helpers import (
    Models,
    TinyPolicy,
    clipped_surrogate,
    collect,
    grpo,
    next_token_logprobs,
    policy_ratio,
    ppo,
    ppo_loss,
    push_on_logits,
    token_logprobs,
)

DOUBLE = torch.float64


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch():
    """A policy that has moved away from the one that sampled, which is not the reference either."""
    policy, sampler, reference = (TinyPolicy(generator=seeded(seed)).to(DOUBLE) for seed in (1, 2, 3))
    rollout = collect(Models(sampler), reference, torch.rand(8, 5, generator=seeded(0), dtype=DOUBLE))
    return policy, rollout


def test_it_is_the_closed_form_of_ppo_and_zero_where_the_clip_has_cut_the_gradient(batch):
    policy, rollout = batch
    advantages = torch.randn(8, 5, generator=seeded(4), dtype=DOUBLE)

    def loss(policy):
        new = token_logprobs(policy, rollout.prompt_ids, rollout.completion_ids)
        return ppo_loss(new, rollout.old_logprobs, advantages, clip_eps=0.1)

    found = push_on_logits(loss, policy, rollout)
    probs = next_token_logprobs(policy, rollout.prompt_ids, rollout.completion_ids).exp()
    ratio = policy_ratio(token_logprobs(policy, rollout.prompt_ids, rollout.completion_ids), rollout.old_logprobs)
    cut = clipped_surrogate(ratio, advantages, clip_eps=0.1) < ratio * advantages
    weight = torch.where(cut, 0.0, ratio * advantages / 40)
    torch.testing.assert_close(found, weight[..., None] * (one_hot(rollout.completion_ids, 10) - probs))
    assert cut.any()
    assert not found[cut].any()
    assert found[~cut].any(-1).all()


@pytest.mark.parametrize("method", [ppo, grpo])
def test_a_small_step_along_it_lowers_the_loss_by_its_square(batch, method):
    policy, rollout = batch

    def loss(policy):
        return method(Models(policy), rollout, kl_coeff=0.3)[0]

    ids = torch.cat([rollout.prompt_ids, rollout.completion_ids], dim=1)[:, :-1]
    logits, push = policy(ids).detach(), push_on_logits(loss, policy, rollout)
    before, after = loss(lambda _: logits), loss(lambda _: logits + 1e-4 * push)
    torch.testing.assert_close(before - after, 1e-4 * push.square().sum(), rtol=1e-3, atol=0)
    torch.testing.assert_close(push.sum(-1), torch.zeros(8, 5, dtype=DOUBLE))  # a constant in all logits is nothing


def test_positions_of_the_prompt_are_left_out(batch):
    policy, rollout = batch
    longer = rollout._replace(prompt_ids=torch.zeros(8, 3, dtype=torch.int64))

    def loss_of(rollout):
        return lambda policy: -token_logprobs(policy, rollout.prompt_ids, rollout.completion_ids).sum()

    torch.testing.assert_close(  # the policy sees one token back, and both prompts end in 0
        push_on_logits(loss_of(longer), policy, longer), push_on_logits(loss_of(rollout), policy, rollout)
    )


@pytest.mark.parametrize(
    ("loss", "policy", "error", "message"),
    [
        (0.5, None, TypeError, "loss must be a function of a policy, got float"),
        (lambda policy: policy(None), None, ValueError, r"loss must return one number, got \(8, 5, \d+\)"),
        (lambda policy: 0.5, None, ValueError, "loss must return one number, got float"),
        (lambda policy: policy(None).sum(), 3, TypeError, "policy must be a function of ids, got int"),
        (
            lambda policy: policy(None).sum(),
            TinyPolicy(1),
            ValueError,
            r"^the rollout's ids must be token ids in \[0, 1\)",
        ),
    ],
)
def test_refuses(batch, loss, policy, error, message):
    with pytest.raises(error, match=message):
        push_on_logits(loss, policy or batch[0], batch[1])
