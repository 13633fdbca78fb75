"""What a loss does to the logits that wrote each token."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad

from rlhf_helpers.rollout import Rollout
from rlhf_helpers.sampling import Policy


def push_on_logits(loss: Callable[[Policy], Tensor], policy: Policy, rollout: Rollout) -> Tensor:
    r"""Return how a step down a loss moves the logits that each token of a batch was drawn from.

    .. math:: -\frac{\partial L}{\partial z_t}, \qquad \pi_\theta(\cdot \mid x, y_{<t}) = \operatorname{softmax}(z_t)

    Args:
        loss: of a policy, a scalar to minimize.
        policy: ids (B, L) -> logits (B, L, V).
        rollout: the batch that the loss is of.

    Returns:
        (B, T, V): positive where the loss wants the logit to rise. A policy shares its parameters between positions, so
        this is what each of them asks for, and not yet what it gets.

    Example:
        >>> from rlhf_helpers import Models, collect, token_logprobs
        >>> policy = lambda ids: torch.zeros(*ids.shape, 4)
        >>> rollout = collect(Models(policy), policy, torch.tensor([[0.3]]))   # draws token 1
        >>> loss = lambda policy: -token_logprobs(policy, rollout.prompt_ids, rollout.completion_ids).sum()
        >>> push_on_logits(loss, policy, rollout)
        tensor([[[-0.2500,  0.7500, -0.2500, -0.2500]]])
    """
    ids = torch.cat([rollout.prompt_ids, rollout.completion_ids], dim=1)
    gradient = grad(lambda logits: loss(lambda _: logits))(policy(ids[:, :-1]))
    return -gradient[:, rollout.prompt_ids.shape[1] - 1 :]
