"""Exercises of the chapter on PPO, and what a wrong answer is told."""

import math

import torch
from torch import Tensor

from rlhf_helpers.exercises.combinations import combined
from rlhf_helpers.exercises.diagnosis import Checker, Choice, Function, Mistake, Numbers, Parts

# ---- The price of nine tenths

price = Numbers(
    1 / math.log(81),
    {
        math.log(81): "That is 1 / kl_coeff: turn it over.",
        1 / math.log(9): "You have one other token below the line; from a uniform reference there are nine.",
        1 / math.log(8.1): "You lost the factor 0.1 on the left: 0.1 e^(1/kl_coeff) = 8.1.",
        1 / math.log10(81): "That is the logarithm to base 10; the inverse of e^x is the natural one.",
        0.5: "At 0.5 the optimum gives token 1 a probability of 0.45.",
        0.2: "At 0.2 the optimum gives token 1 a probability of 0.94: near, and past it.",
        0.25: "At 0.25 the optimum gives token 1 a probability of 0.86: near, and short of it.",
        1 / math.log(90): "You have ten tokens below the line; token 1 is one of them, so the others are nine.",
        1 / math.log(100): "You left the nine other tokens out of the fraction, or counted to 10 twice.",
        1 / math.log2(81): "That is the logarithm to base 2; the inverse of e^x is the natural one.",
        math.log(8.1): "That is the logarithm of 8.1: bring 0.1 to the other side, and turn it over.",
        math.log(9): "That is log 9: the 9 other tokens belong in it too, and then turn it over.",
    },
    hints=(2,),
)


# ---- Who needs the minimum?


def _clip(ratio: Tensor, clip_eps: float) -> Tensor:
    return ratio.clamp(1 - clip_eps, 1 + clip_eps)


def _surrogate(ratio: Tensor, advantages: Tensor, clip_eps: float = 0.2) -> Tensor:
    clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
    return torch.minimum(ratio * advantages, clipped * advantages)


RATIOS = (0.002, 0.4, 0.7, 0.82, 0.95, 1.1, 1.18, 1.6, 2.7, 3.5, 12.0, 400.0)
surrogate = Function(
    _surrogate,
    [
        {"ratio": torch.tensor([0.5, 1.5, 0.5, 1.5]), "advantages": torch.tensor([2.0, 2.0, -1.0, -1.0])},
        {"ratio": torch.tensor([0.7, 1.3, 0.9, 5.0]), "advantages": torch.tensor([-0.5, -3.0, 1.0, -1.0])},
        {"ratio": torch.tensor([0.85, 1.15, 1.05]), "advantages": torch.tensor([-1.0, 2.0, 1.0]), "clip_eps": 0.1},
        {"ratio": torch.tensor([1.25, 1.4, 0.65]), "advantages": torch.tensor([1.0, 2.0, -1.0]), "clip_eps": 0.3},
        *combined(5, {"clip_eps": 0.15}, ratio=RATIOS, advantages=(-4.0, -0.3, 0.0, 0.6, 2.5)),
        *combined(4, {}, ratio=RATIOS, advantages=(-1.2, 0.7)),
    ],
    [
        Mistake(
            "The value is your colleague's, and the gradient goes through as if nothing were clipped: a token outside "
            "the range never falls silent.",
            lambda ratio, advantages, eps=0.2: (ratio + (_clip(ratio, eps) - ratio).detach()) * advantages,
        ),
        Mistake(
            "The values are those of PPO, and the gradient goes through where the range should silence it.",
            lambda ratio, advantages, eps=0.2: (
                ratio * advantages + (_surrogate(ratio, advantages, eps) - ratio * advantages).detach()
            ),
        ),
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
        *(
            Mistake(
                "You limit the loss of a badly paid token as well. PPO does not: it may always come back from above.",
                lambda ratio, advantages, eps=0.2, ceiling=ceiling: torch.where(
                    advantages < 0,
                    torch.maximum(_surrogate(ratio, advantages, eps), ceiling * advantages),
                    _surrogate(ratio, advantages, eps),
                ),
            )
            for ceiling in (2.0, 3.0, 5.0, 10.0)
        ),
        Mistake(
            "You set the token outside the range to 0; PPO keeps the clipped value there, which has no gradient.",
            lambda ratio, advantages, eps=0.2: torch.where(
                _surrogate(ratio, advantages, eps) == ratio * advantages, ratio * advantages, 0.0
            ),
        ),
        Mistake(
            "The advantage lost its sign: multiply by the advantage itself.",
            lambda ratio, advantages, eps=0.2: torch.minimum(ratio, _clip(ratio, eps)) * advantages.abs(),
        ),
        Mistake(
            "Everything is detached, and nothing learns.",
            lambda ratio, advantages, eps=0.2: _surrogate(ratio, advantages, eps).detach(),
        ),
        *(
            Mistake(
                "One of the two products has a detached ratio: inside the range only half of the gradient is left.",
                does,
            )
            for does in (
                lambda r, a, eps=0.2: torch.minimum(r * a, _clip(r, eps).detach() * a),
                lambda r, a, eps=0.2: torch.minimum(r.detach() * a, _clip(r, eps) * a),
            )
        ),
        Mistake(
            "That is the average of the two; the pessimist takes the smaller.",
            lambda ratio, advantages, eps=0.2: (ratio + _clip(ratio, eps)) * advantages / 2,
        ),
        Mistake(
            "That is the mean; one number for each token was asked for.",
            lambda ratio, advantages, eps=0.2: _surrogate(ratio, advantages, eps).mean(),
        ),
        Mistake(
            "That is minus the mean, a loss; what is maximized was asked for, one number for each token.",
            lambda ratio, advantages, eps=0.2: -_surrogate(ratio, advantages, eps).mean(),
        ),
        Mistake(
            "You clip only above 1: a bad token below the range has to fall silent, too.",
            lambda ratio, advantages, eps=0.2: torch.minimum(ratio * advantages, ratio.clamp(max=1 + eps) * advantages),
        ),
        Mistake(
            "You clip only below 1: a good token above the range has to fall silent, too.",
            lambda ratio, advantages, eps=0.2: torch.minimum(ratio * advantages, ratio.clamp(min=1 - eps) * advantages),
        ),
    ],
    gradients=("ratio",),  # whether the advantages are detached is for the loss to say
    hint=3,
    gradient_hint=2,
)


