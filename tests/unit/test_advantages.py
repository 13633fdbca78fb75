import math
import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.enumeration import F64, TablePolicy, all_sequences, chain_logprobs, gradient, normals, random_table

from rlhf_helpers import gae, group_advantages, rloo_advantages, sequence_logprobs, token_logprobs

REWARDS, TOKENS, VALUES = normals(0, 3, 4), normals(1, 5, 6), normals(2, 5, 6)

# the square of a gap below 1e-150 is 0 in float64, and then a standard deviation is 0 without a tie
any_reward = st.floats(-1e3, 1e3).map(lambda x: x if abs(x) > 1e-6 else 0.0)
groups = st.integers(1, 4).flatmap(
    lambda size: st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 0.1, -3.7]) | any_reward, min_size=size, max_size=size),
        min_size=1,
        max_size=3,
    )
)


# groups


def test_group_advantages_are_z_scores_with_the_unbiased_deviation():
    for row, advantages in zip(REWARDS.tolist(), group_advantages(REWARDS).tolist(), strict=True):
        mean, std = statistics.mean(row), statistics.stdev(row)  # n - 1 in the denominator
        assert advantages == pytest.approx([(r - mean) / (std + 1e-4) for r in row], rel=1e-12)


def test_eps_is_added_to_the_deviation():
    (advantages,) = group_advantages(torch.tensor([[0.0, 2.0]], dtype=F64), eps=0.5).tolist()
    assert advantages == pytest.approx([-1 / (math.sqrt(2) + 0.5), 1 / (math.sqrt(2) + 0.5)], rel=1e-12)


def test_unnormalized_is_the_distance_to_the_mean():
    expected = [[r - statistics.mean(row) for r in row] for row in REWARDS.tolist()]
    torch.testing.assert_close(group_advantages(REWARDS, normalize=False), torch.tensor(expected, dtype=F64))


def test_rloo_leaves_one_out():
    for row, advantages in zip(REWARDS.tolist(), rloo_advantages(REWARDS).tolist(), strict=True):
        others = [statistics.mean(row[:i] + row[i + 1 :]) for i in range(4)]
        assert advantages == pytest.approx([r - o for r, o in zip(row, others, strict=True)], rel=1e-12)


@pytest.mark.parametrize("size", [2, 3, 8])
def test_rloo_is_the_unnormalized_group_advantage_times_g_over_g_minus_one(size):
    rewards = torch.randn(4, size, generator=torch.Generator().manual_seed(size), dtype=F64)
    torch.testing.assert_close(rloo_advantages(rewards), group_advantages(rewards, normalize=False) * size / (size - 1))


def test_a_group_knows_nothing_of_the_other_groups():
    other = REWARDS.clone()
    other[1:] = 7.0 * other[1:] + 3.0
    for advantages in (group_advantages, rloo_advantages):
        assert torch.equal(advantages(REWARDS)[0], advantages(other)[0])
        assert not torch.equal(advantages(REWARDS)[1], advantages(other)[1])


def test_rloo_gradient_is_unbiased_and_the_group_mean_shrinks_it():
    # all pairs of answers of one token, weighed by their probability: the expected gradient of the expected reward
    logp, reward = random_table(3, seed=4)[0], torch.tensor([1.0, 0.0, -2.0], dtype=F64)
    true = gradient(lambda z: z.softmax(-1) @ reward, logp)
    pairs = all_sequences(3, 2)
    weight = logp[pairs].sum(1).exp()

    def expected(advantages):
        return gradient(lambda z: (weight * (advantages * z.log_softmax(-1)[pairs]).mean(1)).sum(), logp)

    torch.testing.assert_close(expected(rloo_advantages(reward[pairs])), true)
    torch.testing.assert_close(expected(group_advantages(reward[pairs], normalize=False)), true / 2)


@given(
    rewards=groups,
    normalize=st.booleans(),
    dtype=st.sampled_from([torch.float32, F64]),
    eps=st.sampled_from([0.0, 1e-4]),
)
def test_group_advantages_stay_finite_and_sum_to_zero(rewards, normalize, dtype, eps):
    rewards = torch.tensor(rewards, dtype=dtype)
    advantages = group_advantages(rewards, normalize=normalize, eps=eps)
    assert advantages.isfinite().all()
    if normalize and rewards.shape[1] > 1:
        advantages = advantages * (rewards.std(1, keepdim=True) + eps)  # back to units of reward
    rounding = 4 * torch.finfo(dtype).eps * rewards.abs().amax(1) * rewards.shape[1]
    assert (advantages.sum(1).abs() <= rounding).all()
    assert (advantages[rewards.amax(1) == rewards.amin(1)] == 0).all()


