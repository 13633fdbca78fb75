"""Cases in which every value of one input meets every value of the others: what answers forget is among them."""

import itertools
import random
from collections.abc import Sequence

import torch


def combined(at_once: int, knobs: dict, **values: Sequence[float]) -> list[dict]:
    """Return small cases that together hold all combinations of the entries of some tensors.

    Args:
        at_once: how many entries a case has.
        knobs: the other inputs, which are the same in all cases.
        **values: the tensors by name, in the order of the arguments -> values of an entry.
    """
    rows = list(itertools.product(*values.values()))
    random.Random(0).shuffle(rows)
    rows += rows[: -len(rows) % at_once]
    columns = [torch.tensor(column, dtype=torch.float32).split(at_once) for column in zip(*rows, strict=True)]
    return [dict(zip(values, tensors, strict=True)) | knobs for tensors in zip(*columns, strict=True)]
