"""What a memory of keys and values saves: milliseconds to write completions with it, and by re-reading the prefix.

    python tests/benchmarks/key_value_memory.py

A `TinyGPT` with untrained weights, 128 positions and a prompt of one token writes a batch of completions of T tokens.
"memory": `sample_with` hands the policy its memory, and each step reads one new token. "re-read": the same policy
without `memory()` reads the whole prefix again for each token. Both draw the same tokens from the same random numbers,
which is checked. "reads" counts the tokens that the policy reads for one completion. Rounds are interleaved, so that
whatever else the machine does meets all kinds alike: times are medians over rounds, the ratio is the median over rounds
of the ratio within a round. On one thread: tensors this small gain nothing from a second.
"""

import time
from statistics import median

import torch

from rlhf_helpers import TinyGPT, sample_with

LENGTHS = (5, 10, 20, 40, 80)
BATCHES = (1, 64)
POSITIONS = 128
ROUNDS = 15
SECONDS = 0.1  # of each way in a round


def milliseconds(write):
    """Return how long one call takes, averaged over as many as fit."""
    count, begun = 0, time.perf_counter()
    while (spent := time.perf_counter() - begun) < SECONDS or not count:
        write()
        count += 1
    return 1000 * spent / count


def two_ways(batch_size, length):
    """Return two functions that write the same completions: with the memory, and reading the prefix again."""
    generator = torch.Generator().manual_seed(0)
    policy = TinyGPT(max_length=POSITIONS, generator=generator)
    prompt_ids = torch.zeros(batch_size, 1, dtype=torch.int64)
    uniforms = torch.rand(batch_size, length, generator=generator)

    def with_memory():
        return sample_with(policy, prompt_ids, uniforms)

    def reading_again():
        return sample_with(lambda ids: policy(ids), prompt_ids, uniforms)  # a plain function has no memory

    if not torch.equal(with_memory(), reading_again()):
        raise AssertionError("with the memory other tokens are drawn")
    return with_memory, reading_again


def main():
    """Print the table."""
    cases = {(batch_size, length): two_ways(batch_size, length) for batch_size in BATCHES for length in LENGTHS}
    times = {case: [] for case in cases}
    for _ in range(ROUNDS):
        for case, ways in cases.items():
            times[case].append([milliseconds(write) for write in ways])
    print(f"{'B':>3} {'T':>3} {'reads: memory':>14} {'re-read':>8} {'ms: memory':>11} {'re-read':>9} {'ratio':>6}")
    for (batch_size, length), rounds in times.items():
        with_memory, reading_again = (median(column) for column in zip(*rounds, strict=True))
        ratio = median(again / once for once, again in rounds)
        print(
            f"{batch_size:>3} {length:>3} {length:>14} {length * (length + 1) // 2:>8} {with_memory:>11.2f} "
            f"{reading_again:>9.2f} {ratio:>6.2f}"
        )


if __name__ == "__main__":
    main()
