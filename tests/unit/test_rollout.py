"""Completions that end by themselves: after the end nothing is paid, nothing counts and nothing is learned."""

import copy
import functools

import pytest
import torch
from support.enumeration import F64
from torch import nn
from torch.nn.utils import parameters_to_vector

from rlhf_helpers import (
    Models,
    Rollout,
    ScalarGPT,
    TinyCritic,
    TinyGPT,
    TinyPolicy,
    baby_ppo,
    collect,
    dpo,
    dpo_loss,
    gae,
    group_advantages,
    grpo,
    grpo_loss,
    kl_estimate,
    measure,
    policy_table,
    ppo,
    ppo_loss,
    push_on_logits,
    reinforce_loss,
    reweighted_ppo,
    reweighted_ppo_loss,
    rloo,
    rloo_advantages,
    shaped_rewards,
    spo,
    spo_loss,
    token_logprobs,
    token_reward,
    train,
    value_loss,
)
from rlhf_helpers.names import END as DOT
from rlhf_helpers.names import PAD, encode, ends_in_a, load_surnames, pretrained_policy
from rlhf_helpers.rollout import paid_at_the_end, state_values

B, T = 8, 6
KL_COEFF = 0.3
V, END = 5, 0
PROMPTS = torch.tensor([[5, 5, 1], [5, 2, 3], [1, 4, 4], [5, 5, 2]]).repeat_interleave(2, 0)  # 5 is padding
CLOSE = {"rtol": 1e-10, "atol": 1e-12}

with_critic = functools.partial(ppo, lam=0.9, value_coeff=0.7)
in_loss = functools.partial(ppo, kl_in="loss", kl_kind="k3")
soft_dpo = functools.partial(dpo, soft_labels=True)
pairs_rloo, pairs_grpo = (functools.partial(method, group_size=2) for method in (rloo, grpo))
METHODS = {
    "ppo": ppo,
    "ppo with a critic": with_critic,
    "ppo, KL in the loss": in_loss,
    "rloo": pairs_rloo,
    "grpo": pairs_grpo,
    "dpo": dpo,
    "dpo, soft labels": soft_dpo,
    "spo": spo,
    "reweighted_ppo": reweighted_ppo,
}
every_method = pytest.mark.parametrize("name", METHODS)


def scattered(module, seed):
    """The module with random parameters, far from where it starts."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.double().parameters():
        nn.init.normal_(parameter, std=0.4, generator=generator)
    return module


def transformer(seed):
    return scattered(TinyGPT(V, 8, 1, 2, 16), seed)


def count_ones(prompt_ids, completion_ids):
    """A reward for each token, also for what stands after the end."""
    return (completion_ids == 1).double() + 0.25 * (completion_ids == 2)


TRAINED, SAMPLER, REFERENCE = (transformer(seed) for seed in range(3))
CRITIC = scattered(ScalarGPT(TRAINED), 3)
UNIFORMS = torch.rand(B, T, generator=torch.Generator().manual_seed(4), dtype=F64)
OPTIONS = {"prompt_ids": PROMPTS, "end_id": END, "reward": count_ones}
ROLLOUT = collect(Models(SAMPLER, CRITIC), REFERENCE, UNIFORMS, **OPTIONS)
MASK = ROLLOUT.completion_mask
LENGTHS = MASK.sum(1).tolist()
LOGPROBS = token_logprobs(TRAINED, PROMPTS, ROLLOUT.completion_ids).detach()  # as they are, after the end too


def outcome(name, rollout):
    """A method's loss, and its gradients for policy and critic as one vector."""
    models = Models(copy.deepcopy(TRAINED), copy.deepcopy(CRITIC) if METHODS[name] is with_critic else None)
    loss, _ = METHODS[name](models, rollout, kl_coeff=KL_COEFF)
    loss.backward()
    parameters = [p for model in models if model is not None for p in model.parameters()]
    return loss.detach(), torch.cat([p.grad.flatten() for p in parameters]), models


def row(x, i):
    """Row i of x (B, T) as a batch of its own, cut to the length of its completion, (1, L)."""
    return x[i : i + 1, : LENGTHS[i]]


def alone(i):
    """One completion as a batch of its own, as if it had been sampled so: no mask."""
    ids, old_logprobs, ref_logprobs, rewards, values = (row(x, i) for x in ROLLOUT[1:6])
    return Rollout(PROMPTS[i : i + 1], ids, old_logprobs, ref_logprobs, rewards, values)


