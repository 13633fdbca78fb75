"""Every name that a paper or a configuration throws at a reader, one line from its neighbor.

A name of the policy gradients is up to three choices: whom a completion is compared with (``advantages.py``), what its
tokens weigh (``policy_gradient.py``), and who pays (``verifiers.py``). A name of the preferences is one loss
(``preference.py``); distillation has a teacher in the place of the reward (``distillation.py``).

What other chapters taught is where it was: :func:`~rlhf_helpers.reinforce_loss`, :func:`~rlhf_helpers.ppo_loss`,
:func:`~rlhf_helpers.grpo_loss`, :func:`~rlhf_helpers.rloo_advantages`, :func:`~rlhf_helpers.group_advantages` and
:func:`~rlhf_helpers.dpo_loss`.
"""

from rlhf_helpers.family.advantages import batch_advantages, best_of_n_advantages, maxrl_advantages, mixed_groups
from rlhf_helpers.family.distillation import distillation_kl, on_policy_distillation_loss
from rlhf_helpers.family.policy_gradient import cispo_loss, dapo_loss, dppo_loss, dr_grpo_loss, gspo_loss, sapo_loss
from rlhf_helpers.family.preference import cdpo_loss, ipo_loss, kto_loss, orpo_loss, simpo_loss
from rlhf_helpers.family.verifiers import overlong_penalty, verifier_reward

__all__ = [
    "batch_advantages",
    "best_of_n_advantages",
    "cdpo_loss",
    "cispo_loss",
    "dapo_loss",
    "distillation_kl",
    "dppo_loss",
    "dr_grpo_loss",
    "gspo_loss",
    "ipo_loss",
    "kto_loss",
    "maxrl_advantages",
    "mixed_groups",
    "on_policy_distillation_loss",
    "orpo_loss",
    "overlong_penalty",
    "sapo_loss",
    "simpo_loss",
    "verifier_reward",
]
