"""Exercises of the chapter on baselines, and what a wrong answer is told."""

import torch
from torch import Tensor

from rlhf_helpers.advantages import gae
from rlhf_helpers.exercises.diagnosis import ANY, Checker, Choice, Function, Mistake, Numbers, Parts

# ---- Three surprises

SURPRISES = (0.1, 0.2, 0.2)

deltas = Numbers(
    (*SURPRISES, 0.25, 0.3, 0.2),
    {
        (-0.5, -0.6, 0.2, ANY, ANY, ANY): "You compare the pay with the critic and leave out what is still to come: "
        "add the next value.",
        (0.1, 0.2, 1.0, ANY, ANY, ANY): "After the last token nothing is to come, so its next value is 0.",
        (0.5, 0.4, 0.2, ANY, ANY, ANY): "These are the returns minus the values, which is lambda 1; one surprise looks "
        "one token ahead.",
        (*SURPRISES, 0.1, 0.25, 0.325): "You carry the surprises forward. A token is credited with what comes after "
        "it: begin at the end.",
        (*SURPRISES, 0.5, 0.4, 0.2): "The last three are lambda 1: add half of the next token's advantage.",
        (*SURPRISES, *SURPRISES): "The last three are lambda 0: add half of the next token's advantage.",
        (ANY, ANY, ANY, 0.5, 0.6, 0.8): "Those are the values; an advantage adds up surprises.",
        (0.0, 0.0, 1.0, ANY, ANY, ANY): "Those are the rewards; a surprise compares with the values.",
        (-0.1, -0.2, -0.2, ANY, ANY, ANY): "The sign is turned: a surprise is what came, minus what was expected.",
        (
            -0.1,
            -0.2,
            0.2,
            ANY,
            ANY,
            ANY,
        ): "You subtract the next value and add the present one: it is the other way round.",
        (1.1, 1.4, 1.8, ANY, ANY, ANY): "You add the value of the token itself; subtract it.",
        (*SURPRISES, 0.2, 0.3, 0.2): "You look one surprise ahead. Add half of the next token's advantage, which holds "
        "all that follow.",
    },
    hints=(1, 1, 1, 2, 2, 2),
)


# ---- The least noisy baseline


def _scores(probs: Tensor) -> Tensor:
    """Rows: the gradient of each token's log-probability with respect to the logits."""
    return torch.eye(len(probs), dtype=probs.dtype) - probs


def _best(probs: Tensor, pay: Tensor) -> Tensor:
    scores = torch.eye(len(probs), dtype=probs.dtype) - probs
    weight = probs * scores.square().sum(1)
    return weight @ pay / weight.sum()


def _weighted(pay: Tensor, weight: Tensor) -> Tensor:
    return weight @ pay / weight.sum()


best = Function(
    _best,
    [
        {"probs": torch.tensor([0.5, 0.3, 0.2]), "pay": torch.tensor([1.0, 0.0, 0.5])},
        {"probs": torch.tensor([0.7, 0.1, 0.1, 0.1]), "pay": torch.tensor([-1.0, 2.0, 0.5, 3.0])},
    ],
    [
        Mistake("That is the expected reward, which counts every token alike.", lambda probs, pay: probs @ pay),
        Mistake(
            "You weigh with the length of the gradient; its square is what the noise is made of.",
            lambda probs, pay: _weighted(pay, probs * _scores(probs).norm(dim=1)),
        ),
        Mistake(
            "The tokens count alike however often they are drawn: both averages are under the policy.",
            lambda probs, pay: _weighted(pay, _scores(probs).square().sum(1)),
        ),
        Mistake(
            "You have not divided by the average squared length.",
            lambda probs, pay: (probs * _scores(probs).square().sum(1)) @ pay,
        ),
        Mistake(
            "You divide by the sum of the squared lengths; below the line is their average under the policy, too.",
            lambda probs, pay: (probs * _scores(probs).square().sum(1)) @ pay / _scores(probs).square().sum(),
        ),
        Mistake(
            "You took the columns of the table of gradients. Each row is one token's gradient.",
            lambda probs, pay: _weighted(pay, probs * _scores(probs).square().sum(0)),
        ),
        Mistake("That is the mean of the pay over all tokens alike.", lambda probs, pay: pay.mean()),
        Mistake(
            "You weigh with the square of one entry, (1 - p)²; the length has all of them.",
            lambda probs, pay: _weighted(pay, probs * (1 - probs).square()),
        ),
        Mistake("You weigh with 1 - p alone.", lambda probs, pay: _weighted(pay, probs * (1 - probs))),
    ],
    hint=2,
)

