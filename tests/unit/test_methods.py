import itertools
import math
import re

import pytest
import torch
from support.enumeration import F64, TablePolicy, all_sequences, chain_logprobs, gradient, kl, random_table

from rlhf_helpers import (
    Models,
    Rollout,
    TinyCritic,
    TinyPolicy,
    baby_ppo,
    baby_ppo_loss,
    collect,
    dpo,
    dpo_loss,
    gae,
    group_advantages,
    grpo,
    grpo_loss,
    kl_estimate,
    methods,
    ppo,
    ppo_loss,
    ratio_series,
    reinforce_loss,
    reweighted_ppo,
    reweighted_ppo_loss,
    rloo,
    rloo_advantages,
    sequence_logprobs,
    shaped_rewards,
    spo,
    spo_loss,
    token_logprobs,
    value_loss,
)

B, T = 8, 5
KL_COEFF = 0.3


def make(seed=0, tokens=None):
    """Models that have moved on from the policy that sampled, and a batch with pairs that differ and pairs that tie."""
    policies = [TinyPolicy(4, generator=torch.Generator().manual_seed(seed + i)).double() for i in range(3)]
    trained, sampler, reference = policies
    critic = TinyCritic(4).double()
    uniforms = torch.rand(B, T, generator=torch.Generator().manual_seed(seed), dtype=F64)
    rollout = collect(Models(sampler, critic), reference, uniforms)
    if tokens is not None:
        rollout = rollout._replace(completion_ids=tokens, rewards=(tokens == 1).double())
    return Models(trained), rollout


MODELS, ROLLOUT = make(seed=6)
LOGPROBS = token_logprobs(MODELS.policy, ROLLOUT.prompt_ids, ROLLOUT.completion_ids)
SHAPED = ROLLOUT.rewards - KL_COEFF * (ROLLOUT.old_logprobs - ROLLOUT.ref_logprobs)


def slopes(outcome, models=MODELS):
    """Gradients of a method's loss with respect to the policy's parameters, as one vector."""
    grads = torch.autograd.grad(outcome[0], list(models.policy.parameters()), retain_graph=True)
    return torch.cat([g.flatten() for g in grads])


def test_the_batch_has_pairs_that_differ_and_pairs_that_tie():
    scores = ROLLOUT.rewards.sum(1).view(-1, 2)
    tied = scores[:, 0] == scores[:, 1]
    assert tied.any()
    assert (~tied).any()


def test_shaped_rewards_price_the_sampled_log_ratio():
    shaped = shaped_rewards(ROLLOUT, KL_COEFF)
    torch.testing.assert_close(shaped, SHAPED)
    assert not shaped.requires_grad
    assert torch.equal(shaped_rewards(ROLLOUT, 0.0), ROLLOUT.rewards)


def test_baby_ppo_is_its_loss():
    loss, series = baby_ppo(MODELS, ROLLOUT, kl_coeff=KL_COEFF)
    assert loss == baby_ppo_loss(LOGPROBS, ROLLOUT.old_logprobs, ROLLOUT.rewards, kl_coeff=KL_COEFF)
    assert series == {}


@pytest.mark.parametrize(("kl_in", "kl_kind"), [("reward", "k2"), ("loss", "k1"), ("loss", "k2"), ("loss", "k3")])
@pytest.mark.parametrize("clip_eps", [0.2, math.inf])
def test_ppo_without_a_critic_has_the_batch_as_baseline(kl_in, kl_kind, clip_eps):
    loss, series = ppo(MODELS, ROLLOUT, kl_coeff=KL_COEFF, kl_in=kl_in, kl_kind=kl_kind, clip_eps=clip_eps)
    paid = SHAPED if kl_in == "reward" else ROLLOUT.rewards
    to_go = paid.flip(1).cumsum(1).flip(1)
    expected = ppo_loss(
        LOGPROBS,
        ROLLOUT.old_logprobs,
        to_go - to_go.mean(0),
        clip_eps=clip_eps,
        kl_coeff=KL_COEFF,
        kl_kind=kl_kind,
        ref_logprobs=None if kl_in == "reward" else ROLLOUT.ref_logprobs,
    )
    torch.testing.assert_close(loss, expected)
    assert series == ratio_series(LOGPROBS, ROLLOUT.old_logprobs, clip_eps=clip_eps)