def sums(x):
    """The sum over each completion, up to its end, (B,)."""
    return torch.stack([row(x, i).sum() for i in range(B)])


def test_the_batch_has_completions_that_end_at_once_later_and_not_at_all():
    ended = (ROLLOUT.completion_ids == END).any(1)
    assert len(set(LENGTHS)) >= 4
    assert not ended.all()
    assert 1 in LENGTHS
    assert (ROLLOUT.completion_ids[~MASK] != END).any()  # something is written after the end
    scores = sums(count_ones(None, ROLLOUT.completion_ids)).view(-1, 2)
    assert (scores[:, 0] != scores[:, 1]).sum() >= 2


# a batch


def test_a_batch_holds_what_was_sampled_up_to_its_end_and_zeros_after_it():
    ids = ROLLOUT.completion_ids
    assert ROLLOUT.prompt_ids is PROMPTS
    assert [row.index(END) + 1 if END in row else T for row in ids.tolist()] == LENGTHS
    states = torch.cat([PROMPTS, ids[:, :-1]], dim=1)
    expected = {
        "old_logprobs": token_logprobs(SAMPLER, PROMPTS, ids),
        "ref_logprobs": token_logprobs(REFERENCE, PROMPTS, ids),
        "rewards": count_ones(PROMPTS, ids),
        "values": CRITIC(states)[:, 2:],  # three tokens of prompt: the first value is that of its last
    }
    for name, full in expected.items():
        assert (full[~MASK] != 0).any(), name
        torch.testing.assert_close(getattr(ROLLOUT, name), torch.where(MASK, full, 0.0), msg=name)
    assert not any(x.requires_grad for x in ROLLOUT if x is not None)


def test_a_batch_of_the_references_own_has_the_references_log_probabilities():
    rollout = collect(Models(SAMPLER), REFERENCE, UNIFORMS, prompt_ids=PROMPTS, sample_from="reference")
    expected = token_logprobs(REFERENCE, PROMPTS, rollout.completion_ids)
    torch.testing.assert_close(rollout.old_logprobs, expected)
    torch.testing.assert_close(rollout.ref_logprobs, expected)


def test_a_reward_for_each_completion_is_paid_at_the_last_token_that_counts():
    scores = torch.arange(1.0, B + 1)
    seen = []

    def reward(prompt_ids, completion_ids):
        seen.append((prompt_ids, completion_ids))
        return scores

    rewards = collect(Models(SAMPLER), REFERENCE, UNIFORMS, **OPTIONS | {"reward": reward}).rewards
    expected = torch.zeros(B, T, dtype=F64)
    for i, length in enumerate(LENGTHS):
        expected[i, length - 1] = i + 1  # the end token, or the last one of a completion that was cut off
    assert torch.equal(rewards, expected)
    ((prompt_ids, completion_ids),) = seen
    assert prompt_ids is PROMPTS
    assert torch.equal(completion_ids, ROLLOUT.completion_ids)


def test_the_last_token_that_counts():
    mask = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1]]).bool()
    assert paid_at_the_end(torch.tensor([2.0, 3.0, 5.0]), mask).tolist() == [[0, 2, 0], [3, 0, 0], [0, 0, 5]]
    assert paid_at_the_end(torch.tensor([7.0]), mask[:1, :1]).tolist() == [[7]]


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.bfloat16, torch.float64])
def test_a_reward_may_be_of_any_real_numbers(dtype):
    options = OPTIONS | {"reward": lambda prompt_ids, completion_ids: (completion_ids == 1).to(dtype)}
    rewards = collect(Models(SAMPLER), REFERENCE, UNIFORMS, **options).rewards
    assert torch.equal(rewards, torch.where(MASK, ROLLOUT.completion_ids == 1, 0).double())


def test_without_prompts_a_reward_gets_token_0_for_each_of_them():
    seen = []

    def reward(prompt_ids, completion_ids):
        seen.append((prompt_ids, completion_ids))
        return completion_ids[:, 0]

    rollout = collect(Models(SAMPLER), REFERENCE, UNIFORMS, end_id=END, reward=reward)
    assert torch.equal(rollout.prompt_ids, torch.zeros(B, 1, dtype=torch.int64))
    ((prompt_ids, completion_ids),) = seen
    assert prompt_ids is rollout.prompt_ids
    assert completion_ids is rollout.completion_ids
    assert torch.equal(rollout.rewards.sum(1), rollout.completion_ids[:, 0].double())


