"""Wrong answers to the exercises of chapter 6, as learners write them: a fragment of the diagnosis -> the attempt."""

import math

import torch
from torch.nn.functional import logsigmoid


def mean_of_tokens(logprobs, ref_logprobs, mask, beta):
    lengths = mask.sum(1)
    mine = (logprobs * mask).sum(1) / lengths
    theirs = (ref_logprobs.detach() * mask).sum(1) / lengths
    h = (mine - theirs).view(-1, 2)
    return -logsigmoid(beta * (h[:, 0] - h[:, 1])).mean()


def padding_counts(logprobs, ref_logprobs, mask, beta):
    log_ratio = logprobs.sum(1) - ref_logprobs.detach().sum(1)
    h = log_ratio[::2] - log_ratio[1::2]
    return -logsigmoid(beta * h).mean()


def first_half_against_second(logprobs, ref_logprobs, mask, beta):
    log_ratio = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
    half = len(log_ratio) // 2
    return -logsigmoid(beta * (log_ratio[:half] - log_ratio[half:])).mean()


def no_reference(logprobs, ref_logprobs, mask, beta):
    chosen, rejected = (logprobs * mask).sum(1).view(-1, 2).unbind(1)
    return -logsigmoid(beta * (chosen - rejected)).mean()


def log_of_sigmoid(logprobs, ref_logprobs, mask, beta):
    chosen, rejected = ((logprobs - ref_logprobs.detach()) * mask).sum(1).view(-1, 2).unbind(1)
    return -torch.sigmoid(beta * (chosen - rejected)).log().mean()


def reference_trains_along(logprobs, ref_logprobs, mask, beta):
    chosen, rejected = ((logprobs - ref_logprobs) * mask).sum(1).view(-1, 2).unbind(1)
    return -logsigmoid(beta * (chosen - rejected)).mean()


def swapped(logprobs, ref_logprobs, mask, beta):
    rejected, chosen = ((logprobs - ref_logprobs.detach()) * mask).sum(1).view(-1, 2).unbind(1)
    return -logsigmoid(beta * (chosen - rejected)).mean()


def loss_at(history, reference):
    h = (history - reference)[:, 0] - (history - reference)[:, 1]
    return -logsigmoid(0.1 * h)


def log_of_the_share(beta, e):
    h = math.log(1 / e) / beta
    return h, 1 / (2 * h)


def rests(beta, e):
    return math.log((1 - e) / e) / beta


WRONG = {
    "ex-dpo-weight": {
        "has one more factor": (1.0, 0.5, 0.0, 10.0, 0.693, 0.0),
        "settled pair push hardest": (0.0, 0.25, 0.5, 10.0, 0.693, 0.0),
        "largest weight": (0.5, 0.5, 0.5, 10.0, 0.693, 0.0),
        "not h itself": (0.5, 0.25, 0.0, 20.0, 0.693, 0.0),
        "without an opinion": (0.5, 0.25, 0.0, 10.0, 0.0, 0.0),
        "two ends are swapped": (0.5, 0.25, 0.0, 0.0, 0.693, 10.0),
        "Number 3": (0.5, 0.25, 0.05, 10.0, 0.693, 0.0),
    },
    "ex-dpo-batch": {
        "averaged over the tokens": mean_of_tokens,
        "padding is in your sums": padding_counts,
        "first half of the rows": first_half_against_second,
        "reference is missing": no_reference,
        "logsigmoid(x) does not": log_of_sigmoid,
        "a gradient reaches ref_logprobs": reference_trains_along,
        "swapped the two": swapped,
    },
    "ex-dpo-table": {
        "what the shared features did": (0.0, 1.0, 2),
        "the softmax divides": (0.9, 0.1, 2),
        "its logit is its own": (0.0, 0.11, 2),
        "z1 - z4 holds two": (1.0, 0.0, 10),
        "has a logit too": (1.0, 0.0, 1),
    },
    "ex-dpo-bug": {
        "log 2 at every update": lambda history: loss_at(history, history.clone().detach()),
        "lags one update behind": lambda history: loss_at(history, history[[0, *range(len(history) - 1)]].detach()),
        "end of the run": lambda history: loss_at(history, history[-1].detach()),
        "reference is gone": lambda history: loss_at(history, 0.0),
        "trains along": lambda history: loss_at(history, history[0]),
        "shape ()": lambda history: loss_at(history, history[0].detach()).mean(),
    },
    "ex-dpo-smoothing": {
        "divide it by β": lambda beta, e: (beta * rests(beta, e), 1 / (2 * beta * rests(beta, e))),
        "asks you to divide": lambda beta, e: (beta**2 * rests(beta, e), 1 / (2 * beta**2 * rests(beta, e))),
        "solves σ(βh) = e": lambda beta, e: (-rests(beta, e), -1 / (2 * rests(beta, e))),
        "not 1 / h": lambda beta, e: (rests(beta, e), 1 / rests(beta, e)),
        "expected 4.394": log_of_the_share,
    },
}