@pytest.mark.parametrize("lam", [0.0, 0.95])
def test_ppo_with_a_critic_adds_its_loss(lam):
    critic = TinyCritic(4).double()
    with torch.no_grad():
        critic.token_value.copy_(torch.tensor([0.5, -1.0, 2.0, 0.1]))
    old_values = torch.randn(B, T, generator=torch.Generator().manual_seed(1), dtype=F64)
    rollout = ROLLOUT._replace(values=old_values)
    loss, series = ppo(Models(MODELS.policy, critic), rollout, kl_coeff=KL_COEFF, lam=lam, value_coeff=0.7)
    advantages, returns = gae(SHAPED, old_values, lam=lam)  # of the values when the batch was drawn
    states = torch.cat([ROLLOUT.prompt_ids, ROLLOUT.completion_ids[:, :-1]], dim=1)
    critics = value_loss(critic(states), returns)
    torch.testing.assert_close(loss, ppo_loss(LOGPROBS, ROLLOUT.old_logprobs, advantages) + 0.7 * critics)
    assert series == ratio_series(LOGPROBS, ROLLOUT.old_logprobs, clip_eps=0.2) | {"value_loss": critics}
    assert torch.autograd.grad(loss, critic.token_value)[0].abs().sum() > 0


@pytest.mark.parametrize("group_size", [1, 2, 4, 8])
def test_rloo_compares_neighbors(group_size):
    loss, series = rloo(MODELS, ROLLOUT, kl_coeff=KL_COEFF, group_size=group_size)
    advantages = torch.cat([rloo_advantages(group.view(1, -1))[0] for group in SHAPED.sum(1).split(group_size)])
    torch.testing.assert_close(loss, reinforce_loss(LOGPROBS, advantages))
    assert series == {}
    assert (loss.item() == 0.0) == (group_size == 1)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("group_size", [2, 8])
def test_grpo_compares_neighbors_and_counts_the_silent(normalize, group_size):
    knobs = {"group_size": group_size, "normalize": normalize, "clip_eps": 0.1}
    loss, series = grpo(MODELS, ROLLOUT, kl_coeff=KL_COEFF, **knobs)
    groups = ROLLOUT.rewards.sum(1).split(group_size)
    advantages = torch.cat([group_advantages(g.view(1, -1), normalize=normalize)[0] for g in groups])
    expected = grpo_loss(
        LOGPROBS, ROLLOUT.old_logprobs, advantages, ref_logprobs=ROLLOUT.ref_logprobs, kl_coeff=KL_COEFF, clip_eps=0.1
    )
    torch.testing.assert_close(loss, expected)
    silent = [len(set(group.tolist())) == 1 for group in groups]
    assert series.pop("silent_groups").item() == sum(silent) / len(silent)
    assert series == ratio_series(LOGPROBS, ROLLOUT.old_logprobs, clip_eps=0.1)
    assert any(silent) == (group_size == 2)


@pytest.mark.parametrize("soft_labels", [False, True])
def test_dpo_chooses_the_better_paid(soft_labels):
    loss, series = dpo(MODELS, ROLLOUT, kl_coeff=KL_COEFF, soft_labels=soft_labels)
    ours, ref = sequence_logprobs(LOGPROBS).tolist(), sequence_logprobs(ROLLOUT.ref_logprobs).tolist()
    scores = ROLLOUT.rewards.sum(1).tolist()
    losses, margins, chosen_logprobs, rejected_logprobs = [], [], [], []
    for i in range(0, B, 2):
        w, l = (i + 1, i) if scores[i + 1] > scores[i] else (i, i + 1)  # noqa: E741
        gap = scores[w] - scores[l]
        margin = KL_COEFF * ((ours[w] - ref[w]) - (ours[l] - ref[l]))
        doubt = 1 / (1 + math.exp(gap)) if soft_labels else 0.0
        tied = gap == 0
        if tied and not soft_labels:
            losses.append(math.log(2))  # a tie teaches nothing: a constant
        else:
            losses.append((1 - doubt) * math.log1p(math.exp(-margin)) + doubt * math.log1p(math.exp(margin)))
        if not tied:
            margins.append(margin)
            chosen_logprobs.append(ours[w])
            rejected_logprobs.append(ours[l])
    n = len(margins)
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-12)
    expected = {
        "margin": sum(margins) / n,
        "accuracy": sum(m > 0 for m in margins) / n,
        "chosen_logprobs": sum(chosen_logprobs) / n,
        "rejected_logprobs": sum(rejected_logprobs) / n,
    }
    assert {name: value.item() for name, value in series.items()} == pytest.approx(expected, rel=1e-12)


