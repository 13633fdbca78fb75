"""Sampler and learner apart: two processes of Ray, and a queue of batches between them.

    python -m rlhf_helpers.beyond.apart --depth 0 1 4

The sampler writes a batch with the newest weights there are; the learner makes an update from the oldest batch that
waits. At most ``--depth`` batches are waiting or being written while the learner works, so that no batch is older than
that many updates when it is learned from. With a depth of 0 the two take turns, as in the loop of this book.

Writing and learning take milliseconds on ten tokens. ``--write`` and ``--learn`` make them last as in a real system, by
sleeping, so that what is measured is the queue. Answers are of unlike length there, so a batch takes unlike time: that
of batch n is drawn from the seed and n, as its random numbers are. Whoever writes it, batch n is the same for the same
weights.

That is why a sampler that dies costs time and nothing else: another one writes the batch again. The learner saves what
it needs after every update, whole or not at all, and one that has died goes on from there. ``--kill`` shows both. After
three deaths the run ends and says so.

Ctrl-C and faults leave no process and no file behind, nor does SIGTERM once Ray has started. After SIGKILL nobody can
clean up: Linux ends Ray's main processes at once, but its helpers try for a minute to report that to one that is gone,
and Ray has no setting for it. Its folder stays in ``/tmp``.
"""

import argparse
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor

from rlhf_helpers import (
    Models,
    Rollout,
    collect,
    reinforce_loss,
    token_logprobs,
    uniform_policy,
)
from rlhf_helpers.beyond._common import add_learning_rate, at_least, reward_and_kl
from rlhf_helpers.training import seeded

ANSWERS, LENGTH, KL_COEFF, DEATHS = 32, 8, 0.5, 3
Weights = dict[str, Tensor]


def start() -> torch.nn.Module:
    """Return the policy that everybody starts from."""
    torch.set_num_threads(1)
    return uniform_policy(generator=seeded(0)).double()


class Sampler:
    """Writes batches.

    Args:
        seed: of all batches.
        seconds: how long writing takes, in the mean.
    """

    def __init__(self, seed: int, seconds: float):
        self.seed, self.seconds = seed, seconds
        self.policy, self.reference = start(), start().requires_grad_(False)

    def write(self, number: int, weights: Weights, version: int) -> tuple[Rollout, int]:
        """Return batch ``number``, and the version of the weights that wrote it."""
        generator = seeded(1_000_003 * self.seed + number)
        time.sleep(self.seconds * float((0.5 * torch.randn((), generator=generator) - 0.125).exp()))  # the mean is 1
        uniforms = torch.rand(ANSWERS, LENGTH, generator=generator, dtype=torch.float64)
        self.policy.load_state_dict(weights)
        return collect(Models(self.policy), self.reference, uniforms), version


