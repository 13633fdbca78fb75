"""The still picture of a live figure: its default run, as a page without a kernel shows it."""

import torch

from rlhf_helpers.live.base import View
from rlhf_helpers.live.run import NotFinite
from rlhf_helpers.live.session import Definition
from rlhf_helpers.plots.svg import CaptionedFigure, captioned


def picture(definition: Definition) -> CaptionedFigure:
    """Run a figure with its first settings and seed 0, in double precision, and draw every panel.

    Args:
        definition: the figure.

    Returns:
        What :func:`rlhf_helpers.plots.show` returns of a figure that does not move.
    """
    run = definition.run(torch.float64)
    stopped = ""
    try:
        run.reset(0, definition.defaults)
        if definition.trains:
            for _ in range(definition.steps):
                run.commit(definition.defaults)
    except NotFinite as error:
        stopped = f" Then {error} is no longer a finite number."
    status = definition.status_of(run)
    if definition.trains:
        status = f"After {run.step} updates{': ' if status else '.'}{status}"
    status = (status + stopped).strip()
    view = View(run.history(), run.now, settings=run.controls)
    figures = [panel.draw(view).figure for panel in definition.panels]
    alts = [f"{panel.describe(view)} {status}".strip() for panel in definition.panels]
    return captioned(figures, alts, definition.caption, status=status, kind="baby-live")
