"""Losses as pure functions of tensors; every one returns a scalar to minimize."""

from rlhf_helpers.losses.policy_gradient import (
    baby_ppo_loss,
    grpo_loss,
    ppo_loss,
    reinforce_loss,
    reweighted_ppo_loss,
)
from rlhf_helpers.losses.preference import bradley_terry_loss, dpo_loss, spo_loss
from rlhf_helpers.losses.terms import aggregate, clipped_surrogate, kl_estimate, policy_ratio
from rlhf_helpers.losses.value import value_loss

__all__ = [
    "aggregate",
    "baby_ppo_loss",
    "bradley_terry_loss",
    "clipped_surrogate",
    "dpo_loss",
    "grpo_loss",
    "kl_estimate",
    "policy_ratio",
    "ppo_loss",
    "reinforce_loss",
    "reweighted_ppo_loss",
    "spo_loss",
    "value_loss",
]
