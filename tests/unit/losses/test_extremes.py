"""Every loss, on shapes and numbers that hurt: a finite value with a finite gradient, or an error with a name in it."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.enumeration import F64

from rlhf_helpers import (
    aggregate,
    baby_ppo_loss,
    bradley_terry_loss,
    dpo_loss,
    grpo_loss,
    ppo_loss,
    reinforce_loss,
    reweighted_ppo_loss,
    spo_loss,
    value_loss,
)

HOW = ("token_mean", "sequence_mean", "fixed_length")

# name -> (loss of named tensors, which of them are (B, T), which are (B,)); the first is trained
LOSSES = {
    "aggregate": (lambda x, mask, how: aggregate(x, mask, how), 1, 0),
    "reinforce": (lambda x, a, mask, how: reinforce_loss(x, a, mask, how=how), 2, 0),
    "ppo, k1": (lambda x, o, r, a, mask, how: ppo_loss(x, o, a, mask, ref_logprobs=r, kl_kind="k1", how=how), 4, 0),
    "ppo, k2": (lambda x, o, r, a, mask, how: ppo_loss(x, o, a, mask, ref_logprobs=r, kl_kind="k2", how=how), 4, 0),
    "ppo, k3": (lambda x, o, r, a, mask, how: ppo_loss(x, o, a, mask, ref_logprobs=r, how=how), 4, 0),
    "ppo, no clip": (lambda x, o, a, mask, how: ppo_loss(x, o, a, mask, clip_eps=math.inf, how=how), 3, 0),
    "ppo, by row": (lambda x, o, a, mask, how: ppo_loss(x, o, a, mask, how=how), 2, 1),
    "grpo": (lambda x, o, r, a, mask, how: grpo_loss(x, o, a, mask, ref_logprobs=r, how=how), 3, 1),
    "value": (lambda x, y, mask, how: value_loss(x, y, mask), 2, 0),
    "value, clipped": (lambda x, y, o, mask, how: value_loss(x, y, mask, old_values=o, clip_eps=0.2), 3, 0),
    "baby_ppo": (lambda x, o, r, mask, how: baby_ppo_loss(x, o, r), 3, 0),
    "reweighted": (lambda x, o, p, mask, how: reweighted_ppo_loss(x, o, (p / -50).clamp(0, 1)), 3, 0),
    "dpo": (lambda x, y, r, s, mask, how: dpo_loss(x, y, r, s, beta=1.0, label_smoothing=0.1), 0, 4),
    "dpo, no reference": (lambda x, y, mask, how: dpo_loss(x, y, beta=100.0), 0, 2),
    "spo": (lambda x, y, s, r, mask, how: spo_loss(x, y, s, r), 0, 4),
    "bradley_terry": (lambda x, y, m, mask, how: bradley_terry_loss(x, y, margin=m), 0, 3),
}
MASKED = [name for name in LOSSES if name.split(",")[0] in ("aggregate", "reinforce", "ppo", "grpo", "value")]
NUMBERS = st.sampled_from([0.0, -50.0, -25.0, -1e-30]) | st.floats(-50, 0)  # log ratios within +-50
POISON = st.sampled_from([math.nan, math.inf, -math.inf])


@st.composite
def inputs(draw, grids, rows):
    batch, length, dtype = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.sampled_from([torch.float32, F64]))

    def tensor(elements, *shape):
        count = math.prod(shape)
        return torch.tensor(draw(st.lists(elements, min_size=count, max_size=count)), dtype=dtype).view(shape)

    tensors = [tensor(NUMBERS, batch, length) for _ in range(grids)] + [tensor(NUMBERS, batch) for _ in range(rows)]
    mask = tensor(st.sampled_from([0.0, 1.0]), batch, length)
    return tensors, draw(st.sampled_from([None, mask, mask.bool()])), draw(st.sampled_from(HOW))


def value_and_gradient(loss, tensors, mask, how):
    trained = tensors[0].clone().requires_grad_()
    value = loss(trained, *tensors[1:], mask, how)
    (slope,) = torch.autograd.grad(value, trained)
    return value, slope


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=25)  # of each loss
@given(data=st.data())
def test_log_ratios_of_fifty_and_any_mask_stay_finite(name, data):
    loss, grids, rows = LOSSES[name]
    tensors, mask, how = data.draw(inputs(grids, rows))
    value, slope = value_and_gradient(loss, tensors, mask, how)
    assert value.shape == ()
    assert value.isfinite()
    assert slope.isfinite().all()
    assert slope.shape == tensors[0].shape


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=25)  # of each loss
@given(data=st.data())
def test_a_number_that_is_none_is_named_or_does_no_harm(name, data):
    loss, grids, rows = LOSSES[name]
    tensors, mask, how = data.draw(inputs(grids, rows))
    hurt = data.draw(st.integers(0, len(tensors) - 1))
    flat = tensors[hurt].flatten()
    place = data.draw(st.integers(0, len(flat) - 1))
    flat[place] = data.draw(POISON)
    tensors[hurt] = flat.view(tensors[hurt].shape)
    try:
        value, slope = value_and_gradient(loss, tensors, mask, how)
    except ValueError as error:
        assert "must be" in str(error)  # noqa: PT017
        return
    assert value.isfinite()
    assert slope.isfinite().all()


@pytest.mark.parametrize("name", MASKED)
@settings(max_examples=25)  # of each loss
@given(data=st.data())
def test_poison_under_the_mask_changes_nothing(name, data):
    loss, grids, rows = LOSSES[name]
    tensors, mask, how = data.draw(inputs(grids, rows))
    mask = torch.zeros_like(tensors[0]) if mask is None else mask
    expected = value_and_gradient(loss, tensors, mask, how)
    poisoned = [torch.where(mask != 0, x, data.draw(POISON)) if x.ndim == 2 else x for x in tensors]
    for ours, clean in zip(value_and_gradient(loss, poisoned, mask, how), expected, strict=True):
        assert torch.equal(ours, clean)


@pytest.mark.parametrize("name", MASKED)
def test_a_batch_of_padding_teaches_nothing(name):
    loss, grids, rows = LOSSES[name]
    tensors = [torch.full((2, 3), -1.0) for _ in range(grids)] + [torch.full((2,), -1.0) for _ in range(rows)]
    value, slope = value_and_gradient(loss, tensors, torch.zeros(2, 3), "token_mean")
    assert value.item() == 0.0
    assert torch.equal(slope, torch.zeros(2, 3))
