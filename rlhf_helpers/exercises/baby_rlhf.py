"""Exercises of the chapter on the smallest loop, and what a wrong answer is told."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rlhf_helpers.advantages import gae
from rlhf_helpers.exercises.answers import as_tensor, written
from rlhf_helpers.exercises.diagnosis import (
    ANY,
    Checker,
    Choice,
    Function,
    Mistake,
    Numbers,
    Outcome,
    Parts,
    call,
)

# ---- The silent bug


def _loss(logprobs: Tensor, old_logprobs: Tensor, rewards: Tensor, kl_coeff: float = 0.1) -> Tensor:
    old_logprobs = old_logprobs.detach()
    ratio = torch.exp(logprobs - old_logprobs)
    kl = (old_logprobs - logprobs).mean()
    return -(ratio * rewards).mean() + kl_coeff * kl


def _baby(ratio: Tensor, penalty: Tensor, rewards: Tensor, kl_coeff: float) -> Tensor:
    return -(ratio * rewards).mean() + kl_coeff * penalty.mean()


repaired_loss = Function(
    _loss,
    [
        {
            "logprobs": torch.tensor([-2.0, -1.5, -3.0]),
            "old_logprobs": torch.tensor([-2.2, -1.0, -2.5]),
            "rewards": torch.tensor([1.0, 0.0, 1.0]),
        },
        {
            "logprobs": torch.tensor([-0.5, -2.0]),
            "old_logprobs": torch.tensor([-0.7, -2.5]),
            "rewards": torch.tensor([0.5, 2.0]),
        },
        {
            "logprobs": torch.tensor([[-0.5, -2.0], [-1.5, -0.3]]),
            "old_logprobs": torch.tensor([[-0.7, -2.5], [-1.0, -0.9]]),
            "rewards": torch.tensor([[0.0, 1.0], [2.0, 0.5]]),
            "kl_coeff": 0.5,
        },
    ],
    [
        Mistake(
            "That is still the loss that does not learn, with both graphs in place.",
            lambda new, old, pay, coeff=0.1: _baby((new - old).exp(), old - new, pay, coeff),
        ),
        Mistake(
            "You detached both, so nothing is left that could learn.",
            lambda new, old, pay, coeff=0.1: _baby((new - old).exp(), old - new, pay, coeff).detach(),
        ),
        Mistake(
            "You detached the log-probabilities of now, and they are the ones that should learn.",
            lambda new, old, pay, coeff=0.1: _baby((new.detach() - old).exp(), old - new.detach(), pay, coeff),
        ),
        Mistake(
            "You detached old_logprobs in the ratio only; the penalty still holds its graph.",
            lambda new, old, pay, coeff=0.1: _baby((new - old.detach()).exp(), old - new, pay, coeff),
        ),
        Mistake(
            "You detached old_logprobs in the penalty only; the ratio still holds its graph.",
            lambda new, old, pay, coeff=0.1: _baby((new - old).exp(), old.detach() - new, pay, coeff),
        ),
        Mistake(
            "You detached the whole ratio, and its slope is what learns.",
            lambda new, old, pay, coeff=0.1: _baby((new - old).exp().detach(), old.detach() - new, pay, coeff),
        ),
        Mistake(
            "You left out the penalty, kl_coeff times the mean of old - new.",
            lambda new, old, pay, coeff=0.1: _baby((new - old.detach()).exp(), torch.zeros(()), pay, coeff),
        ),
        Mistake(
            "You left out the minus before the first term: what is paid well would become less likely.",
            lambda new, old, pay, coeff=0.1: -_baby((new - old).exp(), new - old, pay, coeff),
        ),
        Mistake(
            "Your penalty has the other sign: it pays for leaving.",
            lambda new, old, pay, coeff=0.1: _baby((new - old).exp(), new - old, pay, coeff),
        ),
        Mistake(
            "Your ratio is old over new.",
            lambda new, old, pay, coeff=0.1: _baby((old - new).exp(), old - new, pay, coeff),
        ),
    ],
    gradients=("logprobs", "old_logprobs"),
    hint=3,
    gradient_hint=3,
)


# ---- Ten switches

switches = Numbers(
    (5.0, 1.0, 1.0, 0.1),
    {
        (0.5, ANY, ANY, ANY): "The first number is one sigmoid. Add up ten of them.",
        (1.0, ANY, ANY, ANY): "Ten sigmoids do not share anything: at a score of 0 each of them is one half.",
        (5.0, 5.0, ANY, ANY): "A softmax divides by the sum, so its ten numbers add up to one.",
        (5.0, 1.0, 1.0, 1.0): "A softmax looks at differences of scores. If all rise by 100, none gains on another.",
        (5.0, 1.0, 0.5, ANY): "A sigmoid does not look at the other scores, so its own 100 turns it on.",
        (10.0, ANY, ANY, ANY): "A sigmoid of 0 is one half, and not 1.",
        (0.0, ANY, ANY, ANY): "A sigmoid of 0 is one half, and not 0.",
        (ANY, 0.1, ANY, ANY): "That is one of the ten probabilities; the second number is what they add up to.",
        (ANY, ANY, 0.1, ANY): "That is a softmax probability; the third number is a sigmoid, which looks at one score.",
        (ANY, ANY, 0.0, ANY): "A sigmoid of minus 100 is nearly 0; the score rose by 100.",
        (ANY, ANY, ANY, 0.0): "If all scores rise alike, token 1 does not fall behind.",
        (ANY, ANY, ANY, 0.5): "The softmax has ten tokens, and not two.",
    },
    hints=(1, 2, 1, 2),
)


# ---- Repair the first loop

SCORES, COUNT = torch.tensor([1.0, -1.0, 2.0, 0.0]), 4000


def _drawn(attempt: Callable) -> tuple[Tensor, object, object, object]:
    """Scores, what an attempt makes of them, of other scores with the same random numbers, and of another count."""
    scores = SCORES.clone().requires_grad_()
    return scores, _seeded(attempt, scores), _seeded(attempt, SCORES.flip(0)), _seeded(attempt, SCORES.clone(), 7)


def _seeded(attempt: Callable, scores: Tensor, count: int = COUNT) -> object:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return call(attempt, scores, count)


def _judge(drawn: tuple[Tensor, object, object, object]) -> str | None:
    """Compare the result with tokens drawn from the softmax, and their log-probabilities."""
    scores, result, other, few = drawn
    try:
        actions, logprobs = map(as_tensor, result)
        others, few_actions = as_tensor(other[0]), as_tensor(few[0])
    except (TypeError, ValueError):
        return "Return 2 tensors: the tokens, and their log-probabilities."
    shape = tuple(actions.shape)
    if actions.is_floating_point() and logprobs.shape == (COUNT,) and not logprobs.is_floating_point():
        return "Your 2 results are in the wrong order: first the tokens, then their log-probabilities."
    if shape != (COUNT,) or (actions != actions.round()).any() or actions.min() < 0 or actions.max() > 3:
        return f"With count = {COUNT} the first tensor must be {COUNT} token ids; yours has shape {shape}."
    if few_actions.shape != (7,):
        return f"Asked for 7 tokens, you draw {few_actions.numel()}: `count` says how many."
    blind = torch.equal(actions, others)
    return _drawn_from_elsewhere(actions, blind) or _other_numbers(scores, actions.long(), logprobs)


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
    if found[wanted.argmax()] == 1:
        return f"You always take the best token, so nothing new is ever tried; draw instead. {said}"
    if found.max() == 1:
        return f"All your tokens are the same: one draw was made, or it was repeated. {said}"
    if torch.allclose(found, torch.full((4,), 0.25), atol=0.05):
        return f"Your tokens are all equally likely, whatever the scores are. {said}"
    if torch.allclose(found, (-SCORES).softmax(-1), atol=0.05):
        return f"Your tokens are the likelier, the lower their score: a sign is turned. {said}"
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
        "The sign is turned: a log-probability is negative.",
        lambda scores, actions: -scores.log_softmax(-1)[actions],
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
    if not torch.allclose(logprobs.to(wanted), wanted, atol=1e-4 if logprobs.element_size() > 2 else 0.05):
        words = "These are not the log-probabilities of the tokens."
        for mistake in OTHER_NUMBERS:
            if torch.allclose(logprobs.to(wanted), mistake.does(scores, actions), atol=1e-4):
                words = mistake.words
                break
        yours, right = written(logprobs[0].detach()), written(wanted[0].detach())
        return f"{words} Token {actions[0]} came first; you give it {yours}, expected {right}."
    if not logprobs.requires_grad:
        return f"The {COUNT} values are right, but they are detached from the scores, so nothing can be learned."
    return None


def _act(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    row = scores.log_softmax(-1)
    actions = torch.multinomial(row.exp(), count, replacement=True)
    return actions, row[actions]


repaired_loop = Outcome(_act, _drawn, _judge, called_with={"scores": SCORES, "count": COUNT})


# ---- A raise for everybody

raise_for_everybody = Choice(
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


def _turned(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    mean, variance = _moments(p, pay, baseline)
    return -mean, variance


def _components(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    gradients = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
    mean = p @ gradients
    return mean, p @ gradients**2 - mean**2


def _not_added_up(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    return _components(p, pay, baseline)


def _averaged(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    mean, variance = _components(p, pay, baseline)
    return mean, variance.mean()


def _one_hot(p: Tensor, pay: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    gradients = (pay - baseline)[:, None] * torch.eye(len(p))
    mean = p @ gradients
    return mean, (p @ gradients**2 - mean**2).sum()


mean_and_variance = Function(
    _moments,
    [
        {"p": torch.tensor([0.5, 0.3, 0.2]), "pay": torch.tensor([1.0, 0.0, 0.5]), "baseline": 0.4},
        {"p": torch.tensor([0.25, 0.75]), "pay": torch.tensor([0.0, 1.0]), "baseline": 0.2},
        {"p": torch.tensor([0.1, 0.2, 0.3, 0.4]), "pay": torch.tensor([1.0, -2.0, 0.5, 3.0]), "baseline": 0.0},
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
        Mistake("The signs of the gradient are turned: it is onehot(y) - p.", _turned),
        Mistake("Your variance is one for each component: add them up.", _not_added_up),
        Mistake("Your variance is the mean over the components; the total adds them up.", _averaged),
        Mistake("You left out the minus p: the gradient of log p(y) is onehot(y) - p.", _one_hot),
    ],
    hint=3,
)


best_of_six = Numbers(
    0.1,
    {
        0.0: "Without a baseline the variance is 0.081, and one of the six gets below that.",
        0.2: "At 0.2 the variance is 0.081, as at 0: it went too far.",
        0.05: "At 0.05 the variance is 0.074; it falls a little further.",
        0.5: "One half was best for two tokens. Here one in ten is paid.",
        1.0: "At 1 all tokens but one are punished: the variance is 0.801.",
    },
    hints=(3,),
)

# ---- Paid later


def _to_go(rewards: Tensor) -> Tensor:
    return rewards.flip(1).cumsum(1).flip(1)


reward_to_go = Function(
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
        Mistake(
            "You add only the next token's pay; the sum runs to the end.",
            lambda rewards: rewards + torch.cat([rewards[:, 1:], torch.zeros_like(rewards[:, :1])], 1),
        ),
        Mistake(
            "You discount: what comes later counts as much as what comes now.",
            lambda rewards: gae(rewards, torch.zeros_like(rewards), lam=1.0, gamma=0.9)[1],
        ),
        Mistake(
            "You average what is still to come; the sum was asked for.",
            lambda rewards: _to_go(rewards) / torch.arange(rewards.shape[1], 0, -1),
        ),
    ],
    hint=3,
)

EXERCISES: dict[str, Checker] = {
    "ex-baby-bug": repaired_loss,
    "ex-baby-switches": switches,
    "ex-baby-repair": repaired_loop,
    "ex-baby-raise": raise_for_everybody,
    "ex-baby-baseline": Parts({"the function": mean_and_variance, "the best baseline": best_of_six}),
    "ex-baby-later": reward_to_go,
}
