"""Fixtures that all tests share, and settings of hypothesis."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from support.browser import CHROMIUM, Tabs, WithoutFormulas, serve

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "book" / "_site"
AXE = SITE / "node_modules" / "axe-core" / "axe.min.js"

slow = [HealthCheck.too_slow]  # says something about a busy machine, nothing about the code
settings.register_profile(
    "book", deadline=None, derandomize=True, database=None, max_examples=40, suppress_health_check=slow
)
settings.load_profile("book")


@pytest.fixture(scope="session")
def once_for_all(tmp_path_factory, worker_id):
    """A folder that all workers of this run share, and a lock for who makes what in it."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder if worker_id == "master" else folder.parent  # a worker's own folder lies in the run's
    return folder, FileLock(folder / "lock")


@pytest.fixture(scope="session")
def html_dir(once_for_all) -> Path:
    """The folder of the built book."""
    if built := os.environ.get("BABY_RLHF_HTML"):
        return Path(built).resolve()
    folder, lock = once_for_all
    out = folder / "book"
    with lock:
        if not (out / "_build" / "html" / "index.html").is_file():
            build(out)
    return out / "_build" / "html"


def build(out: Path) -> None:
    """Build the book into a folder."""
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT)]
    command += ["--path-output", str(out), "-n", "-W", "--keep-going"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="session")
def site(html_dir):
    """The address of the built book on this machine; formulas are as they are written."""
    with serve(html_dir, WithoutFormulas) as address:
        yield address


@pytest.fixture(scope="session")
def whole_site(html_dir):
    """The same with formulas, for who looks at them or at all of a page."""
    with serve(html_dir) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium; it finds no host but this machine.

    Closed with its module, since Playwright keeps an event loop while it is open.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        here = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", here])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def kept_tabs(browser):
    """Tabs for a module."""
    tabs = Tabs(browser)
    yield tabs
    tabs.close()


@pytest.fixture
def tabs(kept_tabs):
    """Tabs for one test, in which nothing goes wrong."""
    yield kept_tabs
    kept_tabs.leave()


@pytest.fixture(scope="session")
def axe_source(once_for_all) -> str:
    """The accessibility checker, from the locked npm packages."""
    with once_for_all[1]:
        if not AXE.is_file():
            subprocess.run([sys.executable, SITE / "npm.py", "mathjax", "axe-core"], check=True)
    return AXE.read_text("utf-8")
