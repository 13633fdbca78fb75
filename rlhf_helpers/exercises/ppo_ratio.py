"""Exercises of the chapter on the ratio, and what a wrong answer is told."""

import math

import torch
from torch import Tensor

from rlhf_helpers.exercises.combinations import combined
from rlhf_helpers.exercises.diagnosis import ANY, Checker, Choice, Function, Mistake, Numbers, Parts
from rlhf_helpers.losses import clipped_surrogate

# ---- One token, four numbers

four_numbers = Numbers(
    (1.25, math.log(1.25), 0.0, -1.0),
    {
        (0.8, ANY, ANY, ANY): "That is old over new; the ratio asks how much likelier the token is now.",
        (ANY, -math.log(1.25), ANY, ANY): "A token that has become likelier has a log ratio above 0.",
        (ANY, 0.25, ANY, ANY): "That is the ratio minus 1, which is close to its log only near 1.",
        (ANY, ANY, 1.0, ANY): "1.25 is above 1.2: the good token has been raised enough and is silent.",
        (ANY, ANY, ANY, 0.0): "A bad token that has become likelier is not silenced; it is pushed back down.",
        (ANY, ANY, ANY, 1.0): "The objective of the bad token is -1 times its ratio, so its slope is negative.",
        (ANY, ANY, ANY, -1.25): "That is the objective itself, ratio times A; you are asked for its slope.",
        (0.01, ANY, ANY, ANY): "That is the difference of the two probabilities; a ratio divides.",
        (0.25, ANY, ANY, ANY): "That is the ratio minus 1: how much likelier, in shares.",
        (ANY, math.log10(1.25), ANY, ANY): "That is the logarithm to base 10; a log ratio is in nats.",
        (ANY, ANY, 1.25, ANY): "That is the objective without the clip; you are asked for the slope with it.",
        (ANY, ANY, 1.2, ANY): "That is the clipped objective; it is flat there, and you are asked for its slope.",
        (ANY, ANY, ANY, -1.2): "That is the clipped objective; on this side the smaller product wins, unclipped.",
        (ANY, ANY, -1.0, ANY): "A good token's objective never falls with the ratio: its slope is 0 or positive.",
    },
    tolerance=0.02,
    hints=(1, 1, 2, 2),
)


# ---- Three tokens by hand

three_tokens = Numbers(
    (1.0, 0.8, 0.16 / 3),
    {
        ((0.8 + 4 / 3 + 1) / 3, ANY, ANY): "You gave the three ratios equal weights; weigh them by the old policy.",
        (1 + 0.16 / 3, ANY, ANY): "You weighed the ratios by the new policy; the answers come from the old one.",
        (ANY, 0.9, ANY): "That is what the old policy earns; the ratio is missing.",
        (ANY, 0.72, ANY): "You used the ratio and the new policy's weights: that corrects twice.",
        (ANY, 2.8 / 3, ANY): "You gave the three tokens equal weights; weigh them by the old policy.",
        (ANY, ANY, 1 + 0.16 / 3): "That is the mean of the squared ratio; take its squared mean, 1, away.",
        (ANY, ANY, math.sqrt(0.16 / 3)): "That is the standard deviation; chi-squared is the variance.",
        (ANY, ANY, 0.0): "The mean of the ratio is 1, but the ratio is not 1 everywhere: it has a variance.",
    },
    tolerance=0.008,  # 0.053 is right, and 1.044 is not 1.053
    hints=(1, 2, 3),
)


# ---- How many tokens are silent?


def _silent_share(ratio: Tensor, advantages: Tensor, clip_eps: float) -> Tensor:
    raised = (ratio > 1 + clip_eps) & (advantages > 0)
    lowered = (ratio < 1 - clip_eps) & (advantages < 0)
    return (raised | lowered).double().mean()


def _either_sign(ratio: Tensor, advantages: Tensor, clip_eps: float) -> Tensor:
    high, low = ratio > 1 + clip_eps, ratio < 1 - clip_eps
    return (high | low).double().mean()


