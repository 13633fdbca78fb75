"""How tests share processes: everything runs in one for each core, and what belongs together stays together."""

import os
from pathlib import Path

# tensors of a few dozen numbers gain nothing from a second thread, and lose much on a busy machine
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parent
CHAPTERS = {path.stem for path in (ROOT / "book").glob("*.ipynb")}
# What takes longest begins first, so that no process waits at the end for another.
ORDER = ["tests/workshop", "tests/browser", "book", "tests/book", "tests/findings", "tests/unit", "rlhf_helpers"]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Use all cores (at most four) where no test is named; named tests run in this process unless `-n` says otherwise.

    A process takes seconds to import PyTorch and to collect, which a few tests do not earn back.
    """
    here = not hasattr(config, "workerinput")
    if here and config.option.numprocesses is None and config.args_source is not config.ArgsSource.ARGS:
        config.option.numprocesses = "logical"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Put what takes longest first, and give each chapter, and each other file, to one process."""
    items.sort(key=place)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(chapter(item) or item.path.relative_to(ROOT).as_posix()))


def place(item) -> int:
    """The place in ORDER of a test's folder."""
    return next(i for i, folder in enumerate(ORDER) if item.path.is_relative_to(ROOT / folder))


def chapter(item) -> str | None:
    """The chapter that a test is about: it is one of its cells, or has it as a parameter."""
    if item.path.suffix == ".ipynb":
        return item.path.stem
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else []
    names = [each.stem if isinstance(each, Path) else each for each in parameters]
    return next((name for name in names if isinstance(name, str) and name in CHAPTERS), None)
