"""Exercises of the chapter on DPO, and what a wrong answer is told."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Edge, Function, Mistake, Numbers

# ---- Three pairs in a batch

pair_weights = Numbers(
    (0.5, 0.25, 0.0, 10.0, math.log(2), 0.0),
    {
        (1.0, 0.5, 0.0, ANY, ANY, ANY): "Those are the values of σ(-βh); the weight has one more factor in front.",
        (0.0, 0.25, 0.5, ANY, ANY, ANY): "You let the settled pair push hardest: the weight is βσ(-βh), with a "
        "minus sign inside.",
        (0.5, 0.5, 0.5, ANY, ANY, ANY): "β is the largest weight, that of a pair ranked completely wrong; the "
        "others push less.",
        (ANY, ANY, ANY, 20.0, ANY, ANY): "The sigmoid sees the margin βh, not h itself.",
        (ANY, ANY, ANY, 10.0, 0.0, 0.0): "A pair without an opinion still costs something: put σ(0) into -log σ.",
        (ANY, ANY, ANY, 0.0, ANY, 10.0): "The two ends are swapped: the pair ranked wrong is the expensive one.",
        (ANY, 0.5, ANY, ANY, ANY, ANY): "σ(0) is one half, and the weight is β times that.",
        (-0.5, -0.25, ANY, ANY, ANY, ANY): "That is the gradient itself; the weight is its size.",
        (1.0, ANY, ANY, ANY, ANY, ANY): "The factor β in front of the sigmoid is missing.",
        (ANY, ANY, ANY, ANY, 0.5, ANY): "That is σ(0); the loss is minus its logarithm.",
        (ANY, ANY, ANY, ANY, 1.0, ANY): "The loss is in nats: minus the natural logarithm of one half.",
        (ANY, ANY, ANY, -10.0, ANY, ANY): "A loss is minus the logarithm: it is positive.",
        (ANY, ANY, ANY, ANY, 0.0, ANY): "A pair without an opinion still costs something: put σ(0) into -log σ.",
        (ANY, ANY, ANY, 5.0, ANY, ANY): "βh is -10 there: you took a factor β too many.",
    },
    hints=(1, 1, 1, 2, 2, 2),
)


# ---- From tokens to the loss


def _from_tokens(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float) -> Tensor:
    log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1)
    h = log_ratio[0::2] - log_ratio[1::2]
    return -logsigmoid(beta * h).mean()


def _log_ratio(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor) -> Tensor:
    return (mask * (logprobs - ref_logprobs.detach())).sum(1)


def _of_neighbors(log_ratio: Tensor, beta: float) -> Tensor:
    return -logsigmoid(beta * _gaps(log_ratio)).mean()


def _gaps(log_ratio: Tensor) -> Tensor:
    return log_ratio[0::2] - log_ratio[1::2]


def _of_halves(log_ratio: Tensor, beta: float) -> Tensor:
    chosen, rejected = log_ratio.chunk(2)
    return -logsigmoid(beta * (chosen - rejected)).mean()


def _of_each(log_ratio: Tensor, beta: float) -> Tensor:
    each = logsigmoid(beta * log_ratio)
    return -(each[0::2] - each[1::2]).mean()


def _uneven(first: float, beta: float) -> dict:
    """Two pairs of answers of uneven lengths; what is in the padding must not count."""
    return {
        "logprobs": torch.tensor([[-1.0, -2.0, -9.0], [-2.0, -9.0, -9.0], [first, -1.0, -0.5], [-1.5, -0.5, -9.0]]),
        "ref_logprobs": torch.tensor([[-1.5, -1.0, -4.0], [-1.0, -4.0, -4.0], [-2.0, -2.0, -1.0], [-1.0, -1.5, -4.0]]),
        "mask": torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]),
        "beta": beta,
    }


def _of_one_pair() -> dict:
    return {
        "logprobs": torch.tensor([[-0.5, -1.0], [-1.5, -0.25]]),
        "ref_logprobs": torch.tensor([[-1.0, -0.5], [-1.0, -2.0]]),
        "mask": torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
        "beta": 2.0,
    }


from_tokens = Function(
    _from_tokens,
    [_uneven(-1.0, 0.5), _of_one_pair()],
    [
        Mistake(
            "You averaged over the tokens of an answer; its log-probability is the sum.",
            lambda logprobs, ref, mask, beta: _of_neighbors(_log_ratio(logprobs, ref, mask) / mask.sum(1), beta),
        ),
        Mistake(
            "The padding is in your sums: the mask has to act before them.",
            lambda logprobs, ref, mask, beta: _of_neighbors((logprobs - ref.detach()).sum(1), beta),
        ),
        Mistake(
            "You paired the first half of the rows with the second half; rows 2i and 2i + 1 are a pair.",
            lambda logprobs, ref, mask, beta: _of_halves(_log_ratio(logprobs, ref, mask), beta),
        ),
        Mistake(
            "The reference is missing: measure each answer from where it started.",
            lambda logprobs, ref, mask, beta: _of_neighbors((mask * logprobs).sum(1), beta),
        ),
        Mistake(
            "β is outside of the sigmoid; it belongs to the margin.",
            lambda logprobs, ref, mask, beta: beta * _of_neighbors(_log_ratio(logprobs, ref, mask), 1.0),
        ),
        Mistake(
            "You swapped the two: even rows are the chosen answers.",
            lambda logprobs, ref, mask, beta: _of_neighbors(-_log_ratio(logprobs, ref, mask), beta),
        ),
        Mistake(
            "You summed the loss over the pairs; it is their mean.",
            lambda logprobs, ref, mask, beta: 2 * _of_neighbors(_log_ratio(logprobs, ref, mask), beta),
        ),
        Mistake(
            "The minus in front of logsigmoid is missing.",
            lambda logprobs, ref, mask, beta: -_of_neighbors(_log_ratio(logprobs, ref, mask), beta),
        ),
        Mistake(
            "You averaged over all columns of the tensor, the padding included; the log ratio of an answer is a sum.",
            lambda logprobs, ref, mask, beta: _of_neighbors(_log_ratio(logprobs, ref, mask) / mask.shape[1], beta),
        ),
        Mistake(
            "β is missing.",
            lambda logprobs, ref, mask, beta: _of_neighbors(_log_ratio(logprobs, ref, mask), 1.0),
        ),
        Mistake(
            "You return one loss for each pair; their mean was asked for.",
            lambda logprobs, ref, mask, beta: torch.stack(
                [_of_neighbors(_log_ratio(logprobs, ref, mask)[at : at + 2], beta) for at in (0, 2)]
            ),
        ),
        Mistake(
            "The logsigmoid acts on each answer, before the gap: it belongs around the gap.",
            lambda logprobs, ref, mask, beta: _of_each(_log_ratio(logprobs, ref, mask), beta),
        ),
        Mistake(
            "The padding of the reference is in your sums: the mask has to act on both.",
            lambda logprobs, ref, mask, beta: _of_neighbors((mask * logprobs - ref.detach()).sum(1), beta),
        ),
        Mistake(
            "The padding of the policy is in your sums: the mask has to act on both.",
            lambda logprobs, ref, mask, beta: _of_neighbors((logprobs - mask * ref.detach()).sum(1), beta),
        ),
        Mistake(
            "You averaged the gaps, and then took the logsigmoid; the loss is the mean of the pairs' losses.",
            lambda logprobs, ref, mask, beta: -logsigmoid(beta * _gaps(_log_ratio(logprobs, ref, mask)).mean()),
        ),
        Mistake(
            "You divided by β; it multiplies the gap.",
            lambda logprobs, ref, mask, beta: _of_neighbors(_log_ratio(logprobs, ref, mask), 1 / beta),
        ),
        Mistake(
            "That is 1 minus the sigmoid; its logarithm is missing.",
            lambda logprobs, ref, mask, beta: 1 - torch.sigmoid(beta * _gaps(_log_ratio(logprobs, ref, mask))).mean(),
        ),
        Mistake(
            "You divided by the number of rows; there are half as many pairs.",
            lambda logprobs, ref, mask, beta: _of_neighbors(_log_ratio(logprobs, ref, mask), beta) / 2,
        ),
        Mistake(
            "You took the gap of the ratios; it is that of their logs.",
            lambda logprobs, ref, mask, beta: _of_neighbors(_log_ratio(logprobs, ref, mask).exp(), beta),
        ),
        Mistake(
            "The rejected answer is missing: the loss is one of the gap.",
            lambda logprobs, ref, mask, beta: -logsigmoid(beta * _log_ratio(logprobs, ref, mask)[0::2]).mean(),
        ),
        Mistake(
            "The reference is added; it is subtracted.",
            lambda logprobs, ref, mask, beta: _of_neighbors((mask * (logprobs + ref.detach())).sum(1), beta),
        ),
        Mistake(
            "That is a hinge; DPO's loss is minus logsigmoid.",
            lambda logprobs, ref, mask, beta: (1 - beta * _gaps(_log_ratio(logprobs, ref, mask))).clamp(min=0).mean(),
        ),
        Mistake(
            "That is IPO; DPO's loss is minus logsigmoid.",
            lambda logprobs, ref, mask, beta: ((_gaps(_log_ratio(logprobs, ref, mask)) - 1 / (2 * beta)) ** 2).mean(),
        ),
        Mistake(
            "The rejected answer is detached: it has to learn, too.",
            lambda logprobs, ref, mask, beta: (
                -logsigmoid(
                    beta * (_log_ratio(logprobs, ref, mask)[0::2] - _log_ratio(logprobs, ref, mask)[1::2].detach())
                ).mean()
            ),
        ),
    ],
    edges=(
        Edge(
            "log(sigmoid(x)) underflows on a pair that is badly wrong; logsigmoid(x) does not.",
            _uneven(-300.0, 1.0),
        ),
    ),
    gradients=("logprobs", "ref_logprobs"),
    hint=2,
    gradient_hint=2,
)


# ---- A loss that does not move


def _losses(history: Tensor, reference: Tensor, beta: float = 0.1) -> Tensor:
    gap = history - reference
    return -logsigmoid(beta * (gap[:, 0] - gap[:, 1]))


def _from_the_start(history: Tensor) -> Tensor:
    gap = history - history[:1].detach()
    return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))


loss_that_moves = Function(
    _from_the_start,
    [
        {"history": torch.tensor([[-20.0, -18.0], [-22.0, -25.0], [-25.0, -40.0]])},
        {"history": torch.tensor([[-7.0, -9.0], [-8.0, -7.5], [-6.0, -11.0], [-5.0, -16.0]])},
    ],
    [
        Mistake(
            "It still reads log 2 at every update: your reference is the policy of that very moment.",
            lambda history: _losses(history, history.detach()),
        ),
        Mistake(
            "Your reference lags one update behind; it has to stay where the run began.",
            lambda history: _losses(history, torch.cat([history[:1], history[:-1]]).detach()),
        ),
        Mistake(
            "Your reference is the end of the run; the reference is its start.",
            lambda history: _losses(history, history[-1:].detach()),
        ),
        Mistake(
            "The reference is gone: the first loss is not log 2 anymore.",
            lambda history: _losses(history, torch.zeros(1, 2)),
        ),
        Mistake(
            "Your reference trains along: it is the start, but a gradient runs into it.",
            lambda history: _losses(history, history[:1]),
        ),
        Mistake("β is missing; it is 0.1.", lambda history: _losses(history, history[:1].detach(), 1.0)),
        Mistake(
            "The minus in front of logsigmoid is missing.",
            lambda history: -_losses(history, history[:1].detach()),
        ),
        Mistake(
            "You swapped the two columns: the first is the chosen answer.",
            lambda history: _losses(history, history[:1].detach(), -0.1),
        ),
        Mistake(
            "Your reference is the mean over the run; it is the policy before its first update.",
            lambda history: _losses(history, history.mean(0, keepdim=True).detach()),
        ),
        Mistake(
            "You made one number of the run; the loss at every update was asked for.",
            lambda history: _losses(history, history[:1].detach()).mean(),
        ),
        Mistake(
            "Your reference is update 1; the policy before its first update is row 0.",
            lambda history: _losses(history, history[1:2].detach()),
        ),
        Mistake(
            "The loss at update 0 is missing: it is log 2.",
            lambda history: _losses(history, history[:1].detach())[1:],
        ),
    ],
    gradients=("history",),
    hint=2,
    gradient_hint=2,
)


# ---- No features, no bystander

table = Numbers(
    (1.0, 0.0, 2.0),
    {
        (ANY, 1.0, ANY): "That is what the shared features did. In a table no other token comes along.",
        (ANY, 0.1, ANY): "The logit of token 7 stands still, but its probability does not: the softmax divides by "
        "a sum in which z1 has grown.",
        (0.0, ANY, ANY): "Only a feature that it shares could pull the chosen token down. Here its logit is its own.",
        (ANY, ANY, 10.0): "The softmax lets all ten probabilities move, but log p1 - log p4 = z1 - z4 holds two "
        "logits only.",
        (ANY, ANY, 1.0): "The rejected token has a logit too, and the loss pushes it down.",
        (0.5, ANY, ANY): "The loss never reaches 0, so the gap of the two keeps growing: it does not stop half way.",
        (0.2, ANY, ANY): "The chosen token takes what the rejected one had, and then goes on: the gap keeps growing.",
        (0.1, ANY, ANY): "That is where it starts; its logit goes up at every step.",
        (ANY, ANY, 9.0): "log p1 - log p4 = z1 - z4 holds two logits only.",
        (ANY, ANY, 0.0): "z1 and z4 are in the loss, so they move.",
    },
    hints=(1, 2, 1),
)


# ---- A judge who errs


def _resting_places(beta: float, e: float) -> tuple[float, float]:
    h = math.log((1 - e) / e) / beta
    return h, 1 / (2 * h)


def _with_ipo(gap: float) -> tuple[float, float]:
    """A gap, and the tau with which IPO comes to rest at the same one."""
    return gap, 1 / (2 * gap)


def _gap(beta: float, e: float) -> float:
    return _resting_places(beta, e)[0]


judge_who_errs = Function(
    _resting_places,
    [{"beta": 0.5, "e": 0.1}, {"beta": 2.0, "e": 0.25}, {"beta": 0.1, "e": 0.3}],
    [
        Mistake(
            "That gap is a margin, βh: divide it by β.",
            lambda beta, e: _with_ipo(beta * _gap(beta, e)),
        ),
        Mistake(
            "You multiplied by β where σ(βh) = 1 - e asks you to divide.",
            lambda beta, e: _with_ipo(beta**2 * _gap(beta, e)),
        ),
        Mistake(
            "That gap solves σ(βh) = e: the chosen answer is the one with 1 - e.",
            lambda beta, e: _with_ipo(-_gap(beta, e)),
        ),
        Mistake(
            "The gap is right; IPO stops at h = 1 / (2τ), so τ is not h and not 1 / h.",
            lambda beta, e: (_gap(beta, e), 1 / _gap(beta, e)),
        ),
        Mistake(
            "The gap is right; τ is 1 / (2h), and you gave h / 2.", lambda beta, e: (_gap(beta, e), _gap(beta, e) / 2)
        ),
        Mistake(
            "The gap is right; τ is 1 / (2h), and you gave 2 / h.", lambda beta, e: (_gap(beta, e), 2 / _gap(beta, e))
        ),
        Mistake(
            "The gap is right; τ is 1 / (2h), and you gave 2h.", lambda beta, e: (_gap(beta, e), 2 * _gap(beta, e))
        ),
        Mistake("The gap is right; τ is not β. IPO stops at h = 1 / (2τ).", lambda beta, e: (_gap(beta, e), beta)),
        Mistake(
            "The gap is right; your τ has a factor β in it that belongs to DPO alone.",
            lambda beta, e: (_gap(beta, e), beta / (2 * _gap(beta, e))),
        ),
        Mistake("That is log(1 / e): the odds are (1 - e) / e.", lambda beta, e: _with_ipo(-math.log(e) / beta)),
        Mistake("You gave log(1 - e); the odds are (1 - e) / e.", lambda beta, e: _with_ipo(math.log(1 - e) / beta)),
        Mistake("The logarithm is missing.", lambda beta, e: _with_ipo((1 - e) / e / beta)),
        Mistake(
            "You gave the probability 1 - e over β; the gap is where the sigmoid has that value.",
            lambda beta, e: _with_ipo((1 - e) / beta),
        ),
    ],
    hint=3,
)

EXERCISES: dict[str, Checker] = {
    "ex-dpo-weight": pair_weights,
    "ex-dpo-batch": from_tokens,
    "ex-dpo-bug": loss_that_moves,
    "ex-dpo-table": table,
    "ex-dpo-smoothing": judge_who_errs,
}
