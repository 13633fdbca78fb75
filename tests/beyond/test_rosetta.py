"""The table of names, against the packages themselves."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from support.scripts import Script

from rlhf_helpers.beyond.rosetta import faults, files_of, table


@pytest.mark.skipif(not find_spec("trl"), reason="looking into TRL needs requirements/beyond.txt")
def test_the_installed_trl_is_the_table_s():
    assert faults("trl", files_of("trl", None)) == []


def test_the_others_are_too(tmp_path):
    script = Script("rlhf_helpers.beyond.rosetta", "--install", folder=tmp_path)
    status, out, err = script.end()
    if "pip does not install" in err:
        pytest.skip("pip reaches no packages from here")
    assert status == 0, out + err
    held = [line for line in out.splitlines() if line.endswith("rows hold")]
    assert len(held) == len(table()["libraries"]) - 1
    assert "prime-rl 559b44772: not looked at, read on 2026-08-21" in out
