import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.enumeration import F64, assert_gradient, finite_difference, gradient, kl, random_logprobs

from rlhf_helpers import aggregate, clipped_surrogate, kl_estimate, policy_ratio

POLICY, REFERENCE = random_logprobs(6, seed=2), random_logprobs(6, seed=6)  # neither symmetric nor alike
KINDS = ("k1", "k2", "k3")


# KL, by enumeration: every token weighed by its probability


def expected_value(logp, logq, kind):
    return logp.exp() @ kl_estimate(logp, logq, kind)


def test_kl_of_the_two_test_policies_depends_on_the_direction():
    assert abs(kl(POLICY, REFERENCE) - kl(REFERENCE, POLICY)) > 0.1  # or swapped arguments would go unseen


@pytest.mark.parametrize("kind", ["k1", "k3"])
def test_k1_and_k3_are_unbiased(kind):
    torch.testing.assert_close(expected_value(POLICY, REFERENCE, kind), kl(POLICY, REFERENCE))


def test_k2_is_half_the_mean_square_and_biased_unless_close():
    exact = kl(POLICY, REFERENCE)
    half_square = 0.5 * sum(
        math.exp(p) * (p - q) ** 2 for p, q in zip(POLICY.tolist(), REFERENCE.tolist(), strict=True)
    )
    assert expected_value(POLICY, REFERENCE, "k2").item() == pytest.approx(half_square, rel=1e-12)
    assert abs(half_square / exact - 1) > 0.1
    close = (POLICY + 0.01 * REFERENCE).log_softmax(-1)
    assert abs(expected_value(POLICY, close, "k2") / kl(POLICY, close) - 1) < 0.01


def test_kl_estimates_of_one_token():
    logp, logq = torch.tensor([0.8], dtype=F64).log(), torch.tensor([0.5], dtype=F64).log()
    r = 0.5 / 0.8
    assert kl_estimate(logp, logq, "k1").item() == pytest.approx(-math.log(r))
    assert kl_estimate(logp, logq, "k2").item() == pytest.approx(0.5 * math.log(r) ** 2)
    assert kl_estimate(logp, logq, "k3").item() == pytest.approx(r - 1 - math.log(r))
    assert torch.equal(kl_estimate(logp, logq), kl_estimate(logp, logq, "k3"))


def as_loss(logits, kind):
    """The mean estimate over tokens that the policy drew: the tokens are given, the estimate is differentiated."""
    logp = logits.log_softmax(-1)
    return logp.detach().exp() @ kl_estimate(logp, REFERENCE, kind)


