"""From a moved slider to the new picture: milliseconds, and their share of the 100 ms that a reader may wait.

    python tests/benchmarks/live_latency.py

The move comes in as the message that the browser sends; the picture is ready when the kernel has the frame in JSON.
The function is the book's PPO step (32 completions of 8 tokens). The last line is a whole run of 300 updates as the
play button runs it, and the longest time it kept the kernel from anything else.
"""

import asyncio
import json
import time
from statistics import median

from ipywidgets import FloatLogSlider

from rlhf_helpers import ppo, training_step
from rlhf_helpers.live import Chips, Curves, Strip, Table, live

LIMIT = 100  # milliseconds


def ppo_figure():
    """The figure of the PPO chapter, with every kind of panel that trains."""
    start, step = training_step(ppo)
    return live(
        step,
        start=start,
        noise=(32, 8),
        steps=300,
        caption="PPO",
        panels=[Curves(["reward", "kl", "optimum"]), Strip("probs"), Table("policy"), Chips("completions")],
        kl_coeff=FloatLogSlider(value=0.1, min=-2, max=1),
        learning_rate=FloatLogSlider(value=0.01, min=-3, max=0),
    )


def latency(fig) -> list[float]:
    """Milliseconds from the message of a moved slider to the frame as JSON, after a run of 300 updates."""
    fig.step(300)
    slider, times = fig.controls["kl_coeff"], []
    for k in range(60):
        message = {"content": {"data": {"method": "update", "state": {"value": 0.01 * 1.1**k}}}}
        begun = time.perf_counter()
        slider._handle_msg(message)
        json.dumps(fig.canvas.frame)
        times.append(1000 * (time.perf_counter() - begun))
    return times


async def longest_turn(fig) -> tuple[float, float]:
    """Play a run: (seconds of the run, longest time in milliseconds between two turns of the kernel's loop)."""
    fig.reset()
    fig.play()
    begun = last = time.perf_counter()
    longest = 0.0
    while fig.playing:
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return last - begun, 1000 * longest


def main() -> None:
    """Measure and print."""
    fig = ppo_figure()
    times = sorted(latency(fig))
    for name, value in (("median", median(times)), ("slowest of 60", times[-1])):
        print(f"slider to picture, {name:13s} {value:6.1f} ms   {value / LIMIT:5.2f} of {LIMIT} ms")
    seconds, longest = asyncio.run(longest_turn(fig))
    print(f"run of 300 updates: {seconds:.1f} s")
    print(f"longest block of the kernel in it {longest:6.1f} ms   {longest / LIMIT:5.2f} of {LIMIT} ms")


if __name__ == "__main__":
    main()
