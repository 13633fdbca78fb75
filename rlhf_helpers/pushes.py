"""What a loss does to the logits that wrote each token."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad

from rlhf_helpers.rollout import Rollout, check_rollout
from rlhf_helpers.sampling import Policy, ask


def push_on_logits(loss: Callable[[Policy], Tensor], policy: Policy, rollout: Rollout) -> Tensor:
    r"""Return how a step down a loss moves the logits that each token of a batch was drawn from.

    .. math:: -\frac{\partial L}{\partial z_t}, \qquad \pi_\theta(\cdot \mid x, y_{<t}) = \operatorname{softmax}(z_t)

    Args:
        loss: of a policy, a scalar to minimize.
        policy: ids (B, L) -> logits (B, L, V).
        rollout: the batch that the loss is of.

    Returns:
        (B, T, V): positive where the loss wants the logit to rise. A policy shares its parameters between positions, so
        this is what each of them asks for, and not yet what it gets. float32 for logits of 16 bits.

    Raises:
        TypeError: a loss or a policy that is no function, or no :class:`Rollout`.
        ValueError: a loss of more than one number, or ids outside of the policy's vocabulary.

    Example:
        >>> from rlhf_helpers import Models, collect, token_logprobs
        >>> policy = lambda ids: torch.zeros(*ids.shape, 4)
        >>> rollout = collect(Models(policy), policy, torch.tensor([[0.3]]))   # draws token 1
        >>> loss = lambda policy: -token_logprobs(policy, rollout.prompt_ids, rollout.completion_ids).sum()
        >>> push_on_logits(loss, policy, rollout)
        tensor([[[-0.2500,  0.7500, -0.2500, -0.2500]]])
    """
    if not callable(loss):
        raise TypeError(f"loss must be a function of a policy, got {type(loss).__name__}")
    check_rollout(rollout)

    def loss_at(logits: Tensor) -> Tensor:
        """Return the loss of these logits."""
        number = loss(lambda _: logits)
        if not isinstance(number, Tensor) or number.ndim:
            found = tuple(number.shape) if isinstance(number, Tensor) else type(number).__name__
            raise ValueError(f"loss must return one number, got {found}")
        return number

    ids = torch.cat([rollout.prompt_ids, rollout.completion_ids], dim=1)
    gradient = grad(loss_at)(ask(policy, "the rollout's ids", ids[:, :-1]))
    return -gradient[:, rollout.prompt_ids.shape[1] - 1 :]
