import math

import pytest
import torch
from support.enumeration import F64, all_sequences, assert_gradient, gradient, normals, random_logprobs, random_table
from torch.nn.functional import logsigmoid

from rlhf_helpers import (
    bradley_terry_loss,
    dpo_loss,
    group_advantages,
    grpo_loss,
    reinforce_loss,
    rloo_advantages,
    spo_loss,
)

CHOSEN, REJECTED, REF_CHOSEN, REF_REJECTED = (-3 * normals(seed, 5).abs() for seed in range(4))
SCORES_A, SCORES_B = normals(4, 5), normals(5, 5)


# dpo_loss


@pytest.mark.parametrize("beta", [0.1, 2.0])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2, torch.tensor([0.0, 0.1, 0.2, 0.4, 0.5], dtype=F64)])
def test_dpo_value_and_gradient(beta, label_smoothing):
    h = beta * ((CHOSEN - REF_CHOSEN) - (REJECTED - REF_REJECTED))
    e = torch.as_tensor(label_smoothing, dtype=F64)
    by_hand = -((1 - e) * torch.log(1 / (1 + torch.exp(-h))) + e * torch.log(1 / (1 + torch.exp(h)))).mean()
    knobs = {"beta": beta, "label_smoothing": label_smoothing}
    torch.testing.assert_close(dpo_loss(CHOSEN, REJECTED, REF_CHOSEN, REF_REJECTED, **knobs), by_hand)
    slope = beta * (torch.sigmoid(h) - (1 - e)) / 5
    assert_gradient(lambda x: dpo_loss(x, REJECTED, REF_CHOSEN, REF_REJECTED, **knobs), CHOSEN, slope)
    assert_gradient(lambda x: dpo_loss(CHOSEN, x, REF_CHOSEN, REF_REJECTED, **knobs), REJECTED, -slope)


def test_dpo_sign_a_step_downhill_raises_the_chosen_and_lowers_the_rejected():
    assert (gradient(lambda x: dpo_loss(x, REJECTED, REF_CHOSEN, REF_REJECTED), CHOSEN) < 0).all()
    assert (gradient(lambda x: dpo_loss(CHOSEN, x, REF_CHOSEN, REF_REJECTED), REJECTED) > 0).all()


def test_dpo_where_policy_and_reference_agree():
    for beta in (0.1, 5.0):
        loss = dpo_loss(CHOSEN, REJECTED, CHOSEN, REJECTED, beta=beta)
        assert loss.item() == pytest.approx(math.log(2), rel=1e-12)


def test_dpo_without_a_reference_takes_it_as_uniform_and_at_beta_one_is_the_plain_logistic_loss():
    same = torch.full_like(CHOSEN, -7.0)
    torch.testing.assert_close(dpo_loss(CHOSEN, REJECTED), dpo_loss(CHOSEN, REJECTED, same, same))
    torch.testing.assert_close(dpo_loss(CHOSEN, REJECTED, beta=1.0), -logsigmoid(CHOSEN - REJECTED).mean())


def test_dpo_gradient_depends_on_both_references_with_opposite_signs():
    # swapping the two references must not go unseen
    assert dpo_loss(CHOSEN, REJECTED, REF_CHOSEN, REF_REJECTED) != dpo_loss(CHOSEN, REJECTED, REF_REJECTED, REF_CHOSEN)
    easier = dpo_loss(CHOSEN, REJECTED, REF_CHOSEN - 1, REF_REJECTED)
    harder = dpo_loss(CHOSEN, REJECTED, REF_CHOSEN, REF_REJECTED - 1)
    assert easier < dpo_loss(CHOSEN, REJECTED, REF_CHOSEN, REF_REJECTED) < harder


def test_dpo_minimum_is_the_tilted_reference():
    # all pairs of a small vocabulary, judged by a Bradley-Terry judge: pi ~ ref * exp(reward / beta) has no gradient
    ref, reward, beta = random_logprobs(5, seed=1), normals(6, 5), 0.7
    pairs = all_sequences(5, 2)
    a, b = pairs[:, 0], pairs[:, 1]
    better = torch.where(reward[a] >= reward[b], a, b)
    worse = torch.where(reward[a] >= reward[b], b, a)
    doubt = torch.sigmoid(reward[worse] - reward[better])  # how often the judge prefers the worse

    def loss(logits):
        logp = logits.log_softmax(-1)
        return dpo_loss(logp[better], logp[worse], ref[better], ref[worse], beta=beta, label_smoothing=doubt)

    optimum = ref + reward / beta
    torch.testing.assert_close(gradient(loss, optimum), torch.zeros(5, dtype=F64), rtol=0, atol=1e-12)
    assert gradient(loss, ref).norm() > 1e-2
    assert gradient(loss, ref + reward).norm() > 1e-3  # another beta has another optimum


