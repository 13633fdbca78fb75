"""Exercises of the chapter on the smallest loop, and what a wrong answer is told."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rlhf_helpers.advantages import gae
from rlhf_helpers.exercises.diagnosis import ANY, Checker, Mistake, call, choice, function, numbers, outcome, written
from rlhf_helpers.losses import baby_ppo_loss

# ---- The silent bug


def _loss(logprobs: Tensor, old_logprobs: Tensor, rewards: Tensor) -> Tensor:
    return baby_ppo_loss(logprobs, old_logprobs, rewards.to(logprobs.dtype))


def _baby(ratio: Tensor, penalty: Tensor, rewards: Tensor) -> Tensor:
    return -(ratio * rewards).mean() + 0.1 * penalty.mean()


repaired_loss = function(
    _loss,
    [
        {
            "logprobs": torch.tensor([-2.0, -1.5, -3.0]),
            "old_logprobs": torch.tensor([-2.2, -1.0, -2.5]),
            "rewards": torch.tensor([1, 0, 1]),
        },
        {
            "logprobs": torch.tensor([-0.5, -2.0]),
            "old_logprobs": torch.tensor([-0.7, -2.5]),
            "rewards": torch.tensor([0, 1]),
        },
    ],
    [
        Mistake(
            "That is still the loss that does not learn, with both graphs in place.",
            lambda new, old, pay: _baby((new - old).exp(), old - new, pay),
        ),
        Mistake(
            "You detached both, so nothing is left that could learn.",
            lambda new, old, pay: _baby((new - old).exp(), old - new, pay).detach(),
        ),
        Mistake(
            "You detached the log-probabilities of now, and they are the ones that should learn.",
            lambda new, old, pay: _baby((new.detach() - old).exp(), old - new.detach(), pay),
        ),
        Mistake(
            "You detached old_logprobs in the ratio only; the penalty still holds its graph.",
            lambda new, old, pay: _baby((new - old.detach()).exp(), old - new, pay),
        ),
        Mistake(
            "You detached old_logprobs in the penalty only; the ratio still holds its graph.",
            lambda new, old, pay: _baby((new - old).exp(), old.detach() - new, pay),
        ),
        Mistake(
            "You detached the whole ratio, and its slope is what learns.",
            lambda new, old, pay: _baby((new - old).exp().detach(), old.detach() - new, pay),
        ),
        Mistake(
            "You left out the penalty, kl_coeff times the mean of old - new.",
            lambda new, old, pay: _baby((new - old.detach()).exp(), torch.zeros(()), pay),
        ),
    ],
    gradients=True,
)


# ---- Ten switches

switches = numbers(
    (5.0, 1.0, 1.0, 0.1),
    {
        (0.5, ANY, ANY, ANY): "The first number is one sigmoid. Add up ten of them.",
        (1.0, ANY, ANY, ANY): "Ten sigmoids do not share anything: at a score of 0 each of them is one half.",
        (5.0, 5.0, ANY, ANY): "A softmax divides by the sum, so its ten numbers add up to one.",
        (5.0, 1.0, 1.0, 1.0): "A softmax looks at differences of scores. If all rise by 100, none gains on another.",
        (5.0, 1.0, 0.5, ANY): "A sigmoid does not look at the other scores, so its own 100 turns it on.",
    },
)


# ---- Repair the first loop

SCORES, COUNT = torch.tensor([1.0, -1.0, 2.0, 0.0]), 4000


def _drawn(attempt: Callable) -> tuple[Tensor, object, object]:
    """Scores, what an attempt makes of them, and what it makes of other scores with the same random numbers."""
    scores = SCORES.clone().requires_grad_()
    return scores, _seeded(attempt, scores), _seeded(attempt, SCORES.flip(0))


def _seeded(attempt: Callable, scores: Tensor) -> object:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return call(attempt, scores, COUNT)


def _judge(drawn: tuple[Tensor, object, object]) -> str | None:
    """Compare the result with tokens drawn from the softmax, and their log-probabilities."""
    scores, result, other = drawn
    if not (isinstance(result, tuple) and len(result) == 2 and all(isinstance(value, Tensor) for value in result)):
        return "Return 2 tensors: the tokens, and their log-probabilities."
    actions, logprobs = result
    shape = tuple(actions.shape)
    if shape != (COUNT,) or actions.is_floating_point() or actions.min() < 0 or actions.max() > 3:
        return f"With count = {COUNT} the first tensor must be {COUNT} token ids; yours has shape {shape}."
    blind = torch.equal(actions, other[0])
    return _drawn_from_elsewhere(actions, blind) or _other_numbers(scores, actions, logprobs)


def _drawn_from_elsewhere(actions: Tensor, blind: bool) -> str | None:
    """Say so when the tokens do not come from the softmax of the scores; ``blind`` if other scores give the same."""
    wanted, found = SCORES.softmax(-1), actions.bincount(minlength=4) / COUNT
    said = (
        f"From scores = {written(SCORES)} token 2 should come in {wanted[2]:.0%} of the draws, in yours {found[2]:.0%}."
    )
    if blind:
        return f"Your tokens come from dice: the scores have no say in them. {said}"
    if torch.allclose(wanted, found, atol=0.05):
        return None
    if found.max() == 1:
        return f"You always take the best token, so nothing new is ever tried; draw instead. {said}"
    switched = torch.sigmoid(SCORES) / torch.sigmoid(SCORES).sum()
    if torch.allclose(found, switched, atol=0.05):
        return f"You draw in proportion to the sigmoids; a softmax makes the scores compete. {said}"
    return f"Your tokens are not drawn from the softmax of the scores. {said}"


OTHER_NUMBERS = [
    Mistake(
        "These are the log-sigmoids again: ten switches that do not compete.",
        lambda scores, actions: logsigmoid(scores)[actions],
    ),
    Mistake(
        "These are probabilities; take their logs.",
        lambda scores, actions: scores.softmax(-1)[actions],
    ),
    Mistake(
        "These are the scores, before any softmax.",
        lambda scores, actions: scores[actions],
    ),
    Mistake(
        "You took the softmax over the tokens that were drawn. Take it over all scores, then pick.",
        lambda scores, actions: scores[actions].log_softmax(-1),
    ),
]


def _other_numbers(scores: Tensor, actions: Tensor, logprobs: Tensor) -> str | None:
    """Say what the second tensor is when it is not the log-probabilities of the tokens."""
    wanted = scores.log_softmax(-1)[actions]
    if logprobs.shape != wanted.shape:
        return f"One log-probability for each token is shape ({COUNT},); yours has shape {tuple(logprobs.shape)}."
    if not torch.allclose(logprobs, wanted, atol=1e-4):
        words = "These are not the log-probabilities of the tokens."
        for mistake in OTHER_NUMBERS:
            if torch.allclose(logprobs, mistake.does(scores, actions), atol=1e-4):
                words = mistake.words
                break
        yours, right = written(logprobs[0].detach()), written(wanted[0].detach())
        return f"{words} Token {actions[0]} came first; you give it {yours}, expected {right}."
    if not logprobs.requires_grad:
        return f"The {COUNT} values are right, but they are detached from the scores, so nothing can be learned."
    return None


repaired_loop = outcome(_drawn, _judge, called_with={"scores": SCORES})


# ---- A raise for everybody

raise_for_everybody = choice(
    "centered",
    {
        "both": "Run `my_baby_ppo`: 100 of every 101 points it is paid have nothing to do with token 1.",
        "neither": "`centered` subtracts the batch's mean, and the 100 are in the mean.",
        "my_baby_ppo": "It is the other way round: who still sees the 100 after the mean is subtracted?",
    },
)


# ---- A baseline for free


def _moments(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    """Mean and variance of the gradient, by enumeration."""
    gradients = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
    mean = p @ gradients
    return mean, (p @ gradients**2 - mean**2).sum()


def _unweighted(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    gradients = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
    return gradients.mean(0), gradients.var(0, unbiased=False).sum()


def _second_moment(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    mean, variance = _moments(p, pay, baseline)
    return mean, variance + (mean**2).sum()


def _deviation(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    mean, variance = _moments(p, pay, baseline)
    return mean, variance.sqrt()


mean_and_variance = function(
    _moments,
    [
        {"p": torch.tensor([0.5, 0.3, 0.2]), "pay": torch.tensor([1.0, 0.0, 0.5]), "baseline": 0.4},
        {"p": torch.tensor([0.25, 0.75]), "pay": torch.tensor([0.0, 1.0]), "baseline": 0.2},
    ],
    [
        Mistake("You weigh all tokens alike; a sample shows token y with probability p[y].", _unweighted),
        Mistake("You left out the baseline.", lambda p, pay, baseline: _moments(p, pay, 0.0)),
        Mistake(
            "You add the baseline; it is subtracted from the pay.",
            lambda p, pay, baseline: _moments(p, pay, -baseline),
        ),
        Mistake("That is the mean of the squares; subtract the square of the mean.", _second_moment),
        Mistake("That is the standard deviation, and the variance was asked for.", _deviation),
    ],
)


# ---- Paid later


def _to_go(rewards: Tensor) -> Tensor:
    return gae(rewards, torch.zeros_like(rewards), lam=1.0)[1]


reward_to_go = function(
    _to_go,
    [
        {"rewards": torch.tensor([[0.0, 1.0, 0.0, 2.0], [1.0, 0.0, 0.0, 0.0]])},
        {"rewards": torch.tensor([[3.0, 0.5, -1.0]])},
    ],
    [
        Mistake(
            "You add up what was paid so far; a token can only earn what comes at its place or later.",
            lambda rewards: rewards.cumsum(1),
        ),
        Mistake(
            "You give every token the whole sum, and with it what was paid before it was written.",
            lambda rewards: rewards.sum(1, keepdim=True).expand_as(rewards),
        ),
        Mistake("You leave out what the token itself is paid.", lambda rewards: _to_go(rewards) - rewards),
        Mistake(
            "You add over the batch; the tokens of a completion lie along axis 1.",
            lambda rewards: rewards.flip(0).cumsum(0).flip(0),
        ),
        Mistake(
            "You turned the tokens round and did not turn them back.",
            lambda rewards: rewards.flip(1).cumsum(1),
        ),
    ],
)

EXERCISES: dict[str, Checker] = {
    "ex-baby-bug": repaired_loss,
    "ex-baby-switches": switches,
    "ex-baby-repair": repaired_loop,
    "ex-baby-raise": raise_for_everybody,
    "ex-baby-baseline": mean_and_variance,
    "ex-baby-later": reward_to_go,
}
