"""Baby RLHF: a policy of ten tokens, and every loss that trains it."""

import torch

from rlhf_helpers.advantages import gae, group_advantages, rloo_advantages
from rlhf_helpers.exact import expected_reward_and_kl, optimal_policy, policy_table
from rlhf_helpers.feedback import judge_worths, preference_pairs, token_worths
from rlhf_helpers.functional import training_step
from rlhf_helpers.losses import (
    aggregate, baby_ppo_loss, bradley_terry_loss, clipped_surrogate, dpo_loss, grpo_loss, kl_estimate, policy_ratio,
    ppo_loss, reinforce_loss, reweighted_ppo_loss, spo_loss, value_loss,
)  # fmt: skip
from rlhf_helpers.methods import baby_ppo, dpo, grpo, ppo, reweighted_ppo, rloo, shaped_rewards, spo
from rlhf_helpers.policy import TinyCritic, TinyPolicy, uniform_policy
from rlhf_helpers.reward_model import best_of_n, every_count, fit_reward_model, tilt
from rlhf_helpers.rewards import token_reward
from rlhf_helpers.sampling import generate, next_token_logprobs, sample_with, sequence_logprobs, token_logprobs
from rlhf_helpers.training import History, Models, Rollout, collect, train

__all__ = [
    "History", "Models", "Rollout", "TinyCritic", "TinyPolicy", "aggregate", "baby_ppo", "baby_ppo_loss",
    "best_of_n", "bradley_terry_loss", "clipped_surrogate", "collect", "dpo", "dpo_loss", "every_count",
    "expected_reward_and_kl", "fit_reward_model", "gae", "generate", "group_advantages", "grpo", "grpo_loss",
    "judge_worths", "kl_estimate", "next_token_logprobs", "optimal_policy", "policy_ratio", "policy_table", "ppo",
    "ppo_loss", "preference_pairs", "reinforce_loss", "reweighted_ppo", "reweighted_ppo_loss", "rloo",
    "rloo_advantages", "sample_with", "sequence_logprobs", "shaped_rewards", "spo", "spo_loss", "tilt",
    "token_logprobs", "token_reward", "token_worths", "train", "training_step", "uniform_policy", "value_loss",
]  # fmt: skip

# On tensors of a few hundred numbers a second thread only waits, and on a busy machine it waits long: a step then takes
# ten times as much.
torch.set_num_threads(1)
