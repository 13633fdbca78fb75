"""What the book shows, computed: the silent bug, the policy that is none, where each method ends and why."""

import functools
import math

import pytest
import torch
from support.enumeration import F64, TablePolicy, all_sequences, chain_logprobs, gradient, random_table

from rlhf_helpers import (
    TinyPolicy,
    baby_ppo_loss,
    dpo,
    dpo_loss,
    expected_reward_and_kl,
    grpo,
    kl_estimate,
    optimal_policy,
    policy_table,
    ppo,
    reinforce_loss,
    reweighted_ppo,
    rloo,
    spo,
    spo_loss,
    token_logprobs,
    train,
    uniform_policy,
)

SEEDS, V, HIDDEN, T = 20, 10, 16, 8


def many_policies():
    """Weights of twenty policies side by side, and the generators that drew them: seeds 0 to 19."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(SEEDS)]
    policies = [TinyPolicy(V, HIDDEN, generator=generator) for generator in generators]
    weights = [
        torch.stack([p.embed.weight.detach() for p in policies]),
        torch.stack([p.head.weight.detach().T for p in policies]),
        torch.stack([p.head.bias.detach()[None] for p in policies]),
    ]
    return [w.requires_grad_() for w in weights], generators


def many_logits(weights, tokens):
    """Logits after each token, tokens (S, L) -> (S, L, V)."""
    embed, head, bias = weights
    return embed[torch.arange(SEEDS)[:, None], tokens] @ head + bias


def exact_rewards(weights):
    """Mean reward of each policy, over all completions of eight tokens."""
    tables = many_logits([w.detach() for w in weights], torch.arange(V).expand(SEEDS, V)).log_softmax(-1)
    paid, uniform = torch.eye(V)[1], torch.full((V, V), 0.1).log()
    return torch.stack([expected_reward_and_kl(table, uniform, paid)[0] for table in tables])


@functools.cache
def first_loop(detach):
    """Twenty runs of the token-by-token loop at once: 300 steps of 8 tokens, Adam at 1e-2, all in float32."""
    weights, generators = many_policies()
    start, before = [w.detach().clone() for w in weights], exact_rewards(weights)
    optimizer = torch.optim.Adam(weights, lr=1e-2)
    largest = 0.0
    for _ in range(300):
        token, tokens, old = torch.zeros(SEEDS, 1, dtype=torch.int64), [], []
        for _ in range(T):
            probs = many_logits(weights, token)[:, -1].softmax(-1)
            drawn = zip(probs.detach(), generators, strict=True)  # the numbers that `torch.manual_seed(seed)` gives
            next_token = torch.stack([torch.multinomial(p, 1, generator=generator) for p, generator in drawn])
            old.append(probs.gather(1, next_token).log())
            tokens.append(next_token)
            token = next_token
        completions, old = torch.cat(tokens, 1), torch.cat(old, 1)
        states = torch.cat([torch.zeros(SEEDS, 1, dtype=torch.int64), completions[:, :-1]], 1)
        new = many_logits(weights, states).softmax(-1).gather(2, completions[..., None])[..., 0].log()
        rewards = (completions == 1).float()
        if detach:
            loss = SEEDS * baby_ppo_loss(new, old, rewards, kl_coeff=0.1)  # a mean over each run, summed over runs
        else:
            loss = SEEDS * (-(torch.exp(new - old) * rewards).mean() + 0.1 * (old - new).mean())
        optimizer.zero_grad()
        loss.backward()
        largest = max(largest, *(w.grad.abs().max().item() for w in weights))
        optimizer.step()
    drift = max((w.detach() - s).abs().max().item() for w, s in zip(weights, start, strict=True))
    return {"before": before, "after": exact_rewards(weights), "gradient": largest, "drift": drift}


def test_without_detach_no_seed_learns():
    run = first_loop(detach=False)
    assert abs(run["before"].mean().item() - 1 / V) < 0.05
    assert abs(run["after"].mean() - run["before"].mean()) < 0.05
    assert (run["after"] < 0.5).all()
    assert run["gradient"] < 1e-6  # rounding; with detach it is a million times that


def test_without_detach_adam_turns_rounding_into_weights_that_move():
    run = first_loop(detach=False)
    assert run["gradient"] > 0
    assert run["drift"] > 1e5 * run["gradient"]
    assert run["drift"] > 0.05


def test_with_detach_every_seed_learns():
    run = first_loop(detach=True)
    assert (run["after"] > 0.9).all()
    assert run["gradient"] > 1e5 * first_loop(detach=False)["gradient"]


def test_ratio_and_penalty_of_one_policy_with_itself_have_no_gradient():
    rewards = torch.tensor([1.0, 0.0, 1.0], dtype=F64)

    def undetached(z):
        logp = z.log_softmax(-1)[:3]
        return -(torch.exp(logp - logp) * rewards).mean() + 0.1 * (logp - logp).mean()

    logits = random_table(5, seed=0)[0]
    assert torch.equal(gradient(undetached, logits), torch.zeros(5, dtype=F64))
    detached = gradient(lambda z: baby_ppo_loss(z.log_softmax(-1)[:3], z.log_softmax(-1)[:3], rewards), logits)
    assert detached.norm() > 0.1


def test_one_score_for_each_token_is_not_a_policy():
    # the very first loop: a sigmoid of one score for each token, and tokens drawn from logits that nobody learns
    generator = torch.Generator().manual_seed(0)
    embed = torch.randn(SEEDS, V, 8, generator=generator, requires_grad=True)
    head = torch.empty(SEEDS, 8, 1).uniform_(-(8**-0.5), 8**-0.5, generator=generator).requires_grad_()
    bias = torch.empty(SEEDS, 1, 1).uniform_(-(8**-0.5), 8**-0.5, generator=generator).requires_grad_()
    optimizer = torch.optim.Adam([embed, head, bias], lr=1e-2)

    def scores():
        return (embed @ head + bias)[..., 0]  # (S, V)

    at_start, rewards = scores().detach().sigmoid(), []
    for _ in range(300):
        probs = torch.randn(SEEDS, V, generator=generator).softmax(-1)
        actions = torch.multinomial(probs, T, replacement=True, generator=generator)
        logprobs = torch.nn.functional.logsigmoid(scores().gather(1, actions))
        rewards.append((actions == 1).float())
        loss = SEEDS * baby_ppo_loss(logprobs, logprobs.detach(), rewards[-1], kl_coeff=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    at_end, rewards = scores().detach().sigmoid(), torch.stack(rewards)
    assert abs(at_start.sum(1).mean() - V / 2) < 0.5  # "probabilities" that sum to about 5
    assert (at_start.sum(1) - 1).abs().min() > 1
    assert (at_end[:, 1] > 0.9).all()  # it is sure of token 1
    chance, spread = 1 / V, rewards[-100:].mean((1, 2)).std() / 10
    assert abs(rewards[-100:].mean() - chance) < 5 * spread  # and it is paid no more than by chance
    assert spread < 0.01


def test_log_of_sigmoid_breaks_where_logsigmoid_holds():
    margin = torch.tensor([-100.0], requires_grad=True)  # float32
    naive = -torch.log(torch.sigmoid(margin)).mean()
    (slope,) = torch.autograd.grad(naive, margin)
    assert naive.item() == math.inf
    assert slope.isnan().all()
    loss = dpo_loss(margin, torch.zeros(1), beta=1.0)
    (slope,) = torch.autograd.grad(loss, margin)
    assert loss.item() == pytest.approx(100.0, rel=1e-6)
    assert slope.item() == pytest.approx(-1.0, rel=1e-6)


def test_two_backward_passes_need_two_graphs():
    def logprobs():
        return policy(torch.tensor([[0, 2, 1]])).log_softmax(-1)[0, :, 1]

    policy = uniform_policy(generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(policy.parameters())
    shared = logprobs()
    dpo_loss(shared[:1], shared[1:2]).backward()
    optimizer.step()
    loss = spo_loss(shared[:1], shared[1:2], torch.ones(1), torch.zeros(1))
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()
    shared = logprobs()
    dpo_loss(shared[:1], shared[1:2]).backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        spo_loss(shared[:1], shared[1:2], torch.ones(1), torch.zeros(1)).backward()
    fresh = logprobs()
    spo_loss(fresh[:1], fresh[1:2], torch.ones(1), torch.zeros(1)).backward()  # a graph of its own


def descend(loss, steps):
    """Gap between the log-probabilities of two fixed answers under plain gradient descent, at every step."""
    logits, gaps = torch.zeros(4, dtype=F64), []
    for _ in range(steps):
        gaps.append((logits[0] - logits[1]).item())
        logits = logits - 0.5 * gradient(lambda z: loss(z.log_softmax(-1)[:1], z.log_softmax(-1)[1:2]), logits)
    return torch.tensor(gaps, dtype=F64)


def test_on_a_fixed_pair_spo_runs_away_in_a_straight_line_and_dpo_slows_down():
    one, zero = torch.ones(1, dtype=F64), torch.zeros(1, dtype=F64)
    straight = descend(lambda a, b: spo_loss(a, b, one, zero), 200).diff()
    torch.testing.assert_close(straight, straight[:1].expand(199))
    assert straight[0] > 0
    slowing = descend(lambda a, b: dpo_loss(a, b, beta=1.0), 200).diff()
    assert (slowing.diff() < 0).all()
    assert slowing[-1] < 0.05 * slowing[0]


def test_a_share_of_the_groups_is_silent():
    # one token each: a group of 8 is silent when all miss, or all hit
    chance = 0.9**8 + 0.1**8
    groups = 2000
    history = train(
        grpo,
        steps=1,
        learning_rate=0.1,
        kl_coeff=0.1,
        seed=0,
        batch_size=8 * groups,
        completion_length=1,
        policy=uniform_policy(generator=torch.Generator().manual_seed(0)),
    )
    spread = math.sqrt(chance * (1 - chance) / groups)
    assert abs(history["silent_groups"][0].item() - chance) < 4 * spread


# where each method ends: kl_coeff 0.5 from a uniform start, whose optimum is known exactly

KL_COEFF = 0.5
UNIFORM, PAID = torch.full((V, V), 0.1, dtype=F64).log(), torch.eye(V, dtype=F64)[1]


def worth(table):
    """Reward, and reward minus the price of KL, per token."""
    reward, penalty = expected_reward_and_kl(table, UNIFORM, PAID)
    return reward.item(), (reward - KL_COEFF * penalty).item()


BEST_REWARD, BEST = worth(optimal_policy(UNIFORM, PAID, kl_coeff=KL_COEFF))


@functools.cache
def run(method, **knobs):
    """Mean reward of the last 100 batches, and reward and worth of the last policy."""
    start = uniform_policy(generator=torch.Generator().manual_seed(0))
    history = train(
        method, steps=200, learning_rate=0.02, kl_coeff=KL_COEFF, seed=0, batch_size=128, policy=start, **knobs
    )
    return history["reward"][-100:].mean().item(), *worth(policy_table(history.policy).detach())


@pytest.mark.parametrize(
    ("method", "knobs"),
    [
        (ppo, {}),
        (ppo, {"critic": True}),
        (rloo, {}),
        (spo, {}),
        (dpo, {"soft_labels": True}),
        (dpo, {"soft_labels": True, "sample_from": "reference"}),
    ],
)
def test_these_reach_the_exact_optimum(method, knobs):
    _, reward, value = run(method, **knobs)
    assert reward == pytest.approx(BEST_REWARD, abs=0.01)
    assert 0 <= BEST - value < 1e-3


def test_ppo_with_k2_in_the_loss_hovers_around_the_optimum():
    mean_reward, _, value = run(ppo, kl_in="loss", kl_kind="k2")  # its pull is estimated, and noisy
    assert mean_reward == pytest.approx(BEST_REWARD, abs=0.02)
    assert 0 <= BEST - value < 0.015


def test_grpo_ends_elsewhere():
    mean_reward, _, value = run(grpo)
    assert mean_reward < BEST_REWARD - 0.03
    assert BEST - value > 1e-3


def test_k3_in_the_loss_ends_elsewhere():
    mean_reward, _, value = run(ppo, kl_in="loss", kl_kind="k3")
    assert mean_reward > BEST_REWARD + 0.05
    assert BEST - value > 1e-3


def test_dpo_that_hears_only_which_one_is_better_runs_past_the_optimum():
    _, reward, value = run(dpo)
    assert reward > 0.95
    assert value < 0.75 * BEST


def wins(q):
    """Push on token 1's logit if a completion of eight tokens is paid for beating another: at probability q of it."""
    counts = torch.arange(T + 1, dtype=F64)
    ways = torch.tensor([math.comb(T, k) for k in range(T + 1)], dtype=F64)
    chance = ways * q**counts * (1 - q) ** (T - counts)
    beats = torch.sign(counts[:, None] - counts[None, :]) / 2 + 0.5  # 1, or 0.5 for a tie, or 0
    return (chance * (counts - T * q)) @ beats @ chance


