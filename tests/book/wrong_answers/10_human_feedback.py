"""Wrong answers to the exercises of chapter 10, as learners write them: a fragment of the diagnosis -> the attempt."""

import math

import torch
from torch.nn.functional import logsigmoid


def ties_are_right(chosen_scores, rejected_scores):
    return (chosen_scores >= rejected_scores).float().mean()


def ties_are_wrong(chosen_scores, rejected_scores):
    return (chosen_scores > rejected_scores).float().mean()


def ties_left_out(chosen_scores, rejected_scores):
    differs = chosen_scores != rejected_scores
    return (chosen_scores[differs] > rejected_scores[differs]).float().mean()


def mean_gap(chosen_scores, rejected_scores):
    return chosen_scores.mean() - rejected_scores.mean()


def soft(chosen_scores, rejected_scores):
    return torch.sigmoid(chosen_scores - rejected_scores).mean()


def swapped(chosen_scores, rejected_scores):
    ties = chosen_scores == rejected_scores
    return ((rejected_scores > chosen_scores).float() + 0.5 * ties).mean()


def outside(chosen_scores, rejected_scores, margins):
    return (-logsigmoid(chosen_scores - rejected_scores) + margins).mean()


def added(chosen_scores, rejected_scores, margins):
    return -logsigmoid(chosen_scores + margins - rejected_scores).mean()


def mean_margin(chosen_scores, rejected_scores, margins):
    return -logsigmoid(chosen_scores - rejected_scores - margins.mean()).mean()


def weighted(chosen_scores, rejected_scores, margins):
    return (-logsigmoid(chosen_scores - rejected_scores) * margins).mean()


def summed(chosen_scores, rejected_scores, margins):
    return -logsigmoid(chosen_scores - rejected_scores - margins).sum()


def without_gradient(chosen_scores, rejected_scores, margins):
    return -logsigmoid(chosen_scores - rejected_scores - margins).mean().detach()


def kl(q, p):
    return q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))


def the_bound(p, n):
    return 1 - (1 - p) ** n, math.log(n) - (n - 1) / n


def all_good(p, n):
    return p**n, kl(p**n, p)


def turned_round(p, n):
    q = 1 - (1 - p) ** n
    return q, p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def one_term(p, n):
    q = 1 - (1 - p) ** n
    return q, q * math.log(q / p)


def the_bad_one(p, n):
    bad = (1 - p) ** n
    return bad, kl(bad, p)


WRONG = {
    "ex-feedback-gap": {
        "0.7 is the probability": (0.7, 0.731, 0.693),
        "That is σ(0.7)": (0.668, 0.731, 0.693),
        "belongs to 3 of 10": (-0.847, 0.731, 0.693),
        "look large": (0.847, 1.0, 0.693),
        "You divided the scores": (0.847, 0.5025, 0.693),
        "without a margin": (0.847, 0.731, 0.313),
        "so subtract it": (0.847, 0.731, 0.127),
        "just meets its margin": (0.847, 0.731, 0.0),
    },
    "ex-feedback-agreement": {
        "tie as right": ties_are_right,
        "tie as wrong": ties_are_wrong,
        "left the ties out": ties_left_out,
        "averaged the gaps": mean_gap,
        "averaged the probabilities": soft,
        "gets wrong": swapped,
    },
    "ex-feedback-bug": {
        "still outside": outside,
        "add the margin to the gap": added,
        "each pair has its own": mean_margin,
        "weight the pairs": weighted,
        "summed over the pairs": summed,
        "no gradient reaches chosen_scores": without_gradient,
    },
    "ex-feedback-bon": {
        "the bound for answers": the_bound,
        "all draws are good": all_good,
        "wrong way round": turned_round,
        "only the term of the good": one_term,
        "chance of the bad": the_bad_one,
    },
}
