"""Where preferences come from: judges with a stated taste, who compare two completions.

A *utility table* is (V, T): entry (a, n) is what the n-th occurrence of token a adds to the score of a completion. A
row of equal numbers is a token that always counts the same; a falling row is a token of which one can have too much.
"""

import torch
from torch import Tensor

from rlhf_helpers._checks import (
    check_choice,
    check_count,
    check_finite,
    check_ids,
    check_knob,
    check_ndim,
    check_same_device,
    check_same_shape,
    check_tensors,
)
from rlhf_helpers.precision import wide
from rlhf_helpers.sampling import draw
from rlhf_helpers.ties import tied

JUDGES = ("first", "second")


def judge_utilities(judge: str = "first", *, vocab_size: int = 10, completion_length: int = 8) -> Tensor:
    r"""Return what a completion is worth to one of the two judges of the book.

    .. math:: w_{1,n} = 1 - 0.4\,(n - 1), \qquad w_{2,n} = \tfrac12, \qquad w_{9,n} = -\tfrac12

    The first judge likes a 1, the next one less, and minds from the fourth on; likes every 2 and dislikes every 9. The
    second judge feels about 7 as the first does about 1, and about 1 as the first does about 9.

    Args:
        judge: "first" or "second".
        vocab_size: number of tokens V, at least 10.
        completion_length: T.

    Returns:
        utility table (V, T), float64.

    Raises:
        TypeError: sizes that are not whole numbers.
        ValueError: an unknown judge, or sizes that are too small.

    Example:
        >>> judge_utilities()[1, :5].tolist()
        [1.0, 0.6, 0.2, -0.2, -0.6]
    """
    check_count(vocab_size=vocab_size, completion_length=completion_length)
    check_choice("judge", judge, JUDGES)
    if vocab_size < 10:
        raise ValueError(f"vocab_size must be at least 10, got {vocab_size}")
    falling, liked, disliked = (1, 2, 9) if judge == "first" else (7, 2, 1)
    table = torch.zeros(vocab_size, completion_length, dtype=torch.float64)
    table[falling] = (10 - 4 * torch.arange(completion_length, dtype=torch.float64)) / 10
    table[liked], table[disliked] = 0.5, -0.5
    return table


def earlier_occurrences(completion_ids: Tensor) -> Tensor:
    """Return how often every token has occurred before in its completion, ids (..., T) -> (..., T) int64."""
    same = completion_ids[..., :, None] == completion_ids[..., None, :]  # (..., T, T): position t against s
    return same.tril(-1).sum(-1)


def token_utilities(completion_ids: Tensor, utilities: Tensor) -> Tensor:
    r"""Return what every token adds to the score of its completion.

    .. math:: r_t = w_{y_t,\,n_t}, \qquad n_t = \#\{s \le t : y_s = y_t\}

    The sum over a row is the score, so this is a reward that :func:`train` can pay token by token.

    Args:
        completion_ids: (..., T) int64.
        utilities: utility table (V, T'), T' at least T. Gradients flow into it.

    Returns:
        (..., T), in the table's unit.

    Raises:
        TypeError: ids that are not int64, or a table that is not of floating-point numbers.
        ValueError: no ids, ids outside of the table, or a table that is not (V, T').

    Example:
        >>> ids = torch.tensor([[1, 1, 9]])
        >>> token_utilities(ids, judge_utilities()).tolist()
        [[1.0, 0.6, -0.5]]
    """
    check_tensors(utilities=utilities)
    check_ndim(2, "(V, T)", utilities=utilities)
    check_ids("completion_ids", completion_ids, len(utilities), ndim=None)
    check_same_device(completion_ids=completion_ids, utilities=utilities)
    columns, length = utilities.shape[1], completion_ids.shape[-1]
    if length > columns:
        raise ValueError(f"utilities must have a column for each of {length} tokens, got {columns}")
    return utilities.flatten()[completion_ids * columns + earlier_occurrences(completion_ids)]


