"""Wrong answers to the exercise on KL bookkeeping: a fragment of the diagnosis -> the attempt, as learners write it."""

from rlhf_helpers import kl_estimate


def as_found(rewards, logprobs, ref_logprobs, kl_coeff):
    kl = kl_estimate(logprobs, ref_logprobs, "k3")
    return rewards + kl_coeff * kl


def sign_fixed(rewards, logprobs, ref_logprobs, kl_coeff):
    kl = kl_estimate(logprobs, ref_logprobs, "k3")
    return rewards - kl_coeff * kl


def calm_but_wrong(rewards, logprobs, ref_logprobs, kl_coeff):
    kl = kl_estimate(logprobs, ref_logprobs, "k2").detach()
    return rewards - kl_coeff * kl


def paid_for_leaving(rewards, logprobs, ref_logprobs, kl_coeff):
    return rewards - kl_coeff * kl_estimate(ref_logprobs, logprobs, "k1").detach()


def no_detach(rewards, logprobs, ref_logprobs, kl_coeff):
    return rewards - kl_coeff * (logprobs - ref_logprobs)


def one_toll_for_all(rewards, logprobs, ref_logprobs, kl_coeff):
    return rewards - kl_coeff * (logprobs - ref_logprobs).mean().detach()


def no_price(rewards, logprobs, ref_logprobs, kl_coeff):
    return rewards - (logprobs - ref_logprobs).detach()


WRONG = {
    "ex-ppo-toll": {
        "Three faults": as_found,
        "still k3": sign_fixed,
        "right there is k1": calm_but_wrong,
        "pay out for leaving": paid_for_leaving,
        "none should: detach it": no_detach,
        "each token pays its own toll": one_toll_for_all,
        "kl_coeff, is missing": no_price,
    },
}
