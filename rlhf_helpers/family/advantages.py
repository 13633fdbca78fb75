"""Better than whom? What REINFORCE++, MaxRL and best-of-n put in the place of GRPO's advantage."""

import torch
from torch import Tensor

from rlhf_helpers._checks import bounds
from rlhf_helpers.advantages import check_rewards, group_advantages
from rlhf_helpers.precision import wide
from rlhf_helpers.ties import tied


def batch_advantages(rewards: Tensor, *, eps: float = 1e-4) -> Tensor:
    r"""Compare every completion with the whole batch, as REINFORCE++ does: GRPO, with one group.

    .. math:: A_{n,i} = \frac{r_{n,i} - \operatorname{mean}(r)}{\operatorname{std}(r) + \epsilon}

    Of what :func:`~rlhf_helpers.group_advantages` gives with ``normalize=False`` it makes REINFORCE++-baseline: the
    mean of the group, the standard deviation of the batch.

    Args:
        rewards: (N, G), one row for each prompt, the KL to the reference already subtracted.
        eps: added to the standard deviation.

    Returns:
        Advantages (N, G), without gradient; float32 for rewards of 16 bits. Where all rewards tie they are 0.

    Raises:
        TypeError: rewards are not floating-point.
        ValueError: rewards are not (N, G), empty or not finite; eps is negative or NaN.

    Differs from the paper: one number for each completion, where the paper's returns to go also count how much of the
    KL is still to come; the unbiased standard deviation and eps are those of :func:`~rlhf_helpers.group_advantages`.

    Reference:
        Hu 2025, REINFORCE++, arXiv 2501.03262.

    Example:
        >>> batch_advantages(torch.tensor([[0., 0.], [2., 2.]]), eps=0.0)   # two groups, both silent in GRPO
        tensor([[-0.8660, -0.8660],
                [ 0.8660,  0.8660]])
    """
    check_rewards(rewards)
    return group_advantages(rewards.reshape(1, -1), eps=eps).view_as(rewards)


def maxrl_advantages(rewards: Tensor) -> Tensor:
    r"""Compare every completion with the mean of its prompt, in units of that mean: MaxRL.

    .. math:: A_i = \frac{r_i - \bar r}{\bar r}

    For rewards of 0 and 1 the expected gradient of :func:`~rlhf_helpers.reinforce_loss` with groups of G is that of

    .. math:: \sum_{k=1}^{G-1} \frac{\text{pass@}k}{k},

    the first terms of :math:`\log p = -\sum_k (1 - p)^k / k`, up to a constant: what is rarely solved counts more.
    (Without the baseline it would have G terms. It is the groups without a success, which are 0, that cost the last.)

    Args:
        rewards: (N, G), at least 0.

    Returns:
        Advantages (N, G), without gradient and unit; float32 for rewards of 16 bits. A group whose rewards tie, all
        wrong or all right, has advantage 0.

    Raises:
        TypeError: rewards are not floating-point.
        ValueError: rewards are not (N, G), empty, not finite or negative.

    Reference:
        Tajwar et al. 2026, Maximum Likelihood Reinforcement Learning, arXiv 2602.02710.

    Example:
        >>> maxrl_advantages(torch.tensor([[1., 0., 0., 0.]])).tolist()   # one success in four weighs 3
        [[3.0, -1.0, -1.0, -1.0]]
    """
    check_rewards(rewards)
    if (found := bounds(rewards)) and found[0] < 0:
        raise ValueError(f"rewards must be at least 0, got {found[0]}")
    rewards = wide(rewards.detach())
    return torch.where(mixed_groups(rewards)[:, None], rewards / rewards.mean(1, keepdim=True) - 1, 0.0)


def best_of_n_advantages(rewards: Tensor) -> Tensor:
    r"""Give everything to the best completion of each prompt: best of n, then supervised fine-tuning on it.

    .. math:: A_i = \frac{G\; \mathbb{1}[r_i = \max r]}{\#\{j : r_j = \max r\}}

    With it :func:`~rlhf_helpers.reinforce_loss` and ``how="sequence_mean"`` are the negative log-likelihood of the
    winners, a mean over their tokens and then over prompts.

    Args:
        rewards: (N, G): n is G.

    Returns:
        Advantages (N, G), without gradient: they average to 1, not to 0. float32 for rewards of 16 bits. Completions
        that tie for the best (see ``ties.py``) share.

    Raises:
        TypeError: rewards are not floating-point.
        ValueError: rewards are not (N, G), empty or not finite.

    Reference:
        Dong et al. 2023, RAFT, arXiv 2304.06767.

    Example:
        >>> best_of_n_advantages(torch.tensor([[0., 3., 1., 2.], [1., 0., 1., 0.]])).tolist()
        [[0.0, 4.0, 0.0, 0.0], [2.0, 0.0, 2.0, 0.0]]
    """
    check_rewards(rewards)
    rewards = wide(rewards.detach())
    wins = tied(rewards, rewards.amax(1, keepdim=True)).to(rewards.dtype)
    return wins / wins.mean(1, keepdim=True)


def mixed_groups(rewards: Tensor) -> Tensor:
    r"""Say which groups have something to compare: DAPO keeps sampling until a batch is full of them.

    .. math:: \min_i r_i < \max_i r_i

    Args:
        rewards: (N, G).

    Returns:
        (N,) bool: False where all rewards of a group tie (see ``ties.py``), so that every advantage in it is 0.

    Raises:
        TypeError: rewards are not floating-point.
        ValueError: rewards are not (N, G), empty or not finite.

    Reference:
        Yu et al. 2025, DAPO, arXiv 2503.14476, dynamic sampling.

    Example:
        >>> mixed_groups(torch.tensor([[1., 1., 1.], [0., 1., 0.]])).tolist()
        [False, True]
    """
    check_rewards(rewards)
    return ~tied(rewards.amax(1), rewards.amin(1))