def test_dpo_does_not_mind_the_order_within_a_pair():
    swap = torch.arange(B).view(-1, 2).flip(1).flatten()
    swapped = Rollout(*(None if x is None else x[swap] for x in ROLLOUT))
    for soft_labels in (False, True):
        one, other = (dpo(MODELS, r, kl_coeff=0.5, soft_labels=soft_labels)[0] for r in (ROLLOUT, swapped))
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("paid", [0, 1])
def test_a_batch_of_ties_teaches_dpo_nothing_and_soft_labels_a_lot(paid):
    models, rollout = make(tokens=ROLLOUT.completion_ids.new_full((B, T), paid))
    different = rollout._replace(ref_logprobs=ROLLOUT.ref_logprobs)
    hard = dpo(models, different, kl_coeff=KL_COEFF)
    assert torch.equal(slopes(hard, models), torch.zeros_like(slopes(hard, models)))
    assert [hard[1][name].item() for name in ("margin", "accuracy")] == [0.0, 0.0]
    mixed = ROLLOUT._replace(rewards=torch.full_like(ROLLOUT.rewards, float(paid)))
    assert slopes(dpo(MODELS, mixed, kl_coeff=KL_COEFF, soft_labels=True)).norm() > 1e-3  # they should be as likely


def test_spo_pairs_neighbors_and_scores_them_with_the_price_of_kl():
    loss, series = spo(MODELS, ROLLOUT, kl_coeff=KL_COEFF)
    logprobs, scores = sequence_logprobs(LOGPROBS), SHAPED.sum(1)
    torch.testing.assert_close(loss, spo_loss(logprobs[::2], logprobs[1::2], scores[::2], scores[1::2]))
    torch.testing.assert_close(series["score_gap"], (scores[::2] - scores[1::2]).abs().mean())
    torch.testing.assert_close(series["logprob_gap"], (logprobs[::2] - logprobs[1::2]).abs().mean())


def test_spo_pulls_twice_as_hard_as_rloo_on_pairs():
    # rloo averages over tokens too, so its gradient is shorter by T more
    torch.testing.assert_close(
        slopes(spo(MODELS, ROLLOUT, kl_coeff=KL_COEFF)),
        2 * T * slopes(rloo(MODELS, ROLLOUT, kl_coeff=KL_COEFF, group_size=2)),
    )


def test_reweighted_ppo_prefers_the_better_paid():
    loss, series = reweighted_ppo(MODELS, ROLLOUT, kl_coeff=KL_COEFF)
    scores = ROLLOUT.rewards.sum(1).tolist()
    preference = []
    for i in range(B):
        other = scores[i + 1 if i % 2 == 0 else i - 1]
        preference.append(1.0 if scores[i] > other else 0.0 if scores[i] < other else 0.5)
    expected = reweighted_ppo_loss(
        sequence_logprobs(LOGPROBS), sequence_logprobs(ROLLOUT.old_logprobs), torch.tensor(preference, dtype=F64)
    )
    ours, ref = sequence_logprobs(LOGPROBS), sequence_logprobs(ROLLOUT.ref_logprobs)
    torch.testing.assert_close(loss, expected + KL_COEFF * kl_estimate(ours, ref, "k2").mean())
    assert series == {}


# ties: the same sum, but for rounding


@pytest.fixture
def rounded():
    """A batch in which all completions are paid the same, and yet no two sums are equal."""
    rewards = torch.full((B, T), 0.3, dtype=F64) + 1e-14 * torch.arange(B)[:, None]
    assert len(set(rewards.sum(1).tolist())) == B
    return ROLLOUT._replace(rewards=rewards)


def test_rounding_chooses_nobody_for_dpo(rounded):
    loss, series = dpo(MODELS, rounded, kl_coeff=KL_COEFF)
    assert torch.equal(slopes((loss, series)), torch.zeros_like(slopes((loss, series))))
    assert all(x == 0.0 for x in series.values())


def test_rounding_prefers_nobody_for_reweighted_ppo(rounded):
    loss, _ = reweighted_ppo(MODELS, rounded, kl_coeff=0.0)
    ours, theirs = (sequence_logprobs(x) for x in (LOGPROBS, ROLLOUT.old_logprobs))
    torch.testing.assert_close(loss, reweighted_ppo_loss(ours, theirs, torch.full((B,), 0.5, dtype=F64)))


