"""Every public function of tensors, under what PyTorch can do to a function and where its tensors can be."""

import importlib
import sys

import pytest
import torch
from support.calls import CALLS, mapped, tensors_of, total, weights_for
from support.enumeration import F64
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import grad, jacrev, vmap

import rlhf_helpers
import rlhf_helpers.family
import rlhf_helpers.names
from rlhf_helpers import (
    TinyCritic,
    TinyGPT,
    TinyPolicy,
    aggregate,
    dpo,
    every_count,
    grpo,
    judge_utilities,
    kl_estimate,
    ppo,
    token_reward,
    train,
    uniform_policy,
)
from rlhf_helpers.names import pretrained_policy

HELD_BY_OTHERS = {"History", "Models", "Rollout"}
IN_THE_DEFAULT_DTYPE = {"token_reward", "verifier_reward"}  # as they say; the second is a program, which needs numbers
LOOPS = {"train"}
MADE_OF_SIZES = {"every_count", "judge_utilities", "uniform_policy"}  # below
MADE_OF_TEXT = {"decode", "encode", "load_names", "load_surnames", "pretrain", "pretrained_policy"}
ELSEWHERE = "lazy:0"  # a device that fake tensors can be on in every build of PyTorch

every = pytest.mark.parametrize("name", CALLS)
differentiable = pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.trained is not None])


def test_every_public_function_is_called():
    public = {
        *rlhf_helpers.__all__,
        *rlhf_helpers.family.__all__,
        *(n for n in rlhf_helpers.names.__all__ if not n.isupper()),
    }
    called = {name.split(",")[0] for name in CALLS}
    assert public - HELD_BY_OTHERS - IN_THE_DEFAULT_DTYPE - LOOPS - MADE_OF_SIZES - MADE_OF_TEXT == called - {"tied"}


def test_a_reward_of_tokens_is_one_call_after_the_other_and_lives_where_they_do():
    ids = torch.tensor([[[1, 2]], [[3, 1]]])
    assert torch.equal(vmap(token_reward)(ids), torch.stack([token_reward(x) for x in ids]))
    assert token_reward(ids[0].to("meta")).is_meta


def test_a_policy_is_trained_where_it_is():
    """What a loop draws is moved to its policy; a run that nobody can look into is not stopped."""
    knobs = {"steps": 2, "learning_rate": 0.1, "kl_coeff": 0.1, "seed": 0, "policy": TinyPolicy().to("meta")}
    for method, options in (
        (ppo, {"critic": True}),
        (grpo, {"prompt_ids": torch.tensor([[1], [2]]), "end_id": 3}),
        (dpo, {"sample_from": "reference"}),
    ):
        history = train(method, **knobs, **options)
        assert {x.device.type for x in history.series.values()} == {"meta"}


def other(x):
    """Another tensor of the same kind."""
    return x.roll(1, -1) if x.ndim else x / 2


@every
def test_vmap_is_one_call_after_the_other(name):
    function, inputs, _, random = CALLS[name]
    second = mapped(other, inputs)
    both = tuple(
        {key: torch.stack([one[key], two[key]]) for key in one} if isinstance(one, dict) else torch.stack([one, two])
        for one, two in zip(inputs, second, strict=True)
    )
    found = tensors_of(vmap(function, randomness="different" if random else "error")(*both))
    for i, each in enumerate((inputs, second)):
        for ours, expected in zip(found, tensors_of(function(*each)), strict=True):
            if random:
                assert (ours[i].shape, ours[i].dtype) == (expected.shape, expected.dtype)
            else:
                torch.testing.assert_close(ours[i], expected)


def gradient(function, inputs, place):
    """What autograd says, in the form of the input."""
    part = mapped(lambda x: x.detach().clone().requires_grad_(x.is_floating_point()), inputs)
    names = list(part[place]) if isinstance(part[place], dict) else None
    leaves = [part[place][n] for n in names] if names else [part[place]]
    slopes = torch.autograd.grad(total(function(*part)), leaves)
    return dict(zip(names, slopes, strict=True)) if names else slopes[0]


@differentiable
def test_func_grad_is_autograd_alone_and_under_vmap(name):
    function, inputs, place, _ = CALLS[name]
    expected = gradient(function, inputs, place)

    def slope(*inputs):
        return grad(lambda *inputs: total(function(*inputs)), argnums=place)(*inputs)

    torch.testing.assert_close(slope(*inputs), expected)
    batched = vmap(slope)(*mapped(lambda x: x[None], inputs))
    (first,) = mapped(lambda x: x[0], (batched,))
    torch.testing.assert_close(first, expected)


@differentiable
def test_jacrev_has_the_gradient_of_every_output(name):
    function, inputs, place, _ = CALLS[name]
    expected = gradient(function, inputs, place)
    outputs = tensors_of(function(*inputs))
    jacobians = jacrev(lambda *inputs: tensors_of(function(*inputs)), argnums=place)(*inputs)

    def weighed(output, jacobian):
        return torch.tensordot(weights_for(output), jacobian, output.ndim)

    rows = [
        {key: weighed(output, x) for key, x in jacobian.items()}
        if isinstance(jacobian, dict)
        else weighed(output, jacobian)
        for output, jacobian in zip(outputs, jacobians, strict=True)
    ]
    found = {key: sum(row[key] for row in rows) for key in rows[0]} if isinstance(rows[0], dict) else sum(rows)
    torch.testing.assert_close(found, expected)