TRUE_GRADIENT = {  # of what each estimate minimizes as a loss
    "k1": lambda logits: 0.0 * logits.sum(),
    "k2": lambda logits: kl(logits.log_softmax(-1), REFERENCE),
    "k3": lambda logits: kl(REFERENCE, logits.log_softmax(-1)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_as_a_loss_each_estimate_has_its_own_gradient(kind):
    ours = gradient(lambda z: as_loss(z, kind), POLICY)
    torch.testing.assert_close(ours, gradient(TRUE_GRADIENT[kind], POLICY), rtol=1e-10, atol=1e-14)
    others = [gradient(TRUE_GRADIENT[other], POLICY) for other in KINDS if other != kind]
    assert all((ours - other).norm() > 0.05 for other in others)


def in_reward(kind, start):
    """The policy gradient of a policy that is paid the estimate: detached, times log pi."""

    def surrogate(logits):
        logp = logits.log_softmax(-1)
        return (logp.exp() * kl_estimate(logp, REFERENCE, kind)).detach() @ logp

    return gradient(surrogate, start)


def test_in_the_reward_k1_is_right_and_k2_and_k3_are_not():
    near = (REFERENCE + 0.1 * POLICY).log_softmax(-1)  # where training spends its time
    for start in (POLICY, near):
        true = gradient(TRUE_GRADIENT["k2"], start)
        torch.testing.assert_close(in_reward("k1", start), true, rtol=1e-10, atol=1e-14)
    for kind in ("k2", "k3"):
        assert in_reward(kind, near).norm() < 0.2 * true.norm()


@pytest.mark.parametrize("kind", KINDS)
def test_sign_zero_and_gradient_of_each_estimate(kind):
    logp, logq = random_logprobs(5, seed=3), random_logprobs(5, seed=4)
    r = (logq - logp).exp()
    slope = {"k1": torch.ones_like(r), "k2": logp - logq, "k3": 1 - r}[kind]  # d estimate / d log pi
    assert_gradient(lambda x: kl_estimate(x, logq, kind).sum(), logp, slope)
    assert torch.equal(kl_estimate(logp, logp, kind), torch.zeros_like(logp))
    estimates = kl_estimate(logp, logq, kind)
    assert (estimates < 0).any() if kind == "k1" else (estimates > 0).all()


def test_the_reference_is_a_constant():
    logq = REFERENCE.clone().requires_grad_()
    assert not kl_estimate(POLICY, logq).requires_grad


def test_k3_keeps_its_digits_where_the_policies_are_close():
    gap = 1e-3
    estimate = kl_estimate(torch.tensor([-1.0]), torch.tensor([-1.0 + gap])).item()  # float32
    exact = math.expm1(gap) - gap
    assert estimate == pytest.approx(exact, rel=1e-3)


@given(st.floats(-50, 50), st.sampled_from(KINDS), st.sampled_from([torch.float32, F64]))
def test_log_ratios_of_fifty_stay_finite(gap, kind, dtype):
    logp = torch.tensor([-60.0], dtype=dtype, requires_grad=True)
    estimate = kl_estimate(logp, torch.tensor([-60.0 + gap], dtype=dtype), kind)
    estimate.sum().backward()
    assert estimate.isfinite().all()
    assert logp.grad.isfinite().all()


# ratio


def test_ratio_is_new_over_old():
    torch.testing.assert_close(policy_ratio(POLICY, REFERENCE), POLICY.exp() / REFERENCE.exp())
    assert torch.equal(policy_ratio(POLICY, POLICY), torch.ones(6, dtype=F64))
    assert_gradient(lambda x: policy_ratio(x, REFERENCE).sum(), POLICY, (POLICY - REFERENCE).exp())
    assert not policy_ratio(POLICY, REFERENCE.clone().requires_grad_()).requires_grad


def test_the_mean_ratio_of_fresh_samples_is_one():
    torch.testing.assert_close(REFERENCE.exp() @ policy_ratio(POLICY, REFERENCE), torch.ones((), dtype=F64))


@pytest.mark.parametrize(("dtype", "fits", "overflows"), [(torch.float32, 88.0, 89.0), (F64, 709.0, 710.0)])
def test_a_ratio_that_overflows_says_so(dtype, fits, overflows):
    old, one = torch.zeros(2, dtype=dtype), torch.tensor([1, 0], dtype=dtype)  # the other has not moved
    assert policy_ratio(old + fits * one, old).isfinite().all()
    with pytest.raises(ValueError, match=f"logprobs - old_logprobs must be at most .* got {overflows}: the ratio over"):
        policy_ratio(old + overflows * one, old)
    with pytest.raises(ValueError, match="ref_logprobs - logprobs must be at most .*lower the learning rate"):
        kl_estimate(old, old + overflows * one, "k3")


# clip


@pytest.mark.parametrize(
    ("ratio", "advantage", "objective", "slope"),
    [  # the six cases: below, inside and above the range, for a good and a bad token; slope is d objective / d ratio
        (0.5, 1.0, 0.5, 1.0),
        (1.1, 1.0, 1.1, 1.0),
        (1.5, 1.0, 1.2, 0.0),
        (0.5, -1.0, -0.8, 0.0),
        (1.1, -1.0, -1.1, -1.0),
        (1.5, -1.0, -1.5, -1.0),
    ],
)
def test_the_clip_stops_what_has_gone_far_enough_and_nothing_else(ratio, advantage, objective, slope):
    rho, a = torch.tensor([ratio], dtype=F64), torch.tensor([advantage], dtype=F64)
    torch.testing.assert_close(clipped_surrogate(rho, a), torch.tensor([objective], dtype=F64))
    assert_gradient(lambda x: clipped_surrogate(x, a).sum(), rho, torch.tensor([slope], dtype=F64))


def test_clip_is_pessimistic_and_no_clip_is_the_plain_product():
    ratio = torch.linspace(0.0, 3.0, 61, dtype=F64)
    for advantage in (2.0, -2.0):
        advantages = torch.full_like(ratio, advantage)
        clipped, plain = clipped_surrogate(ratio, advantages, clip_eps=0.3), ratio * advantages
        assert (clipped <= plain).all()
        outside = ratio > 1.3 + 1e-9 if advantage > 0 else ratio < 0.7 - 1e-9
        assert torch.equal(clipped < plain - 1e-12, outside)
        assert torch.equal(clipped_surrogate(ratio, advantages, clip_eps=math.inf), plain)


def test_at_ratio_one_the_gradient_is_the_advantage_even_without_room():
    advantages = torch.tensor([2.0, -3.0], dtype=F64)
    for eps in (0.0, 0.2):
        ones = torch.ones(2, dtype=F64)
        slope = gradient(lambda x, eps=eps: clipped_surrogate(x, advantages, clip_eps=eps).sum(), ones)
        torch.testing.assert_close(slope, advantages)


def test_one_advantage_for_each_row_spreads_over_its_tokens_and_is_a_constant():
    ratio = torch.rand(3, 4, generator=torch.Generator().manual_seed(0), dtype=F64) * 2
    advantages = torch.tensor([1.0, -1.0, 0.5], dtype=F64, requires_grad=True)
    spread = clipped_surrogate(ratio, advantages)
    assert not spread.requires_grad
    torch.testing.assert_close(spread, clipped_surrogate(ratio, advantages.detach()[:, None].repeat(1, 4)))
    square = torch.ones(2, 2, dtype=F64)  # B = T: still one for each row
    assert clipped_surrogate(square, torch.tensor([1.0, -1.0], dtype=F64)).tolist() == [[1.0, 1.0], [-1.0, -1.0]]


# averages

X = torch.tensor([[1.0, 9.0, 5.0], [2.0, 4.0, 8.0]], dtype=F64)
MASK = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]], dtype=F64)
MEANS = {"token_mean": (1 + 2 + 4) / 3, "sequence_mean": (1 + (2 + 4) / 2) / 2, "fixed_length": (1 + 2 + 4) / 6}
WEIGHTS = {
    "token_mean": MASK / 3,
    "sequence_mean": MASK / torch.tensor([[1.0], [2.0]], dtype=F64) / 2,
    "fixed_length": MASK / 6,
}


