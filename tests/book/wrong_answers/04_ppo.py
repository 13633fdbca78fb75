"""Wrong answers to the exercises of chapter 4, as learners write them: a fragment of the diagnosis -> the attempt."""

import torch


def clip_only(ratio, advantages, clip_eps=0.2):
    return ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages


def larger(ratio, advantages, clip_eps=0.2):
    return torch.max(ratio * advantages, clip_only(ratio, advantages, clip_eps))


def smaller_ratio(ratio, advantages, clip_eps=0.2):
    return torch.min(ratio, ratio.clamp(1 - clip_eps, 1 + clip_eps)) * advantages


def clipped_product(ratio, advantages, clip_eps=0.2):
    product = ratio * advantages
    return torch.min(product, torch.clip(product, 1 - clip_eps, 1 + clip_eps))


def always_a_fifth(ratio, advantages, clip_eps=0.2):
    return torch.min(ratio * advantages, torch.clamp(ratio, 0.8, 1.2) * advantages)


def no_gradient(ratio, advantages, clip_eps=0.2):
    return torch.min(ratio.detach() * advantages, clip_only(ratio.detach(), advantages, clip_eps))


def dual(ratio, advantages, clip_eps=0.2):
    usual = torch.min(ratio * advantages, clip_only(ratio, advantages, clip_eps))
    return torch.where(advantages < 0, torch.max(usual, 3 * advantages), usual)


def a_loss(ratio, advantages, clip_eps=0.2):
    return -torch.min(ratio * advantages, clip_only(ratio, advantages, clip_eps))


def unclipped(kl_coeff, kl, target, n, horizon):
    error = kl / target - 1
    return kl_coeff * (1 + error * n / horizon)


def turned_round(kl_coeff, kl, target, n, horizon):
    error = min(max(1 - kl / target, -0.2), 0.2)
    return kl_coeff * (1 + error * n / horizon)


def upside_down(kl_coeff, kl, target, n, horizon):
    error = min(max(target / kl - 1, -0.2), 0.2)
    return kl_coeff * (1 + error * n / horizon)


def at_once(kl_coeff, kl, target, n, horizon):
    error = min(max(kl / target - 1, -0.2), 0.2)
    return kl_coeff * (1 + error)


def added(kl_coeff, kl, target, n, horizon):
    error = min(max(kl / target - 1, -0.2), 0.2)
    return kl_coeff + error * n / horizon


WRONG = {
    "ex-ppo-price": {
        "turn it over": 4.394,
        "there are nine": 0.455,
        "factor 0.1": 0.478,
        "base 10": 0.524,
        "probability of 0.45": 0.5,
        "is too small": 0.1,
    },
    "ex-ppo-min": {
        "no way back": clip_only,
        "pessimist takes the smaller": larger,
        "minimum of the ratios": smaller_ratio,
        "Nothing is clipped": lambda ratio, advantages, clip_eps=0.2: ratio * advantages,
        "clip the product": clipped_product,
        "whatever clip_eps is": always_a_fifth,
        "gradient": no_gradient,
        "may always come back": dual,
        "sign is the wrong way round": a_loss,
    },
    "ex-ppo-two": {
        "left out the reference": lambda reference, pay, kl_coeff: torch.softmax(pay / kl_coeff, 0),
        "divide": lambda reference, pay, kl_coeff: torch.softmax(reference.log() + kl_coeff * pay, 0),
        "does not sum to one": lambda reference, pay, kl_coeff: reference * torch.exp(pay / kl_coeff),
        "wants their logs": lambda reference, pay, kl_coeff: torch.softmax(reference + pay / kl_coeff, 0),
        "These are logs": lambda reference, pay, kl_coeff: torch.log_softmax(reference.log() + pay / kl_coeff, 0),
    },
    "ex-ppo-controller": {
        "not clipped": unclipped,
        "must raise the price": turned_round,
        "divide the target by the KL": upside_down,
        "left out n / horizon": at_once,
        "add to the price": added,
    },
}
