"""The training loop's step as a pure function: state, random numbers and knobs in, state and series out.

``train`` is the loop to read. This is the same step without objects that change, for live figures: it can be drawn,
stepped by a slider, traced and exported.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad_and_value
from torch.nn.functional import embedding
from torch.nn.utils import parameters_to_vector

from rlhf_helpers._checks import check_choice, check_count, check_positive, check_tensors
from rlhf_helpers.flat import AtParameters, adam
from rlhf_helpers.policy import TinyCritic, uniform_policy
from rlhf_helpers.rewards import token_reward
from rlhf_helpers.rollout import Models, collect
from rlhf_helpers.series import measure
from rlhf_helpers.training import Method, seeded

State = dict[str, Tensor]


def training_step(
    method: Method,
    *,
    batch_size: int = 32,
    completion_length: int = 8,
    sample_from: str = "policy",
    critic: bool = False,
) -> tuple[Callable[[int], State], Callable[..., tuple[State, dict[str, Tensor]]]]:
    r"""Turn a method into the two functions that a live figure needs.

    .. math:: (\theta, m, v)_{n+1} = \operatorname{step}\bigl((\theta, m, v)_n, u_n; \beta, \eta, \dots\bigr)

    Args:
        method: as for :func:`train`.
        batch_size: completions B in a batch.
        completion_length: tokens T in a completion.
        sample_from: "policy" or "reference", as for :func:`train`.
        critic: train a :class:`TinyCritic` along.

    Returns:
        ``(start, step)``, two functions. ``start(seed)`` is a state, with flat parameters, Adam's moments, the policy
        that sampled and the random numbers it used. ``step(state, noise, *, kl_coeff, learning_rate, epochs=1,
        **knobs)`` takes uniforms (B, T) and returns ``(state, series)`` after one gradient step, with a new batch
        every ``epochs`` steps. The series are those of a :class:`History`, of the state that went in, and

        - ``optimum``: :math:`\sum_a \pi^*(a)\, r(a)` of the best policy at this ``kl_coeff``, :math:`\pi^*(a) \propto
          e^{r(a) / \beta}` (the start is uniform, so it is exact), in reward per token,
        - ``probs``: :math:`\pi_\theta(a \mid 0)`, the probabilities after token 0, (V,),
        - ``policy``: :math:`\pi_\theta(a \mid s)`, those after every token, (V, V),
        - ``completions``: eight of the batch, (8, T), token ids.

    Raises:
        TypeError: wrong types.
        ValueError: counts below 1, or an unknown ``sample_from``; in ``step``, noise of another shape, or knobs out of
            range.

    Example:
        >>> from rlhf_helpers import ppo
        >>> start, step = training_step(ppo)
        >>> state, series = step(
        ...     start(0), torch.rand(32, 8),
        ...     kl_coeff=torch.tensor(0.1), learning_rate=torch.tensor(0.05),
        ... )
        >>> round(series["entropy"].item(), 4)   # log 10: it starts uniform
        2.3026
    """
    if not callable(method):
        raise TypeError(f"method must be a function, got {type(method).__name__}")
    if not isinstance(critic, bool):
        raise TypeError(f"critic must be True or False, got {type(critic).__name__}")
    check_count(batch_size=batch_size, completion_length=completion_length)
    check_choice("sample_from", sample_from, ("policy", "reference"))
    layout = uniform_policy()  # the parameters come from the state
    modules = [layout, TinyCritic(max_length=completion_length)] if critic else [layout]
    sizes = [sum(parameter.numel() for parameter in module.parameters()) for module in modules]
    vocab_size = layout.vocab_size

    def models_at(flat: Tensor) -> Models:
        """Give the modules the parameters in a flat vector (N,)."""
        policy, *others = (AtParameters(*pair) for pair in zip(modules, flat.split(sizes), strict=True))
        logits = policy(torch.arange(vocab_size, device=flat.device)[None])[0]  # (V, V): ten rows are the whole policy
        return Models(lambda ids: embedding(ids, logits), *others)

    def start(seed: int) -> State:
        """Return the state before the first step; the seed draws the embedding."""
        policy = uniform_policy(generator=seeded(seed))
        flat = torch.cat([parameters_to_vector(module.parameters()).detach() for module in [policy, *modules[1:]]])
        copies = {name: flat.clone() for name in ("params", "ref", "old")}  # a tracer tells inputs apart by identity
        moments = {name: torch.zeros_like(flat) for name in ("m", "v")}
        return {**copies, **moments, "t": flat.new_zeros(()), "noise": flat.new_zeros(batch_size, completion_length)}

    def step(
        state: State,
        noise: Tensor,
        *,
        kl_coeff: Tensor,
        learning_rate: Tensor,
        epochs: Tensor | float = 1.0,
        **knobs: Tensor,
    ) -> tuple[State, dict[str, Tensor]]:
        """Take one gradient step; see ``training_step``."""
        check_tensors(noise=noise)
        if noise.shape != state["noise"].shape:
            raise ValueError(f"noise must have shape {tuple(state['noise'].shape)}, got {tuple(noise.shape)}")
        check_positive(inclusive=True, epochs=epochs)  # infinitely many keep one batch
        fresh = torch.remainder(state["t"], epochs) == 0
        old = torch.where(fresh, state["params"], state["old"])
        noise = torch.where(fresh, noise, state["noise"])
        models, reference = models_at(state["params"]), models_at(state["ref"]).policy
        rollout = collect(models_at(old), reference, noise, sample_from=sample_from)

        def loss_at(flat: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            return method(models_at(flat), rollout, kl_coeff=kl_coeff, **knobs)

        gradient, (loss, series) = grad_and_value(loss_at, has_aux=True)(state["params"])
        params, m, v, t = adam(state["params"], gradient, state["m"], state["v"], state["t"], learning_rate)
        every_token = torch.arange(vocab_size, device=noise.device)[None]
        table = models.policy(every_token)[0].log_softmax(-1).exp()
        paid = token_reward(every_token)[0].to(table.dtype)  # (V,): what each token is worth
        own = rollout if sample_from == "policy" else collect(models, reference, noise)
        series = {
            **measure(models.policy, own),
            "loss": loss,
            "optimum": (paid / kl_coeff).softmax(-1) @ paid,
            "probs": table[0],
            "policy": table,
            "completions": own.completion_ids[:8],
            **series,
        }
        state = {"params": params, "m": m, "v": v, "t": t, "ref": state["ref"], "old": old, "noise": noise}
        return state, series

    return start, step