higher_or_lower = Choice(
    "lower",
    {
        "higher": "Likely tokens have short gradients and weigh less, and here the likely token is the well-paid one.",
        "equal": "It would be equal if all gradients had the same length; a likely token's is shorter.",
    },
)


# ---- The last token is always brilliant


def _gae(rewards: Tensor, values: Tensor, lam: float, following: Tensor | None = None) -> Tensor:
    """GAE with gamma 1, given what is expected after each token."""
    if following is None:
        return gae(rewards, values, lam=lam)[0]
    surprise = rewards + following - values
    running, advantages = torch.zeros(len(rewards)), []
    for t in reversed(range(rewards.shape[1])):
        running = surprise[:, t] + lam * running
        advantages.insert(0, running)
    return torch.stack(advantages, 1)


def _forward(rewards: Tensor, values: Tensor, lam: float) -> Tensor:
    return _gae(rewards.flip(1), values.flip(1), lam, _after_each(values).flip(1)).flip(1)


def _after_each(values: Tensor) -> Tensor:
    return torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)


def _last_zero(advantages: Tensor) -> Tensor:
    return torch.cat([advantages[:, :-1], torch.zeros_like(advantages[:, :1])], 1)


def _mended(rewards: Tensor, values: Tensor, lam: float) -> Tensor:
    following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
    surprise = rewards + following - values
    running, advantages = 0.0, []
    for t in reversed(range(rewards.shape[1])):
        running = surprise[:, t] + lam * running
        advantages.insert(0, running)
    return torch.stack(advantages, 1)


mended = Function(
    _mended,
    [
        {
            "rewards": torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
            "values": torch.tensor([[0.5, 0.6, 0.8], [0.9, 0.3, 0.1]]),
            "lam": 0.5,
        },
        {"rewards": torch.tensor([[1.0, 2.0]]), "values": torch.tensor([[2.5, 1.5]]), "lam": 0.9},
        {
            "rewards": torch.tensor([[0.0, 1.0, -1.0, 0.5]]),
            "values": torch.tensor([[0.2, 0.4, -0.3, 0.7]]),
            "lam": 0.0,
        },
    ],
    [
        Mistake(
            "That is your colleague's: after the last token it still expects the value of the first.",
            lambda rewards, values, lam: _gae(rewards, values, lam, values.roll(-1, dims=1)),
        ),
        Mistake(
            "You roll the other way: each token looks at the value before it.",
            lambda rewards, values, lam: _gae(rewards, values, lam, values.roll(1, dims=1)),
        ),
        Mistake(
            "What comes after the end is worth the last value itself with you, so that it cancels; it is worth 0.",
            lambda rewards, values, lam: _gae(rewards, values, lam, torch.cat([values[:, 1:], values[:, -1:]], 1)),
        ),
        Mistake(
            "Nothing is expected after any token now; only after the last one is nothing to come.",
            lambda rewards, values, lam: _gae(rewards, values, lam, torch.zeros_like(values)),
        ),
        Mistake(
            "This is lambda 1, whatever lambda is.",
            lambda rewards, values, lam: _gae(rewards, values, 1.0),
        ),
        Mistake(
            "This is lambda 0: the surprises that follow are missing.",
            lambda rewards, values, lam: _gae(rewards, values, 0.0),
        ),
        Mistake(
            "These are the returns, advantages plus values; the advantages were asked for.",
            lambda rewards, values, lam: _gae(rewards, values, lam) + values,
        ),
        Mistake(
            "You sum forward, from the first token; begin at the end.",
            lambda rewards, values, lam: _forward(rewards, values, lam),
        ),
        Mistake(
            "Your list runs backward: the last token comes first.",
            lambda rewards, values, lam: _gae(rewards, values, lam).flip(1),
        ),
        Mistake(
            "The last token's advantage is missing; it is its own surprise.",
            lambda rewards, values, lam: _gae(rewards, values, lam)[:, :-1],
        ),
        Mistake(
            "The last token's advantage is 0 now; it is its own surprise, reward minus value.",
            lambda rewards, values, lam: _last_zero(_gae(rewards, values, lam)),
        ),
        Mistake(
            "Your last surprise is 0, and the tokens before it never hear of it.",
            lambda rewards, values, lam: _gae(
                rewards, values, lam, torch.cat([values[:, 1:], values[:, -1:] - rewards[:, -1:]], 1)
            ),
        ),
        Mistake(
            "You shifted the values the other way: after a token comes the value of the next.",
            lambda rewards, values, lam: _gae(
                rewards, values, lam, torch.cat([torch.zeros_like(values[:, :1]), values[:, :-1]], 1)
            ),
        ),
        Mistake(
            "lam multiplies the sum of the surprises alone, and not the next value.",
            lambda rewards, values, lam: _gae(rewards, values, lam, lam * _after_each(values)),
        ),
    ],
    hint=3,
)


