"""The public names, with their arguments in the agreed order, their keyword-only knobs and their defaults."""

import inspect

import pytest

import rlhf_helpers

NONE = inspect.Parameter.empty
CONTRACT = {  # name -> (positional arguments, keyword-only knobs), each name=default
    "TinyPolicy": ({"vocab_size": 10, "hidden_dim": 16}, {"generator": None}),
    "TinyCritic": ({"vocab_size": 10, "max_length": 64}, {}),
    "uniform_policy": ({"vocab_size": 10, "hidden_dim": 16}, {"generator": None}),
    "generate": (
        {"policy": NONE, "prompt_ids": NONE, "max_new_tokens": NONE},
        {"temperature": 1.0, "generator": None},
    ),
    "sample_with": ({"policy": NONE, "prompt_ids": NONE, "uniforms": NONE}, {"temperature": 1.0}),
    "token_logprobs": ({"policy": NONE, "prompt_ids": NONE, "completion_ids": NONE}, {}),
    "next_token_logprobs": ({"policy": NONE, "prompt_ids": NONE, "completion_ids": NONE}, {}),
    "sequence_logprobs": ({"logprobs": NONE, "completion_mask": None}, {}),
    "token_reward": ({"completion_ids": NONE, "target": 1}, {}),
    "group_advantages": ({"rewards": NONE}, {"normalize": True, "eps": 1e-4}),
    "rloo_advantages": ({"rewards": NONE}, {}),
    "gae": ({"rewards": NONE, "values": NONE, "completion_mask": None}, {"gamma": 1.0, "lam": 0.95}),
    "kl_estimate": ({"logprobs": NONE, "ref_logprobs": NONE, "kind": "k3"}, {}),
    "policy_ratio": ({"logprobs": NONE, "old_logprobs": NONE}, {}),
    "clipped_surrogate": ({"ratio": NONE, "advantages": NONE}, {"clip_eps": 0.2}),
    "aggregate": ({"per_token": NONE, "completion_mask": None, "how": "token_mean"}, {}),
    "baby_ppo_loss": ({"logprobs": NONE, "old_logprobs": NONE, "rewards": NONE}, {"kl_coeff": 0.1}),
    "ppo_loss": (
        {"logprobs": NONE, "old_logprobs": NONE, "advantages": NONE, "completion_mask": None},
        {"ref_logprobs": None, "kl_coeff": 0.1, "clip_eps": 0.2, "kl_kind": "k3", "how": "token_mean"},
    ),
    "reinforce_loss": ({"logprobs": NONE, "advantages": NONE, "completion_mask": None}, {"how": "token_mean"}),
    "value_loss": (
        {"values": NONE, "returns": NONE, "completion_mask": None},
        {"old_values": None, "clip_eps": None},
    ),
    "dpo_loss": (
        {
            "chosen_logprobs": NONE,
            "rejected_logprobs": NONE,
            "ref_chosen_logprobs": None,
            "ref_rejected_logprobs": None,
        },
        {"beta": 0.1, "label_smoothing": 0.0},
    ),
    "spo_loss": ({"logprobs_a": NONE, "logprobs_b": NONE, "scores_a": NONE, "scores_b": NONE}, {}),
    "reweighted_ppo_loss": ({"logprobs": NONE, "old_logprobs": NONE, "preference": NONE}, {}),
    "grpo_loss": (
        {"logprobs": NONE, "old_logprobs": NONE, "advantages": NONE, "completion_mask": None},
        {"ref_logprobs": None, "kl_coeff": 0.04, "clip_eps": 0.2, "how": "sequence_mean"},
    ),
    "ratio_series": ({"logprobs": NONE, "old_logprobs": NONE, "completion_mask": None}, {"clip_eps": NONE}),
    "bradley_terry_loss": ({"chosen_scores": NONE, "rejected_scores": NONE}, {"margin": 0.0}),
}


@pytest.mark.parametrize("name", CONTRACT)
def test_signature(name):
    parameters = inspect.signature(getattr(rlhf_helpers, name)).parameters.values()
    positional = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    knobs = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert (list(positional.items()), knobs) == (list(CONTRACT[name][0].items()), CONTRACT[name][1])
    assert len(positional) + len(knobs) == len(parameters)  # no *args, no **kwargs: no option is swallowed


def test_train_takes_the_method_first_and_all_else_by_name():
    parameters = inspect.signature(rlhf_helpers.train).parameters
    assert [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD] == ["method"]
    assert {"steps", "learning_rate", "kl_coeff", "seed"} <= {
        p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY and p.default is NONE
    }


def test_a_reward_takes_prompts_and_completions():
    for function in (rlhf_helpers.train, rlhf_helpers.collect):
        reward = inspect.signature(function).parameters["reward"].default
        assert list(inspect.signature(reward).parameters) == ["prompt_ids", "completion_ids"]


def test_all_public_names_exist_and_are_documented():
    for name in rlhf_helpers.__all__:
        assert inspect.getdoc(getattr(rlhf_helpers, name)), name
    public = {
        name for name, thing in vars(rlhf_helpers).items() if not name.startswith("_") and not inspect.ismodule(thing)
    }
    assert public == set(rlhf_helpers.__all__)


@pytest.mark.parametrize("method", ["baby_ppo", "ppo", "rloo", "grpo", "dpo", "spo", "reweighted_ppo"])
def test_a_method_takes_models_and_a_batch(method):
    parameters = list(inspect.signature(getattr(rlhf_helpers, method)).parameters.values())
    assert [p.name for p in parameters[:2]] == ["models", "rollout"]
    assert parameters[2].name == "kl_coeff"
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[2:])
