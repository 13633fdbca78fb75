import math

import pytest
import torch
from support.enumeration import F64, TablePolicy, all_sequences, assert_gradient, gradient, normals, random_table

from rlhf_helpers import (
    baby_ppo_loss,
    grpo_loss,
    kl_estimate,
    ppo_loss,
    reinforce_loss,
    reweighted_ppo_loss,
    sequence_logprobs,
    token_logprobs,
)

LOGPROBS = -normals(0, 3, 4).abs() - 0.1
OLD = LOGPROBS + 0.3 * normals(4, 3, 4)  # ratios on both sides of the clip range
REF = LOGPROBS + 0.5 * normals(2, 3, 4)
ADVANTAGES = normals(3, 3, 4)
MASK = torch.tensor([[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]], dtype=F64)
WEIGHTS = {  # of each token in each average, under MASK
    "token_mean": MASK / MASK.sum(),
    "sequence_mean": MASK / MASK.sum(1, keepdim=True).clamp(min=1) / 3,
    "fixed_length": MASK / 12,
}
RATIO = (LOGPROBS - OLD).exp()


def test_the_ratios_of_these_tests_lie_on_both_sides_of_the_clip():
    assert (RATIO > 1.2).any()
    assert (RATIO < 0.8).any()
    assert ((RATIO > 0.8) & (RATIO < 1.2)).any()


# ppo_loss


def clip_is_active(ratio, advantages, clip_eps):
    return ((advantages > 0) & (ratio > 1 + clip_eps)) | ((advantages < 0) & (ratio < 1 - clip_eps))


@pytest.mark.parametrize("how", WEIGHTS)
@pytest.mark.parametrize("kl_kind", ["k1", "k2", "k3"])
@pytest.mark.parametrize("clip_eps", [0.1, math.inf])
def test_ppo_gradient(how, kl_kind, clip_eps):
    pull = {"k1": torch.ones_like(REF), "k2": LOGPROBS - REF, "k3": 1 - (REF - LOGPROBS).exp()}[kl_kind]
    push = torch.where(clip_is_active(RATIO, ADVANTAGES, clip_eps), 0.0, RATIO * ADVANTAGES)
    knobs = {"ref_logprobs": REF, "kl_coeff": 0.7, "clip_eps": clip_eps, "kl_kind": kl_kind, "how": how}
    assert_gradient(lambda x: ppo_loss(x, OLD, ADVANTAGES, MASK, **knobs), LOGPROBS, WEIGHTS[how] * (0.7 * pull - push))


def test_ppo_value_token_by_token():
    total, count = 0.0, 0
    for i in range(3):
        for t in range(4):
            if MASK[i, t]:
                rho, a = RATIO[i, t].item(), ADVANTAGES[i, t].item()
                r = math.exp(REF[i, t] - LOGPROBS[i, t])
                total += -min(rho * a, min(max(rho, 0.8), 1.2) * a) + 0.1 * (r - 1 - math.log(r))
                count += 1
    assert ppo_loss(LOGPROBS, OLD, ADVANTAGES, MASK, ref_logprobs=REF).item() == pytest.approx(total / count, rel=1e-12)


def test_ppo_sign_a_step_downhill_makes_good_tokens_likelier():
    slope = gradient(lambda x: ppo_loss(x, LOGPROBS, ADVANTAGES), LOGPROBS)
    assert torch.equal(-slope.sign(), ADVANTAGES.sign())


def test_ppo_pull_sign_a_step_downhill_moves_towards_the_reference():
    for kl_kind in ("k2", "k3"):
        slope = gradient(
            lambda x, kind=kl_kind: ppo_loss(x, LOGPROBS, 0 * ADVANTAGES, ref_logprobs=REF, kl_kind=kind), LOGPROBS
        )
        assert torch.equal(-slope.sign(), (REF - LOGPROBS).sign())


def test_ppo_zero():
    def loss(x):
        return ppo_loss(x, LOGPROBS, 0 * ADVANTAGES, ref_logprobs=LOGPROBS, kl_coeff=5.0, kl_kind="k2")

    assert loss(LOGPROBS).item() == 0.0
    assert torch.equal(gradient(loss, LOGPROBS), torch.zeros(3, 4, dtype=F64))


