import math

import pytest
import torch
from support.enumeration import F64, TablePolicy, all_sequences, chain_logprobs, kl, random_table

from rlhf_helpers import TinyPolicy, expected_reward_and_kl, optimal_policy, policy_table

V, T = 3, 4
REF, OTHER = random_table(V, seed=0), random_table(V, seed=1)
REWARDS = torch.tensor([0.0, 1.0, -0.5], dtype=F64)
SEQUENCES = all_sequences(V, T)  # (81, 4)


def by_enumeration(table, start):
    """Reward and KL per token, from every sequence, its probability, and the log ratio of whole sequences."""
    logp, logq = (chain_logprobs(x, SEQUENCES, start).sum(1) for x in (table, REF))
    return logp.exp() @ REWARDS[SEQUENCES].sum(1) / T, logp.exp() @ (logp - logq) / T


def objective(table, kl_coeff, start=0):
    reward, penalty = by_enumeration(table, start)
    return reward - kl_coeff * penalty


# a policy's table


def test_table_is_the_policy_written_out():
    policy = TinyPolicy(5, generator=torch.Generator().manual_seed(0))
    table = policy_table(policy, 5)
    for s in range(5):
        torch.testing.assert_close(table[s], policy(torch.tensor([[s]]))[0, 0].log_softmax(-1))
    table[2, 1].backward()
    assert policy.head.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (3, ValueError, "vocab_size must be the policy's, got 3 for a policy of 5 tokens"),
        (6, ValueError, r"ids must be token ids in \[0, 5\), got values from 0 to 5"),
        (0, ValueError, "vocab_size must be at least 1, got 0"),
        (5.0, TypeError, "vocab_size must be a whole number, got float"),
    ],
)
def test_table_refuses_another_vocabulary(size, error, message):
    with pytest.raises(error, match=message):
        policy_table(TinyPolicy(5), size)


# reward and KL


@pytest.mark.parametrize("start", range(V))
@pytest.mark.parametrize("table", [OTHER, torch.stack([random_table(V, seed) for seed in range(5, 5 + T)]), REF])
def test_reward_and_kl_are_those_of_all_sequences(table, start):
    reward, penalty = expected_reward_and_kl(table, REF, REWARDS, horizon=T, start=start)
    torch.testing.assert_close((reward, penalty), by_enumeration(table, start))


def test_kl_is_zero_against_itself_and_takes_the_direction_of_its_arguments():
    assert expected_reward_and_kl(REF, REF, REWARDS, horizon=T)[1].item() == 0.0
    one_way = expected_reward_and_kl(OTHER, REF, REWARDS, horizon=1)[1]
    other_way = expected_reward_and_kl(REF, OTHER, REWARDS, horizon=1)[1]
    torch.testing.assert_close(one_way, kl(OTHER[0], REF[0]))
    torch.testing.assert_close(other_way, kl(REF[0], OTHER[0]))
    assert abs(one_way - other_way) > 0.01


def test_gradient_flows_and_is_right():
    def total(logits):
        reward, penalty = expected_reward_and_kl(logits.log_softmax(-1), REF, REWARDS, horizon=T)
        return reward - 0.3 * penalty

    assert torch.autograd.gradcheck(total, OTHER.clone().requires_grad_())


def test_probabilities_of_zero_add_nothing_and_have_a_gradient():
    table = OTHER.clone()
    table[:, 2] = -math.inf
    table = table.log_softmax(-1).requires_grad_()
    for ref in (REF, table.detach()):  # a reference that has the token, and one that has not
        reward, penalty = expected_reward_and_kl(table, ref, REWARDS, horizon=T)
        smaller = expected_reward_and_kl(table.detach()[:2, :2], ref[:2, :2], REWARDS[:2], horizon=T)
        torch.testing.assert_close((reward, penalty), smaller)
        (slope,) = torch.autograd.grad(reward - penalty, table)
        assert slope.isfinite().all()


def test_kl_is_infinite_where_the_reference_has_nothing():
    ref = REF.clone()
    ref[:, 1] = -math.inf
    assert expected_reward_and_kl(OTHER, ref.log_softmax(-1), REWARDS, horizon=T)[1].item() == math.inf


# the optimum


@pytest.mark.parametrize("kl_coeff", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("start", range(V))
def test_the_optimum_is_worth_beta_log_z(kl_coeff, start):
    # over whole sequences the optimum is ref * exp(reward / beta) / Z, and its worth is beta log Z
    logq = chain_logprobs(REF, SEQUENCES, start).sum(1)
    tilted = logq + REWARDS[SEQUENCES].sum(1) / kl_coeff
    best = optimal_policy(REF, REWARDS, kl_coeff=kl_coeff, horizon=T)
    assert best.shape == (T, V, V)
    torch.testing.assert_close(chain_logprobs(best, SEQUENCES, start).sum(1), tilted.log_softmax(0))
    torch.testing.assert_close(objective(best, kl_coeff, start), kl_coeff * tilted.logsumexp(0) / T)
    reward, penalty = expected_reward_and_kl(best, REF, REWARDS, horizon=T, start=start)
    torch.testing.assert_close(reward - kl_coeff * penalty, objective(best, kl_coeff, start))


@pytest.mark.parametrize("kl_coeff", [0.1, 0.5, 2.0])
def test_nothing_nearby_is_better_than_the_optimum(kl_coeff):
    best = optimal_policy(REF, REWARDS, kl_coeff=kl_coeff, horizon=T)
    top = objective(best, kl_coeff)
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        noise = torch.randn(T, V, V, generator=generator, dtype=F64)
        assert objective((best + 0.1 * noise).log_softmax(-1), kl_coeff) < top
    logits = best.clone().requires_grad_()
    reward, penalty = expected_reward_and_kl(logits.log_softmax(-1), REF, REWARDS, horizon=T)
    (slope,) = torch.autograd.grad(reward - kl_coeff * penalty, logits)
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-12)