def _wrong_sides(ratio: Tensor, advantages: Tensor, clip_eps: float) -> Tensor:
    high, low, good = ratio > 1 + clip_eps, ratio < 1 - clip_eps, advantages > 0
    return (low & good | high & ~good).double().mean()


RATIOS = (0.003, 0.4, 0.62, 0.68, 0.79, 0.81, 0.95, 1.0, 1.05, 1.15, 1.21, 1.3, 1.4, 1.6, 3.0, 50.0)
silent_share = Function(
    _silent_share,
    [
        {
            "ratio": torch.tensor([[1.5, 1.5, 0.5], [0.5, 1.1, 1.3]]),
            "advantages": torch.tensor([[1.0, -1.0, 1.0], [-2.0, -1.0, 0.5]]),
            "clip_eps": 0.2,
        },
        {
            "ratio": torch.tensor([0.7, 1.4, 0.85, 1.05]),
            "advantages": torch.tensor([-1.0, 2.0, -3.0, 1.0]),
            "clip_eps": 0.1,
        },
        {  # ratios that 0.1 and 0.2 tell apart, and those whose log does not tell what they do
            "ratio": torch.tensor([1.15, 0.85, 1.21, 0.81, 0.79, 1.15, 0.86]),
            "advantages": torch.tensor([1.0, -1.0, 2.0, -0.5, -1.0, -2.0, 0.3]),
            "clip_eps": 0.2,
        },
        {
            "ratio": torch.tensor([1.6, 0.55, 1.4, 0.65, 1.9]),
            "advantages": torch.tensor([0.1, -0.2, 3.0, -1.5, -1.0]),
            "clip_eps": 0.5,
        },
        *combined(5, {"clip_eps": 0.2}, ratio=RATIOS, advantages=(-4.0, -0.3, 0.6, 2.5)),
        *combined(7, {"clip_eps": 0.35}, ratio=RATIOS, advantages=(-1.2, 0.7)),
    ],
    [
        Mistake(
            "You counted every ratio outside the range; the sign of the advantage decides which side is silent.",
            _either_sign,
        ),
        Mistake("You counted the two cases that are pulled back; the clip silences the other two.", _wrong_sides),
        Mistake(
            "You counted the good tokens only; a bad one is silent below the range.",
            lambda ratio, advantages, clip_eps: ((ratio > 1 + clip_eps) & (advantages > 0)).double().mean(),
        ),
        Mistake(
            "The share is asked for, you gave the number of tokens.",
            lambda ratio, advantages, clip_eps: _silent_share(ratio, advantages, clip_eps) * ratio.numel(),
        ),
        Mistake(
            "Your clip range is always 0.2: use `clip_eps`.",
            lambda ratio, advantages, clip_eps: _silent_share(ratio, advantages, 0.2),
        ),
        Mistake(
            "You counted the bad tokens only; a good one is silent above the range.",
            lambda ratio, advantages, clip_eps: ((ratio < 1 - clip_eps) & (advantages < 0)).double().mean(),
        ),
        Mistake(
            "You counted the tokens that still learn; the silent ones were asked for.",
            lambda ratio, advantages, clip_eps: 1 - _silent_share(ratio, advantages, clip_eps),
        ),
        Mistake(
            "You compare the log of the ratio with clip_eps; the range is one for the ratio.",
            lambda ratio, advantages, clip_eps: _silent_share(1 + ratio.log(), advantages, clip_eps),
        ),
        Mistake(
            "You compare the product of ratio and advantage with the range; the range is one for the ratio.",
            lambda ratio, advantages, clip_eps: _either_sign(ratio * advantages, advantages, clip_eps),
        ),
        Mistake(
            "You counted every token above the range; the sign of the advantage decides which side is silent.",
            lambda ratio, advantages, clip_eps: (ratio > 1 + clip_eps).double().mean(),
        ),
    ],
    hint=1,
)


# ---- The bug that passes the test

BATCH = {
    "logprobs": torch.tensor([[-1.0, -2.0, -0.5], [-0.7, -3.0, -1.2]]),
    "old_logprobs": torch.tensor([[-1.5, -1.0, -0.75], [-0.9, -2.0, -1.6]]),
}


