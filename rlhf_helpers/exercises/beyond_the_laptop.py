"""Exercises of the chapter on systems of many machines, and what a wrong answer is told."""

import math

import torch
from torch import Tensor

from rlhf_helpers.exercises.combinations import combined
from rlhf_helpers.exercises.diagnosis import ANY, Checker, Function, Mistake, Numbers

# ---- The clock

clock = Numbers(
    (4.0, 3.0, 8.0),
    {
        (3.0, ANY, ANY): "Whoever takes turns waits for the other: 3 seconds and 1.",
        (ANY, 4.0, ANY): "That is taking turns. Apart, the sampler writes while the learner learns.",
        (ANY, 2.0, ANY): "That is half of both. The work cannot be shared evenly: the slower one sets the pace.",
        (ANY, 1.0, ANY): "The learner would be that fast, but it waits for answers: the slower one sets the pace.",
        (ANY, ANY, 9.0): "With 8 ahead of it, the batch is the ninth, and 8 updates come between.",
        (ANY, ANY, 1.0): "So it is with a queue of one. Here the sampler, which is faster, is always 8 ahead.",
        (ANY, ANY, 3.0): "That is seconds. Count updates: as many as there are batches ahead of it.",
        (ANY, ANY, 24.0): "That is seconds, 8 times 3. Count updates.",
    },
    hints=(1, 1, 2),
)

# ---- One of several learners


def _own_loss(token_losses: Tensor, mask: Tensor, all_tokens: float, learners: int) -> Tensor:
    return (token_losses * mask).sum() / all_tokens * learners


own_loss = Function(
    _own_loss,
    [
        {
            "token_losses": torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]]),
            "mask": torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]),
            "all_tokens": 11,
            "learners": 3,
        },
        {
            "token_losses": torch.tensor([[1.2, 0.4], [-0.3, 2.2], [0.8, 0.1]]),
            "mask": torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]),
            "all_tokens": 7,
            "learners": 2,
        },
    ],
    [
        Mistake(
            "That is the mean over your own tokens: on a learner with few of them a token weighs more.",
            lambda x, m, n, k: (x * m).sum() / m.sum(),
        ),
        Mistake(
            "The average over the learners divides once more: everything is too small by their number.",
            lambda x, m, n, k: (x * m).sum() / n,
        ),
        Mistake(
            "You divided by the number of learners, which the average does already: multiply instead.",
            lambda x, m, n, k: (x * m).sum() / n / k,
        ),
        Mistake("The mask is missing: padding counts.", lambda x, m, n, k: x.sum() / n * k),
        Mistake(
            "A mean over places, padding among them: divide by the tokens of all learners.",
            lambda x, m, n, k: (x * m).mean(),
        ),
        Mistake(
            "That is the mean over your own tokens, times the learners: the denominator is the tokens of all.",
            lambda x, m, n, k: (x * m).sum() / m.sum() * k,
        ),
        Mistake(
            "You took a mean over each answer first: then a token of a short answer weighs more.",
            lambda x, m, n, k: ((x * m).sum(1) / m.sum(1).clamp(min=1)).mean(),
        ),
        Mistake(
            "That is the sum; divide by the tokens of all, and multiply by the learners.",
            lambda x, m, n, k: (x * m).sum(),
        ),
        Mistake(
            "That is the sum, times the learners: divide by the tokens of all.",
            lambda x, m, n, k: (x * m).sum() * k,
        ),
        Mistake(
            "You rounded the tokens of a learner down to a whole number: divide by all_tokens, then multiply.",
            lambda x, m, n, k: (x * m).sum() / (n // k),
        ),
        Mistake(
            "A mean over places stands where the sum should.",
            lambda x, m, n, k: (x * m).mean() * m.sum() / n * k,
        ),
        Mistake(
            "That is the mean over your own tokens, divided by the learners: the denominator is the tokens of all.",
            lambda x, m, n, k: (x * m).sum() / m.sum() / k,
        ),
        Mistake(
            "You divided by the places of your tensor: the denominator is the tokens of all.",
            lambda x, m, n, k: (x * m).sum() / x.numel() * k,
        ),
        Mistake(
            "You took a mean over each answer first: then a token of a short answer weighs more, on all learners.",
            lambda x, m, n, k: ((x * m).sum(1) / m.sum(1).clamp(min=1)).mean() * k,
        ),
        Mistake(
            "You divided by your own tokens and by all: one division too many.",
            lambda x, m, n, k: (x * m).sum() / m.sum() * k / n,
        ),
        Mistake(
            "Everything is detached, and nothing learns.",
            lambda x, m, n, k: _own_loss(x, m, n, k).detach(),
        ),
    ],
    gradients=("token_losses",),
    hint=1,
    gradient_hint=1,
)

