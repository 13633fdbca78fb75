"""Pictures: arrays in, Axes out, `show` to put one on a page. Knows neither torch nor widgets.

Every function takes what numpy can read, draws into `ax` or into a new figure, and returns the axes.
"""

from .charts import bars, curves, line_plot
from .labels import end_labels
from .motif import completion_chips, policy_table, token_strip
from .style import COLORS, TEXT, color_of, figure, quantity_of, style
from .svg import Shown, figure_html, show, svg

__all__ = [
    "COLORS",
    "TEXT",
    "Shown",
    "bars",
    "color_of",
    "completion_chips",
    "curves",
    "end_labels",
    "figure",
    "figure_html",
    "line_plot",
    "policy_table",
    "quantity_of",
    "show",
    "style",
    "svg",
    "token_strip",
]
