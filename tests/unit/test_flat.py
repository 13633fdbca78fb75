import pytest
import torch
from support.enumeration import F64
from torch import nn
from torch.nn.utils import parameters_to_vector

from rlhf_helpers import AtParameters, Models, TinyGPT, TinyPolicy, adam, collect

ONES = torch.ones(3)
SIZE = sum(parameter.numel() for parameter in TinyPolicy(5).parameters())


def test_adam_is_pytorchs():
    generator = torch.Generator().manual_seed(0)
    params = torch.randn(30, generator=generator, dtype=F64)
    theirs = torch.nn.Parameter(params.clone())
    optimizer = torch.optim.Adam([theirs], lr=0.05)
    m, v, t = torch.zeros_like(params), torch.zeros_like(params), torch.zeros((), dtype=F64)
    for n in range(50):
        gradient = torch.randn(30, generator=generator, dtype=F64) * 10 ** (n % 5 - 2) * (torch.arange(30) > 3)
        theirs.grad = gradient.clone()
        optimizer.step()
        params, m, v, t = adam(params, gradient, m, v, t, 0.05)
        torch.testing.assert_close(params, theirs.detach(), rtol=1e-12, atol=1e-14)
    assert t.item() == 50.0


def test_adam_takes_a_rate_for_each_of_several_runs():
    params, gradient = torch.randn(2, 2, 5, generator=torch.Generator().manual_seed(0), dtype=F64)
    zero, t = torch.zeros_like(params), torch.zeros((), dtype=F64)
    rates = torch.tensor([[0.1], [0.01]], dtype=F64)
    after = adam(params, gradient, zero, zero, t, rates)[0]
    for run, rate in enumerate((0.1, 0.01)):
        alone = adam(params[run], gradient[run], zero[run], zero[run], t, rate)[0]
        torch.testing.assert_close(after[run], alone, rtol=0, atol=0)
    with pytest.raises(ValueError, match="learning_rate must be in .* got -0.01"):
        adam(params, gradient, zero, zero, t, rates * torch.tensor([[1.0], [-1.0]], dtype=F64))


def test_adam_counts_in_whole_numbers_too():
    steps = [adam(ONES, ONES, ONES, ONES, t, 0.1) for t in (torch.tensor(3), torch.tensor(3.0))]
    assert all(torch.equal(a, b) for a, b in zip(*steps, strict=True))


def test_a_module_without_parameters_has_none_in_a_row():
    assert AtParameters(nn.ReLU(), torch.empty(0))(-ONES).tolist() == [0.0, 0.0, 0.0]


class WithMemory(nn.Module):
    """A policy with something called memory that is no method."""

    def __init__(self, kind):
        super().__init__()
        self.body = TinyPolicy(5, generator=torch.Generator().manual_seed(0))
        if kind == "parameter":
            self.memory = nn.Parameter(torch.ones(5))
        elif kind == "buffer":
            self.register_buffer("memory", torch.ones(5))
        else:
            self.memory = nn.Identity()

    def forward(self, ids):
        return self.body(ids)


@pytest.mark.parametrize("kind", ["parameter", "buffer", "module"])
def test_only_a_method_is_a_memory(kind):
    module = WithMemory(kind)
    policy = AtParameters(module, parameters_to_vector(module.parameters()).detach())
    assert not hasattr(policy, "memory")
    uniforms = torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = (collect(Models(p), p, uniforms).completion_ids for p in (policy, module))
    assert torch.equal(ours, theirs)


def test_the_method_is_offered():
    module = TinyGPT(5)
    assert AtParameters(module, parameters_to_vector(module.parameters()).detach()).memory == module.memory


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: AtParameters(TinyPolicy(5).parameters(), torch.ones(3)),
            TypeError,
            "module must be a torch.nn.Module",
        ),
        (lambda: AtParameters(TinyPolicy(5), [1.0]), TypeError, "flat must be a torch.Tensor, got list"),
        (lambda: AtParameters(TinyPolicy(5), torch.ones(3)), ValueError, rf"flat must have shape \({SIZE},\), got"),
        (lambda: adam(ONES, ONES, ONES[:1], ONES, ONES[0], 0.1), ValueError, r"'m': \(1,\)"),
        (lambda: adam(ONES, ONES, ONES, ONES[:1], ONES[0], 0.1), ValueError, r"'v': \(1,\)"),
        (
            lambda: adam(ONES, ONES, ONES, ONES, ONES[0], torch.tensor([0.1, 0.1, torch.inf])),
            ValueError,
            "learning_rate must be in .* got inf",
        ),
        (lambda: adam(ONES, ONES, ONES, ONES, ONES[0], ONES[:2]), ValueError, r"learning_rate must .* got \(2,\)"),
        (lambda: adam(ONES, ONES, ONES, ONES, ONES[0], ONES[:0]), ValueError, r"learning_rate must .* got \(0,\)"),
        (lambda: adam(ONES, ONES, ONES, ONES, ONES[0], ONES[:, None]), ValueError, r"learning_rate must .* \(3, 1\)"),
        (lambda: adam(ONES, ONES[:1], ONES, ONES, ONES[0], 0.1), ValueError, r"'params': \(3,\), 'gradient': \(1,\)"),
        (lambda: adam(ONES, ONES, ONES, ONES, 0.0, 0.1), TypeError, "t must be a torch.Tensor, got float"),
        (lambda: adam(ONES, ONES, ONES, ONES, ONES[0], -0.1), ValueError, "learning_rate must be in .* got -0.1"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_no_attribute_is_called_as_a_method_of_a_module_is():
    module = TinyPolicy(5)
    policy = AtParameters(module, parameters_to_vector(module.parameters()).detach())
    methods = {name for name in dir(nn.Module) if not name.startswith("__")}
    assert not methods & set(vars(policy))
