"""The policy and every loss compile without a graph break; the step of every method can be traced for export."""

import math

import pytest
import torch
from support.enumeration import F64
from torch.fx.experimental.proxy_tensor import make_fx

from rlhf_helpers import (
    TinyCritic,
    TinyPolicy,
    aggregate,
    baby_ppo,
    baby_ppo_loss,
    bradley_terry_loss,
    clipped_surrogate,
    dpo,
    dpo_loss,
    gae,
    group_advantages,
    grpo,
    grpo_loss,
    kl_estimate,
    optimal_policy,
    policy_ratio,
    ppo,
    ppo_loss,
    reinforce_loss,
    reweighted_ppo,
    reweighted_ppo_loss,
    rloo,
    rloo_advantages,
    sequence_logprobs,
    spo,
    spo_loss,
    token_logprobs,
    training_step,
    uniform_policy,
    value_loss,
)

GENERATOR = torch.Generator().manual_seed(0)
NEW, OLD, REF, A = (-torch.randn(3, 4, generator=GENERATOR, dtype=F64).abs() for _ in range(4))
X, Y, Z, W = (-torch.randn(5, generator=GENERATOR, dtype=F64).abs() for _ in range(4))
MASK = torch.tensor([[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]], dtype=F64)
POLICY, CRITIC = TinyPolicy(generator=GENERATOR), TinyCritic(max_length=8)
PROMPTS, IDS = torch.zeros(4, 1, dtype=torch.int64), torch.randint(0, 10, (4, 6), generator=GENERATOR)


def with_head(weight, ids):
    return torch.func.functional_call(POLICY, {"head.weight": weight}, ids)


CALLS = {  # name -> (function of the tensor that is trained, that tensor)
    "policy": (lambda w: with_head(w, IDS).sum(), POLICY.head.weight.detach()),
    "critic": (lambda w: torch.func.functional_call(CRITIC, {"token_value": w}, IDS).sum(), torch.zeros(10)),
    "token_logprobs": (
        lambda w: token_logprobs(lambda ids: with_head(w, ids), PROMPTS, IDS).sum(),
        POLICY.head.weight.detach(),
    ),
    "sequence_logprobs": (lambda x: sequence_logprobs(x, MASK).sum(), NEW),
    **{f"kl_estimate {k}": (lambda x, k=k: kl_estimate(x, REF, k).sum(), NEW) for k in ("k1", "k2", "k3")},
    "policy_ratio": (lambda x: policy_ratio(x, OLD).sum(), NEW),
    "clipped_surrogate": (lambda x: clipped_surrogate(x.exp(), A).sum(), NEW),
    **{
        f"aggregate {how}": (lambda x, how=how: aggregate(x, MASK, how), NEW)
        for how in ("token_mean", "sequence_mean", "fixed_length")
    },
    "baby_ppo_loss": (lambda x: baby_ppo_loss(x, OLD, A), NEW),
    "ppo_loss": (lambda x: ppo_loss(x, OLD, A), NEW),
    "ppo_loss with everything": (
        lambda x: ppo_loss(
            x, OLD, A[:, 0], MASK.bool(), ref_logprobs=REF, kl_kind="k2", clip_eps=0.1, how="sequence_mean"
        ),
        NEW,
    ),
    "ppo_loss without clip": (lambda x: ppo_loss(x, OLD, A, clip_eps=math.inf), NEW),
    "grpo_loss": (lambda x: grpo_loss(x, OLD, A[:, 0], MASK, ref_logprobs=REF), NEW),
    "reinforce_loss": (lambda x: reinforce_loss(x, A[:, 0], MASK), NEW),
    "value_loss": (lambda x: value_loss(x, REF, MASK), NEW),
    "value_loss, clipped": (lambda x: value_loss(x, REF, MASK, old_values=OLD, clip_eps=0.1), NEW),
    "dpo_loss": (lambda x: dpo_loss(x, Y, Z, W, label_smoothing=0.1), X),
    "dpo_loss, soft labels": (lambda x: dpo_loss(x, Y, Z, W, label_smoothing=Z.exp() / 2), X),
    "dpo_loss without a reference": (lambda x: dpo_loss(x, Y, beta=1.0), X),
    "spo_loss": (lambda x: spo_loss(x, Y, Z, W), X),
    "reweighted_ppo_loss": (lambda x: reweighted_ppo_loss(x, OLD, A.exp()), NEW),
    "bradley_terry_loss": (lambda x: bradley_terry_loss(x, Y, margin=0.5), X),
    "bradley_terry_loss, a margin for each pair": (lambda x: bradley_terry_loss(x, Y, margin=Z), X),
    "group_advantages": (lambda x: (group_advantages(x.detach()) * x).sum(), NEW),
    "rloo_advantages": (lambda x: (rloo_advantages(x.detach()) * x).sum(), NEW),
    "gae": (lambda x: (gae(A, OLD)[0] * x).sum(), NEW),
}


