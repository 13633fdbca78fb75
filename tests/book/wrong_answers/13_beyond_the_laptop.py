"""Wrong answers to the exercises of chapter 13, as learners write them: a fragment of the diagnosis -> the attempt."""

import torch


def own_mean(token_losses, mask, all_tokens, learners):
    return (token_losses * mask).sum() / mask.sum()


def averaged_twice(token_losses, mask, all_tokens, learners):
    return (token_losses * mask).sum() / all_tokens


def divided_again(token_losses, mask, all_tokens, learners):
    return (token_losses * mask).sum() / all_tokens / learners


def padding_counts(token_losses, mask, all_tokens, learners):
    return token_losses.sum() / all_tokens * learners


def product(logprobs, old_logprobs, mask):
    return ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()


def padding_in_the_product(logprobs, old_logprobs, mask, cap):
    whole = product(logprobs, old_logprobs, torch.ones_like(mask))
    return torch.where(whole <= cap, whole, 0.0) * mask


def a_cap(logprobs, old_logprobs, mask, cap):
    return product(logprobs, old_logprobs, mask).clamp(max=cap) * mask


def each_token(logprobs, old_logprobs, mask, cap):
    ratio = (logprobs - old_logprobs).exp()
    return torch.where(ratio <= cap, ratio, 0.0) * mask


def weight_one(logprobs, old_logprobs, mask, cap):
    return torch.where(product(logprobs, old_logprobs, mask) <= cap, 1.0, 0.0) * mask


def nothing_dropped(logprobs, old_logprobs, mask, cap):
    return product(logprobs, old_logprobs, mask) * mask


def the_clip_alone(ratio, advantages, clip_eps, ceiling):
    silent = (advantages > 0) & (ratio > 1 + clip_eps) | (advantages < 0) & (ratio < 1 - clip_eps)
    return torch.where(silent, 0.0, ratio)


def whatever_the_sign(ratio, advantages, clip_eps, ceiling):
    return torch.where((ratio > 1 + clip_eps) | (ratio < 1 - clip_eps), 0.0, ratio)


def one_side(ratio, advantages, clip_eps, ceiling):
    silent = (advantages > 0) & (ratio > 1 + clip_eps) | (advantages < 0) & (ratio > ceiling)
    return torch.where(silent, 0.0, ratio)


WRONG = {
    "ex-beyond-clock": {
        "waits for the other": (3, 3, 8),
        "writes while the learner learns": (4, 4, 8),
        "the slower one sets the pace": (4, 2, 8),
        "is the ninth": (4, 3, 9),
        "Count updates": (4, 3, 24),
    },
    "ex-beyond-mean": {
        "mean over your own tokens": own_mean,
        "divides once more": averaged_twice,
        "multiply instead": divided_again,
        "mask is missing": padding_counts,
    },
    "ex-beyond-kept": {
        "has the learner on top": (1 / 0.9, 0.43, 0.105),
        "multiplied, not added": (0.9, 7.2, 0.105),
        "never negative": (0.9, 0.43, -0.105),
        "an eighth of that": (0.9, 0.43, 0.843),
    },
    "ex-beyond-mask": {
        "Padding is in the product": padding_in_the_product,
        "That is a cap": a_cap,
        "by its own ratio": each_token,
        "has the weight 1": weight_one,
        "Nothing is dropped": nothing_dropped,
    },
    "ex-beyond-ceiling": {
        "PPO's clip alone": the_clip_alone,
        "whatever the sign": whatever_the_sign,
        "left out one side": one_side,
    },
}