# ---- Two kinds of pay


def _optimum(reference: Tensor, pay: Tensor, kl_coeff: float) -> Tensor:
    tilted = reference * (pay / kl_coeff).exp()
    return tilted / tilted.sum()


optimum = Function(
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
        Mistake(
            "You left out the price: divide the pay by kl_coeff.",
            lambda reference, pay, kl_coeff: (reference.log() + pay).softmax(0),
        ),
        Mistake(
            "You pull the reference by kl_coeff: in the formula it stands with the pay alone.",
            lambda reference, pay, kl_coeff: (kl_coeff * reference.log() + pay).softmax(0),
        ),
        Mistake(
            "The sign is turned: what is paid well becomes likelier.",
            lambda reference, pay, kl_coeff: (reference.log() - pay / kl_coeff).softmax(0),
        ),
        Mistake(
            "You divide by the number of tokens, or by the largest: Z is the sum.",
            lambda reference, pay, kl_coeff: reference * (pay / kl_coeff).exp() / len(pay),
        ),
        Mistake(
            "You put the softmax around the tilted probabilities; dividing by their sum is all.",
            lambda reference, pay, kl_coeff: (reference * (pay / kl_coeff).exp()).softmax(0),
        ),
    ],
    hint=1,
)

factor = Numbers(
    math.e,
    {
        2.0: "2 is the ratio of the payments; it is their difference, over the price, that counts.",
        math.exp(0.5): "The difference of the payments is 0.5, and it is divided by the price of 0.5.",
        math.exp(0.25): "You multiplied by the price; divide by it.",
        math.exp(2): "That is token 1 against a token that is paid nothing.",
        1.0: "That is the difference over the price; the factor is e to that power.",
        0.5: "That is the difference of the payments; the factor is e to the power of it, over the price.",
    },
    hints=(2,),
)


# ---- An elastic leash


def _clip_error(error: float) -> float:
    return min(max(error, -0.2), 0.2)


def _adapt(kl_coeff: float, kl: float, target: float, n: int, horizon: int) -> float:
    error = min(max(kl / target - 1, -0.2), 0.2)
    return kl_coeff * (1 + error * n / horizon)


controller = Function(
    _adapt,
    [
        {"kl_coeff": 0.15, "kl": 9.0, "target": 6.0, "n": 512, "horizon": 10000},
        {"kl_coeff": 0.3, "kl": 2.0, "target": 6.0, "n": 300, "horizon": 1000},
        {"kl_coeff": 0.2, "kl": 2.2, "target": 2.0, "n": 64, "horizon": 320},
        {"kl_coeff": 0.5, "kl": 14.0, "target": 4.0, "n": 900, "horizon": 1000},
        {"kl_coeff": 0.4, "kl": 0.1, "target": 4.0, "n": 600, "horizon": 1000},
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
        Mistake(
            "You clip above only: a KL far below the target must be limited, too.",
            lambda coeff, kl, target, n, horizon: coeff * (1 + min(kl / target - 1, 0.2) * n / horizon),
        ),
        Mistake(
            "You clip below only: a KL far above the target must be limited, too.",
            lambda coeff, kl, target, n, horizon: coeff * (1 + max(kl / target - 1, -0.2) * n / horizon),
        ),
        Mistake(
            "You clip the whole change; the error alone is clipped.",
            lambda coeff, kl, target, n, horizon: coeff * (1 + _clip_error((kl / target - 1) * n / horizon)),
        ),
        Mistake(
            "Your error is the difference of the two; it is their ratio minus 1.",
            lambda coeff, kl, target, n, horizon: coeff * (1 + _clip_error(kl - target) * n / horizon),
        ),
        Mistake(
            "That is the factor; multiply the old price by it.",
            lambda coeff, kl, target, n, horizon: 1 + _clip_error(kl / target - 1) * n / horizon,
        ),
        Mistake(
            "That is the change; the next price is the old one times 1 plus that.",
            lambda coeff, kl, target, n, horizon: coeff * _clip_error(kl / target - 1) * n / horizon,
        ),
        Mistake(
            "n / horizon is the other way round.",
            lambda coeff, kl, target, n, horizon: coeff * (1 + _clip_error(kl / target - 1) * horizon / n),
        ),
    ],
    hint=1,
)


helpless = Choice(
    "back",
    {
        "further": "Those went the way of their pay already; PPO's own clip stops them too, and means to.",
        "both": "The gradient is off on both sides, but those that their pay wants further out need no help.",
    },
)


EXERCISES: dict[str, Checker] = {
    "ex-ppo-price": price,
    "ex-ppo-min": Parts({"the function": surrogate, "who needs help": helpless}),
    "ex-ppo-two": Parts({"the function": optimum, "the factor": factor}),
    "ex-ppo-controller": controller,
}
