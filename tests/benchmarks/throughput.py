"""Tokens per second: a loop over single tokens against batches.

    python tests/benchmarks/throughput.py

(a) One sequence of 8 tokens a step, drawn and scored token by token, as a first draft does it.
(b) "same loss": the same loss on a batch of B sequences of 8 tokens, drawn and scored together.
(c) "ppo": `collect` with its reference and rewards, PPO's loss with clip, KL in the reward and a baseline.

Each samples and makes one update with Adam; `train` records its series on top. Rounds are interleaved, so that whatever
else the machine does meets all kinds alike: the ratio is the median over rounds of the ratio within a round. On one
thread: tensors this small gain nothing from a second.
"""

import time
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


def whole_ppo(batch_size):
    """Return a step of PPO on one batch, and how many tokens it draws."""
    generator = torch.Generator().manual_seed(0)
    policy, reference = TinyPolicy(generator=generator), TinyPolicy(generator=generator).requires_grad_(False)
    models = Models(policy)
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)

    def step():
        uniforms = torch.rand(batch_size, LENGTH, generator=generator)
        rollout = collect(models, reference, uniforms)
        loss, _ = ppo(models, rollout, kl_coeff=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step, batch_size * LENGTH


def operations(step):
    """Return how many operations one step dispatches."""
    with CountOperations() as counter:
        step()
    return counter.count


def main():
    """Print the table."""
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