def test_ppo_without_a_reference_has_no_pull():
    plain = ppo_loss(LOGPROBS, OLD, ADVANTAGES, kl_coeff=9.0)
    assert plain == ppo_loss(LOGPROBS, OLD, ADVANTAGES, ref_logprobs=REF, kl_coeff=0.0)
    pulled = ppo_loss(LOGPROBS, OLD, ADVANTAGES, ref_logprobs=REF, kl_coeff=9.0)
    torch.testing.assert_close(pulled - plain, 9.0 * kl_estimate(LOGPROBS, REF).mean())


def test_only_the_trained_policy_gets_a_gradient():
    constants = [x.clone().requires_grad_() for x in (OLD, REF, ADVANTAGES, ADVANTAGES.sigmoid())]
    logprobs = LOGPROBS.clone().requires_grad_()
    ppo_loss(logprobs, constants[0], constants[2], ref_logprobs=constants[1]).backward()
    assert logprobs.grad.abs().sum() > 0
    assert all(x.grad is None for x in constants)
    logprobs.grad = None
    reweighted_ppo_loss(logprobs, constants[0], constants[3]).backward()
    baby_ppo_loss(logprobs, constants[0], constants[2]).backward()
    reinforce_loss(logprobs, constants[2]).backward()
    assert all(x.grad is None for x in constants)


def test_ppo_first_step_is_reinforce():
    for how in WEIGHTS:
        torch.testing.assert_close(
            gradient(lambda x, how=how: ppo_loss(x, LOGPROBS, ADVANTAGES, MASK, how=how), LOGPROBS),
            gradient(lambda x, how=how: reinforce_loss(x, ADVANTAGES, MASK, how=how), LOGPROBS),
        )


def test_reinforce_gradient_is_the_policy_gradient_by_enumeration():
    # all completions, weighed by their probability: the loss on (B,) advantages has the gradient of the mean reward
    table, sequences = random_table(3, seed=5), all_sequences(3, 3)
    policy, prompt_ids = TablePolicy(table), torch.zeros(27, 1, dtype=torch.int64)
    rewards = (sequences == 1).sum(1).to(F64) - 0.7 * (sequences[:, 0] == 2)
    logprobs = token_logprobs(policy, prompt_ids, sequences)
    probability = sequence_logprobs(logprobs).exp()
    (true,) = torch.autograd.grad(probability @ rewards, policy.logits, retain_graph=True)
    loss = reinforce_loss(logprobs, (probability * rewards).detach() * 27, how="fixed_length") * 3
    (ours,) = torch.autograd.grad(loss, policy.logits)
    torch.testing.assert_close(-ours, true)


# reinforce_loss


@pytest.mark.parametrize("how", WEIGHTS)
def test_reinforce_gradient(how):
    assert_gradient(lambda x: reinforce_loss(x, ADVANTAGES, MASK, how=how), LOGPROBS, -WEIGHTS[how] * ADVANTAGES)
    value = -(WEIGHTS[how] * ADVANTAGES * LOGPROBS).sum()
    torch.testing.assert_close(reinforce_loss(LOGPROBS, ADVANTAGES, MASK, how=how), value)


def test_reinforce_zero():
    assert reinforce_loss(LOGPROBS, 0 * ADVANTAGES).item() == 0.0


def test_one_advantage_for_each_row():
    per_row = torch.tensor([1.0, -2.0, 0.5], dtype=F64)
    per_token = per_row[:, None].repeat(1, 4)
    assert reinforce_loss(LOGPROBS, per_row, MASK) == reinforce_loss(LOGPROBS, per_token, MASK)
    assert ppo_loss(LOGPROBS, OLD, per_row, MASK) == ppo_loss(LOGPROBS, OLD, per_token, MASK)
    assert grpo_loss(LOGPROBS, OLD, per_row, MASK) == grpo_loss(LOGPROBS, OLD, per_token, MASK)
    assert baby_ppo_loss(LOGPROBS, OLD, per_row) == baby_ppo_loss(LOGPROBS, OLD, per_token)


# grpo_loss