def preference_pairs(
    judges: list[Tensor],
    count: int,
    *,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    copies: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Draw pairs of completions from the uniform policy and let Bradley-Terry judges say which they prefer.

    .. math:: P(a \succ b) = \sigma\left(\frac{R(a) - R(b)}{\tau}\right)

    Args:
        judges: utility tables (V, T), all of one shape. Every pair goes to one of them, drawn at random.
        count: number N of pairs.
        temperature: tau, how unsure the judges are; 0 is a judge who never errs, and flips a coin at a tie.
        generator: source of the completions, of who judges, and of what they say; on any device.
        copies: number S of independent sets; one set without this dimension when left out.

    Returns:
        ``(chosen_ids, rejected_ids)``, each (N, T) int64, or (S, N, T), where the tables are; see :func:`prefer`.

    Raises:
        TypeError: wrong types.
        ValueError: no judges, tables of unlike shapes or devices, counts below 1, a negative temperature.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> chosen, rejected = preference_pairs([judge_utilities()], 3, generator=generator)
        >>> chosen.shape
        torch.Size([3, 8])
    """
    if not isinstance(judges, list | tuple):
        raise TypeError(f"judges must be a list of utility tables, got {type(judges).__name__}")
    tables = {f"judges[{i}]": table for i, table in enumerate(judges)}
    if not tables:
        raise ValueError("judges must be at least one utility table, got none")
    check_same_shape(**tables)
    check_ndim(2, "(V, T)", **tables)
    check_finite(**tables)
    check_count(count=count, **({} if copies is None else {"copies": copies}))
    check_knob(temperature=temperature)
    vocab_size, length = judges[0].shape
    device = judges[0].device
    shape = (count,) if copies is None else (copies, count)
    ids = draw(torch.randint, vocab_size, (2, *shape, length), generator=generator).to(device)
    scores = torch.stack([wide(token_utilities(ids, table)).sum(-1) for table in judges])  # (judges, 2, ...)
    who = draw(torch.randint, len(judges), shape, generator=generator).to(device)
    a, b = scores.unbind(1)
    gaps = torch.where(tied(a, b), 0.0, a - b)  # here, where it is known how large the scores are
    gap = gaps.gather(0, who[None])[0]  # of the judge who was asked
    return prefer(ids[0], ids[1], gap, temperature=temperature, generator=generator)


def prefer(
    a_ids: Tensor, b_ids: Tensor, gap: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    r"""Let a Bradley-Terry judge choose between two completions, pair by pair.

    .. math:: P(a \succ b) = \sigma\left(\frac{R(a) - R(b)}{\tau}\right)

    Args:
        a_ids: the one completion of each pair, (..., T) int64.
        b_ids: the other, of the same shape.
        gap: the judge's score of a minus that of b, (...).
        temperature: tau, how unsure the judge is; 0 is a judge who never errs, and flips a coin at a tie (see
            ``ties.py``).
        generator: source of what the judge says; on any device.

    Returns:
        ``(chosen_ids, rejected_ids)``, each (..., T) int64.

    Raises:
        TypeError: wrong types.
        ValueError: unlike shapes, gaps that are not finite, or a negative temperature.

    Example:
        >>> a, b = torch.tensor([[1, 1]]), torch.tensor([[2, 2]])
        >>> prefer(a, b, torch.tensor([-3.0]), temperature=0.0)
        (tensor([[2, 2]]), tensor([[1, 1]]))
    """
    check_tensors(gap=gap)
    check_finite(gap=gap)
    check_knob(temperature=temperature)
    for name, ids in (("a_ids", a_ids), ("b_ids", b_ids)):
        if not isinstance(ids, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(ids).__name__}")
    if a_ids.shape != b_ids.shape or a_ids.shape[:-1] != gap.shape:
        shapes = {"a_ids": tuple(a_ids.shape), "b_ids": tuple(b_ids.shape), "gap": tuple(gap.shape)}
        raise ValueError(f"a_ids and b_ids must be (..., T) and gap (...), got {shapes}")
    check_same_device(a_ids=a_ids, b_ids=b_ids, gap=gap)
    logits = torch.where(tied(gap, torch.zeros_like(gap)), 0.0, wide(gap) / temperature)  # without noise 0 or infinite
    uniforms = draw(torch.rand, gap.shape, generator=generator, dtype=torch.float64).to(gap.device)
    first = (uniforms < logits.sigmoid())[..., None]
    return torch.where(first, a_ids, b_ids), torch.where(first, b_ids, a_ids)
