"""Live figures: a pure torch function, real controls, a picture that moves. ``live`` makes one."""

from rlhf_helpers.live.base import Panel
from rlhf_helpers.live.figure import LiveFigure
from rlhf_helpers.live.guidance import Guess, Preset, Say, Term
from rlhf_helpers.live.inside import Inside
from rlhf_helpers.live.live_call import live
from rlhf_helpers.live.panels import Bars, Chips, Curves, Diff, Heads, Letters, Loop, Plot, Strip, Table
from rlhf_helpers.live.word import Word

__all__ = [
    "Bars",
    "Chips",
    "Curves",
    "Diff",
    "Guess",
    "Heads",
    "Inside",
    "Letters",
    "LiveFigure",
    "Loop",
    "Panel",
    "Plot",
    "Preset",
    "Say",
    "Strip",
    "Table",
    "Term",
    "Word",
    "live",
]
