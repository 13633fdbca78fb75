"""Every name against its formula written out, and against its neighbor where the two are one."""

import ast
import inspect
import math
from itertools import product

import numpy as np
import pytest
import torch
from support.enumeration import F64, assert_gradient, gradient, kl, normals, random_logprobs
from torch.nn.functional import logsigmoid

from rlhf_helpers import (
    aggregate,
    best_of_n,
    dpo_loss,
    family,
    group_advantages,
    grpo_loss,
    ppo_loss,
    reinforce_loss,
    rloo_advantages,
)
from rlhf_helpers.family import (
    batch_advantages,
    best_of_n_advantages,
    cdpo_loss,
    cispo_loss,
    dapo_loss,
    distillation_kl,
    dppo_loss,
    dr_grpo_loss,
    gspo_loss,
    ipo_loss,
    kto_loss,
    maxrl_advantages,
    mixed_groups,
    on_policy_distillation_loss,
    orpo_loss,
    overlong_penalty,
    sapo_loss,
    simpo_loss,
    verifier_reward,
)

LOGPROBS = -normals(0, 3, 4).abs() - 0.1
OLD = LOGPROBS + 0.3 * normals(4, 3, 4)  # ratios on both sides of the clip range
ADVANTAGES = normals(3, 3, 4)
ROWS = torch.tensor([1.0, -2.0, 0.5], dtype=F64)
MASK = torch.tensor([[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]], dtype=F64)
RATIO = (LOGPROBS - OLD).exp()
UP, DOWN = ADVANTAGES > 0, ADVANTAGES < 0
WEIGHTS = {  # of each token in each average, under MASK
    "token_mean": MASK / MASK.sum(),
    "sequence_mean": MASK / MASK.sum(1, keepdim=True).clamp(min=1) / 3,
    "fixed_length": MASK / 12,
}
RATIO_LOSSES = {  # with every token's weight in the gradient, beside advantage and average
    "dapo": (dapo_loss, ~((UP & (RATIO > 1.28)) | (DOWN & (RATIO < 0.8))) * RATIO),
    "cispo": (lambda *a, **k: cispo_loss(*a, max_weight=1.3, **k), RATIO.clamp(max=1.3)),
    "dppo": (
        lambda *a, **k: dppo_loss(*a, max_move=0.1, **k),
        ~((UP & (LOGPROBS.exp() - OLD.exp() > 0.1)) | (DOWN & (LOGPROBS.exp() - OLD.exp() < -0.1))) * RATIO,
    ),
    "sapo": (
        sapo_loss,
        4 * RATIO * torch.where(UP, torch.sigmoid(RATIO - 1), torch.sigmoid(1.05 * (RATIO - 1)))
        * torch.where(UP, torch.sigmoid(1 - RATIO), torch.sigmoid(1.05 * (1 - RATIO))),
    ),
}  # fmt: skip
ratio_losses = pytest.mark.parametrize("name", RATIO_LOSSES)


def test_a_name_is_at_most_five_lines():
    for name in family.__all__:
        (function,) = ast.parse(inspect.getsource(getattr(family, name))).body
        body = [n for n in ast.walk(function) if isinstance(n, ast.stmt)][2:]  # not the definition, nor its docstring
        assert 1 <= len(body) <= 5, name


# what a token weighs


@pytest.mark.parametrize("how", WEIGHTS)
@ratio_losses
def test_the_weight_of_every_token(name, how):
    loss, weight = RATIO_LOSSES[name]
    found = gradient(lambda x: loss(x, OLD, ADVANTAGES, MASK, how=how), LOGPROBS)
    torch.testing.assert_close(found, -WEIGHTS[how] * weight * ADVANTAGES)
    if name != "cispo":  # whose gradient is not the slope of its value
        assert_gradient(
            lambda x: loss(x, OLD, ADVANTAGES, MASK, how=how), LOGPROBS, -WEIGHTS[how] * weight * ADVANTAGES
        )


