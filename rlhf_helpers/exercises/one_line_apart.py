"""Exercises of the chapter on names that are one line apart, and what a wrong answer is told."""

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Function, Mistake, Numbers

# ---- One of eight

one_of_eight = Numbers(
    (1.0, 8**0.5 * 7 / 8, 7.0),
    {
        (7 / 8, ANY, ANY): "RLOO leaves the answer out of its own baseline: the mean of the other seven is 0.",
        (ANY, 8**0.5, ANY): "You divided the reward itself; GRPO subtracts the mean of one eighth first.",
        (ANY, 7**0.5, ANY): "That is with the standard deviation over G; here it is over G - 1.",
        (ANY, 7.0, ANY): "You divided by the variance, or by the mean; GRPO divides by the standard deviation.",
        (ANY, 7 / 8, ANY): "That is Dr. GRPO, which does not divide.",
        (ANY, ANY, 8.0): "You divided the reward by the mean; subtract the mean first.",
        (ANY, ANY, 7 / 8): "That is the distance to the mean; MaxRL divides it by the mean, one eighth.",
    },
    hints=(1, 2, 2),
)


# ---- Silent by distance


def _dppo_weights(logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, max_move: float) -> Tensor:
    ratio = (logprobs - old_logprobs).exp()
    moved = advantages.sign() * (logprobs.exp() - old_logprobs.exp())
    return torch.where(moved > max_move, 0.0, ratio * advantages)


def _dppo(logprobs, old_logprobs, advantages, moved, max_move):
    return torch.where(moved > max_move, 0.0, (logprobs - old_logprobs).exp() * advantages)


DPPO_CASES = [
    {
        "logprobs": torch.tensor([0.5, 0.9, 0.02, 0.3, 0.1, 0.6]).log(),
        "old_logprobs": torch.tensor([0.2, 0.5, 0.01, 0.7, 0.4, 0.3]).log(),
        "advantages": torch.tensor([1.0, -1.0, 2.0, -0.5, 1.5, -2.0]),
        "max_move": 0.2,
    },
    {
        "logprobs": torch.tensor([[0.3, 0.4], [0.05, 0.6]]).log(),
        "old_logprobs": torch.tensor([[0.2, 0.45], [0.2, 0.5]]).log(),
        "advantages": torch.tensor([[1.0, -1.0], [-3.0, 0.5]]),
        "max_move": 0.08,
    },
]
dppo_weights = Function(
    _dppo_weights,
    DPPO_CASES,
    [
        Mistake(
            "You silenced a move in either direction; a token that has moved against its advantage has to come back.",
            lambda new, old, a, d: _dppo(new, old, a, (new.exp() - old.exp()).abs(), d),
        ),
        Mistake(
            "You look only at rises; a bad token is silent once it has fallen far enough.",
            lambda new, old, a, d: _dppo(new, old, a, new.exp() - old.exp(), d),
        ),
        Mistake(
            "That is a clip of the ratio; DPPO measures the move in probability.",
            lambda new, old, a, d: _dppo(new, old, a, a.sign() * ((new - old).exp() - 1), d),
        ),
        Mistake(
            "You measured the move in log-probability; take `exp` first.",
            lambda new, old, a, d: _dppo(new, old, a, a.sign() * (new - old), d),
        ),
        Mistake(
            "The ratio is missing: a token that is not silent weighs the ratio times the advantage.",
            lambda new, old, a, d: torch.where(a.sign() * (new.exp() - old.exp()) > d, 0.0, a),
        ),
        Mistake(
            "You kept the tokens that should be silent, and silenced the others.",
            lambda new, old, a, d: _dppo(new, old, a, -a.sign() * (new.exp() - old.exp()), -d),
        ),
        Mistake(
            "You multiplied the move by the advantage itself; only its sign says the direction.",
            lambda new, old, a, d: _dppo(new, old, a, a * (new.exp() - old.exp()), d),
        ),
    ],
    hint=2,
)


# ---- The weight that learns


def _repaired(logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, max_weight: float) -> Tensor:
    ratio = (logprobs - old_logprobs).exp()
    weight = ratio.clamp(max=max_weight).detach()
    return -(weight * advantages * logprobs).mean()


def _weight(new: Tensor, old: Tensor, limit: float) -> Tensor:
    return (new - old).exp().clamp(max=limit)