# ---- The kept mass

kept = Numbers(
    (0.9, 0.9**8, -math.log(0.9)),
    {
        (1 / 0.9, ANY, ANY): "That is the sampler's probability over the learner's. The ratio has the learner on top.",
        (1.0, ANY, ANY): "The sampler gives a kept token more than the learner does: it shares out what was cut.",
        (0.1, ANY, ANY): "That is the mass that was cut.",
        (ANY, 0.9**-8, ANY): "That is the sampler's probability of the answer over the learner's.",
        (ANY, 0.9 * 8, ANY): "Ratios of an answer are multiplied, not added.",
        (ANY, 0.9, ANY): "That is one token; an answer has eight, and their ratios are multiplied.",
        (ANY, ANY, math.log(0.9)): "A KL is never negative: it is the mean of the sampler's log minus the learner's.",
        (ANY, ANY, math.inf): "That is the KL the other way: there the learner writes what the sampler never does.",
        (ANY, 0.9**9, ANY): "That is one token too many; the answer has eight.",
        (ANY, 0.9**7, ANY): "That is one token too few; the answer has eight.",
        (ANY, 0.81, ANY): "That is two tokens; the answer has eight.",
        (ANY, ANY, 0.0): "The two agree on a kept token only up to the factor 0.9, and the log of that is not 0.",
        (ANY, ANY, 0.1): "Nearly; that is the mass that was cut. The KL is the logarithm of 1 / 0.9.",
        (ANY, ANY, -8 * math.log(0.9)): "That is the KL of a whole answer; per token it is an eighth of that.",
        (ANY, ANY, -0.9 * math.log(0.9)): "The mean is over what the sampler writes, whose probabilities sum to 1.",
    },
    hints=(1, 1, 2),
)

# ---- Whole answers, masked


def _answer_weights(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor, cap: float) -> Tensor:
    product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
    return torch.where(product <= cap, product, 0.0) * mask


def _zero_product(new: Tensor, old: Tensor, mask: Tensor) -> Tensor:
    return ((new - old).exp() * mask).prod(1, keepdim=True)


def _masked(product: Tensor, keeps: Tensor, mask: Tensor) -> Tensor:
    return torch.where(keeps, product, 0.0) * mask


def _product(new: Tensor, old: Tensor, mask: Tensor) -> Tensor:
    return ((new - old) * mask).sum(1, keepdim=True).exp()


