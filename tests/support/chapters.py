"""The chapters, run in this process as learners have them: their live figures in the order in which they appear."""

from __future__ import annotations

import functools
from pathlib import Path

import nbformat
import pytest
from notebooks import make_copy

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))


@functools.cache
def live_figures(path: Path) -> list:
    """Run a learner's copy of a chapter, which has no answers, and return the live figures it makes.

    Args:
        path: the chapter.
    """
    import rlhf_helpers.live as package

    figures = []
    made = package.live

    def recorded(*args, **kwargs):
        figures.append(made(*args, **kwargs))
        return figures[-1]

    names = {"__name__": "__main__"}
    copy = make_copy(nbformat.read(path, as_version=4), "learner")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "live", recorded)
        patch.setenv("TQDM_DISABLE", "1")
        patch.chdir(path.parent)
        for number, cell in enumerate(copy.cells, start=1):
            if cell.cell_type == "code":
                exec(compile(cell.source, f"{path.stem}, cell {number}", "exec"), names)
    return figures