@pytest.mark.parametrize("how", MEANS)
def test_each_average(how):
    assert aggregate(X, MASK, how).item() == pytest.approx(MEANS[how], rel=1e-12)
    assert torch.equal(aggregate(X, MASK.bool(), how), aggregate(X, MASK, how))
    assert_gradient(lambda x: aggregate(x, MASK, how), X, WEIGHTS[how])
    assert aggregate(X, how=how).item() == pytest.approx(29 / 6)  # without a mask all three agree
    assert aggregate(X, torch.ones_like(X), how).item() == pytest.approx(29 / 6)


@pytest.mark.parametrize("how", MEANS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_masked_does_not_exist(how, bad):
    x = torch.where(MASK.bool(), X, bad)
    assert aggregate(x, MASK, how) == aggregate(X, MASK, how)
    torch.testing.assert_close(gradient(lambda x: aggregate(x, MASK, how), x), WEIGHTS[how])


def test_a_fully_masked_row_stays_in_the_denominator_of_the_sequence_mean():
    mask = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]], dtype=F64)
    assert aggregate(X, mask, "sequence_mean").item() == (2 + 4) / 2 / 2
    assert aggregate(X, mask, "token_mean").item() == (2 + 4) / 2
    assert aggregate(X, mask, "fixed_length").item() == (2 + 4) / 6


@pytest.mark.parametrize("how", MEANS)
def test_where_all_is_masked_nothing_is_learned(how):
    mask = torch.zeros_like(X)
    assert aggregate(X, mask, how).item() == 0.0
    assert torch.equal(gradient(lambda x: aggregate(x, mask, how), X * math.nan), torch.zeros_like(X))


# refusing

