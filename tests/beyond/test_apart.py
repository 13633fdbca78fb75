"""Sampler and learner apart, on Ray: what the queue does, and what a death does."""

from __future__ import annotations

import argparse
import gc
import signal
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.scripts import Script

from rlhf_helpers.beyond.apart import Learner, Sampler, ray_of_our_own, run

# not `importorskip`: Ray reads, when it is imported, what the script has told it before
pytestmark = [
    pytest.mark.skipif(not find_spec("ray"), reason="what runs on Ray needs requirements/beyond.txt"),
    pytest.mark.filterwarnings("ignore"),  # of sockets and processes that Ray leaves to the garbage collector
]

KNOBS = {"updates": 8, "learning_rate": 0.05, "seed": 0, "write": 0.0, "learn": 0.0, "kl_priced": "learned"}


@pytest.fixture(scope="module")
def cluster():
    """Ray, and who works on it; they outlive a test that kills nobody."""
    with ray_of_our_own() as (ray, _):
        yield ray, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray waits for none of the processes that it ends
        gc.collect()


@pytest.fixture
def go(cluster, tmp_path):
    def go(depth, kill=None, at=()):
        people, knobs = cluster[1], KNOBS
        if kill:  # of their own, and at work for longer than a death takes to come
            people, knobs = {}, KNOBS | {"write": 0.15, "learn": 0.15}
        asked = argparse.Namespace(**knobs, kill=kill, at=list(at))
        return run(depth, tmp_path / f"{depth}-{kill}.pt", people, asked)

    return go


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The weights of a run in one process, sampler and learner taking turns."""
    sampler, learner = Sampler(0, 0.0), Learner(0.05, 0.0, "learned")
    weights, version = learner.begin(tmp_path_factory.mktemp("alone") / "saved.pt")
    while version < KNOBS["updates"]:
        weights, version = learner.learn(sampler.write(version, weights, version))
    return weights


def assert_same(updates, weights):
    assert len(updates) == KNOBS["updates"]
    assert all((updates[-1].weights[name] == weight).all() for name, weight in weights.items())


def test_taking_turns_is_the_loop_of_the_book(go, alone):
    updates = go(0)
    assert_same(updates, alone)
    assert {update.age for update in updates} == {0}


@pytest.mark.parametrize("depth", [1, 3])
def test_no_batch_is_older_than_the_queue_is_deep(go, depth):
    ages = [update.age for update in go(depth)]
    assert max(ages) <= depth
    assert sum(ages) > 0


def test_a_queue_of_one_saves_the_wait(cluster, tmp_path):
    """Writing takes as long as learning: taking turns takes the sum of both, a queue the longer one of the two."""
    people = {}  # of their own: these are slow
    seconds = {}
    for depth in (0, 1):
        asked = argparse.Namespace(**KNOBS | {"write": 0.15, "learn": 0.15}, kill=None, at=[])
        seconds[depth] = run(depth, tmp_path / f"{depth}.pt", people, asked)[-1].seconds
    assert seconds[0] > 0.15 * 8 * 1.5
    assert seconds[1] < 0.85 * seconds[0]


def test_what_somebody_cannot_do_is_why_the_run_ends(cluster, tmp_path):
    ray, people = cluster
    with pytest.raises(ray.exceptions.RayTaskError, match="nowhere does not exist"):
        run(0, tmp_path / "nowhere" / "saved.pt", people, argparse.Namespace(**KNOBS, kill=None, at=[]))


@pytest.mark.parametrize("who", ["sampler", "learner"])
def test_after_a_death_the_run_goes_on_to_the_same_end(go, alone, capsys, who):
    updates = go(0, who, [3])
    assert_same(updates, alone)
    assert capsys.readouterr().out == f"depth 0: the {who} died at update 3, another one goes on\n"


def test_after_the_third_death_it_ends_and_says_so(go, capsys):
    with pytest.raises(SystemExit, match="^depth 1: the learner died at update 3, the third death: the run ends$"):
        go(1, "learner", [1, 2, 3])
    assert capsys.readouterr().out.count("another one goes on") == 2


def folders_of(script):
    return list(Path("/tmp").glob(f"ray-{script.process.pid}-*"))


def test_the_script_prints_a_table_and_cleans_up(tmp_path):
    options = ["--depth", "0", "2", "--updates", "5", "--write", "0.02", "--learn", "0.02"]
    script = Script("rlhf_helpers.beyond.apart", *options, folder=tmp_path)
    status, out, err = script.end()
    assert status == 0, err
    assert err == ""
    rows = [line.split() for line in out.splitlines()]
    assert rows[1][:3] == ["depth", "a", "second"]
    assert [row[0] for row in rows[2:]] == ["0", "2"]
    assert rows[2][2:4] == ["0.0", "(0)"]
    assert script.left_behind() == []
    assert folders_of(script) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_however_the_script_is_ended_while_it_works_nothing_is_left(tmp_path, how):
    script = Script("rlhf_helpers.beyond.apart", "--updates", "100000", folder=tmp_path)
    until = time.monotonic() + 120
    while not any("ray::Sampler" in name for name in script.living()):
        assert time.monotonic() < until
        assert script.process.poll() is None, script.end()
        time.sleep(0.2)
    script.process.send_signal(how)
    status, _, err = script.end()
    assert status != 0
    assert "interrupted" in err
    assert "Traceback" not in err
    assert script.left_behind() == []
    assert folders_of(script) == []