def test_these_tests_reach_both_ends_of_each_limit():
    for low, high in ((0.8, 1.28), (0.8, 1.3)):
        assert (UP & (high < RATIO)).any()
        assert (DOWN & (low > RATIO)).any()
    moved = LOGPROBS.exp() - OLD.exp()
    assert (UP & (moved > 0.1)).any()
    assert (DOWN & (moved < -0.1)).any()
    assert (UP & (moved < -0.1)).any()


@ratio_losses
def test_on_fresh_samples_they_are_one_algorithm(name):
    loss, _ = RATIO_LOSSES[name]
    found = gradient(lambda x: loss(x, LOGPROBS, ADVANTAGES, MASK, how="token_mean"), LOGPROBS)
    torch.testing.assert_close(found, gradient(lambda x: reinforce_loss(x, ADVANTAGES, MASK), LOGPROBS))


@ratio_losses
def test_only_the_trained_policy_gets_a_gradient(name):
    loss, _ = RATIO_LOSSES[name]
    logprobs, old, advantages = (x.clone().requires_grad_() for x in (LOGPROBS, OLD, ADVANTAGES))
    loss(logprobs, old, advantages).backward()
    assert logprobs.grad.abs().sum() > 0
    assert old.grad is None
    assert advantages.grad is None


@ratio_losses
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_masked_reaches_neither_value_nor_gradient(name, bad):
    loss, _ = RATIO_LOSSES[name]
    clean = [LOGPROBS, OLD, ADVANTAGES]
    dirty = [torch.where(MASK.bool(), x, bad) for x in clean]
    slope = gradient(lambda x: loss(x, *clean[1:], MASK), LOGPROBS)
    for mask in (MASK, MASK.bool()):
        assert loss(*dirty, mask) == loss(*clean, MASK)
        assert torch.equal(gradient(lambda x, mask=mask: loss(x, *dirty[1:], mask), dirty[0]), slope)


def test_dapo_with_equal_clips_is_ppo_and_with_a_sequence_mean_grpo():
    symmetric = {"clip_low": 0.2, "clip_high": 0.2}
    torch.testing.assert_close(
        dapo_loss(LOGPROBS, OLD, ADVANTAGES, MASK, **symmetric), ppo_loss(LOGPROBS, OLD, ADVANTAGES, MASK)
    )
    torch.testing.assert_close(
        dapo_loss(LOGPROBS, OLD, ADVANTAGES, MASK, **symmetric, how="sequence_mean"),
        grpo_loss(LOGPROBS, OLD, ADVANTAGES, MASK),
    )
    assert dapo_loss(LOGPROBS, OLD, ADVANTAGES, MASK) != ppo_loss(LOGPROBS, OLD, ADVANTAGES, MASK)


def test_dr_grpo_divides_by_a_constant():
    expected = -(MASK / 12 * torch.minimum(RATIO * ADVANTAGES, RATIO.clamp(0.8, 1.2) * ADVANTAGES)).sum()
    torch.testing.assert_close(dr_grpo_loss(LOGPROBS, OLD, ADVANTAGES, MASK), expected)
    full = torch.ones_like(MASK)
    torch.testing.assert_close(dr_grpo_loss(LOGPROBS, OLD, ROWS, full), grpo_loss(LOGPROBS, OLD, ROWS))
    assert dr_grpo_loss(LOGPROBS, OLD, ROWS, full, clip_eps=0.01) == dr_grpo_loss(LOGPROBS, OLD, ROWS, clip_eps=0.01)


@pytest.mark.parametrize(("low", "high"), [(3e-4, 4e-4), (0.2, 0.2), (9.0, 9.0)])
def test_gspo_has_one_ratio_for_a_completion(low, high):
    lengths = MASK.sum(1).clamp(min=1)
    ratio = ((LOGPROBS - OLD) * MASK).sum(1).div(lengths).exp()
    silent = ((ROWS > 0) & (ratio > 1 + high)) | ((ROWS < 0) & (ratio < 1 - low))
    slope = -(~silent * ratio * ROWS / lengths)[:, None] * MASK / 3
    assert_gradient(lambda x: gspo_loss(x, OLD, ROWS, MASK, clip_low=low, clip_high=high), LOGPROBS, slope)
    value = -(torch.minimum(ratio * ROWS, ratio.clamp(1 - low, 1 + high) * ROWS) * MASK.any(1)).mean()
    torch.testing.assert_close(gspo_loss(LOGPROBS, OLD, ROWS, MASK, clip_low=low, clip_high=high), value)


