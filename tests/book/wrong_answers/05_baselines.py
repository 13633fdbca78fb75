"""Wrong answers to the exercises of chapter 5, as learners write them: a fragment of the diagnosis -> the attempt."""

import torch


def gradients(probs):
    return torch.eye(len(probs)) - probs


def by_length(probs, pay):
    weight = probs * gradients(probs).norm(dim=1)
    return (weight * pay).sum() / weight.sum()


def not_weighted(probs, pay):
    squares = (gradients(probs) ** 2).sum(dim=1)
    return (squares * pay).sum() / squares.sum()


def not_divided(probs, pay):
    squares = (gradients(probs) ** 2).sum(dim=1)
    return (probs * squares * pay).sum()


def divided_by_the_sum(probs, pay):
    squares = (gradients(probs) ** 2).sum(dim=1)
    return (probs * squares * pay).sum() / squares.sum()


def columns(probs, pay):
    weight = probs * (gradients(probs) ** 2).sum(dim=0)
    return (weight * pay).sum() / weight.sum()


def minus_the_best(probs, pay):
    weight = probs * (gradients(probs) ** 2).sum(dim=1)
    return -(weight * pay).sum() / weight.sum()


def from_the_back(rewards, values, lam, following):
    surprise = rewards + following - values
    running, advantages = 0.0, []
    for t in reversed(range(rewards.shape[1])):
        running = surprise[:, t] + lam * running
        advantages.insert(0, running)
    return torch.stack(advantages, dim=1)


def wrapped(rewards, values, lam):
    return from_the_back(rewards, values, lam, torch.roll(values, -1, dims=1))


def wrong_way(rewards, values, lam):
    return from_the_back(rewards, values, lam, torch.roll(values, 1, dims=1))


def repeated(rewards, values, lam):
    return from_the_back(rewards, values, lam, torch.cat([values[:, 1:], values[:, -1:]], dim=1))


def nothing_to_come(rewards, values, lam):
    return from_the_back(rewards, values, lam, 0.0)


def with_zero(values):
    return torch.nn.functional.pad(values[:, 1:], (0, 1))


def forgets_lambda(rewards, values, lam):
    return from_the_back(rewards, values, 1.0, with_zero(values))


def surprises_alone(rewards, values, lam):
    return rewards + with_zero(values) - values


WRONG = {
    "ex-ppo-deltas": {
        "add the next value": (-0.5, -0.6, 0.2, -0.75, -0.5, 0.2),
        "its next value is 0": (0.1, 0.2, 1.0, 0.45, 0.7, 1.0),
        "returns minus the values": (0.5, 0.4, 0.2, 0.75, 0.5, 0.2),
        "carry the surprises forward": (0.1, 0.2, 0.2, 0.1, 0.25, 0.325),
        "are lambda 1": (0.1, 0.2, 0.2, 0.5, 0.4, 0.2),
        "are lambda 0": (0.1, 0.2, 0.2, 0.1, 0.2, 0.2),
        "one surprise ahead": (0.1, 0.2, 0.2, 0.2, 0.3, 0.2),
        "wrong sign": (-0.1, 0.2, 0.2, 0.25, 0.3, 0.2),
    },
    "ex-baselines-best": {
        "is the expected reward": lambda probs, pay: (probs * pay).sum(),
        "its square": by_length,
        "under the policy": not_weighted,
        "not divided": not_divided,
        "sum of the squared lengths": divided_by_the_sum,
        "the columns": columns,
        "wrong way round": minus_the_best,
    },
    "ex-baselines-wrap": {
        "your colleague's": wrapped,
        "roll the other way": wrong_way,
        "worth the last value itself": repeated,
        "after any token": nothing_to_come,
        "is lambda 1": forgets_lambda,
        "is lambda 0": surprises_alone,
    },
    "ex-baselines-explained": {
        "not* explained": lambda values, returns: (returns - values).var() / returns.var(),
        "standard deviations": lambda values, returns: 1 - (values - returns).std() / returns.std(),
        "mean square": lambda values, returns: 1 - ((returns - values) ** 2).mean() / returns.var(),
        "variance of the values": lambda values, returns: 1 - (returns - values).var() / values.var(),
        "may vary as much": lambda values, returns: values.var() / returns.var(),
    },
}
