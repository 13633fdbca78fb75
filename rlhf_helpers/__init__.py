"""Baby RLHF: a policy of ten tokens, and every loss that trains it.

To read the mathematics, take it in this order:

1. ``policy.py``: a policy is a function from tokens to logits, here a table of ten by ten.
2. ``sampling.py``: how completions are drawn from it, and how likely it finds them.
3. ``losses/terms.py`` and ``losses/policy_gradient.py``: ratio, clip, KL and average, and the losses made of them.
4. ``rollout.py``: a batch, with all that a loss may want to know about it.
5. ``methods/policy_gradient.py``: from a batch to a loss, method by method.
6. ``training.py``: the loop that trains with any of them.

What is left comes when a chapter asks for it: ``advantages.py`` and ``losses/value.py`` with critics and groups,
``losses/preference.py`` and ``methods/preference.py`` with pairs, ``series.py`` with what a run records, ``exact.py``
with what ten tokens allow to compute without sampling.
"""

from rlhf_helpers.advantages import gae, group_advantages, rloo_advantages
from rlhf_helpers.best_policies import best_of_n, every_count, tilt
from rlhf_helpers.exact import expected_reward_and_kl, optimal_policy, policy_table
from rlhf_helpers.feedback import judge_utilities, prefer, preference_pairs, token_utilities
from rlhf_helpers.flat import AtParameters, adam
from rlhf_helpers.gpt import Memory, ScalarGPT, TinyGPT
from rlhf_helpers.losses import (
    aggregate,
    baby_ppo_loss,
    bradley_terry_loss,
    clipped_surrogate,
    dpo_loss,
    grpo_loss,
    kl_estimate,
    policy_ratio,
    ppo_loss,
    reinforce_loss,
    reweighted_ppo_loss,
    spo_loss,
    value_loss,
)
from rlhf_helpers.masks import mask_after_end
from rlhf_helpers.methods import baby_ppo, dpo, grpo, ppo, reweighted_ppo, rloo, spo
from rlhf_helpers.policy import TinyCritic, TinyPolicy, uniform_policy
from rlhf_helpers.pushes import push_on_logits
from rlhf_helpers.reward_model import fit_reward_model, fit_utilities
from rlhf_helpers.rewards import token_reward
from rlhf_helpers.rollout import Models, Rollout, collect, shaped_rewards
from rlhf_helpers.sampling import generate, next_token_logprobs, sample_with, sequence_logprobs, token_logprobs
from rlhf_helpers.series import measure, ratio_series
from rlhf_helpers.ten_token_step import training_step
from rlhf_helpers.training import History, train

__all__ = [
    "AtParameters",
    "History",
    "Memory",
    "Models",
    "Rollout",
    "ScalarGPT",
    "TinyCritic",
    "TinyGPT",
    "TinyPolicy",
    "adam",
    "aggregate",
    "baby_ppo",
    "baby_ppo_loss",
    "best_of_n",
    "bradley_terry_loss",
    "clipped_surrogate",
    "collect",
    "dpo",
    "dpo_loss",
    "every_count",
    "expected_reward_and_kl",
    "fit_reward_model",
    "fit_utilities",
    "gae",
    "generate",
    "group_advantages",
    "grpo",
    "grpo_loss",
    "judge_utilities",
    "kl_estimate",
    "mask_after_end",
    "measure",
    "next_token_logprobs",
    "optimal_policy",
    "policy_ratio",
    "policy_table",
    "ppo",
    "ppo_loss",
    "push_on_logits",
    "prefer",
    "preference_pairs",
    "ratio_series",
    "reinforce_loss",
    "reweighted_ppo",
    "reweighted_ppo_loss",
    "rloo",
    "rloo_advantages",
    "sample_with",
    "sequence_logprobs",
    "shaped_rewards",
    "spo",
    "spo_loss",
    "tilt",
    "token_logprobs",
    "token_reward",
    "token_utilities",
    "train",
    "training_step",
    "uniform_policy",
    "value_loss",
]
