"""Sentences that act: ``[Move it to 10](#ppo?kl_coeff=10)`` in a page's text sets the figure ``ppo`` and runs it.

Behind the name stands what a link to a figure's state has too: settings, ``seed``, ``step``, where the run pauses, and
``moves``, such as ``100:kl_coeff:1,200:kl_coeff:2``: controls that move by themselves when their update comes.
Settings that are not named are as at first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])+)\]\((?:(\w+)\.ipynb)?#(\w+)\?([^()\s]*)\)")
"""A sentence that acts, in Markdown: its words, the chapter if it is another one, the figure, what is asked."""


@dataclass(frozen=True)
class Act:
    """What a sentence asks of a figure.

    Args:
        values: control name -> number or word.
        seed: of the run.
        step: the update at which it pauses; None at the end of a run.
        moves: (update, control name, value), in the order in which they come.
    """

    values: Mapping[str, float | str]
    seed: int = 0
    step: int | None = None
    moves: tuple[tuple[int, str, float | str], ...] = ()


def act_of(query: str) -> Act:
    """Read what stands behind a figure's name.

    Raises:
        ValueError: it is not written as it should be.
    """
    asked = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    moves = [move.split(":") for move in asked.pop("moves", "").split(",") if move]
    seed, step = int(asked.pop("seed", 0)), asked.pop("step", None)
    return Act(
        values={name: _value(text) for name, text in asked.items()},
        seed=seed,
        step=None if step is None else int(step),
        moves=tuple((int(at), name, _value(text)) for at, name, text in moves),
    )


def _value(text: str) -> float | str:
    """A number, or a word: that of a figure which takes one."""
    return float(text) if re.match(r"[-+]?\.?\d", text) else text
