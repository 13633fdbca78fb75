"""How tests share processes: everything runs in one for each core, and what belongs together stays together."""

import os
from pathlib import Path

# tensors of a few dozen numbers gain nothing from a second thread, and lose much on a busy machine
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parent
# What takes longest begins first, so that no process waits at the end for another.
ORDER = ["tests/browser", "tests/workshop", "tests/book", "book", "tests/findings", "tests/unit", "rlhf_helpers"]


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
    """Put what takes longest first; a file goes to one process, and so does a chapter with all tests of it."""
    items.sort(key=place)
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            path = item.path.relative_to(ROOT)
            item.add_marker(pytest.mark.xdist_group(path.stem if path.suffix == ".ipynb" else path.as_posix()))


def place(item) -> int:
    """The place in ORDER of a test's folder."""
    return next(i for i, folder in enumerate(ORDER) if item.path.is_relative_to(ROOT / folder))
