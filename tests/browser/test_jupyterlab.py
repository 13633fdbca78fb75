"""A reader in JupyterLab: opens the PPO chapter, looks, runs it, presses play, moves a slider, sees the curve change.

One server and one window for all of it. Nothing in it is trusted before it has run: the folder is new.
"""

import json
import os
import re
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
from notebooks import make_copy
from support.browser import PAINTED, axe_in, needs_chromium

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


DRAGGED = """from rlhf_helpers.live import Strip, live
import torch
from ipywidgets import FloatSlider

live(lambda *, pull: {"probs": torch.stack([pull, 1 - pull])}, panels=[Strip("probs", drag=["pull", None])],
     caption="Two tokens", status="first {pull:.2f}", pull=FloatSlider(value=0.5, min=0, max=1, step=0.05))
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab of its own on this machine, with two copies of the chapter: (address, folder).

    The reader's has one more figure, which is dragged: the chapter has none.
    """
    folder = tmp_path_factory.mktemp("lab")
    for name in ("reader", "instructor"):
        copy = make_copy(nbformat.read(CHAPTER, as_version=4), name)
        copy.cells += [new_code_cell(DRAGGED)] if name == "reader" else []
        nbformat.write(copy, folder / f"{name}.ipynb")
    (folder / "config").mkdir()
    (folder / "config" / "jupyter_lab_config.py").write_text(CONFIG)
    settings = {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are drawn, those out of view as well
    }
    for name, values in settings.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
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
        for _ in range(600):  # two minutes, on a machine with other work
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
def opened(lab, browser):
    """The reader's copy in Chromium."""
    address, _ = lab
    page = browser.new_page(viewport={"width": 1600, "height": 1100})
    page.route(lambda url: url.startswith("http") and not url.startswith(address), lambda route: route.abort())
    page.goto(f"{address}/lab/tree/reader.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    yield page
    page.close()


@pytest.fixture(scope="module")
def notebook(opened):
    """The same, all its cells run."""
    opened.evaluate(RUN_ALL)
    opened.wait_for_function(ALL_RUN, timeout=240_000)
    return opened


def curve(figure) -> list[str]:
    """The drawn lines of a figure, as SVG path data."""
    return figure.locator("path.baby-line").evaluate_all("lines => lines.map(line => line.getAttribute('d'))")


def until(page, condition, what, seconds=60):
    """Wait until a condition of ours holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        page.wait_for_timeout(50)


TRUSTED = "() => [...jupyterapp.shell.currentWidget.content.model.cells].some(c => c.type === 'code' && c.trusted)"
# Of the open notebook, once it is drawn: its images, and whether each has something in it
IMAGES = """() => [...document.querySelectorAll(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output img")]
    .map(image => image.complete && image.naturalWidth > 300)"""
FOLDED = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-RenderedMarkdown details"
# What a notebook shows of explanations, answers and hints that nobody has asked for
GIVEN_AWAY = """() => [...document.querySelectorAll(".jp-NotebookPanel:not(.lm-mod-hidden) details > :not(summary)")]
    .filter(hidden => hidden.checkVisibility({contentVisibilityAuto: false}) && hidden.getClientRects().length)
    .map(shown => shown.textContent.slice(0, 60))"""
DARK = "() => jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
LIGHT = DARK.replace("Dark", "Light")


def test_before_anything_is_run_pictures_show_and_nothing_is_given_away(opened, lab, tmp_path):
    page, (_, folder) = opened, lab
    cells = nbformat.read(folder / "reader.ipynb", as_version=4).cells
    wanted = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
    assert wanted
    until(page, lambda: page.evaluate(IMAGES) == [True] * wanted, "the pictures do not show")
    assert not page.evaluate(TRUSTED)
    folded = sum(cell.source.count("<details>") for cell in cells if cell.cell_type == "markdown")
    until(page, lambda: page.locator(FOLDED).count() == folded, "not all cells are drawn")
    assert page.evaluate(GIVEN_AWAY) == []
    prose = " ".join(page.locator(".jp-RenderedMarkdown").all_text_contents())
    assert ":::" not in prose
    assert "```" not in prose
    code = page.locator(".jp-CodeCell .jp-InputArea-editor")
    assert not code.filter(has_text="from rlhf_helpers import").first.is_visible()  # plumbing
    for theme, light in ((DARK, "false"), (LIGHT, "true")):
        page.evaluate(theme)
        page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
        page.locator(".jp-OutputArea-output img").first.scroll_into_view_if_needed()
        page.screenshot(path=tmp_path / f"untrusted-{light}.png")
    # the teacher's copy as a second tab: its questions are its own, and no id is there twice
    page.evaluate("() => jupyterapp.commands.execute('docmanager:open', {path: 'instructor.ipynb'})")
    until(page, lambda: page.evaluate(IMAGES) == [True] * wanted, "the pictures of the second tab do not show")
    choice = page.locator(FOLDED).filter(has_text="Yes.").first
    choice.locator("summary").click()
    assert choice.locator("p").is_visible()
    assert page.locator("details[open]").count() == 1
    page.evaluate("() => jupyterapp.shell.currentWidget.close()")
    page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden)")


# Contrast of an element's text with what is behind it, as WCAG has it
CONTRAST = """element => {
    const rgb = color => color.match(/[0-9.]+/g).map(Number);
    const light = color => rgb(color).slice(0, 3).map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    let ground = element;
    while (rgb(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
    const two = [light(getComputedStyle(element).color), light(getComputedStyle(ground).backgroundColor)].sort();
    return (two[1] + 0.05) / (two[0] + 0.05);
}"""


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
    assert "Update 0:" in status.text_content()
    empty = curve(figure)

    step.click()
    until(page, lambda: "Update 1:" in status.text_content(), "step did nothing")
    assert curve(figure) != empty

    play.click()
    until(page, lambda: "Pause" in play.text_content(), "play did not start")

    def update() -> int:
        return int(status.text_content().split()[1].rstrip(":"))

    until(page, lambda: update() >= 20, "the run does not advance")
    before = float(slider.get_attribute("aria-valuenow"))
    slider.focus()
    page.keyboard.press("PageUp")  # once: of several quick moves JupyterLab holds the last ones back for a while
    assert float(slider.get_attribute("aria-valuenow")) > before
    moved = figure.locator("svg path[stroke-dasharray='2 3']")
    until(page, lambda: moved.count() >= 1, "no mark where the slider moved")
    reached = update()
    until(page, lambda: update() > reached + 20, "a moved slider ends the run")
    play.click()
    until(page, lambda: "Play" in play.text_content(), "the run does not pause")
    until(page, lambda: status.get_attribute("aria-live") == "polite", "the last picture is not there")
    played = curve(figure)
    assert played != empty
    assert "Stopped" not in status.text_content()

    # the line of time, by keys: the figure shows that update, and what came after it is still there
    reached, shown = update(), status.text_content()
    line = figure.get_by_role("slider", name="update", exact=True)
    line.focus()
    page.keyboard.press("Home")
    until(page, lambda: update() == 0, "the first update does not show")
    page.keyboard.press("ArrowRight")
    until(page, lambda: update() == 1, "the next update does not show")
    assert abs(float(slider.get_attribute("aria-valuenow")) - before) < 1e-6, "sliders are not where they were"
    assert line.get_attribute("aria-valuetext") == f"1 of {reached} updates made"
    page.keyboard.press("End")
    until(page, lambda: status.text_content() == shown, "the last update is not what it was")
    assert curve(figure) == played, "the curves are not what they were"

    # at rest, a moved slider shows at once
    slider.focus()
    for _ in range(3):
        page.keyboard.press("PageDown")
    until(page, lambda: curve(figure) != played, "a moved slider did not change the drawn curve")

    reset.click()
    until(page, lambda: "Update 0:" in status.text_content(), "reset did nothing")
    assert figure.locator("path[stroke-opacity='0.28']").count() >= 1, "the run before is not there as a faint line"

    page.screenshot(path=tmp_path / "light.png")
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    play.click()
    until(page, lambda: update() >= 20, "the run does not advance")
    play.click()
    page.screenshot(path=tmp_path / "dark.png")
    title = figure.locator(".baby-title").first
    ink = title.evaluate("title => getComputedStyle(title).color.match(/[0-9]+/g).map(Number)")
    assert min(ink) > 150, "words are dark on dark"
    lines = page.locator(".jp-OutputArea-output figure svg path[stroke^='var(--q-policy']").first
    assert lines.evaluate("line => getComputedStyle(line).stroke") == "rgb(74, 168, 232)", "a light color on dark"
    lines.scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "show-dark.png")


def test_sliders_have_names(notebook):
    names = notebook.locator(".baby-live [role=slider]").evaluate_all(
        "all => all.map(s => s.getAttribute('aria-label'))"
    )
    assert names
    assert all(names)


def test_a_token_is_looked_into_by_keyboard_and_the_notebook_hears_none_of_the_keys(notebook):
    page = notebook
    group = page.locator(".baby-tokens").first
    figure = page.locator(".baby-live.widget-vbox", has=page.locator(".baby-tokens")).first
    figure.get_by_role("button", name="Reset").click()
    until(page, lambda: "Update 0:" in figure.locator(".baby-status").text_content(), "reset did nothing")
    group.locator("button[tabindex='0']").focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    sheet = page.locator(".baby-sheet:visible")
    assert sheet.locator("strong").text_content().startswith("Row 2, 2nd token")
    assert re.search(r"^[\d.]+ / sampler [\d.]+ = 1\.00$", sheet.locator("dd").nth(1).text_content())
    assert group.locator("button:focus").count() == 1
    page.keyboard.press("Escape")
    assert sheet.count() == 0
    assert group.locator("button:focus").count() == 1


def test_what_is_dragged_guessed_pinned_and_lit_by_keyboard_reaches_the_kernel(notebook):
    page = notebook
    of = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .baby-live.widget-vbox")
    # a handle: its arrow keys move the kernel's slider, and the frame that comes back moves the handle
    dragged = of.filter(has=page.locator(".baby-handle")).first
    handle = dragged.locator(".baby-handle")
    handle.focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    until(page, lambda: "first 0.65" in dragged.locator(".baby-status").text_content(), "the kernel hears no handle")
    assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(0.65)
    assert dragged.locator(".widget-readout").text_content() == "0.65"
    page.keyboard.press("ArrowRight")
    until(page, lambda: "first 0.70" in dragged.locator(".baby-status").text_content(), "JupyterLab took the key")

    # a pinned run, under its name, and gone again
    figure = of.filter(has_text="kl_coeff").first
    play, step = (figure.locator(".baby-buttons button").nth(k) for k in range(2))
    step.click()
    until(page, lambda: figure.locator("path.baby-line").count(), "nothing was drawn")
    name = figure.get_by_role("textbox", name="Name of this run")
    name.fill("")
    name.press_sequentially("mine")
    name.press("Enter")
    pin = figure.locator(".baby-pins li[data-key='1']")
    until(page, lambda: pin.count() == 1, "the run is not pinned")
    assert pin.locator("span").text_content() == "mine"
    assert figure.locator(".baby-place > svg path[stroke-width='1.2']").count() >= 1, "its line is not there"
    figure.get_by_role("button", name="Unpin mine").press("Enter")
    until(page, lambda: pin.count() == 0, "the run is still pinned")

    # a term of the formula lights its curves and the row of its control, in a notebook's widgets too
    terms = figure.locator(".baby-term")
    clip = terms.filter(has_text="clip").first
    clip.press("Enter")
    assert clip.get_attribute("aria-pressed") == "true"
    lit = figure.locator(".baby-dial.baby-on").all_text_contents()
    assert lit, "no control lights up"
    assert figure.locator(".baby-dial:not(.baby-on)").count() >= 1
    page.keyboard.press("Escape")
    assert clip.get_attribute("aria-pressed") == "false"

    # a guess: drawn by the arrow keys, and the kernel plays
    guess = page.locator(".baby-guess").first
    figure = of.filter(has=page.locator(".baby-guess")).first
    first = guess.get_by_role("button").first
    first.press("Enter")
    point = figure.get_by_role("slider", name="your guess at update").first
    drawn = figure.locator(".baby-your-line")
    flat = drawn.get_attribute("d")
    point.focus()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    until(page, lambda: drawn.get_attribute("d") != flat, "no line is drawn")
    page.evaluate(PAINTED)
    line = drawn.get_attribute("d")
    assert first.text_content() == "Play it"
    first.press("Enter")
    words = guess.locator(".baby-guess-words").first
    until(page, lambda: words.text_content().startswith("Your guess is the dashed line"), "the run does not begin")
    assert drawn.get_attribute("d") == line, "the guess stays as it was drawn"
    play = figure.locator(".baby-buttons button").first
    until(page, lambda: "Pause" in play.text_content(), "the kernel does not play")
    play.click()


def test_curves_are_read_and_seeds_begun_by_keyboard_and_the_checker_finds_nothing(notebook, axe_source):
    page = notebook
    figure = (
        page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .baby-live.widget-vbox").filter(has_text="kl_coeff").first
    )
    status, heard = figure.locator(".baby-status"), figure.locator(".baby-heard").first
    play, step, reset = (figure.locator(".baby-buttons button").nth(k) for k in range(3))
    if play.text_content() == "Pause":
        play.click()
    reset.click()
    until(page, lambda: "Update 0:" in status.text_content(), "reset did nothing")
    step.click()
    until(page, lambda: "Update 1:" in status.text_content(), "step did nothing")
    layer = figure.get_by_role("slider", name="Read the curves").first
    layer.focus()
    values = []
    for key, update in (("Home", 0), ("ArrowRight", 1), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        until(page, lambda at=f"update {update}": layer.get_attribute("aria-valuetext") == at, "a key went elsewhere")
        values.append(heard.text_content())
    assert values[0].startswith("reward ")
    assert values[0] == values[2] != values[1]
    page.keyboard.press("Escape")

    seeds = figure.get_by_role("button", name=re.compile(r"\d+ seeds"))
    count = int(seeds.text_content().split()[0])
    seeds.press("Enter")
    one = figure.get_by_role("button", name="One seed")
    until(page, lambda: one.count() == 1, "no seeds are begun")
    thin = figure.locator(".baby-panel.baby-curves").first.locator("path[stroke-width='0.9']")
    until(page, lambda: thin.count() >= count - 1, "their lines are not there")
    one.press("Enter")
    until(page, lambda: thin.count() == 0, "their lines are still there")

    page.evaluate(axe_source)
    assert page.evaluate(axe_in(".baby-live.widget-vbox")) == []


def test_clicks_reach_the_kernel_and_the_disk_and_figures_may_be_there_twice(lab, browser, tmp_path):
    address, folder = lab
    cells = [
        """from rlhf_helpers.clicks import ask
from rlhf_helpers.plots import curves, show
pairs = [([1, 2], [3, 4]), ([5, 6], [7, 8])]
ask(pairs, name="lab", path="kept.json")""",
        """from pathlib import Path
Path("gone").mkdir()
lost = ask(pairs, name="lab", path="gone/kept.json")
Path("gone").rmdir()
lost""",
        """from rlhf_helpers.exercises import question
ask_twice = lambda: question("Which?", {"this": "Because.", "that": "Not so."}, right="this", show="after?word=b")
display(ask_twice(), ask_twice())""",
        """twice = show(curves({"reward": [0, 1, 2]}, y_range=(0, 1)), caption="c", alt="a")
display(twice, twice)""",
        """import torch
from rlhf_helpers.live import Letters, Word, live
def after(*, word):
    return {"probs": torch.softmax((word >= 0).sum() * torch.arange(3.0), 0)}
word = Word("a", letters=".ab", length=3, end=0, description="a word")
live(after, panels=[Letters("probs", "word", ".ab")], caption="c", word=word, name="after")""",
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}  # or it asks
    nbformat.write(
        new_notebook(cells=[new_code_cell(cell) for cell in cells], metadata=kernel), folder / "clicks.ipynb"
    )
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/doc/tree/clicks.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.evaluate(RUN_ALL)
    kept, lost = (page.locator(".baby-clicks").nth(k) for k in range(2))
    kept.locator(".baby-clicks-choice").last.click()
    until(page, (folder / "kept.json").is_file, "the click was not written")
    until(page, lambda: "1 click of 2" in kept.locator(".baby-clicks-status").text_content(), "the click is not shown")
    assert json.loads((folder / "kept.json").read_text("utf-8"))["clicks"] == [{"chosen": [3, 4], "rejected": [1, 2]}]
    said = "This is not in the file:"
    for _ in range(2):  # and it does not go away with the next click
        lost.locator(".baby-clicks-choice").last.click()
        until(page, lambda: said in lost.locator(".baby-clicks-status").text_content(), "nothing is said")
    page.locator("figure").nth(1).wait_for()
    field, letters = page.get_by_label("a word", exact=True), page.locator(".baby-letters svg")
    likely = [f'after "{word}" the likeliest: probs b {p}' for word, p in (("a", 0.67), ("ab", 0.87), ("abb", 0.95))]
    until(page, lambda: likely[0] in letters.get_attribute("aria-label"), "the letters are not drawn")
    letters.get_by_role("button", name="write b").click()
    until(page, lambda: likely[1] in letters.get_attribute("aria-label"), "a letter in the drawing is not written")
    assert field.input_value() == "ab"
    page.keyboard.press("Enter")  # the letter still has the focus
    until(page, lambda: likely[2] in letters.get_attribute("aria-label"), "a key in the drawing writes nothing")
    page.keyboard.press("Backspace")
    until(page, lambda: field.input_value() == "ab", "a letter is not taken back")
    field.fill("ax")
    told = "This can be at most 3 of the letters ab, with . only at its end."
    until(
        page, lambda: page.locator(".baby-refused").text_content().strip() == told, "nothing is said of a wrong letter"
    )
    assert likely[1] in letters.get_attribute("aria-label")
    for number in (0, 2):
        page.locator(".baby-choice summary").nth(number).click()
    assert page.locator(".baby-choice[open]").count() == 2, "one question marks another"
    page.locator(".baby-choice[open] .baby-see").first.click()
    until(page, lambda: field.input_value() == "b", "a link of a question sets no figure")
    until(page, lambda: page.get_by_text("Set: word b.").count(), "what it has set is not said")
    page.evaluate(DARK)
    page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    page.locator(".baby-choice").evaluate_all(
        "all => all.forEach(one => { one.removeAttribute('name'); one.open = true; })"
    )
    verdicts = page.locator(".baby-why strong")
    assert min(verdicts.nth(k).evaluate(CONTRAST) for k in range(verdicts.count())) >= 4.5
    page.screenshot(path=tmp_path / "questions-dark.png")
    ids = page.locator(".jp-OutputArea [id]").evaluate_all("all => all.map(one => one.id)")
    assert ids
    assert len(set(ids)) == len(ids)
    page.close()