class Learner:
    """Makes updates from batches that may be old: REINFORCE, with the price of the KL in the reward.

    Args:
        learning_rate: Adam's.
        seconds: how long an update takes.
        kl_priced: "learned" prices the KL with the policy as it is now, "written" with the one that wrote the batch.
    """

    def __init__(self, learning_rate: float, seconds: float, kl_priced: str):
        self.learning_rate, self.seconds, self.kl_priced = learning_rate, seconds, kl_priced

    def begin(self, saved: Path) -> tuple[Weights, int]:
        """Begin, or go on from what another learner has saved; return the weights and how many updates made them."""
        self.saved, self.policy, self.version = saved, start(), 0
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=self.learning_rate)
        if saved.exists():
            state = torch.load(saved)
            self.policy.load_state_dict(state["policy"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.version = state["version"]
        return self.policy.state_dict(), self.version

    def learn(self, written: tuple[Rollout, int]) -> tuple[Weights, int]:
        """Make one update, save it, and return the new weights and their version."""
        time.sleep(self.seconds)
        batch, _ = written
        logprobs = token_logprobs(self.policy, batch.prompt_ids, batch.completion_ids)
        priced = logprobs.detach() if self.kl_priced == "learned" else batch.old_logprobs
        returns = (batch.rewards - KL_COEFF * (priced - batch.ref_logprobs)).sum(1)
        self.optimizer.zero_grad()
        reinforce_loss(logprobs, returns - returns.mean()).backward()
        self.optimizer.step()
        self.version += 1
        self.save()
        return self.policy.state_dict(), self.version

    def save(self) -> None:
        """Write a file beside the one that is there, then put it in its place: who reads finds one of the two whole."""
        beside = self.saved.with_suffix(".new")
        state = {"policy": self.policy.state_dict(), "optimizer": self.optimizer.state_dict(), "version": self.version}
        torch.save(state, beside)
        os.replace(beside, self.saved)


def worth(weights: Weights) -> tuple[float, float]:
    """Return the exact reward per token of a policy, and what is left of it when the KL is paid for."""
    reward, kl = reward_and_kl(weights.values(), LENGTH)
    return reward, reward - KL_COEFF * kl


class Update(NamedTuple):
    """What is known of an update when it is made."""

    seconds: float  # since the run began
    age: int  # of its batch: the updates between the weights that wrote it and those that learned from it
    weights: Weights  # after it


def run(depth: int, saved: Path, people: dict[str, object], args: argparse.Namespace) -> list[Update]:
    """Train, and return all updates. This is the scheduler: it gives the two their work, and fetches what they make.

    Args:
        depth: how many batches may wait or be written while the learner works; 0 for taking turns.
        saved: the learner's file.
        people: the sampler and the learner, of an earlier run; who is missing is started.
        args: the command line.
    """
    import ray

    roles = {
        "sampler": lambda: ray.remote(Sampler).remote(args.seed, args.write),
        "learner": lambda: ray.remote(Learner).remote(args.learning_rate, args.learn, args.kl_priced),
    }
    for role in roles.keys() - people.keys():
        people[role] = roles[role]()
    weights, version = ray.get(people["learner"].begin.remote(saved))
    ray.get(people["sampler"].write.remote(0, weights, version))  # both are there before the clock starts
    jobs, batches, number, updates = {}, {}, 0, []  # update n learns from batch n; `number` is the next to be written
    kills, deaths, begun = set(args.at), 0, time.perf_counter()
    while version < args.updates:
        if "learner" not in jobs and version in batches:
            jobs["learner"] = people["learner"].learn.remote(batches[version])
        if "sampler" not in jobs and number - version < max(1, depth + ("learner" in jobs)):
            jobs["sampler"] = people["sampler"].write.remote(number, weights, version)
        if args.kill and version in kills:
            kills.remove(version)
            ray.kill(people[args.kill])
        (ready, *_), _ = ray.wait(list(jobs.values()))
        role = next(role for role, job in jobs.items() if job == ready)
        del jobs[role]
        try:
            made = ray.get(ready)
        except ray.exceptions.RayActorError:
            deaths += 1
            if deaths == DEATHS:
                sys.exit(f"depth {depth}: the {role} died at update {version}, the third death: the run ends")
            print(f"depth {depth}: the {role} died at update {version}, another one goes on", flush=True)
            people[role] = roles[role]()
            if role == "learner":  # from where, it must say
                jobs[role] = people[role].begin.remote(saved)
            continue
        if role == "sampler":
            batches[number] = made
            number += 1
        elif made[1] > version:
            _, by = batches.pop(version)
            updates.append(Update(time.perf_counter() - begun, version - by, made[0]))
            weights, version = made
    if args.kill:
        people.clear()  # nobody has asked the last one whether it lives
    return updates


def report(runs: dict[int, list[Update]]) -> None:
    """Print a line for each depth; all have made as many updates, and at some second the first one was ready."""
    seconds = min(updates[-1].seconds for updates in runs.values())
    tokens = ANSWERS * LENGTH * len(next(iter(runs.values())))
    at_seconds, at_tokens = f"after {seconds:.1f} s", f"after {tokens:,} tokens"
    print(f"{'':5} {'tokens':>9} {'staleness':>14}   {at_seconds:<18} {at_tokens:<18}".rstrip())
    print(f"depth {'a second':>8} {'mean (oldest)':>14}   {'reward, KL paid':<18} reward, KL paid")
    for depth, updates in runs.items():
        ages = [update.age for update in updates]
        then = [update for update in updates if update.seconds <= seconds]
        values = ["{:>6.3f}, {:>7.3f}".format(*worth(some[-1].weights)) for some in (then, updates)]
        speed = f"{tokens / updates[-1].seconds:,.0f}"
        age = f"{sum(ages) / len(ages):.1f} ({max(ages)})"
        print(f"{depth:>5} {speed:>8} {age:>14}   {values[0]:<18} {values[1]}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, train once for each depth, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m rlhf_helpers.beyond.apart", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--depth", type=at_least(0), nargs="+", default=[0, 1, 4], help="batches in the queue; 0: turns"
    )
    parser.add_argument("--updates", type=at_least(1), default=40)
    add_learning_rate(parser, 0.05)
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--write", type=float, default=0.05, help="seconds that writing a batch takes, in the mean")
    parser.add_argument("--learn", type=float, default=0.05, help="seconds that an update takes")
    parser.add_argument("--kl-priced", choices=["learned", "written"], default="learned", help="by whose log-probs")
    parser.add_argument("--kill", choices=["sampler", "learner"], help="who dies")
    parser.add_argument("--at", type=at_least(0), nargs="+", default=[20], help="at these updates")
    args = parser.parse_args(arguments)
    for name in ("write", "learn"):
        if not 0 <= getattr(args, name) <= 60:
            parser.error(f"--{name} must be seconds from 0 to 60, got {getattr(args, name)}")
    try:
        with ray_of_our_own() as (ray, folder):
            people = {}
            try:
                report({depth: run(depth, folder / f"depth-{depth}.pt", people, args) for depth in args.depth})
            except ray.exceptions.RayTaskError as error:
                sys.exit(f"the run ends: {error.cause}")
    except KeyboardInterrupt:
        sys.exit("interrupted")


@contextmanager
def ray_of_our_own() -> Iterator[tuple[ModuleType, Path]]:
    """Start Ray on this machine alone, and give it and a folder; in the end neither processes nor files are left."""
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",  # it calls nobody
        "RAY_AUTH_MODE": "token",  # who shares this machine cannot give it work, and it keeps no token in a file
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # nor does it warn of what a later version does
    }
    try:
        import ray
    except ImportError:
        sys.exit("this script needs Ray: python -m pip install -r requirements/beyond.txt")
    # the names of sockets must be short, and Ray keeps them in its folder
    place = {"prefix": f"ray-{os.getpid()}-", "dir": "/tmp" if os.path.isdir("/tmp") else None}
    with tempfile.TemporaryDirectory(**place) as folder:
        options = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
        try:
            try:
                ray.init("local", num_cpus=2, _node_ip_address="127.0.0.1", _temp_dir=folder, **options)
            except Exception as error:  # of no kind of its own; most likely this machine is too busy
                sys.exit(f"Ray does not start: {error}")
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: Ray's own may abort the script
            yield ray, Path(folder)
        finally:
            ray.shutdown()


if __name__ == "__main__":
    main()