def test_gspo_of_one_token_is_grpo_with_its_clip():
    new, old = LOGPROBS[:, :1], OLD[:, :1]
    torch.testing.assert_close(
        gspo_loss(new, old, ROWS, clip_low=0.2, clip_high=0.2), grpo_loss(new, old, ROWS, clip_eps=0.2)
    )


def test_a_reference_and_a_teacher_are_not_trained():
    rows, ref = LOGPROBS.sum(1), OLD.sum(1).requires_grad_()
    assert not kto_loss(rows, ref, torch.tensor([1.0, 0.0, 1.0], dtype=F64)).requires_grad
    assert not ipo_loss(rows, rows - 1, ref, ref).requires_grad
    student, teacher = (normals(seed, 2, 3, 10).log_softmax(-1) for seed in (5, 6))
    for direction in ("reverse", "forward"):
        assert not distillation_kl(student, teacher.requires_grad_(), direction=direction).requires_grad
    assert not on_policy_distillation_loss(LOGPROBS, OLD.clone().requires_grad_()).requires_grad


def test_cispo_keeps_what_a_clip_silences():
    old, new = torch.tensor([[0.01]], dtype=F64).log(), torch.tensor([[0.05]], dtype=F64).log()
    good = torch.ones(1, dtype=F64)
    assert gradient(lambda x: ppo_loss(x, old, good), new).item() == 0.0
    assert gradient(lambda x: cispo_loss(x, old, good, max_weight=2.0), new).item() == -2.0
    assert gradient(lambda x: cispo_loss(x, new, good, max_weight=2.0), old).item() == pytest.approx(
        -0.2
    )  # no lower limit
    # the same as plain importance weights where the limit is out of reach
    torch.testing.assert_close(
        gradient(lambda x: cispo_loss(x, OLD, ADVANTAGES, max_weight=math.inf), LOGPROBS),
        gradient(lambda x: ppo_loss(x, OLD, ADVANTAGES, clip_eps=math.inf), LOGPROBS),
    )


def test_dppo_measures_in_probability_where_a_clip_measures_a_ratio():
    old = torch.tensor([[0.001, 0.99]], dtype=F64).log()
    new = torch.tensor([[0.002, 0.79]], dtype=F64).log()
    signs = torch.tensor([[1.0, -1.0]], dtype=F64)
    clipped = gradient(lambda x: ppo_loss(x, old, signs), new)[0]
    by_move = gradient(lambda x: dppo_loss(x, old, signs, max_move=0.19), new)[0]
    assert (clipped == 0).tolist() == [True, True]
    assert (by_move == 0).tolist() == [False, True]


# whom a completion is compared with

REWARDS = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]], dtype=F64)


def test_one_group_is_reinforce_plus_plus():
    rewards = normals(7, 3, 4)
    assert torch.equal(batch_advantages(rewards), group_advantages(rewards.view(1, -1)).view(3, 4))
    by_hand = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
    torch.testing.assert_close(batch_advantages(rewards), by_hand)
    assert torch.equal(batch_advantages(rewards[:1]), group_advantages(rewards[:1]))
    baseline = batch_advantages(group_advantages(rewards, normalize=False))
    torch.testing.assert_close(baseline.mean(1), torch.zeros(3, dtype=F64), rtol=0, atol=1e-12)
    assert torch.equal(batch_advantages(0 * rewards + 0.3), 0 * rewards)


