"""The exercise of the page on KL bookkeeping, and what a wrong answer is told."""

import torch
from torch import Tensor

from rlhf_helpers.exercises.diagnosis import Checker, Function, Mistake
from rlhf_helpers.losses import kl_estimate

# ---- A toll with three faults


def _right(rewards: Tensor, logprobs: Tensor, ref_logprobs: Tensor, kl_coeff: float) -> Tensor:
    kl = (logprobs - ref_logprobs).detach()
    return rewards - kl_coeff * kl


def _after_toll(rewards: Tensor, logprobs: Tensor, ref_logprobs: Tensor, kl_coeff: float, kind: str = "k1") -> Tensor:
    return rewards - kl_coeff * kl_estimate(logprobs, ref_logprobs, kind).detach()


def _at_the_end(rewards: Tensor, tolls: Tensor) -> Tensor:
    return torch.cat([rewards[:, :-1], rewards[:, -1:] - tolls.sum(1, keepdim=True)], 1)


def _exact_term(rewards: Tensor, logprobs: Tensor, ref_logprobs: Tensor, kl_coeff: float) -> Tensor:
    return rewards - kl_coeff * logprobs.exp() * (logprobs - ref_logprobs)


after_toll = Function(
    _right,
    [
        {
            "rewards": torch.tensor([[1.0, 0.0, 0.0]]),
            "logprobs": torch.tensor([[-0.5, -2.0, -3.0]]),
            "ref_logprobs": torch.tensor([[-2.3, -2.4, -1.5]]),
            "kl_coeff": 0.5,
        },
        {
            "rewards": torch.tensor([[0.0, 2.0], [1.0, 0.0]]),
            "logprobs": torch.tensor([[-1.0, -0.2], [-2.5, -0.9]]),
            "ref_logprobs": torch.tensor([[-1.4, -2.0], [-1.1, -1.0]]),
            "kl_coeff": 0.2,
        },
    ],
    [
        Mistake(
            "Three faults are still there: the sign, the estimate, and the missing detach.",
            lambda pay, new, ref, coeff: pay + coeff * kl_estimate(new, ref, "k3"),
        ),
        Mistake(
            "The estimate is still k3, which gives a wrong gradient in the reward.",
            lambda pay, new, ref, coeff: _after_toll(pay, new, ref, coeff, "k3"),
        ),
        Mistake(
            "k2 gives a wrong gradient in the reward, like k3; the one that is right there is k1.",
            lambda pay, new, ref, coeff: _after_toll(pay, new, ref, coeff, "k2"),
        ),
        Mistake(
            "You pay out for leaving the reference: the sign, or the order in kl_estimate, is the wrong way round.",
            lambda pay, new, ref, coeff: _after_toll(pay, new, ref, -coeff),
        ),
        Mistake(
            "You charge every token the average; each token pays its own toll.",
            lambda pay, new, ref, coeff: pay - coeff * (new - ref).detach().mean(),
        ),
        Mistake(
            "The price, kl_coeff, is missing.",
            lambda pay, new, ref, coeff: _after_toll(pay, new, ref, 1.0),
        ),
        Mistake(
            "Two faults are left: the estimate is still k3, and the sign of the price is still turned.",
            lambda pay, new, ref, coeff: _after_toll(pay, new, ref, -coeff, "k3"),
        ),
        Mistake(
            "Two faults are left: k2 is no estimate for the reward, and the sign of the price is turned.",
            lambda pay, new, ref, coeff: _after_toll(pay, new, ref, -coeff, "k2"),
        ),
        Mistake(
            "Your estimate compares probabilities; k1 is the difference of the logs.",
            lambda pay, new, ref, coeff: pay - coeff * (new.exp() - ref.exp()),
        ),
        Mistake(
            "You charge the absolute value: where a token has become less likely, k1 pays back.",
            lambda pay, new, ref, coeff: pay - coeff * (new - ref).abs(),
        ),
        Mistake(
            "You charge only where a token has become likelier: k1 pays back where it has not.",
            lambda pay, new, ref, coeff: pay - coeff * (new - ref).clamp(min=0),
        ),
        Mistake("The rewards are gone.", lambda pay, new, ref, coeff: -coeff * (new - ref)),
        Mistake(
            "You charge at the last token alone; each token pays its own toll.",
            lambda pay, new, ref, coeff: _at_the_end(pay, coeff * (new - ref)),
        ),
        Mistake("You charge the exact term p log(p / q); k1 is log(p / q).", _exact_term),
        Mistake(
            "You charge what was owed so far; each token pays its own toll.",
            lambda pay, new, ref, coeff: pay - coeff * (new - ref).detach().cumsum(-1),
        ),
        Mistake(
            "You charge every token the sum; each pays its own toll.",
            lambda pay, new, ref, coeff: pay - coeff * (new - ref).detach().sum(-1, keepdim=True),
        ),
        Mistake(
            "You charge the ratio; k1 is its log.",
            lambda pay, new, ref, coeff: pay - coeff * (new - ref).detach().exp(),
        ),
        Mistake(
            "You charge the ratio minus 1; k1 is its log.",
            lambda pay, new, ref, coeff: pay - coeff * ((new - ref).detach().exp() - 1),
        ),
        Mistake(
            "You charge the square; k1 is the difference of the logs itself.",
            lambda pay, new, ref, coeff: pay - coeff * (new - ref).detach() ** 2,
        ),
        Mistake(
            "You divided by the price; the toll is multiplied by it.",
            lambda pay, new, ref, coeff: pay - (new - ref).detach() / coeff,
        ),
        Mistake(
            "The toll is a share of the reward with you; it is owed by every token, whatever it earns.",
            lambda pay, new, ref, coeff: pay * (1 - coeff * (new - ref).detach()),
        ),
        Mistake(
            "The estimate is still k3, and its two arguments are swapped.",
            lambda pay, new, ref, coeff: pay - coeff * kl_estimate(ref, new, "k3").detach(),
        ),
        Mistake(
            "The reference is missing: the toll is on the difference of the logs.",
            lambda pay, new, ref, coeff: pay - coeff * new.detach(),
        ),
        Mistake(
            "You give one number; each token keeps its own.",
            lambda pay, new, ref, coeff: (pay - coeff * (new - ref).detach()).sum(),
        ),
        Mistake(
            "You limited what is left of the reward; nobody asked for that.",
            lambda pay, new, ref, coeff: (pay - coeff * (new - ref).detach()).clamp(-1, 1),
        ),
    ],
    gradients=("logprobs",),  # the other two are data
    hint=2,
    gradient_hint=3,
)


EXERCISES: dict[str, Checker] = {
    "ex-ppo-toll": after_toll,
}
