"""Exercises of the chapter on names, and what a wrong answer is told."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import ANY, Checker, Edge, Function, Mistake, Numbers

# ---- What a name costs

what_a_name_costs = Numbers(
    (math.log(27), 4 / 3 * math.log(2), 2.3),
    {
        (math.log(26), ANY, ANY): "That is log 26: the end is a token too, and the policy has to choose it.",
        (27.0, ANY, ANY): "27 is the perplexity; the loss is its logarithm.",
        (1 / 27, ANY, ANY): "That is the probability of a token; the loss is minus its logarithm.",
        (math.log2(27), ANY, ANY): "The first is in bits; a loss in nats takes the natural logarithm.",
        (math.log10(27), ANY, ANY): "The first is a logarithm to base 10; take the natural one.",
        (ANY, math.log(2), ANY): "That is the cost of one token of probability 0.5; average over all three tokens.",
        (ANY, 1.5 * math.log(2), ANY): "You left out the end: its probability of 0.5 is the third factor.",
        (ANY, 2 * math.log(2), ANY): "You added up three logs and divided by two letters; the end is a token, too.",
        (ANY, 4 * math.log(2), ANY): "That is the cost of the whole name; divide by its three tokens.",
        (ANY, 1 / 16, ANY): "That is the probability of the name, a product; the loss is minus a mean of logs.",
        (ANY, 4 / 3, ANY): "The second is in bits; a loss in nats takes the natural logarithm.",
        (ANY, 4 / 3 * math.log10(2), ANY): "The second is a logarithm to base 10; take the natural one.",
        (ANY, 2 ** (4 / 3), ANY): "That is the perplexity; the loss is its logarithm.",
        (ANY, -math.log(1.25 / 3), ANY): "You took the log of the mean probability; the mean of the logs counts.",
        (ANY, ANY, 2.5): "That is the mean of the names' means; in a token mean the long name has more tokens "
        "and weighs more.",
        (ANY, ANY, 23 / 8): "You divided by the 8 letters; the two ends are in the sums, so count them.",
        (ANY, ANY, 23 / 14): "You divided by all 14 places of the tensor; four of them are padding.",
        (ANY, ANY, 11.5): "That is nats a name; divide by the tokens instead of the names.",
        (ANY, ANY, 23.0): "That is the sum; divide it by the tokens that count.",
    },
    hints=(1, 2, 2),
)


# ---- Where a name is over; masks as numbers, and an attempt in booleans is compared with them


def _ends_before(completion_ids: Tensor, end_id: int) -> Tensor:
    is_end = (completion_ids == end_id).long()
    return is_end.cumsum(1) - is_end


def _up_to_the_last_end(completion_ids: Tensor, end_id: int) -> Tensor:
    is_end = (completion_ids == end_id).long()
    ends_from_here = is_end.flip(1).cumsum(1).flip(1)
    return ((ends_from_here > 0) | (is_end.sum(1, keepdim=True) == 0)).long()


def _up_to_argmax(completion_ids: Tensor, end_id: int) -> Tensor:
    first = (completion_ids == end_id).long().argmax(1, keepdim=True)
    return (torch.arange(completion_ids.shape[1]) <= first).long()


def _one_too_far(completion_ids: Tensor, end_id: int) -> Tensor:
    mask = (_ends_before(completion_ids, end_id) == 0).long()
    return torch.cat([torch.ones_like(mask[:, :1]), mask[:, :-1]], dim=1)


def _along_the_batch(completion_ids: Tensor, end_id: int) -> Tensor:
    is_end = (completion_ids == end_id).long()
    return (is_end.cumsum(0) == is_end).long()


def _mask(completion_ids: Tensor, end_id: int) -> Tensor:
    is_end = (completion_ids == end_id).long()
    ends_before = is_end.cumsum(1) - is_end
    return ends_before == 0


where_a_name_is_over = Function(
    _mask,
    [
        {"completion_ids": torch.tensor([[3, 0, 5, 0], [0, 4, 0, 6], [3, 1, 2, 5]]), "end_id": 0},
        {"completion_ids": torch.tensor([[2, 1, 2, 1], [5, 0, 2, 4], [1, 0, 4, 2]]), "end_id": 2},
        {"completion_ids": torch.tensor([[7, 7, 7, 1], [0, 1, 2, 3]]), "end_id": 7},
    ],
    [
        Mistake(
            "You left out the end token, which the policy chose: it counts.",
            lambda ids, end_id: ((ids == end_id).cumsum(1) == 0).long(),
        ),
        Mistake(
            "Everything counts; what comes after the first end does not.",
            lambda ids, end_id: torch.ones_like(ids),
        ),
        Mistake("You look for the last end of a row; the name is over at the first.", _up_to_the_last_end),
        Mistake(
            "You mask the end tokens and nothing else: letters behind an end do not count, and the end does.",
            lambda ids, end_id: (ids != end_id).long(),
        ),
        Mistake(
            "In a row without an end argmax says 0, as if the end came first; such a name counts in full.",
            _up_to_argmax,
        ),
        Mistake(
            "Your mask is the wrong way round: 1 is what counts.",
            lambda ids, end_id: (_ends_before(ids, end_id) > 0).long(),
        ),
        Mistake("Your mask goes one token too far, beyond the end.", _one_too_far),
        Mistake("You counted along dimension 0, from name to name; a name runs along dimension 1.", _along_the_batch),
        Mistake(
            "You look for token 0; the end token is `end_id`.",
            lambda ids, end_id: (_ends_before(ids, 0) == 0).long(),
        ),
        Mistake(
            "You mark the end tokens themselves.",
            lambda ids, end_id: (ids == end_id).long(),
        ),
        Mistake(
            "You count the ends, and that is no mask: 1 is what counts, 0 what does not.",
            lambda ids, end_id: (ids == end_id).cumsum(1),
        ),
        Mistake(
            "Up to one end is not up to the first: what comes behind it counts in yours.",
            lambda ids, end_id: ((ids == end_id).cumsum(1) <= 1).long(),
        ),
        Mistake(
            "A name without an end counts in full; yours counts nothing of it.",
            lambda ids, end_id: ((_ends_before(ids, end_id) == 0) & (ids == end_id).any(1, keepdim=True)).long(),
        ),
        Mistake(
            "You look for tokens above the end token's id; it may be any number.",
            lambda ids, end_id: (ids > end_id).long(),
        ),
        Mistake(
            "You give the lengths; a mask has a number for each token.",
            lambda ids, end_id: (_ends_before(ids, end_id) == 0).sum(1),
        ),
        Mistake(
            "You counted from the end: up to the last end token, all counts, and a name without one not at all.",
            lambda ids, end: (ids == end).flip(1).cumsum(1).flip(1) > 0,
        ),
    ],
    hint=2,
)


# ---- A harder batch costs less


def _token_mean(logprobs: Tensor, mask: Tensor) -> Tensor:
    return -(logprobs * mask).sum() / mask.sum()


token_mean = Function(
    _token_mean,
    [
        {
            "logprobs": torch.tensor([[-2.0, -1.0, -9.0, -9.0], [-0.5, -1.0, -3.0, -4.0]]),
            "mask": torch.tensor([[True, True, False, False], [True, True, True, True]]),
        },
        {
            "logprobs": torch.tensor([[-1.0, -7.0, -8.0], [-2.0, -0.25, -6.0], [-4.0, -9.0, -5.0]]),
            "mask": torch.tensor([[True, False, False], [True, True, False], [True, False, False]]),
        },
    ],
    [
        Mistake(
            "You still divide by all places of the tensor, the padding included.",
            lambda logprobs, mask: -(logprobs * mask).mean(),
        ),
        Mistake(
            "You averaged the names' means: now a token of a short name weighs more than one of a long name.",
            lambda logprobs, mask: -((logprobs * mask).sum(1) / mask.sum(1)).mean(),
        ),
        Mistake(
            "You divide by the number of names: that is nats a name, and a batch of longer names costs more.",
            lambda logprobs, mask: -(logprobs * mask).sum(1).mean(),
        ),
        Mistake(
            "You took the sum; divide it by the number of tokens that count.",
            lambda logprobs, mask: -(logprobs * mask).sum(),
        ),
        Mistake("The mask is gone: the padding is in the mean.", lambda logprobs, mask: -logprobs.mean()),
        Mistake(
            "The denominator is right, and the padding is in the sum now.",
            lambda logprobs, mask: -logprobs.sum() / mask.sum(),
        ),
        Mistake("The minus is missing: a loss is positive here.", lambda logprobs, mask: -_token_mean(logprobs, mask)),
        Mistake(
            "You give one number for each name; the token mean is one of the whole batch.",
            lambda logprobs, mask: -(logprobs * mask).sum(1) / mask.sum(1),
        ),
        Mistake(
            "You summed along the batch; one sum over both dimensions was asked for.",
            lambda logprobs, mask: -(logprobs * mask).sum(0) / mask.sum(0),
        ),
        Mistake(
            "You give a sum for each name; the mean over all tokens was asked for.",
            lambda logprobs, mask: -(logprobs * mask).sum(1),
        ),
        Mistake(
            "You divide by the places up to the end of the longest name.",
            lambda logprobs, mask: -(logprobs * mask).sum() / (len(mask) * mask.sum(1).max()),
        ),
        Mistake(
            "You counted one token less for every name.",
            lambda logprobs, mask: -(logprobs * mask).sum() / (mask.sum() - len(mask)),
        ),
        Mistake(
            "You counted one token too many.",
            lambda logprobs, mask: -(logprobs * mask).sum() / (mask.sum() + 1),
        ),
        Mistake(
            "Everything is detached, and nothing learns.",
            lambda logprobs, mask: _token_mean(logprobs, mask).detach(),
        ),
        Mistake(
            "That is the loss of the longest name alone.",
            lambda logprobs, mask: -logprobs[mask.sum(1).argmax()][mask[mask.sum(1).argmax()]].mean(),
        ),
    ],
    gradients=("logprobs",),
    hint=2,
    gradient_hint=1,
)


# ---- The best policy, with hardly any pull


def _best_for_rule(p: float, kl_coeff: float) -> tuple[float, float]:
    """The share of a rule under the best policy, and its KL to the reference, for any kl_coeff above 0."""
    other = (1 - p) * math.exp(-1 / kl_coeff)  # numerator and denominator divided by e^(1 / kl_coeff)
    z = p + other
    return p / z, -math.log(z) - other / z / kl_coeff


def _kl(q: float, p: float) -> float:
    return q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))


def _with_kl(q: float, p: float) -> tuple[float, float]:
    return q, _kl(q, p)


def _mistaken_kl(kl: Callable[[float, float, float], float]) -> Callable[[float, float], tuple[float, float]]:
    """The right share, and a KL from a mistaken formula kl(q, p, kl_coeff)."""
    return lambda p, kl_coeff: (_best_for_rule(p, kl_coeff)[0], kl(_best_for_rule(p, kl_coeff)[0], p, kl_coeff))


best_for_rule = Function(
    _best_for_rule,
    [{"p": 0.1, "kl_coeff": 0.5}, {"p": 0.4, "kl_coeff": 2.0}],  # p e^(1 / kl_coeff) stays below 1
    [
        Mistake(
            "The coefficient is the wrong way up: a smaller price moves the policy further, e^(1/kl_coeff).",
            lambda p, k: _with_kl(p * math.exp(k) / (p * math.exp(k) + 1 - p), p),
        ),
        Mistake(
            "Your share is not normalized: divide by the sum over both kinds of names.",
            lambda p, k: _with_kl(p * math.exp(1 / k), p),
        ),
        Mistake(
            "In your denominator the other names weigh 1; the reference writes them with probability 1 - p.",
            lambda p, k: _with_kl(p * math.exp(1 / k) / (p * math.exp(1 / k) + 1), p),
        ),
        Mistake(
            "You forgot the reference: p belongs to the weight of one kind, 1 - p to that of the other.",
            lambda p, k: _with_kl(1 / (1 + math.exp(-1 / k)), p),
        ),
        Mistake(
            "That is the share of the names that break the rule.",
            lambda p, k: _with_kl(1 - _best_for_rule(p, k)[0], p),
        ),
        Mistake(
            "The KL is the wrong way round: the best policy, not the reference, weights the logs.",
            _mistaken_kl(lambda q, p, k: _kl(p, q)),
        ),
        Mistake(
            "Your KL has only the term of the names that keep the rule; the other term is negative.",
            _mistaken_kl(lambda q, p, k: q * math.log(q / p)),
        ),
        Mistake(
            "Your KL is in bits; take the natural logarithm.",
            _mistaken_kl(lambda q, p, k: _kl(q, p) / math.log(2)),
        ),
        Mistake(
            "You multiplied by kl_coeff: that is the price of the KL, and the KL itself was asked for.",
            _mistaken_kl(lambda q, p, k: k * _kl(q, p)),
        ),
        Mistake(
            "In q/kl_coeff - log(...) you multiplied by kl_coeff instead of dividing.",
            _mistaken_kl(lambda q, p, k: q * k - math.log(p * math.exp(1 / k) + 1 - p)),
        ),
        Mistake("The two results are in the wrong order.", lambda p, k: _best_for_rule(p, k)[::-1]),
        Mistake(
            "That is log Z; the KL is the share over kl_coeff, minus log Z.",
            lambda p, k: (_best_for_rule(p, k)[0], 1 / k + math.log(p + (1 - p) * math.exp(-1 / k))),
        ),
        Mistake(
            "These are the odds; the share is what keeps the rule over all.",
            lambda p, k: (p / (1 - p) * math.exp(min(1 / k, 700.0)), _best_for_rule(p, k)[1]),
        ),
    ],
    edges=(
        Edge("Here 1 - p* rounds to 0, and the limit of x log x at 0 is 0.", {"p": 0.4, "kl_coeff": 0.01}),
        Edge(
            "Here e^(1/kl_coeff) = e^1000 is too large for a float: divide numerator and denominator by it first.",
            {"p": 0.4, "kl_coeff": 0.001},
        ),
    ),
    hint=1,
)

EXERCISES: dict[str, Checker] = {
    "ex-names-loss": what_a_name_costs,
    "ex-names-mask": where_a_name_is_over,
    "ex-names-bug": token_mean,
    "ex-names-optimum": best_for_rule,
}
