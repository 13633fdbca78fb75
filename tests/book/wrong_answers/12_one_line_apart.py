"""Wrong answers to the exercises of chapter 12, as learners write them: a fragment of the diagnosis -> the attempt."""

import torch


def both_directions(logprobs, old_logprobs, advantages, max_move):
    moved = (logprobs.exp() - old_logprobs.exp()).abs()
    return torch.where(moved > max_move, 0.0, (logprobs - old_logprobs).exp() * advantages)


def only_rises(logprobs, old_logprobs, advantages, max_move):
    moved = logprobs.exp() - old_logprobs.exp()
    return torch.where(moved > max_move, 0.0, (logprobs - old_logprobs).exp() * advantages)


def a_clip(logprobs, old_logprobs, advantages, max_move):
    ratio = (logprobs - old_logprobs).exp()
    silent = (advantages > 0) & (ratio > 1 + max_move) | (advantages < 0) & (ratio < 1 - max_move)
    return torch.where(silent, 0.0, ratio * advantages)


def no_ratio(logprobs, old_logprobs, advantages, max_move):
    moved = advantages.sign() * (logprobs.exp() - old_logprobs.exp())
    return torch.where(moved > max_move, 0.0, advantages)


def as_it_was(logprobs, old_logprobs, advantages, max_weight):
    weight = (logprobs - old_logprobs).exp().clamp(max=max_weight)
    return -(weight * advantages * logprobs).mean()


def wrong_detach(logprobs, old_logprobs, advantages, max_weight):
    weight = (logprobs - old_logprobs).exp().clamp(max=max_weight)
    return -(weight * advantages * logprobs.detach()).mean()


def no_limit(logprobs, old_logprobs, advantages, max_weight):
    return -((logprobs - old_logprobs).exp().detach() * advantages * logprobs).mean()


def no_minus(logprobs, old_logprobs, advantages, max_weight):
    weight = (logprobs - old_logprobs).exp().clamp(max=max_weight).detach()
    return (weight * advantages * logprobs).mean()


def conservative(h, beta, e):
    return beta * ((1 - e) * torch.sigmoid(-beta * h) - e * torch.sigmoid(beta * h))


def sign_lost(h, beta, e):
    return beta * ((1 - e) * torch.sigmoid(-beta * h) - e * torch.sigmoid(beta * h)) / (1 - 2 * e)


def not_divided(h, beta, e):
    return beta * ((1 - e) * torch.sigmoid(-beta * h) + e * torch.sigmoid(beta * h))


def plain_dpo(h, beta, e):
    return beta * torch.sigmoid(-beta * h)


WRONG = {
    "ex-family-one": {
        "out of its own baseline": (0.875, 2.47, 7.0),
        "subtracts the mean": (1.0, 2.83, 7.0),
        "standard deviation over G;": (1.0, 2.65, 7.0),
        "Dr. GRPO": (1.0, 0.875, 7.0),
        "subtract the mean first": (1.0, 2.47, 8.0),
    },
    "ex-family-dppo": {
        "in either direction": both_directions,
        "only at rises": only_rises,
        "clip of the ratio": a_clip,
        "ratio is missing": no_ratio,
    },
    "ex-family-cispo": {
        "weight still learns": as_it_was,
        "wrong factor": wrong_detach,
        "limit is gone": no_limit,
        "minus sign is missing": no_minus,
    },
    "ex-family-robust": {
        "cDPO's push": conservative,
        "derivative of -h": sign_lost,
        "division by 1 - 2 e": not_divided,
        "knows nothing of e": plain_dpo,
    },
}