# ---- Does the critic know anything?


def _explained(values: Tensor, returns: Tensor) -> Tensor:
    return 1 - (returns - values).var() / returns.var()


explained = Function(
    _explained,
    [
        {
            "values": torch.tensor([[2.0, 1.5, 0.5], [2.0, 1.0, 0.0]]),
            "returns": torch.tensor([[3.0, 2.0, 1.0], [1.0, 1.0, 0.0]]),
        },
        {"values": torch.tensor([[1.0, 0.0, 2.0]]), "returns": torch.tensor([[0.5, 1.0, 0.0]])},
        {
            "values": torch.tensor([[3.0, 2.0], [1.0, 1.5]]),
            "returns": torch.tensor([[2.0, 1.5], [0.0, 1.0]]),
        },
    ],
    [
        Mistake(
            "That is the share that is *not* explained: subtract it from one.",
            lambda values, returns: (returns - values).var() / returns.var(),
        ),
        Mistake(
            "You compare standard deviations; it is the variances that are compared.",
            lambda values, returns: 1 - (returns - values).std() / returns.std(),
        ),
        Mistake(
            "You took the mean square of the errors. A critic that is wrong by a constant has a variance of 0.",
            lambda values, returns: 1 - (returns - values).square().mean() / returns.var(),
        ),
        Mistake(
            "You divide by the variance of the values; it is the returns that are to be explained.",
            lambda values, returns: 1 - (returns - values).var() / values.var(),
        ),
        Mistake(
            "You compare the variance of the values with that of the returns: a critic may vary as much and be wrong.",
            lambda values, returns: values.var() / returns.var(),
        ),
        Mistake(
            "One number for each completion: take the variance over all tokens of the batch.",
            lambda values, returns: 1 - (returns - values).var(1) / returns.var(1),
        ),
        Mistake(
            "You took the mean squares on both sides; the variances leave the means out.",
            lambda values, returns: 1 - (returns - values).square().mean() / returns.square().mean(),
        ),
        Mistake(
            "That is R², with the mean square of the errors; a variance leaves out what is off by a constant.",
            lambda values, returns: 1 - (returns - values).square().mean() / returns.var(correction=0),
        ),
        Mistake(
            "That is the squared correlation: a critic on the wrong scale looks perfect.",
            lambda values, returns: torch.corrcoef(torch.stack([values.flatten(), returns.flatten()]))[0, 1] ** 2,
        ),
        Mistake(
            "That is the correlation, and not the share of the variance.",
            lambda values, returns: torch.corrcoef(torch.stack([values.flatten(), returns.flatten()]))[0, 1],
        ),
    ],
    hint=1,
)

EXERCISES: dict[str, Checker] = {
    "ex-ppo-deltas": deltas,
    "ex-baselines-best": Parts({"the function": best, "higher or lower": higher_or_lower}),
    "ex-baselines-wrap": mended,
    "ex-baselines-explained": explained,
}