answer_weights = Function(
    _answer_weights,
    [
        {
            "logprobs": torch.tensor([[-1.0, -0.5, -2.0], [-0.3, -0.7, -9.0], [-0.5, -0.4, -0.2]]),
            "old_logprobs": torch.tensor([[-1.2, -0.9, -1.9], [-0.6, -0.4, -1.0], [-1.5, -1.1, -0.6]]),
            "mask": torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]),
            "cap": 3.0,
        },
        {
            "logprobs": torch.tensor([[-0.2, -0.4], [-1.1, -3.0]]),
            "old_logprobs": torch.tensor([[-0.5, -0.9], [-0.8, -0.1]]),
            "mask": torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
            "cap": 2.0,
        },
        {  # padding that would raise the product, and an answer that has become unlikely
            "logprobs": torch.tensor([[-0.6, -0.1], [-2.5, -1.7]]),
            "old_logprobs": torch.tensor([[-0.4, -4.0], [-0.7, -0.5]]),
            "mask": torch.tensor([[1.0, 0.0], [1.0, 1.0]]),
            "cap": 2.5,
        },
        {  # one token above the cap in an answer below it, an empty answer, and a product far above
            "logprobs": torch.tensor([[-0.1, -3.0, -1.0], [-0.5, -0.5, -0.2], [-0.1, -0.4, -0.3]]),
            "old_logprobs": torch.tensor([[-2.2, -0.7, -4.0], [-0.9, -2.0, -3.0], [-3.0, -2.4, -2.0]]),
            "mask": torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]),
            "cap": 4.0,
        },
        {  # between the cap and its exponential, and just above and below the cap
            "logprobs": torch.tensor([[-0.3, -0.4], [-0.2, -0.5], [-0.5, -0.5], [-0.4, -1.5]]),
            "old_logprobs": torch.tensor([[-0.9, -0.9], [-0.6, -0.8], [-0.7, -0.6], [-3.0, -1.0]]),
            "mask": torch.ones(4, 2),
            "cap": 2.0,
        },
        {  # a product whose log is above the cap and whose mean is below, and the other way round
            "logprobs": torch.tensor([[-0.3, -0.4, -0.2], [-0.2, -0.1, -0.5]]),
            "old_logprobs": torch.tensor([[-0.98, -1.09, -0.88], [-1.7, -3.0, -0.1]]),
            "mask": torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]),
            "cap": 2.0,
        },
    ],
    [
        Mistake(
            "Padding is in the product: multiply the differences by the mask before you add them up.",
            lambda new, old, m, c: (
                torch.where((new - old).sum(1, keepdim=True).exp() <= c, (new - old).sum(1, keepdim=True).exp(), 0.0)
                * m
            ),
        ),
        Mistake(
            "That is a cap: what is above it keeps the weight `cap`. A mask drops it.",
            lambda new, old, m, c: _product(new, old, m).clamp(max=c) * m,
        ),
        Mistake(
            "You masked every token by its own ratio; here the product of the whole answer decides.",
            lambda new, old, m, c: torch.where((new - old).exp() <= c, (new - old).exp(), 0.0) * m,
        ),
        Mistake(
            "You took the mean of the differences: that is the ratio of a typical token, and not of the answer.",
            lambda new, old, m, c: (
                torch.where(
                    (((new - old) * m).sum(1, keepdim=True) / m.sum(1, keepdim=True)).exp() <= c,
                    (((new - old) * m).sum(1, keepdim=True) / m.sum(1, keepdim=True)).exp(),
                    0.0,
                )
                * m
            ),
        ),
        Mistake(
            "Padding has a weight: multiply by the mask at the end, too.",
            lambda new, old, m, c: (
                torch.where(_product(new, old, m) <= c, _product(new, old, m), 0.0) + torch.zeros_like(m)
            ),
        ),
        Mistake(
            "What is kept has the weight 1; it should weigh the product.",
            lambda new, old, m, c: torch.where(_product(new, old, m) <= c, 1.0, 0.0) * m,
        ),
        Mistake(
            "You kept the answers above the cap, and dropped the others.",
            lambda new, old, m, c: torch.where(_product(new, old, m) > c, _product(new, old, m), 0.0) * m,
        ),
        Mistake(
            "The ratio is the other way round: the learner is on top.",
            lambda new, old, m, c: torch.where(_product(old, new, m) <= c, _product(old, new, m), 0.0) * m,
        ),
        Mistake(
            "What is kept weighs its own token's ratio; here all tokens of an answer weigh its product.",
            lambda new, old, m, c: torch.where(_product(new, old, m) <= c, (new - old).exp(), 0.0) * m,
        ),
        Mistake(
            "You multiplied ratios that the mask has turned to 0: one padded token makes the whole product 0. Padding "
            "has to count as a ratio of 1.",
            lambda new, old, m, c: _masked(_zero_product(new, old, m), _zero_product(new, old, m) <= c, m),
        ),
        Mistake(
            "You dropped tokens whose own ratio is above the cap; the product of the answer decides.",
            lambda new, old, m, c: _masked(_product(new, old, m), (new - old).exp() <= c, m),
        ),
        Mistake(
            "You dropped an answer by its largest ratio; the product of all decides.",
            lambda new, old, m, c: _masked(
                _product(new, old, m), ((new - old).exp() * m).amax(1, keepdim=True) <= c, m
            ),
        ),
        Mistake(
            "You compared the logarithm of the product with the cap, which is one for the product.",
            lambda new, old, m, c: _masked(_product(new, old, m), _product(new, old, m).log() <= c, m),
        ),
        Mistake(
            "You compared the mean ratio with the cap; the product of the answer decides.",
            lambda new, old, m, c: _masked(
                _product(new, old, m),
                (((new - old) * m).sum(1, keepdim=True) / m.sum(1, keepdim=True).clamp(min=1)).exp() <= c,
                m,
            ),
        ),
        Mistake(
            "Padding counts where you compare with the cap: take the masked product there, too.",
            lambda new, old, m, c: _masked(_product(new, old, m), (new - old).sum(1, keepdim=True).exp() <= c, m),
        ),
        Mistake(
            "You dropped what is below 1 / cap as well; an answer that has become unlikely keeps its small weight.",
            lambda new, old, m, c: _masked(
                _product(new, old, m), (_product(new, old, m) <= c) & (_product(new, old, m) >= 1 / c), m
            ),
        ),
        Mistake(
            "You added the ratios up; ratios of an answer are multiplied.",
            lambda new, old, m, c: _masked(
                ((new - old).exp() * m).sum(1, keepdim=True), ((new - old).exp() * m).sum(1, keepdim=True) <= c, m
            ),
        ),
        Mistake(
            "That is the product up to each token; the weight is that of the whole answer.",
            lambda new, old, m, c: _masked(
                ((new - old) * m).cumsum(1).exp(), ((new - old) * m).cumsum(1).exp() <= c, m
            ),
        ),
        Mistake(
            "Nothing is dropped: above the cap the weight is 0.",
            lambda new, old, m, c: _product(new, old, m) * m,
        ),
    ],
    hint=1,
)

