"""Checks of the exercises of the chapter on the smallest loop."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..advantages import gae
from ..losses import baby_ppo_loss
from .diagnosis import Checker, NotAttempted, choice, function, numbers, show

ANY = math.nan


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
    {
        "That is still the loss that does not learn, with both graphs in place.": lambda new, old, pay: _baby(
            (new - old).exp(), old - new, pay
        ),
        "You detached both, so nothing is left that could learn.": lambda new, old, pay: _baby(
            (new - old).exp(), old - new, pay
        ).detach(),
        "You detached the log-probabilities of now, and they are the ones that should learn.": lambda new, old, pay: (
            _baby((new.detach() - old).exp(), old - new.detach(), pay)
        ),
        "You detached old_logprobs in the ratio only; the penalty still holds its graph.": lambda new, old, pay: _baby(
            (new - old.detach()).exp(), old - new, pay
        ),
        "You detached old_logprobs in the penalty only; the ratio still holds its graph.": lambda new, old, pay: _baby(
            (new - old).exp(), old.detach() - new, pay
        ),
        "You detached the whole ratio, and its slope is what learns.": lambda new, old, pay: _baby(
            (new - old).exp().detach(), old.detach() - new, pay
        ),
        "You left out the penalty, kl_coeff times the mean of old - new.": lambda new, old, pay: _baby(
            (new - old.detach()).exp(), torch.zeros(()), pay
        ),
    },
    gradients=True,
)

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

SCORES, COUNT = torch.tensor([1.0, -1.0, 2.0, 0.0]), 4000


def act(attempt: object) -> str | None:
    """Compare ``attempt(scores, count)`` with tokens drawn from the softmax, and their log-probabilities."""
    if not callable(attempt):
        return f"Hand over the function itself, without calling it; you gave a {type(attempt).__name__}."
    scores = SCORES.clone().requires_grad_()
    try:
        result, other = _seeded(attempt, scores), _seeded(attempt, SCORES.flip(0))
    except Exception as error:  # whatever the reader's code raises is the diagnosis
        if "ellipsis" in str(error).lower():
            raise NotAttempted from None
        return f"Your function raises {type(error).__name__}: {error}. It was called with scores = {show(SCORES)}."
    if result is ... or (isinstance(result, tuple) and any(value is ... for value in result)):
        raise NotAttempted
    if not (isinstance(result, tuple) and len(result) == 2 and all(isinstance(value, Tensor) for value in result)):
        return "Return 2 tensors: the tokens, and their log-probabilities."
    actions, logprobs = result
    shape = tuple(actions.shape)
    if shape != (COUNT,) or actions.is_floating_point() or actions.min() < 0 or actions.max() > 3:
        return f"With count = {COUNT} the first tensor must be {COUNT} token ids; yours has shape {shape}."
    blind = torch.equal(actions, other[0])
    return _drawn_from_elsewhere(actions, blind) or _other_numbers(scores, actions, logprobs)


def _seeded(attempt: Callable, scores: Tensor) -> object:
    """The attempt's result with the same random numbers at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return attempt(scores, COUNT)


def _drawn_from_elsewhere(actions: Tensor, blind: bool) -> str | None:
    """Say so when the tokens do not come from the softmax of the scores; ``blind`` if other scores give the same."""
    wanted, found = SCORES.softmax(-1), actions.bincount(minlength=4) / COUNT
    said = f"From scores = {show(SCORES)} token 2 should come in {wanted[2]:.0%} of the draws, in yours {found[2]:.0%}."
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