def test_grpo_is_ppo_with_k3_and_a_sequence_mean():
    grpo = grpo_loss(LOGPROBS, OLD, ADVANTAGES, MASK, ref_logprobs=REF)
    ppo = ppo_loss(LOGPROBS, OLD, ADVANTAGES, MASK, ref_logprobs=REF, kl_coeff=0.04, kl_kind="k3", how="sequence_mean")
    assert grpo == ppo
    assert grpo != ppo_loss(LOGPROBS, OLD, ADVANTAGES, MASK, ref_logprobs=REF, kl_coeff=0.04)  # another average
    by_row = -torch.minimum(RATIO * ADVANTAGES, RATIO.clamp(0.8, 1.2) * ADVANTAGES) + 0.04 * kl_estimate(LOGPROBS, REF)
    rows = [by_row[i][MASK[i] == 1].mean() if MASK[i].any() else torch.zeros((), dtype=F64) for i in range(3)]
    torch.testing.assert_close(grpo, torch.stack(rows).mean())


def test_grpo_sign_zero_and_knobs():
    advantages = torch.tensor([1.0, -1.0, 0.0], dtype=F64)
    slope = gradient(lambda x: grpo_loss(x, LOGPROBS, advantages), LOGPROBS)
    assert torch.equal(-slope.sign(), advantages[:, None].repeat(1, 4))
    assert grpo_loss(LOGPROBS, LOGPROBS, 0 * advantages, ref_logprobs=LOGPROBS).item() == 0.0
    assert grpo_loss(LOGPROBS, LOGPROBS, advantages).item() == pytest.approx(0.0, abs=1e-15)  # on fresh samples
    for knobs in ({"clip_eps": 0.05}, {"how": "token_mean"}, {"kl_coeff": 1.0}):
        theirs = {"kl_coeff": 0.04, "how": "sequence_mean"} | knobs
        assert grpo_loss(LOGPROBS, OLD, ADVANTAGES, MASK, ref_logprobs=REF, **knobs) == ppo_loss(
            LOGPROBS, OLD, ADVANTAGES, MASK, ref_logprobs=REF, **theirs
        )


# masks


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "loss",
    [
        lambda logprobs, old, ref, a, mask: ppo_loss(logprobs, old, a, mask, ref_logprobs=ref),
        lambda logprobs, old, ref, a, mask: ppo_loss(logprobs, old, a, mask, ref_logprobs=ref, kl_kind="k2"),
        lambda logprobs, old, ref, a, mask: grpo_loss(logprobs, old, a, mask, ref_logprobs=ref),
        lambda logprobs, old, ref, a, mask: reinforce_loss(logprobs, a, mask),
    ],
)
def test_what_is_masked_reaches_neither_value_nor_gradient(loss, bad):
    clean = [LOGPROBS, OLD, REF, ADVANTAGES]
    dirty = [torch.where(MASK.bool(), x, bad) for x in clean]
    value, slope = loss(*clean, MASK), gradient(lambda x: loss(x, *clean[1:], MASK), LOGPROBS)
    for mask in (MASK, MASK.bool(), MASK.float()):
        assert loss(*dirty, mask) == value
        assert torch.equal(gradient(lambda x, mask=mask: loss(x, *dirty[1:], mask), dirty[0]), slope)
    assert torch.equal(slope == 0, MASK == 0)


# the two losses of the book's own making


def test_baby_ppo_value_and_gradient():
    rewards = (ADVANTAGES > 0).to(F64)
    by_hand = -(RATIO * rewards).mean() + 0.3 * (OLD - LOGPROBS).mean()
    torch.testing.assert_close(baby_ppo_loss(LOGPROBS, OLD, rewards, kl_coeff=0.3), by_hand)
    closed_form = -(RATIO * rewards + 0.3) / 12
    assert_gradient(lambda x: baby_ppo_loss(x, OLD, rewards, kl_coeff=0.3), LOGPROBS, closed_form)
    assert baby_ppo_loss(LOGPROBS, LOGPROBS, 0 * rewards).item() == 0.0
    assert baby_ppo_loss(LOGPROBS[0], OLD[0], rewards[0]) == baby_ppo_loss(LOGPROBS[:1], OLD[:1], rewards[:1])


def test_baby_ppo_sign():
    slope = gradient(lambda x: baby_ppo_loss(x, LOGPROBS, ADVANTAGES, kl_coeff=0.0), LOGPROBS)
    assert torch.equal(-slope.sign(), ADVANTAGES.sign())


def test_baby_ppo_penalty_pulls_nowhere_on_average():
    # on-policy, over all tokens of a distribution: the penalty is the k1 loss, and its gradient is zero in expectation
    logits = random_table(6, seed=2)[0]
    probs = logits.exp()

    def penalty(z):  # the mean over tokens as the policy draws them, by weighing each with its probability
        logp = z.log_softmax(-1)
        none = torch.zeros(1, dtype=F64)
        return sum(probs[a] * baby_ppo_loss(logp[a, None], logits[a, None], none, kl_coeff=1.0) for a in range(6))

    torch.testing.assert_close(gradient(penalty, logits), torch.zeros(6, dtype=F64), rtol=0, atol=1e-14)