@pytest.mark.parametrize("options", [{}, {"prompt_ids": PROMPTS}])
def test_token_1_is_paid_where_nothing_else_is_said(options):
    rollout = collect(Models(SAMPLER), REFERENCE, UNIFORMS, **options)
    assert torch.equal(rollout.rewards, (rollout.completion_ids == 1).double())


@pytest.mark.parametrize("options", [{}, {"end_id": 0}])
def test_a_batch_lives_where_its_random_numbers_and_its_policy_do(options):
    policy, critic = TinyPolicy().to("meta"), TinyCritic().to("meta")
    rollout = collect(Models(policy, critic), policy, torch.empty(4, 3, device="meta"), **options)
    assert {x.device.type for x in rollout if x is not None} == {"meta"}


def test_shaped_rewards_are_zero_after_the_end():
    shaped = shaped_rewards(ROLLOUT, KL_COEFF)
    old, ref = (token_logprobs(policy, PROMPTS, ROLLOUT.completion_ids) for policy in (SAMPLER, REFERENCE))
    torch.testing.assert_close(shaped[MASK], (ROLLOUT.rewards - KL_COEFF * (old - ref))[MASK])
    assert torch.equal(shaped[~MASK], torch.zeros_like(shaped[~MASK]))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"reward": lambda prompts, ids: ids[:, :-1]},
            ValueError,
            r"reward must return shape \(8, 6\) or \(8,\), got \(8, 5\)",
        ),
        (
            {"reward": lambda prompts, ids: ids[:-1, 0]},
            ValueError,
            r"reward must return shape \(8, 6\) or \(8,\), got \(7,\)",
        ),
        (
            {"reward": lambda prompts, ids: ids[:, 0], "end_id": None},
            ValueError,
            r"reward must return shape \(8, 6\), got \(8,\)",
        ),
        (
            {"reward": lambda prompts, ids: ids.tolist()},
            TypeError,
            "reward must return a torch.Tensor, got list",
        ),
        (
            {"reward": lambda ids: ids},
            TypeError,
            r"reward must take \(prompt_ids, completion_ids\): .* takes 1 positional argument but 2 were given",
        ),
        (
            {"reward": token_reward},
            TypeError,
            r"reward must take \(prompt_ids, completion_ids\): target must be a token",
        ),
        (
            {"reward": lambda prompts, ids: ids.to(torch.complex64)},
            TypeError,
            "reward must return real numbers, got torch.complex64",
        ),
        (
            {"prompt_ids": PROMPTS[:3]},
            ValueError,
            r"one batch size, got {'prompt_ids': \(3, 3\), 'uniforms': \(8, 6\)}",
        ),
        ({"end_id": 5}, ValueError, r"end_id must be a token id in \[0, 5\), got 5"),
        ({"end_id": [0, 4]}, TypeError, "end_id must be a token id, got list"),
        ({"sample_from": "critic"}, ValueError, "sample_from must be one of 'policy', 'reference', got 'critic'"),
    ],
)
def test_collect_refuses(change, error, message):
    with pytest.raises(error, match=message):
        collect(Models(SAMPLER), REFERENCE, UNIFORMS, **OPTIONS | change)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((SAMPLER, REFERENCE, UNIFORMS), TypeError, r"models must be Models\(policy, critic\), got TinyGPT"),
        ((Models(SAMPLER, 3), REFERENCE, UNIFORMS), TypeError, "critic must be a function of ids, got int"),
        ((Models(SAMPLER), 3, UNIFORMS), TypeError, "reference must be a function of ids, got int"),
        ((Models(SAMPLER), REFERENCE, UNIFORMS.tolist()), TypeError, "uniforms must be a torch.Tensor, got list"),
        ((Models(SAMPLER), REFERENCE, UNIFORMS[0]), ValueError, r"uniforms must have shape \(B, T\), got \(6,\)"),
    ],
)
def test_collect_names_what_it_was_given(args, error, message):
    with pytest.raises(error, match=message):
        collect(*args)


