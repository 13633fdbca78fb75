"""Exercises of the chapter on SPO, and what a wrong answer is told."""

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Mistake, function, numbers
from rlhf_helpers.losses import spo_loss

# ---- Ten times louder

louder = numbers(
    (0.05, 1.0),
    {
        (5.0, ANY): "A pull ten times as strong would cancel louder scores. You were asked what louder scores are "
        "like, and they make the pull weak.",
        (0.5, ANY): "With the same pull relative to the old scores nothing would have changed, and the optimum "
        "does: divide 10 r - 0.5 KL by 10.",
        (0.05, 10.0): "The gradient is ten times as large, but Adam divides it by its own size.",
        (0.05, 0.1): "Adam divides by the size of the gradient once, so the factor cancels; it does not turn around.",
    },
)


# ---- Why the second arm?


def _first_push(payout: Tensor, mu: Tensor, nu: Tensor) -> Tensor:
    return mu * (payout - nu @ payout) + nu * (payout - mu @ payout)


second_arm = function(
    _first_push,
    [
        {
            "payout": torch.tensor([2.5, 2.0, 1.0]),
            "mu": torch.tensor([0.1, 0.2, 0.7]),
            "nu": torch.tensor([0.05, 0.05, 0.9]),
        },
        {"payout": torch.tensor([1.0, -2.0]), "mu": torch.tensor([0.8, 0.2]), "nu": torch.tensor([0.3, 0.7])},
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
    ],
)


# ---- The pull that pulls twice


def _scores(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    return rewards - kl_coeff * (logprobs - ref_logprobs)


def _pulled_once(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    scores = _scores(logprobs, ref_logprobs, rewards, kl_coeff)
    return spo_loss(logprobs[:, 0], logprobs[:, 1], scores[:, 0], scores[:, 1])


def _undetached(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    scores = _scores(logprobs, ref_logprobs, rewards, kl_coeff)
    return -((scores[:, 0] - scores[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()


def _only_the_score_trains(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    scores = _scores(logprobs, ref_logprobs, rewards, kl_coeff)
    return -((scores[:, 0] - scores[:, 1]) * (logprobs[:, 0] - logprobs[:, 1]).detach()).mean()


pulled_once = function(
    _pulled_once,
    [
        {
            "logprobs": torch.tensor([[-3.0, -5.0], [-4.0, -2.5]]),
            "ref_logprobs": torch.tensor([[-4, -5], [-3, -4]]),  # data, in whole numbers: no gradient to ask about
            "rewards": torch.tensor([[1, 0], [2, 4]]),
            "kl_coeff": 0.5,
        },
        {
            "logprobs": torch.tensor([[-2.0, -6.0]]),
            "ref_logprobs": torch.tensor([[-3, -5]]),
            "rewards": torch.tensor([[0, 1]]),
            "kl_coeff": 0.2,
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
    ],
    gradients=True,
)


# ---- REBEL's first round


def _rebel(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, beta: float, halves: bool = False) -> Tensor:
    log_ratio, paid = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
    if halves:
        (h, h_b), (r, r_b) = log_ratio.chunk(2), paid.chunk(2)
        return (((h - h_b) - (r - r_b) / beta) ** 2).mean()
    return (((log_ratio[0::2] - log_ratio[1::2]) - (paid[0::2] - paid[1::2]) / beta) ** 2).mean()


ROWS = {
    "logprobs": torch.tensor([[-1.0, -2.0, -0.5], [-2.0, -1.5, -3.0], [-0.5, -1.0, -2.0], [-3.0, -2.0, -2.5]]),
    "ref_logprobs": torch.tensor([[-1.5, -2.0, -1.5], [-2.0, -2.5, -2.0], [-1.0, -2.0, -2.0], [-2.0, -1.5, -2.0]]),
    "rewards": torch.tensor([[1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 1, 0]]),  # counts: no gradient to ask about
}

rebel = function(
    _rebel,
    [ROWS | {"beta": 0.5}, ROWS | {"beta": 2.0}],
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
    ],
    gradients=True,
)

EXERCISES: dict[str, Checker] = {
    "ex-spo-loud": louder,
    "ex-spo-arms": second_arm,
    "ex-spo-bug": pulled_once,
    "ex-spo-rebel": rebel,
}
