"""`python -m rlhf_helpers.names` pre-trains the policy and rewrites the file of weights that comes with the book."""

import numpy as np
from torch.nn.utils import parameters_to_vector

from rlhf_helpers.names.pretraining import WEIGHTS, pretrain


def rounded(weights: np.ndarray) -> np.ndarray:
    """Return float32 numbers rounded to 24 bits, so that the last byte of each is zero and no page has to load it."""
    bits = weights.astype("<f4").view("<u4") + 0x80
    return (bits & 0xFFFFFF00).view("<f4")


if __name__ == "__main__":
    flat = parameters_to_vector(pretrain().parameters()).detach()
    WEIGHTS.write_bytes(rounded(flat.numpy()).tobytes())
    print(f"{WEIGHTS.name}: {flat.numel()} weights, {WEIGHTS.stat().st_size / 1000:.0f} kB")
