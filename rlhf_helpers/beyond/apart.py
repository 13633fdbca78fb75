"""Sampler and learner apart: two processes of Ray, and a queue of answers between them.

    python -m rlhf_helpers.beyond.apart --depth 4

The sampler writes a batch, puts it into the queue, and fetches the learner's weights whenever there are new ones. The
learner takes a batch, makes an update, and offers its weights. The queue holds at most ``--depth`` batches, so a batch
is at most that many updates old when it is learned from, and a few more: one is being written, one is on its way.
With a depth of 0 they take turns, as in the loop of this book.

Writing and learning are fast on ten tokens. ``--write`` and ``--learn`` make each as slow as it is in real systems, by
sleeping, so that what is measured is the queue.

If the sampler dies, the run says so, starts another one with the present weights, and goes on (``--kill`` shows it).
"""

import argparse
import sys
import time
from collections.abc import Sequence

import torch

from rlhf_helpers import Models, Rollout, collect, reinforce_loss, token_logprobs, uniform_policy
from rlhf_helpers.training import seeded

ANSWERS, LENGTH, KL_COEFF = 32, 8, 0.5


class Sampler:
    """Writes batches with whatever weights it has last been given.

    Args:
        seed: of its random numbers.
        seconds: how long writing a batch takes.
    """

    def __init__(self, seed: int, seconds: float):
        torch.set_num_threads(1)
        self.generator, self.seconds = seeded(seed), seconds
        self.policy = uniform_policy(generator=seeded(0)).double()
        self.reference = uniform_policy(generator=seeded(0)).double()
        self.version = 0

    def load(self, weights: dict, version: int) -> None:
        """Take new weights; what is written from now on has this version."""
        self.policy.load_state_dict(weights)
        self.version = version

    def write(self) -> tuple[Rollout, int]:
        """Return a batch, and the version of the weights that wrote it."""
        time.sleep(self.seconds)
        uniforms = torch.rand(ANSWERS, LENGTH, generator=self.generator, dtype=torch.float64)
        return collect(Models(self.policy), self.reference, uniforms), self.version

    def die(self) -> None:
        """End at once, as a machine does that loses its power."""
        import os

        os._exit(1)


class Learner:
    """Makes updates from batches that may be old: REINFORCE, with the KL priced by the present policy.

    Args:
        learning_rate: Adam's.
        seconds: how long an update takes.
    """

    def __init__(self, learning_rate: float, seconds: float):
        self.policy = uniform_policy(generator=seeded(0)).double()
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=learning_rate)
        self.seconds, self.version = seconds, 0

    def learn(self, batch: Rollout) -> None:
        """Make one update."""
        time.sleep(self.seconds)
        logprobs = token_logprobs(self.policy, batch.prompt_ids, batch.completion_ids)
        shaped = batch.rewards - KL_COEFF * (logprobs.detach() - batch.ref_logprobs)
        returns = shaped.sum(1)
        self.optimizer.zero_grad()
        reinforce_loss(logprobs, returns - returns.mean()).backward()
        self.optimizer.step()
        self.version += 1


def run(*, depth: int, updates: int, learning_rate: float, seed: int, write: float, learn: float, kill: int) -> dict:
    """Train, and return what there was to see.

    Args:
        depth: how many batches may be on their way while the learner works; 0 for taking turns.
        updates: how many.
        learning_rate: Adam's.
        seed: of the sampling.
        write, learn: seconds for a batch, and for an update.
        kill: the update before which the sampler dies; 0 for never.

    Returns:
        ``seconds``, ``tokens_per_second``, ``staleness`` (the mean), ``oldest``, ``reward`` (of the last tenth of the
        batches) and ``deaths``.
    """
    import ray

    remote = ray.remote(max_restarts=0)(Sampler)
    learner = Learner(learning_rate, learn)
    sampler, deaths = remote.remote(seed, write), 0
    waiting, ages, rewards = [], [], []
    begun = time.perf_counter()
    while learner.version < updates:
        while len(waiting) < depth + 1:
            waiting.append(sampler.write.remote())
        if kill and learner.version == kill and not deaths:
            sampler.die.remote()
        try:
            batch, version = ray.get(waiting.pop(0))
        except ray.exceptions.RayActorError:
            deaths += 1
            print(
                f"the sampler died at update {learner.version}: its batches are lost, another one goes on", flush=True
            )
            sampler, waiting = remote.remote(seed + deaths, write), []
            sampler.load.remote(learner.policy.state_dict(), learner.version)
            continue
        if depth:
            waiting.append(sampler.write.remote())  # it writes while the learner works
        learner.learn(batch)
        sampler.load.remote(learner.policy.state_dict(), learner.version)
        ages.append(learner.version - 1 - version)
        rewards.append(float(batch.rewards.mean()))
    seconds = time.perf_counter() - begun
    ray.kill(sampler)
    tail = rewards[-max(1, updates // 10) :]
    return {
        "seconds": seconds,
        "tokens_per_second": updates * ANSWERS * LENGTH / seconds,
        "staleness": sum(ages) / len(ages),
        "oldest": max(ages),
        "reward": sum(tail) / len(tail),
        "deaths": deaths,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, train, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--depth", type=int, default=1, help="batches in the queue; 0 for taking turns")
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=float, default=0.05, help="seconds that writing a batch takes")
    parser.add_argument("--learn", type=float, default=0.05, help="seconds that an update takes")
    parser.add_argument("--kill", type=int, default=0, help="before this update the sampler dies")
    asked = parser.parse_args(arguments)
    for name, least in (("depth", 0), ("updates", 1), ("kill", 0)):
        if getattr(asked, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(asked, name)}")
    for name in ("write", "learn"):
        if not 0 <= getattr(asked, name) < 60:
            parser.error(f"--{name} must be seconds from 0 to 60, got {getattr(asked, name)}")
    if not asked.learning_rate > 0:
        parser.error(f"--learning-rate must be positive, got {asked.learning_rate}")
    try:
        import ray
    except ImportError:
        sys.exit("this needs Ray: pip install -r requirements/beyond.txt")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        found = run(**vars(asked))
    finally:
        ray.shutdown()
    print(
        f"depth {asked.depth}: {found['tokens_per_second']:.0f} tokens a second, "
        f"staleness {found['staleness']:.1f} updates (oldest {found['oldest']}), reward {found['reward']:.2f}"
    )


if __name__ == "__main__":
    main()
