"""A transformer small enough to train while you wait, with the interface of the policy of ten tokens."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from rlhf_helpers._checks import check_count, check_generator, check_ids, values_are_known
from rlhf_helpers.draws import normal_
from rlhf_helpers.policy import empty


class Memory:
    """What a :class:`TinyGPT` remembers of the positions it has read: a key-value cache.

    Hand the same memory to every call, and each call has to read only what is new. One memory is for one batch.
    It also keeps what the last call looked at: ``weights[n]`` are the attention weights of block n, (B, H, L, K), from
    each of the L new positions to all K so far.

    Example:
        >>> policy = TinyGPT(generator=torch.Generator().manual_seed(0))
        >>> memory = policy.memory()
        >>> _ = policy(torch.tensor([[0, 1]]), memory)
        >>> one_by_one = policy(torch.tensor([[2]]), memory)[0, -1]
        >>> at_once = policy(torch.tensor([[0, 1, 2]]))[0, -1]
        >>> torch.allclose(one_by_one, at_once, atol=1e-6)
        True
    """

    def __init__(self):
        self.kept: dict[int | str, Tensor] = {}
        self.weights: dict[int, Tensor] = {}

    def extend(self, name: int | str, new: Tensor, dim: int) -> Tensor:
        """Put what is new behind what is kept under a name, along a dimension, and return all of it."""
        self.kept[name] = torch.cat([self.kept[name], new], dim) if name in self.kept else new
        return self.kept[name]


class TinyGPT(nn.Module):
    r"""Causal transformer whose memory is everything written so far.

    .. math:: \pi_\theta(\cdot \mid x) = \operatorname{softmax}(W h_t), \qquad
        h = \operatorname{blocks}(e_x + p)

    The layout of GPT-2, in float32: each block adds attention and a four times wider MLP to the stream, positions are
    learned. What it adds for prompts of unlike length: the id ``vocab_size`` is padding on the left. No position looks
    at it, and positions count from the first real token, so a prompt has the same logits however far it is padded.

    Args:
        vocab_size: number of tokens V that it can write; the id V itself is padding, and is never written.
        hidden_dim: width of the stream.
        layers: number of blocks.
        heads: attention heads; must divide ``hidden_dim``.
        max_length: number of positions it knows.
        generator: source of the initial weights; the global generator when left out.

    Raises:
        TypeError: a size is not a whole number, or ids are not int64.
        ValueError: a size is below 1, ``heads`` does not divide ``hidden_dim``, ids are not (B, L), longer than
            ``max_length``, outside of 0 ... V, padded anywhere but on the left, or a row is nothing but padding.

    Differs from the paper: ReLU, no dropout, no biases, weights of embedding and head not shared.

    Reference:
        Radford et al. 2019, Language models are unsupervised multitask learners.

    Example:
        >>> policy = TinyGPT(generator=torch.Generator().manual_seed(0))
        >>> # (B, L) ids -> (B, L, V) logits; 27 is padding
        >>> policy(torch.tensor([[27, 0, 1], [0, 1, 1]])).shape
        torch.Size([2, 3, 27])
    """

    def __init__(
        self,
        vocab_size: int = 27,
        hidden_dim: int = 48,
        layers: int = 1,
        heads: int = 4,
        max_length: int = 24,
        *,
        generator: torch.Generator | None = None,
    ):
        check_count(vocab_size=vocab_size, hidden_dim=hidden_dim, layers=layers, heads=heads, max_length=max_length)
        check_generator(generator)
        if hidden_dim % heads:
            raise ValueError(f"heads must divide hidden_dim={hidden_dim}, got {heads}")
        super().__init__()
        self.vocab_size, self.max_length, self.heads = vocab_size, max_length, heads
        self.embed = empty(nn.Embedding, vocab_size + 1, hidden_dim)
        self.position = empty(nn.Embedding, max_length, hidden_dim)
        self.blocks = nn.ModuleList(Block(hidden_dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden_dim, bias=False, dtype=torch.float32)
        self.head = empty(nn.Linear, hidden_dim, vocab_size, bias=False)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                normal_(parameter, std=0.08, generator=generator)

    def forward(self, ids: Tensor, memory: Memory | None = None) -> Tensor:
        """Return the logits of the next token after every position.

        Args:
            ids: token ids, (B, L) int64; ``vocab_size`` is padding, only at the left.
            memory: of what was read before ``ids``; it is extended. Without it, ``ids`` is all there is.

        Returns:
            Logits (B, L, V); those at a position of padding mean nothing.
        """
        return self.head(self.read(ids, memory))

    def read(self, ids: Tensor, memory: Memory | None = None) -> Tensor:
        """Return the stream after the last block at every position of ``ids``, (B, L, D); see ``forward``."""
        check_ids("ids", ids, self.vocab_size + 1)
        memory = self.memory() if memory is None else memory
        real = memory.extend("real", ids != self.vocab_size, 1)  # (B, K), K = all positions so far
        check_left_padding(real)
        batch, new, total = *ids.shape, real.shape[1]
        if total > self.max_length:
            raise ValueError(f"ids must have at most max_length={self.max_length} positions, got {total}")
        order = (real.long().cumsum(1) - 1).clamp(min=0)[:, -new:]  # positions count from the first real token
        stream = (self.embed(ids) + self.position(order)).flatten(0, 1)  # (B L, D)
        past = torch.ones(total, total, dtype=torch.bool, device=ids.device).tril()[-new:]  # (L, K)
        itself = torch.eye(total, dtype=torch.bool, device=ids.device)[-new:]
        seen = (past & real[:, None]) | itself  # (B, L, K): padding sees itself, or it would be 0 / 0
        hidden = torch.where(seen, 0.0, -torch.inf).to(stream.dtype)  # added to the scores
        hidden = hidden.repeat_interleave(self.heads, 0)  # (B H, L, K)
        for number, block in enumerate(self.blocks):
            stream = block(stream, hidden, memory, number)
        return self.norm(stream).view(batch, new, -1)

    def memory(self) -> Memory:
        """Return a memory that has read nothing."""
        return Memory()


class Block(nn.Module):
    """Attention, then an MLP, each added to the stream."""

    def __init__(self, hidden_dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm_1 = nn.LayerNorm(hidden_dim, bias=False, dtype=torch.float32)
        self.norm_2 = nn.LayerNorm(hidden_dim, bias=False, dtype=torch.float32)
        self.qkv = empty(nn.Linear, hidden_dim, 3 * hidden_dim, bias=False)
        self.mix = empty(nn.Linear, hidden_dim, hidden_dim, bias=False)
        self.up = empty(nn.Linear, hidden_dim, 4 * hidden_dim, bias=False)
        self.down = empty(nn.Linear, 4 * hidden_dim, hidden_dim, bias=False)

    def forward(self, stream: Tensor, hidden: Tensor, memory: Memory, number: int) -> Tensor:
        """Return the stream (B L, D) after block ``number``; ``hidden`` (B H, L, K) is -inf at what is not seen."""
        rows, new, _ = hidden.shape
        parts = self.qkv(self.norm_1(stream)).view(rows // self.heads, new, 3, self.heads, -1)
        parts = parts.permute(2, 0, 3, 1, 4).reshape(3, rows, new, -1)  # (3, B H, L, D / H)
        query, (key, value) = parts[0], memory.extend(number, parts[1:], 2)  # keys and values of all K positions
        scores = torch.baddbmm(hidden, query, key.transpose(1, 2), alpha=query.shape[-1] ** -0.5)  # (B H, L, K)
        weights = scores.softmax(-1)
        memory.weights[number] = weights.view(-1, self.heads, *weights.shape[1:])
        mixed = torch.bmm(weights, value).view(-1, self.heads, new, value.shape[-1])  # (B, H, L, D / H)
        stream = stream + self.mix(mixed.transpose(1, 2).reshape(stream.shape))
        return stream + self.down(relu(self.up(self.norm_2(stream))))


class ScalarGPT(nn.Module):
    r"""One number at every position instead of logits: a critic, or a reward model.

    .. math:: V(x_{\le t}) = u^\top h_t

    It begins as a copy of a policy, which can read already, and with :math:`u = 0`, so that it says 0 everywhere.

    Args:
        policy: the :class:`TinyGPT` to copy; it stays as it is.

    Raises:
        TypeError: policy is not a :class:`TinyGPT`, or ids are not int64.
        ValueError: ids that the policy would not take.

    Example:
        >>> critic = ScalarGPT(TinyGPT(generator=torch.Generator().manual_seed(0)))
        >>> critic(torch.tensor([[0, 1, 1]])).tolist()   # (B, L) ids -> (B, L) values
        [[0.0, 0.0, 0.0]]
    """

    def __init__(self, policy: TinyGPT):
        if not isinstance(policy, TinyGPT):
            raise TypeError(f"policy must be a TinyGPT, got {type(policy).__name__}")
        super().__init__()
        self.body = copy.deepcopy(policy)
        del self.body.head
        self.value = nn.Parameter(torch.zeros_like(policy.head.weight[0]))

    def forward(self, ids: Tensor) -> Tensor:
        """Return one number for every position, ids (B, L) -> (B, L)."""
        return (self.body.read(ids) * self.value).sum(-1)


def check_left_padding(real: Tensor) -> None:
    """Raise unless padding is only at the left of a row, and every row has a real token."""
    if values_are_known(real) and not (real[:, -1].all() and (real[:, 1:] >= real[:, :-1]).all()):
        raise ValueError("ids must be padded on the left only, with a real token at the end of every row")