@pytest.mark.parametrize("advantages", [group_advantages, rloo_advantages])
def test_one_alone_and_all_alike_have_advantage_zero(advantages):
    assert advantages(torch.tensor([[3.0], [-2.0]])).tolist() == [[0.0], [0.0]]
    assert advantages(torch.full((2, 8), 0.1)).abs().max() < 1e-7


def test_equal_rewards_give_exactly_zero_however_the_mean_rounds():
    for reward in (0.1, 1 / 3, 1e6 + 0.1):
        assert torch.equal(group_advantages(torch.full((1, 7), reward)), torch.zeros(1, 7))


def test_no_gradient_flows():
    rewards = REWARDS.clone().requires_grad_()
    assert not group_advantages(rewards).requires_grad
    assert not rloo_advantages(rewards).requires_grad
    assert not any(t.requires_grad for t in gae(rewards, VALUES[:3, :4].clone().requires_grad_()))


# the critic


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 0.8), (1.0, 0.0), (0.5, 1.0), (0.0, 1.0)])
def test_gae_is_its_sum(gamma, lam):
    advantages, returns = gae(TOKENS, VALUES, gamma=gamma, lam=lam)
    values = torch.cat([VALUES, torch.zeros(5, 1, dtype=F64)], dim=1)
    delta = TOKENS + gamma * values[:, 1:] - values[:, :-1]
    for t in range(6):
        expected = sum((gamma * lam) ** k * delta[:, t + k] for k in range(6 - t))
        torch.testing.assert_close(advantages[:, t], expected)
    torch.testing.assert_close(returns, advantages + VALUES)


def test_lambda_one_trusts_the_rewards():
    advantages, returns = gae(TOKENS, VALUES, lam=1.0)
    to_go = TOKENS.flip(1).cumsum(1).flip(1)
    torch.testing.assert_close(advantages, to_go - VALUES)
    torch.testing.assert_close(returns, to_go)


def test_lambda_zero_trusts_the_critic():
    following = torch.cat([VALUES[:, 1:], torch.zeros(5, 1, dtype=F64)], dim=1)
    torch.testing.assert_close(gae(TOKENS, VALUES, lam=0.0)[0], TOKENS + following - VALUES)


def test_a_perfect_critic_leaves_nothing_to_say_on_average():
    # V(s) of a two-step chain, exactly; the advantages of all sequences, weighed by probability, are 0 at every step
    table, reward = random_table(3, seed=1), torch.tensor([1.0, 0.0, 3.0], dtype=F64)
    sequences = all_sequences(3, 2)
    last = table.exp() @ reward  # value of a state with one token to go
    first = table[0].exp() @ (reward + last)
    values = torch.stack([first.expand(9), last[sequences[:, 0]]], dim=1)
    weight = chain_logprobs(table, sequences).sum(1).exp()
    for lam in (0.0, 0.5, 1.0):
        advantages, _ = gae(reward[sequences], values, lam=lam)
        torch.testing.assert_close(weight @ advantages, torch.zeros(2, dtype=F64), rtol=0, atol=1e-12)


def test_gae_with_a_wrong_critic_is_unbiased_only_at_lambda_one():
    # the gradient of the expected reward, exactly, against the policy gradient with GAE's advantages
    table, reward = random_table(3, seed=2), torch.tensor([1.0, 0.0, 3.0], dtype=F64)
    sequences = all_sequences(3, 3)
    prompt_ids = torch.zeros(27, 1, dtype=torch.int64)
    policy = TablePolicy(table)
    weight = chain_logprobs(table, sequences).sum(1).exp()
    states = torch.cat([prompt_ids, sequences[:, :-1]], dim=1)
    values = torch.tensor([5.0, -2.0, 0.5], dtype=F64)[states]  # deliberately wrong

    def policy_gradient(lam):
        logprobs = token_logprobs(policy, prompt_ids, sequences)
        advantages, _ = gae(reward[sequences], values, lam=lam)
        (result,) = torch.autograd.grad((weight[:, None] * advantages * logprobs).sum(), policy.logits)
        return result

    probability = sequence_logprobs(token_logprobs(policy, prompt_ids, sequences)).exp()
    (true,) = torch.autograd.grad(probability @ reward[sequences].sum(1), policy.logits)
    torch.testing.assert_close(policy_gradient(1.0), true)
    errors = [(policy_gradient(lam) - true).norm().item() for lam in (1.0, 0.95, 0.5, 0.0)]
    assert errors == sorted(errors)
    assert errors[-1] > 0.1