@pytest.mark.parametrize("group_size", [2, 4])
def test_groups_that_differ_by_rounding_are_silent(rounded, group_size):
    loss, series = grpo(MODELS, rounded, kl_coeff=0.0, group_size=group_size)
    assert series["silent_groups"] == 1.0
    assert torch.equal(slopes((loss, series)), torch.zeros_like(slopes((loss, series))))


@pytest.mark.parametrize("method", [baby_ppo, ppo, rloo, grpo, dpo, spo, reweighted_ppo])
def test_only_the_trained_policy_gets_a_gradient(method):
    rollout = Rollout(*(x if x is None or not x.is_floating_point() else x.clone().requires_grad_() for x in ROLLOUT))
    loss, series = method(MODELS, rollout, kl_coeff=KL_COEFF)
    tensors = [x for x in rollout if x is not None and x.requires_grad]
    assert all(g is None for g in torch.autograd.grad(loss, tensors, allow_unused=True, retain_graph=True))
    assert slopes((loss, series)).norm() > 0
    assert all(torch.isfinite(x) and x.ndim == 0 for x in series.values())


# the unit of kl_coeff, from all completions of two tokens out of three: nothing is sampled, nothing is symmetric

PRICE, LENGTH = 0.7, 2
TABLE, REF, STALE = (random_table(3, seed) for seed in (0, 1, 2))
SEQUENCES = all_sequences(3, LENGTH)
PAY = torch.tensor([0.3, 1.1, -0.2], dtype=F64)[SEQUENCES]  # (9, 2)
WHOLE, FIXED = chain_logprobs(TABLE, SEQUENCES).sum(1).exp(), chain_logprobs(REF, SEQUENCES)


def expected_slope(method, *, kl_coeff, sampler=TABLE, rewards=PAY, **knobs):
    """Gradient at TABLE of a method's expected loss, over all pairs of completions that the sampler may draw."""
    policy, prompt_ids = TablePolicy(TABLE), torch.zeros(2, 1, dtype=torch.int64)
    old = chain_logprobs(sampler, SEQUENCES)
    chance = old.sum(1).exp()
    expected = 0.0
    for pair in itertools.product(range(len(SEQUENCES)), repeat=2):
        ids = list(pair)
        rollout = Rollout(prompt_ids, SEQUENCES[ids], old[ids], FIXED[ids], rewards[ids], None)
        loss, _ = method(Models(policy), rollout, kl_coeff=kl_coeff, **knobs)
        expected = expected + chance[ids].prod() * loss
    return torch.autograd.grad(expected, policy.logits)[0]


def pull_of(method, **knobs):
    """What kl_coeff adds to the slope."""
    return expected_slope(method, kl_coeff=PRICE, **knobs) - expected_slope(method, kl_coeff=0.0, **knobs)


def slope_of(value):
    """Gradient at TABLE of a function of the log-probabilities (9, 2) of all completions."""
    return gradient(lambda logits: value(chain_logprobs(logits.log_softmax(-1), SEQUENCES)), TABLE)


def mean_of(x):
    """Gradient of the policy's mean of something that each completion has, (9,)."""
    return slope_of(lambda logprobs: logprobs.sum(1).exp() @ x)


def token_kl(backward):
    """Gradient of the KLs of the next token, summed over a completion, after prefixes that stay as they are."""
    visits = torch.zeros(3, 3, dtype=F64)  # (state, 1): the state is the last token
    visits[0] += 1  # the prompt
    visits += TABLE[0].exp()[:, None]

    def value(logits):
        ours = logits.log_softmax(-1)
        return (visits[:, 0] * (kl(REF, ours) if backward else kl(ours, REF))).sum()

    return gradient(value, TABLE)


TRUE_KL = slope_of(lambda logprobs: logprobs.sum(1).exp() @ (logprobs - FIXED).sum(1))
BEATS = PAY.sum(1)[:, None] - PAY.sum(1)[None, :]
WINS = ((BEATS > 1e-9).to(F64) + 0.5 * (BEATS.abs() < 1e-9)) @ WHOLE  # share of comparisons that each completion wins


def test_every_method_has_its_unit_stated():
    for name in methods.__all__:
        assert f"- :func:`{name}`" in methods.__doc__ or f", :func:`{name}`" in methods.__doc__, name