@pytest.mark.parametrize(
    "call",
    [
        lambda: shaped_rewards(UNIFORMS, 0.1),
        lambda: measure(SAMPLER, UNIFORMS),
        lambda: push_on_logits(lambda policy: 0.0, SAMPLER, UNIFORMS),
        lambda: ppo(Models(SAMPLER), UNIFORMS, kl_coeff=0.1),
    ],
)
def test_what_reads_a_batch_says_that_it_has_none(call):
    with pytest.raises(TypeError, match="rollout must be a Rollout, as collect gives it, got Tensor"):
        call()


@pytest.mark.parametrize("end_id", [None, 0])
def test_a_reward_may_answer_on_another_device(end_id):
    policy = TinyPolicy(5).to("meta")
    uniforms = torch.empty(8, 6, device="meta")
    rollout = collect(Models(policy), policy, uniforms, end_id=end_id, reward=lambda _, ids: torch.ones(ids.shape))
    assert rollout.rewards.device.type == "meta"


@pytest.mark.parametrize("paid", [-torch.inf, torch.inf, torch.nan, 1e39])
def test_a_reward_is_finite_in_the_type_of_the_run(paid):
    policy = TinyPolicy(5)
    wide = UNIFORMS.new_zeros(UNIFORMS.shape)
    wide[0, 0] = paid  # the others are finite
    with pytest.raises(ValueError, match="reward must return finite numbers, got values from .* in torch.float32"):
        collect(Models(policy), policy, UNIFORMS.float(), reward=lambda _, ids: wide)


def test_a_reward_may_be_no_number_where_nothing_counts():
    rollout = collect(
        Models(SAMPLER), REFERENCE, UNIFORMS, **OPTIONS | {"reward": lambda _, ids: torch.where(MASK, 1.0, torch.nan)}
    )
    assert torch.equal(rollout.rewards, MASK.double())


# no learning where nothing counts


def other_tails(ids):
    """The completions with other tokens after their ends."""
    return torch.where(MASK, ids, (ids + 1 + torch.arange(T)) % V)


@every_method
def test_what_stands_after_the_end_changes_neither_loss_nor_gradient(name):
    tampered = ROLLOUT._replace(completion_ids=other_tails(ROLLOUT.completion_ids))
    assert not torch.equal(tampered.completion_ids, ROLLOUT.completion_ids)
    loss, slope, _ = outcome(name, ROLLOUT)
    torch.testing.assert_close(outcome(name, tampered)[:2], (loss, slope), **CLOSE)
    assert slope.norm() > 1e-3


@every_method
def test_room_after_the_end_changes_neither_loss_nor_gradient(name):
    """Three more columns that nothing counts in: a mean over all positions would see them."""

    def roomier(x):
        return None if x is None else torch.cat([x, torch.zeros_like(x[:, :3])], dim=1)

    roomy = Rollout(PROMPTS, *map(roomier, ROLLOUT[1:]))
    torch.testing.assert_close(outcome(name, roomy)[:2], outcome(name, ROLLOUT)[:2], **CLOSE)


@every_method
def test_neither_padding_nor_the_end_is_read_for_a_token_that_counts(name):
    _, _, models = outcome(name, ROLLOUT)
    bodies = [models.policy] if models.critic is None else [models.policy, models.critic.body]
    for body in bodies:
        slopes = body.embed.weight.grad.abs().amax(1)
        assert (slopes > 0).tolist() == [False, True, True, True, True, False]


@every_method
def test_prompts_may_be_padded_further(name):
    further = torch.cat([torch.full((B, 2), V), PROMPTS], dim=1)
    loss, slope, _ = outcome(name, ROLLOUT)
    torch.testing.assert_close(outcome(name, ROLLOUT._replace(prompt_ids=further))[:2], (loss, slope), **CLOSE)


def test_baby_ppo_leaves_out_what_stands_after_the_end():
    losses = [
        baby_ppo(Models(TRAINED), ROLLOUT._replace(completion_ids=ids), kl_coeff=KL_COEFF)[0]
        for ids in (ROLLOUT.completion_ids, other_tails(ROLLOUT.completion_ids))
    ]
    torch.testing.assert_close(*losses, **CLOSE)


# each completion with its own length


def test_a_batch_of_ppo_with_a_critic_is_its_completions_alone_each_token_weighing_the_same():
    loss, slope, _ = outcome("ppo with a critic", ROLLOUT)
    each = [outcome("ppo with a critic", alone(i)) for i in range(B)]
    for whole, part in ((loss, 0), (slope, 1)):
        expected = sum(length * one[part] for length, one in zip(LENGTHS, each, strict=True)) / sum(LENGTHS)
        torch.testing.assert_close(whole, expected, **CLOSE)


