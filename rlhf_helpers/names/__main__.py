"""`python -m rlhf_helpers.names` pre-trains the policy and rewrites the file of weights that comes with the book."""

from torch.nn.utils import parameters_to_vector

from .pretraining import WEIGHTS, pretrain

if __name__ == "__main__":
    flat = parameters_to_vector(pretrain().parameters()).detach()
    WEIGHTS.write_bytes(flat.numpy().astype("<f4").tobytes())
    print(f"{WEIGHTS.name}: {flat.numel()} weights, {WEIGHTS.stat().st_size / 1000:.0f} kB")