def test_one_tilt_at_every_position_is_not_the_optimum_unless_the_rows_are_alike():
    tilt = (REF + REWARDS / 0.5).log_softmax(-1)
    best = optimal_policy(REF, REWARDS, kl_coeff=0.5, horizon=T)
    torch.testing.assert_close(best[-1], tilt)  # the last token: nothing is to come
    assert objective(best, 0.5) > objective(tilt, 0.5) + 1e-4
    alike = REF[:1].expand(V, V)
    best = optimal_policy(alike, REWARDS, kl_coeff=0.5, horizon=T)
    torch.testing.assert_close(best, (alike + REWARDS / 0.5).log_softmax(-1).expand(T, V, V))


def test_the_book_formula_of_the_optimum_from_a_uniform_start():
    uniform, paid = torch.full((10, 10), 0.1, dtype=F64).log(), torch.eye(10, dtype=F64)[1]
    for kl_coeff in (1.0, 0.5, 0.1):
        best = optimal_policy(uniform, paid, kl_coeff=kl_coeff)
        formula = math.exp(1 / kl_coeff) / (math.exp(1 / kl_coeff) + 9)
        torch.testing.assert_close(best[..., 1].exp(), torch.full((8, 10), formula, dtype=F64))
        assert expected_reward_and_kl(best, uniform, paid)[0].item() == pytest.approx(formula)


def test_the_price_of_kl_decides_between_reference_and_reward():
    free, dear = (optimal_policy(REF, REWARDS, kl_coeff=k, horizon=T) for k in (1e-3, 1e3))
    assert (free.argmax(-1) == 1).all()
    torch.testing.assert_close(dear, REF.expand(T, V, V), rtol=0, atol=5e-3)


def test_what_the_reference_never_says_the_optimum_never_says():
    ref = REF.clone()
    ref[:, 1] = -math.inf
    best = optimal_policy(ref.log_softmax(-1), REWARDS, kl_coeff=0.5, horizon=T)
    assert (best[..., 1] == -math.inf).all()
    torch.testing.assert_close(best.exp().sum(-1), torch.ones(T, V, dtype=F64))


def test_a_trained_table_reaches_the_optimum():
    policy = TablePolicy(REF)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.1)
    for _ in range(150):
        reward, penalty = expected_reward_and_kl(policy_table(policy, V), REF, REWARDS, horizon=1)
        optimizer.zero_grad()
        (0.5 * penalty - reward).backward()
        optimizer.step()
    best = optimal_policy(REF, REWARDS, kl_coeff=0.5, horizon=1)
    torch.testing.assert_close(policy_table(policy, V)[0], best[0, 0], rtol=0, atol=1e-3)


# refusing


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: optimal_policy(REF, REWARDS[:2], kl_coeff=1.0),
            ValueError,
            r"ref_table must be \(V, V\) for rewards \(V,\), got {'ref_table': \(3, 3\), 'token_rewards': \(2,\)}",
        ),
        (lambda: optimal_policy(REF, REWARDS[None], kl_coeff=1.0), ValueError, r"token_rewards must have shape \(V,\)"),
        (lambda: optimal_policy(REF, REWARDS.long(), kl_coeff=1.0), TypeError, "token_rewards must be a float"),
        (lambda: optimal_policy(REF, REWARDS / 0, kl_coeff=1.0), ValueError, "token_rewards must be finite"),
        (lambda: optimal_policy(None, REWARDS, kl_coeff=1.0), TypeError, "ref_table must be a torch.Tensor"),
        (lambda: optimal_policy(REF, REWARDS, kl_coeff=0.0), ValueError, "kl_coeff must be greater than 0, got 0.0"),
        (lambda: optimal_policy(REF, REWARDS, kl_coeff=-1.0), ValueError, "kl_coeff must be .* got -1.0"),
        (lambda: optimal_policy(REF, REWARDS, kl_coeff=math.nan), ValueError, "kl_coeff must be .* got nan"),
        (lambda: optimal_policy(REF, REWARDS, kl_coeff=1.0, horizon=0), ValueError, "horizon must be at least 1"),
        (lambda: expected_reward_and_kl(OTHER[:2], REF, REWARDS), ValueError, r"table must be .*'table': \(2, 3\)"),
        (
            lambda: expected_reward_and_kl(OTHER.expand(5, V, V), REF, REWARDS, horizon=T),
            ValueError,
            r"table must be \(V, V\) or \(horizon, V, V\) .*'table': \(5, 3, 3\), .*'horizon': 4",
        ),
        (lambda: expected_reward_and_kl(OTHER, REF, REWARDS[:2]), ValueError, r"ref_table must be \(V, V\)"),
        (
            lambda: expected_reward_and_kl(OTHER, REF, REWARDS, start=3),
            ValueError,
            r"start must be a token id in \[0, 3\), got 3",
        ),
        (lambda: expected_reward_and_kl(OTHER, REF, REWARDS, start=-1), ValueError, "start must be a token id"),
        (lambda: expected_reward_and_kl(OTHER, REF, REWARDS, horizon=2.5), TypeError, "horizon must be a whole number"),
        (lambda: expected_reward_and_kl(OTHER.long(), REF, REWARDS), TypeError, "table must be a floating-point"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
