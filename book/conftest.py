"""Chapters are tested in the environment in which `book/execute.py` runs them."""

import pytest
from execute import ENVIRONMENT


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    """A chapter's kernel starts in this environment; other tests have their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        return (yield)
