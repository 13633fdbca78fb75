"""Exercises of the chapter on PPO, and what a wrong answer is told."""

import math

import torch
from torch import Tensor

from rlhf_helpers.exact import optimal_policy
from rlhf_helpers.exercises.diagnosis import Checker, Mistake, function, numbers

# ---- The price of nine tenths

price = numbers(
    1 / math.log(81),
    {
        math.log(81): "That is 1 / kl_coeff: turn it over.",
        1 / math.log(9): "You have one other token below the line; from a uniform reference there are nine.",
        1 / math.log(8.1): "You lost the factor 0.1 on the left: 0.1 e^(1/kl_coeff) = 8.1.",
        1 / math.log10(81): "That is the logarithm to base 10; the inverse of e^x is the natural one.",
        0.5: "At 0.5 the optimum gives token 1 a probability of 0.45.",
        0.2: "At 0.2 the optimum gives token 1 a probability of 0.94: near, and past it.",
    },
    tolerance=0.015,  # two digits are enough
)


# ---- Who needs the minimum?


def _clip(ratio: Tensor, clip_eps: float) -> Tensor:
    return ratio.clamp(1 - clip_eps, 1 + clip_eps)


def _surrogate(ratio: Tensor, advantages: Tensor, clip_eps: float = 0.2) -> Tensor:
    return torch.minimum(ratio * advantages, _clip(ratio, clip_eps) * advantages)


surrogate = function(
    _surrogate,
    [
        {"ratio": torch.tensor([0.5, 1.5, 0.5, 1.5]), "advantages": torch.tensor([2.0, 2.0, -1.0, -1.0])},
        {"ratio": torch.tensor([0.7, 1.3, 0.9, 5.0]), "advantages": torch.tensor([-0.5, -3.0, 1.0, -1.0])},
        {"ratio": torch.tensor([0.85, 1.15, 1.05]), "advantages": torch.tensor([-1.0, 2.0, 1.0]), "clip_eps": 0.1},
    ],
    [
        Mistake(
            "That is your colleague's loss: a ratio outside the range has no way back.",
            lambda ratio, advantages, eps=0.2: _clip(ratio, eps) * advantages,
        ),
        Mistake(
            "That is the larger of the two; the pessimist takes the smaller.",
            lambda ratio, advantages, eps=0.2: torch.maximum(ratio * advantages, _clip(ratio, eps) * advantages),
        ),
        Mistake(
            "You take the minimum of the ratios; with a negative advantage that is the larger product. Multiply first.",
            lambda ratio, advantages, eps=0.2: torch.minimum(ratio, _clip(ratio, eps)) * advantages,
        ),
        Mistake("Nothing is clipped.", lambda ratio, advantages, eps=0.2: ratio * advantages),
        Mistake(
            "You clip the product; the range is one for the ratio.",
            lambda ratio, advantages, eps=0.2: torch.minimum(ratio * advantages, _clip(ratio * advantages, eps)),
        ),
        Mistake(
            "Your range is 0.2 whatever clip_eps is.",
            lambda ratio, advantages, eps=0.2: _surrogate(ratio, advantages),
        ),
        Mistake(
            "You limit the loss of a badly paid token as well. PPO does not: it may always come back from above.",
            lambda ratio, advantages, eps=0.2: torch.where(
                advantages < 0,
                torch.maximum(_surrogate(ratio, advantages, eps), 3.0 * advantages),
                _surrogate(ratio, advantages, eps),
            ),
        ),
    ],
    gradients=("ratio",),  # whether the advantages are detached is for the loss to say
)


# ---- Two kinds of pay


def _optimum(reference: Tensor, pay: Tensor, kl_coeff: float) -> Tensor:
    size = len(reference)
    return optimal_policy(reference.log().expand(size, size), pay, kl_coeff=kl_coeff)[0, 0].exp()


optimum = function(
    _optimum,
    [
        {"reference": torch.tensor([0.5, 0.3, 0.2]), "pay": torch.tensor([0.0, 1.0, 0.5]), "kl_coeff": 0.5},
        {"reference": torch.tensor([0.9, 0.1]), "pay": torch.tensor([-1.0, 2.0]), "kl_coeff": 2.0},
    ],
    [
        Mistake(
            "You left out the reference: this is the tilt of a uniform one.",
            lambda reference, pay, kl_coeff: (pay / kl_coeff).softmax(0),
        ),
        Mistake(
            "You multiply by kl_coeff. A high price must make the pay matter less: divide.",
            lambda reference, pay, kl_coeff: (reference.log() + pay * kl_coeff).softmax(0),
        ),
        Mistake(
            "It does not sum to one: divide by Z.",
            lambda reference, pay, kl_coeff: reference * (pay / kl_coeff).exp(),
        ),
        Mistake(
            "You put probabilities into the softmax; it wants their logs.",
            lambda reference, pay, kl_coeff: (reference + pay / kl_coeff).softmax(0),
        ),
        Mistake(
            "These are logs; probabilities were asked for.",
            lambda reference, pay, kl_coeff: (reference.log() + pay / kl_coeff).log_softmax(0),
        ),
        Mistake(
            "You tilt by the pay itself. It is e to the power of pay / kl_coeff.",
            lambda reference, pay, kl_coeff: reference * (pay / kl_coeff) / (reference * pay / kl_coeff).sum(),
        ),
    ],
)


# ---- An elastic leash


def _clip_error(error: float) -> float:
    return min(max(error, -0.2), 0.2)


controller = function(
    lambda kl_coeff, kl, target, n, horizon: kl_coeff * (1 + _clip_error(kl / target - 1) * n / horizon),
    [
        {"kl_coeff": 0.15, "kl": 9.0, "target": 6.0, "n": 512, "horizon": 10000},
        {"kl_coeff": 0.3, "kl": 2.0, "target": 6.0, "n": 300, "horizon": 1000},
        {"kl_coeff": 0.2, "kl": 6.6, "target": 6.0, "n": 64, "horizon": 320},
    ],
    [
        Mistake(
            "The error is not clipped to the range from -0.2 to 0.2.",
            lambda coeff, kl, target, n, horizon: coeff * (1 + (kl / target - 1) * n / horizon),
        ),
        Mistake(
            "A KL above the target must raise the price; yours lowers it.",
            lambda coeff, kl, target, n, horizon: coeff * (1 - _clip_error(kl / target - 1) * n / horizon),
        ),
        Mistake(
            "You divide the target by the KL; the error is the KL over the target, minus one.",
            lambda coeff, kl, target, n, horizon: coeff * (1 + _clip_error(target / kl - 1) * n / horizon),
        ),
        Mistake(
            "You left out n / horizon, which makes the change slow.",
            lambda coeff, kl, target, n, horizon: coeff * (1 + _clip_error(kl / target - 1)),
        ),
        Mistake(
            "You add to the price; it is multiplied, so that it changes by a share of itself.",
            lambda coeff, kl, target, n, horizon: coeff + _clip_error(kl / target - 1) * n / horizon,
        ),
        Mistake(
            "You clip KL / target before you subtract one.",
            lambda coeff, kl, target, n, horizon: coeff * (1 + (_clip_error(kl / target) - 1) * n / horizon),
        ),
    ],
)


EXERCISES: dict[str, Checker] = {
    "ex-ppo-price": price,
    "ex-ppo-min": surrogate,
    "ex-ppo-two": optimum,
    "ex-ppo-controller": controller,
}
