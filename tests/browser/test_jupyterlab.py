"""A reader in JupyterLab: opens the PPO chapter, runs it, presses play, moves a slider, sees the curve change."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from support.browser import needs_chromium

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = ROOT / "book" / "04_ppo.ipynb"
pytestmark = needs_chromium

CONFIG = """
c.IdentityProvider.token = ""
c.ServerApp.password = ""
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.allow_root = True
c.LabApp.expose_app_in_browser = True
"""


RUN_ALL = """async () => {
    const { commands, shell } = window.jupyterapp;
    await shell.currentWidget.context.ready;
    await shell.currentWidget.sessionContext.ready;
    await shell.currentWidget.sessionContext.session.kernel.info; // what comes before the kernel's answer is lost
    commands.execute("notebook:run-all-cells");
}"""
ALL_RUN = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells].every(
    cell => cell.type !== "code" || cell.executionCount || !cell.sharedModel.source)"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab of its own on this machine, with a copy of the chapter: (address, folder)."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(CHAPTER, folder / "chapter.ipynb")
    (folder / "config").mkdir()
    (folder / "config" / "jupyter_lab_config.py").write_text(CONFIG)
    quiet = folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: str(folder / name.split("_")[1].lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    own |= {"JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    own |= {"JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "IPYTHONDIR": str(folder / "ipython")}
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}"],
            env=os.environ | own | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            assert server.poll() is None, (folder / "log.txt").read_text()[-3000:]
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5)
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        else:
            pytest.fail(f"JupyterLab did not start: {(folder / 'log.txt').read_text()[-3000:]}")
        yield address, folder
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def notebook(lab, browser):
    """The chapter in Chromium, all its cells run."""
    address, _ = lab
    page = browser.new_page(viewport={"width": 1280, "height": 1100})
    page.route(lambda url: url.startswith("http") and not url.startswith(address), lambda route: route.abort())
    page.goto(f"{address}/doc/tree/chapter.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.evaluate(RUN_ALL)
    page.wait_for_function(ALL_RUN, timeout=240_000)
    yield page
    page.close()


def curve(figure) -> list[str]:
    """The drawn lines of a figure, as SVG path data."""
    return figure.locator("path.baby-line").evaluate_all("lines => lines.map(line => line.getAttribute('d'))")


def until(page, condition, what, seconds=60):
    """Wait until a condition of ours holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        page.wait_for_timeout(50)


def test_a_reader_plays_and_moves_the_slider(notebook, tmp_path):
    page = notebook
    errors = page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").all_text_contents()
    assert not errors, errors
    figure = page.locator(".baby-live.widget-vbox", has=page.locator(".baby-buttons")).filter(has_text="kl_coeff").first
    figure.scroll_into_view_if_needed()
    play, step, reset = (figure.locator(".baby-buttons button").nth(k) for k in range(3))
    status = figure.locator(".baby-status")
    slider = figure.locator(".widget-slider", has_text="kl_coeff").locator("[role=slider]")
    until(page, lambda: curve(figure), "nothing was drawn")
    assert "Update 0 of" in status.text_content()
    empty = curve(figure)

    step.click()
    until(page, lambda: "Update 1 of" in status.text_content(), "step did nothing")
    assert curve(figure) != empty

    play.click()
    until(page, lambda: "Pause" in play.text_content(), "play did not start")
    until(page, lambda: int(status.text_content().split()[1]) >= 20, "the run does not advance")
    before = float(slider.get_attribute("aria-valuenow"))
    slider.focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    assert float(slider.get_attribute("aria-valuenow")) > before
    until(page, lambda: "Play" in play.text_content(), "the run does not end")
    played = curve(figure)
    assert played != empty
    assert figure.locator("svg path[stroke-dasharray='2 3']").count() >= 1, "no mark where the slider moved"
    assert "Stopped" not in status.text_content()

    # at rest, a moved slider shows at once
    slider.focus()
    for _ in range(3):
        page.keyboard.press("PageDown")
    until(page, lambda: curve(figure) != played, "a moved slider did not change the drawn curve")

    reset.click()
    until(page, lambda: "Update 0 of" in status.text_content(), "reset did nothing")
    assert figure.locator("path[stroke-opacity='0.28']").count() >= 1, "the run before is not there as a faint line"

    page.screenshot(path=tmp_path / "light.png")
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    play.click()
    until(page, lambda: int(status.text_content().split()[1]) >= 20, "the run does not advance")
    play.click()
    page.screenshot(path=tmp_path / "dark.png")
    title = figure.locator(".baby-title").first
    ink = title.evaluate("title => getComputedStyle(title).color.match(/[0-9]+/g).map(Number)")
    assert min(ink) > 150, "words are dark on dark"


def test_sliders_have_names(notebook):
    names = notebook.locator(".baby-live [role=slider]").evaluate_all(
        "all => all.map(s => s.getAttribute('aria-label'))"
    )
    assert names
    assert all(names)


def test_clicks_reach_the_kernel_and_the_disk(lab, browser):
    address, folder = lab
    cell = """from rlhf_helpers.clicks import ask
asked = ask([([1, 2], [3, 4]), ([5, 6], [7, 8])], name="lab", path="kept.json")
asked"""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}  # or it asks
    nbformat.write(new_notebook(cells=[new_code_cell(cell)], metadata=kernel), folder / "clicks.ipynb")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/doc/tree/clicks.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.evaluate(RUN_ALL)
    page.locator(".baby-clicks-choice").last.click()
    until(page, (folder / "kept.json").is_file, "the click was not written")
    until(page, lambda: "1 click of 2" in page.locator(".baby-clicks-status").text_content(), "the click is not shown")
    kept = json.loads((folder / "kept.json").read_text("utf-8"))
    assert kept["clicks"] == [{"chosen": [3, 4], "rejected": [1, 2]}]
    page.close()
