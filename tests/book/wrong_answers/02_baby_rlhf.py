"""Wrong answers to the exercises of chapter 2, as learners write them: a fragment of the diagnosis -> the attempt."""

import torch


def first_loss(logprobs, old_logprobs, rewards, kl_coeff=0.1):
    ratio = torch.exp(logprobs - old_logprobs)
    kl = (old_logprobs - logprobs).mean()
    return -(ratio * rewards).mean() + kl_coeff * kl


def detached_new(logprobs, old_logprobs, rewards, kl_coeff=0.1):
    return first_loss(logprobs.detach(), old_logprobs, rewards, kl_coeff)


def detached_both(logprobs, old_logprobs, rewards, kl_coeff=0.1):
    with torch.no_grad():
        return first_loss(logprobs, old_logprobs, rewards, kl_coeff)


def always_a_tenth(logprobs, old_logprobs, rewards, kl_coeff=0.1):
    return first_loss(logprobs, old_logprobs.detach(), rewards)


def three_arguments(logprobs, old_logprobs, rewards):
    return first_loss(logprobs, old_logprobs.detach(), rewards)


def detached_in_the_ratio(logprobs, old_logprobs, rewards, kl_coeff=0.1):
    ratio = torch.exp(logprobs - old_logprobs.detach())
    kl = (old_logprobs - logprobs).mean()
    return -(ratio * rewards).mean() + kl_coeff * kl


def detached_in_the_penalty(logprobs, old_logprobs, rewards, kl_coeff=0.1):
    ratio = torch.exp(logprobs - old_logprobs)
    kl = (old_logprobs.detach() - logprobs).mean()
    return -(ratio * rewards).mean() + kl_coeff * kl


def without_the_penalty(logprobs, old_logprobs, rewards, kl_coeff=0.1):
    return -(torch.exp(logprobs - old_logprobs.detach()) * rewards).mean()


def from_dice(scores, count):
    actions = torch.multinomial(torch.randn(4).softmax(-1), count, replacement=True)
    return actions, scores.log_softmax(-1)[actions]


def always_the_best(scores, count):
    actions = scores.argmax().expand(count)
    return actions, scores.log_softmax(-1)[actions]


def sigmoids(scores, count):
    probs = torch.sigmoid(scores)
    actions = torch.multinomial(probs, count, replacement=True)
    return actions, probs[actions].log()


def half_repaired(scores, count):
    actions = torch.multinomial(scores.softmax(-1), count, replacement=True)
    return actions, torch.nn.functional.logsigmoid(scores[actions])


def no_log(scores, count):
    probs = scores.softmax(-1)
    actions = torch.multinomial(probs, count, replacement=True)
    return actions, probs[actions]


def softmax_of_the_drawn(scores, count):
    actions = torch.multinomial(scores.softmax(-1), count, replacement=True)
    return actions, scores[actions].log_softmax(-1)


def whole_row(scores, count):
    row = scores.log_softmax(-1)
    return torch.multinomial(row.exp(), count, replacement=True), row


def detached_row(scores, count):
    row = scores.log_softmax(-1).detach()
    actions = torch.multinomial(row.exp(), count, replacement=True)
    return actions, row[actions]


def one_tensor(scores, count):
    return scores.log_softmax(-1)


def gradients_of(p, pay, baseline):
    return (pay - baseline)[:, None] * (torch.eye(len(p)) - p)


def unweighted(p, pay, baseline):
    gradients = gradients_of(p, pay, baseline)
    mean = gradients.mean(0)
    return mean, (gradients**2).mean(0).sum() - (mean**2).sum()


def second_moment(p, pay, baseline):
    gradients = gradients_of(p, pay, baseline)
    return p @ gradients, (p @ gradients**2).sum()


def deviation(p, pay, baseline):
    gradients = gradients_of(p, pay, baseline)
    mean = p @ gradients
    return mean, (p @ gradients**2 - mean**2).sum().sqrt()


def not_summed(p, pay, baseline):
    gradients = gradients_of(p, pay, baseline)
    mean = p @ gradients
    return mean, p @ gradients**2 - mean**2


def turned_round(p, pay, baseline):
    gradients = (pay - baseline)[:, None] * (p - torch.eye(len(p)))
    mean = p @ gradients
    return mean, (p @ gradients**2 - mean**2).sum()


WRONG = {
    "ex-baby-bug": {
        "still the loss that does not learn": first_loss,
        "the ones that should learn": detached_new,
        "nothing is left that could learn": detached_both,
        "in the ratio only": detached_in_the_ratio,
        "in the penalty only": detached_in_the_penalty,
        "left out the penalty": without_the_penalty,
        "tried for `kl_coeff`": always_a_tenth,
        "no argument `kl_coeff`": three_arguments,
    },
    "ex-baby-switches": {
        "one sigmoid": (0.5, 0.1, 1, 0.1),
        "Ten sigmoids do not share": (1, 1, 1, 0.1),
        "divides by the sum": (5, 5, 1, 0.1),
        "none gains on another": (5, 1, 1, 1),
        "its own 100 turns it on": (5, 1, 0.5, 0.1),
    },
    "ex-baby-repair": {
        "come from dice": from_dice,
        "nothing new is ever tried": always_the_best,
        "in proportion to the sigmoids": sigmoids,
        "log-sigmoids again": half_repaired,
        "take their logs": no_log,
        "softmax over the tokens that were drawn": softmax_of_the_drawn,
        "yours has shape (4,)": whole_row,
        "detached from the scores": detached_row,
        "Return 2 tensors": one_tensor,
    },
    "ex-baby-raise": {
        "have nothing to do with token 1": "both",
        "the 100 are in the mean": "neither",
        "the other way round": "my_baby_ppo",
    },
    "ex-baby-baseline": {
        "weigh all tokens alike": unweighted,
        "left out the baseline": lambda p, pay, baseline: (
            p @ gradients_of(p, pay, 0),
            (p @ gradients_of(p, pay, 0) ** 2 - (p @ gradients_of(p, pay, 0)) ** 2).sum(),
        ),
        "square of the mean": second_moment,
        "standard deviation": deviation,
        "one for each component": not_summed,
        "it is onehot(y) - p": turned_round,
    },
    "ex-baby-later": {
        "paid so far": lambda rewards: rewards.cumsum(1),
        "the whole sum": lambda rewards: rewards.sum(1, keepdim=True).repeat(1, rewards.shape[1]),
        "what the token itself is paid": lambda rewards: rewards.sum(1, keepdim=True) - rewards.cumsum(1),
        "add over the batch": lambda rewards: rewards.flip(0).cumsum(0).flip(0),
        "did not turn them back": lambda rewards: rewards.flip(1).cumsum(1),
    },
}
