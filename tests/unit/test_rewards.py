import numpy as np
import pytest
import torch

from rlhf_helpers import token_reward


def test_pays_the_target_and_nothing_else():
    assert token_reward(torch.tensor([[1, 4, 1], [0, 9, 2]])).tolist() == [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    assert token_reward(torch.tensor([[1, 4, 0]]), target=4).tolist() == [[0.0, 1.0, 0.0]]
    assert token_reward(torch.tensor([[1, 4, 0]]), target=0).tolist() == [[0.0, 0.0, 1.0]]
    assert token_reward(torch.tensor([[1, 4, 0]]), target=np.int64(4)).tolist() == [[0.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("ids", "target", "error", "message"),
    [
        (torch.zeros(2, 3), 1, TypeError, "completion_ids must hold token ids of dtype torch.int64, got torch.float32"),
        (torch.zeros(3, dtype=torch.int64), 1, ValueError, r"completion_ids must have shape \(B, L\), got \(3,\)"),
        (torch.zeros(0, 2, dtype=torch.int64), 1, ValueError, r"completion_ids must not be empty, got shape \(0, 2\)"),
        (torch.tensor([[1]]), -1, ValueError, "target must be a token id of at least 0, got -1"),
        (torch.tensor([[1]]), 1.0, TypeError, "target must be a token id, got float"),
        (torch.tensor([[1]]), True, TypeError, "target must be a token id, got bool"),
    ],
)
def test_refuses(ids, target, error, message):
    with pytest.raises(error, match=message):
        token_reward(ids, target)
