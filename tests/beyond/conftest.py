"""What makes Ray start in time on a busy machine."""

import os

import pytest
from support.scripts import ROOT


@pytest.fixture(scope="session", autouse=True)
def without_a_grammar(tmp_path_factory):
    """Each of Ray's eight processes would build a grammar of addresses for 1.5 seconds, where jsonschema finds it."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "rfc3987_syntax.py").write_text("raise ImportError\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")
        yield