def rests_at(kl_coeff):
    """Where reweighted PPO comes to rest, by bisection: push = pull."""
    low, high = 1 / V + 1e-6, 0.9
    for _ in range(60):
        q = (low + high) / 2
        pull = kl_coeff * T * q * (1 - q) * math.log((V - 1) * q / (1 - q))
        low, high = (q, high) if wins(q) > pull else (low, q)
    return q


def test_reweighted_ppo_stops_far_before_the_optimum():
    _, reward, value = run(reweighted_ppo)
    assert rests_at(KL_COEFF) == pytest.approx(0.158, abs=1e-3)
    assert reward == pytest.approx(rests_at(KL_COEFF), abs=0.01)
    assert value < 0.65 * BEST


def test_the_coefficient_that_brings_reweighted_ppo_to_the_optimum_is_another_and_has_to_be_searched():
    low, high = 0.05, KL_COEFF
    for _ in range(40):
        kl_coeff = (low + high) / 2
        low, high = (kl_coeff, high) if rests_at(kl_coeff) > BEST_REWARD else (low, kl_coeff)
    assert kl_coeff == pytest.approx(0.099, abs=2e-3)  # a fifth of what the others are charged


def test_nobody_crosses_the_frontier():
    k3 = {"kl_in": "loss", "kl_kind": "k3"}
    for method, knobs in ((ppo, {}), (grpo, {}), (dpo, {}), (reweighted_ppo, {}), (ppo, k3)):
        assert run(method, **knobs)[2] <= BEST + 1e-12