def test_maxrl_is_the_distance_to_the_mean_in_units_of_the_mean():
    torch.testing.assert_close(
        maxrl_advantages(REWARDS[:2]),
        (REWARDS[:2] - REWARDS[:2].mean(1, keepdim=True)) / REWARDS[:2].mean(1, keepdim=True),
    )
    assert torch.equal(maxrl_advantages(REWARDS[2:]), 0 * REWARDS[2:])
    assert torch.equal(maxrl_advantages(0 * REWARDS), 0 * REWARDS)


@pytest.mark.parametrize("group_size", [2, 3, 6])
@pytest.mark.parametrize("p", [0.1, 0.7])
def test_maxrl_climbs_the_first_terms_of_log_p(p, group_size):
    """By enumeration of all groups: one success has log-probability log p, and a failure log(1 - p)."""
    logit = torch.tensor(math.log(p / (1 - p)), dtype=F64, requires_grad=True)
    logp = torch.stack([logsigmoid(-logit), logsigmoid(logit)])
    groups = torch.tensor(list(product((0, 1), repeat=group_size)))
    logprobs = logp[groups]
    chance = logprobs.sum(1).exp().detach()
    weights = maxrl_advantages(groups.to(F64)) * chance[:, None]
    (found,) = torch.autograd.grad((weights * logprobs).sum() / group_size, logit, retain_graph=True)
    success = logp[1].exp()
    terms = sum((1 - (1 - success) ** k) / k for k in range(1, group_size))  # pass@k / k, and not the G-th
    torch.testing.assert_close(found, torch.autograd.grad(terms, logit)[0])


def test_best_of_n_advantages_are_fine_tuning_on_the_winner():
    rewards = torch.tensor([[0.0, 3.0, 1.0], [5.0, 0.0, 2.0]], dtype=F64)
    logprobs, mask = -normals(5, 6, 4).abs(), torch.ones(6, 4, dtype=F64)
    mask[1, 2:] = 0
    loss = reinforce_loss(logprobs, best_of_n_advantages(rewards).flatten(), mask, how="sequence_mean")
    torch.testing.assert_close(loss, -aggregate(logprobs[[1, 3]], mask[[1, 3]], "sequence_mean"))


def test_best_of_n_advantages_have_the_winner_s_law():
    """In expectation, what is imitated is the distribution of the best of n, ties and all."""
    law, scores = random_logprobs(4, 2), torch.tensor([0.0, 1.0, 1.0, 0.5], dtype=F64)
    groups = torch.tensor(list(product(range(4), repeat=3)))
    chance = law[groups].sum(1).exp()
    share = best_of_n_advantages(scores[groups]) / 3
    imitated = torch.stack([(chance[:, None] * share * (groups == token)).sum() for token in range(4)])
    torch.testing.assert_close(imitated, best_of_n(law, scores, 3)[0])


def test_mixed_groups_are_those_with_an_advantage():
    assert mixed_groups(REWARDS).tolist() == [True, True, False]
    rounding = torch.tensor([[0.1 + 0.2, 0.3]], dtype=F64)
    assert mixed_groups(rounding).tolist() == [False]
    for advantages in (group_advantages, rloo_advantages, maxrl_advantages):
        assert torch.equal(advantages(REWARDS).any(1), mixed_groups(REWARDS))


# what a pair says

CHOSEN, REJECTED, REF_CHOSEN, REF_REJECTED = (-3 * normals(seed, 5).abs() - 0.1 for seed in range(4))
LENGTHS, OTHER_LENGTHS = torch.tensor([1.0, 2, 3, 4, 5], dtype=F64), torch.tensor([4.0, 4, 1, 2, 8], dtype=F64)
GAP = (CHOSEN - REF_CHOSEN) - (REJECTED - REF_REJECTED)


