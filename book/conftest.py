"""Chapters are tested in the environment in which `book/execute.py` runs them, and compared as `close_outputs` says."""

from types import MethodType

import pytest
from close_outputs import differences
from execute import ENVIRONMENT
from nbval.plugin import IPyNbCell


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    """A chapter's kernel starts in this environment; other tests have their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        return (yield)


def pytest_itemcollected(item):
    """Let a cell of a chapter compare what its run gave with what the chapter holds."""
    if isinstance(item, IPyNbCell):
        item.compare_outputs = MethodType(compare_outputs, item)


def compare_outputs(cell: IPyNbCell, found: list[dict], kept: list[dict]) -> bool:
    """In place of nbval's method of this name, which takes outputs for text and wants them equal."""
    cell.comparison_traceback = differences(found, kept)
    return not cell.comparison_traceback
