"""Modules and Adam on one flat vector of parameters: a training step without objects that change."""

import inspect

import torch
from torch import Tensor, nn
from torch.func import functional_call

from rlhf_helpers._checks import bounds, check_knob, check_same_shape, check_tensors
from rlhf_helpers.precision import wide


class AtParameters:
    """A module with a flat vector in the place of its parameters, which gradients flow into.

    Args:
        module: the module; it stays as it is.
        flat: all its parameters in a row, as ``parameters_to_vector`` gives them, (N,).

    Raises:
        TypeError: module is none, or flat is not floating-point.
        ValueError: flat has another length.

    Example:
        >>> import torch
        >>> from rlhf_helpers import uniform_policy
        >>> policy = uniform_policy(vocab_size=2, hidden_dim=1)
        >>> # 2 for the embedding, 2 for the head, 2 for its bias
        >>> AtParameters(policy, torch.tensor([0.0, 0.0, 0.0, 0.0, 5.0, 6.0]))(torch.tensor([[0]])).tolist()
        [[[5.0, 6.0]]]
    """

    def __init__(self, module: nn.Module, flat: Tensor):
        if not isinstance(module, nn.Module):
            raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
        if not isinstance(flat, Tensor) or flat.numel():  # a module without parameters has none
            check_tensors(flat=flat)
        self.module = module
        sizes = [parameter.numel() for parameter in module.parameters()]
        if flat.shape != (sum(sizes),):
            raise ValueError(f"flat must have shape ({sum(sizes)},), got {tuple(flat.shape)}")
        parts = zip(module.named_parameters(), flat.split(sizes), strict=True)
        self.by_name = {name: part.view(parameter.shape) for (name, parameter), part in parts}
        if inspect.ismethod(getattr(module, "memory", None)):  # as :func:`sample_with` asks for
            self.memory = module.memory

    def __call__(self, *args) -> Tensor:
        """Call the module with these parameters."""
        return functional_call(self.module, self.by_name, args)


def adam(
    params: Tensor, gradient: Tensor, m: Tensor, v: Tensor, t: Tensor, learning_rate: Tensor | float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r"""Return Adam's next parameters and moments; what ``torch.optim.Adam`` does with its defaults, as a formula.

    .. math::
        m &\leftarrow 0.9\,m + 0.1\,g \\
        v &\leftarrow 0.999\,v + 0.001\,g^2 \\
        \theta &\leftarrow \theta - \eta\, \frac{m / (1 - 0.9^t)}{\sqrt{v / (1 - 0.999^t)} + 10^{-8}}

    Args:
        params: theta, (N,).
        gradient: g, (N,).
        m: first moment, (N,).
        v: second moment, (N,).
        t: number of steps taken before this one, scalar.
        learning_rate: eta; a tensor has one for each of several runs side by side, as (runs, 1) for params (runs, N).

    Returns:
        ``(params, m, v, t)`` after the step; in float32 where they came in 16 bits, in which moments would not move.

    Raises:
        TypeError: wrong types.
        ValueError: unlike shapes, or a learning rate that is negative or not finite.

    Reference:
        Kingma and Ba 2015, Adam, arXiv 1412.6980, algorithm 1.

    Example:
        >>> import torch
        >>> one, zero = torch.ones(1), torch.zeros(1)
        >>> # first step: the sign of the gradient
        >>> adam(one, 5 * one, zero, zero, torch.tensor(0.0), 0.1)[0]
        tensor([0.9000])
    """
    check_same_shape(params=params, gradient=gradient, m=m, v=v)
    if not isinstance(t, Tensor):
        raise TypeError(f"t must be a torch.Tensor, got {type(t).__name__}")
    if isinstance(learning_rate, Tensor) and learning_rate.ndim:
        check_rates(learning_rate, params)
    else:
        check_knob(learning_rate=learning_rate)
    params, gradient, m, v, t = (wide(x) for x in (params, gradient, m, v, t))
    t = t + 1
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient**2
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return params - learning_rate * m_hat / (v_hat.sqrt() + 1e-8), m, v, t


def check_rates(learning_rate: Tensor, params: Tensor) -> None:
    """Raise unless there is one rate for all of ``params``, or one for each of several runs, each finite."""
    try:
        fits = torch.broadcast_shapes(learning_rate.shape, params.shape) == params.shape
    except RuntimeError:
        fits = False
    if not fits:
        shapes = f"for params {tuple(params.shape)}, got {tuple(learning_rate.shape)}"
        raise ValueError(f"learning_rate must be one number, or one for each run, {shapes}")
    for rate in bounds(learning_rate) or ():
        check_knob(learning_rate=rate)