def assert_equal(ours, expected):
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


def test_the_kls_of_this_policy_differ():
    kls = [TRUE_KL, token_kl(backward=False), token_kl(backward=True)]
    assert all((a - b).norm() > 0.02 * a.norm() for a, b in itertools.permutations(kls, 2))


@pytest.mark.parametrize(
    ("method", "knobs", "paid", "scale"),
    [
        (ppo, {}, PAY.sum(1), 1 / LENGTH / 2),  # a mean over tokens; of two completions, one is its own baseline
        (rloo, {"group_size": 2}, PAY.sum(1), 1 / LENGTH),
        (spo, {}, PAY.sum(1), 2.0),
        (reweighted_ppo, {}, WINS, 1.0),
    ],
)
def test_kl_coeff_is_the_price_of_a_nat_of_a_whole_completion(method, knobs, paid, scale):
    push, pull = expected_slope(method, kl_coeff=0.0, **knobs), pull_of(method, **knobs)
    assert_equal(push, -scale * mean_of(paid))
    assert_equal(pull, scale * PRICE * TRUE_KL)


@pytest.mark.parametrize("knobs", [{}, {"kl_in": "loss", "kl_kind": "k2"}])
def test_at_kl_coeff_zero_ppo_is_the_same_wherever_the_kl_stands(knobs):
    assert_equal(expected_slope(ppo, kl_coeff=0.0, **knobs), -mean_of(PAY.sum(1)) / LENGTH / 2)


@pytest.mark.parametrize(
    ("kl_kind", "kl_gradient"),
    [("k1", 0 * TRUE_KL), ("k2", token_kl(backward=False)), ("k3", token_kl(backward=True))],
)
def test_kl_in_the_loss_charges_for_the_next_tokens_alone(kl_kind, kl_gradient):
    assert_equal(pull_of(ppo, kl_in="loss", kl_kind=kl_kind), PRICE / LENGTH * kl_gradient)


def test_grpo_charges_for_another_kl_and_scales_the_push():
    assert_equal(expected_slope(grpo, kl_coeff=0.0, group_size=2, normalize=False), -mean_of(PAY.sum(1)) / LENGTH / 2)
    for normalize in (False, True):
        pull = pull_of(grpo, group_size=2, normalize=normalize)
        assert_equal(pull, PRICE / LENGTH * token_kl(backward=True))
    divided = [expected_slope(grpo, kl_coeff=0.0, group_size=2, rewards=size * PAY) for size in (1, 10)]
    torch.testing.assert_close(*divided, rtol=1e-2, atol=0)  # ten times the reward is no larger a push


def test_baby_ppo_is_pulled_to_the_sampler():
    assert_equal(pull_of(baby_ppo), 0 * TRUE_KL)
    old = chain_logprobs(STALE, SEQUENCES)
    to_sampler = slope_of(lambda logprobs: old.sum(1).exp() @ (old - logprobs).sum(1))
    assert to_sampler.norm() > 0.1
    assert_equal(pull_of(baby_ppo, sampler=STALE), PRICE / LENGTH * to_sampler)


# rewards for which TABLE is the best policy there is: reward minus PRICE times the log ratio is the same for everyone
BEST_AT_TABLE = PRICE * (chain_logprobs(TABLE, SEQUENCES) - FIXED) + 0.2


@pytest.mark.parametrize("sampler", [TABLE, REF, STALE], ids=["policy", "reference", "stale"])
def test_soft_dpo_rests_where_reward_minus_the_kl_of_a_completion_is_largest(sampler):
    def slope(**knobs):
        return expected_slope(dpo, sampler=sampler, rewards=BEST_AT_TABLE, **knobs)

    assert_equal(slope(kl_coeff=PRICE, soft_labels=True), 0 * TRUE_KL)
    for knobs in ({"kl_coeff": PRICE / LENGTH, "soft_labels": True}, {"kl_coeff": PRICE}):  # another price; hard labels
        assert slope(**knobs).norm() > 0.01


def test_who_charges_for_a_whole_completion_rests_at_the_optimum_and_the_others_do_not():
    others = {"k2": (ppo, {"kl_in": "loss"}), "grpo": (grpo, {"group_size": 2}), "reweighted": (reweighted_ppo, {})}
    for method, knobs in ((ppo, {}), (rloo, {"group_size": 2}), (spo, {})):
        assert_equal(expected_slope(method, kl_coeff=PRICE, rewards=BEST_AT_TABLE, **knobs), 0 * TRUE_KL)
    for name, (method, knobs) in others.items():
        assert expected_slope(method, kl_coeff=PRICE, rewards=BEST_AT_TABLE, **knobs).norm() > 0.01, name