def _exp_of_the_difference(logprobs: Tensor, old_logprobs: Tensor, rewards: Tensor) -> Tensor:
    ratio = (logprobs - old_logprobs.detach()).exp()
    return -(ratio * rewards).mean()


quotient = Function(
    _exp_of_the_difference,
    [
        {**BATCH, "rewards": torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]])},
        {**{name: rows[:1] for name, rows in BATCH.items()}, "rewards": torch.tensor([[0.0, 2.0, 1.0]])},
    ],
    [
        Mistake(
            "That is still the ratio of the logs.",
            lambda new, old, rewards: -(new / old.detach() * rewards).mean(),
        ),
        Mistake(
            "You divided old by new.",
            lambda new, old, rewards: -((old.detach() - new).exp() * rewards).mean(),
        ),
        Mistake(
            "That is the log ratio; its exp is missing.",
            lambda new, old, rewards: -((new - old.detach()) * rewards).mean(),
        ),
        Mistake(
            "You dropped the ratio: that is REINFORCE, right for the first update only.",
            lambda new, old, rewards: -(new * rewards).mean(),
        ),
        Mistake(
            "Your exp acts on each log-probability, and you subtract: a ratio divides the probabilities.",
            lambda new, old, rewards: -((new.exp() - old.exp()) * rewards).mean(),
        ),
        Mistake(
            "That is exp of a quotient of logs; subtract the logs.",
            lambda new, old, rewards: -((new / old).exp() * rewards).mean(),
        ),
        Mistake(
            "You add the logs: that is the product of the two probabilities.",
            lambda new, old, rewards: -((new + old).exp() * rewards).mean(),
        ),
        Mistake(
            "You clip the ratio; nobody asked for that here.",
            lambda new, old, rewards: -((new - old).exp().clamp(0.8, 1.2) * rewards).mean(),
        ),
        Mistake(
            "You clip the ratio, as PPO does; nobody asked for that here.",
            lambda new, old, rewards: -clipped_surrogate((new - old).exp(), rewards).mean(),
        ),
        Mistake(
            "You multiplied the ratios of a row; each token has its own.",
            lambda new, old, rewards: -((new - old.detach()).sum(-1, keepdim=True).exp() * rewards).mean(),
        ),
        Mistake(
            "You multiplied two means; the mean is over the products.",
            lambda new, old, rewards: -(new - old.detach()).exp().mean() * rewards.mean(),
        ),
        Mistake(
            "You subtracted 1 from the ratio: its gradient is right, its value is not.",
            lambda new, old, rewards: -(((new - old.detach()).exp() - 1) * rewards).mean(),
        ),
        Mistake(
            "You subtracted the mean reward; no baseline was asked for.",
            lambda new, old, rewards: -((new - old.detach()).exp() * (rewards - rewards.mean())).mean(),
        ),
        Mistake(
            "Old over new, and the minus is missing.",
            lambda new, old, rewards: ((old.detach() - new).exp() * rewards).mean(),
        ),
        Mistake(
            "Your ratio is data, and the log-probability learns: its gradient is right, its value is not.",
            lambda new, old, rewards: -((new - old).exp().detach() * new * rewards).mean(),
        ),
        Mistake(
            "You added the rewards; they multiply the ratio.",
            lambda new, old, rewards: -((new - old.detach()).exp() + rewards).mean(),
        ),
        Mistake(
            "Everything is detached, and nothing learns.",
            lambda new, old, rewards: -((new - old).exp() * rewards).mean().detach(),
        ),
        Mistake(
            "Your ratio is 10 to the power of a difference of natural logs: its base is e.",
            lambda new, old, rewards: -(10 ** (new - old.detach()) * rewards).mean(),
        ),
    ],
    gradients=("logprobs", "old_logprobs"),
    hint=3,
    gradient_hint=3,
)


# ---- One ratio for a whole answer


def _answer_ratio(logprobs: Tensor, old_logprobs: Tensor, completion_mask: Tensor) -> Tensor:
    log_ratio = (logprobs - old_logprobs.detach()) * completion_mask
    return (log_ratio.sum(-1) / completion_mask.sum(-1)).exp()


