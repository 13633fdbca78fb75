"""A room on one server: the real hub with the project's configuration, and several learners at the same time."""

from __future__ import annotations

import asyncio
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml
from support.classroom import (
    CONFIG,
    OWN_PASSWORD,
    PASSWORD,
    TEACHER_PASSWORD,
    Learner,
    hub_command,
    open_room,
    tree_cpu,
    tree_memory,
)

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
    ("name", "password", "room_password"),
    [
        ("ada", "not the one that ada chose", PASSWORD),
        ("ada", PASSWORD, PASSWORD),
        ("ada", TEACHER_PASSWORD, TEACHER_PASSWORD),
        ("stranger", OWN_PASSWORD, ""),
        ("stranger", OWN_PASSWORD, OWN_PASSWORD),
        ("stranger", "short", PASSWORD),
        ("../ada", OWN_PASSWORD, PASSWORD),
        ("Ada Lovelace", OWN_PASSWORD, PASSWORD),
        ("teacher", OWN_PASSWORD, PASSWORD),
        ("teacher", "", PASSWORD),
    ],
)
def test_the_door_stays_closed(room, name, password, room_password):
    async def knock():
        async with Learner(room, name) as stranger:
            status = await stranger.log_in(password, room_password)
            with pytest.raises(aiohttp.ClientResponseError):
                await stranger.ask("GET", "/hub/api/user")
            return status

    assert asyncio.run(knock()) == 403


def test_after_the_first_login_only_a_learners_own_password_counts(room):
    async def come_back():
        async with Learner(room, "ada") as ada:
            return await ada.log_in(room_password="")

    assert asyncio.run(come_back()) == 200


def test_the_teacher_sees_who_is_there(room):
    async def list_of(name, password):
        async with Learner(room, name) as person:
            assert await person.log_in(password) == 200
            return {user["name"] for user in await person.ask("GET", "/hub/api/users")}

    assert asyncio.run(list_of("teacher", TEACHER_PASSWORD)) >= {"teacher"}
    with pytest.raises(aiohttp.ClientResponseError, match="403"):
        asyncio.run(list_of("ada", OWN_PASSWORD))


# Breaking in, as a learner with a terminal would

TRIAL = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "--unshare-user", "--disable-userns", "true"]
in_a_sandbox = pytest.mark.skipif(
    shutil.which("bwrap") is None or subprocess.run(TRIAL, capture_output=True).returncode != 0,
    reason="no bubblewrap of 0.8 or newer on this machine, or the system forbids it sandboxes",
)


def ports_of(process) -> list[int]:
    """Ports on which a learner's server listens, and then its kernels."""
    family = [process, *process.children(recursive=True)]
    return [one.laddr.port for each in family for one in each.net_connections("tcp") if one.status == "LISTEN"]


@in_a_sandbox
def test_a_learner_sees_nothing_of_the_others_and_of_the_hub(room):
    secrets = [PASSWORD, TEACHER_PASSWORD, "CONFIGPROXY_AUTH_TOKEN"]
    look = f"""
import os, re
from pathlib import Path
import signal

room = Path({str(room.folder)!r})
assert [one.name for one in (room / "learners").iterdir()] == ["ada"]
assert [one.name for one in room.iterdir()] == ["learners"]
for name in ("jupyterhub.sqlite", "cookie_secret", "passwords", "hub.log"):
    assert not (room / name).exists(), name
assert not Path({str(CONFIG)!r}).exists()
numbers = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
assert len(numbers) < 20 and {room.process.pid} not in numbers, numbers
for number in numbers:
    told = Path(f"/proc/{{number}}/environ").read_text()
    assert not [word for word in {secrets} if word in told], number
try:
    os.kill({room.process.pid}, signal.SIGTERM)
except ProcessLookupError:
    pass
else:
    raise AssertionError("the hub can be ended")
for place in ("/usr/pwned", "/etc/pwned", {str(CONFIG.parent / "pwned")!r}, {str(room.folder / "pwned")!r}):
    try:
        Path(place).write_text("pwned")
    except OSError:
        pass
"""

    async def visit(ada):
        await ada.run([look])

    asyncio.run(as_learner(room, "emmy", lambda emmy: as_learner(room, "ada", visit)))
    # what was written beside one's own folder went into memory that ended with the sandbox, or nowhere
    assert not (room.folder / "pwned").exists()
    assert not (CONFIG.parent / "pwned").exists()


@in_a_sandbox
def test_ports_of_others_say_no(room):
    async def visit(ada):
        port, *_ = ports_of(room.server_of("emmy"))  # her server's; a kernel's takes what its own child processes print
        address = f"http://127.0.0.1:{port}/user/emmy/api/contents"
        await ada.run(
            [
                f"""
import os, urllib.request
from urllib.error import HTTPError

token = os.environ["JUPYTERHUB_API_TOKEN"]
hub = os.environ["JUPYTERHUB_API_URL"]

def ask(address, **headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(address, headers=headers)).status
    except HTTPError as error:
        return error.code

told = {{
    "her server": ask({address!r}),
    "her server, with my token": ask({address!r}, Authorization="token " + token),
    "the hub, about all": ask(hub + "/users", Authorization="token " + token),
    "the hub, about her": ask(hub + "/users/emmy", Authorization="token " + token),
    "the proxy": ask("http://127.0.0.1:{room.proxy_port}/api/routes"),
    "the proxy, with my token": ask("http://127.0.0.1:{room.proxy_port}/api/routes", Authorization="token " + token),
}}
assert set(told.values()) <= {{403, 404}}, told
assert ask(hub + "/user", Authorization="token " + token) == 200  # the questions are asked rightly
"""
            ]
        )

    async def both(emmy):
        await emmy.run(["1 + 1"])
        return await as_learner(room, "ada", visit)

    asyncio.run(as_learner(room, "emmy", both))


