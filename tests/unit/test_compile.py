"""The policy and every loss compile without a graph break; the step of every method can be traced for export."""

import pytest
import torch
from support.calls import CALLS, mapped, total
from torch.fx.experimental.proxy_tensor import make_fx

from rlhf_helpers import (
    baby_ppo,
    dpo,
    grpo,
    optimal_policy,
    ppo,
    reweighted_ppo,
    rloo,
    spo,
    training_step,
    uniform_policy,
)

# what the compiler says of one release of Python, not of our code
pytestmark = pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")
# what a training step runs: all that has a gradient, and the advantages
COMPILED = [name for name, call in CALLS.items() if call.trained is not None or "advantages" in name or "gae" in name]


def outputs_and_slopes(function, inputs, trained):
    inputs = mapped(lambda x: x.detach().clone().requires_grad_(x.is_floating_point() and trained is not None), inputs)
    outputs = function(*inputs)
    if trained is None:
        return outputs, ()
    part = inputs[trained]
    return outputs, torch.autograd.grad(total(outputs), tuple(part.values()) if isinstance(part, dict) else part)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler itself
def test_compiles_in_one_graph_and_gives_the_same(name):
    function, inputs, trained, *_ = CALLS[name]
    torch.compiler.reset()
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    found, expected = (outputs_and_slopes(f, inputs, trained) for f in (compiled, function))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_a_compiled_module_is_the_policy():
    torch.compiler.reset()
    policy = uniform_policy(generator=torch.Generator().manual_seed(0))
    compiled = torch.compile(policy, fullgraph=True, backend="eager")
    ids = torch.randint(0, 10, (4, 6), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(compiled(ids), policy(ids))


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
    assert not [node for node in traced.graph.nodes if "aminmax" in str(node.target)]  # nor does it look at values
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
