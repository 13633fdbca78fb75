"""A class in a room on one server: the hub with the project's configuration on loopback, and learners who use it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest

for name in ("jupyterhub", "aiohttp", "psutil"):
    needed = "`python -m pip install -r requirements.txt -r requirements/room.txt` makes these tests run"
    pytest.importorskip(name, reason=f"no {name} on this machine: {needed}")

import aiohttp  # noqa: E402
import psutil  # noqa: E402
from tornado.httpclient import HTTPRequest  # noqa: E402
from tornado.websocket import WebSocketClientConnection, websocket_connect  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "workshop" / "room" / "jupyterhub_config.py"
PASSWORD = "ten small tokens"
OWN_PASSWORD = "chosen at the first login"
TEACHER_PASSWORD = "a long password that only the teacher knows"
MB = 2**20
PATIENCE = 300  # seconds before something is wrong


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def hub_command(*options: str) -> list[str]:
    """The command of the configuration's first lines."""
    return [sys.executable, "-m", "jupyterhub", "-f", str(CONFIG), *options]


class Room:
    """A hub that runs.

    Args:
        address: of the page that learners open, without the last slash.
        proxy_port: where the proxy takes the hub's orders.
        folder: where the hub keeps its state and the learners' folders.
        process: the hub.
    """

    def __init__(self, address: str, proxy_port: int, folder: Path, process: psutil.Process):
        self.address = address
        self.proxy_port = proxy_port
        self.folder = folder
        self.process = process

    def memory(self) -> float:
        """MB of everything that runs for the room: hub, proxy, culler, and the learners' servers and kernels."""
        return tree_memory(self.process)

    def server_of(self, name: str) -> psutil.Process:
        """The learner's server; their kernels are its children."""
        return next(each for each in self.process.children() if each.environ().get("JUPYTERHUB_USER") == name)


def tree_memory(process: psutil.Process) -> float:
    """MB of a process and all below it. A page that n processes share counts as 1/n for each (PSS)."""
    return sum(each.memory_full_info().pss for each in [process, *process.children(recursive=True)]) / MB


