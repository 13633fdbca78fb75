"""A transformer small enough to train while you wait, with the interface of the policy of ten tokens."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from rlhf_helpers._checks import check_count, check_ids, values_are_known


class TinyGPT(nn.Module):
    r"""Causal transformer whose memory is everything written so far.

    .. math:: \pi_\theta(\cdot \mid x) = \operatorname{softmax}(W h_t), \qquad
        h = \operatorname{blocks}(e_x + p)

    The GPT-2 layout: pre-norm blocks of attention and a four times wider MLP, learned positions, no dropout. What it
    adds for sequences of unlike length: ids equal to ``vocab_size`` are padding on the left. No position looks at
    them, and positions count from the first real token, so that a prompt has the same logits however far it is padded.

    Args:
        vocab_size: number of tokens V that it can write; the id V itself is padding, and is never written.
        hidden_dim: width of the residual stream.
        layers: number of blocks.
        heads: attention heads; must divide ``hidden_dim``.
        max_length: number of positions it knows.
        generator: source of the initial weights; the global generator when left out.

    Raises:
        TypeError: a size is not a whole number, or ids are not int64.
        ValueError: a size is below 1, ``heads`` does not divide ``hidden_dim``, ids are not (B, L), longer than
            ``max_length``, outside of 0 ... V, padded on the right, or a row is nothing but padding.

    Differs from the paper: no dropout, no bias in attention, weights of embedding and head not shared.

    Reference:
        Radford et al. 2019, Language models are unsupervised multitask learners.

    Example:
        >>> policy = TinyGPT(generator=torch.Generator().manual_seed(0))
        >>> policy(torch.tensor([[27, 0, 1], [0, 1, 1]])).shape     # 27 is padding
        torch.Size([2, 3, 27])
    """

    def __init__(
        self,
        vocab_size: int = 27,
        hidden_dim: int = 48,
        layers: int = 2,
        heads: int = 4,
        max_length: int = 24,
        *,
        generator: torch.Generator | None = None,
    ):
        check_count(vocab_size=vocab_size, hidden_dim=hidden_dim, layers=layers, heads=heads, max_length=max_length)
        if hidden_dim % heads:
            raise ValueError(f"heads must divide hidden_dim={hidden_dim}, got {heads}")
        super().__init__()
        self.vocab_size, self.max_length = vocab_size, max_length
        self.embed = nn.utils.skip_init(nn.Embedding, vocab_size + 1, hidden_dim)
        self.position = nn.utils.skip_init(nn.Embedding, max_length, hidden_dim)
        self.blocks = nn.ModuleList(Block(hidden_dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden_dim)
        self.head = nn.utils.skip_init(nn.Linear, hidden_dim, vocab_size, bias=False)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.08, generator=generator)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits of the next token after every position.

        Args:
            ids: token ids, (B, L) int64; ``vocab_size`` is padding, and only at the left.

        Returns:
            Logits (B, L, V); those at a position of padding mean nothing.
        """
        return self.read(ids)[0]

    def read(self, ids: Tensor, memory: "Memory | None" = None) -> tuple[Tensor, "Memory"]:
        """Return the logits at new positions, and what has to be remembered to read on (a key-value cache).

        Args:
            ids: the ids that are new, (B, L) int64.
            memory: of the ids read before; None at the beginning.

        Returns:
            Logits (B, L, V), and the memory of all ids so far.
        """
        check_ids("ids", ids, self.vocab_size + 1)
        real = ids != self.vocab_size  # (B, L)
        if memory is not None:
            real = torch.cat([memory.real, real], dim=1)  # (B, K), K = all positions so far
        check_left_padding(real)
        new, total = ids.shape[1], real.shape[1]
        if total > self.max_length:
            raise ValueError(f"ids must have at most max_length={self.max_length} positions, got {total}")
        order = (real.cumsum(1) - 1).clamp(min=0)[:, -new:]  # positions count from the first real token
        x = self.embed(ids) + self.position(order)
        past = torch.ones(total, total, dtype=torch.bool).tril()
        itself = torch.eye(total, dtype=torch.bool)
        seen = ((past & real[:, None, :]) | itself)[:, -new:]  # (B, L, K): padding sees itself, or it would be 0 / 0
        remembered = []
        for number, block in enumerate(self.blocks):
            x, keys_and_values = block(x, seen, None if memory is None else memory.layers[number])
            remembered.append(keys_and_values)
        return self.head(self.norm(x)), Memory(real, remembered)


class Memory(NamedTuple):
    """What :meth:`TinyGPT.read` keeps of the positions it has read."""

    real: Tensor  # (B, K), False at padding
    layers: list[tuple[Tensor, Tensor]]  # keys and values of each block, (B, H, K, D / H)


class Block(nn.Module):
    """Attention, then an MLP, each added to the stream."""

    def __init__(self, hidden_dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(hidden_dim), nn.LayerNorm(hidden_dim)
        self.qkv = nn.utils.skip_init(nn.Linear, hidden_dim, 3 * hidden_dim, bias=False)
        self.mix = nn.utils.skip_init(nn.Linear, hidden_dim, hidden_dim, bias=False)
        self.up = nn.utils.skip_init(nn.Linear, hidden_dim, 4 * hidden_dim, bias=False)
        self.down = nn.utils.skip_init(nn.Linear, 4 * hidden_dim, hidden_dim, bias=False)

    def forward(self, x: Tensor, seen: Tensor, before: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple]:
        """Return the stream (B, L, D) and the keys and values of all positions."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, L, D / H)
            for part in self.qkv(self.norm_1(x)).chunk(3, dim=-1)
        )
        if before is not None:
            key, value = torch.cat([before[0], key], dim=2), torch.cat([before[1], value], dim=2)
        scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5  # (B, H, L, K)
        weights = torch.where(seen[:, None], scores, -torch.inf).softmax(-1)
        x = x + self.mix((weights @ value).transpose(1, 2).flatten(2))
        return x + self.down(gelu(self.up(self.norm_2(x)))), (key, value)


def check_left_padding(real: Tensor) -> None:
    """Raise unless padding stands only at the left of a row, and every row has a real token."""
    if values_are_known() and not (real[:, -1].all() and (real[:, 1:] >= real[:, :-1]).all()):
        raise ValueError("ids must be padded at the left only, with a real token at the end of every row")
