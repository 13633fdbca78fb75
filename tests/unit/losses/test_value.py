import math

import pytest
import torch
from support.enumeration import F64, assert_gradient, gradient, normals

from rlhf_helpers import value_loss

VALUES, RETURNS, MOVES = (normals(seed, 4, 6) for seed in range(3))
OLD = VALUES + 0.5 * MOVES
MASK = torch.ones(4, 6, dtype=F64).tril(2)
MASK[1] = 0
WEIGHTS = MASK / MASK.sum()


def test_value_and_gradient_are_those_of_half_the_squared_error():
    errors = [(VALUES[i, t] - RETURNS[i, t]).item() ** 2 for i in range(4) for t in range(6) if MASK[i, t]]
    assert value_loss(VALUES, RETURNS, MASK).item() == pytest.approx(0.5 * sum(errors) / len(errors), rel=1e-12)
    assert_gradient(lambda x: value_loss(x, RETURNS, MASK), VALUES, WEIGHTS * (VALUES - RETURNS))


def test_sign_and_zero():
    slope = gradient(lambda x: value_loss(x, RETURNS), VALUES)
    assert torch.equal(-slope.sign(), (RETURNS - VALUES).sign())  # downhill is towards the returns
    assert value_loss(RETURNS, RETURNS).item() == 0.0
    assert value_loss(RETURNS, RETURNS, old_values=RETURNS, clip_eps=0.1).item() == 0.0


@pytest.mark.parametrize("clip_eps", [0.1, 0.4])
def test_clipped_value_is_half_the_larger_error(clip_eps):
    total = []
    for v, r, o, m in zip(*(x.flatten().tolist() for x in (VALUES, RETURNS, OLD, MASK)), strict=True):
        clipped = min(max(v, o - clip_eps), o + clip_eps)
        total += [max((v - r) ** 2, (clipped - r) ** 2)] if m else []
    ours = value_loss(VALUES, RETURNS, MASK, old_values=OLD, clip_eps=clip_eps)
    assert ours.item() == pytest.approx(0.5 * sum(total) / len(total), rel=1e-12)
    moved = OLD + (VALUES - OLD).clamp(-clip_eps, clip_eps)
    plain_error, clipped_error = (VALUES - RETURNS) ** 2, (moved - RETURNS) ** 2
    plain_is_larger = plain_error > clipped_error
    inside = torch.isclose(moved, VALUES)
    slope = torch.where(plain_is_larger | inside, VALUES - RETURNS, 0.0)
    assert (plain_is_larger & ~inside & MASK.bool()).any()
    assert (~plain_is_larger & ~inside & MASK.bool()).any()
    assert_gradient(lambda x: value_loss(x, RETURNS, MASK, old_values=OLD, clip_eps=clip_eps), VALUES, WEIGHTS * slope)


def test_an_infinite_clip_is_no_clip():
    plain = value_loss(VALUES, RETURNS, MASK)
    torch.testing.assert_close(value_loss(VALUES, RETURNS, MASK, old_values=OLD, clip_eps=math.inf), plain)
    assert value_loss(VALUES, RETURNS, MASK, old_values=OLD, clip_eps=0.1) > plain


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("clip_eps", [None, 0.1])
def test_what_is_masked_reaches_neither_value_nor_gradient(bad, clip_eps):
    def loss(values, returns, old, mask):
        return value_loss(values, returns, mask, old_values=None if clip_eps is None else old, clip_eps=clip_eps)

    dirty = [torch.where(MASK.bool(), x, bad) for x in (VALUES, RETURNS, OLD)]
    value, slope = loss(VALUES, RETURNS, OLD, MASK), gradient(lambda x: loss(x, RETURNS, OLD, MASK), VALUES)
    for mask in (MASK, MASK.bool(), MASK.float()):
        assert loss(*dirty, mask) == value
        assert torch.equal(gradient(lambda x, mask=mask: loss(x, *dirty[1:], mask), dirty[0]), slope)


def test_targets_are_constants():
    returns, old = RETURNS.clone().requires_grad_(), OLD.clone().requires_grad_()
    assert not value_loss(VALUES, returns, old_values=old, clip_eps=0.1).requires_grad


ONE = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: value_loss(ONE, ONE[:1]), ValueError, r"shapes must match, got {'values': \(2, 3\), 'returns': \(1"),
        (lambda: value_loss(ONE[0], ONE[0]), ValueError, r"values must have shape \(B, T\), got \(3,\)"),
        (lambda: value_loss(ONE[:0], ONE[:0]), ValueError, r"values must not be empty, got shape \(0, 3\)"),
        (lambda: value_loss(ONE.int(), ONE), TypeError, "values must be a floating-point tensor, got torch.int32"),
        (lambda: value_loss(ONE, None), TypeError, "returns must be a torch.Tensor, got NoneType"),
        (lambda: value_loss(ONE, ONE, ONE.long()), TypeError, "completion_mask must be a bool or floating-point"),
        (lambda: value_loss(ONE, ONE, ONE[:1]), ValueError, r"'completion_mask': \(1, 3\)"),
        (lambda: value_loss(ONE / 0, ONE), ValueError, "values must be finite where it counts"),
        (lambda: value_loss(ONE, ONE / 0), ValueError, "returns must be finite where it counts"),
        (lambda: value_loss(ONE, ONE, old_values=ONE / 0, clip_eps=1), ValueError, "old_values must be finite"),
        (lambda: value_loss(ONE, ONE, old_values=ONE), ValueError, "old_values and clip_eps must be given together"),
        (lambda: value_loss(ONE, ONE, clip_eps=0.2), ValueError, "old_values and clip_eps must be given together"),
        (lambda: value_loss(ONE, ONE, old_values=ONE[:1], clip_eps=1), ValueError, r"'old_values': \(1, 3\)"),
        (lambda: value_loss(ONE, ONE, old_values=ONE, clip_eps=-1), ValueError, r"clip_eps must be in .* got -1.0"),
        (lambda: value_loss(ONE, ONE, old_values=ONE, clip_eps=math.nan), ValueError, "clip_eps must be .* got nan"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
