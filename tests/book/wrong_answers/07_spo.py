"""Wrong answers to the exercises of chapter 7, as learners write them: a fragment of the diagnosis -> the attempt."""


def own_mean(payout, mu, nu):
    advantage_a = payout - (mu * payout).sum()
    advantage_b = payout - (nu * payout).sum()
    return mu * advantage_a + nu * advantage_b


def sign_turned(payout, mu, nu):
    return -(mu * (payout - (nu * payout).sum()) + nu * (payout - (mu * payout).sum()))


def copg_as_published(logprobs, ref_logprobs, rewards, kl_coeff):
    log_ratio = logprobs - ref_logprobs
    gap = (rewards - kl_coeff / 2 * log_ratio).diff()[:, 0]
    return -(gap * log_ratio.diff()[:, 0]).mean()


def as_it_was(logprobs, ref_logprobs, rewards, kl_coeff):
    scores = rewards - kl_coeff * (logprobs - ref_logprobs)
    gap = scores[:, 0] - scores[:, 1]
    return -(gap * (logprobs[:, 0] - logprobs[:, 1])).mean()


def nothing_trains(logprobs, ref_logprobs, rewards, kl_coeff):
    scores = rewards - kl_coeff * (logprobs - ref_logprobs)
    gap = logprobs[:, 0].detach() - logprobs[:, 1].detach()
    return -((scores[:, 0] - scores[:, 1]) * gap).mean()


def no_pull(logprobs, ref_logprobs, rewards, kl_coeff):
    return -((rewards[:, 0] - rewards[:, 1]).detach() * (logprobs[:, 0] - logprobs[:, 1])).mean()


def half_the_pull(logprobs, ref_logprobs, rewards, kl_coeff):
    scores = rewards - kl_coeff / 2 * (logprobs - ref_logprobs)
    return -((scores[:, 0] - scores[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()


def a_bonus(logprobs, ref_logprobs, rewards, kl_coeff):
    scores = (rewards + kl_coeff * (logprobs - ref_logprobs)).detach()
    return -((scores[:, 0] - scores[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()


def gaps(logprobs, ref_logprobs, rewards):
    log_ratio = (logprobs - ref_logprobs.detach()).sum(1).view(-1, 2)
    paid = rewards.sum(1).view(-1, 2)
    return log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]


def bracket_times_beta(logprobs, ref_logprobs, rewards, beta):
    h, r = gaps(logprobs, ref_logprobs, rewards)
    return ((beta * h - r) ** 2).mean()


def times_beta(logprobs, ref_logprobs, rewards, beta):
    h, r = gaps(logprobs, ref_logprobs, rewards)
    return ((h - beta * r) ** 2).mean()


def mean_of_tokens(logprobs, ref_logprobs, rewards, beta):
    h, r = gaps(logprobs, ref_logprobs, rewards)
    return ((h / 3 - r / 3 / beta) ** 2).mean()


def no_reference(logprobs, ref_logprobs, rewards, beta):
    h, r = gaps(logprobs, ref_logprobs * 0, rewards)
    return ((h - r / beta) ** 2).mean()


def first_half_against_second(logprobs, ref_logprobs, rewards, beta):
    log_ratio = (logprobs - ref_logprobs.detach()).sum(1)
    paid = rewards.sum(1)
    half = len(paid) // 2
    return ((log_ratio[:half] - log_ratio[half:] - (paid[:half] - paid[half:]) / beta) ** 2).mean()


def turned_around(logprobs, ref_logprobs, rewards, beta):
    h, r = gaps(logprobs, ref_logprobs, rewards)
    return ((h + r / beta) ** 2).mean()


def detached_as_in_copg(logprobs, ref_logprobs, rewards, beta):
    h, r = gaps(logprobs.detach(), ref_logprobs, rewards)
    return ((h - r / beta) ** 2).mean()


def reference_trains_along(logprobs, ref_logprobs, rewards, beta):
    h = (logprobs - ref_logprobs).sum(1).view(-1, 2)
    paid = rewards.sum(1).view(-1, 2)
    return ((h[:, 0] - h[:, 1] - (paid[:, 0] - paid[:, 1]) / beta) ** 2).mean()


WRONG = {
    "ex-spo-loud": {
        "would cancel louder scores": (5.0, 1.0),
        "nothing would have changed": (0.5, 1.0),
        "Adam divides it by its own size": (0.05, 10.0),
        "does not turn around": (0.05, 0.1),
        "Number 2": (0.05, 3.0),
    },
    "ex-spo-arms": {
        "mean of its own sampler": own_mean,
        "as answer b": lambda payout, mu, nu: mu * (payout - (nu * payout).sum()),
        "baselines are missing": lambda payout, mu, nu: mu * payout + nu * payout,
        "how often each arm": lambda payout, mu, nu: 2 * payout - (mu * payout).sum() - (nu * payout).sum(),
        "mean of the payouts": lambda payout, mu, nu: (mu + nu) * (payout - payout.mean()),
        "wrong way round": sign_turned,
    },
    "ex-spo-bug": {
        "the pull acts twice": as_it_was,
        "CoPG's own loss": copg_as_published,
        "detached the wrong factor": nothing_trains,
        "took the pull out": no_pull,
        "hides the double pull": half_the_pull,
        "no pull: the sign": a_bonus,
    },
    "ex-spo-rebel": {
        "not times β": times_beta,
        "β² times the loss": bracket_times_beta,
        "averaged over the tokens": mean_of_tokens,
        "reference is missing": no_reference,
        "first half of the rows": first_half_against_second,
        "paid more should become likelier": turned_around,
        "no gradient reaches logprobs": detached_as_in_copg,
        "a gradient reaches ref_logprobs": reference_trains_along,
    },
}
