"""What a learner costs in a room on one server: memory and time, and so how many a machine of a given size holds.

    python tests/benchmarks/room.py                                          # 1, 2, 4 and 8 learners run 04_ppo
    python tests/benchmarks/room.py --learners 2 16 --chapter 02_baby_rlhf   # as many as you like, another chapter

For each number a hub with the project's configuration starts on loopback. All learners log in, wait for their server,
and then run the whole chapter at the same instant, which no class does. Memory is PSS: a page that n processes share
counts as 1/n for each. CPU seconds hardly depend on what else the machine does; waiting times do.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from support.classroom import Learner, Room, open_room, tree_cpu, tree_memory  # noqa: E402

MACHINES = [(8, 2), (32, 8), (64, 16)]  # GB, cores
SYSTEM = 1.5  # GB for the operating system and its file cache
RUSH = 60  # seconds in which everybody's chapter is done, when all begin at the same instant
HEADER = "learners  hub MB  server MB  chapter MB  CPU s  start s: median  max  chapter s: median  max"
ROW = (
    "{learners:8}  {hub:6.0f}  {server:9.0f}  {chapter:10.0f}  {cpu:5.1f}"
    "  {start:15.1f}  {start_max:3.0f}  {wall:17.1f}  {wall_max:3.0f}"
)


async def timed(work) -> float:
    """Wait for some work and give the seconds it took."""
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun


async def measure(room: Room, count: int, chapter: str) -> dict[str, float]:
    """Let ``count`` learners log in, then run the chapter, each step at the same instant; give the table's row."""
    hub = room.memory()
    learners = [Learner(room, f"learner-{number}") for number in range(1, count + 1)]
    for learner in learners:
        await learner.__aenter__()
    starts = await asyncio.gather(*(timed(learner.enter()) for learner in learners))
    servers = [room.server_of(learner.name) for learner in learners]
    idle = statistics.mean(map(tree_memory, servers))
    used = sum(map(tree_cpu, servers))
    walls = await asyncio.gather(*(timed(learner.run_chapter(chapter)) for learner in learners))
    row = dict(
        learners=count,
        hub=hub,
        server=idle,
        chapter=statistics.mean(map(tree_memory, servers)) - idle,
        cpu=(sum(map(tree_cpu, servers)) - used) / count,
        start=statistics.median(starts),
        start_max=max(starts),
        wall=statistics.median(walls),
        wall_max=max(walls),
    )
    for learner in learners:
        await learner.__aexit__()
    return row


def main() -> None:
    """Print a row for each number of learners, and how many each machine holds by the last row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, nargs="+", default=[1, 2, 4, 8], help="how many at the same time")
    parser.add_argument("--chapter", default="04_ppo", help="the notebook that each of them runs")
    args = parser.parse_args()
    print(f"chapter {args.chapter}\n{HEADER}", flush=True)
    for count in args.learners:
        with tempfile.TemporaryDirectory() as folder, open_room(Path(folder)) as room:
            row = asyncio.run(measure(room, count, args.chapter))
        print(ROW.format(**row), flush=True)

    print(f"\nlearners that a machine holds, {SYSTEM} GB left to its system; estimated from the last row")
    print(f"machine           one chapter open  two open  all run one in {RUSH} s")
    for memory, cores in MACHINES:
        free = (memory - SYSTEM) * 1024 - row["hub"]
        one, two = (int(free / (row["server"] + opened * row["chapter"])) for opened in (1, 2))
        print(f"{memory:3} GB, {cores:2} cores  {one:16}  {two:8}  {int(RUSH * cores / row['cpu']):19}")


if __name__ == "__main__":
    main()
