"""Exercises of the chapter on the ratio, and what a wrong answer is told."""

import math

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Mistake, function, numbers
from rlhf_helpers.losses import clipped_surrogate, policy_ratio

# ---- One token, four numbers

four_numbers = numbers(
    (1.25, math.log(1.25), 0.0, -1.0),
    {
        (0.8, ANY, ANY, ANY): "That is old over new; the ratio asks how much likelier the token is now.",
        (ANY, -math.log(1.25), ANY, ANY): "A token that has become likelier has a log ratio above 0.",
        (ANY, 0.25, ANY, ANY): "That is the ratio minus 1, which is close to its log only near 1.",
        (ANY, ANY, 1.0, ANY): "1.25 is above 1.2: the good token has been raised enough and is silent.",
        (ANY, ANY, ANY, 0.0): "A bad token that has become likelier is not silenced; it is pushed back down.",
        (ANY, ANY, ANY, 1.0): "The objective of the bad token is -1 times its ratio, so its slope is negative.",
        (ANY, ANY, ANY, -1.25): "That is the objective itself, ratio times A; you are asked for its slope.",
    },
    tolerance=0.02,
)


# ---- Three tokens by hand

three_tokens = numbers(
    (1.0, 0.8, 0.16 / 3),
    {
        ((0.8 + 4 / 3 + 1) / 3, ANY, ANY): "You gave the three ratios equal weights; weigh them by the old policy.",
        (1 + 0.16 / 3, ANY, ANY): "You weighed the ratios by the new policy; the answers come from the old one.",
        (ANY, 0.9, ANY): "That is what the old policy earns; the ratio is missing.",
        (ANY, 0.72, ANY): "You used the ratio and the new policy's weights: that corrects twice.",
        (ANY, 2.8 / 3, ANY): "You gave the three tokens equal weights; weigh them by the old policy.",
        (ANY, ANY, 1 + 0.16 / 3): "That is the mean of the squared ratio; take its squared mean, 1, away.",
        (ANY, ANY, math.sqrt(0.16 / 3)): "That is the standard deviation; chi-squared is the variance.",
    },
    tolerance=0.008,  # 0.053 is right, and 1.044 is not 1.053
)


# ---- How many tokens are silent?


def _silent_share(ratio: Tensor, advantages: Tensor, clip_eps: float) -> Tensor:
    ratio = ratio.clone().requires_grad_()
    objective = clipped_surrogate(ratio, advantages, clip_eps=clip_eps).sum()
    (slope,) = torch.autograd.grad(objective, ratio)
    return (slope == 0).double().mean()


def _either_sign(ratio: Tensor, advantages: Tensor, clip_eps: float) -> Tensor:
    high, low = ratio > 1 + clip_eps, ratio < 1 - clip_eps
    return (high | low).double().mean()


def _wrong_sides(ratio: Tensor, advantages: Tensor, clip_eps: float) -> Tensor:
    high, low, good = ratio > 1 + clip_eps, ratio < 1 - clip_eps, advantages > 0
    return (low & good | high & ~good).double().mean()


silent_share = function(
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
    ],
)


# ---- The bug that passes the test

BATCH = {
    "logprobs": torch.tensor([[-1.0, -2.0, -0.5], [-0.7, -3.0, -1.2]]),
    "old_logprobs": torch.tensor([[-1.5, -1.0, -0.75], [-0.9, -2.0, -1.6]]),
}

quotient = function(
    lambda logprobs, old_logprobs, rewards: -(policy_ratio(logprobs, old_logprobs) * rewards).mean(),
    [
        {**BATCH, "rewards": torch.tensor([[1, 0, 2], [0, 1, 3]])},
        {**{name: rows[:1] for name, rows in BATCH.items()}, "rewards": torch.tensor([[0, 2, 1]])},
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
    ],
    gradients=True,
)


# ---- One ratio for a whole answer


def _answer_ratio(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return ((logprobs - old_logprobs.detach()) * mask).sum(-1).div(mask.sum(-1)).exp()


answer_ratio = function(
    _answer_ratio,
    [
        {**BATCH, "completion_mask": torch.tensor([[1, 1, 0], [1, 1, 1]])},
        {
            "logprobs": torch.tensor([[-0.4, -2.5, -1.0, -0.3]]),
            "old_logprobs": torch.tensor([[-1.0, -0.5, -1.8, -2.0]]),
            "completion_mask": torch.tensor([[1, 0, 1, 0]]),
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
    ],
    gradients=True,
)

EXERCISES: dict[str, Checker] = {
    "ex-ratio-read": four_numbers,
    "ex-ratio-by-hand": three_tokens,
    "ex-ratio-silent": silent_share,
    "ex-ratio-quotient": quotient,
    "ex-ratio-geometric": answer_ratio,
}