def test_advantages_of_a_completion_that_ends_early_are_those_of_the_shorter_one():
    advantages, returns = gae(ROLLOUT.rewards, ROLLOUT.values, lam=0.9)
    for i, length in enumerate(LENGTHS):
        one = alone(i)
        for batched, own in zip((advantages, returns), gae(one.rewards, one.values, lam=0.9), strict=True):
            torch.testing.assert_close(batched[i : i + 1, :length], own, **CLOSE)
            assert torch.equal(batched[i, length:], torch.zeros(T - length, dtype=F64))


def test_the_critic_learns_from_tokens_that_count():
    _, series = with_critic(Models(TRAINED, CRITIC), ROLLOUT, kl_coeff=KL_COEFF)
    _, returns = gae(shaped_rewards(ROLLOUT, KL_COEFF), ROLLOUT.values, lam=0.9)
    errors = (state_values(CRITIC, PROMPTS, ROLLOUT.completion_ids) - returns) ** 2
    torch.testing.assert_close(series["value_loss"], 0.5 * sums(errors).sum() / sum(LENGTHS))
    torch.testing.assert_close(series["value_loss"], value_loss(errors.sqrt(), torch.zeros_like(errors), MASK))


def test_without_a_critic_the_baseline_is_the_mean_of_those_still_writing():
    shaped = shaped_rewards(ROLLOUT, KL_COEFF).tolist()
    to_go = [[sum(shaped[i][t:length]) for t in range(length)] for i, length in enumerate(LENGTHS)]
    advantages = torch.zeros(B, T, dtype=F64)
    for t in range(T):
        writing = [i for i in range(B) if LENGTHS[i] > t]
        for i in writing:
            advantages[i, t] = to_go[i][t] - sum(to_go[j][t] for j in writing) / len(writing)
    # token mean: each token that counts weighs the same
    per_row = [
        LENGTHS[i] * ppo_loss(*(row(x, i) for x in (LOGPROBS, ROLLOUT.old_logprobs, advantages))) for i in range(B)
    ]
    loss, _ = ppo(Models(TRAINED), ROLLOUT, kl_coeff=KL_COEFF)
    torch.testing.assert_close(loss, sum(per_row) / sum(LENGTHS), **CLOSE)


def test_rloo_weighs_every_token_the_same():
    scores = sums(shaped_rewards(ROLLOUT, KL_COEFF))
    advantages = rloo_advantages(scores.view(-1, 2)).flatten()
    per_row = [LENGTHS[i] * reinforce_loss(row(LOGPROBS, i), advantages[i : i + 1]) for i in range(B)]
    loss, _ = pairs_rloo(Models(TRAINED), ROLLOUT, kl_coeff=KL_COEFF)
    torch.testing.assert_close(loss, sum(per_row) / sum(LENGTHS), **CLOSE)


def test_grpo_weighs_every_completion_the_same():
    advantages = group_advantages(sums(ROLLOUT.rewards).view(-1, 2)).flatten()
    per_row = [
        grpo_loss(
            row(LOGPROBS, i),
            row(ROLLOUT.old_logprobs, i),
            advantages[i : i + 1],
            ref_logprobs=row(ROLLOUT.ref_logprobs, i),
            kl_coeff=KL_COEFF,
        )
        for i in range(B)
    ]
    loss, _ = pairs_grpo(Models(TRAINED), ROLLOUT, kl_coeff=KL_COEFF)
    torch.testing.assert_close(loss, sum(per_row) / B, **CLOSE)


def test_spo_compares_what_pairs_are_paid_up_to_the_end():
    ours, scores = sums(LOGPROBS), sums(shaped_rewards(ROLLOUT, KL_COEFF))
    expected = spo_loss(ours[::2], ours[1::2], scores[::2], scores[1::2])
    torch.testing.assert_close(spo(Models(TRAINED), ROLLOUT, kl_coeff=KL_COEFF)[0], expected, **CLOSE)


