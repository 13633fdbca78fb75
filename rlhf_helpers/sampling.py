"""Drawing completions from a policy, and asking how likely they were."""

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from rlhf_helpers._checks import (
    bounds,
    check_count,
    check_generator,
    check_ids,
    check_ndim,
    check_positive,
    check_same_device,
    check_tensors,
    values_are_known,
)
from rlhf_helpers.masks import check_mask, keep
from rlhf_helpers.precision import wide

Policy = Callable[[Tensor], Tensor]  # ids (B, L) -> logits (B, L, V)


def ask(policy: Policy, name: str, ids: Tensor, *memory) -> Tensor:
    """Return a policy's logits (B, L, V), 16 bits as 32; what is wrong with ids is said of ``name``, the caller's."""
    if not callable(policy):
        raise TypeError(f"policy must be a function of ids, got {type(policy).__name__}")
    with ids_called(name):
        logits = policy(ids, *memory)
    if not isinstance(logits, Tensor) or logits.ndim != 3 or logits.shape[:2] != ids.shape:
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"policy must return logits (B, L, V) for ids {tuple(ids.shape)}, got {found}")
    return wide(logits)


@contextmanager
def ids_called(name: str) -> Iterator[None]:
    """Say what is wrong with ids of ``name``, which is what the caller calls them."""
    try:
        yield
    except ValueError as error:
        if str(error).startswith("ids must"):
            raise type(error)(name + str(error).removeprefix("ids")) from error
        raise


def device_of(policy: Policy) -> torch.device | None:
    """Return where the parameters of a policy are; None, the default device, for a function without any."""
    parameters = policy.parameters() if callable(getattr(policy, "parameters", None)) else ()
    return next((parameter.device for parameter in parameters), None)


def draw(random: Callable[..., Tensor], *arguments, generator: torch.Generator | None, **options) -> Tensor:
    """Draw random numbers where the generator is: the same on every device that they are moved to."""
    check_generator(generator)
    device = None if generator is None else generator.device
    return random(*arguments, generator=generator, device=device, **options)


