"""The chapters, run in this process: their live figures in the order in which they appear."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))


@functools.cache
def live_figures(path: Path) -> list:
    """Run a chapter's code cells from top to bottom and return the live figures it makes.

    Args:
        path: the notebook.
    """
    import rlhf_helpers.live as package

    figures = []
    genuine = package.live

    def recorded(*args, **kwargs):
        figures.append(genuine(*args, **kwargs))
        return figures[-1]

    names = {"__name__": "__main__"}
    here = Path.cwd()
    package.live = recorded
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.chdir(path.parent)
    try:
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
            if cell.cell_type == "code":
                exec(compile(cell.source, f"{path.stem}, cell {number}", "exec"), names)
    finally:
        os.chdir(here)
        package.live = genuine
    return figures
