"""Exercises of the chapter on SPO, and what a wrong answer is told."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, smooth_l1_loss

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Function, Mistake, Numbers

# ---- Ten times louder

louder = Numbers(
    (0.05, 1.0),
    {
        (5.0, ANY): "A pull ten times as strong would cancel louder scores. You were asked what louder scores are "
        "like, and they make the pull weak.",
        (0.5, ANY): "With the same pull relative to the old scores nothing would have changed, and the optimum "
        "does: divide 10 r - 0.5 KL by 10.",
        (0.05, 10.0): "The gradient is ten times as large, but Adam divides it by its own size.",
        (0.05, 0.1): "Adam divides by the size of the gradient once, so the factor cancels; it does not turn around.",
        (ANY, 10.0): "The gradient is ten times as large, but Adam divides it by its own size.",
        (ANY, 100.0): "The gradient is ten times as large, and Adam divides it by its own size.",
        (0.005, ANY): "Divide 10 r - 0.5 KL by 10 once.",
        (0.45, ANY): "That is the optimum's probability at 0.5; the price was asked for.",
    },
    hints=(1, 2),
)


# ---- Why the second arm?


def _first_push(payout: Tensor, mu: Tensor, nu: Tensor) -> Tensor:
    return mu * (payout - nu @ payout) + nu * (payout - mu @ payout)


second_arm = Function(
    _first_push,
    [
        {
            "payout": torch.tensor([2.5, 2.0, 1.0]),
            "mu": torch.tensor([0.1, 0.2, 0.7]),
            "nu": torch.tensor([0.05, 0.05, 0.9]),
        },
        {"payout": torch.tensor([1.0, -2.0]), "mu": torch.tensor([0.8, 0.2]), "nu": torch.tensor([0.3, 0.7])},
        {
            "payout": torch.tensor([0.0, 3.0, -1.0, 2.0]),
            "mu": torch.tensor([0.4, 0.1, 0.2, 0.3]),
            "nu": torch.tensor([0.1, 0.4, 0.3, 0.2]),
        },
    ],
    [
        Mistake(
            "You compared each answer with the mean of its own sampler; the baseline is the other answer.",
            lambda payout, mu, nu: mu * (payout - mu @ payout) + nu * (payout - nu @ payout),
        ),
        Mistake(
            "You counted only the pairs in which the arm is answer a; as answer b it is pushed, too.",
            lambda payout, mu, nu: mu * (payout - nu @ payout),
        ),
        Mistake(
            "The baselines are missing: an arm is pushed by the gap of the scores.",
            lambda payout, mu, nu: (mu + nu) * payout,
        ),
        Mistake(
            "You left out how often each arm is pulled.",
            lambda payout, mu, nu: (payout - nu @ payout) + (payout - mu @ payout),
        ),
        Mistake(
            "You compared with the mean of the payouts, as if all arms were pulled alike.",
            lambda payout, mu, nu: (mu + nu) * (payout - payout.mean()),
        ),
        Mistake(
            "You counted only the pairs in which the arm is answer b; as answer a it is pushed, too.",
            lambda payout, mu, nu: nu * (payout - mu @ payout),
        ),
        Mistake(
            "As answer b an arm is pushed by -(s_a - s_b): the sign of your second part is turned.",
            lambda payout, mu, nu: mu * (payout - nu @ payout) - nu * (payout - mu @ payout),
        ),
        Mistake(
            "You averaged the two parts; an arm is pushed by both.",
            lambda payout, mu, nu: _first_push(payout, mu, nu) / 2,
        ),
        Mistake(
            "You multiplied entry by entry where a mean is needed: nu @ payout is one number.",
            lambda payout, mu, nu: mu * (payout - nu * payout) + nu * (payout - mu * payout),
        ),
        Mistake(
            "That is the expected push of all arms together, which is 0 or near it: one number for each arm.",
            lambda payout, mu, nu: _first_push(payout, mu, nu).sum(),
        ),
        Mistake(
            "You compare with the mean of a mixture of both samplers; each answer is compared with the other one.",
            lambda payout, mu, nu: (mu + nu) * (payout - (mu + nu) @ payout / 2),
        ),
    ],
    hint=3,
)


# ---- The pull that pulls twice


def _scores(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    return rewards - kl_coeff * (logprobs - ref_logprobs)


def _gap(of_pairs: Tensor) -> Tensor:
    return of_pairs[:, 0] - of_pairs[:, 1]


def _pulled_once(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    scores = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
    score_gap = scores[:, 0] - scores[:, 1]
    logprob_gap = logprobs[:, 0] - logprobs[:, 1]
    return -(score_gap * logprob_gap).mean()


def _undetached(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    scores = _scores(logprobs, ref_logprobs, rewards, kl_coeff)
    return -((scores[:, 0] - scores[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()


def _only_the_score_trains(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    scores = _scores(logprobs, ref_logprobs, rewards, kl_coeff)
    return -((scores[:, 0] - scores[:, 1]) * (logprobs[:, 0] - logprobs[:, 1]).detach()).mean()


pulled_once = Function(
    _pulled_once,
    [
        {
            "logprobs": torch.tensor([[-3.0, -5.0], [-4.0, -2.5]]),
            "ref_logprobs": torch.tensor([[-4.0, -5.0], [-3.0, -4.0]]),
            "rewards": torch.tensor([[1.0, 0.0], [2.0, 4.0]]),
            "kl_coeff": 0.5,
        },
        {
            "logprobs": torch.tensor([[-2.0, -6.0]]),
            "ref_logprobs": torch.tensor([[-3.0, -5.0]]),
            "rewards": torch.tensor([[0.0, 1.0]]),
            "kl_coeff": 0.2,
        },
        {
            "logprobs": torch.tensor([[-1.0, -1.5], [-0.5, -2.5], [-3.0, -0.25]]),
            "ref_logprobs": torch.tensor([[-1.25, -1.0], [-2.0, -2.0], [-2.5, -1.5]]),
            "rewards": torch.tensor([[0.5, 0.0], [0.0, 1.5], [1.0, 1.0]]),
            "kl_coeff": 1.5,
        },
    ],
    [
        Mistake("The gradient still runs through the score, so the pull acts twice.", _undetached),
        Mistake(
            "That is CoPG's own loss. Its gradient is right, but the value was right already, and it has another.",
            lambda logprobs, ref, rewards, coeff: _undetached(logprobs - ref, 0, rewards, coeff / 2),
        ),
        Mistake(
            "You detached the wrong factor: the score is a number, the log-probabilities are what trains.",
            _only_the_score_trains,
        ),
        Mistake(
            "You took the pull out; it has to stay, with its full strength.",
            lambda logprobs, ref, rewards, coeff: _pulled_once(logprobs, ref, rewards, 0),
        ),
        Mistake(
            "Half the coefficient hides the double pull only where the reference likes both answers alike. CoPG, which "
            "has the half, multiplies by the gap of the log ratios.",
            lambda logprobs, ref, rewards, coeff: _undetached(logprobs, ref, rewards, coeff / 2),
        ),
        Mistake(
            "A bonus for leaving the reference is no pull: the sign of the price is turned.",
            lambda logprobs, ref, rewards, coeff: _pulled_once(logprobs, ref, rewards, -coeff),
        ),
        Mistake(
            "The minus of the loss is missing: the better answer would become less likely.",
            lambda logprobs, ref, rewards, coeff: -_pulled_once(logprobs, ref, rewards, coeff),
        ),
        Mistake(
            "You detached everything, so nothing is left that could learn.",
            lambda logprobs, ref, rewards, coeff: _undetached(logprobs, ref, rewards, coeff).detach(),
        ),
        Mistake(
            "You multiply by the gap of the log ratios: the value was right, and the detach alone is missing.",
            lambda logprobs, ref, rewards, coeff: _undetached(logprobs - ref, 0, rewards, coeff),
        ),
        Mistake(
            "You summed over the pairs; the loss is their mean.",
            lambda logprobs, ref, rewards, coeff: len(logprobs) * _pulled_once(logprobs, ref, rewards, coeff),
        ),
        Mistake(
            "The reference is gone from the score.",
            lambda logprobs, ref, rewards, coeff: _pulled_once(logprobs, 0 * ref, rewards, coeff),
        ),
        Mistake(
            "You took the sign of the score gap alone.",
            lambda logprobs, ref, rewards, coeff: (
                -(_gap(_scores(logprobs, ref, rewards, coeff)).detach().sign() * _gap(logprobs)).mean()
            ),
        ),
        Mistake(
            "You multiplied two means; the mean is over the products.",
            lambda logprobs, ref, rewards, coeff: (
                -_gap(_scores(logprobs, ref, rewards, coeff)).detach().mean() * _gap(logprobs).mean()
            ),
        ),
        Mistake(
            "You doubled the coefficient: the pull would act twice again.",
            lambda logprobs, ref, rewards, coeff: _pulled_once(logprobs, ref, rewards, 2 * coeff),
        ),
        Mistake(
            "The pull has become a term of its own; it belongs into the score, whose value was right.",
            lambda logprobs, ref, rewards, coeff: (
                -(_gap(rewards) * _gap(logprobs)).mean() + coeff * (logprobs - ref).mean()
            ),
        ),
        Mistake(
            "You put logsigmoid around the gap of the log-probabilities; it is multiplied as it is.",
            lambda logprobs, ref, rewards, coeff: (
                -(_gap(_scores(logprobs, ref, rewards, coeff)).detach() * logsigmoid(_gap(logprobs))).mean()
            ),
        ),
        Mistake(
            "Only answer a pays the price; both do.",
            lambda logprobs, ref, rewards, coeff: (
                -(
                    _gap(_scores(logprobs, ref, rewards, coeff * torch.tensor([1.0, 0.0]))).detach() * _gap(logprobs)
                ).mean()
            ),
        ),
    ],
    gradients=("logprobs",),  # the reference and the rewards are data
    hint=3,
    gradient_hint=3,
)


# ---- REBEL's first round


def _first_round(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    log_ratio = (logprobs - ref_logprobs.detach()).sum(1)
    paid = rewards.sum(1)
    h = log_ratio[0::2] - log_ratio[1::2]
    r = paid[0::2] - paid[1::2]
    return ((h - r / beta) ** 2).mean()


def _rebel(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, beta: float, halves: bool = False) -> Tensor:
    log_ratio, paid = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
    if halves:
        (h, h_b), (r, r_b) = log_ratio.chunk(2), paid.chunk(2)
        return (((h - h_b) - (r - r_b) / beta) ** 2).mean()
    return (((log_ratio[0::2] - log_ratio[1::2]) - (paid[0::2] - paid[1::2]) / beta) ** 2).mean()


def _brackets(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    each = (logprobs - ref_logprobs.detach()).sum(1) - rewards.sum(1) / beta
    return each[0::2] - each[1::2]


def _token_by_token(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    each = logprobs - ref_logprobs.detach() - rewards / beta
    return ((each[0::2] - each[1::2]) ** 2).mean()


ROWS = {
    "logprobs": torch.tensor([[-1.0, -2.0, -0.5], [-2.0, -1.5, -3.0], [-0.5, -1.0, -2.0], [-3.0, -2.0, -2.5]]),
    "ref_logprobs": torch.tensor([[-1.5, -2.0, -1.5], [-2.0, -2.5, -2.0], [-1.0, -2.0, -2.0], [-2.0, -1.5, -2.0]]),
    "rewards": torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.5]]),
}

rebel = Function(
    _first_round,
    [
        ROWS | {"beta": 0.5},
        ROWS | {"beta": 2.0},
        {
            "logprobs": torch.tensor([[-1.0, -0.5], [-2.0, -3.0]]),
            "ref_logprobs": torch.tensor([[-1.5, -1.0], [-1.0, -2.5]]),
            "rewards": torch.tensor([[0.0, 2.0], [1.0, -0.5]]),
            "beta": 0.25,
        },
    ],
    [
        Mistake(
            "The goal for h is the reward gap divided by β, not times β.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs, ref, rewards, 1 / beta),
        ),
        Mistake(
            "You multiplied the bracket by β: the same minimum, but β² times the loss. Compare h itself with Δr / β.",
            lambda logprobs, ref, rewards, beta: beta**2 * _rebel(logprobs, ref, rewards, beta),
        ),
        Mistake(
            "You averaged over the tokens of an answer; its log-probability is the sum, and so is its reward.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs / 3, ref / 3, rewards / 3, beta),
        ),
        Mistake(
            "The reference is missing: h is the gap of the log ratios.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs, 0 * ref, rewards, beta),
        ),
        Mistake(
            "You paired the first half of the rows with the second half; rows 2i and 2i + 1 are a pair.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs, ref, rewards, beta, halves=True),
        ),
        Mistake(
            "The signs of the two gaps differ: the answer that is paid more should become likelier.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs, ref, -rewards, beta),
        ),
        Mistake(
            "Both gaps are summed over the pairs' squares; the loss is their mean.",
            lambda logprobs, ref, rewards, beta: len(logprobs) / 2 * _rebel(logprobs, ref, rewards, beta),
        ),
        Mistake(
            "The square is missing: without it the loss has no smallest value.",
            lambda logprobs, ref, rewards, beta: _brackets(logprobs, ref, rewards, beta).mean(),
        ),
        Mistake(
            "You took the absolute value; the square was asked for.",
            lambda logprobs, ref, rewards, beta: _brackets(logprobs, ref, rewards, beta).abs().mean(),
        ),
        Mistake(
            "You square the mean; the loss is the mean of the squares.",
            lambda logprobs, ref, rewards, beta: _brackets(logprobs, ref, rewards, beta).mean() ** 2,
        ),
        Mistake(
            "You regress each answer on its own reward; the gaps of a pair are compared.",
            lambda logprobs, ref, rewards, beta: (((logprobs - ref).sum(1) - rewards.sum(1) / beta) ** 2).mean(),
        ),
        Mistake(
            "The rewards are averaged over tokens; they are summed, as the log-probabilities are.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs, ref, rewards / rewards.shape[1], beta),
        ),
        Mistake(
            "Half of the square: the formula has no half.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs, ref, rewards, beta) / 2,
        ),
        Mistake(
            "β is missing.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs, ref, rewards, 1.0),
        ),
        Mistake(
            "You square token by token; first sum over the tokens of an answer.",
            lambda logprobs, ref, rewards, beta: _token_by_token(logprobs, ref, rewards, beta),
        ),
        Mistake(
            "You divided both gaps by β; it divides the gap of the rewards alone.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs, ref, rewards * beta, beta) / beta**2,
        ),
        Mistake(
            "You divided the rewards by β twice.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs, ref, rewards / beta, beta),
        ),
        Mistake(
            "That is SPO's loss; REBEL regresses h on its goal.",
            lambda logprobs, ref, rewards, beta: (
                -(
                    _brackets(logprobs, ref, 0 * rewards, beta)
                    * (-beta * _brackets(logprobs, ref, rewards, beta)).detach()
                ).mean()
            ),
        ),
        Mistake(
            "That is DPO's loss, which does not look at the rewards.",
            lambda logprobs, ref, rewards, beta: -logsigmoid(beta * _brackets(logprobs, ref, 0 * rewards, beta)).mean(),
        ),
        Mistake(
            "h is the gap of the log ratios; you took the gap of the ratios.",
            lambda logprobs, ref, rewards, beta: _rebel(
                (logprobs - ref.detach()).sum(1, keepdim=True).exp(),
                torch.zeros(()),
                rewards.sum(1, keepdim=True),
                beta,
            ),
        ),
        Mistake(
            "You detached the policy, and nothing learns.",
            lambda logprobs, ref, rewards, beta: _rebel(logprobs, ref, rewards, beta).detach(),
        ),
        Mistake(
            "That is a Huber loss, which is no square far from the goal.",
            lambda logprobs, ref, rewards, beta: smooth_l1_loss(
                _brackets(logprobs, ref, rewards, beta), torch.zeros(len(rewards) // 2)
            ),
        ),
        Mistake(
            "You detached the wrong one: the policy learns, the reference is frozen.",
            lambda logprobs, ref, rewards, beta: _rebel(ref, logprobs, -rewards, beta),
        ),
    ],
    gradients=("logprobs", "ref_logprobs"),
    hint=2,
    gradient_hint=2,
)

EXERCISES: dict[str, Checker] = {
    "ex-spo-loud": louder,
    "ex-spo-arms": second_arm,
    "ex-spo-bug": pulled_once,
    "ex-spo-rebel": rebel,
}