def _other_numbers(scores: Tensor, actions: Tensor, logprobs: Tensor) -> str | None:
    """Say what the second tensor is when it is not the log-probabilities of the tokens."""
    wanted = scores.log_softmax(-1)[actions]
    if logprobs.shape != wanted.shape:
        return f"One log-probability for each token is shape ({COUNT},); yours has shape {tuple(logprobs.shape)}."
    yours, right = show(logprobs[0].detach()), show(wanted[0].detach())
    mistakes: dict[str, Callable[[], Tensor]] = {
        "These are the log-sigmoids again: ten switches that do not compete.": lambda: logsigmoid(scores)[actions],
        "These are probabilities; take their logs.": lambda: wanted.exp(),
        "These are the scores, before any softmax.": lambda: scores[actions],
        "You took the softmax over the tokens that were drawn. Take it over all scores, then pick.": lambda: scores[
            actions
        ].log_softmax(-1),
    }
    if not torch.allclose(logprobs, wanted, atol=1e-4):
        fitting = (words for words, mistake in mistakes.items() if torch.allclose(logprobs, mistake(), atol=1e-4))
        words = next(fitting, "These are not the log-probabilities of the tokens.")
        return f"{words} Token {actions[0]} came first; you give it {yours}, expected {right}."
    if not logprobs.requires_grad:
        return f"The {COUNT} values are right, but they are detached from the scores, so nothing can be learned."
    return None


raise_for_everybody = choice(
    "centered",
    {
        "both": "Run `my_baby_ppo`: 100 of every 101 points it is paid have nothing to do with token 1.",
        "neither": "`centered` subtracts the batch's mean, and the 100 are in the mean.",
        "my_baby_ppo": "It is the other way round: who still sees the 100 after the mean is subtracted?",
    },
)


def _moments(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    """The right answer to the exercise on the baseline, by enumeration."""
    gradients = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
    mean = p @ gradients
    return mean, (p @ gradients**2 - mean**2).sum()


def _second_moment(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    mean, variance = _moments(p, pay, baseline)
    return mean, variance + (mean**2).sum()


def _unweighted(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    gradients = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
    return gradients.mean(0), gradients.var(0, unbiased=False).sum()


def _deviation(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    mean, variance = _moments(p, pay, baseline)
    return mean, variance.sqrt()


mean_and_variance = function(
    _moments,
    [
        {"p": torch.tensor([0.5, 0.3, 0.2]), "pay": torch.tensor([1.0, 0.0, 0.5]), "baseline": 0.4},
        {"p": torch.tensor([0.25, 0.75]), "pay": torch.tensor([0.0, 1.0]), "baseline": 0.2},
    ],
    {
        "You weigh all tokens alike; a sample shows token y with probability p[y].": _unweighted,
        "You left out the baseline.": lambda p, pay, baseline: _moments(p, pay, 0.0),
        "You add the baseline; it is subtracted from the pay.": lambda p, pay, baseline: _moments(p, pay, -baseline),
        "That is the mean of the squares; subtract the square of the mean.": _second_moment,
        "That is the standard deviation, and the variance was asked for.": _deviation,
    },
)


def _to_go(rewards: Tensor) -> Tensor:
    return gae(rewards, torch.zeros_like(rewards), lam=1.0)[1]


reward_to_go = function(
    _to_go,
    [
        {"rewards": torch.tensor([[0.0, 1.0, 0.0, 2.0], [1.0, 0.0, 0.0, 0.0]])},
        {"rewards": torch.tensor([[3.0, 0.5, -1.0]])},
    ],
    {
        "You add up what was paid so far; a token can only earn what comes at its place or later.": lambda rewards: (
            rewards.cumsum(1)
        ),
        "You give every token the whole sum, and with it what was paid before it was written.": lambda rewards: (
            rewards.sum(1, keepdim=True).expand_as(rewards)
        ),
        "You leave out what the token itself is paid.": lambda rewards: _to_go(rewards) - rewards,
        "You add over the batch; the tokens of a completion lie along axis 1.": lambda rewards: (
            rewards.flip(0).cumsum(0).flip(0)
        ),
        "You turned the tokens round and did not turn them back.": lambda rewards: rewards.flip(1).cumsum(1),
    },
)

EXERCISES: dict[str, Checker] = {
    "ex-baby-bug": repaired_loss,
    "ex-baby-switches": switches,
    "ex-baby-repair": act,
    "ex-baby-raise": raise_for_everybody,
    "ex-baby-baseline": mean_and_variance,
    "ex-baby-later": reward_to_go,
}
