"""A teacher in the place of a reward."""

import torch
from torch import Tensor

from rlhf_helpers._checks import check_choice, check_finite, check_ndim, check_same_shape
from rlhf_helpers.losses import reinforce_loss
from rlhf_helpers.losses.terms import average
from rlhf_helpers.masks import check_mask, keep
from rlhf_helpers.precision import wide

DIRECTIONS = ("reverse", "forward")


def on_policy_distillation_loss(
    logprobs: Tensor, teacher_logprobs: Tensor, completion_mask: Tensor | None = None, *, how: str = "token_mean"
) -> Tensor:
    r"""Return REINFORCE's loss with the teacher's log-probability as the reward, minus one's own.

    .. math:: L = -\operatorname{mean}\bigl[\operatorname{sg}\bigl(\log \pi_T(y_t) - \log \pi_\theta(y_t)\bigr)
        \log \pi_\theta(y_t)\bigr]

    with sg for "no gradient flows through". Its expected gradient on the policy's own samples is that of
    KL(policy || teacher) of the next token, on the policy's own road. Without sg the gradient of the policy's negative
    entropy is added, and training ends at the square root of the teacher; and a plain mean of the differences has an
    expected gradient of 0.

    Args:
        logprobs: under the policy that is trained and that sampled, (B, T), nats. Gradients flow.
        teacher_logprobs: of the same tokens under the teacher, (B, T), nats; detached.
        completion_mask: (B, T), 1 where a token counts.
        how: the average, see :func:`~rlhf_helpers.aggregate`.

    Returns:
        A scalar to minimize. Its value says nothing about progress; its gradient does.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, unmasked values that are not finite, an unknown ``how``.

    Reference:
        Agarwal et al. 2023, GKD, arXiv 2306.13649; Gu et al. 2023, MiniLLM, arXiv 2306.08543.

    Example:
        >>> logprobs = torch.tensor([[-1.0, -3.0]], requires_grad=True)
        >>> on_policy_distillation_loss(logprobs, torch.tensor([[-2.0, -1.0]])).backward()
        >>> logprobs.grad   # the teacher likes the second token better, the first one less
        tensor([[ 0.5000, -1.0000]])
    """
    check_same_shape(logprobs=logprobs, teacher_logprobs=teacher_logprobs)
    mask = check_mask(completion_mask, logprobs)
    own, teacher = (keep(wide(x.detach()), mask) for x in (logprobs, teacher_logprobs))
    check_finite(logprobs=own, teacher_logprobs=teacher)
    return reinforce_loss(logprobs, teacher - own, completion_mask, how=how)


def distillation_kl(
    next_logprobs: Tensor,
    teacher_next_logprobs: Tensor,
    completion_mask: Tensor | None = None,
    *,
    direction: str = "reverse",
    how: str = "token_mean",
) -> Tensor:
    r"""Return the exact KL between policy and teacher, over all next tokens and not only the one sampled.

    .. math::
        \text{reverse} &= \textstyle\sum_a \pi_\theta(a) \log \frac{\pi_\theta(a)}{\pi_T(a)} \\
        \text{forward} &= \textstyle\sum_a \pi_T(a) \log \frac{\pi_T(a)}{\pi_\theta(a)}

    Args:
        next_logprobs: the policy's for every token, (B, T, V), nats. Gradients flow.
        teacher_next_logprobs: the teacher's, (B, T, V); detached.
        completion_mask: (B, T), 1 where a token counts.
        direction: "reverse" seeks one of the teacher's modes where it cannot have all, "forward" covers all of them.
        how: the average, see :func:`~rlhf_helpers.aggregate`.

    Returns:
        A scalar to minimize, nats per token.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, an unknown direction or ``how``, a KL that counts and is not finite.

    Reference:
        Agarwal et al. 2023, GKD, arXiv 2306.13649; TRL's ``beta`` is 1 for reverse and 0 for forward.

    Example:
        >>> policy, teacher = torch.tensor([[[0.5, 0.5]]]).log(), torch.tensor([[[0.8, 0.2]]]).log()
        >>> [round(distillation_kl(policy, teacher, direction=d).item(), 4) for d in ("reverse", "forward")]
        [0.2231, 0.1927]
    """
    check_choice("direction", direction, DIRECTIONS)
    check_same_shape(next_logprobs=next_logprobs, teacher_next_logprobs=teacher_next_logprobs)
    check_ndim(3, "(B, T, V)", next_logprobs=next_logprobs)
    pair = wide(next_logprobs), wide(teacher_next_logprobs).detach()
    return average("KL", _kl(*(pair if direction == "reverse" else pair[::-1])), completion_mask, how)


def _kl(logp: Tensor, logq: Tensor) -> Tensor:
    """Return KL(p || q) along the last dimension, in nats; a probability of zero adds nothing."""
    return (logp.exp() * torch.where(logp > -torch.inf, logp - logq, 0.0)).sum(-1)