def value_and_gradient(function, x):
    x = x.clone().requires_grad_()
    value = function(x)
    return value, torch.autograd.grad(value, x)[0]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler itself
def test_compiles_in_one_graph_and_gives_the_same(name):
    function, x = CALLS[name]
    torch.compiler.reset()
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    torch.testing.assert_close(value_and_gradient(compiled, x), value_and_gradient(function, x), rtol=1e-12, atol=1e-14)


def test_a_compiled_module_is_the_policy():
    torch.compiler.reset()
    policy = uniform_policy(generator=torch.Generator().manual_seed(0))
    compiled = torch.compile(policy, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(IDS), policy(IDS))


STEPS = {
    "baby_ppo": (baby_ppo, {}, {}),
    "ppo": (ppo, {}, {"clip_eps": torch.tensor(0.2), "epochs": torch.tensor(4.0)}),
    "ppo, KL in the loss": (ppo, {}, {"kl_in": "loss", "kl_kind": "k2"}),
    "ppo with a critic": (ppo, {"critic": True}, {"lam": torch.tensor(0.95)}),
    "rloo": (rloo, {}, {}),
    "grpo": (grpo, {}, {}),
    "dpo, offline": (dpo, {"sample_from": "reference"}, {}),
    "dpo, soft labels": (dpo, {}, {"soft_labels": True}),
    "spo": (spo, {}, {}),
    "reweighted_ppo": (reweighted_ppo, {}, {}),
}


@pytest.mark.parametrize("name", STEPS)
def test_the_step_of_every_method_is_one_graph(name):
    method, options, knobs = STEPS[name]
    start, step = training_step(method, batch_size=8, completion_length=4, **options)
    numbers = {key: value for key, value in knobs.items() if isinstance(value, torch.Tensor)}
    choices = {key: value for key, value in knobs.items() if key not in numbers}

    def flat(state, noise, kl_coeff, learning_rate, numbers):
        return step(state, noise, kl_coeff=kl_coeff, learning_rate=learning_rate, **numbers, **choices)

    generator = torch.Generator().manual_seed(0)

    def inputs(state):
        rates = torch.rand(2, generator=generator)
        return state, torch.rand(8, 4, generator=generator), rates[0], rates[1] / 10, numbers

    traced = make_fx(flat)(*inputs(start(0)))
    state = start(1)
    for _ in range(5):  # with other numbers than it was traced with
        arguments = inputs(state)
        (state, series), (same_state, same_series) = flat(*arguments), traced(*arguments)
        torch.testing.assert_close(same_state, state)
        torch.testing.assert_close(same_series, series)
    assert (state["params"] - state["ref"]).abs().max() > 0


def test_the_exact_optimum_can_be_traced_for_a_slider():
    table, paid = torch.full((10, 10), 0.1).log(), torch.eye(10)[1]

    def best(kl_coeff):
        return optimal_policy(table, paid, kl_coeff=kl_coeff)

    traced = make_fx(best)(torch.tensor(0.5))
    torch.testing.assert_close(traced(torch.tensor(2.0)), best(torch.tensor(2.0)))
