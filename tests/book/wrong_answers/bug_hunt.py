"""Wrong answers in the bug hunt, as learners write them: a fragment of the diagnosis -> the attempt."""

import math

import torch


def mask_at_the_end(logprobs, old_logprobs, mask):
    ratio = torch.exp(logprobs - old_logprobs)
    return ((ratio - 1).abs() * mask).max()


def mean_distance(logprobs, old_logprobs, mask):
    log_ratio = torch.where(mask > 0, logprobs - old_logprobs, 0.0)
    return (log_ratio.exp() - 1).abs().mean()


def no_absolute_value(logprobs, old_logprobs, mask):
    log_ratio = torch.where(mask > 0, logprobs - old_logprobs, 0.0)
    return (log_ratio.exp() - 1).max()


def log_ratio_only(logprobs, old_logprobs, mask):
    return torch.where(mask > 0, logprobs - old_logprobs, 0.0).abs().max()


def mask_forgotten(logprobs, old_logprobs, mask):
    return (torch.exp(logprobs - old_logprobs) - 1).abs().max()


def terms(logits, ref_logits):
    logprobs = torch.log_softmax(logits, dim=-1)
    return logprobs.exp() * (logprobs - torch.log_softmax(ref_logits, dim=-1))


def other_way(logits, ref_logits):
    logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
    return (ref.exp() * (ref - logprobs)).sum(-1).mean()


def no_weights(logits, ref_logits):
    return (logits.log_softmax(-1) - ref_logits.log_softmax(-1)).sum(-1).mean()


WRONG = {
    "ex-hunt-plateau": {
        "18.42 belongs to 1e-8": (18.42, 0.2486),
        "A loss is minus the logarithm": (-13.82, 0.2486),
        "logarithm to base 10": (6, 0.2486),
        "0.390 belongs to 8 places": (13.82, 0.39),
        "reward at the last place": (13.82, 1 - (8 / 9) ** 4),
        "the first place only": (13.82, 1 / 9),
    },
    "ex-hunt-ratio": {
        "infinity times 0 is NaN: replace": mask_at_the_end,
        "one bad token among many": mean_distance,
        "take the absolute value": no_absolute_value,
        "The ratio is its exp": log_ratio_only,
        "looked at the unused places": mask_forgotten,
    },
    "ex-hunt-kl": {
        "divides by the size of the vocabulary": lambda logits, ref: terms(logits, ref).mean(),
        "KL per token is their mean": lambda logits, ref: terms(logits, ref).sum(),
        "The axis is the last one": lambda logits, ref: terms(logits, ref).sum(dim=1).mean(),
        "KL(reference || policy)": other_way,
        "that weigh the entries are missing": no_weights,
        "shape": lambda logits, ref: terms(logits, ref).sum(-1),
    },
    "ex-hunt-price": {
        "0 times the logarithm of 0 counts as 0": lambda r: (
            r * torch.log(r / 0.1) + (1 - r) * torch.log((1 - r) / 9 / 0.1)
        ),
        "The other nine tokens are missing": lambda r: r * torch.log(10 * r),
        "each has (1 - r) / 9": lambda r: r * torch.log(10 * r) + torch.special.xlogy(1 - r, (1 - r) / 0.1),
        "That is the entropy": lambda r: -(torch.xlogy(r, r) + torch.xlogy(1 - r, 1 - r)),
        "in bits": lambda r: (torch.xlogy(r, 10 * r) + torch.xlogy(1 - r, (1 - r) / 0.9)) / math.log(2),
    },
}
