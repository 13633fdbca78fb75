"""What does a pair say? Four losses beside DPO's, and one that needs no pair."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rlhf_helpers._checks import bounds, check_knob, check_positive, check_same_shape, values_are_known
from rlhf_helpers.losses import bradley_terry_loss, dpo_loss
from rlhf_helpers.losses.preference import check_pairs, log_ratio_gap
from rlhf_helpers.precision import wide


def cdpo_loss(
    chosen_logprobs: Tensor,
    rejected_logprobs: Tensor,
    ref_chosen_logprobs: Tensor | None = None,
    ref_rejected_logprobs: Tensor | None = None,
    *,
    beta: float = 0.1,
    label_smoothing: float | Tensor = 0.1,
) -> Tensor:
    r"""Return the conservative DPO loss: DPO that takes a share of its labels to be wrong.

    .. math:: L = -\operatorname{mean}\bigl[(1 - e) \log \sigma(\beta h) + e \log \sigma(-\beta h)\bigr]

    On labels that are always right it ends where :math:`\beta h = \log \frac{1 - e}{e}`, and DPO does not end.

    Args:
        chosen_logprobs: sum over the preferred answer, (B,), nats. Gradients flow.
        rejected_logprobs: sum over the other answer, (B,), nats. Gradients flow.
        ref_chosen_logprobs: the same under the frozen reference, (B,); detached.
        ref_rejected_logprobs: the same under the frozen reference, (B,); detached. Both references or neither.
        beta: the pull toward the reference.
        label_smoothing: e, the share of labels taken to be wrong, in [0, 0.5]; 0 is DPO.

    Returns:
        A scalar to minimize.

    Raises:
        TypeError: wrong dtypes.
        ValueError: as :func:`~rlhf_helpers.dpo_loss`.

    Reference:
        Mitchell 2023, A note on DPO with noisy preferences.

    Example:
        >>> far, near = torch.tensor([50.0]), torch.tensor([0.0])
        >>> cdpo_loss(far, near, beta=1.0)   # being sure of a label that may be wrong is what costs
        tensor(5.)
    """
    references = (ref_chosen_logprobs, ref_rejected_logprobs)
    return dpo_loss(chosen_logprobs, rejected_logprobs, *references, beta=beta, label_smoothing=label_smoothing)


def ipo_loss(
    chosen_logprobs: Tensor,
    rejected_logprobs: Tensor,
    ref_chosen_logprobs: Tensor | None = None,
    ref_rejected_logprobs: Tensor | None = None,
    *,
    beta: float = 0.1,
) -> Tensor:
    r"""Return the loss of identity preference optimization: a target for the gap in place of a slope.

    .. math:: L = \operatorname{mean}\Bigl(h - \frac{1}{2 \beta}\Bigr)^2

    Args:
        chosen_logprobs: sum over the preferred answer, (B,), nats. Gradients flow.
        rejected_logprobs: sum over the other answer, (B,), nats. Gradients flow.
        ref_chosen_logprobs: the same under the frozen reference, (B,); detached.
        ref_rejected_logprobs: the same under the frozen reference, (B,); detached. Both references or neither.
        beta: the paper's tau, greater than 0; larger asks for a smaller gap.

    Returns:
        A scalar to minimize, in squared nats.

    Raises:
        TypeError: wrong dtypes.
        ValueError: as :func:`~rlhf_helpers.dpo_loss`; beta is 0.

    Differs from TRL: TRL divides the log-ratio of each answer by its length.

    Reference:
        Azar et al. 2023, A General Theoretical Paradigm, arXiv 2310.12036, equation 17.

    Example:
        >>> ipo_loss(torch.tensor([-1.0]), torch.tensor([-6.0]))   # a gap of 5 is the target
        tensor(0.)
    """
    check_positive(beta=beta)
    h = log_ratio_gap(chosen_logprobs, rejected_logprobs, ref_chosen_logprobs, ref_rejected_logprobs)
    return ((h - torch.ones_like(h) / (2 * beta)) ** 2).mean()


def simpo_loss(
    chosen_logprobs: Tensor,
    rejected_logprobs: Tensor,
    chosen_lengths: Tensor,
    rejected_lengths: Tensor,
    *,
    beta: float = 2.0,
    margin: float = 0.5,
) -> Tensor:
    r"""Return the loss of simple preference optimization: no reference, a mean for the sum, and a margin.

    .. math:: L = -\operatorname{mean} \log \sigma\Bigl(
        \frac{\beta}{|y_w|} \log \pi_\theta(y_w) - \frac{\beta}{|y_l|} \log \pi_\theta(y_l) - \gamma\Bigr)

    Args:
        chosen_logprobs: sum over the preferred answer, (B,), nats. Gradients flow.
        rejected_logprobs: sum over the other answer, (B,), nats. Gradients flow.
        chosen_lengths: tokens of the preferred answer, (B,), floating-point, at least 1.
        rejected_lengths: tokens of the other answer, (B,).
        beta: what a nat per token is worth; larger asks for a smaller gap.
        margin: the paper's gamma, by how much the better one should win. 0.5 is TRL's value.

    Returns:
        A scalar to minimize.

    Raises:
        TypeError: wrong dtypes.
        ValueError: not (B,), unlike shapes, values that are not finite, lengths below 1, a knob that is negative.

    Reference:
        Meng et al. 2024, SimPO, arXiv 2405.14734, equation 6.

    Example:
        >>> two, one = torch.tensor([2.0]), torch.tensor([1.0])
        >>> # a sum of -4 over two tokens is as likely a token as -2 over one: log 2
        >>> simpo_loss(-2 * two, -two, two, one, margin=0.0)
        tensor(0.6931)
    """
    check_knob(beta=beta, margin=margin)
    chosen, rejected = _per_token(chosen_logprobs, rejected_logprobs, chosen_lengths, rejected_lengths)
    return bradley_terry_loss(beta * chosen, beta * rejected, margin=margin)


def orpo_loss(
    chosen_logprobs: Tensor,
    rejected_logprobs: Tensor,
    chosen_lengths: Tensor,
    rejected_lengths: Tensor,
    *,
    odds_coeff: float = 0.1,
) -> Tensor:
    r"""Return the loss of odds ratio preference optimization: imitate the better answer, and outdo the other's odds.

    .. math::
        \log p(y) &= \frac{1}{|y|} \log \pi_\theta(y) \\
        L &= -\operatorname{mean}\Bigl[\log p(y_w)
        + \lambda \log \sigma\Bigl(\log \frac{p(y_w)}{1 - p(y_w)} - \log \frac{p(y_l)}{1 - p(y_l)}\Bigr)\Bigr]

    Args:
        chosen_logprobs: sum over the preferred answer, (B,), nats, less than 0. Gradients flow.
        rejected_logprobs: sum over the other answer, (B,), nats, less than 0. Gradients flow.
        chosen_lengths: tokens of the preferred answer, (B,), floating-point, at least 1.
        rejected_lengths: tokens of the other answer, (B,).
        odds_coeff: lambda, weight of the comparison; 0 is supervised fine-tuning. 0.1 is TRL's value.

    Returns:
        A scalar to minimize.

    Raises:
        TypeError: wrong dtypes.
        ValueError: as :func:`simpo_loss`; log-probabilities that are not less than 0, whose odds are infinite.

    Differs from TRL: TRL imitates the prompt along with the answer, and its mean is over all tokens of a batch.

    Reference:
        Hong et al. 2024, ORPO, arXiv 2403.07691, equations 4, 6 and 7.

    Example:
        >>> half, one = torch.tensor([0.5]).log(), torch.tensor([1.0])
        >>> orpo_loss(half, half, one, one, odds_coeff=1.0)   # log 2, twice
        tensor(1.3863)
    """
    check_knob(odds_coeff=odds_coeff)
    pair = _per_token(chosen_logprobs, rejected_logprobs, chosen_lengths, rejected_lengths)
    chosen_odds, rejected_odds = map(_log_odds, ("chosen_logprobs", "rejected_logprobs"), pair)
    return -(pair[0] + odds_coeff * logsigmoid(chosen_odds - rejected_odds)).mean()


def kto_loss(
    logprobs: Tensor, ref_logprobs: Tensor, desirable: Tensor, *, beta: float = 0.1, batch_kl: float | Tensor = 0.0
) -> Tensor:
    r"""Return the loss of Kahneman–Tversky optimization: thumbs up or down for each answer, and no pairs.

    .. math::
        d &= \log \frac{\pi_\theta(y)}{\pi_{\mathrm{ref}}(y)} \\
        L &= \operatorname{mean}\bigl[1 - \sigma\bigl(\pm \beta (d - z)\bigr)\bigr]

    Args:
        logprobs: sum over each answer under the trained policy, (B,), nats. Gradients flow.
        ref_logprobs: the same under the frozen reference, (B,); detached.
        desirable: 1 (thumbs up, the plus) or 0 (thumbs down, the minus), (B,), bool or floating-point.
        beta: how soon an answer counts as gained or lost.
        batch_kl: z, what a log-ratio is measured from: the batch's KL to the reference, not below 0; detached.

    Returns:
        A scalar to minimize, between 0 and 1.

    Raises:
        TypeError: wrong dtypes.
        ValueError: not (B,), unlike shapes, values that are not finite, a verdict that is neither 0 nor 1, knobs out
            of range.

    Differs from the paper: gains and losses weigh the same, which is TRL's default too.

    Reference:
        Ethayarajh et al. 2024, KTO, arXiv 2402.01306, equation 7.

    Example:
        >>> two = torch.zeros(2)
        >>> kto_loss(two, two, torch.tensor([1.0, 0.0]))
        tensor(0.5000)
    """
    check_knob(beta=beta, batch_kl=batch_kl)
    check_pairs(logprobs=logprobs, ref_logprobs=ref_logprobs)
    loss_sign = 1 - 2 * _zero_or_one("desirable", desirable, logprobs)
    gain = wide(logprobs) - wide(ref_logprobs).detach() - batch_kl
    return torch.sigmoid(loss_sign * beta * gain).mean()


def _zero_or_one(name: str, verdicts: Tensor, like: Tensor) -> Tensor:
    """Return verdicts (B,) as numbers; raise unless each of them is 0 or 1, or bool."""
    verdicts = verdicts.to(like.dtype) if isinstance(verdicts, Tensor) and verdicts.dtype == torch.bool else verdicts
    check_same_shape(**{name: verdicts}, logprobs=like)
    if values_are_known(verdicts) and not ((verdicts == 0) | (verdicts == 1)).all():
        raise ValueError(f"{name} must hold only 0 and 1 (1 = thumbs up)")
    return wide(verdicts)


def _log_odds(name: str, logprobs: Tensor) -> Tensor:
    """Return log(p / (1 - p)) of what the caller knows as ``name``; raise where p is 1 or more."""
    if (found := bounds(logprobs)) and found[1] >= 0:
        raise ValueError(f"{name} must be less than 0, got {found[1]} per token")
    return logprobs - torch.log(-torch.expm1(logprobs))


def _per_token(
    chosen_logprobs: Tensor, rejected_logprobs: Tensor, chosen_lengths: Tensor, rejected_lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the log-probability of a token of each answer, on average, (B,) and (B,)."""
    lengths = {"chosen_lengths": chosen_lengths, "rejected_lengths": rejected_lengths}
    check_pairs(chosen_logprobs=chosen_logprobs, rejected_logprobs=rejected_logprobs, **lengths)
    for name, each in lengths.items():
        if (found := bounds(each)) and found[0] < 1:
            raise ValueError(f"{name} must be at least 1, got {found[0]}")
    return wide(chosen_logprobs) / wide(chosen_lengths), wide(rejected_logprobs) / wide(rejected_lengths)