def assert_same_kind(found, expected, device):
    for ours, real in zip(tensors_of(found), tensors_of(expected), strict=True):
        assert ours.shape == real.shape
        assert ours.dtype == real.dtype
        assert ours.device.type == device


@every
def test_meta_tensors_have_a_shape_and_nothing_else(name):
    function, inputs, *_ = CALLS[name]
    assert_same_kind(function(*mapped(lambda x: x.to("meta"), inputs)), function(*inputs), "meta")


@every
@pytest.mark.parametrize("device", ["cpu", ELSEWHERE])
def test_everything_is_made_where_the_inputs_are(name, device):
    """Fake tensors refuse to mix devices, whatever hardware is at hand."""
    function, inputs, *_ = CALLS[name]
    with FakeTensorMode() as mode:
        fake = mapped(lambda x: mode.from_tensor(x).to(device), inputs)
        found = function(*fake)
    assert_same_kind(found, function(*inputs), torch.device(device).type)


@pytest.fixture
def default_float64():
    torch.set_default_dtype(F64)
    yield
    torch.set_default_dtype(torch.float32)


@every
def test_nothing_depends_on_the_default_dtype(name, request):
    function, inputs, *_ = CALLS[name]
    torch.manual_seed(0)
    expected = tensors_of(function(*inputs))
    request.getfixturevalue("default_float64")
    torch.manual_seed(0)
    for ours, before in zip(tensors_of(function(*inputs)), expected, strict=True):
        torch.testing.assert_close(ours, before, rtol=0, atol=0)


MADE = {
    "TinyPolicy": lambda: TinyPolicy(generator=torch.Generator().manual_seed(0)),
    "uniform_policy": lambda: uniform_policy(generator=torch.Generator().manual_seed(0)),
    "TinyCritic": lambda: TinyCritic(),
    "TinyGPT": lambda: TinyGPT(generator=torch.Generator().manual_seed(0)),
    "pretrained_policy": pretrained_policy,
    "judge_utilities": judge_utilities,
    "every_count": lambda: every_count(3, 4),
}


def all_of(made):
    return tuple(made.parameters()) if isinstance(made, torch.nn.Module) else tensors_of(made)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_a_seed_makes_does_not_depend_on_the_default_dtype(make, request):
    expected = all_of(make())
    request.getfixturevalue("default_float64")
    for ours, before in zip(all_of(make()), expected, strict=True):
        torch.testing.assert_close(ours, before, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["TinyPolicy", "uniform_policy", "TinyCritic", "TinyGPT", "judge_utilities"])
def test_a_default_device_is_where_things_are_made(name):
    with torch.device("meta"):
        made = all_of(MADE[name]())
    assert {tensor.device.type for tensor in made} == {"meta"}


# shapes are checked where values are not


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_shapes_are_checked_without_values(device):
    with pytest.raises(ValueError, match=r"shapes must match, got {'logprobs': \(2, 3\), 'ref_logprobs': \(2, 2\)}"):
        kl_estimate(torch.zeros(2, 3, device=device), torch.zeros(2, 2, device=device))
    with pytest.raises(ValueError, match=r"shapes must match, got {'logprobs': \(3,\), 'ref_logprobs': \(2,\)}"):
        vmap(kl_estimate)(torch.zeros(2, 3, device=device), torch.zeros(2, 2, device=device))


def test_under_vmap_and_on_meta_a_bad_value_is_no_error_and_under_grad_it_is():
    bad = torch.full((2, 3), torch.nan)
    assert vmap(lambda x: aggregate(x[None]))(bad).isnan().all()
    assert aggregate(bad.to("meta")).is_meta
    with pytest.raises(ValueError, match="per_token must be finite"):
        grad(aggregate)(bad)


def test_devices_that_differ_are_named():
    with pytest.raises(ValueError, match="devices must match, got {'logprobs': 'cpu', 'ref_logprobs': 'meta'}"):
        kl_estimate(torch.zeros(2, 3), torch.zeros(2, 3, device="meta"))


def test_the_package_stands_without_the_private_module_that_it_looks_into(monkeypatch):
    """A newer PyTorch may have moved it."""
    module = "torch.fx.experimental.proxy_tensor"
    monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    monkeypatch.delitem(sys.modules, "rlhf_helpers._checks")
    again = importlib.import_module("rlhf_helpers._checks")
    assert again.values_are_known(torch.zeros(2))
    assert not again.values_are_known(torch.zeros(2, device="meta"))
    with pytest.raises(ValueError, match="x must be finite"):
        again.check_finite(x=torch.tensor([torch.nan]))
    assert not again.is_traced()