@pytest.mark.parametrize("method", [dpo, spo, reweighted_ppo])
def test_pairs_need_an_even_batch(method):
    odd = Rollout(*(None if x is None else x[:7] for x in ROLLOUT))
    with pytest.raises(ValueError, match="batch_size must be even for a method of pairs, got 7"):
        method(MODELS, odd, kl_coeff=0.1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: rloo(MODELS, ROLLOUT, kl_coeff=0.1, group_size=3),
            ValueError,
            "group_size must divide the batch size 8, got 3",
        ),
        (lambda: grpo(MODELS, ROLLOUT, kl_coeff=0.1, group_size=0), ValueError, "group_size must be at least 1, got 0"),
        (
            lambda: rloo(MODELS, ROLLOUT, kl_coeff=0.1, group_size=-2),
            ValueError,
            "group_size must be at least 1, got -2",
        ),
        (
            lambda: grpo(MODELS, ROLLOUT, kl_coeff=0.1, group_size=2.0),
            TypeError,
            "group_size must be a whole number, got float",
        ),
        (
            lambda: ppo(MODELS, ROLLOUT, kl_coeff=0.1, kl_in="penalty"),
            ValueError,
            "kl_in must be one of 'reward', 'loss', got 'penalty'",
        ),
        (lambda: ppo(MODELS, ROLLOUT, kl_coeff=0.1, kl_kind="k9"), ValueError, "kl_kind must be one of .* got 'k9'"),
        (lambda: ppo(MODELS, ROLLOUT, kl_coeff=0.1, clip_eps=-1), ValueError, "clip_eps must be .* got -1"),
        (lambda: ppo(MODELS, ROLLOUT, kl_coeff=0.1, lam=1.5), ValueError, r"lam must be in \[0.0, 1.0\], got 1.5"),
        (lambda: ppo(MODELS, ROLLOUT, kl_coeff=0.1, value_coeff=math.nan), ValueError, "value_coeff must .* got nan"),
        (lambda: shaped_rewards(ROLLOUT, -0.1), ValueError, "kl_coeff must be .* got -0.1"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("method", [baby_ppo, ppo, rloo, grpo, spo, reweighted_ppo])
@pytest.mark.parametrize("kl_coeff", [-0.1, math.nan, math.inf])
def test_every_method_refuses_a_wrong_pull(method, kl_coeff):
    with pytest.raises(ValueError, match=rf"kl_coeff must be in \[0.0, inf\), got {kl_coeff}"):
        method(MODELS, ROLLOUT, kl_coeff=kl_coeff)


@pytest.mark.parametrize("method", [getattr(methods, name) for name in methods.__all__])
def test_a_method_names_what_it_was_given(method):
    with pytest.raises(ValueError, match=r"^kl_coeff must be in \[0.0, inf\), got -0.1"):
        method(MODELS, ROLLOUT, kl_coeff=-0.1)
    with pytest.raises(TypeError, match=r"^models must be Models\(policy, critic\), got TinyPolicy"):
        method(MODELS.policy, ROLLOUT, kl_coeff=0.1)


@pytest.mark.parametrize("method", [getattr(methods, name) for name in methods.__all__])
def test_every_series_is_defined_where_it_is_made(method):
    own = TinyCritic(4).double() if method is ppo else None
    _, series = method(Models(MODELS.policy, own), ROLLOUT, kl_coeff=0.1)
    shared = {"ratio", "clip_share"} if ":func:`ratio_series`" in method.__doc__ else set()
    defined = set(re.findall(r"``(\w+)``", method.__doc__.split("Returns:")[1].split("Raises:")[0]))
    assert set(series) <= shared | defined
    for name in series.keys() - shared:
        words = method.__doc__.split(f"``{name}``")[1]
        assert ":math:" in words
        assert re.search("nats|unit", words.split("Raises:")[0])


def test_the_pull_of_dpo_is_beta():
    chosen = torch.tensor([-1.0])
    assert dpo_loss(chosen, chosen - 1, beta=0.5) < dpo_loss(chosen, chosen - 1, beta=0.1)
