"""The policy of ten tokens, and a critic that is as small."""

import torch
from torch import Tensor, nn

from rlhf_helpers._checks import check_count, check_generator, check_ids
from rlhf_helpers.draws import normal_, uniform_


class TinyPolicy(nn.Module):
    r"""Next-token policy whose whole memory is the last token.

    .. math:: \pi_\theta(\cdot \mid x) = \operatorname{softmax}(W e_x + b)

    One embedding and one linear layer, in float32: a table of ``vocab_size`` distributions, one for each
    last token, that you can print and look at. Larger models keep the same interface.

    Args:
        vocab_size: number of tokens V.
        hidden_dim: width of the embedding.
        generator: source of the initial weights (PyTorch's own initial distributions);
            the global generator when left out.

    Raises:
        TypeError: a size is not a whole number, or ids are not int64.
        ValueError: a size is below 1, ids are not (B, L), or an id is outside the vocabulary.

    Example:
        >>> policy = TinyPolicy(generator=torch.Generator().manual_seed(0))
        >>> # (B, L) ids -> (B, L, V) logits
        >>> policy(torch.tensor([[0, 1, 1]])).shape
        torch.Size([1, 3, 10])
    """

    def __init__(self, vocab_size: int = 10, hidden_dim: int = 16, *, generator: torch.Generator | None = None):
        check_count(vocab_size=vocab_size, hidden_dim=hidden_dim)
        check_generator(generator)
        super().__init__()
        self.vocab_size = vocab_size
        self.embed = empty(nn.Embedding, vocab_size, hidden_dim)
        self.head = empty(nn.Linear, hidden_dim, vocab_size)
        bound = hidden_dim**-0.5
        normal_(self.embed.weight, generator=generator)
        uniform_(self.head.weight, bound, generator=generator)
        uniform_(self.head.bias, bound, generator=generator)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits of the next token after every position.

        Args:
            ids: token ids, (B, L) int64.

        Returns:
            Logits (B, L, V); the row at a position depends on the token at that position only.
        """
        check_ids("ids", ids)
        if not ids.is_cpu:  # there a wrong id is the end of the process
            check_ids("ids", ids, self.vocab_size)
        try:
            return self.head(self.embed(ids))
        except IndexError:  # a CPU looks at every id by itself
            check_ids("ids", ids, self.vocab_size)
            raise


def empty(layer: type[nn.Module], *sizes: int, **options: bool) -> nn.Module:
    """Return a layer to be filled, float32 whatever the default; what it draws itself is not taken from anybody."""
    with torch.random.fork_rng(devices=[]):
        return layer(*sizes, **options, dtype=torch.float32, device="cpu").to(torch.get_default_device())


def uniform_policy(
    vocab_size: int = 10, hidden_dim: int = 16, *, generator: torch.Generator | None = None
) -> TinyPolicy:
    r"""Return a :class:`TinyPolicy` that starts with every token equally likely.

    .. math:: \pi_\theta(a \mid x) = \frac{1}{V}

    The head is zero, the embedding is not, so that every row can still learn. From such a start the
    optimum of the KL-regularized objective has a closed form (see :func:`optimal_policy`).

    Args:
        vocab_size: number of tokens V.
        hidden_dim: width of the embedding.
        generator: source of the embedding.

    Returns:
        A policy whose logits are all zero.

    Raises:
        TypeError: a size is not a whole number.
        ValueError: a size is below 1.

    Example:
        >>> uniform_policy(4)(torch.tensor([[2]])).softmax(-1).tolist()
        [[[0.25, 0.25, 0.25, 0.25]]]
    """
    policy = TinyPolicy(vocab_size, hidden_dim, generator=generator)
    nn.init.zeros_(policy.head.weight)
    nn.init.zeros_(policy.head.bias)
    return policy


class TinyCritic(nn.Module):
    r"""Value baseline: what the rest of the completion is expected to be paid.

    .. math:: V(x_t) = u_{x_t} + w_t

    One number for each last token and one for each position, both zero at the start. The position
    matters because fewer tokens are left to be paid for near the end.

    Args:
        vocab_size: number of tokens V.
        max_length: number of positions it knows.

    Raises:
        TypeError: a size is not a whole number, or ids are not int64.
        ValueError: a size is below 1, ids are not (B, L), longer than ``max_length``, or outside the vocabulary.

    Example:
        >>> # (B, L) ids -> (B, L) values
        >>> TinyCritic()(torch.tensor([[0, 1, 1]])).tolist()
        [[0.0, 0.0, 0.0]]
    """

    def __init__(self, vocab_size: int = 10, max_length: int = 64):
        check_count(vocab_size=vocab_size, max_length=max_length)
        super().__init__()
        self.vocab_size, self.max_length = vocab_size, max_length
        self.token_value = nn.Parameter(torch.zeros(vocab_size, dtype=torch.float32))
        self.position_value = nn.Parameter(torch.zeros(max_length, dtype=torch.float32))

    def forward(self, ids: Tensor) -> Tensor:
        """Return the value of the state after every position, ids (B, L) -> (B, L), in units of reward."""
        check_ids("ids", ids, self.vocab_size)
        if ids.shape[1] > self.max_length:
            raise ValueError(f"ids must have at most max_length={self.max_length} positions, got {ids.shape[1]}")
        return self.token_value[ids] + self.position_value[: ids.shape[1]]
