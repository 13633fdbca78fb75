"""Sums of 16-bit numbers are those of the same numbers in 64 bits."""

import pytest
import torch
from support.calls import CALLS, mapped, tensors_of
from support.enumeration import F64

from rlhf_helpers import (
    aggregate,
    baby_ppo_loss,
    dpo_loss,
    gae,
    group_advantages,
    ppo_loss,
    rloo_advantages,
    sample_with,
    sequence_logprobs,
    value_loss,
)
from rlhf_helpers.precision import wide

HALVES = [torch.float16, torch.bfloat16]
ELEMENTWISE = {"kl_estimate", "policy_ratio", "clipped_surrogate", "token_utilities"}
ELEMENTWISE |= {"AtParameters"}  # no sum: the dtype they got
TENSORS = [  # of floating-point numbers only in tensors, nothing random
    name
    for name, call in CALLS.items()
    if not call.random
    and any(isinstance(x, torch.Tensor) and x.is_floating_point() for x in call.inputs)
    and not any(isinstance(x, dict) for x in call.inputs)
]


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", TENSORS)
def test_16_bits_are_computed_in_32(name, dtype):
    function, inputs, *_ = CALLS[name]
    half = mapped(lambda x: x.to(dtype) if x.is_floating_point() else x, inputs)
    exact = mapped(lambda x: x.to(F64) if x.is_floating_point() else x, half)  # the same numbers
    for ours, expected in zip(tensors_of(function(*half)), tensors_of(function(*exact)), strict=True):
        if not ours.is_floating_point():
            assert torch.equal(ours, expected)
        elif name.split(",")[0] in ELEMENTWISE:
            assert ours.dtype == dtype
            rounding = 8 * torch.finfo(dtype).eps
            torch.testing.assert_close(ours.double(), expected, rtol=rounding, atol=rounding)
        else:
            assert ours.dtype in (torch.float32, F64)
            torch.testing.assert_close(ours.double(), expected.double(), rtol=1e-4, atol=1e-5)


def test_300_ones_are_300():
    ones = torch.ones(1, 300, dtype=torch.bfloat16)
    advantages, returns = gae(ones, 0 * ones, lam=1.0)
    expected = torch.arange(300.0, 0.0, -1.0)[None]
    torch.testing.assert_close(advantages, expected, rtol=0, atol=0)
    torch.testing.assert_close(returns, expected, rtol=0, atol=0)


@pytest.mark.parametrize("how", ["token_mean", "sequence_mean", "fixed_length"])
@pytest.mark.parametrize("number", [0.5, 100.0])  # more of them than float16 can count, and a sum above its largest
def test_many_halves_have_their_own_mean(number, how):
    many = torch.full((66, 1000), number, dtype=torch.float16)
    assert aggregate(many, how=how).item() == number
    assert aggregate(many, torch.ones_like(many), how).item() == number


def test_a_long_answer_is_scored_to_the_nat():
    logprobs = torch.full((1, 1000), -1.0078125, dtype=torch.bfloat16)
    assert sequence_logprobs(logprobs).tolist() == [-1007.8125]
    other = logprobs.clone()
    other[0, 0] = -2.0
    chosen, rejected = sequence_logprobs(logprobs), sequence_logprobs(other)
    loss = dpo_loss(chosen, rejected, beta=1.0)
    torch.testing.assert_close(loss, -torch.nn.functional.logsigmoid(torch.tensor(0.9921875)))


def test_losses_do_not_overflow_where_their_numbers_do_not():
    values, returns = torch.full((1, 2), 300.0).half(), torch.zeros(1, 2).half()
    assert value_loss(values, returns).item() == 45_000
    far = torch.full((66, 1000), -12.0).half()  # exp(12) is above the largest number of float16
    assert ppo_loss(0 * far, far, torch.ones_like(far)).item() == pytest.approx(-1.2)
    assert baby_ppo_loss(0 * far, far, far, kl_coeff=0.0).item() == pytest.approx(12 * torch.tensor(12.0).exp().item())


def test_groups_of_large_rewards_have_a_mean():
    rewards = torch.tensor([[60_000.0, 60_000.0, 59_968.0, 60_000.0]]).half()
    exact = rewards.double()
    for advantages in (group_advantages, rloo_advantages):
        torch.testing.assert_close(advantages(rewards).double(), advantages(exact), rtol=1e-3, atol=1e-3)


def test_a_small_probability_among_many_is_drawn():
    """A cumulative sum in bfloat16 stands still at the first number that cannot take a thousandth more."""
    logits = torch.zeros(1000, dtype=torch.bfloat16)
    uniforms = ((torch.arange(1000, dtype=F64) + 0.5) / 1000)[:, None]
    drawn = sample_with(lambda ids: logits.expand(*ids.shape, -1), torch.zeros(1000, 1, dtype=torch.int64), uniforms)
    assert drawn[:, 0].tolist() == list(range(1000))


def test_gradients_come_back_in_16_bits_and_other_precisions_stay():
    x = torch.ones(2, 3, dtype=torch.bfloat16, requires_grad=True)
    aggregate(x).backward()
    assert x.grad.dtype == torch.bfloat16
    for dtype in (torch.float32, F64):
        same = torch.ones(2, dtype=dtype)
        assert wide(same) is same
