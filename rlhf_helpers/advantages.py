"""Better than expected: four ways to say it."""

import torch
from torch import Tensor

from rlhf_helpers._checks import check_finite, check_knob, check_ndim, check_same_shape, check_tensors
from rlhf_helpers.masks import check_mask, keep
from rlhf_helpers.precision import wide
from rlhf_helpers.ties import tied


def group_advantages(rewards: Tensor, *, normalize: bool = True, eps: float = 1e-4) -> Tensor:
    r"""Compare every completion with the others of its prompt.

    .. math:: A_i = \frac{r_i - \bar r}{\operatorname{std}(r) + \epsilon}

    Args:
        rewards: (N, G), one row for each prompt, one reward for each of its G completions.
        normalize: divide by the unbiased standard deviation; False is the Dr. GRPO form.
        eps: added to the standard deviation.

    Returns:
        Advantages (N, G), without gradient; float32 for rewards of 16 bits. A group of one, or of rewards that tie
        (see ``ties.py``), has advantage 0.

    Raises:
        TypeError: rewards are not floating-point.
        ValueError: rewards are not (N, G), empty or not finite; eps is negative or NaN.

    Differs from the paper: the unbiased standard deviation and eps are those of the field's libraries.

    Reference:
        Shao et al. 2024, DeepSeekMath, arXiv 2402.03300, section 4.1.2; Liu et al. 2025, arXiv 2503.20783.

    Example:
        >>> rewards = torch.tensor([[1., 0., 0., 1.]])
        >>> group_advantages(rewards, normalize=False).tolist()
        [[0.5, -0.5, -0.5, 0.5]]
    """
    check_rewards(rewards)
    check_knob(eps=eps)
    rewards = wide(rewards.detach())
    equal = tied(rewards.amax(1, keepdim=True), rewards.amin(1, keepdim=True))  # whatever the mean rounds to
    advantages = rewards - rewards.mean(1, keepdim=True)
    if normalize and rewards.shape[1] > 1:
        advantages = advantages / (rewards.std(1, keepdim=True) + eps)
    return torch.where(equal, 0.0, advantages)


def rloo_advantages(rewards: Tensor) -> Tensor:
    r"""Compare every completion with the mean of the *others* of its prompt (leave one out).

    .. math:: A_i = r_i - \frac{1}{G - 1} \sum_{j \ne i} r_j

    Args:
        rewards: (N, G).

    Returns:
        Advantages (N, G), without gradient, in units of reward; float32 for rewards of 16 bits. A group of one has
        advantage 0.

    Raises:
        TypeError: rewards are not floating-point.
        ValueError: rewards are not (N, G), empty or not finite.

    Reference:
        Ahmadian et al. 2024, Back to Basics, arXiv 2402.14740, section 2.3; Kool et al. 2019.

    Example:
        >>> rloo_advantages(torch.tensor([[3., 1., 2.]])).tolist()
        [[1.5, -1.5, 0.0]]
    """
    check_rewards(rewards)
    rewards = wide(rewards.detach())
    group_size = rewards.shape[1]
    if group_size == 1:
        return torch.zeros_like(rewards)
    others = (rewards.sum(1, keepdim=True) - rewards) / (group_size - 1)
    return rewards - others


def gae(
    rewards: Tensor, values: Tensor, completion_mask: Tensor | None = None, *, gamma: float = 1.0, lam: float = 0.95
) -> tuple[Tensor, Tensor]:
    r"""Estimate advantages with a critic: generalized advantage estimation.

    .. math::
        \delta_t &= r_t + \gamma V_{t+1} - V_t \\
        A_t &= \sum_{l \ge 0} (\gamma \lambda)^l \delta_{t+l}

    Args:
        rewards: (B, T), in the units the critic predicts.
        values: V before each token, (B, T); the value after the last token that counts is 0.
        completion_mask: (B, T), 1 where a token counts; the others are as if they were not there. Without it all T
            count, those behind an end too.
        gamma: discount in [0, 1]; RLHF uses 1.
        lam: lambda in [0, 1]; 0 trusts the critic (biased, little noise), 1 trusts the rewards (unbiased, noisy).

    Returns:
        ``(advantages, returns)``, both (B, T) and without gradient, 0 where the mask is, float32 for inputs of 16 bits;
        ``returns = advantages + values`` is the critic's target.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, numbers that count and are not finite, gamma or lam outside [0, 1].

    Reference:
        Schulman et al. 2016, High-Dimensional Continuous Control Using GAE, arXiv 1506.02438.

    Example:
        >>> rewards = torch.tensor([[0., 0., 1.]])
        >>> values = torch.tensor([[.5, .5, .5]])
        >>> advantages, returns = gae(rewards, values, lam=1.0)
        >>> advantages.tolist(), returns.tolist()
        ([[0.5, 0.5, 0.5]], [[1.0, 1.0, 1.0]])
    """
    check_same_shape(rewards=rewards, values=values)
    check_ndim(2, "(B, T)", rewards=rewards)
    check_knob(0.0, 1.0, inclusive=True, gamma=gamma, lam=lam)
    mask = check_mask(completion_mask, rewards)
    rewards, values = (keep(wide(tensor.detach()), mask) for tensor in (rewards, values))
    check_finite(rewards=rewards, values=values)
    if mask is not None:
        order = (~mask).long().argsort(dim=1, stable=True)  # tokens that count first, in their order
        rewards, values = rewards.gather(1, order), values.gather(1, order)
    following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)  # V after each token
    delta = rewards + gamma * following - values
    advantages, running = [], torch.zeros_like(delta[:, 0])
    for t in reversed(range(delta.shape[1])):
        running = delta[:, t] + gamma * lam * running
        advantages.append(running)
    advantages = torch.stack(advantages[::-1], dim=1)
    returns = advantages + values
    if mask is not None:
        place = order.argsort(1)  # and back
        advantages, returns = (keep(tensor.gather(1, place), mask) for tensor in (advantages, returns))
    return advantages, returns


def check_rewards(rewards: Tensor) -> None:
    """Raise unless rewards are finite numbers (N, G)."""
    check_tensors(rewards=rewards)
    check_ndim(2, "(N, G)", rewards=rewards)
    check_finite(rewards=rewards)
