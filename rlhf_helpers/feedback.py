"""Where preferences come from: judges with a stated taste, who compare two completions.

A *utility table* is (V, T): entry (a, n) is what the n-th occurrence of token a adds to the score of a completion. A
row of equal numbers is a token that always counts the same; a falling row is a token of which one can have too much.
"""

import torch
from torch import Tensor

from rlhf_helpers._checks import check_count, check_finite, check_knob, check_ndim, check_tensors

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
    if judge not in JUDGES:
        raise ValueError(f"judge must be one of {', '.join(map(repr, JUDGES))}, got {judge!r}")
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
        ValueError: a table that is not (V, T'), or too small for the ids.

    Example:
        >>> ids = torch.tensor([[1, 1, 9]])
        >>> token_utilities(ids, judge_utilities()).tolist()
        [[1.0, 0.6, -0.5]]
    """
    check_tensors(utilities=utilities)
    check_ndim(2, "(V, T)", utilities=utilities)
    if not isinstance(completion_ids, Tensor) or completion_ids.dtype != torch.int64:
        raise TypeError("completion_ids must be a tensor of token ids of dtype torch.int64")
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
        generator: source of the completions, of who judges, and of what they say.
        copies: number S of independent sets; one set without this dimension when left out.

    Returns:
        ``(chosen_ids, rejected_ids)``, each (N, T) int64, or (S, N, T); see :func:`prefer`.

    Raises:
        TypeError: wrong types.
        ValueError: no judges, tables of unlike shapes, counts below 1, a negative temperature.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> chosen, rejected = preference_pairs([judge_utilities()], 3, generator=generator)
        >>> chosen.shape
        torch.Size([3, 8])
    """
    if not judges:
        raise ValueError("judges must be at least one utility table, got none")
    if len({table.shape for table in judges}) > 1:
        raise ValueError(f"judges must be tables of one shape, got {[tuple(table.shape) for table in judges]}")
    check_finite(**{f"judges[{i}]": table for i, table in enumerate(judges)})
    check_count(count=count, **({} if copies is None else {"copies": copies}))
    check_knob(temperature=temperature)
    vocab_size, length = judges[0].shape
    shape = (count,) if copies is None else (copies, count)
    ids = torch.randint(vocab_size, (2, *shape, length), generator=generator)
    scores = torch.stack([token_utilities(ids, table).sum(-1) for table in judges])  # (judges, 2, ...)
    who = torch.randint(len(judges), shape, generator=generator)
    gap = (scores[:, 0] - scores[:, 1]).gather(0, who[None])[0]  # of the judge who was asked
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
        temperature: tau, how unsure the judge is; 0 is a judge who never errs, and flips a coin at a tie.
        generator: source of what the judge says.

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
    if a_ids.shape != b_ids.shape or a_ids.shape[:-1] != gap.shape:
        shapes = {"a_ids": tuple(a_ids.shape), "b_ids": tuple(b_ids.shape), "gap": tuple(gap.shape)}
        raise ValueError(f"a_ids and b_ids must be (..., T) and gap (...), got {shapes}")
    # rounding must not break a tie
    certain = 0.5 * (1 + torch.where(gap.abs() < 1e-9, torch.zeros_like(gap), gap).sign())
    probs = torch.sigmoid(gap / temperature) if temperature > 0 else certain
    first = (torch.rand(gap.shape, generator=generator, dtype=torch.float64) < probs)[..., None]
    return torch.where(first, a_ids, b_ids), torch.where(first, b_ids, a_ids)
