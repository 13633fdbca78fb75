"""The still picture of a live figure: its default run, as a page without a kernel shows it."""

from __future__ import annotations

import torch

from rlhf_helpers._progress import progress
from rlhf_helpers.plots.svg import Shown, figure_html, svg

from .base import View
from .run import NotFinite
from .session import Definition


def picture(definition: Definition) -> Shown:
    """Run a figure with its first settings and seed 0, in double precision, and draw every panel.

    Args:
        definition: the figure.
    """
    run = definition.run(torch.float64)
    trouble = ""
    try:
        run.reset(0, definition.defaults)
        if definition.trains:
            for _ in progress(definition.steps, "drawing"):
                run.commit(definition.defaults)
    except NotFinite as error:
        trouble = f" Then {error} is no longer a finite number."
    status = definition.say(run)
    if definition.trains:
        status = f"After {run.step} updates{': ' if status else '.'}{status}"
    status = (status + trouble).strip()
    view = View(run.history(), run.now)
    svgs = [svg(panel.draw(view).figure, f"{panel.describe(view)} {status}".strip()) for panel in definition.panels]
    markup = figure_html(svgs, definition.caption, status=status, kind="baby-live")
    return Shown(markup, definition.caption, status)
