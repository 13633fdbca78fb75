"""Wrong answers to the exercises of chapter 3, as learners write them: a fragment of the diagnosis -> the attempt."""

import torch


def silent_any_side(ratio, advantages, clip_eps):
    return ((ratio - 1).abs() > clip_eps).float().mean()


def silent_wrong_side(ratio, advantages, clip_eps):
    above, below = ratio > 1 + clip_eps, ratio < 1 - clip_eps
    return torch.where(advantages > 0, below, above).float().mean()


def silent_good_only(ratio, advantages, clip_eps):
    return ((ratio > 1 + clip_eps) & (advantages > 0)).float().mean()


def silent_count(ratio, advantages, clip_eps):
    above, below = ratio > 1 + clip_eps, ratio < 1 - clip_eps
    return torch.where(advantages > 0, above, below).sum()


def silent_fixed_range(ratio, advantages, clip_eps):
    return torch.where(advantages > 0, ratio > 1.2, ratio < 0.8).float().mean()


def silent_each(ratio, advantages, clip_eps):
    return torch.where(advantages > 0, ratio > 1 + clip_eps, ratio < 1 - clip_eps)


def geometric_product(logprobs, old_logprobs, mask):
    log_ratio = logprobs - old_logprobs.detach()
    return (log_ratio * mask).sum(-1).exp()


def geometric_columns(logprobs, old_logprobs, mask):
    log_ratio = logprobs - old_logprobs.detach()
    return (log_ratio * mask).mean(-1).exp()


def geometric_no_mask(logprobs, old_logprobs, mask):
    return (logprobs - old_logprobs.detach()).mean(-1).exp()


def geometric_arithmetic(logprobs, old_logprobs, mask):
    ratio = (logprobs - old_logprobs.detach()).exp()
    return (ratio * mask).sum(-1) / mask.sum(-1)


def geometric_inverse(logprobs, old_logprobs, mask):
    log_ratio = old_logprobs.detach() - logprobs
    return ((log_ratio * mask).sum(-1) / mask.sum(-1)).exp()


def geometric_old_not_detached(logprobs, old_logprobs, mask):
    log_ratio = logprobs - old_logprobs
    return ((log_ratio * mask).sum(-1) / mask.sum(-1)).exp()


def geometric_whole_batch(logprobs, old_logprobs, mask):
    log_ratio = logprobs - old_logprobs.detach()
    return ((log_ratio * mask).sum() / mask.sum()).exp()


WRONG = {
    "ex-ratio-read": {
        "old over new": (0.8, 0.22, 0, -1),
        "log ratio above 0": (1.25, -0.22, 0, -1),
        "ratio minus 1": (1.25, 0.25, 0, -1),
        "raised enough": (1.25, 0.22, 1, -1),
        "pushed back down": (1.25, 0.22, 0, 0),
        "its slope is negative": (1.25, 0.22, 0, 1),
        "the objective itself": (1.25, 0.22, 0, -1.25),
    },
    "ex-ratio-by-hand": {
        "three ratios equal weights": (1.044, 0.8, 0.0533),
        "weighed the ratios by the new policy": (1.053, 0.8, 0.0533),
        "what the old policy earns": (1, 0.9, 0.0533),
        "corrects twice": (1, 0.72, 0.0533),
        "three tokens equal weights": (1, 0.933, 0.0533),
        "mean of the squared ratio": (1, 0.8, 1.0533),
        "standard deviation": (1, 0.8, 0.231),
    },
    "ex-ratio-silent": {
        "every ratio outside the range": silent_any_side,
        "pulled back": silent_wrong_side,
        "good tokens only": silent_good_only,
        "number of tokens": silent_count,
        "always 0.2": silent_fixed_range,
        "mean over all of your result": silent_each,
    },
    "ex-ratio-quotient": {
        "still the ratio of the logs": lambda new, old, r: -(new / old * r).mean(),
        "divided old by new": lambda new, old, r: -(torch.exp(old - new) * r).mean(),
        "its exp is missing": lambda new, old, r: -((new - old) * r).mean(),
        "REINFORCE": lambda new, old, r: -(new * r).mean(),
        "gradient reaches old_logprobs": lambda new, old, r: -(torch.exp(new - old) * r).mean(),
        "no gradient reaches logprobs": lambda new, old, r: -(torch.exp(new - old).detach() * r).mean(),
        "sign is the wrong way round": lambda new, old, r: (torch.exp(new - old.detach()) * r).mean(),
        "a sum stands for a mean": lambda new, old, r: -(torch.exp(new - old.detach()) * r).sum(),
    },
    "ex-ratio-geometric": {
        "product of the ratios": geometric_product,
        "number of columns": geometric_columns,
        "The mask is not used": geometric_no_mask,
        "ordinary mean of the ratios": geometric_arithmetic,
        "divided old by new": geometric_inverse,
        "gradient reaches old_logprobs": geometric_old_not_detached,
        "shape (), expected (2,)": geometric_whole_batch,
    },
}
