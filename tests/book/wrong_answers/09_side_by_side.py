"""Wrong answers to the exercises of chapter 9, as learners write them: a fragment of the diagnosis -> the attempt."""

import math

import torch


def nearest(rewards, kls, kl):
    at = torch.argmin(torch.abs(kls - kl))
    return rewards[at]


def first_beyond(rewards, kls, kl):
    return next((reward for reward, cost in zip(rewards, kls, strict=True) if cost >= kl), math.inf)


def last_within(rewards, kls, kl):
    return next((rewards[i - 1] for i, cost in enumerate(kls) if cost >= kl), math.inf)


def half_way(rewards, kls, kl):
    return (first_beyond(rewards, kls, kl) + last_within(rewards, kls, kl)) / 2


def never_is_not_asked(rewards, kls, kl):
    i = torch.argmax((kls >= kl).int())
    return rewards[i - 1] + (kl - kls[i - 1]) / (kls[i] - kls[i - 1]) * (rewards[i] - rewards[i - 1])


def wrong_weights(rewards, kls, kl):
    if kls.max() < kl:
        return math.inf
    i = next(i for i, cost in enumerate(kls) if cost >= kl)
    near = (kls[i] - kl) / (kls[i] - kls[i - 1])
    return near * rewards[i] + (1 - near) * rewards[i - 1]


def sorted_first(rewards, kls, kl):
    kls, order = torch.sort(kls)
    rewards = rewards[order]
    i = torch.searchsorted(kls, kl).item()
    if i == len(kls):
        return math.inf
    return rewards[i - 1] + (kl - kls[i - 1]) / (kls[i] - kls[i - 1]) * (rewards[i] - rewards[i - 1])


def last_place(rewards, mask):
    total = (rewards * mask).sum(1, keepdim=True)
    return torch.cat([0 * rewards[:, :-1], total], dim=1)


def no_mask(rewards, mask):
    return torch.cat([0 * rewards[:, :-1], rewards.sum(1, keepdim=True)], dim=1)


def everywhere(rewards, mask):
    return mask * (mask * rewards).sum(dim=1)[:, None]


def running_total(rewards, mask):
    return mask * torch.cumsum(mask * rewards, dim=1)


def at_last(rewards, mask, paid):
    late = torch.zeros_like(rewards)
    for row, end in enumerate(mask.sum(1).long() - 1):
        late[row, end] = paid[row]
    return late


def mean_pay(rewards, mask):
    return at_last(rewards, mask, (rewards * mask).sum(1) / mask.sum(1))


def padding_too(rewards, mask):
    return at_last(rewards, mask, rewards.sum(1))


def paid_twice(rewards, mask):
    end = at_last(rewards, mask, torch.ones(len(rewards)))
    return (1 - end) * mask * rewards + at_last(rewards, mask, (mask * rewards).sum(1))


def at_the_last_reward(rewards, mask):
    late = torch.zeros_like(rewards)
    for row, paid in enumerate(rewards * mask):
        late[row, paid.nonzero()[-1]] = paid.sum()
    return late


def first_time(values, goal):
    return next((i for i, value in enumerate(values) if value >= goal), math.inf)


def batches(updates, epochs):
    return updates if updates == math.inf else math.ceil(updates / epochs)


WRONG = {
    "ex-side-leaderboard": {"A has more reward than B": "A", "went furthest": "C", "divided reward by KL": "D"},
    "ex-side-nearest": {
        "Still the nearest update": nearest,
        "never has this KL": never_is_not_asked,
        "at or beyond the KL": first_beyond,
        "the last update before": last_within,
        "the middle between": half_way,
        "swapped the weights": wrong_weights,
        "You sorted by KL": sorted_first,
    },
    "ex-side-at-end": {
        "that was paid before": at_the_last_reward,
        "in the last column": last_place,
        "You ignore the mask": no_mask,
        "the sum at every token": everywhere,
        "what was earned so far": running_total,
        "You pay the mean": mean_pay,
        "holds the padding": padding_too,
        "paid twice": paid_twice,
    },
    "ex-side-epochs": {
        "never gets there": lambda values, goal, epochs: math.ceil(torch.argmax((values >= goal).int()) / epochs) * 256,
        "to reach it is enough": lambda values, goal, epochs: (
            batches(next((i for i, value in enumerate(values) if value > goal), math.inf), epochs) * 256
        ),
        "a batch for every update": lambda values, goal, epochs: 256 * first_time(values, goal),
        "rounded down": lambda values, goal, epochs: (
            math.inf if first_time(values, goal) == math.inf else first_time(values, goal) // epochs * 256
        ),
        "did not round": lambda values, goal, epochs: first_time(values, goal) / epochs * 256,
        "one update too many": lambda values, goal, epochs: 256 * batches(first_time(values, goal) + 1, epochs),
        "256 in each": lambda values, goal, epochs: batches(first_time(values, goal), epochs),
        "it saves batches": lambda values, goal, epochs: 256 * epochs * first_time(values, goal),
    },
}