cispo = Function(
    _repaired,
    [
        {
            "logprobs": torch.tensor([-1.0, -3.0, -0.5, -2.0]),
            "old_logprobs": torch.tensor([-1.0, -4.5, -0.6, -1.5]),
            "advantages": torch.tensor([1.0, 2.0, -1.0, 0.5]),
            "max_weight": 2.0,
        },
        {
            "logprobs": torch.tensor([[-0.2, -2.5], [-1.2, -0.7]]),
            "old_logprobs": torch.tensor([[-0.9, -2.0], [-1.2, -2.7]]),
            "advantages": torch.tensor([[-1.0, 0.3], [0.7, 1.1]]),
            "max_weight": 3.0,
        },
        {  # a bad token above the limit, and a good one that has become unlikely
            "logprobs": torch.tensor([-0.5, -3.5, -1.0]),
            "old_logprobs": torch.tensor([-2.5, -1.0, -1.2]),
            "advantages": torch.tensor([-1.0, 1.0, 0.5]),
            "max_weight": 3.0,
        },
    ],
    [
        Mistake(
            "The weight still learns: detach it.",
            lambda new, old, a, c: -(_weight(new, old, c) * a * new).mean(),
        ),
        Mistake(
            "You detached the wrong factor: the log-probability has to learn, the weight is data.",
            lambda new, old, a, c: -(_weight(new, old, c) * a * new.detach()).mean(),
        ),
        Mistake(
            "Everything is detached, and nothing learns.",
            lambda new, old, a, c: -(_weight(new, old, c) * a * new).detach().mean(),
        ),
        Mistake(
            "That is the ratio times the advantage, whose gradient the limit silences: the log-probability is gone.",
            lambda new, old, a, c: -(_weight(new, old, c) * a).mean(),
        ),
        Mistake(
            "The limit is gone: the weight is at most `max_weight`.",
            lambda new, old, a, c: -((new - old).exp().detach() * a * new).mean(),
        ),
        Mistake(
            "A loss is minimized: the minus sign is missing.",
            lambda new, old, a, c: (_weight(new, old, c).detach() * a * new).mean(),
        ),
        Mistake(
            "The sum over the tokens; the mean was there.",
            lambda new, old, a, c: -(_weight(new, old, c).detach() * a * new).sum(),
        ),
    ],
    gradients=("logprobs",),
    hint=1,
    gradient_hint=3,
)


# ---- The doubt taken out


def _robust_push(h: Tensor, beta: float, e: float) -> Tensor:
    agree, disagree = torch.sigmoid(-beta * h), torch.sigmoid(beta * h)
    return beta * ((1 - e) * agree + e * disagree) / (1 - 2 * e)


robust = Function(
    _robust_push,
    [
        {"h": torch.tensor([-2.0, 0.0, 1.0, 5.0]), "beta": 0.5, "e": 0.1},
        {"h": torch.tensor([0.7, -0.3, 3.0]), "beta": 1.5, "e": 0.3},
    ],
    [
        Mistake(
            "That is cDPO's push: here the flipped label is subtracted, and its inner derivative turns that to plus.",
            lambda h, b, e: b * ((1 - e) * torch.sigmoid(-b * h) - e * torch.sigmoid(b * h)),
        ),
        Mistake(
            "The second part has the wrong sign: the derivative of -h is -1.",
            lambda h, b, e: b * ((1 - e) * torch.sigmoid(-b * h) - e * torch.sigmoid(b * h)) / (1 - 2 * e),
        ),
        Mistake(
            "The division by 1 - 2 e is missing.",
            lambda h, b, e: b * ((1 - e) * torch.sigmoid(-b * h) + e * torch.sigmoid(b * h)),
        ),
        Mistake("The factor beta is missing: it is the inner derivative.", lambda h, b, e: _robust_push(h, b, e) / b),
        Mistake("That is the derivative; minus the derivative is the push.", lambda h, b, e: -_robust_push(h, b, e)),
        Mistake("That is DPO's push, which knows nothing of e.", lambda h, b, e: b * torch.sigmoid(-b * h)),
        Mistake(
            "Both parts have the same sigmoid; a flipped label looks at -h.",
            lambda h, b, e: b * torch.sigmoid(-b * h) / (1 - 2 * e),
        ),
        Mistake(
            "The two sigmoids are swapped: the label that is right pushes less where h is large.",
            lambda h, b, e: b * ((1 - e) * torch.sigmoid(b * h) + e * torch.sigmoid(-b * h)) / (1 - 2 * e),
        ),
    ],
    hint=2,
)

EXERCISES: dict[str, Checker] = {
    "ex-family-one": one_of_eight,
    "ex-family-dppo": dppo_weights,
    "ex-family-cispo": cispo,
    "ex-family-robust": robust,
}