ONE = torch.zeros(2, 3)
BAD_PAIRS = [
    ((ONE, torch.zeros(2, 4)), ValueError, r"shapes must match, got {'logprobs': \(2, 3\), '\w+': \(2, 4\)}"),
    ((ONE[:0], ONE[:0]), ValueError, r"logprobs must not be empty, got shape \(0, 3\)"),
    ((ONE.long(), ONE), TypeError, "logprobs must be a floating-point tensor, got torch.int64"),
    ((ONE, ONE.long()), TypeError, r"\w+_logprobs must be a floating-point tensor, got torch.int64"),
    ((ONE, None), TypeError, r"\w+_logprobs must be a torch.Tensor, got NoneType"),
    (([[0.0]], ONE), TypeError, "logprobs must be a torch.Tensor, got list"),
    ((ONE - math.inf, ONE), ValueError, "logprobs must be finite where it counts, got 6 non-finite of 6"),
    ((ONE, ONE + math.nan), ValueError, r"\w+_logprobs must be finite where it counts, .* the first is nan"),
]


@pytest.mark.parametrize("function", [kl_estimate, policy_ratio])
@pytest.mark.parametrize(("arguments", "error", "message"), BAD_PAIRS)
def test_estimate_and_ratio_refuse(function, arguments, error, message):
    with pytest.raises(error, match=message):
        function(*arguments)


@pytest.mark.parametrize("kind", ["k4", "K1", "", None])
def test_refuses_an_unknown_estimate(kind):
    with pytest.raises(ValueError, match=f"kind must be one of 'k1', 'k2', 'k3', got {kind!r}"):
        kl_estimate(ONE, ONE, kind)


@pytest.mark.parametrize("how", ["mean", "sum", None])
def test_refuses_an_unknown_average(how):
    with pytest.raises(
        ValueError, match=f"how must be one of 'token_mean', 'sequence_mean', 'fixed_length', got {how!r}"
    ):
        aggregate(X, how=how)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: aggregate(X[0]), ValueError, r"per_token must have shape \(B, T\), got \(3,\)"),
        (lambda: aggregate(X[:0]), ValueError, "per_token must not be empty"),
        (lambda: aggregate(X.long()), TypeError, "per_token must be a floating-point tensor, got torch.int64"),
        (lambda: aggregate(X / 0), ValueError, "per_token must be finite where it counts, got 6 non-finite of 6"),
        (lambda: aggregate(X, MASK[:1]), ValueError, r"{'completion_mask': \(1, 3\), 'tokens': \(2, 3\)}"),
        (lambda: aggregate(X, MASK * 2), ValueError, "completion_mask must hold only 0 and 1"),
        (lambda: aggregate(X, MASK * math.nan), ValueError, "completion_mask must hold only 0 and 1"),
        (lambda: aggregate(X, MASK.long()), TypeError, "completion_mask must be a bool or floating-point tensor"),
        (lambda: clipped_surrogate(X, X, clip_eps=-0.1), ValueError, r"clip_eps must be in \[0.0, inf\], got -0.1"),
        (lambda: clipped_surrogate(X, X, clip_eps=math.nan), ValueError, "clip_eps must be .* got nan"),
        (lambda: clipped_surrogate(X, X, clip_eps=True), TypeError, "clip_eps must be a number, got bool"),
        (lambda: clipped_surrogate(X, X, clip_eps=torch.ones(2)), ValueError, r"clip_eps must be one number, .* \(2"),
        (
            lambda: clipped_surrogate(X, torch.ones(3, dtype=F64)),
            ValueError,
            r"or advantages be one value for each row\), got {'advantages': \(3,\), 'tokens': \(2, 3\)}",
        ),
        (lambda: clipped_surrogate(X, X.long()), TypeError, "advantages must be a floating-point tensor"),
        (lambda: clipped_surrogate(X, X * math.inf), ValueError, "advantages must be finite"),
        (lambda: clipped_surrogate(X * math.nan, X), ValueError, "ratio must be finite"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_finite_difference_helper_knows_a_square():
    torch.testing.assert_close(finite_difference(lambda x: (x**2).sum(), X), 2 * X, rtol=1e-6, atol=1e-6)
