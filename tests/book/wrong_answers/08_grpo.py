"""Wrong answers to the exercises of chapter 8, as learners write them: a fragment of the diagnosis -> the attempt."""

import torch


def still_over_prompts(rewards):
    mean = rewards.mean(dim=0, keepdim=True)
    return (rewards - mean) / (rewards.std(dim=0, keepdim=True) + 1e-4)


def lost_dimension(rewards):
    return (rewards - rewards.mean(1)) / (rewards.std(1) + 1e-4)


def half_fixed(rewards):
    mean = rewards.mean(-1, keepdim=True)
    return (rewards - mean) / (rewards.std(0) + 1e-4)


def other_half(rewards):
    return (rewards - rewards.mean(0)) / (rewards.std(-1, keepdim=True) + 1e-4)


def one_pot(rewards):
    return (rewards - rewards.mean()) / (rewards.std() + 1e-4)


def batch_std(rewards):
    return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std() + 1e-4)


def divides_by_zero(rewards):
    centered = rewards - rewards.mean(1, keepdim=True)
    return centered / rewards.std(1, keepdim=True)


def biased_std(rewards):
    centered = rewards - rewards.mean(1, keepdim=True)
    return centered / (centered.pow(2).mean(1, keepdim=True).sqrt() + 1e-4)


def others(rewards):
    size = rewards.shape[1]
    return rewards - (rewards.sum(1, keepdim=True) - rewards) / (size - 1)


def symmetric(ratio, advantages, low=0.2, high=0.28):
    clipped = torch.clamp(ratio, 1 - low, 1 + low)
    return torch.min(ratio * advantages, clipped * advantages)


def exchanged(ratio, advantages, low=0.2, high=0.28):
    clipped = ratio.clamp(1 - high, 1 + low)
    return torch.min(ratio * advantages, clipped * advantages)


def around_zero(ratio, advantages, low=0.2, high=0.28):
    return torch.min(ratio * advantages, ratio.clamp(low, high) * advantages)


def optimistic(ratio, advantages, low=0.2, high=0.28):
    return torch.max(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


def no_minimum(ratio, advantages, low=0.2, high=0.28):
    return advantages * ratio.clamp(1 - low, 1 + high)


def as_a_loss(ratio, advantages, low=0.2, high=0.28):
    return -torch.min(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


def constant_ratio(ratio, advantages, low=0.2, high=0.28):
    ratio = ratio.detach()
    return torch.min(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


def rests_at(size, *, share, spread, pull="k3", beta=0.5, exact=False):
    """Where push and pull balance, by bisection: the push falls short of the pull above it."""
    draws = torch.rand(4000, spread, 8, generator=torch.Generator().manual_seed(5)).double()
    low, high = 0.101, 0.95
    for _ in range(20):
        q = (low + high) / 2
        deviation = (8 * q * (1 - q)) ** 0.5 if exact else (draws < q).sum(-1).double().std(1).mean().item()
        push = share * deviation / 8
        odds = torch.tensor(9 * q / (1 - q)).log().item()
        slope = q - 0.1 if pull == "k3" else q * (1 - q) * odds
        low, high = (q, high) if push > beta * slope else (low, q)
    return q


WRONG = {
    "ex-grpo-one-of-four": {
        "swapped the two standard deviations": (1.5, 1.732, 0.75, 1.0),
        "divided by the variance": (4.0, 3.0, 0.75, 1.0),
        "subtract the mean first": (2.309, 2.0, 0.75, 1.0),
        "swapped the last two": (1.732, 1.5, 1.0, 0.75),
        "kept the completion in its own baseline": (1.732, 1.5, 0.75, 0.75),
        "mean of the other three": (1.732, 1.5, 0.75, 0.667),
        "wrong sign": (1.732, 1.5, 0.75, -1.0),
    },
    "ex-grpo-how-many": {
        "one end only": (7, 90),
        "nearly all silent groups are all wrong": (8, 2),
        "groups of easy ones": (8, 8),
        "round up": (8, 89),
        "logarithm": (8, 80),
    },
    "ex-grpo-bug": {
        "Still an average over prompts": still_over_prompts,
        "keepdim": lost_dimension,
        "the standard deviation still runs over prompts": half_fixed,
        "the mean still runs over prompts": other_half,
        "over all prompts at once": one_pot,
        "of the whole batch": batch_std,
        "0 divided by 0": divides_by_zero,
        "over G; the function": biased_std,
        "With rewards": others,
    },
    "ex-grpo-clip-higher": {
        "upper limit is 1 + low": symmetric,
        "swapped the limits": exchanged,
        "lie around 1": around_zero,
        "the pessimistic one": optimistic,
        "without the minimum": no_minimum,
        "sign is the wrong way round": as_a_loss,
        "no gradient reaches ratio": constant_ratio,
    },
    "ex-grpo-size": {
        "You kept the 7/8": lambda size: rests_at(size, share=7 / 8, spread=size),
        "that of groups of eight, or": lambda size: rests_at(size, share=(size - 1) / size, spread=8),
        "both numbers of groups of eight": lambda size: rests_at(size, share=7 / 8, spread=8),
        "a baseline of the others": lambda size: rests_at(size, share=1.0, spread=size),
        "the slope of k2": lambda size: rests_at(size, share=(size - 1) / size, spread=size, pull="k2"),
        "the standard deviation over G;": lambda size: rests_at(size, share=((size - 1) / size) ** 1.5, spread=size),
        "the deviation of one sum": lambda size: rests_at(size, share=(size - 1) / size, spread=size, exact=True),
        "tried for `size`": lambda size: torch.tensor(0.3),
    },
}
