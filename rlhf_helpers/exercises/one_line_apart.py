"""Exercises of the chapter on names that are one line apart, and what a wrong answer is told."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rlhf_helpers.exercises.combinations import combined
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
        (ANY, (7 / 8) / (7 / 8) ** 0.5, ANY): "You divided by the root of 7 / 8; the variance over G - 1 is 1 / 8.",
        (8 / 7, ANY, ANY): "That is one over 7 / 8; the mean of the other seven is 0.",
        (ANY, 8**0.5 / 8, ANY): "That is the standard deviation; the distance to the mean is divided by it.",
        (ANY, ANY, 1 / 8): "That is the mean; the distance to it is divided by it.",
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
    *(
        case | {"logprobs": case["logprobs"].log(), "old_logprobs": case["old_logprobs"].log()}
        for max_move, probabilities, advantages in (
            (0.15, (0.0002, 0.03, 0.11, 0.3, 0.55, 0.93), (-2.0, -0.3, 0.0, 0.4, 3.0)),
            (0.35, (0.0002, 0.11, 0.3, 0.55, 0.93), (-1.0, 1.5)),
            (0.6, (0.05, 0.3, 0.5, 0.93), (-1.0, 1.5)),  # a ratio of 5/3 or so tells ratio, log and share apart
        )
        for case in combined(
            5, {"max_move": max_move}, logprobs=probabilities, old_logprobs=probabilities, advantages=advantages
        )
    ),
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
        *(
            Mistake(
                "You limited the ratio as well: a token that is not silent weighs all of it.",
                lambda new, old, a, d, most=most: torch.where(
                    _dppo_weights(new, old, a, d) == 0, 0.0, (new - old).exp().clamp(max=most) * a
                ),
            )
            for most in (2.0, 3.0, 5.0, 10.0)
        ),
        Mistake(
            "You kept the tokens that should be silent, and silenced the others.",
            lambda new, old, a, d: (new - old).exp() * a - _dppo_weights(new, old, a, d),
        ),
        Mistake(
            "You look only at falls; a good token is silent once it has risen far enough.",
            lambda new, old, a, d: _dppo(new, old, a, old.exp() - new.exp(), d),
        ),
        Mistake(
            "The direction is the wrong one: silent is what has moved the way of its advantage.",
            lambda new, old, a, d: _dppo(new, old, a, -a.sign() * (new.exp() - old.exp()), d),
        ),
        Mistake(
            "Only good tokens fall silent with you; a bad one does once it has fallen far enough.",
            lambda new, old, a, d: _dppo(new, old, a, (a > 0) * (new.exp() - old.exp()), d),
        ),
        Mistake(
            "Only bad tokens fall silent with you; a good one does once it has risen far enough.",
            lambda new, old, a, d: _dppo(new, old, a, (a < 0) * (old.exp() - new.exp()), d),
        ),
        Mistake(
            "You looked at the ratio minus 1, whatever the advantage; DPPO measures the move in probability, "
            "the way that the advantage wants.",
            lambda new, old, a, d: _dppo(new, old, a, (new - old).exp() - 1, d),
        ),
        Mistake(
            "The move is measured against the new probability; DPPO takes the difference itself.",
            lambda new, old, a, d: _dppo(new, old, a, a.sign() * (1 - (old - new).exp()), d),
        ),
        Mistake(
            "That is PPO: the smaller of the product and the clipped one. DPPO gives a silent token the weight 0.",
            lambda new, old, a, d: torch.minimum((new - old).exp() * a, (new - old).exp().clamp(1 - d, 1 + d) * a),
        ),
        Mistake(
            "That is a clipped ratio: nothing is silent, and everything is near the advantage itself.",
            lambda new, old, a, d: (new - old).exp().clamp(1 - d, 1 + d) * a,
        ),
        Mistake(
            "You stop the probability where it has moved `max_move`; a token beyond weighs 0.",
            lambda new, old, a, d: (
                torch.maximum(torch.minimum(new.exp(), old.exp() + d), old.exp() - d) / old.exp() * a
            ),
        ),
        Mistake(
            "Nothing is silent: where the move is larger than `max_move` the weight is 0.",
            lambda new, old, a, d: (new - old).exp() * a,
        ),
        Mistake(
            "The sign of the advantage is lost in the weight: it is the ratio times the advantage.",
            lambda new, old, a, d: _dppo(new, old, a, a.sign() * (new.exp() - old.exp()), d).abs(),
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
        *(
            case
            for max_weight in (1.5, 4.0)
            for case in combined(
                4,
                {"max_weight": max_weight},
                logprobs=(-0.05, -0.8, -2.7, -6.0),
                old_logprobs=(-0.1, -1.0, -3.5, -8.5),
                advantages=(-1.5, 0.6),
            )
        ),
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
            "You limited the logarithm of the ratio: `max_weight` is a limit for the ratio, after `exp`.",
            lambda new, old, a, c: -((new - old).clamp(max=c).exp().detach() * a * new).mean(),
        ),
        Mistake(
            "You limited the whole product; the weight alone is at most `max_weight`.",
            lambda new, old, a, c: -(((new - old).exp().detach() * a).clamp(max=c) * new).mean(),
        ),
        Mistake(
            "You limited the weight from below; it is at most `max_weight`: `max=`.",
            lambda new, old, a, c: -((new - old).exp().clamp(min=c).detach() * a * new).mean(),
        ),
        Mistake(
            "Your range is 1 - max_weight to 1 + max_weight; `max_weight` is the limit itself.",
            lambda new, old, a, c: -((new - old).exp().clamp(1 - c, 1 + c).detach() * a * new).mean(),
        ),
        Mistake(
            "You limited the weight from below as well, by 1 / max_weight; a small weight stays small.",
            lambda new, old, a, c: -((new - old).exp().clamp(1 / c, c).detach() * a * new).mean(),
        ),
        Mistake(
            "You dropped what is above the limit; it keeps the weight `max_weight`.",
            lambda new, old, a, c: (
                -(torch.where((new - old).exp() <= c, (new - old).exp(), 0).detach() * a * new).mean()
            ),
        ),
        Mistake(
            "Only good tokens have the limit with you; a bad one has it, too.",
            lambda new, old, a, c: (
                -(torch.where(a > 0, _weight(new, old, c), (new - old).exp()).detach() * a * new).mean()
            ),
        ),
        Mistake(
            "The weight multiplies the difference of the log-probabilities; it is the new one alone.",
            lambda new, old, a, c: -(_weight(new, old, c).detach() * a * (new - old)).mean(),
        ),
        Mistake(
            "The weight multiplies the old log-probability, which nothing can change; the new one learns.",
            lambda new, old, a, c: -(_weight(new, old, c).detach() * a * old).mean(),
        ),
        Mistake(
            "You multiplied two means; the mean is over the products.",
            lambda new, old, a, c: -(_weight(new, old, c).detach() * a).mean() * new.mean(),
        ),
        Mistake(
            "One number was asked for, the mean over the tokens.",
            lambda new, old, a, c: -(_weight(new, old, c).detach() * a * new),
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
        {"h": torch.tensor([-9.0, 0.2, 14.0, -1.2]), "beta": 0.7, "e": 0.05},
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
            "beta is missing inside: the sigmoids are of beta h.",
            lambda h, b, e: _robust_push(h, 1.0, e) * b,
        ),
        Mistake(
            "Brackets are missing: the whole is divided by 1 - 2 e, and not by 1.",
            lambda h, b, e: _robust_push(h, b, e) * (1 - 2 * e) - 2 * e,
        ),
        Mistake(
            "That is the loss itself; its derivative was asked for, with the sign turned.",
            lambda h, b, e: (e * logsigmoid(-b * h) - (1 - e) * logsigmoid(b * h)) / (1 - 2 * e),
        ),
        Mistake(
            "Brackets are missing: beta multiplies both parts.",
            lambda h, b, e: (b * (1 - e) * torch.sigmoid(-b * h) + e * torch.sigmoid(b * h)) / (1 - 2 * e),
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
