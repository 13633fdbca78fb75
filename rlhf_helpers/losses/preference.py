"""Losses on pairs of answers: which is better, or by how much."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rlhf_helpers._checks import (
    bounds,
    check_finite,
    check_knob,
    check_ndim,
    check_same_shape,
    check_tensors,
    given,
)
from rlhf_helpers.precision import wide


def dpo_loss(
    chosen_logprobs: Tensor,
    rejected_logprobs: Tensor,
    ref_chosen_logprobs: Tensor | None = None,
    ref_rejected_logprobs: Tensor | None = None,
    *,
    beta: float = 0.1,
    label_smoothing: float | Tensor = 0.0,
) -> Tensor:
    r"""Return the loss of direct preference optimization: learn from pairs, without a reward model or sampling.

    .. math::
        h &= \log\frac{\pi_\theta(y_w)}{\pi_{\mathrm{ref}}(y_w)}
        - \log\frac{\pi_\theta(y_l)}{\pi_{\mathrm{ref}}(y_l)} \\
        L &= -\operatorname{mean}\bigl[(1 - e) \log \sigma(\beta h) \\
        &\qquad\qquad\; + e \log \sigma(-\beta h)\bigr]

    Args:
        chosen_logprobs: sum over the preferred answer :math:`y_w`, (B,), nats. Gradients flow.
        rejected_logprobs: sum over the other answer :math:`y_l`, (B,), nats. Gradients flow.
        ref_chosen_logprobs: the same under the frozen reference, (B,); detached.
        ref_rejected_logprobs: the same under the frozen reference, (B,); detached. Both references or neither;
            without them the reference is taken as uniform.
        beta: the pull toward the reference; larger stays closer. The paper's value is 0.1.
        label_smoothing: e, the share of labels taken to be wrong, in [0, 0.5]: one number, or one for each pair (B,).

    Returns:
        A scalar to minimize; log 2 where policy and reference agree.

    Raises:
        TypeError: wrong dtypes.
        ValueError: not (B,), unlike shapes, one reference without the other, values that are not finite, knobs out
            of range.

    Reference:
        Rafailov et al. 2023, Direct Preference Optimization, arXiv 2305.18290, equation 7.

    Example:
        >>> dpo_loss(torch.tensor([-4.0]), torch.tensor([-4.0]))   # log 2
        tensor(0.6931)
    """
    margin = log_ratio_gap(chosen_logprobs, rejected_logprobs, ref_chosen_logprobs, ref_rejected_logprobs)
    check_knob(beta=beta)
    if isinstance(label_smoothing, Tensor) and label_smoothing.ndim:
        check_same_shape(chosen_logprobs=chosen_logprobs, label_smoothing=label_smoothing)
        found = bounds(label_smoothing)
        if found and not 0 <= found[0] <= found[1] <= 0.5:
            raise ValueError(f"label_smoothing must be in [0, 0.5], got values from {found[0]} to {found[1]}")
    else:
        check_knob(0.0, 0.5, inclusive=True, label_smoothing=label_smoothing)
    if isinstance(label_smoothing, Tensor):
        label_smoothing = wide(label_smoothing)
    agree, disagree = logsigmoid(beta * margin), logsigmoid(-beta * margin)
    return -((1 - label_smoothing) * agree + label_smoothing * disagree).mean()


def spo_loss(logprobs_a: Tensor, logprobs_b: Tensor, scores_a: Tensor, scores_b: Tensor) -> Tensor:
    r"""Return the loss of score-based preference optimization: the score gap times the log-probability gap.

    .. math::
        h &= \log \pi_\theta(y_a) - \log \pi_\theta(y_b) \\
        L &= -\operatorname{mean}\bigl[(s_a - s_b)\, h\bigr]

    "SPO" is this book's name. With both answers drawn from the policy its gradient is twice that of RLOO with two
    samples; on fixed pairs it has no minimum.

    Args:
        logprobs_a: sum over answer a, (B,), nats. Gradients flow.
        logprobs_b: sum over answer b, (B,), nats. Gradients flow.
        scores_a: score of answer a, (B,); detached.
        scores_b: score of answer b, (B,); detached.

    Returns:
        A scalar to minimize; unbounded below.

    Raises:
        TypeError: wrong dtypes.
        ValueError: not (B,), unlike shapes, values that are not finite.

    Reference:
        Without importance ratio and clip, the pairwise policy gradient of Wu et al. 2023, P3O, arXiv 2310.00212.

    Example:
        >>> a, b = torch.tensor([-1.0]), torch.tensor([-3.0])
        >>> spo_loss(a, b, torch.tensor([0.5]), torch.tensor([0.0]))
        tensor(-1.)
    """
    check_pairs(logprobs_a=logprobs_a, logprobs_b=logprobs_b, scores_a=scores_a, scores_b=scores_b)
    return -((wide(scores_a) - wide(scores_b)).detach() * (wide(logprobs_a) - wide(logprobs_b))).mean()


def bradley_terry_loss(chosen_scores: Tensor, rejected_scores: Tensor, *, margin: float | Tensor = 0.0) -> Tensor:
    r"""Return the loss that turns comparisons into scores.

    .. math:: L = -\operatorname{mean} \log \sigma(s_w - s_l - m)

    Args:
        chosen_scores: score of the preferred answer, (B,), in logits. Gradients flow.
        rejected_scores: score of the other answer, (B,), in logits. Gradients flow.
        margin: m, by how much the better one should win, in logits: one number, or one for each pair (B,).

    Returns:
        A scalar to minimize; only differences of scores matter.

    Raises:
        TypeError: wrong dtypes.
        ValueError: not (B,), unlike shapes, values that are not finite.

    Reference:
        Bradley and Terry 1952; Ouyang et al. 2022, InstructGPT, arXiv 2203.02155, equation 1.

    Example:
        >>> scores = torch.tensor([3.0])
        >>> bradley_terry_loss(scores, scores)   # log 2
        tensor(0.6931)
    """
    check_pairs(chosen_scores=chosen_scores, rejected_scores=rejected_scores)
    if isinstance(margin, Tensor) and margin.ndim:
        check_same_shape(chosen_scores=chosen_scores, margin=margin)
        check_finite(margin=margin)
    else:
        check_knob(-torch.finfo(chosen_scores.dtype).max, margin=margin)
    return -logsigmoid(wide(chosen_scores) - wide(rejected_scores) - margin).mean()


def log_ratio_gap(
    chosen_logprobs: Tensor,
    rejected_logprobs: Tensor,
    ref_chosen_logprobs: Tensor | None,
    ref_rejected_logprobs: Tensor | None,
) -> Tensor:
    """Return h of :func:`dpo_loss`, (B,): how much more the policy has come to prefer the chosen answer, in nats."""
    if (ref_chosen_logprobs is None) != (ref_rejected_logprobs is None):
        raise ValueError("ref_chosen_logprobs and ref_rejected_logprobs must be given together, got one of them")
    references = given(ref_chosen_logprobs=ref_chosen_logprobs, ref_rejected_logprobs=ref_rejected_logprobs)
    check_pairs(chosen_logprobs=chosen_logprobs, rejected_logprobs=rejected_logprobs, **references)
    gap = wide(chosen_logprobs) - wide(rejected_logprobs)
    if ref_chosen_logprobs is not None:
        gap = gap - (wide(ref_chosen_logprobs) - wide(ref_rejected_logprobs)).detach()
    return gap


def check_pairs(**pairs: Tensor) -> None:
    """Raise unless every argument is one finite number for each pair, (B,)."""
    check_tensors(**pairs)
    check_ndim(1, "(B,)", **pairs)
    check_same_shape(**pairs)
    check_finite(**pairs)