def test_cdpo_is_dpo_with_doubt():
    pair = (CHOSEN, REJECTED, REF_CHOSEN, REF_REJECTED)
    by_hand = -(0.8 * logsigmoid(0.5 * GAP) + 0.2 * logsigmoid(-0.5 * GAP)).mean()
    torch.testing.assert_close(cdpo_loss(*pair, beta=0.5, label_smoothing=0.2), by_hand)
    assert cdpo_loss(*pair, label_smoothing=0.0) == dpo_loss(*pair)
    assert cdpo_loss(*pair) == dpo_loss(*pair, label_smoothing=0.1)
    rest = torch.full((1,), math.log(0.9 / 0.1) / 0.5, dtype=F64)
    slope = gradient(lambda x: cdpo_loss(x, 0 * x.detach(), beta=0.5), rest)
    assert slope.item() == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("beta", [0.1, 0.5])
def test_ipo_value_and_gradient(beta):
    def loss(x, y):
        return ipo_loss(x, y, REF_CHOSEN, REF_REJECTED, beta=beta)

    torch.testing.assert_close(loss(CHOSEN, REJECTED), ((GAP - 0.5 / beta) ** 2).mean())
    slope = 2 * (GAP - 0.5 / beta) / 5
    assert_gradient(lambda x: loss(x, REJECTED), CHOSEN, slope)
    assert_gradient(lambda x: loss(CHOSEN, x), REJECTED, -slope)


def test_ipo_and_dpo_start_alike():
    """At a gap of 0 their gradients are parallel: 2 / (2 beta) against beta / 2."""
    ipo = gradient(lambda x: ipo_loss(x, REJECTED, CHOSEN, REJECTED, beta=0.5), CHOSEN)
    dpo = gradient(lambda x: dpo_loss(x, REJECTED, CHOSEN, REJECTED, beta=0.5), CHOSEN)
    torch.testing.assert_close(ipo, dpo * (1 / 0.5) / (0.5 / 2))


def test_simpo_value_and_gradient():
    margin = 2.0 * (CHOSEN / LENGTHS - REJECTED / OTHER_LENGTHS) - 0.5
    torch.testing.assert_close(simpo_loss(CHOSEN, REJECTED, LENGTHS, OTHER_LENGTHS), -logsigmoid(margin).mean())
    slope = -2.0 * torch.sigmoid(-margin) / 5
    assert_gradient(lambda x: simpo_loss(x, REJECTED, LENGTHS, OTHER_LENGTHS), CHOSEN, slope / LENGTHS)
    assert_gradient(lambda x: simpo_loss(CHOSEN, x, LENGTHS, OTHER_LENGTHS), REJECTED, -slope / OTHER_LENGTHS)


def test_simpo_of_one_token_without_a_margin_is_dpo_without_a_reference():
    one = torch.ones(5, dtype=F64)
    found = simpo_loss(CHOSEN, REJECTED, one, one, beta=0.3, margin=0.0)
    torch.testing.assert_close(found, dpo_loss(CHOSEN, REJECTED, beta=0.3))


def test_orpo_value_and_gradient():
    p, q = (CHOSEN / LENGTHS).exp(), (REJECTED / OTHER_LENGTHS).exp()
    log_odds = torch.log(p / (1 - p)) - torch.log(q / (1 - q))
    by_hand = -(p.log() + 0.3 * torch.log(torch.sigmoid(log_odds))).mean()

    def loss(x, y):
        return orpo_loss(x, y, LENGTHS, OTHER_LENGTHS, odds_coeff=0.3)

    torch.testing.assert_close(loss(CHOSEN, REJECTED), by_hand)
    miss = 0.3 * torch.sigmoid(-log_odds)
    assert_gradient(lambda x: loss(x, REJECTED), CHOSEN, -(1 + miss / (1 - p)) / LENGTHS / 5)
    assert_gradient(lambda x: loss(CHOSEN, x), REJECTED, miss / (1 - q) / OTHER_LENGTHS / 5)
    imitation = orpo_loss(CHOSEN, REJECTED, LENGTHS, OTHER_LENGTHS, odds_coeff=0.0)
    torch.testing.assert_close(imitation, -(CHOSEN / LENGTHS).mean())


