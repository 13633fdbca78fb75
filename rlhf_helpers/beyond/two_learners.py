"""The book's training on several processes, whose gradients become one.

    python -m torch.distributed.run --standalone --nproc_per_node=2 -m rlhf_helpers.beyond.two_learners

Every process has the same batch, since it draws the same random numbers, and learns from its own rows. The gradients
are averaged by ``DistributedDataParallel``, through gloo, which needs no GPU. Answers end by themselves, and the rows
are dealt by length, as by loaders that want little padding. So the processes hold unlike numbers of tokens, and then it
matters what is averaged:

- ``tokens``: each process divides the sum over its tokens by the tokens of *all*, times the number of processes,
  since the average over processes divides by that once more. This is the gradient of one process.
- ``means``: each takes the mean over its own tokens. A token on a process with few of them weighs more.
- ``twice``: as ``tokens``, without the factor: everything is too small by the number of processes.
"""

import argparse
import copy
from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from rlhf_helpers import Models, Rollout, TinyPolicy, collect, shaped_rewards, token_logprobs
from rlhf_helpers.beyond._common import add_learning_rate, at_least
from rlhf_helpers.masks import keep
from rlhf_helpers.training import seeded

AVERAGES = ("tokens", "means", "twice")
END, LENGTH, KL_COEFF = 0, 32, 0.5


def token_losses(policy: nn.Module, batch: Rollout, mean_return: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum over a batch's tokens of REINFORCE's loss, and how many tokens that are.

    Args:
        policy: the policy that is trained.
        batch: its completions.
        mean_return: the baseline, a number without gradient.
    """
    logprobs = token_logprobs(policy, batch.prompt_ids, batch.completion_ids)
    advantages = shaped_rewards(batch, KL_COEFF).sum(1, keepdim=True) - mean_return
    return -keep(advantages * logprobs, batch.completion_mask).sum(), batch.completion_mask.sum()


def summed(value: Tensor) -> Tensor:
    """Return the sum of a number over all processes."""
    total = value.detach().clone()
    dist.all_reduce(total)
    return total


def loss_of(policy: nn.Module, batch: Rollout, average: str) -> Tensor:
    """Return what one process minimizes.

    Args:
        policy: the policy, wrapped so that the gradients of all processes are averaged.
        batch: the rows of this process.
        average: one of ``AVERAGES``.
    """
    processes = dist.get_world_size()
    returns = shaped_rewards(batch, KL_COEFF).sum(1)
    mean_return = summed(returns.sum()) / summed(torch.tensor(len(returns)))
    total, tokens = token_losses(policy, batch, mean_return)
    if average == "means":
        return total / tokens
    return total / summed(tokens) * (processes if average == "tokens" else 1)


def gradient(policy: nn.Module, loss: Callable[[], Tensor]) -> Tensor:
    """Return the gradient of a loss with respect to a policy's parameters, as one vector; it stays in ``.grad``."""
    policy.zero_grad()
    loss().backward()
    return torch.cat([parameter.grad.flatten() for parameter in policy.parameters()])


def learn(average: str, *, answers: int, updates: int, learning_rate: float, seed: int) -> None:
    """Train on as many processes as there are; the first one prints what they did.

    Args:
        average: one of ``AVERAGES``.
        answers: completions in a batch, over all processes.
        updates: how many.
        learning_rate: of plain gradient descent.
        seed: of the weights and of all sampling.
    """
    rank, processes = dist.get_rank(), dist.get_world_size()
    generator = seeded(seed)
    policy = TinyPolicy(generator=generator).double()  # the same on every process
    reference = copy.deepcopy(policy).requires_grad_(False)
    together = DistributedDataParallel(policy)
    optimizer = torch.optim.SGD(policy.parameters(), lr=learning_rate)
    for update in range(updates):
        uniforms = torch.rand(answers, LENGTH, generator=generator, dtype=torch.float64)
        batch = collect(Models(policy), reference, uniforms, end_id=END)
        by_length = batch.completion_mask.sum(1).argsort(descending=True, stable=True)
        mine = rows_of(batch, by_length.tensor_split(processes)[rank])
        found = gradient(together, lambda mine=mine: loss_of(together, mine, average))
        if rank == 0:
            alone = copy.deepcopy(policy)
            wanted = gradient(alone, lambda alone=alone, batch=batch: loss_alone(alone, batch))
            report(update, found, wanted, mine, batch)
        optimizer.step()


def rows_of(batch: Rollout, rows: Tensor) -> Rollout:
    """Return some completions of a batch."""
    return Rollout(*(part if part is None else part[rows] for part in batch))


def loss_alone(policy: nn.Module, batch: Rollout) -> Tensor:
    """Return what one process minimizes that has the whole batch."""
    total, tokens = token_losses(policy, batch, shaped_rewards(batch, KL_COEFF).sum(1).mean())
    return total / tokens


def report(update: int, found: Tensor, wanted: Tensor, mine: Rollout, batch: Rollout) -> None:
    """Print one update: how the tokens are spread, and how far the gradient is from the one process's."""
    here, everywhere = (int(part.completion_mask.sum()) for part in (mine, batch))
    error = float((found - wanted).norm() / wanted.norm())
    cosine = float(torch.cosine_similarity(found, wanted, dim=0))
    print(
        f"update {update}: {here} of {everywhere} tokens are on process 0, reward {batch.rewards.sum(1).mean():.3f}; "
        f"the gradient is off by {error if error > 1e-12 else 0:.3f}, its length is {found.norm() / wanted.norm():.3f} "
        f"of the right one, the cosine {cosine:.3f}",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--average", choices=AVERAGES, default="tokens", help="what each process divides by")
    parser.add_argument("--answers", type=int, default=8, help="completions in a batch, over all processes")
    parser.add_argument("--updates", type=at_least(1), default=3)
    add_learning_rate(parser, 0.5)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    if not dist.is_torchelastic_launched():
        parser.error(
            "start me with: python -m torch.distributed.run --standalone --nproc_per_node=2 -m " + __spec__.name
        )
    dist.init_process_group("gloo")
    try:
        if args.answers < dist.get_world_size():
            parser.error(f"--answers must be at least the number of processes, got {args.answers}")
        torch.set_num_threads(1)
        learn(
            args.average,
            answers=args.answers,
            updates=args.updates,
            learning_rate=args.learning_rate,
            seed=args.seed,
        )
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