def test_reweighted_ppo_prefers_by_what_is_paid_up_to_the_end():
    scores = sums(ROLLOUT.rewards).view(-1, 2)
    preference = 0.5 + 0.5 * torch.sign(scores - scores.flip(1)).flatten()
    expected = reweighted_ppo_loss(sums(LOGPROBS), sums(ROLLOUT.old_logprobs), preference)
    pull = kl_estimate(sums(LOGPROBS), sums(ROLLOUT.ref_logprobs), "k2").mean()
    loss, _ = reweighted_ppo(Models(TRAINED), ROLLOUT, kl_coeff=KL_COEFF)
    torch.testing.assert_close(loss, expected + KL_COEFF * pull, **CLOSE)


def test_dpo_sums_the_logprobs_up_to_the_end():
    scores = sums(ROLLOUT.rewards)
    gap = scores[1::2] - scores[::2]

    def by_rank(x):
        """The better paid of each pair, and the other."""
        return torch.where(gap > 0, x[1::2], x[::2]), torch.where(gap > 0, x[::2], x[1::2])

    pairs = [*by_rank(sums(LOGPROBS)), *by_rank(sums(ROLLOUT.ref_logprobs))]
    soft = dpo_loss(*pairs, beta=KL_COEFF, label_smoothing=torch.sigmoid(-gap.abs()))
    hard = dpo_loss(*(torch.where(gap == 0, 0.0, x) for x in pairs), beta=KL_COEFF)  # a tie teaches nothing
    for soft_labels, expected in ((True, soft), (False, hard)):
        loss, _ = dpo(Models(TRAINED), ROLLOUT, kl_coeff=KL_COEFF, soft_labels=soft_labels)
        torch.testing.assert_close(loss, expected, **CLOSE)


# training


def spy(seen):
    """A method that keeps its batches."""

    def method(models, rollout, *, kl_coeff):
        seen.append(rollout)
        return token_logprobs(models.policy, rollout.prompt_ids, rollout.completion_ids).mean(), {}

    return method


def names_run(method, **change):
    """A run on names."""
    usual = {
        "steps": 25,
        "learning_rate": 3e-3,
        "kl_coeff": 0.3,
        "seed": 0,
        "batch_size": 32,
        "completion_length": 10,
        "policy": pretrained_policy(),
        "prompt_ids": encode(["."]),
        "end_id": DOT,
        "reward": ends_in_a,
    }
    return train(method, **usual | change)


def test_prompts_come_in_neighboring_rows_and_in_all_kinds():
    seen, prompts = [], encode([f"{name}." for name in load_surnames(6)], side="left")
    names_run(spy(seen), prompt_ids=prompts, completions_per_prompt=4, batch_size=16, steps=8)
    drawn = []
    for rollout in seen:
        groups = rollout.prompt_ids.view(4, 4, -1)
        assert torch.equal(groups, groups[:, :1].expand_as(groups))
        drawn += [prompts.tolist().index(row) for row in groups[:, 0].tolist()]
    assert set(drawn) == set(range(6))
    assert len({tuple(drawn[i : i + 4]) for i in range(0, 32, 4)}) > 4  # drawn anew for every batch
    assert len({tuple(row) for row in seen[0].completion_ids[:4].tolist()}) > 1  # a group is not one completion
    repeated = []
    names_run(spy(repeated), prompt_ids=prompts, batch_size=16, steps=4, epochs=2)
    assert torch.equal(repeated[0].prompt_ids, repeated[1].prompt_ids)
    assert torch.equal(
        repeated[0].prompt_ids.view(2, 8, -1)[:, 0], repeated[0].prompt_ids[[7, 15]]
    )  # eight, if not told


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"completions_per_prompt": 5}, ValueError, "completions_per_prompt must divide the batch size 32, got 5"),
        ({"completions_per_prompt": 64}, ValueError, "completions_per_prompt must divide the batch size 32, got 64"),
        ({"completions_per_prompt": 0}, ValueError, "completions_per_prompt must be at least 1, got 0"),
        ({"completions_per_prompt": 2.0}, TypeError, "completions_per_prompt must be a whole number, got float"),
        ({"prompt_ids": torch.zeros(2, 1)}, TypeError, "prompt_ids must hold token ids of dtype torch.int64"),
        ({"prompt_ids": torch.tensor([[0, PAD]])}, ValueError, "^prompt_ids must be padded on the left only"),
        (
            {"completion_length": 25},
            ValueError,
            "^prompt_ids and what is drawn after them must have at most max_length=24 positions, got 25",
        ),
    ],
)
def test_train_refuses(change, error, message):
    with pytest.raises(error, match=message):
        names_run(ppo, **change)


