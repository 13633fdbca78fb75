"""Tokens per second: a loop over single tokens against batches, and how an update grows.

    python tests/benchmarks/throughput.py            # the first table
    python tests/benchmarks/throughput.py --growth   # the others; --out keeps them: rlhf_helpers/beyond/growth.json

(a) One sequence of 8 tokens a step, drawn and scored token by token, as a first draft does it.
(b) "same loss": the same loss on a batch of B sequences of 8 tokens, drawn and scored together.
(c) "ppo": `collect` with its reference and rewards, PPO's loss with clip, KL in the reward and a baseline.

Each samples and makes one update with Adam; `train` records its series on top. Rounds are interleaved, so that whatever
else the machine does meets all kinds alike: the ratio is the median over rounds of the ratio within a round. On one
thread: tensors this small gain nothing from a second.

The other tables say how long an update takes, as a multiple of that of their first row: with the batch, the length of
completions, the size of the vocabulary, and the number of runs that ``torch.func.vmap`` makes of one; for
``torch.compile`` against eager, and on a GPU against this processor, where there are a compiler and a GPU.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import time
from pathlib import Path
from statistics import median

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rlhf_helpers import (
    Models,
    TinyPolicy,
    baby_ppo_loss,
    collect,
    generate,
    ppo,
    token_logprobs,
    token_reward,
    training_step,
)

LENGTH = 8
BATCHES = (8, 64, 512)
ROUNDS = 25
SECONDS = 0.05  # of each kind of step in a round


class CountOperations(TorchDispatchMode):
    """Counts what reaches PyTorch's dispatcher."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def per_token():
    """Return a step of the loop over single tokens, and how many tokens it draws."""
    torch.manual_seed(0)
    policy = TinyPolicy()
    embed, head = policy.embed, policy.head
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)

    def next_probs(tokens):
        return torch.softmax(head(embed(tokens)[-1]), dim=-1)  # the last position only

    def step():
        tokens, old, rewards, completion = torch.tensor([0]), [], [], []
        for _ in range(LENGTH):
            probs = next_probs(tokens)
            token = torch.multinomial(probs, num_samples=1)
            old.append(torch.log(probs[token]))
            rewards.append(torch.where(token == 1, torch.tensor(1.0), torch.tensor(0.0)))
            completion.append(token.item())
            tokens = torch.cat([tokens, token])
        tokens, new = torch.tensor([0]), []
        for token in torch.tensor(completion):
            new.append(torch.log(next_probs(tokens)[token]))
            tokens = torch.cat([tokens, token.unsqueeze(0)])
        old_logprobs, rewards, logprobs = torch.stack(old).squeeze(), torch.stack(rewards).squeeze(), torch.stack(new)
        ratio = torch.exp(logprobs - old_logprobs)
        loss = -(ratio * rewards).mean() + 0.1 * (old_logprobs - logprobs).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step, LENGTH


