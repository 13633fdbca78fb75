"""Wrong answers to the exercises of chapter 1, as learners write them: a fragment of the diagnosis -> the attempt."""

import math

import torch


def padding_times_mask(logprobs, mask):
    total = (logprobs * mask).sum(-1)
    return total, torch.exp(-total / mask.sum(-1))


def padding_added(logprobs, mask):
    return logprobs.sum(-1), torch.exp(-logprobs.mean(-1))


def padding_without_the_mask(logprobs, mask):
    finite = logprobs.isfinite()
    total = logprobs.where(finite, 0.0).sum(-1)
    return total, torch.exp(-total / finite.sum(-1))


def padding_columns(logprobs, mask):
    total = logprobs.masked_fill(mask == 0, 0).sum(-1)
    return total, torch.exp(-total / logprobs.size(1))


def padding_mean(logprobs, mask):
    mean = logprobs.masked_fill(mask == 0, 0).sum(-1) / mask.sum(-1)
    return mean, torch.exp(-mean)


def padding_no_minus(logprobs, mask):
    total = logprobs.masked_fill(mask == 0, 0).sum(-1)
    return total, torch.exp(total / mask.sum(-1))


def padding_of_the_sum(logprobs, mask):
    total = logprobs.masked_fill(mask == 0, 0).sum(-1)
    return total, torch.exp(-total)


def padding_swapped(logprobs, mask):
    total = logprobs.masked_fill(mask == 0, 0).sum(-1)
    return torch.exp(-total / mask.sum(-1)), total


def padding_wrong_axis(logprobs, mask):
    total = logprobs.masked_fill(mask == 0, 0).sum(0)
    return total, torch.exp(-total / mask.sum(0).clamp(min=1))


def bugs_axis_left(policy, prompt_ids, completion_ids):
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    logprobs = policy(ids[:, :-1]).log_softmax(1)
    return logprobs.gather(-1, completion_ids[..., None])[..., 0].sum(-1)


def bugs_mean_left(policy, prompt_ids, completion_ids):
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    logprobs = policy(ids[:, :-1]).log_softmax(-1)
    return logprobs.gather(-1, completion_ids[..., None])[..., 0].mean(-1)


def bugs_both_left(policy, prompt_ids, completion_ids):
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    logprobs = policy(ids[:, :-1]).log_softmax(1)
    return logprobs.gather(-1, completion_ids[..., None])[..., 0].mean(-1)


def bugs_shifted(policy, prompt_ids, completion_ids):
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    logprobs = policy(ids)[:, 1:].log_softmax(-1)
    return logprobs.gather(-1, completion_ids[..., None])[..., 0].sum(-1)


def bugs_one_total(policy, prompt_ids, completion_ids):
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    logprobs = policy(ids[:, :-1]).log_softmax(-1)
    return logprobs.gather(-1, completion_ids[..., None])[..., 0].sum()


def width(logits, tau):
    p = torch.softmax(logits / tau, -1)
    return torch.exp(-(p * p.log()).nansum())


def search(narrow):
    low, high = 0.01, 100.0
    for _ in range(60):
        middle = (low * high) ** 0.5
        if narrow(middle):
            low = middle
        else:
            high = middle
    return middle


WRONG = {
    "ex-logs-two-hundred": {
        "what one token costs": (-1.61, 5, -140),
        "negative": (322, 5, -140),
        "log to base 10": (-139.8, 5, -139.8),
        "Ten tokens exist": (-322, 10, -140),
        "e to that power": (-322, 1.61, -140),
        "A minus is lost": (-322, 0.2, -140),
        "powers of e": (-322, 5, -322),
        "You multiplied by 2.3": (-322, 5, -741),
        "wrong sign": (-322, 5, 140),
    },
    "ex-logs-padding": {
        "0 times minus infinity": padding_times_mask,
        "The padding was added too": padding_added,
        "only the mask says": padding_without_the_mask,
        "number of columns": padding_columns,
        "first result is a mean": padding_mean,
        "minus in the perplexity is missing": padding_no_minus,
        "perplexity is that of the sum": padding_of_the_sum,
        "in the wrong order": padding_swapped,
        "has shape (4,), expected (1,)": padding_wrong_axis,
    },
    "ex-logs-bugs": {
        "normalizes over the positions": bugs_axis_left,
        "the mean should be a sum": bugs_mean_left,
        "Both bugs": bugs_both_left,
        "one too late": bugs_shifted,
        "shape (), expected (2,)": bugs_one_total,
    },
    "ex-logs-frozen": {
        "every step rounds": (0, 0),
        "a hair less": (5, 0),
        "stops earlier": (1, 0),
        "nearer to no rung": (4, 1),
        "four rungs become 1.6": (4, 4),
    },
    "ex-logs-temperature": {
        "equal to `width`": lambda logits, w: search(lambda tau: width(logits, tau).log() < w),
        "upper limit of the search": lambda logits, w: search(lambda tau: width(logits, tau) > w),
        "1 / tau": lambda logits, w: 1 / search(lambda tau: width(logits, tau) < w),
        "in bits": lambda logits, w: search(lambda tau: width(logits, tau).log2() < math.log(w)),
        "tried for `logits`": lambda logits, w: 1.0,
    },
}