def test_the_series_of_a_run_are_those_of_its_batches():
    seen = []
    history = names_run(spy(seen), steps=3, batch_size=16)
    usual = {"reward", "kl", "entropy", "loss"}
    assert set(history.series) == usual | {"score", "completion_kl", "length"}
    for step, rollout in enumerate(seen):
        scores = ends_in_a(rollout.prompt_ids, rollout.completion_ids)
        lengths = rollout.completion_mask.sum(1).double()
        assert history["score"][step] == scores.double().mean()
        assert history["length"][step] == lengths.mean()
        torch.testing.assert_close(history["reward"][step], scores.sum().double() / lengths.sum())
        torch.testing.assert_close(history["completion_kl"][step], history["kl"][step] * lengths.mean())
    assert history["completion_kl"][0] == 0.0
    assert (history["completion_kl"][1:] > 0).all()


def test_a_seed_gives_the_same_run_and_the_models_handed_in_stay_as_they_are():
    policy = pretrained_policy()
    critic = ScalarGPT(policy)
    before = [parameters_to_vector(model.parameters()).detach().clone() for model in (policy, critic)]
    options = {"steps": 3, "batch_size": 16, "policy": policy, "critic": critic, "epochs": 2}
    runs = [names_run(ppo, **options, seed=seed) for seed in (0, 0, 1)]
    for name in runs[0].series:
        assert runs[0][name].numpy().tobytes() == runs[1][name].numpy().tobytes()
    assert not torch.equal(runs[0]["loss"], runs[2]["loss"])
    for model, copied in zip((policy, critic), before, strict=True):
        assert torch.equal(parameters_to_vector(model.parameters()), copied)
        assert copied.dtype == torch.float32
    trained = parameters_to_vector(runs[0].models.critic.parameters())
    assert (trained - before[1]).abs().max() > 1e-3
    assert torch.equal(parameters_to_vector(runs[0].reference.parameters()), before[0].double())


@pytest.mark.parametrize(
    ("method", "options"),
    [(ppo, {"critic": ScalarGPT(pretrained_policy())}), (grpo, {}), (dpo, {"sample_from": "reference"})],
)
def test_names_get_better(method, options):
    history = names_run(method, **options)
    assert history["score"][-5:].mean() > history["score"][:5].mean() + 0.2
    assert history["score"][-5:].mean() > 0.7
    assert history["kl"][-1] > 0


def test_the_toy_is_as_it_was():
    seen = []
    run = {"steps": 4, "learning_rate": 0.1, "kl_coeff": 0.1, "seed": 3, "batch_size": 6, "completion_length": 5}
    history = train(spy(seen), **run)  # six rows: no group of eight is asked for where there is no prompt
    generator = torch.Generator().manual_seed(3)
    policy = TinyPolicy(generator=generator).double()
    torch.testing.assert_close(policy_table(history.reference), policy_table(policy))
    for rollout in seen:
        uniforms = torch.rand(6, 5, generator=generator, dtype=F64)  # nothing else is drawn
        assert torch.equal(rollout.prompt_ids, torch.zeros(6, 1, dtype=torch.int64))
        assert rollout.completion_mask is None
        assert torch.equal(rollout.rewards, token_reward(rollout.completion_ids).double())
        assert rollout.values is None
        if rollout is seen[0]:
            sampled = collect(Models(policy), policy, uniforms)
            assert torch.equal(rollout.completion_ids, sampled.completion_ids)
    assert set(history.series) == {"reward", "kl", "entropy", "loss"}


@pytest.mark.parametrize(
    ("method", "rows"), [(grpo, 8), (rloo, 8), (functools.partial(grpo, group_size=4), 4), (dpo, 2), (spo, 2)]
)
def test_completions_of_different_prompts_are_not_compared(method, rows):
    for change in (1, -1):  # to a later id, and to an earlier one
        prompt_ids = torch.full_like(PROMPTS, 3)
        prompt_ids[-1] += change
        with pytest.raises(ValueError, match=f"completions_per_prompt must be a multiple of {rows}"):
            method(Models(TRAINED), ROLLOUT._replace(prompt_ids=prompt_ids), kl_coeff=KL_COEFF)
    with pytest.raises(ValueError, match="completions_per_prompt must be a multiple of 8"):
        names_run(grpo, prompt_ids=encode(["a.", "b."]), completions_per_prompt=4, batch_size=16, steps=1)
