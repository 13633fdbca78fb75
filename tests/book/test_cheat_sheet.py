"""The sheet of all losses: its lines of code compute what the package computes, and it names all of its losses."""

import re
from pathlib import Path

import pytest
import torch
from torch.nn.functional import logsigmoid

from rlhf_helpers import losses
from rlhf_helpers.advantages import group_advantages

SHEET = (Path(__file__).resolve().parents[2] / "book" / "cheat_sheet.md").read_text("utf-8")
CODE = dict(re.findall(r"^\*\*(.+?)\*\*.*?```python\n(.*?)```", SHEET, re.MULTILINE | re.DOTALL))
PAIR = ("chosen_logprobs", "rejected_logprobs", "ref_chosen_logprobs", "ref_rejected_logprobs")
KNOBS = {"kl_coeff": 0.3, "clip_eps": 0.1, "beta": 0.7}
# what the package computes from the same names
SAME = {
    "The first loop": lambda of: losses.baby_ppo_loss(
        of["logprobs"], of["old_logprobs"], of["rewards"], kl_coeff=of["kl_coeff"]
    ),
    "REINFORCE": lambda of: losses.reinforce_loss(of["logprobs"], of["advantages"]),
    "PPO": lambda of: losses.ppo_loss(of["logprobs"], of["old_logprobs"], of["advantages"], clip_eps=of["clip_eps"]),
    "The pull": lambda of: of["kl_coeff"] * losses.kl_estimate(of["logprobs"], of["ref_logprobs"], "k3").mean(),
    "Critic": lambda of: losses.value_loss(of["values"], of["returns"]),
    "DPO": lambda of: losses.dpo_loss(*(of[name] for name in PAIR), beta=of["beta"]),
    "SPO": lambda of: losses.spo_loss(of["logprobs_a"], of["logprobs_b"], of["scores_a"], of["scores_b"]),
    "GRPO": lambda of: group_advantages(of["rewards"]),
    "Reweighted PPO": lambda of: losses.reweighted_ppo_loss(of["logprobs"], of["old_logprobs"], of["preference"]),
    "Reward model": lambda of: losses.bradley_terry_loss(of["chosen_scores"], of["rejected_scores"]),
}
CLIPPED = {"grpo_loss": "PPO"}  # what is another one's formula with other averages


@pytest.fixture
def names():
    """A tensor for each name that a line of the sheet reads; pairs and scores have one entry for each answer."""
    generator = torch.Generator().manual_seed(0)
    tokens = ("logprobs", "old_logprobs", "ref_logprobs", "advantages", "rewards", "values", "returns", "preference")
    answers = ("logprobs_a", "logprobs_b", "scores_a", "scores_b", "chosen_scores", "rejected_scores", *PAIR)
    drawn = {name: -torch.rand(4, 8, generator=generator) for name in tokens}
    drawn |= {name: -torch.rand(16, generator=generator) for name in answers}
    drawn["preference"] = -drawn["preference"]
    drawn["advantages"] = drawn["advantages"] + 0.5
    return drawn | KNOBS | {"torch": torch, "logsigmoid": logsigmoid, "loss": 0.0}


@pytest.mark.parametrize("name", SAME)
def test_the_lines_compute_what_the_package_computes(names, name):
    exec(CODE[name], names)
    result = names["advantages"] if name == "GRPO" else names["loss"]
    torch.testing.assert_close(result, SAME[name](names | {"advantages": names["advantages"]}))


def test_every_loss_of_the_package_is_on_the_sheet():
    assert CODE.keys() == SAME.keys()
    shown = {name for check in SAME.values() for name in check.__code__.co_names}
    public = {name for name in losses.__all__ if name.endswith("_loss")}
    assert public - shown == CLIPPED.keys()
    assert set(CLIPPED.values()) <= CODE.keys()
