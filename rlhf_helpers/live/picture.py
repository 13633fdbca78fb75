"""The still picture of a live figure: its default run, as a page without a kernel shows it."""

from __future__ import annotations

import string

import torch
from tqdm import tqdm

from rlhf_helpers.plots.svg import Shown, figure_html, svg

from .panels import View
from .run import NotFinite, Run


def status_line(form: str, says, series, values) -> str:
    """The status with its numbers, and what the rules have to say."""
    known = dict(values) | {name: float(value) for name, value in series.items() if value.ndim == 0}
    parts = [string.Formatter().vformat(form, (), known)] if form else []
    parts += [say.text for say in says if say.applies(known[say.series], int(values["step"]))]
    return " ".join(part if part.endswith((".", "!", "?")) else part + "." for part in parts)


def picture(figure) -> Shown:
    """Run the figure's function with its first settings in float64 and draw every panel."""
    run = Run(figure.function, figure.start, figure.noise, torch.float64)
    trouble = ""
    try:
        run.reset(0, figure.defaults)
        if figure.start is not None:
            for _ in tqdm(range(figure.steps), desc="drawing", leave=False, delay=2):
                run.commit(figure.defaults)
    except NotFinite as error:
        trouble = f" {error} is no longer a finite number."
    view = View(run.history(), run.now, (), run.step)
    values = figure.defaults | {"step": run.step, "seed": 0}
    status = status_line(figure.status_format, figure.says, run.now, values)
    if figure.start is not None:
        status = f"After {run.step} updates: {status}" if status else f"After {run.step} updates."
    status = (status + trouble).strip()
    svgs = [svg(panel.draw(view).figure, f"{panel.describe(view)} {status}".strip()) for panel in figure.panels]
    html = figure_html(svgs, figure.caption, status=status, kind="baby-live")
    return Shown(html, figure.caption, status)