def test_label_smoothing_of_a_half_knows_nothing():
    def loss(x):
        return dpo_loss(x, REJECTED, REJECTED, REJECTED, beta=1.0, label_smoothing=0.5)

    assert torch.equal(gradient(loss, REJECTED), torch.zeros(5, dtype=F64))
    assert (gradient(loss, REJECTED + 1) > 0).all()  # any margin is too sure


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_logsigmoid_holds_where_log_of_sigmoid_does_not(dtype):
    chosen = torch.tensor([-1000.0], dtype=dtype, requires_grad=True)
    loss = dpo_loss(chosen, torch.zeros(1, dtype=dtype), beta=1.0)
    loss.backward()
    assert loss.item() == 1000.0
    assert chosen.grad.item() == -1.0


# spo_loss


def test_spo_value_gradient_sign_and_zero():
    by_hand = (
        -sum(
            (sa - sb) * (la - lb)
            for sa, sb, la, lb in zip(*(x.tolist() for x in (SCORES_A, SCORES_B, CHOSEN, REJECTED)), strict=True)
        )
        / 5
    )
    assert spo_loss(CHOSEN, REJECTED, SCORES_A, SCORES_B).item() == pytest.approx(by_hand, rel=1e-12)
    gap = SCORES_A - SCORES_B
    assert_gradient(lambda x: spo_loss(x, REJECTED, SCORES_A, SCORES_B), CHOSEN, -gap / 5)
    assert_gradient(lambda x: spo_loss(CHOSEN, x, SCORES_A, SCORES_B), REJECTED, gap / 5)
    assert spo_loss(CHOSEN, REJECTED, SCORES_A, SCORES_A).item() == 0.0
    torch.testing.assert_close(  # a pair has no order
        spo_loss(CHOSEN, REJECTED, SCORES_A, SCORES_B), spo_loss(REJECTED, CHOSEN, SCORES_B, SCORES_A)
    )


