"""What tests compare with: everything written out, nothing sampled, nothing taken from the package."""

import torch
from torch import Tensor, nn

F64 = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator at its start."""
    return torch.Generator().manual_seed(seed)


def normals(seed: int, *shape: int) -> Tensor:
    """Standard normal numbers of this shape: what a test draws does not depend on what others drew before it."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


class TablePolicy(nn.Module):
    """A policy that is its own table: logits (V, V), row = last token."""

    def __init__(self, logits: Tensor):
        super().__init__()
        self.logits = nn.Parameter(logits.clone())

    def forward(self, ids: Tensor) -> Tensor:
        return self.logits[ids]


def random_table(vocab_size: int, seed: int, scale: float = 1.0) -> Tensor:
    """Log-probabilities (V, V) without any symmetry, float64."""
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(vocab_size, vocab_size, generator=generator, dtype=F64)).log_softmax(-1)


def random_logprobs(vocab_size: int, seed: int) -> Tensor:
    """One distribution (V,), no two tokens alike, as log-probabilities in float64."""
    return random_table(vocab_size, seed)[0]


def all_sequences(vocab_size: int, length: int) -> Tensor:
    """Every completion, (V ** T, T)."""
    grids = torch.meshgrid(*[torch.arange(vocab_size)] * length, indexing="ij")
    return torch.stack([grid.flatten() for grid in grids], dim=1)


def chain_logprobs(table: Tensor, sequences: Tensor, start: int = 0) -> Tensor:
    """Log-probability of each token of each sequence, (N, T); the table may be (V, V) or (T, V, V)."""
    last, columns = torch.full_like(sequences[:, 0], start), []
    for t in range(sequences.shape[1]):
        rows = table if table.ndim == 2 else table[t]
        columns.append(rows[last, sequences[:, t]])
        last = sequences[:, t]
    return torch.stack(columns, dim=1)


def kl(logp: Tensor, logq: Tensor) -> Tensor:
    """KL(p || q) of two distributions, nats."""
    return (logp.exp() * (logp - logq)).sum(-1)


def gradient(function, x: Tensor) -> Tensor:
    """Gradient of a scalar function by autograd."""
    x = x.detach().clone().requires_grad_()
    (result,) = torch.autograd.grad(function(x), x)
    return result


def finite_difference(function, x: Tensor, step: float = 1e-6) -> Tensor:
    """Gradient of a scalar function by central differences, float64."""
    result = torch.zeros_like(x)
    for i in range(x.numel()):
        nudge = torch.zeros_like(x).flatten()
        nudge[i] = step
        nudge = nudge.view_as(x)
        result.view(-1)[i] = (function(x + nudge) - function(x - nudge)) / (2 * step)
    return result


def assert_gradient(function, x: Tensor, closed_form: Tensor) -> None:
    """The gradient by autograd, by finite differences and by a formula are one."""
    torch.testing.assert_close(gradient(function, x), closed_form, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(finite_difference(function, x), closed_form, rtol=1e-6, atol=1e-8)