def same_loss(batch_size):
    """Return a step of the same algorithm on one batch, and how many tokens it draws."""
    generator = torch.Generator().manual_seed(0)
    policy = TinyPolicy(generator=generator)
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    prompt_ids = torch.zeros(batch_size, 1, dtype=torch.int64)

    def step():
        completion_ids = generate(policy, prompt_ids, LENGTH, generator=generator)
        with torch.no_grad():
            old_logprobs = token_logprobs(policy, prompt_ids, completion_ids)
        logprobs = token_logprobs(policy, prompt_ids, completion_ids)
        loss = baby_ppo_loss(logprobs, old_logprobs, token_reward(completion_ids), kl_coeff=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step, batch_size * LENGTH


def whole_ppo(batch_size, length=LENGTH, vocab_size=10, device="cpu"):
    """Return a step of PPO on one batch, and how many tokens it draws."""
    generator = torch.Generator().manual_seed(0)
    policy, reference = (TinyPolicy(vocab_size, generator=generator).to(device) for _ in range(2))
    reference.requires_grad_(False)
    models = Models(policy)
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)

    def step():
        uniforms = torch.rand(batch_size, length, generator=generator).to(device)
        rollout = collect(models, reference, uniforms)
        loss, _ = ppo(models, rollout, kl_coeff=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if device != "cpu":
            torch.cuda.synchronize()

    return step, batch_size * length


def pure_ppo(runs=None, compiled=False):
    """Return a step of PPO as a pure function, and how many tokens it draws; with ``runs``, that many seeds at once."""
    start, pure = training_step(ppo)
    knobs = {"kl_coeff": torch.tensor(0.1), "learning_rate": torch.tensor(1e-2)}

    def one(state, noise):
        return pure(state, noise, **knobs)[0]

    if runs is None:
        state, shape = start(0), (32, LENGTH)
    else:
        states = [start(seed) for seed in range(runs)]
        state = {name: torch.stack([each[name] for each in states]) for name in states[0]}
        one, shape = torch.func.vmap(one), (runs, 32, LENGTH)
    one = torch.compile(one) if compiled else one
    generator = torch.Generator().manual_seed(0)

    def step():
        nonlocal state
        state = one(state, torch.rand(shape, generator=generator))

    return step, torch.Size(shape).numel()


def seconds_of(kinds, rounds=7):
    """Return the seconds that each kind of step takes, one number for each round."""
    found = {name: [] for name in kinds}
    for step, _ in kinds.values():
        step()  # compiles, and fills caches
    for _ in range(rounds):
        for name, (step, _) in kinds.items():
            count, begun = 0, time.perf_counter()
            while (spent := time.perf_counter() - begun) < SECONDS:
                step()
                count += 1
            found[name].append(spent / count)
    return found


def growth(title, kinds, rounds=7):
    """Print how long each kind of update takes, as a multiple of the first, and return these multiples."""
    found = seconds_of(kinds, rounds)
    first, multiples = next(iter(kinds)), {}
    print(f"\n{title:<34} {'tokens':>8} {'ms an update':>13} {'times':>7} {'tokens/s, times':>16}")
    for name, (_, tokens) in kinds.items():
        times = median(ours / theirs for ours, theirs in zip(found[name], found[first], strict=True))
        multiples[name] = round(times, 3)
        print(
            f"{name:<34} {tokens:>8,} {1000 * median(found[name]):>13.2f} {times:>7.2f} "
            f"{tokens / kinds[first][1] / times:>16.2f}"
        )
    return multiples


def all_growth():
    """Print the tables of growth, and return them with the day and the machine."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    machine = f"{os.cpu_count()} cores ({platform.machine()}), {gpu or 'no GPU'}"
    told = {"date": str(datetime.date.today()), "machine": machine, "torch": torch.__version__, "times": {}}
    times = told["times"]
    times["batch"] = growth("batch, completions", {str(n): whole_ppo(n) for n in (8, 32, 128, 512, 2048)})
    times["length"] = growth("length, tokens", {str(n): whole_ppo(32, n) for n in (4, 8, 16, 32, 64)})
    sizes = {str(n): whole_ppo(32, vocab_size=n) for n in (10, 100, 1_000, 10_000)}
    times["vocabulary"] = growth("vocabulary, tokens", sizes)
    times["runs"] = growth("runs at once, by vmap", {str(n): pure_ppo(n) for n in (1, 4, 16, 64, 256)})
    if shutil.which("g++") or shutil.which("clang++"):
        kinds = {"eager": pure_ppo(), "compiled": pure_ppo(compiled=True)}
        times["compiler"] = growth("one run, and torch.compile", kinds)
    else:
        print("\ncompiled: skipped, there is no C++ compiler here")
    if gpu:
        for size in (32, 2048, 32768):
            kinds = {"cpu": whole_ppo(size), "cuda": whole_ppo(size, device="cuda")}
            times[f"gpu, {size}"] = growth(f"{size:,} completions", kinds)
    else:
        print("\ncuda: skipped, there is no GPU here")
    return told


def operations(step):
    """Return how many operations one step dispatches."""
    with CountOperations() as counter:
        step()
    return counter.count


def main():
    """Print the first table, or with ``--growth`` the others."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--growth", action="store_true", help="how an update grows")
    parser.add_argument("--out", type=Path, help="a file for the tables of growth, as JSON")
    args = parser.parse_args()
    if args.growth:
        told = all_growth()
        if args.out:
            args.out.write_text(json.dumps(told) + "\n", "utf-8")
        return
    kinds = {"per token": per_token()}
    kinds |= {f"same loss, B = {size}": same_loss(size) for size in BATCHES}
    kinds |= {f"ppo, B = {size}": whole_ppo(size) for size in BATCHES}
    speeds = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, (step, tokens) in kinds.items():
            step()
            count, begun = 0, time.perf_counter()
            while (spent := time.perf_counter() - begun) < SECONDS:
                step()
                count += 1
            speeds[name].append(count * tokens / spent)
    print(f"{'step':<19} {'tokens':>7} {'operations':>11} {'ms a step':>10} {'tokens/s':>10} {'ratio':>7}")
    for name, (step, tokens) in kinds.items():
        speed = median(speeds[name])
        ratio = median(ours / theirs for ours, theirs in zip(speeds[name], speeds["per token"], strict=True))
        print(
            f"{name:<19} {tokens:>7} {operations(step):>11} {1000 * tokens / speed:>10.2f} {speed:>10,.0f} "
            f"{ratio:>7.1f}"
        )


if __name__ == "__main__":
    main()
