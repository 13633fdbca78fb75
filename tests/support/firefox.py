"""Debian's Firefox for tests, over WebDriver BiDi, which it speaks without a driver.

    with firefox() as fox:
        fox.go(f"{site}book/04_ppo.html")
        told = fox.run("async index => (await somethingAsync(index)).name", 0)

`run` calls a function of JavaScript in the page, waits for what it promises, and hands on arguments and answer as JSON
(NaN becomes None; numbers keep all their bits, and a hash of many is shorter). A start takes 3 seconds: share one
Firefox among the tests of a module, with a fixture of that scope, and mark the tests with `@needs_firefox`.

Playwright has a channel for this, `moz-firefox`, which asks for a command that this release of Firefox does not know.
"""

import json
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from websocket import create_connection

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
TOLD = "WebDriver BiDi listening on "
PATIENCE = 60  # seconds for an answer

needs_firefox = pytest.mark.skipif(
    FIREFOX is None,
    reason="no Firefox on this machine: `apt-get install firefox-esr` (or Firefox itself) makes these tests run",
)


class Firefox:
    """One tab of a Firefox that has started."""

    def __init__(self, address: str):
        self.socket = create_connection(f"{address}/session", timeout=PATIENCE, suppress_origin=True)
        self.count = 0
        self.ask("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": False}})
        self.tab = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method: str, **params) -> dict:
        """Send a command of WebDriver BiDi, and return its result."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.count:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]

    def go(self, address: str) -> None:
        """Open a page, and wait until it has loaded."""
        self.ask("browsingContext.navigate", context=self.tab, url=address, wait="complete")

    def resize(self, width: int, height: int) -> None:
        """Give the page a window of this size."""
        self.ask("browsingContext.setViewport", context=self.tab, viewport={"width": width, "height": height})

    def frame(self, index: int = 0) -> str:
        """A frame of the page, for `run`."""
        [page] = self.ask("browsingContext.getTree", root=self.tab)["contexts"]
        return page["children"][index]["context"]

    def run(self, function: str, *arguments, frame: str | None = None):
        """Call a function in the page, or in one of its frames, and return what it promises."""
        result = self.ask(
            "script.callFunction",
            functionDeclaration=f"async text => JSON.stringify(await ({function})(...JSON.parse(text)))",
            arguments=[{"type": "string", "value": json.dumps(arguments)}],
            target={"context": frame or self.tab},
            awaitPromise=True,
        )
        assert result["type"] == "success", result["exceptionDetails"]["text"]
        return json.loads(result["result"].get("value", "null"))


@contextmanager
def firefox(preferences: dict | None = None):
    """Start Firefox with a profile of its own, and end it behind the block.

    Args:
        preferences: names as in `about:config`, and their values.
    """
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in (preferences or {}).items()]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        Path(profile, "user.js").write_text("\n".join(lines), "utf-8")
        command = [FIREFOX, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                fox = Firefox(next(line.split(TOLD)[1].strip() for line in process.stdout if TOLD in line))
                yield fox
                fox.ask("browser.close")
                fox.socket.close()
                process.wait(PATIENCE)
            finally:
                process.kill()