@in_a_sandbox
def test_a_link_leads_to_nothing_that_a_learner_could_not_read(room):
    async def lay_links(ada):
        links = f"""
import os
from pathlib import Path

os.path.lexists("out") or os.symlink({str(room.folder)!r}, "out")
Path("04_ppo.ipynb").unlink()
os.symlink({str(room.folder / "pwned")!r}, "04_ppo.ipynb")  # the hub writes a missing copy when the server starts
"""
        await ada.run([links])
        listed = (await ada.ask("GET", "/user/ada/api/contents/out"))["content"]
        await ada.ask("DELETE", "/hub/api/users/ada/server")
        await ada.server_is(ready=False)
        return {entry["name"] for entry in listed}

    hubs = {one.name for one in room.folder.iterdir()} - {"learners"}
    assert len(hubs) > 2
    assert not hubs & asyncio.run(as_learner(room, "ada", lay_links))
    asyncio.run(as_learner(room, "ada", lambda ada: ada.ask("GET", "/user/ada/api/status")))
    assert not (room.folder / "pwned").exists()


@in_a_sandbox
def test_no_kernel_has_a_debugger_whose_port_asks_nobody_for_a_word(tmp_path):
    look = "import ipykernel.debugger; print(ipykernel.debugger._is_debugpy_available)"
    python = [sys.executable, "-c", look]
    assert subprocess.run(python, capture_output=True, text=True).stdout == "True\n"
    command = [sys.executable, str(ROOM / "sandbox.py"), str(tmp_path), *python]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


@in_a_sandbox
def test_a_sandbox_holds_a_learner_who_fills_it():
    """Without the book's environment, so that an account that may read nothing can run it: root has no such limits."""
    sandbox = runpy.run_path(str(ROOM / "sandbox.py"))
    account = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        if account:
            os.chown(folder, account["user"], account["group"])

        def tell(script):
            command = sandbox["command"](folder, ["bash", "-c", script], environment=[])
            return subprocess.run(command, capture_output=True, text=True, cwd="/", **account)

        forks = tell("perl -e 'for (1..600) { defined(my $it = fork) or die $!; $it or sleep 60 } print 1'")
        file = tell(f"truncate -s {sandbox['FILE']} file; (echo more >> file); stat -c %s file")
        temporary = tell("for it in /tmp /dev/shm; do head -c 1G /dev/zero > $it/file; stat -c %s $it/file; done")
        nested = tell("unshare --user true || bwrap --ro-bind / / --unshare-user true || echo neither")
        memory = tell("for it in / /dev /etc; do echo > $it/file && echo $it; done; echo > /dev/null && echo written")
    assert forks.stderr.startswith("Resource temporarily unavailable")
    assert not forks.stdout
    assert int(file.stdout) == sandbox["FILE"]
    assert [0 < int(size) <= sandbox["TEMPORARY"] for size in temporary.stdout.split()] == [True, True]
    assert memory.stdout.split() == ["written"]
    assert nested.stdout.split() == ["neither"], nested.stderr


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


def test_without_a_sandbox_it_says_so_loudly(tmp_path):
    path = os.pathsep.join(one for one in os.environ["PATH"].split(os.pathsep) if not Path(one, "bwrap").exists())
    settings = {"PATH": path, "ROOM_FOLDER": str(tmp_path), "ROOM_PASSWORD": PASSWORD}
    command = hub_command("--show-config")
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=60)
    assert "NO SANDBOX" in done.stdout
    assert "there is no bwrap on this machine" in done.stdout
    assert "sandbox.py" not in done.stdout


@in_a_sandbox
def test_a_bubblewrap_that_cannot_forbid_sandboxes_inside_is_used_and_named_loudly(tmp_path):
    old = tmp_path / "bwrap"
    real = shutil.which("bwrap")
    old.write_text(f"""#!/bin/sh
case "$*" in *--disable-userns*) echo "bwrap: Unknown option --disable-userns" >&2; exit 1;; esac
exec {real} "$@"
""")
    old.chmod(0o755)
    settings = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "ROOM_FOLDER": str(tmp_path / "room"),
        "ROOM_PASSWORD": PASSWORD,
    }
    told = [
        subprocess.run(hub_command("--show-config"), env=os.environ | more, capture_output=True, text=True, timeout=60)
        for more in (settings, settings | {"PATH": os.environ["PATH"]})
    ]
    assert ["A WEAKER SANDBOX" in one.stdout for one in told] == [True, False]
    assert "Unknown option --disable-userns" in told[0].stdout
    assert not any("NO SANDBOX" in one.stdout for one in told)


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
