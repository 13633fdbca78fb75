"""How tests share processes: one more than there are cores, and what belongs together stays together."""

import os
import re
from pathlib import Path

# tensors of a few dozen numbers gain nothing from a second thread, and lose much on a busy machine
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parent
# What takes longest begins first, so that no process waits at the end for another.
ORDER = ["tests/browser", "tests/workshop", "tests/book", "book"]
ORDER += ["tests/findings", "tests/beyond", "tests/unit", "rlhf_helpers"]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Use all cores where no test is named; named tests run in this process unless `-n` says otherwise.

    A process takes seconds to import PyTorch and to collect, which a few tests do not earn back. Those of pages often
    wait for the browser: with one process more than there are cores, something else runs meanwhile.
    """
    is_worker = hasattr(config, "workerinput")
    is_named = config.args_source is config.ArgsSource.ARGS
    if config.option.numprocesses is None and not is_worker and not is_named:
        config.option.numprocesses = min(config.option.maxprocesses, (os.cpu_count() or 1) + 1)


def pytest_collection_modifyitems(items):
    """Put the tests into ORDER."""
    items.sort(key=lambda item: next(i for i, part in enumerate(ORDER) if item.path.is_relative_to(ROOT / part)))


def pytest_xdist_make_scheduler(config, log):
    """Give a file to one process, and a chapter with all tests of it: these are the ones that name it in their id."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            chapter = re.search(r"\w+\.ipynb", nodeid)
            return chapter[0] if chapter else super()._split_scope(nodeid)

    return Scheduling(config, log)