@torch.no_grad()
def generate(
    policy: Policy,
    prompt_ids: Tensor,
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Sample completions token by token.

    .. math:: y_t \sim \operatorname{softmax}(z_t / \tau)

    Args:
        policy: ids (B, L) -> logits (B, L, V).
        prompt_ids: token ids every completion starts from, (B, P) int64.
        max_new_tokens: number T of tokens to draw.
        temperature: tau; below 1 sharper, above 1 flatter. 1 samples the policy itself.
        generator: source of randomness, on any device; the same state gives the same completions.

    Returns:
        Completion ids (B, T) int64, without the prompt. No gradient flows.

    Raises:
        TypeError: prompt_ids are not int64, max_new_tokens is not a whole number, or the policy is no function.
        ValueError: prompt_ids are not (B, P), empty or outside the vocabulary; max_new_tokens is below 1;
            temperature is not a positive finite number; the policy's logits hold NaN.

    Example:
        >>> logits = torch.tensor([0., 0., 0., 99.])
        >>> always_3 = lambda ids: logits.expand(*ids.shape, 4)
        >>> generator = torch.Generator().manual_seed(0)
        >>> generate(always_3, torch.tensor([[0]]), 5, generator=generator)
        tensor([[3, 3, 3, 3, 3]])
    """
    check_ids("prompt_ids", prompt_ids)
    check_count(max_new_tokens=max_new_tokens)
    uniforms = draw(torch.rand, prompt_ids.shape[0], max_new_tokens, generator=generator, dtype=torch.float64)
    return sample_with(policy, prompt_ids, uniforms.to(prompt_ids.device), temperature=temperature)


@torch.no_grad()
def sample_with(policy: Policy, prompt_ids: Tensor, uniforms: Tensor, *, temperature: float = 1.0) -> Tensor:
    r"""Sample completions from given uniform random numbers, by inverting the cumulative distribution.

    .. math:: y_t = \#\{a < V - 1 : \textstyle\sum_{b \le a} \pi(b) \le u_t\}

    With the randomness as an input, the same numbers can be fed to two engines, and compared.

    Args:
        policy: ids (B, L) -> logits (B, L, V). One with a ``memory()``, like :class:`TinyGPT`, reads every token
            once; another reads everything again for each new token.
        prompt_ids: (B, P) int64.
        uniforms: numbers in [0, 1), (B, T): one for each token to draw.
        temperature: tau, as in :func:`generate`.

    Returns:
        Completion ids (B, T) int64.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, ids outside the vocabulary, uniforms outside [0, 1), a temperature that is not
            positive, NaN logits.

    Example:
        >>> uniform = lambda ids: torch.zeros(*ids.shape, 4)
        >>> uniforms = torch.tensor([[0.1, 0.3, 0.6, 0.9]])
        >>> sample_with(uniform, torch.tensor([[0]]), uniforms).tolist()
        [[0, 1, 2, 3]]
    """
    check_ids("prompt_ids", prompt_ids)
    check_tensors(uniforms=uniforms)
    check_ndim(2, "(B, T)", uniforms=uniforms)
    if uniforms.shape[0] != prompt_ids.shape[0]:
        shapes = {"prompt_ids": tuple(prompt_ids.shape), "uniforms": tuple(uniforms.shape)}
        raise ValueError(f"prompt_ids and uniforms must have one batch size, got {shapes}")
    check_same_device(prompt_ids=prompt_ids, uniforms=uniforms)
    check_positive(temperature=temperature)
    found = bounds(uniforms)
    if found and not 0 <= found[0] <= found[1] < 1:
        raise ValueError(f"uniforms must be in [0, 1), got values from {found[0]} to {found[1]}")
    ids, totals = prompt_ids, []
    memory = getattr(policy, "memory", None)
    remembered = (memory(),) if inspect.ismethod(memory) else ()
    for t in range(uniforms.shape[1]):
        read = ids[:, -1:] if remembered and t else ids  # with a memory, only what is new
        name = "prompt_ids and what is drawn after them" if t else "prompt_ids"
        probs = (ask(policy, name, read, *remembered)[:, -1] / temperature).softmax(-1)  # (B, V)
        cumulative = probs.cumsum(-1)  # (B, V)
        totals.append(cumulative[:, -1:])  # 1 up to rounding: a last token of probability 0 is never drawn
        below = cumulative[:, :-1] <= uniforms[:, t, None] * totals[-1]
        ids = torch.cat([ids, below.sum(-1, keepdim=True)], dim=1)
    found = bounds(torch.cat(totals)) if values_are_known() else None
    if found and math.isnan(found[0]):
        raise ValueError(
            "policy must return logits without NaN, and a finite one in every row: "
            "if it was trained, it has diverged (lower the learning rate)"
        )
    return ids[:, prompt_ids.shape[1] :]


def token_logprobs(policy: Policy, prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    r"""Return the log-probability of every completion token.

    .. math:: \log \pi_\theta(y_t \mid x, y_{<t})

    Args:
        policy: ids (B, L) -> logits (B, L, V). Gradients flow into it.
        prompt_ids: (B, P) int64.
        completion_ids: (B, T) int64.

    Returns:
        Log-probabilities (B, T) in nats, at most 0; ``-inf`` for a token of probability zero. float32 for logits of 16
        bits.

    Raises:
        TypeError: ids are not int64.
        ValueError: ids are not two-dimensional, empty, of unlike batch size, or outside the vocabulary.

    Example:
        >>> uniform = lambda ids: torch.zeros(*ids.shape, 4)
        >>> prompt, completion = torch.tensor([[0]]), torch.tensor([[2, 1]])
        >>> token_logprobs(uniform, prompt, completion).exp().tolist()
        [[0.25, 0.25]]
    """
    return taken(next_token_logprobs(policy, prompt_ids, completion_ids), completion_ids)


def taken(next_logprobs: Tensor, completion_ids: Tensor) -> Tensor:
    """Pick from the log-probabilities of all tokens (B, T, V) those of the tokens that were taken, (B, T)."""
    check_ids("completion_ids", completion_ids, next_logprobs.shape[-1])
    return next_logprobs.gather(-1, completion_ids[..., None])[..., 0]


def next_token_logprobs(policy: Policy, prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    r"""Return the whole distribution that every completion token was drawn from.

    .. math:: \log \pi_\theta(\cdot \mid x, y_{<t})

    Args:
        policy: ids (B, L) -> logits (B, L, V). Gradients flow into it.
        prompt_ids: (B, P) int64.
        completion_ids: (B, T) int64.

    Returns:
        Log-probabilities (B, T, V) in nats. Position t holds the distribution *before* token t, the shift by one
        that is so easy to get wrong. float32 for logits of 16 bits.

    Raises:
        TypeError: ids are not int64.
        ValueError: ids are not two-dimensional, empty, or of unlike batch size.

    Example:
        >>> uniform = lambda ids: torch.zeros(*ids.shape, 4)
        >>> prompt, completion = torch.tensor([[0]]), torch.tensor([[2, 1]])
        >>> next_token_logprobs(uniform, prompt, completion).shape
        torch.Size([1, 2, 4])
    """
    check_ids("prompt_ids", prompt_ids)
    check_ids("completion_ids", completion_ids)
    if prompt_ids.shape[0] != completion_ids.shape[0]:
        shapes = {"prompt_ids": tuple(prompt_ids.shape), "completion_ids": tuple(completion_ids.shape)}
        raise ValueError(f"prompt_ids and completion_ids must have one batch size, got {shapes}")
    check_same_device(prompt_ids=prompt_ids, completion_ids=completion_ids)
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    logits = ask(policy, "prompt_ids and completion_ids", ids[:, :-1])
    logits = logits[:, prompt_ids.shape[1] - 1 :]  # the row before each completion token
    return logits.log_softmax(-1)


def sequence_logprobs(logprobs: Tensor, completion_mask: Tensor | None = None) -> Tensor:
    r"""Return the log-probability of every whole completion: the sum over its tokens, never the mean.

    .. math:: \log \pi_\theta(y \mid x) = \sum_t m_t \log \pi_\theta(y_t \mid x, y_{<t})

    Args:
        logprobs: (B, T), nats. Gradients flow.
        completion_mask: (B, T), 1 where a token counts.

    Returns:
        (B,), nats; float32 for log-probabilities of 16 bits, where the sums of two answers would differ by rounding.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, or a mask that holds more than 0 and 1.

    Example:
        >>> logprobs = torch.tensor([[-1., -2., -4.]])
        >>> sequence_logprobs(logprobs, torch.tensor([[1., 1., 0.]])).tolist()
        [-3.0]
    """
    check_tensors(logprobs=logprobs)
    check_ndim(2, "(B, T)", logprobs=logprobs)
    return keep(wide(logprobs), check_mask(completion_mask, logprobs)).sum(-1)