def test_spo_is_twice_rloo_and_four_times_unnormalized_grpo():
    # every pair of a small vocabulary, one by one
    logits, reward = random_table(4, seed=3)[0], normals(7, 4)
    for pair in all_sequences(4, 2):
        scores = reward[pair][None]  # (1, 2)

        def spo(z, pair=pair, scores=scores):
            logp = z.log_softmax(-1)[pair]
            return spo_loss(logp[:1], logp[1:], scores[:, 0], scores[:, 1])

        def rloo(z, pair=pair, scores=scores):
            return reinforce_loss(z.log_softmax(-1)[pair][:, None], rloo_advantages(scores)[0])

        def grpo(z, pair=pair, scores=scores):
            logp = z.log_softmax(-1)[pair][:, None]
            return grpo_loss(logp, logp.detach(), group_advantages(scores, normalize=False)[0])

        torch.testing.assert_close(gradient(spo, logits), 2 * gradient(rloo, logits), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(gradient(spo, logits), 4 * gradient(grpo, logits), rtol=1e-12, atol=1e-14)


# bradley_terry_loss


@pytest.mark.parametrize("margin", [0.0, 1.5, -0.5, torch.linspace(-1.0, 2.0, 5, dtype=F64)])
def test_bradley_terry_value_and_gradient(margin):
    gap = SCORES_A - SCORES_B - margin
    torch.testing.assert_close(
        bradley_terry_loss(SCORES_A, SCORES_B, margin=margin), torch.log(1 + torch.exp(-gap)).mean()
    )
    slope = -torch.sigmoid(-gap) / 5
    assert_gradient(lambda x: bradley_terry_loss(x, SCORES_B, margin=margin), SCORES_A, slope)
    assert_gradient(lambda x: bradley_terry_loss(SCORES_A, x, margin=margin), SCORES_B, -slope)
    assert (slope < 0).all()  # downhill is up for the chosen


def test_bradley_terry_zero_and_what_cannot_be_seen():
    assert bradley_terry_loss(SCORES_A, SCORES_A).item() == pytest.approx(math.log(2), rel=1e-12)
    torch.testing.assert_close(
        bradley_terry_loss(SCORES_A, SCORES_B), bradley_terry_loss(SCORES_A + 100, SCORES_B + 100)
    )


def test_a_larger_margin_asks_for_more():
    losses = [bradley_terry_loss(SCORES_A, SCORES_B, margin=m).item() for m in (-1.0, 0.0, 1.0)]
    assert losses[0] < losses[1] < losses[2]


def test_only_the_trained_policy_gets_a_gradient():
    constants = [x.clone().requires_grad_() for x in (REF_CHOSEN, REF_REJECTED, SCORES_A, SCORES_B)]
    chosen, rejected = CHOSEN.clone().requires_grad_(), REJECTED.clone().requires_grad_()
    (dpo_loss(chosen, rejected, *constants[:2]) + spo_loss(chosen, rejected, *constants[2:])).backward()
    assert chosen.grad.abs().sum() > 0
    assert rejected.grad.abs().sum() > 0
    assert all(x.grad is None for x in constants)


# refusing

ONE = torch.zeros(3)


@pytest.mark.parametrize("loss", [dpo_loss, bradley_terry_loss, lambda a, b: spo_loss(a, b, ONE, ONE)])
@pytest.mark.parametrize(
    ("a", "b", "error", "message"),
    [
        (ONE, ONE[:2], ValueError, r"shapes must match, got {'\w+': \(3,\), '\w+': \(2,\)"),
        (ONE[:, None], ONE[:, None], ValueError, r"\w+ must have shape \(B,\), got \(3, 1\)"),
        (ONE[0], ONE[0], ValueError, r"\w+ must have shape \(B,\), got \(\)"),
        (ONE[:0], ONE[:0], ValueError, r"\w+ must not be empty, got shape \(0,\)"),
        (ONE.long(), ONE, TypeError, r"(chosen_\w+|logprobs_a) must be a floating-point tensor, got torch.int64"),
        (ONE, None, TypeError, r"(rejected_\w+|logprobs_b) must be a torch.Tensor, got NoneType"),
        (ONE - math.inf, ONE, ValueError, r"(chosen_\w+|logprobs_a) must be finite where it counts, got 3 non-finite"),
        (ONE, ONE + math.nan, ValueError, r"(rejected_\w+|logprobs_b) must be finite where it counts, .* is nan"),
    ],
)
def test_pairs_refuse(loss, a, b, error, message):
    with pytest.raises(error, match=message):
        loss(a, b)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dpo_loss(ONE, ONE, ONE), ValueError, "ref_chosen_logprobs and ref_rejected_logprobs must be given"),
        (lambda: dpo_loss(ONE, ONE, None, ONE), ValueError, "must be given together, got one of them"),
        (lambda: dpo_loss(ONE, ONE, ONE, ONE[:2]), ValueError, r"'ref_rejected_logprobs': \(2,\)"),
        (lambda: dpo_loss(ONE, ONE, ONE, ONE - math.inf), ValueError, "ref_rejected_logprobs must be finite"),
        (lambda: dpo_loss(ONE, ONE, beta=-0.1), ValueError, r"beta must be in \[0.0, inf\), got -0.1"),
        (lambda: dpo_loss(ONE, ONE, beta=math.nan), ValueError, "beta must be .* got nan"),
        (lambda: dpo_loss(ONE, ONE, beta=math.inf), ValueError, "beta must be .* got inf"),
        (lambda: dpo_loss(ONE, ONE, beta=None), TypeError, "beta must be a number, got NoneType"),
        (lambda: dpo_loss(ONE, ONE, label_smoothing=0.6), ValueError, r"label_smoothing must be in \[0.0, 0.5\], got"),
        (lambda: dpo_loss(ONE, ONE, label_smoothing=-0.1), ValueError, "label_smoothing must be .* got -0.1"),
        (lambda: dpo_loss(ONE, ONE, label_smoothing=math.nan), ValueError, "label_smoothing must be .* got nan"),
        (lambda: dpo_loss(ONE, ONE, label_smoothing=ONE + 0.7), ValueError, r"label_smoothing must be in \[0, 0.5\]"),
        (lambda: dpo_loss(ONE, ONE, label_smoothing=ONE * math.nan), ValueError, "label_smoothing must be in"),
        (lambda: dpo_loss(ONE, ONE, label_smoothing=ONE[:2]), ValueError, r"'label_smoothing': \(2,\)"),
        (lambda: dpo_loss(ONE, ONE, ONE, ONE, 0.1), TypeError, "positional"),
        (lambda: spo_loss(ONE, ONE, ONE, ONE[:2]), ValueError, r"'scores_b': \(2,\)"),
        (lambda: spo_loss(ONE, ONE, ONE.long(), ONE), TypeError, "scores_a must be a floating-point tensor"),
        (lambda: spo_loss(ONE, ONE, ONE, ONE / 0), ValueError, "scores_b must be finite"),
        (lambda: bradley_terry_loss(ONE, ONE, margin=math.nan), ValueError, "margin must be .* got nan"),
        (lambda: bradley_terry_loss(ONE, ONE, margin=math.inf), ValueError, "margin must be .* got inf"),
        (lambda: bradley_terry_loss(ONE, ONE, margin=-math.inf), ValueError, "margin must be .* got -inf"),
        (lambda: bradley_terry_loss(ONE, ONE, margin=ONE[:2]), ValueError, r"'margin': \(2,\)"),
        (lambda: bradley_terry_loss(ONE, ONE, margin=ONE * math.nan), ValueError, "margin must be finite"),
        (lambda: bradley_terry_loss(ONE, ONE, margin="wide"), TypeError, "margin must be a number, got str"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