@pytest.mark.parametrize("batch_kl", [0.0, 0.4])
def test_kto_value_and_gradient(batch_kl):
    good = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0], dtype=F64)
    d = CHOSEN - REF_CHOSEN - batch_kl
    value = torch.where(good == 1, 1 - torch.sigmoid(0.5 * d), 1 - torch.sigmoid(-0.5 * d)).mean()

    def loss(x):
        return kto_loss(x, REF_CHOSEN, good, beta=0.5, batch_kl=batch_kl)

    torch.testing.assert_close(loss(CHOSEN), value)
    assert loss(CHOSEN) == kto_loss(CHOSEN, REF_CHOSEN, good == 1, beta=0.5, batch_kl=batch_kl)
    slope = (1 - 2 * good) * 0.5 * torch.sigmoid(0.5 * d) * torch.sigmoid(-0.5 * d) / 5
    assert_gradient(loss, CHOSEN, slope)


def test_kto_on_a_pair_near_the_start_is_dpo_s_push():
    both = torch.cat([CHOSEN, REJECTED])
    good = torch.tensor([1.0] * 5 + [0.0] * 5, dtype=F64)
    kto = gradient(lambda x: kto_loss(x, both, good, beta=0.5), both)
    dpo = gradient(lambda x: dpo_loss(x[:5], x[5:], CHOSEN, REJECTED, beta=0.5), both)
    torch.testing.assert_close(kto, dpo / 4)


# a teacher


def test_distillation_on_one_s_own_samples_has_the_gradient_of_the_reverse_kl():
    logits, teacher = normals(1, 6), random_logprobs(6, 2)
    probs = logits.softmax(-1)

    def sampled(z):  # every token as often as the policy draws it
        logp = z.log_softmax(-1)[:, None]
        return sum(probs[a] * on_policy_distillation_loss(logp[a, None], teacher[a, None, None]) for a in range(6))

    def exact(z):
        return distillation_kl(z.log_softmax(-1)[None, None], teacher[None, None])

    torch.testing.assert_close(gradient(sampled, logits), gradient(exact, logits))
    attached = gradient(lambda z: sum(probs[a] * (z.log_softmax(-1)[a] - teacher[a]) for a in range(6)), logits)
    torch.testing.assert_close(attached, 0 * logits, rtol=0, atol=1e-15)  # k1 as a loss: nothing


def test_distillation_without_the_detach_ends_at_the_square_root_of_the_teacher():
    teacher = random_logprobs(6, 2)
    root = (teacher / 2).log_softmax(-1)

    def attached(z):  # the same product, and no sg
        logp = z.log_softmax(-1)
        return -(root.exp() * (teacher - logp) * logp).sum()

    torch.testing.assert_close(gradient(attached, root), 0 * root, rtol=0, atol=1e-15)


def test_fine_tuning_on_the_teacher_s_samples_has_the_gradient_of_the_forward_kl():
    logits, teacher = normals(1, 6), random_logprobs(6, 2)

    def sampled(z):
        return -(teacher.exp() * z.log_softmax(-1)).sum()

    def exact(z):
        return distillation_kl(z.log_softmax(-1)[None, None], teacher[None, None], direction="forward")

    torch.testing.assert_close(gradient(sampled, logits), gradient(exact, logits))


def test_the_two_kls():
    policy, teacher = normals(3, 3, 4, 5).log_softmax(-1), normals(4, 3, 4, 5).log_softmax(-1)
    for direction, exact in (("reverse", kl(policy, teacher)), ("forward", kl(teacher, policy))):
        found = distillation_kl(policy, teacher, MASK, direction=direction)
        torch.testing.assert_close(found, (MASK * exact).sum() / MASK.sum())
    never = torch.tensor([[[0.0, -math.inf]]], dtype=F64)  # a policy that never writes the second token
    assert distillation_kl(never, torch.tensor([[[0.5, 0.5]]], dtype=F64).log()).item() == pytest.approx(math.log(2))


# who pays