@given(mask=st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=5, max_size=5))
def test_a_masked_token_is_as_if_it_were_not_there(mask):
    mask = torch.tensor(mask)
    noise = torch.full_like(TOKENS, math.nan)  # whatever is masked
    masked = (torch.where(mask, x, noise) for x in (TOKENS, VALUES))
    found = gae(*masked, mask, gamma=0.9, lam=0.8)
    for row, counts in enumerate(mask):
        for ours in found:
            assert (ours[row][~counts] == 0).all()
        if counts.any():
            alone = gae(TOKENS[row, counts][None], VALUES[row, counts][None], gamma=0.9, lam=0.8)
            for ours, expected in zip(found, alone, strict=True):
                torch.testing.assert_close(ours[row, counts], expected[0])


def test_the_value_of_padding_is_no_value():
    rewards, values = torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[0.0, 0.0, 100.0]])
    advantages, returns = gae(rewards, values, torch.tensor([[1.0, 1.0, 0.0]]), lam=1.0)
    assert advantages.tolist() == returns.tolist() == [[1.0, 1.0, 0.0]]


# refusing


@pytest.mark.parametrize("advantages", [group_advantages, rloo_advantages])
@pytest.mark.parametrize(
    ("rewards", "error", "message"),
    [
        (torch.zeros(4), ValueError, r"rewards must have shape \(N, G\), got \(4,\)"),
        (torch.zeros(0, 4), ValueError, r"rewards must not be empty, got shape \(0, 4\)"),
        (torch.zeros(2, 4, dtype=torch.int64), TypeError, "rewards must be a floating-point tensor, got torch.int64"),
        (None, TypeError, "rewards must be a torch.Tensor, got NoneType"),
        (torch.tensor([[0.0, math.nan]]), ValueError, "rewards must be finite where it counts, got 1 non-finite of 2"),
        (torch.tensor([[math.inf, 0.0]]), ValueError, "rewards must be finite .* the first is inf"),
    ],
)
def test_groups_refuse(advantages, rewards, error, message):
    with pytest.raises(error, match=message):
        advantages(rewards)


@pytest.mark.parametrize("eps", [-1e-4, math.nan, math.inf])
def test_group_advantages_refuse_a_wrong_eps(eps):
    with pytest.raises(ValueError, match=rf"eps must be in \[0.0, inf\), got {eps}"):
        group_advantages(REWARDS, eps=eps)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"values": VALUES[:, :3]}, ValueError, r"shapes must match, got {'rewards': \(5, 6\), 'values': \(5, 3\)}"),
        ({"rewards": TOKENS[0], "values": VALUES[0]}, ValueError, r"rewards must have shape \(B, T\), got \(6,\)"),
        ({"values": VALUES / 0}, ValueError, "values must be finite"),
        ({"rewards": TOKENS.int()}, TypeError, "rewards must be a floating-point tensor, got torch.int32"),
        ({"gamma": 1.1}, ValueError, r"gamma must be in \[0.0, 1.0\], got 1.1"),
        ({"gamma": -0.1}, ValueError, "gamma must be"),
        ({"lam": math.nan}, ValueError, r"lam must be in \[0.0, 1.0\], got nan"),
        ({"lam": "high"}, TypeError, "lam must be a number, got str"),
        ({"completion_mask": TOKENS}, ValueError, "completion_mask must hold only 0 and 1"),
        ({"completion_mask": TOKENS[:1] * 0}, ValueError, r"'completion_mask': \(1, 6\), 'tokens': \(5, 6\)"),
    ],
)
def test_gae_refuses(change, error, message):
    with pytest.raises(error, match=message):
        gae(**{"rewards": TOKENS, "values": VALUES, **change})
