"""Exercises of the chapter on human feedback, and what a wrong answer is told."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rlhf_helpers.exercises.combinations import combined
from rlhf_helpers.exercises.diagnosis import ANY, Checker, Function, Mistake, Numbers, Parts

# ---- What a finger says

what_a_finger_says = Numbers(
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
        (math.log(0.7), ANY, ANY): "That is the log of the probability; the gap is the log of the odds, 0.7 to 0.3.",
        (-math.log(0.7), ANY, ANY): "That is the loss of such a click; the gap is the log of the odds, 0.7 to 0.3.",
        (7 / 3, ANY, ANY): "Those are the odds; the gap is their logarithm.",
        (0.4, ANY, ANY): "That is 0.7 minus 0.3; the gap is the log of their ratio.",
        (math.log10(7 / 3), ANY, ANY): "That is a logarithm to base 10; scores are in natural logarithms.",
        (ANY, 0.5, ANY): "A gap of 1 is not nothing: σ(1).",
        (ANY, 0.2689, ANY): "That is how likely the second is chosen.",
        (ANY, 0.99, ANY): "Scores of 101 and 100 look large, but only their gap of 1 enters the sigmoid.",
        (ANY, ANY, 0.5): "That is σ(0), a probability; the loss is minus its logarithm.",
        (ANY, ANY, 1.0): "With the margin the gap is 0, and the loss is minus log σ(0).",
        (ANY, ANY, 1.3133): "You added the margin behind the logarithm; it belongs inside of the sigmoid.",
        (ANY, ANY, 2.1269): "You subtracted twice: the gap is 1 and the margin is 1.",
    },
    hints=(2, 1, 2),
)


# ---- Agreement


def _agreement(chosen_scores: Tensor, rejected_scores: Tensor) -> Tensor:
    wins = (chosen_scores > rejected_scores).double()
    ties = (chosen_scores == rejected_scores).double()
    return (wins + 0.5 * ties).mean()


agreement = Function(
    _agreement,
    [
        {
            "chosen_scores": torch.tensor([2.0, 0.5, 1.0, -1.0, 3.0]),
            "rejected_scores": torch.tensor([1.0, 0.5, 4.0, -2.0, 0.0]),
        },
        {"chosen_scores": torch.tensor([0.0, 0.0, -3.0]), "rejected_scores": torch.tensor([0.0, 0.0, 5.0])},
        {"chosen_scores": torch.tensor([1.0, 2.0, -1.0, 0.5]), "rejected_scores": torch.tensor([0.25, 1.5, -1.0, 2.0])},
        *combined(3, {}, chosen_scores=(-2.5, -0.5, 0.0, 0.75, 4.0), rejected_scores=(-3.0, -0.5, 0.5, 0.75)),
    ],
    [
        Mistake("You count a tie as right.", lambda chosen, rejected: (chosen >= rejected).double().mean()),
        Mistake(
            "You count a tie as wrong, as `round` does, too, with a probability of one half.",
            lambda chosen, rejected: (chosen > rejected).double().mean(),
        ),
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
        Mistake(
            "You gave the number of pairs; the share was asked for.",
            lambda chosen, rejected: _agreement(chosen, rejected) * len(chosen),
        ),
        Mistake(
            "A tie counts one half: you gave it a whole pair and took a half elsewhere.",
            lambda chosen, rejected: 0.5 * (chosen >= rejected).double().mean(),
        ),
        Mistake(
            "You gave wins minus losses; the share of wins, with ties as halves, was asked for.",
            lambda chosen, rejected: (chosen - rejected).sign().mean(),
        ),
        Mistake(
            "You gave one number for each pair; average them.",
            lambda chosen, rejected: 0.5 * (1 + (chosen - rejected).sign()),
        ),
        Mistake(
            "That is the share of ties.",
            lambda chosen, rejected: (chosen == rejected).double().mean(),
        ),
    ],
    hint=2,
)

all_ties = Numbers(
    1.0,
    {
        0.5: "That is what it gets if a tie counts one half. If ties counted as right?",
        0.0: "Every pair is a tie for it, and here ties count as right.",
    },
)


# ---- A margin without effect


def _margin_loss(chosen_scores: Tensor, rejected_scores: Tensor, margins: Tensor) -> Tensor:
    gap = chosen_scores - rejected_scores
    return -logsigmoid(gap - margins).mean()


margin_loss = Function(
    _margin_loss,
    [
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
        Mistake(
            "The margin is still outside of the sigmoid, where it has no gradient; you have only turned its sign.",
            lambda chosen, rejected, margins: -logsigmoid(chosen - rejected).mean() - margins.mean(),
        ),
        Mistake(
            "The gap is the wrong way round: the chosen answer should have the higher score.",
            lambda chosen, rejected, margins: -logsigmoid(rejected - chosen - margins).mean(),
        ),
        Mistake(
            "The minus in front of logsigmoid is missing.",
            lambda chosen, rejected, margins: logsigmoid(chosen - rejected - margins).mean(),
        ),
        Mistake(
            "You multiply the gap by the margin; subtract it.",
            lambda chosen, rejected, margins: -logsigmoid((chosen - rejected) * margins).mean(),
        ),
        Mistake(
            "That is a hinge, which has no gradient once the margin is met; the Bradley-Terry loss is -logsigmoid.",
            lambda chosen, rejected, margins: (margins - (chosen - rejected)).clamp(min=0).mean(),
        ),
        Mistake(
            "The logarithm is missing.",
            lambda chosen, rejected, margins: -torch.sigmoid(chosen - rejected - margins).mean(),
        ),
        Mistake(
            "You summed over the pairs; the loss is their mean.",
            lambda chosen, rejected, margins: -logsigmoid(chosen - rejected - margins).sum(),
        ),
        Mistake(
            "You give one loss for each pair; their mean was asked for.",
            lambda chosen, rejected, margins: -logsigmoid(chosen - rejected - margins),
        ),
        Mistake(
            "You took the absolute value of the gap: a pair that is ranked wrong would be called right.",
            lambda chosen, rejected, margins: -logsigmoid((chosen - rejected).abs() - margins).mean(),
        ),
        Mistake(
            "You divide the gap by the margin; subtract it.",
            lambda chosen, rejected, margins: -logsigmoid((chosen - rejected) / margins).mean(),
        ),
        Mistake(
            "The margin is inside now, and its mean is still added outside.",
            lambda chosen, rejected, margins: _margin_loss(chosen, rejected, margins) + margins.mean(),
        ),
    ],
    gradients=("chosen_scores", "rejected_scores"),  # margins are data
    hint=2,
    gradient_hint=1,
)


# ---- Best of n with two answers


def _kl(q: float, p: float) -> float:
    return q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))


def _good(p: float, n: int) -> float:
    """The probability of the good answer under best of n."""
    return 1 - (1 - p) ** n


def _best_of_n(p: float, n: int) -> tuple[float, float]:
    q = 1 - (1 - p) ** n
    return q, q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))


best_of_n = Function(
    _best_of_n,
    [{"p": 0.5, "n": 4}, {"p": 0.2, "n": 3}, {"p": 0.7, "n": 2}],
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
        Mistake(
            "n times p counts a draw twice when two are good, and may exceed 1.",
            lambda p, n: (min(n * p, 1.0), _kl(_good(p, n), p)),
        ),
        Mistake(
            "Your KL is in bits; take the natural logarithm.",
            lambda p, n: (_good(p, n), _kl(_good(p, n), p) / math.log(2)),
        ),
        Mistake(
            "The second term of your KL has the wrong sign: both are added.",
            lambda p, n: (
                _good(p, n),
                2 * _good(p, n) * math.log(_good(p, n) / p) - _kl(_good(p, n), p),
            ),
        ),
        Mistake(
            "That is the probability of the good answer in one of n - 1 draws.",
            lambda p, n: (_good(p, n - 1), _kl(_good(p, n - 1), p)),
        ),
        Mistake(
            "Your KL has only the term of the bad answer.",
            lambda p, n: (_good(p, n), (1 - _good(p, n)) * math.log((1 - _good(p, n)) / (1 - p))),
        ),
        Mistake(
            "Your KL is that of log q/p alone: weigh both terms with the probability of their answer.",
            lambda p, n: (_good(p, n), math.log(_good(p, n) / p)),
        ),
        Mistake("Your KL has the wrong sign.", lambda p, n: (_good(p, n), -_kl(_good(p, n), p))),
        Mistake(
            "n times p counts a draw twice where two are good: 1 minus the chance that none is.",
            lambda p, n: (n * p, n * p * math.log(n)),
        ),
        Mistake(
            "The two logs are not weighed: the first by q, the second by 1 - q.",
            lambda p, n: (_good(p, n), math.log(_good(p, n) / p) + math.log((1 - _good(p, n)) / (1 - p))),
        ),
        Mistake(
            "That is the KL to two equal probabilities; the policy has p and 1 - p.",
            lambda p, n: (_good(p, n), _kl(_good(p, n), 0.5)),
        ),
    ],
    hint=2,
)

EXERCISES: dict[str, Checker] = {
    "ex-feedback-gap": what_a_finger_says,
    "ex-feedback-agreement": Parts({"the function": agreement, "a model of ties alone": all_ties}),
    "ex-feedback-bug": margin_loss,
    "ex-feedback-bon": best_of_n,
}
