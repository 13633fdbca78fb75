"""What the scripts have in common: numbers on a command line, and what weights are worth."""

import argparse
import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn.functional import linear

from rlhf_helpers import expected_reward_and_kl, policy_table


def at_least(least: int) -> Callable[[str], int]:
    """Return the type of an argument that is a whole number of at least ``least``."""

    def whole(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {text}")
        return int(text)

    whole.__name__ = "whole number"  # what argparse calls it where the text is none
    return whole


def add_learning_rate(parser: argparse.ArgumentParser, default: float) -> None:
    """Add ``--learning-rate``, a positive number."""

    def number(text: str) -> float:
        if not 0 < float(text) < math.inf:
            raise argparse.ArgumentTypeError(f"must be a positive number, got {text}")
        return float(text)

    parser.add_argument("--learning-rate", type=number, default=default)


@torch.no_grad()
def reward_and_kl(weights: Iterable[Tensor], horizon: int) -> tuple[float, float]:
    """Return the exact reward and KL per token of a :class:`TinyPolicy` whose start was uniform.

    Args:
        weights: of its embedding and its head, and the head's bias.
        horizon: tokens in an answer.
    """
    embed, head, bias = weights
    table = policy_table(lambda ids: linear(embed[ids], head, bias))
    token_rewards = torch.eye(len(bias), dtype=bias.dtype)[1]
    reference = torch.full_like(table, 1 / len(bias)).log()
    reward, kl = expected_reward_and_kl(table, reference, token_rewards, horizon=horizon)
    return float(reward), float(kl)