def test_reweighted_ppo_value_and_gradient():
    preference = ADVANTAGES.sigmoid()
    weight = preference * RATIO + (1 - preference)
    torch.testing.assert_close(reweighted_ppo_loss(LOGPROBS, OLD, preference), -weight.log().mean())
    assert_gradient(lambda x: reweighted_ppo_loss(x, OLD, preference), LOGPROBS, -preference * RATIO / weight / 12)
    assert reweighted_ppo_loss(LOGPROBS, LOGPROBS, preference).item() == pytest.approx(0.0, abs=1e-15)


def test_reweighted_ppo_is_maximum_likelihood_at_one_and_silent_at_zero():
    ones, zeros = torch.ones_like(LOGPROBS), torch.zeros_like(LOGPROBS)
    likelihood = gradient(lambda x: -x.mean(), LOGPROBS)
    torch.testing.assert_close(gradient(lambda x: reweighted_ppo_loss(x, OLD, ones), LOGPROBS), likelihood)
    assert torch.equal(gradient(lambda x: reweighted_ppo_loss(x, OLD, zeros), LOGPROBS), zeros)
    assert reweighted_ppo_loss(LOGPROBS, OLD, zeros).item() == 0.0


@pytest.mark.parametrize("gap", [-1e4, -800.0, 800.0, 1e4])
def test_reweighted_ppo_is_exact_where_the_ratio_itself_would_overflow(gap):
    logprobs = torch.tensor([gap], dtype=F64)
    expected = -(gap + math.log(0.5)) if gap > 0 else -math.log(0.5)
    half = torch.tensor([0.5], dtype=F64)
    assert reweighted_ppo_loss(logprobs, torch.zeros(1, dtype=F64), half).item() == pytest.approx(expected)


# refusing

