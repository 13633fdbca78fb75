"""Checks of the exercises of the chapter on human feedback."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..losses import bradley_terry_loss
from .diagnosis import Checker, function, numbers

NAN = math.nan


def _agreement(chosen_scores: Tensor, rejected_scores: Tensor) -> Tensor:
    return (0.5 * (1 + (chosen_scores - rejected_scores).sign())).mean()


def _margin_loss(chosen_scores: Tensor, rejected_scores: Tensor, margins: Tensor) -> Tensor:
    return bradley_terry_loss(chosen_scores, rejected_scores, margin=margins.detach())


def _kl(q: float, p: float) -> float:
    return q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))


def _best(p: float, n: int) -> tuple[float, float]:
    q = 1 - (1 - p) ** n
    return q, _kl(q, p)


_SCORES = [
    {
        "chosen_scores": torch.tensor([2.0, 0.5, 1.0, -1.0, 3.0]),
        "rejected_scores": torch.tensor([1.0, 0.5, 4.0, -2.0, 0.0]),
    },
    {"chosen_scores": torch.tensor([0.0, 0.0, -3.0]), "rejected_scores": torch.tensor([0.0, 0.0, 5.0])},
]
_PAIRS = [
    {
        "chosen_scores": torch.tensor([1.0, -0.5, 2.0]),
        "rejected_scores": torch.tensor([0.0, 0.5, 2.5]),
        "margins": torch.tensor([1.0, 0.0, 0.5]),
    },
    {
        "chosen_scores": torch.tensor([0.3, 4.0]),
        "rejected_scores": torch.tensor([-0.7, 1.0]),
        "margins": torch.tensor([0.25, 2.0]),
    },
]

EXERCISES: dict[str, Checker] = {
    "ex-feedback-gap": numbers(
        (math.log(7 / 3), 0.7311, math.log(2)),
        {
            (0.7, NAN, NAN): "0.7 is the probability; the gap is the number whose sigmoid it is.",
            (0.6682, NAN, NAN): "That is σ(0.7); the other way round, σ(gap) = 0.7.",
            (math.log(3 / 7), NAN, NAN): "That gap belongs to 3 of 10: a is the one that is preferred.",
            (NAN, 1.0, NAN): "Scores of 101 and 100 look large, but only their gap of 1 enters the sigmoid.",
            (NAN, 0.5025, NAN): "You divided the scores; Bradley and Terry's scores are logits, so their gap counts.",
            (NAN, NAN, 0.3133): "That is the loss without a margin; with it the gap of 1 has nothing left.",
            (NAN, NAN, 0.1269): "You added the margin to the gap; it is what the gap has to exceed, so subtract it.",
            (NAN, NAN, 0.0): "The gap just meets its margin, and that is an even pair: log σ(0) is not 0.",
        },
    ),
    "ex-feedback-agreement": function(
        _agreement,
        _SCORES,
        {
            "You count a tie as right.": lambda chosen, rejected: (chosen >= rejected).double().mean(),
            "You count a tie as wrong.": lambda chosen, rejected: (chosen > rejected).double().mean(),
            "You left the ties out of the count; a tie is half a pair won.": lambda chosen, rejected: (
                (chosen > rejected).double().sum() / (chosen != rejected).sum()
            ),
            "You averaged the gaps; agreement asks for their sign only.": lambda chosen, rejected: (
                chosen - rejected
            ).mean(),
            "You averaged the probabilities that the model gives to the labels; agreement counts wins.": lambda a, b: (
                torch.sigmoid(a - b).mean()
            ),
            "You count the pairs that the model gets wrong.": lambda chosen, rejected: _agreement(rejected, chosen),
        },
    ),
    "ex-feedback-bug": function(
        _margin_loss,
        _PAIRS,
        {
            "The margin is still outside of the sigmoid, where it has no gradient.": lambda chosen, rejected, m: (
                -logsigmoid(chosen - rejected).mean() + m.mean()
            ),
            "You add the margin to the gap: then sure pairs push less, not more.": lambda chosen, rejected, m: (
                -logsigmoid(chosen - rejected + m).mean()
            ),
            "You subtract the mean margin from every pair; each pair has its own.": lambda chosen, rejected, m: (
                -logsigmoid(chosen - rejected - m.mean()).mean()
            ),
            "You weight the pairs by their margin; it has to be subtracted from the gap.": lambda chosen, rejected, m: (
                -(m * logsigmoid(chosen - rejected)).mean()
            ),
            "The margin is gone.": lambda chosen, rejected, m: -logsigmoid(chosen - rejected).mean(),
        },
    ),
    "ex-feedback-bon": function(
        _best,
        [{"p": 0.5, "n": 4}, {"p": 0.2, "n": 3}],
        {
            "That KL is the bound for answers that never tie; two answers tie all the time.": lambda p, n: (
                _best(p, n)[0],
                math.log(n) - (n - 1) / n,
            ),
            "p to the power n is the chance that all draws are good; one good draw is enough.": lambda p, n: (
                p**n,
                _kl(p**n, p),
            ),
            "The KL is the wrong way round: the policy that you ask about, best-of-n, weights the logs.": lambda p, n: (
                _best(p, n)[0],
                _kl(p, _best(p, n)[0]),
            ),
            "Your KL has only the term of the good answer.": lambda p, n: (
                _best(p, n)[0],
                _best(p, n)[0] * math.log(_best(p, n)[0] / p),
            ),
            "(1 - p) to the power n is the chance of the bad answer.": lambda p, n: (
                (1 - p) ** n,
                _kl((1 - p) ** n, p),
            ),
        },
    ),
}
