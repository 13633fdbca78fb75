"""Real first names as text: ids and back, what one may like about a name, and a policy that has read them all."""

from rlhf_helpers.names.pretraining import names_loss, pretrain, pretrained_policy
from rlhf_helpers.names.tastes import (
    NAME_FEATURES,
    alliterates,
    ends_in_a,
    is_short,
    judge_names,
    name_features,
    name_score,
)
from rlhf_helpers.names.text import ALPHABET, END, PAD, decode, encode, load_names, load_surnames

__all__ = [
    "ALPHABET",
    "END",
    "NAME_FEATURES",
    "PAD",
    "alliterates",
    "decode",
    "encode",
    "ends_in_a",
    "is_short",
    "judge_names",
    "load_names",
    "load_surnames",
    "name_features",
    "name_score",
    "names_loss",
    "pretrain",
    "pretrained_policy",
]