def tree_cpu(process: psutil.Process) -> float:
    """CPU seconds that a process and all below it have used."""
    times = [each.cpu_times() for each in [process, *process.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


@contextmanager
def open_room(folder: Path):
    """Start the hub with the project's configuration on loopback while the block runs, and give the `Room`."""
    port, hub_port, proxy_port = free_ports(3)
    environment = os.environ | {
        "ROOM_FOLDER": str(folder),
        "ROOM_PASSWORD": PASSWORD,
        "TEACHER_PASSWORD": TEACHER_PASSWORD,
    }
    command = hub_command(
        f"--url=http://127.0.0.1:{port}",
        f"--JupyterHub.hub_port={hub_port}",
        f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{proxy_port}",
    )
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "hub.log"
    with log.open("w") as file:
        started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
    try:
        while "JupyterHub is now running" not in log.read_text():
            assert started.poll() is None, log.read_text()
            time.sleep(0.1)
        yield Room(f"http://127.0.0.1:{port}", proxy_port, folder, psutil.Process(started.pid))
    finally:
        started.terminate()
        started.wait(PATIENCE)


class Learner:
    """Somebody with a browser: an async context, which does not log in by itself.

    Args:
        room: the room to enter.
        name: the name to log in with.
    """

    def __init__(self, room: Room, name: str):
        self.room = room
        self.name = name

    async def __aenter__(self) -> Learner:
        jar = aiohttp.CookieJar(unsafe=True)  # "unsafe": cookies of an address without a name
        self.browser = aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(PATIENCE))
        return self

    async def __aexit__(self, *error) -> None:
        await self.browser.close()
        await asyncio.sleep(0.1)  # connections end a moment after their session

    def xsrf(self, url: str) -> str:
        """The token that a page below this address would send along; none where this browser has no cookie."""
        cookie = self.browser.cookie_jar.filter_cookies(aiohttp.client.URL(url)).get("_xsrf")
        return cookie.value if cookie else ""

    async def log_in(self, password: str = OWN_PASSWORD, room_password: str = PASSWORD) -> int:
        """Fill in the login form and send it; give the status of the answer. No server starts yet."""
        url = f"{self.room.address}/hub/login?next=/hub/home"
        async with self.browser.get(url) as page:
            token = re.search(r'name="_xsrf" value="([^"]+)"', await page.text()).group(1)
        form = {"username": self.name, "password": password, "otp": room_password, "_xsrf": token}
        async with self.browser.post(url, data=form) as answer:
            return answer.status

    async def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        """Ask the hub or a server as the page does, and give the answer.

        Raises:
            aiohttp.ClientResponseError: when the answer is no.
        """
        url = self.room.address + path
        headers = {"X-XSRFToken": self.xsrf(url)}
        async with self.browser.request(method, url, json=body, headers=headers, raise_for_status=True) as answer:
            return await answer.json() if answer.content_type == "application/json" else {}

    async def server_is(self, ready: bool) -> None:
        """Wait until the learner's server runs, or has stopped, and open its page once it runs."""
        async with asyncio.timeout(PATIENCE):
            while (user := await self.ask("GET", f"/hub/api/users/{self.name}"))["pending"]:
                await asyncio.sleep(0.2)
        assert bool(user["server"]) == ready, f"the server of {self.name} did not {'start' if ready else 'stop'}"
        if ready:
            async with self.browser.get(f"{self.room.address}/user/{self.name}/lab", raise_for_status=True):
                pass

    async def enter(self) -> None:
        """Log in, start the learner's server and wait for it."""
        if os.geteuid() == 0:  # Jupyter refuses to serve root, and this account may be it
            settings = self.room.folder / "learners" / self.name / ".jupyter" / "jupyter_server_config.json"
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text('{"ServerApp": {"allow_root": true}}')
        assert await self.log_in() == 200, f"{self.name} could not log in"
        async with self.browser.get(f"{self.room.address}/hub/spawn", raise_for_status=True):
            await self.server_is(ready=True)

    async def run_chapter(self, chapter: str) -> None:
        """Open the learner's copy of a chapter and run all its cells, as "Run All Cells" does."""
        notebook = await self.ask("GET", f"/user/{self.name}/api/contents/{chapter}.ipynb")
        cells = notebook["content"]["cells"]
        await self.run([cell["source"] for cell in cells if cell["cell_type"] == "code"], chapter)

    async def run(self, sources: list[str], name: str = "scratch") -> None:
        """Run code on a kernel of the learner's server, one cell after the other.

        Raises:
            AssertionError: when a cell fails, with its number and what it said.
        """
        wanted = {"path": f"{name}.ipynb", "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        session = await self.ask("POST", f"/user/{self.name}/api/sessions", wanted)
        url = f"{self.room.address}/user/{self.name}/api/kernels/{session['kernel']['id']}/channels"
        cookies = self.browser.cookie_jar.filter_cookies(aiohttp.client.URL(url))
        request = HTTPRequest(
            f"{url.replace('http', 'ws', 1)}?_xsrf={self.xsrf(url)}",
            headers={"Cookie": "; ".join(f"{key}={morsel.value}" for key, morsel in cookies.items())},
        )
        kernel = await websocket_connect(request, max_message_size=2**30)
        try:
            for number, source in enumerate(sources, start=1):
                reply = await execute(kernel, source)
                said = "\n".join(reply.get("traceback", []))
                assert reply["status"] == "ok", f"{self.name}, {name}, cell {number}: {said}"
        finally:
            kernel.close()


async def execute(kernel: WebSocketClientConnection, source: str) -> dict:
    """Run one cell and give the content of the kernel's reply."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.4"}
    content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
    request = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
    await kernel.write_message(json.dumps(request))
    async with asyncio.timeout(PATIENCE):
        while True:
            message = await kernel.read_message()
            assert message is not None, "the connection to the kernel ended"
            if isinstance(message, bytes):  # a widget's state with arrays
                continue
            answer = json.loads(message)
            mine = answer["parent_header"].get("msg_id") == header["msg_id"]
            if mine and answer["header"]["msg_type"] == "execute_reply":
                return answer["content"]