# which KL a loss pulls with, on completions of three tokens


@pytest.mark.parametrize("seed", range(6))
def test_a_kl_for_each_token_is_not_the_kl_of_the_sequence(seed):
    table, ref, sequences = random_table(3, seed), random_table(3, seed + 100), all_sequences(3, 3)
    policy, prompt_ids = TablePolicy(table), torch.zeros(27, 1, dtype=torch.int64)
    logprobs = token_logprobs(policy, prompt_ids, sequences)
    ref_logprobs = chain_logprobs(ref, sequences)
    weight = logprobs.sum(1).exp()

    def slope(loss):
        return torch.autograd.grad(loss, policy.logits, retain_graph=True)[0]

    true = slope(weight @ (logprobs - ref_logprobs).sum(1))
    weight = weight.detach()

    def off(ours):
        return ((ours - true).norm() / true.norm()).item()

    estimates = {kind: kl_estimate(logprobs, ref_logprobs, kind) for kind in ("k1", "k2", "k3")}
    by_token = {kind: off(slope(weight @ estimate.sum(1))) for kind, estimate in estimates.items()}
    assert by_token["k1"] == pytest.approx(1.0)  # no gradient at all
    assert 0.02 < by_token["k2"] < by_token["k3"]
    assert off(slope(weight @ kl_estimate(logprobs.sum(1), ref_logprobs.sum(1), "k2"))) < 1e-12
    price = (logprobs - ref_logprobs).detach().flip(1).cumsum(1).flip(1)  # k1 in the reward, summed to the end
    paid = reinforce_loss(logprobs, 27 * 3 * weight[:, None] * -price)
    assert off(slope(paid)) < 1e-12