def test_a_verifier_pays_what_passes():
    ids = torch.tensor([[1, 1, 2], [0, 1, 2], [2, 2, 2]])
    found = verifier_reward(ids, lambda tokens: 1 in tokens)
    assert found.tolist() == [1.0, 1.0, 0.0]
    assert found.dtype == torch.get_default_dtype()
    for yes in (np.True_, torch.tensor(True)):
        assert torch.equal(verifier_reward(ids, lambda tokens, yes=yes: yes), torch.ones(3))


def test_distillation_looks_at_nothing_behind_the_mask_and_subtracts_16_bits_in_32():
    mask = torch.tensor([[True, False]])
    found = on_policy_distillation_loss(torch.tensor([[-2.0, -torch.inf]]), torch.tensor([[-1.0, torch.nan]]), mask)
    assert found == on_policy_distillation_loss(torch.tensor([[-2.0]]), torch.tensor([[-1.0]]))
    own, teacher = torch.tensor([[-2.25]]), torch.tensor([[-1000.0]])  # bfloat16 has both, and not their difference
    exact = on_policy_distillation_loss(own, teacher)
    assert on_policy_distillation_loss(own.bfloat16(), teacher.bfloat16()) == exact


def test_an_answer_that_is_too_long_pays():
    lengths = torch.tensor([0.0, 80.0, 85.0, 100.0, 101.0], dtype=F64)
    assert overlong_penalty(lengths, max_length=100, grace=20).tolist() == [0.0, 0.0, -0.25, -1.0, -1.0]


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_the_best_share_also_where_rounding_sets_them_apart(dtype):
    best = torch.ones(3, dtype=dtype)
    best[0] += 2 * torch.finfo(dtype).eps
    rewards = torch.cat([best, 0.8 * best[2:]])[None]
    assert rewards[0, 0] > rewards[0, 1]
    assert best_of_n_advantages(rewards)[0].tolist() == pytest.approx([4 / 3, 4 / 3, 4 / 3, 0.0])


# refusing

