"""Live figures: a pure torch function, real controls, a picture that moves. `live` makes one."""

from .base import Panel, Preset, Say
from .figure import LiveFigure
from .make import live
from .panels import Bars, Chips, Curves, Plot, Strip, Table

__all__ = ["Bars", "Chips", "Curves", "LiveFigure", "Panel", "Plot", "Preset", "Say", "Strip", "Table", "live"]
