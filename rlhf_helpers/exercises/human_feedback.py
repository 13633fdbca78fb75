"""Exercises of the chapter on human feedback, and what a wrong answer is told."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Mistake, function, numbers
from rlhf_helpers.losses import bradley_terry_loss

# ---- What a finger says

what_a_finger_says = numbers(
    (math.log(7 / 3), 0.7311, math.log(2)),
    {
        (0.7, ANY, ANY): "0.7 is the probability; the gap is the number whose sigmoid it is.",
        (0.6682, ANY, ANY): "That is σ(0.7); the other way round, σ(gap) = 0.7.",
        (math.log(3 / 7), ANY, ANY): "That gap belongs to 3 of 10: a is the one that is preferred.",
        (ANY, 1.0, ANY): "Scores of 101 and 100 look large, but only their gap of 1 enters the sigmoid.",
        (ANY, 0.5025, ANY): "You divided the scores; Bradley and Terry's scores are logits, so their gap counts.",
        (ANY, ANY, 0.3133): "That is the loss without a margin; with it the gap of 1 has nothing left.",
        (ANY, ANY, 0.1269): "You added the margin to the gap; it is what the gap has to exceed, so subtract it.",
        (ANY, ANY, 0.0): "The gap just meets its margin, and that is an even pair: log σ(0) is not 0.",
    },
)


# ---- Agreement


def _agreement(chosen_scores: Tensor, rejected_scores: Tensor) -> Tensor:
    return (0.5 * (1 + (chosen_scores - rejected_scores).sign())).mean()


agreement = function(
    _agreement,
    [
        {
            "chosen_scores": torch.tensor([2.0, 0.5, 1.0, -1.0, 3.0]),
            "rejected_scores": torch.tensor([1.0, 0.5, 4.0, -2.0, 0.0]),
        },
        {"chosen_scores": torch.tensor([0.0, 0.0, -3.0]), "rejected_scores": torch.tensor([0.0, 0.0, 5.0])},
    ],
    [
        Mistake("You count a tie as right.", lambda chosen, rejected: (chosen >= rejected).double().mean()),
        Mistake("You count a tie as wrong.", lambda chosen, rejected: (chosen > rejected).double().mean()),
        Mistake(
            "You left the ties out of the count; a tie is half a pair won.",
            lambda chosen, rejected: (chosen > rejected).double().sum() / (chosen != rejected).sum(),
        ),
        Mistake(
            "You averaged the gaps; agreement asks for their sign only.",
            lambda chosen, rejected: (chosen - rejected).mean(),
        ),
        Mistake(
            "You averaged the probabilities that the model gives to the labels; agreement counts wins.",
            lambda chosen, rejected: torch.sigmoid(chosen - rejected).mean(),
        ),
        Mistake(
            "You count the pairs that the model gets wrong.",
            lambda chosen, rejected: _agreement(rejected, chosen),
        ),
    ],
)


# ---- A margin without effect; margins are data, so the gradients are compared for scores alone

MARGINS = torch.tensor([1.0, 0.0, 0.5])


def _margin_loss(chosen_scores: Tensor, rejected_scores: Tensor, margins: Tensor) -> Tensor:
    return bradley_terry_loss(chosen_scores, rejected_scores, margin=margins)


_check_margin_value = function(
    _margin_loss,
    [
        {
            "chosen_scores": torch.tensor([1.0, -0.5, 2.0]),
            "rejected_scores": torch.tensor([0.0, 0.5, 2.5]),
            "margins": MARGINS,
        },
        {
            "chosen_scores": torch.tensor([0.3, 4.0]),
            "rejected_scores": torch.tensor([-0.7, 1.0]),
            "margins": torch.tensor([0.25, 2.0]),
        },
    ],
    [
        Mistake(
            "The margin is still outside of the sigmoid, where it has no gradient.",
            lambda chosen, rejected, margins: -logsigmoid(chosen - rejected).mean() + margins.mean(),
        ),
        Mistake(
            "You add the margin to the gap: then sure pairs push less, not more.",
            lambda chosen, rejected, margins: -logsigmoid(chosen - rejected + margins).mean(),
        ),
        Mistake(
            "You subtract the mean margin from every pair; each pair has its own.",
            lambda chosen, rejected, margins: -logsigmoid(chosen - rejected - margins.mean()).mean(),
        ),
        Mistake(
            "You weight the pairs by their margin; it has to be subtracted from the gap.",
            lambda chosen, rejected, margins: -(margins * logsigmoid(chosen - rejected)).mean(),
        ),
        Mistake("The margin is gone.", lambda chosen, rejected, margins: -logsigmoid(chosen - rejected).mean()),
    ],
)

_check_margin_gradient = function(
    lambda chosen, rejected: _margin_loss(chosen, rejected, MARGINS),
    [{"chosen_scores": torch.tensor([1.0, -0.5, 2.0]), "rejected_scores": torch.tensor([0.0, 0.5, 2.5])}],
    [],
    gradients=True,
)


def margin_loss(attempt) -> str | None:
    """Diagnose an attempt: its value first, then the gradient of its scores."""
    return _check_margin_value(attempt) or _check_margin_gradient(
        lambda chosen, rejected: attempt(chosen, rejected, MARGINS)
    )


# ---- Best of n with two answers


def _kl(q: float, p: float) -> float:
    return q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))


def _good(p: float, n: int) -> float:
    """The probability of the good answer under best of n."""
    return 1 - (1 - p) ** n


best_of_n = function(
    lambda p, n: (_good(p, n), _kl(_good(p, n), p)),
    [{"p": 0.5, "n": 4}, {"p": 0.2, "n": 3}],
    [
        Mistake(
            "That KL is the bound for answers that never tie; two answers tie all the time.",
            lambda p, n: (_good(p, n), math.log(n) - (n - 1) / n),
        ),
        Mistake(
            "p to the power n is the chance that all draws are good; one good draw is enough.",
            lambda p, n: (p**n, _kl(p**n, p)),
        ),
        Mistake(
            "The KL is the wrong way round: the policy that you ask about, best-of-n, weights the logs.",
            lambda p, n: (_good(p, n), _kl(p, _good(p, n))),
        ),
        Mistake(
            "Your KL has only the term of the good answer.",
            lambda p, n: (_good(p, n), _good(p, n) * math.log(_good(p, n) / p)),
        ),
        Mistake(
            "(1 - p) to the power n is the chance of the bad answer.",
            lambda p, n: ((1 - p) ** n, _kl((1 - p) ** n, p)),
        ),
    ],
)

EXERCISES: dict[str, Checker] = {
    "ex-feedback-gap": what_a_finger_says,
    "ex-feedback-agreement": agreement,
    "ex-feedback-bug": margin_loss,
    "ex-feedback-bon": best_of_n,
}
