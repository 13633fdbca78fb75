"""The chapters, run in this process as learners have them: their live figures in the order in which they appear."""

from __future__ import annotations

import functools
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from notebooks import make_copy

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))


def each(paths: list[Path]) -> pytest.MarkDecorator:
    """A test of each of these chapters, whose id makes it run where the others of the chapter run: `conftest.py`."""
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)


every_chapter = each(CHAPTERS)
every_numbered_chapter = each([path for path in CHAPTERS if path.stem[0].isdigit()])


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
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(package, "live", recorded)
        patch.setenv("TQDM_DISABLE", "1")
        patch.chdir(folder)  # a copy may be anywhere
        for number, cell in enumerate(copy.cells, start=1):
            if cell.cell_type == "code":
                source = TransformerManager().transform_cell(cell.source)  # it may hold a %magic
                exec(compile(source, f"{path.stem}, cell {number}", "exec"), names)
    return figures


def restart(figure, settings: dict) -> None:
    """Bring a figure to these settings, as if nobody had touched it before.

    Args:
        figure: of a chapter; other tests have used it.
        settings: a value for every control.
    """
    if not figure.definition.trains:
        figure.set(**settings)
        return
    figure.reset(seed=0)
    figure.set(**settings)
    figure.reset()