answer_ratio = Function(
    _answer_ratio,
    [
        {**BATCH, "completion_mask": torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])},
        {
            "logprobs": torch.tensor([[-0.4, -2.5, -1.0, -0.3]]),
            "old_logprobs": torch.tensor([[-1.0, -0.5, -1.8, -2.0]]),
            "completion_mask": torch.tensor([[1.0, 0.0, 1.0, 0.0]]),
        },
    ],
    [
        Mistake(
            "That is the product of the ratios; take the mean of their logs.",
            lambda new, old, mask: ((new - old.detach()) * mask).sum(-1).exp(),
        ),
        Mistake(
            "You divided by the number of columns; the padding is no token.",
            lambda new, old, mask: ((new - old.detach()) * mask).mean(-1).exp(),
        ),
        Mistake("The mask is not used.", lambda new, old, mask: (new - old.detach()).mean(-1).exp()),
        Mistake(
            "That is the ordinary mean of the ratios; average before `exp`.",
            lambda new, old, mask: ((new - old.detach()).exp() * mask).sum(-1) / mask.sum(-1),
        ),
        Mistake("You divided old by new.", lambda new, old, mask: 1 / _answer_ratio(new, old, mask)),
        Mistake(
            "That is the log of the geometric mean; its exp is missing.",
            lambda new, old, mask: _answer_ratio(new, old, mask).log(),
        ),
        Mistake(
            "You mask the ratios of the padding to 0, not their logs: a mean of logs has no place for that.",
            lambda new, old, mask: ((new - old).exp() * mask).mean(-1),
        ),
        Mistake(
            "You made one number of the batch; every answer has a ratio of its own.",
            lambda new, old, mask: (((new - old) * mask).sum() / mask.sum()).exp(),
        ),
        Mistake(
            "The mask comes after the mean.",
            lambda new, old, mask: ((new - old).mean(-1, keepdim=True) * mask).exp(),
        ),
        Mistake(
            "You multiplied ratios that the mask has turned to 0: one padded token makes the whole product 0.",
            lambda new, old, mask: ((new - old.detach()).exp() * mask).prod(-1) ** (1 / mask.sum(-1)),
        ),
        Mistake(
            "That is the largest ratio; take the mean of the logs.",
            lambda new, old, mask: ((new - old.detach()).exp() * mask).amax(-1),
        ),
        Mistake(
            "That is the harmonic mean: you averaged old over new, and turned it round.",
            lambda new, old, mask: mask.sum(-1) / ((old.detach() - new).exp() * mask).sum(-1),
        ),
        Mistake(
            "You took the square root of the product; the root is of as many as there are tokens.",
            lambda new, old, mask: (((new - old.detach()) * mask).sum(-1) / 2).exp(),
        ),
        Mistake(
            "You divided by one less than the number of tokens.",
            lambda new, old, mask: (((new - old.detach()) * mask).sum(-1) / (mask.sum(-1) - 1)).exp(),
        ),
        Mistake(
            "You give a number for each token; one for each answer was asked for.",
            lambda new, old, mask: _answer_ratio(new, old, mask)[:, None] * mask,
        ),
        Mistake(
            "You detached the policy, too, and nothing learns.",
            lambda new, old, mask: _answer_ratio(new, old, mask).detach(),
        ),
        Mistake(
            "You detached the wrong one: the policy learns, the record is data.",
            lambda new, old, mask: 1 / _answer_ratio(old, new, mask),
        ),
    ],
    gradients=("logprobs", "old_logprobs"),
    hint=3,
    gradient_hint=3,
)

MOST_TOUCHED = Choice(
    "products",
    {
        "token ratios": "They stray by one token's step. A product of many tokens strays much further.",
        "geometric means": "They stray least: the steps of the tokens average out.",
    },
)

EXERCISES: dict[str, Checker] = {
    "ex-ratio-read": four_numbers,
    "ex-ratio-by-hand": three_tokens,
    "ex-ratio-silent": silent_share,
    "ex-ratio-quotient": quotient,
    "ex-ratio-geometric": Parts({"the function": answer_ratio, "which is touched most often": MOST_TOUCHED}),
}
