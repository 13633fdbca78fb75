"""From comparisons to scores: reward models that can be read."""

import math

import torch
from torch import Tensor

from rlhf_helpers._checks import (
    check_choice,
    check_count,
    check_finite,
    check_ids,
    check_knob,
    check_ndim,
    check_positive,
    check_same_device,
    check_same_shape,
)
from rlhf_helpers._threads import one_thread
from rlhf_helpers.feedback import earlier_occurrences
from rlhf_helpers.flat import adam

SIZES = ("small", "large")


def occurrence_gaps(chosen_ids: Tensor, rejected_ids: Tensor, vocab_size: int) -> Tensor:
    """Return which (token, n-th occurrence) only one of the two has: (..., T) ids -> (..., V, T) of -1, 0 and 1."""

    def present(ids: Tensor) -> Tensor:
        length = ids.shape[-1]
        cells = ids * length + earlier_occurrences(ids)  # (..., T): no two alike in a completion
        empty = torch.zeros(*ids.shape[:-1], vocab_size * length, dtype=torch.float64, device=ids.device)
        return empty.scatter(-1, cells, 1.0).unflatten(-1, (vocab_size, length))

    return present(chosen_ids) - present(rejected_ids)


def fit_reward_model(
    chosen_ids: Tensor,
    rejected_ids: Tensor,
    *,
    size: str = "small",
    vocab_size: int = 10,
    prior: float = 1.0,
    margin: float = 0.0,
    steps: int = 300,
    learning_rate: float = 0.1,
) -> Tensor:
    r"""Fit a utility table to preferences by :func:`bradley_terry_loss` and a normal prior.

    .. math:: L = -\sum_i \log \sigma\bigl(R_w(y^i_w) - R_w(y^i_l) - m\bigr) + \frac{\lVert w \rVert^2}{2 s^2}

    Full batches, Adam with a falling learning rate, from zero.

    Args:
        chosen_ids: the preferred completions, (N, T) int64, or (S, N, T) for S independent fits at once.
        rejected_ids: the others, of the same shape.
        size: "small" has one utility for each token (V numbers), "large" one for each occurrence of each token (V T).
        vocab_size: V.
        prior: s, the standard deviation that a utility is expected to have; without a prior (infinity) labels without
            noise would be fitted by ever larger utilities.
        margin: m of :func:`bradley_terry_loss`, in logits.
        steps: of Adam.
        learning_rate: Adam's at the start; it falls to 0 along a line.

    Returns:
        utility table (V, T), float64, or (S, V, T), in logits, without gradient. A small model's columns are equal.

    Raises:
        TypeError: wrong types.
        ValueError: unlike shapes, ids outside of the vocabulary, an unknown size, knobs out of range.

    Example:
        >>> chosen, rejected = torch.tensor([[1, 1]]), torch.tensor([[1, 2]])
        >>> utilities = fit_reward_model(chosen, rejected)
        >>> bool(utilities[1, 0] > 0 > utilities[2, 0])
        True
    """
    check_choice("size", size, SIZES)
    check_count(vocab_size=vocab_size, steps=steps)
    check_knob(learning_rate=learning_rate)
    check_ids("chosen_ids", chosen_ids, vocab_size, ndim=None)
    check_ids("rejected_ids", rejected_ids, vocab_size, ndim=None)
    check_same_device(chosen_ids=chosen_ids, rejected_ids=rejected_ids)
    if chosen_ids.shape != rejected_ids.shape or chosen_ids.ndim not in (2, 3):
        shapes = {"chosen_ids": tuple(chosen_ids.shape), "rejected_ids": tuple(rejected_ids.shape)}
        raise ValueError(f"chosen_ids and rejected_ids must both be (N, T) or (S, N, T), got {shapes}")
    gaps = occurrence_gaps(chosen_ids, rejected_ids, vocab_size)  # ([S,] N, V, T)
    length = gaps.shape[-1]
    gaps = gaps.sum(-1) if size == "small" else gaps.flatten(-2)  # ([S,] N, F)
    weights = _fit(gaps, prior, margin, steps, learning_rate)  # ([S,] F)
    if size == "small":
        return weights[..., None].repeat_interleave(length, -1)
    return weights.unflatten(-1, (vocab_size, length))


def fit_utilities(
    chosen_features: Tensor,
    rejected_features: Tensor,
    *,
    prior: float = 1.0,
    steps: int = 300,
    learning_rate: float = 0.1,
) -> Tensor:
    r"""Fit what each feature of a completion is worth to preferences; else as :func:`fit_reward_model`.

    .. math:: s(y) = \sum_f w_f\, \phi_f(y)

    With a prior it stays sensible for the few clicks that a reader makes.

    Args:
        chosen_features: the features of the preferred completions, (N, F).
        rejected_features: those of the others, of the same shape.
        prior: the standard deviation that a utility is expected to have.
        steps: of Adam.
        learning_rate: Adam's at the start.

    Returns:
        The utilities, (F,) float64, in logits, without gradient.

    Raises:
        TypeError: wrong types.
        ValueError: unlike shapes, values that are not finite, knobs out of range.

    Example:
        >>> ends_in_a = torch.tensor([[1.0], [1.0], [1.0]])
        >>> bool(fit_utilities(ends_in_a, 0 * ends_in_a) > 0)
        True
    """
    check_same_shape(chosen_features=chosen_features, rejected_features=rejected_features)
    check_ndim(2, "(N, F)", chosen_features=chosen_features)
    check_finite(chosen_features=chosen_features, rejected_features=rejected_features)
    check_count(steps=steps)
    check_knob(learning_rate=learning_rate)
    gaps = chosen_features.detach().double() - rejected_features.detach().double()
    return _fit(gaps, prior, 0.0, steps, learning_rate)


@one_thread()
def _fit(gaps: Tensor, prior: float, margin: float, steps: int, learning_rate: float) -> Tensor:
    """Minimize Bradley and Terry's loss of ``gaps @ weights``, gaps ([S,] N, F), from zero; return ([S,] F)."""
    check_positive(prior=prior)
    check_knob(-math.inf, margin=margin)
    weights = torch.zeros_like(gaps[..., 0, :])  # ([S,] F)
    m, v, t = torch.zeros_like(weights), torch.zeros_like(weights), weights.new_zeros(())
    for step in range(steps):
        margins = gaps @ weights[..., None] - margin  # ([S,] N, 1): score of the chosen minus score of the other
        # of |weights|^2 / (2 prior^2) - the sum of log sigmoid(margins), each set by itself
        gradient = weights / prior**2 - (gaps.mT @ (-margins).sigmoid())[..., 0]
        weights, m, v, t = adam(weights, gradient, m, v, t, learning_rate * (1 - step / steps))
    return weights
