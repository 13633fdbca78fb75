"""Wrong answers to the exercises of chapter 11, as learners write them: a fragment of the diagnosis -> the attempt."""

import math

import torch


def without_end(completion_ids, end_id):
    return (completion_ids == end_id).cumsum(1) == 0


def everything(completion_ids, end_id):
    return torch.ones(completion_ids.shape, dtype=torch.bool)


def last_end(completion_ids, end_id):
    mask = torch.ones_like(completion_ids)
    for row, ids in enumerate(completion_ids):
        ends = (ids == end_id).nonzero()
        if len(ends):
            mask[row, ends[-1].item() + 1 :] = 0
    return mask


def ends_only(completion_ids, end_id):
    return completion_ids != end_id


def argmax(completion_ids, end_id):
    length = (completion_ids == end_id).int().argmax(1) + 1
    return torch.arange(completion_ids.shape[1])[None] < length[:, None]


def turned_round(completion_ids, end_id):
    is_end = (completion_ids == end_id).long()
    return is_end.cumsum(1) > is_end


def one_too_far(completion_ids, end_id):
    mask = torch.ones_like(completion_ids)
    for row, ids in enumerate(completion_ids.tolist()):
        if end_id in ids:
            mask[row, ids.index(end_id) + 2 :] = 0
    return mask


def down_the_batch(completion_ids, end_id):
    is_end = (completion_ids == end_id).long()
    return (is_end.cumsum(0) - is_end) == 0


def always_zero(completion_ids, end_id):
    is_end = (completion_ids == 0).long()
    return (is_end.cumsum(1) - is_end) == 0


def all_places(logprobs, mask):
    return -(logprobs * mask).sum() / mask.numel()


def mean_of_means(logprobs, mask):
    return (-(logprobs * mask).sum(1) / mask.sum(1)).mean()


def per_name(logprobs, mask):
    return -(logprobs * mask).sum() / len(mask)


def summed(logprobs, mask):
    return -logprobs[mask].sum()


def unmasked(logprobs, mask):
    return -logprobs.mean()


def padding_in_the_sum(logprobs, mask):
    return (-logprobs).sum() / mask.sum()


def without_minus(logprobs, mask):
    return logprobs[mask].mean()


def detached(logprobs, mask):
    return -logprobs.detach()[mask].mean()


def kl(q, p):
    return q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))


def share(p, kl_coeff):
    return p * math.exp(1 / kl_coeff) / (p * math.exp(1 / kl_coeff) + 1 - p)


def chapters_lines(p, kl_coeff):
    return share(p, kl_coeff), kl(share(p, kl_coeff), p)


def e_to_kl_coeff(p, kl_coeff):
    good = p * math.exp(kl_coeff)
    return good / (good + 1 - p), kl(good / (good + 1 - p), p)


def not_normalized(p, kl_coeff):
    q = p * math.exp(1 / kl_coeff)
    return q, kl(q, p)


def others_weigh_one(p, kl_coeff):
    good = p * math.exp(1 / kl_coeff)
    return good / (1 + good), kl(good / (1 + good), p)


def without_reference(p, kl_coeff):
    q = math.exp(1 / kl_coeff) / (math.exp(1 / kl_coeff) + 1)
    return q, kl(q, p)


def breaks_the_rule(p, kl_coeff):
    q = (1 - p) / (p * math.exp(1 / kl_coeff) + 1 - p)
    return q, kl(q, p)


def wrong_way_round(p, kl_coeff):
    q = share(p, kl_coeff)
    return q, p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def one_term(p, kl_coeff):
    q = share(p, kl_coeff)
    return q, q * math.log(q / p)


def in_bits(p, kl_coeff):
    q = share(p, kl_coeff)
    return q, q * math.log2(q / p) + (1 - q) * math.log2((1 - q) / (1 - p))


def price(p, kl_coeff):
    q = share(p, kl_coeff)
    return q, kl_coeff * kl(q, p)


def multiplied(p, kl_coeff):
    q = share(p, kl_coeff)
    return q, q * kl_coeff - math.log(p * math.exp(1 / kl_coeff) + 1 - p)


def other_order(p, kl_coeff):
    return kl(share(p, kl_coeff), p), share(p, kl_coeff)


def closed_form(p, kl_coeff):
    q = share(p, kl_coeff)
    return q, q / kl_coeff - math.log(p * math.exp(1 / kl_coeff) + 1 - p)


WRONG = {
    "ex-names-loss": {
        "That is log 26": (3.258, 0.924, 2.3),
        "27 is the perplexity": (27, 0.924, 2.3),
        "the probability of a token": (0.037, 0.924, 2.3),
        "The first is in bits": (4.755, 0.924, 2.3),
        "The first is a logarithm to base 10": (1.431, 0.924, 2.3),
        "cost of one token": (3.296, 0.693, 2.3),
        "You left out the end": (3.296, 1.04, 2.3),
        "divided by two letters": (3.296, 1.386, 2.3),
        "cost of the whole name": (3.296, 2.773, 2.3),
        "the probability of the name": (3.296, 0.0625, 2.3),
        "The second is in bits": (3.296, 1.333, 2.3),
        "The second is a logarithm to base 10": (3.296, 0.401, 2.3),
        "That is the perplexity": (3.296, 2.52, 2.3),
        "log of the mean probability": (3.296, 0.875, 2.3),
        "mean of the names' means": (3.296, 0.924, 2.5),
        "divided by the 8 letters": (3.296, 0.924, 2.875),
        "all 14 places": (3.296, 0.924, 1.643),
        "nats a name": (3.296, 0.924, 11.5),
        "That is the sum": (3.296, 0.924, 23),
        "has the wrong sign": (3.296, -0.924, 2.3),
    },
    "ex-names-mask": {
        "left out the end token": without_end,
        "Everything counts": everything,
        "the last end of a row": last_end,
        "mask the end tokens and nothing else": ends_only,
        "argmax says 0": argmax,
        "wrong way round": turned_round,
        "one token too far": one_too_far,
        "along dimension 0": down_the_batch,
        "look for token 0": always_zero,
    },
    "ex-names-bug": {
        "still divide by all places": all_places,
        "averaged the names' means": mean_of_means,
        "number of names": per_name,
        "You took the sum": summed,
        "The mask is gone": unmasked,
        "padding is in the sum now": padding_in_the_sum,
        "a loss is positive here": without_minus,
        "no gradient reaches logprobs": detached,
    },
    "ex-names-optimum": {
        "wrong way up": e_to_kl_coeff,
        "not normalized": not_normalized,
        "the other names weigh 1": others_weigh_one,
        "forgot the reference": without_reference,
        "names that break the rule": breaks_the_rule,
        "wrong way round": wrong_way_round,
        "only the term": one_term,
        "in bits": in_bits,
        "the price of the KL": price,
        "multiplied by kl_coeff instead": multiplied,
        "wrong order": other_order,
        "1 - p* rounds to 0": chapters_lines,
        "e^1000 is too large": closed_form,
    },
}
