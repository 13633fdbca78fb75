"""How an update grows: what is kept for the chapter, and that the script finds the like."""

import importlib.util
import json
import re

import pytest
from support.scripts import ROOT

KEPT = json.loads((ROOT / "rlhf_helpers" / "beyond" / "growth.json").read_text("utf-8"))
FIRST = {"batch": "8", "length": "4", "vocabulary": "10", "runs": "1", "compiler": "eager"}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("throughput", ROOT / "tests" / "benchmarks" / "throughput.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_kept_says_when_and_where():
    assert set(KEPT) == {"date", "machine", "torch", "times"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", KEPT["date"])
    assert re.fullmatch(r"\d+ cores \(\S+\), .+", KEPT["machine"])
    assert {name: next(iter(times)) for name, times in KEPT["times"].items()} == FIRST
    assert all(times[FIRST[name]] == 1 for name, times in KEPT["times"].items())


def test_more_work_takes_less_than_as_many_times_as_long():
    for name in ("batch", "length", "vocabulary", "runs"):
        sizes, times = zip(*((int(size), time) for size, time in KEPT["times"][name].items()), strict=True)
        assert all(time < size / sizes[0] for size, time in zip(sizes[1:], times[1:], strict=True))
    assert KEPT["times"]["compiler"]["compiled"] < 0.5


def test_many_runs_at_once_take_less_than_one_after_the_other(script, capsys):
    kinds = {str(runs): script.pure_ppo(runs) for runs in (1, 32)}
    times = script.growth("runs", kinds, rounds=2)
    assert times["1"] == 1
    assert times["32"] < 32 / 2  # by 8 on an idle machine
    assert "runs" in capsys.readouterr().out
