"""Pictures: arrays in, Axes out, ``show`` to put one on a page. Knows neither torch nor widgets.

Every function takes what numpy can read, draws into ``ax`` or into a new figure, and returns the axes.
"""

from rlhf_helpers.plots.charts import bars, curves, line_plot
from rlhf_helpers.plots.labels import end_labels
from rlhf_helpers.plots.motif import (
    attention_rows,
    code_lines,
    completion_chips,
    number_rows,
    policy_table,
    rlhf_loop,
    token_strip,
)
from rlhf_helpers.plots.style import COLORS, TEXT, color_of, figure, quantity_of, style
from rlhf_helpers.plots.svg import CaptionedFigure, figure_html, show, svg

__all__ = [
    "COLORS",
    "TEXT",
    "CaptionedFigure",
    "attention_rows",
    "bars",
    "code_lines",
    "color_of",
    "completion_chips",
    "curves",
    "end_labels",
    "figure",
    "figure_html",
    "line_plot",
    "number_rows",
    "policy_table",
    "quantity_of",
    "rlhf_loop",
    "show",
    "style",
    "svg",
    "token_strip",
]