# ---- A ceiling for bad tokens


def _dual_clip_weights(ratio: Tensor, advantages: Tensor, clip_eps: float, ceiling: float) -> Tensor:
    raised = (advantages > 0) & (ratio > 1 + clip_eps)
    lowered = (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
    return torch.where(raised | lowered, 0.0, ratio)


def _silent(ratio: Tensor, silent: Tensor) -> Tensor:
    return torch.where(silent, 0.0, ratio)


RATIOS = (0.003, 0.1, 0.3, 0.55, 0.75, 0.9, 1.1, 1.35, 1.7, 2.5, 3.5, 4.5, 7.5, 9.0, 150.0)
dual_clip = Function(
    _dual_clip_weights,
    [
        {
            "ratio": torch.tensor([1.5, 1.1, 0.5, 3.5, 1.5, 0.5, 3.5, 2.5, 1.7, 0.6]),
            "advantages": torch.tensor([1.0, 2.0, 0.5, 1.5, -1.0, -2.0, -0.5, -1.5, 0.0, 0.0]),
            "clip_eps": 0.2,
            "ceiling": 3.0,
        },
        {
            "ratio": torch.tensor([[1.25, 1.6], [0.65, 2.2], [0.75, 2.2]]),
            "advantages": torch.tensor([[1.0, 0.3], [-0.4, -1.0], [-2.0, 0.7]]),
            "clip_eps": 0.3,
            "ceiling": 2.0,
        },
        *combined(5, {"clip_eps": 0.2, "ceiling": 3.0}, ratio=RATIOS, advantages=(-3.5, -0.4, 0.0, 0.5, 4.0)),
        *combined(5, {"clip_eps": 0.4, "ceiling": 7.0}, ratio=RATIOS, advantages=(-0.6, 0.0, 1.5)),
    ],
    [
        Mistake(
            "That is PPO's clip alone: a bad token above the ceiling is still loud.",
            lambda r, a, e, c: _silent(r, (a > 0) & (r > 1 + e) | (a < 0) & (r < 1 - e)),
        ),
        Mistake(
            "Your ceiling is at 1 + ceiling; it is a ratio itself, and no distance from 1.",
            lambda r, a, e, c: _dual_clip_weights(r, a, e, 1 + c),
        ),
        Mistake(
            "Your ceiling holds for a token without advantage, too; it is for bad ones alone.",
            lambda r, a, e, c: _silent(_dual_clip_weights(r, a, e, c), r > c),
        ),
        Mistake(
            "You silence a good token that has become unlikely, below 1 / ceiling; it has to come back.",
            lambda r, a, e, c: _silent(_dual_clip_weights(r, a, e, c), (a > 0) & (r < 1 / c)),
        ),
        Mistake(
            "You kept the tokens that should be silent, and silenced the others.",
            lambda r, a, e, c: r - _dual_clip_weights(r, a, e, c),
        ),
        Mistake(
            "A bad token above 1 + clip_eps is silent with you already; up to the ceiling it is loud.",
            lambda r, a, e, c: _silent(r, (a > 0) & (r > 1 + e) | (a < 0) & ((r < 1 - e) | (r > 1 + e))),
        ),
        Mistake(
            "A token that should be silent keeps the weight at the edge of the range: that is a clip.",
            lambda r, a, e, c: torch.where(
                a > 0, r.clamp(max=1 + e), torch.where(a < 0, r.clamp(min=1 - e).clamp(max=c), r)
            ),
        ),
        Mistake(
            "Advantage 0 counts as bad with you: `<=` stands where `<` should.",
            lambda r, a, e, c: _silent(r, (a > 0) & (r > 1 + e) | (a <= 0) & ((r < 1 - e) | (r > c))),
        ),
        Mistake(
            "Advantage 0 counts as good with you: `>=` stands where `>` should.",
            lambda r, a, e, c: _silent(r, (a >= 0) & (r > 1 + e) | (a < 0) & ((r < 1 - e) | (r > c))),
        ),
        Mistake(
            "You silenced good tokens above the ceiling, and left out the clip.",
            lambda r, a, e, c: _silent(r, (a > 0) & (r > c) | (a < 0) & (r < 1 - e)),
        ),
        Mistake(
            "You left out one side: a bad token below 1 - clip_eps is silent, too.",
            lambda r, a, e, c: _silent(r, (a > 0) & (r > 1 + e) | (a < 0) & (r > c)),
        ),
        Mistake(
            "You left out the good tokens: above 1 + clip_eps they are silent.",
            lambda r, a, e, c: _silent(r, (a < 0) & ((r < 1 - e) | (r > c))),
        ),
        Mistake(
            "You clipped on both sides whatever the sign: a token that has gone the wrong way has to come back.",
            lambda r, a, e, c: _silent(r, (r > 1 + e) | (r < 1 - e)),
        ),
        Mistake(
            "The signs are swapped: a good token falls silent when it has risen.",
            lambda r, a, e, c: _dual_clip_weights(r, -a, e, c),
        ),
        Mistake(
            "A bad token above the ceiling keeps the weight of the ceiling with you; it should be silent.",
            lambda r, a, e, c: torch.where(
                (a < 0) & (r > c), c, _silent(r, (a > 0) & (r > 1 + e) | (a < 0) & (r < 1 - e))
            ),
        ),
        Mistake(
            "The advantage is in it already; asked is the weight, which multiplies the advantage later.",
            lambda r, a, e, c: _dual_clip_weights(r, a, e, c) * a,
        ),
        Mistake(
            "What is not silent weighs its ratio, and not 1.",
            lambda r, a, e, c: (_dual_clip_weights(r, a, e, c) > 0).to(r.dtype),
        ),
        Mistake(
            "That is the loss of each token; asked is the weight, which is the ratio or 0.",
            lambda r, a, e, c: torch.minimum(r * a, r.clamp(1 - e, 1 + e) * a),
        ),
        Mistake(
            "The sign of the advantage is in it already; asked is the weight, which multiplies the advantage later.",
            lambda r, a, e, c: _dual_clip_weights(r, a, e, c) * a.sign(),
        ),
    ],
    hint=2,
)

EXERCISES: dict[str, Checker] = {
    "ex-beyond-clock": clock,
    "ex-beyond-mean": own_loss,
    "ex-beyond-kept": kept,
    "ex-beyond-mask": answer_weights,
    "ex-beyond-ceiling": dual_clip,
}
