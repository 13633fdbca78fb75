"""The methods of the book, each a small function for ``train``.

A method receives the models and a batch and returns ``(loss, series)``: a scalar to minimize and, by name, what it
wants to have recorded of the batch, each one number. Write your own in the same shape and hand it to ``train``.
"""

from rlhf_helpers.methods.policy_gradient import baby_ppo, grpo, ppo, rloo
from rlhf_helpers.methods.preference import dpo, reweighted_ppo, spo

__all__ = ["baby_ppo", "dpo", "grpo", "ppo", "reweighted_ppo", "rloo", "spo"]