ONE, ROW = torch.zeros(2, 3), torch.zeros(2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dapo_loss(ONE, ONE[:, :2], ONE), ValueError, r"shapes must match, .*'old_logprobs': \(2, 2\)"),
        (lambda: dapo_loss(ONE, ONE, ONE[0]), ValueError, r"advantages be one value for each row\), .*\(3,\)"),
        (lambda: dapo_loss(ONE, ONE, ONE, ONE[:, :1]), ValueError, r"'completion_mask': \(2, 1\)"),
        (lambda: dapo_loss(ONE[0], ONE[0], ONE[0]), ValueError, r"logprobs must have shape \(B, T\)"),
        (lambda: dapo_loss(ONE, ONE, ONE, clip_low=-0.1), ValueError, r"clip_low must be in \[0.0, inf\], got -0.1"),
        (lambda: dapo_loss(ONE, ONE, ONE, clip_high=math.nan), ValueError, "clip_high must be .* got nan"),
        (lambda: dapo_loss(ONE, ONE, ONE, how="sum"), ValueError, "how must be one of .* got 'sum'"),
        (lambda: dapo_loss(ONE - math.inf, ONE, ONE), ValueError, "logprobs must be finite"),
        (lambda: dapo_loss(ONE + 99, ONE, ONE), ValueError, "logprobs - old_logprobs must be at most"),
        (lambda: dr_grpo_loss(ONE, ONE, ONE, clip_eps=-1), ValueError, "clip_eps must be in"),
        (lambda: gspo_loss(ONE, ONE, ONE), ValueError, r"advantages must have shape \(B,\), got \(2, 3\)"),
        (lambda: gspo_loss(ONE, ONE, None), TypeError, "advantages must be a torch.Tensor"),
        (lambda: gspo_loss(ONE, ONE, ROW, clip_low=-1), ValueError, "clip_low must be in"),
        (lambda: cispo_loss(ONE, ONE, ONE, max_weight=-1), ValueError, r"max_weight must be in \[0.0, inf\]"),
        (lambda: cispo_loss(ONE, ONE, ONE / 0), ValueError, "advantages must be finite where it counts"),
        (lambda: sapo_loss(ONE, ONE, ONE, tau_positive=0), ValueError, "tau_positive must be greater than 0"),
        (lambda: sapo_loss(ONE, ONE, ONE, tau_negative=-1), ValueError, "tau_negative must be in"),
        (lambda: dppo_loss(ONE, ONE, ONE, max_move=-1), ValueError, "max_move must be in"),
        (lambda: batch_advantages(ROW), ValueError, r"rewards must have shape \(N, G\), got \(2,\)"),
        (lambda: batch_advantages(ONE, eps=-1), ValueError, "eps must be in"),
        (lambda: maxrl_advantages(ONE - 1), ValueError, "rewards must be at least 0, got -1.0"),
        (lambda: best_of_n_advantages(ONE.long()), TypeError, "rewards must be a floating-point tensor"),
        (lambda: mixed_groups(ONE / 0), ValueError, "rewards must be finite"),
        (lambda: cdpo_loss(ROW, ROW, label_smoothing=0.6), ValueError, r"label_smoothing must be in \[0.0, 0.5\]"),
        (lambda: ipo_loss(ROW, ROW, beta=0), ValueError, "beta must be greater than 0"),
        (lambda: ipo_loss(ROW, ROW, ROW), ValueError, "must be given together"),
        (lambda: simpo_loss(ROW, ROW, ROW + 1, ROW), ValueError, "rejected_lengths must be at least 1, got 0.0"),
        (lambda: simpo_loss(ROW, ROW, ROW + 1, ROW + 1, margin=-1), ValueError, "margin must be in"),
        (
            lambda: orpo_loss(ROW, ROW - 1, ROW + 1, ROW + 1),
            ValueError,
            "^chosen_logprobs must be less than 0, got 0.0",
        ),
        (lambda: orpo_loss(ROW - 1, ROW, ROW + 1, ROW + 1), ValueError, "^rejected_logprobs must be less than 0"),
        (lambda: orpo_loss(ROW - 1, ROW - 1, ROW + 1, ROW[:1] + 1), ValueError, "shapes must match"),
        (lambda: kto_loss(ROW, ROW, ROW + 0.5), ValueError, "desirable must hold only 0 and 1"),
        (lambda: kto_loss(ROW, ROW, [1, 0]), TypeError, "desirable must be a torch.Tensor, got list"),
        (lambda: kto_loss(ROW, ROW, ROW, batch_kl=-1), ValueError, "batch_kl must be in"),
        (lambda: on_policy_distillation_loss(ONE, ONE[:1]), ValueError, r"'teacher_logprobs': \(1, 3\)"),
        (lambda: distillation_kl(ONE, ONE), ValueError, r"next_logprobs must have shape \(B, T, V\)"),
        (lambda: distillation_kl(ONE[None], ONE[None], direction="both"), ValueError, "direction must be one of"),
        (lambda: verifier_reward(ONE, bool), TypeError, "completion_ids must hold token ids"),
        (lambda: on_policy_distillation_loss(ONE, ONE / 0), ValueError, "^teacher_logprobs must be finite"),
        (lambda: on_policy_distillation_loss(ONE / 0, ONE), ValueError, "^logprobs must be finite"),
        (lambda: verifier_reward(ONE.long(), "regex"), TypeError, "passes must be a function .* got str"),
        (
            lambda: verifier_reward(ONE.long(), lambda ids: None),
            TypeError,
            "passes must return True or False, got None",
        ),
        (
            lambda: verifier_reward(ONE.long(), lambda ids: np.array([True, False])),
            TypeError,
            r"passes must return True or False, got array\(\[ True, False\]\)",
        ),
        (
            lambda: verifier_reward(ONE.long(), lambda ids: ONE),
            TypeError,
            "passes must return True or False, got tensor",
        ),
        (lambda: verifier_reward(ONE.long(), len), TypeError, "passes must return True or False, got 3"),
        (lambda: overlong_penalty(ROW / 0, max_length=9, grace=1), ValueError, "lengths must be finite"),
        (lambda: overlong_penalty(ROW, max_length=0, grace=1), ValueError, "max_length must be greater than 0"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
