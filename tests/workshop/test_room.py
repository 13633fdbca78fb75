"""A room on one server: the real hub with the project's configuration, and several learners at the same time."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from support.classroom import CONFIG, PASSWORD, TEACHER_PASSWORD, Learner, hub_command, open_room, tree_cpu, tree_memory

aiohttp = pytest.importorskip("aiohttp")  # the classroom has said what it needs
ROOM = CONFIG.parent
NAMES = ["ada", "emmy", "sofia"]
CHAPTER = "03_ppo_ratio"

pytestmark = pytest.mark.skipif(
    not (ROOM / "node_modules" / "configurable-http-proxy").is_dir(),
    reason="the room's proxy is not installed: `npm ci --prefix workshop/room` makes these tests run",
)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A room that is open while the tests of this module run."""
    with open_room(tmp_path_factory.mktemp("room")) as room:
        yield room


async def as_learner(room, name, visit):
    """Enter the room under a name, and give what the coroutine function ``visit`` finds there."""
    async with Learner(room, name) as learner:
        await learner.enter()
        return await visit(learner)


def test_a_class_runs_a_chapter_at_the_same_time(room, capsys):
    baseline = room.memory()

    async def visit(learner):
        server = room.server_of(learner.name)
        idle, used, begun = tree_memory(server), tree_cpu(server), time.perf_counter()
        await learner.run_chapter(CHAPTER)
        wall = time.perf_counter() - begun
        return idle, tree_memory(server), tree_cpu(server) - used, wall

    async def everybody():
        return await asyncio.gather(*(as_learner(room, name, visit) for name in NAMES))

    rows = asyncio.run(everybody())
    with capsys.disabled():
        print(f"\n{len(NAMES)} learners run {CHAPTER} at the same time; the hub and its proxy take {baseline:.0f} MB")
        for name, (idle, after, cpu, wall) in zip(NAMES, rows, strict=True):
            print(f"{name:6} server {idle:4.0f} MB, with the chapter {after:4.0f} MB, {cpu:4.1f} CPU s, {wall:4.1f} s")
    assert all(after > idle for idle, after, _, _ in rows)


def test_each_learner_works_in_an_own_folder(room):
    async def write(learner):
        await learner.run([f"from pathlib import Path; Path('notes.txt').write_text({learner.name!r})"])

    async def look(learner):
        return {entry["name"] for entry in (await learner.ask("GET", f"/user/{learner.name}/api/contents"))["content"]}

    asyncio.run(as_learner(room, "ada", write))
    there, elsewhere = (asyncio.run(as_learner(room, name, look)) for name in ("ada", "emmy"))
    assert there - elsewhere == {"notes.txt"}
    assert f"{CHAPTER}.ipynb" in elsewhere
    assert (room.folder / "learners" / "ada" / "notes.txt").read_text() == "ada"


def test_what_a_learner_changed_is_there_after_a_restart(room):
    async def change_and_stop(learner):
        Path(room.folder, "learners", "ada", f"{CHAPTER}.ipynb").write_text("mine")
        Path(room.folder, "learners", "ada", "04_ppo.ipynb").unlink()
        await learner.ask("DELETE", "/hub/api/users/ada/server")
        await learner.server_is(ready=False)

    async def look(learner):
        return (await learner.ask("GET", f"/user/ada/api/contents/{CHAPTER}.ipynb?type=file&format=text"))["content"]

    asyncio.run(as_learner(room, "ada", change_and_stop))
    assert asyncio.run(as_learner(room, "ada", look)) == "mine"
    assert Path(room.folder, "learners", "ada", "04_ppo.ipynb").is_file()  # a deleted notebook comes back as it was


def test_nobody_opens_the_server_of_another(room):
    async def visit(learner):
        with pytest.raises(aiohttp.ClientResponseError) as refusal:
            await learner.ask("GET", "/user/emmy/api/contents")
        return refusal.value.status

    async def both(emmy):
        await emmy.ask("GET", "/user/emmy/api/contents")  # it runs, and answers its owner
        return await as_learner(room, "ada", visit)

    assert asyncio.run(as_learner(room, "emmy", both)) == 403


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "a wrong password"),
        ("ada", TEACHER_PASSWORD),
        ("../ada", PASSWORD),
        ("Ada Lovelace", PASSWORD),
        ("teacher", PASSWORD),
    ],
)
def test_the_door_stays_closed(room, name, password):
    async def knock():
        async with Learner(room, name) as stranger:
            status = await stranger.log_in(password)
            with pytest.raises(aiohttp.ClientResponseError):
                await stranger.ask("GET", "/hub/api/user")
            return status

    assert asyncio.run(knock()) == 403


def test_the_teacher_sees_who_is_there(room):
    async def list_of(name, password):
        async with Learner(room, name) as person:
            assert await person.log_in(password) == 200
            return {user["name"] for user in await person.ask("GET", "/hub/api/users")}

    assert asyncio.run(list_of("teacher", TEACHER_PASSWORD)) >= {"teacher"}
    with pytest.raises(aiohttp.ClientResponseError, match="403"):
        asyncio.run(list_of("ada", PASSWORD))


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="no prlimit on this machine: it belongs to Linux")
def test_who_asks_for_too_much_memory_gets_an_error(room):
    async def visit(learner):
        with pytest.raises(AssertionError, match="MemoryError"):
            await learner.run(["greedy = bytearray(3 * 2**30)"])
        await learner.run(["assert 1 + 1 == 2"])

    asyncio.run(as_learner(room, "emmy", visit))


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({}, "ROOM_PASSWORD="),
        ({"ROOM_PASSWORD": "short"}, "8 characters"),
        ({"ROOM_PASSWORD": "long enough", "TEACHER_PASSWORD": "short"}, "32 characters"),
    ],
)
def test_without_a_good_password_it_does_not_start_and_says_what_to_do(tmp_path, settings, word):
    known = {name: value for name, value in os.environ.items() if not name.endswith("_PASSWORD")}
    environment = known | {"ROOM_FOLDER": str(tmp_path)} | settings
    done = subprocess.run(hub_command(), env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_proxy_is_locked_and_the_lock_names_no_host():
    lock = json.loads((ROOM / "package-lock.json").read_text("utf-8"))["packages"]
    for name, version in json.loads((ROOM / "package.json").read_text("utf-8"))["dependencies"].items():
        assert lock[f"node_modules/{name}"]["version"] == version
    assert all("resolved" not in package for package in lock.values())


def test_values_for_kubernetes_give_a_learner_what_the_room_gives():
    values = yaml.safe_load((ROOM / "zero-to-jupyterhub.yaml").read_text("utf-8"))
    config = CONFIG.read_text("utf-8")
    limit = re.search(r"--data=\{(\d) \* GB", config).group(1)
    assert values["singleuser"]["memory"]["limit"] == f"{limit}G"
    assert values["singleuser"]["extraEnv"]["OMP_NUM_THREADS"] == "1"