ONE = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: ppo_loss(ONE, ONE[:, :2], ONE),
            ValueError,
            r"shapes must match, got {'logprobs': \(2, 3\), 'old_logprobs': \(2, 2\)}",
        ),
        (lambda: ppo_loss(ONE, ONE, ONE, ref_logprobs=ONE[:1]), ValueError, r"'ref_logprobs': \(1, 3\)}"),
        (lambda: ppo_loss(ONE, ONE, ONE[0]), ValueError, r"advantages be one value for each row\), .*\(3,\)"),
        (lambda: ppo_loss(ONE, ONE, ONE, ONE[:, :1]), ValueError, r"'completion_mask': \(2, 1\), 'tokens': \(2, 3\)"),
        (lambda: ppo_loss(ONE[0], ONE[0], ONE[0]), ValueError, r"logprobs must have shape \(B, T\), got \(3,\)"),
        (lambda: ppo_loss(ONE[:0], ONE[:0], ONE[:0]), ValueError, r"logprobs must not be empty, got shape \(0, 3\)"),
        (lambda: ppo_loss(ONE, None, ONE), TypeError, "old_logprobs must be a torch.Tensor, got NoneType"),
        (lambda: ppo_loss(ONE, ONE, None), TypeError, "advantages must be a torch.Tensor, got NoneType"),
        (lambda: ppo_loss(ONE, ONE.long(), ONE), TypeError, "old_logprobs must be a floating-point tensor, got"),
        (lambda: ppo_loss(ONE, ONE, ONE.long()), TypeError, "advantages must be a floating-point tensor"),
        (lambda: ppo_loss(ONE, ONE, ONE, ONE.long()), TypeError, "completion_mask must be a bool or floating-point"),
        (lambda: ppo_loss(ONE - math.inf, ONE, ONE), ValueError, "logprobs must be finite where it counts, .* -inf"),
        (lambda: ppo_loss(ONE, ONE - math.inf, ONE), ValueError, "old_logprobs must be finite where it counts"),
        (lambda: ppo_loss(ONE, ONE, ONE * math.nan), ValueError, "advantages must be finite where it counts"),
        (lambda: ppo_loss(ONE, ONE, ONE, ref_logprobs=ONE * math.nan), ValueError, "ref_logprobs must be finite"),
        (lambda: ppo_loss(ONE, ONE, ONE, kl_coeff=-0.1), ValueError, r"kl_coeff must be in \[0.0, inf\), got -0.1"),
        (lambda: ppo_loss(ONE, ONE, ONE, kl_coeff=math.inf), ValueError, "kl_coeff must be .* got inf"),
        (lambda: ppo_loss(ONE, ONE, ONE, kl_coeff="big"), TypeError, "kl_coeff must be a number, got str"),
        (lambda: ppo_loss(ONE, ONE, ONE, clip_eps=-0.2), ValueError, r"clip_eps must be in \[0.0, inf\], got -0.2"),
        (lambda: ppo_loss(ONE, ONE, ONE, ref_logprobs=ONE, kl_kind="k0"), ValueError, "kl_kind must be one of 'k1'"),
        (lambda: ppo_loss(ONE, ONE, ONE, kl_kind="k0"), ValueError, "kl_kind must be one of .* got 'k0'"),
        (lambda: ppo_loss(ONE, ONE, ONE, how="sum"), ValueError, "how must be one of .* got 'sum'"),
        (lambda: ppo_loss(ONE, ONE, ONE, None, ONE), TypeError, "positional"),  # knobs are given by name
        (lambda: grpo_loss(ONE, ONE, ONE, kl_coeff=math.nan), ValueError, "kl_coeff must be .* got nan"),
        (lambda: grpo_loss(ONE, ONE, ONE, clip_eps=math.nan), ValueError, "clip_eps must be .* got nan"),
        (lambda: grpo_loss(ONE, ONE, ONE, how=None), ValueError, "how must be one of .* got None"),
        (lambda: grpo_loss(ONE, ONE[:1], ONE), ValueError, r"shapes must match, .*'old_logprobs': \(1, 3\)"),
        (lambda: reinforce_loss(ONE, ONE[:1]), ValueError, r"'advantages': \(1, 3\), 'tokens': \(2, 3\)"),
        (lambda: reinforce_loss(ONE[0], ONE[0]), ValueError, r"logprobs must have shape \(B, T\)"),
        (lambda: reinforce_loss(ONE - math.inf, ONE), ValueError, "logprobs must be finite where it counts"),
        (lambda: reinforce_loss(ONE, ONE - math.inf), ValueError, "advantages must be finite where it counts"),
        (lambda: reinforce_loss(ONE, ONE, how="max"), ValueError, "how must be one of .* got 'max'"),
        (lambda: reinforce_loss(ONE.long(), ONE), TypeError, "logprobs must be a floating-point tensor"),
        (lambda: baby_ppo_loss(ONE, ONE[:1], ONE), ValueError, r"shapes must match, .*'old_logprobs': \(1, 3\)"),
        (lambda: baby_ppo_loss(ONE, ONE, ONE[:, :1]), ValueError, r"'rewards': \(2, 1\), 'tokens': \(2, 3\)"),
        (lambda: baby_ppo_loss(ONE, ONE, ONE.long()), TypeError, "rewards must be a floating-point tensor"),
        (lambda: baby_ppo_loss(ONE, ONE, ONE / 0), ValueError, "rewards must be finite"),
        (lambda: baby_ppo_loss(ONE, ONE, ONE, kl_coeff=-1), ValueError, r"kl_coeff must be in \[0.0, inf\), got -1"),
        (lambda: baby_ppo_loss(ONE[:, :0], ONE[:, :0], ONE[:, :0]), ValueError, "logprobs must not be empty"),
        (
            lambda: reweighted_ppo_loss(ONE, ONE, ONE + 1.5),
            ValueError,
            r"preference must be in \[0, 1\], got values from 1.5",
        ),
        (
            lambda: reweighted_ppo_loss(ONE, ONE, ONE - 0.5),
            ValueError,
            r"preference must be in \[0, 1\], got values from -0.5",
        ),
        (lambda: reweighted_ppo_loss(ONE, ONE, ONE * math.nan), ValueError, "preference must be finite"),
        (lambda: reweighted_ppo_loss(ONE, ONE, ONE[0]), ValueError, r"shapes must match, .*'preference': \(3,\)"),
        (lambda: reweighted_ppo_loss(ONE, ONE, ONE.bool()), TypeError, "preference must be a floating-point tensor"),
        (lambda: reweighted_ppo_loss(ONE - math.inf, ONE, ONE), ValueError, "logprobs must be finite"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
