"""Every figure on a kernel, by keyboard alone: what the drawing says is what the session of the figure holds.

The widget's own module is drawn by a browser and talks to the figure in this process. What JupyterLab adds is in
`test_jupyterlab.py`; what a page does without a kernel, in `test_live_pages.py`.
"""

import pytest
from ipywidgets import Checkbox, Dropdown
from support.browser import AXE_RUN, needs_chromium
from support.chapters import CHAPTERS, each, live_figures, restart
from support.insides import SHEET, check
from support.kernels import Kernel, forms, share

from rlhf_helpers.live.word import Word

pytestmark = needs_chromium
FIRST = ("loop", "strip", "table", "chips", "diff")  # pictures, before the charts
WITH_FIGURES = [path for path in CHAPTERS if "live(" in path.read_text("utf-8")]


def flat(value) -> list:
    """The numbers of a series."""
    return value if isinstance(value, list) else [value]


def says_all(words: str, said: list[set[str]]) -> None:
    """Each of some values is said, in one of its forms."""
    missing = [forms for forms in said if not any(form in words for form in forms)]
    assert not missing, f"{missing} in {words!r}"


def look(kernel, index) -> None:
    """The line of words and the words of every picture say what the session holds."""
    figure, element = kernel.figures[index], kernel.shown(index)
    session = figure.session
    frame = session.frame(since=0)
    prefix = f"Update {session.step}: " if figure.definition.trains and not figure.error else ""
    assert element.locator(".baby-status").inner_text() == prefix + figure.status
    covered = element.locator(".baby-covered").count()
    pictures = element.locator(".baby-place > svg:first-of-type").evaluate_all("all => all.map(e => e.ariaLabel)")
    panels = sorted(figure.canvas.spec["panels"], key=lambda panel: panel["kind"] not in FIRST)
    for panel, words in zip(panels, pictures, strict=True):
        looks = panel["looks"]
        said = []
        if panel["kind"] == "curves" and not covered:
            values = {name: frame["rows"][name][session.step] for name in panel["names"]}
            drawn = {n: v for n, v in values.items() if v is not None and (v > 0 or not panel["log"])}
            said = [forms(looks[name]["label"], value) for name, value in drawn.items() if looks[name]["label"]]
        elif panel["kind"] == "bars":
            said = [forms("", value) for name in panel["names"] for value in flat(frame["now"][name])]
            said = [{form.strip() for form in some} for some in said]
        elif panel["kind"] == "strip":
            said = [{f"token {i} {share(p)}"} for i, p in enumerate(frame["now"][panel["name"]])]
        elif panel["kind"] == "chips":
            rows = frame["now"][panel["name"]]
            face = panel["letters"] or [str(i) for i in range(30)]
            apart = "" if panel["letters"] else " "
            rows = rows if isinstance(rows[0], list) else [rows]
            said = [{apart.join(face[int(i)] for i in row if i >= 0)} for row in rows]
        says_all(words, said)


def press(locator, *keys) -> None:
    """Go there and press keys."""
    locator.focus()
    for key in keys:
        locator.page.keyboard.press(key)


def other(control) -> float | str:
    """A value that a control does not have now."""
    if isinstance(control, Word):
        return "b" if control.value != "b" else "a"
    if isinstance(control, Checkbox):
        return not control.value
    if isinstance(control, Dropdown):
        return next(value for _, value in control.options if value != control.value)
    low = getattr(control, "base", None)
    ends = [low**end if low else end for end in (control.min, control.max)]
    return ends[0] if control.value != ends[0] else ends[1]


def in_words(figure, settings) -> list[set[str]]:
    """Settings of numbers as the cross-hair says them."""
    told = {one["name"]: one for one in figure.canvas.spec["controls"]}
    return [
        {f"{name} {float(f'{value:.3g}'):g}"}
        for name, value in settings.items()
        if told[name]["kind"] in ("log", "linear") and 0.001 <= abs(value) < 1000
    ]


def read(kernel, index) -> None:
    """The cross-hair, by keys: what is heard of an update is what its row holds, with the settings of then."""
    figure, element = kernel.figures[index], kernel.shown(index)
    layer = element.get_by_role("slider", name="Read the curves")
    if not layer.count() or element.locator(".baby-covered").count():
        return
    frame, session = figure.session.frame(since=0), figure.session
    press(layer, "Home")
    for update in range(min(3, session.reached + 1)):
        if update:
            kernel.page.keyboard.press("ArrowRight")
        heard = element.locator(".baby-heard").inner_text()
        assert layer.get_attribute("aria-valuetext") == f"update {update}"
        for panel in figure.canvas.spec["panels"]:
            names = panel["names"] if panel["kind"] == "curves" else []
            labels = {name: panel["looks"][name]["label"] for name in names}
            says_all(heard, [forms(label, frame["rows"][n][update]) for n, label in labels.items() if label])
        says_all(heard, in_words(figure, session.settings_at(update)))
    kernel.page.keyboard.press("Escape")


def run(kernel, index) -> None:
    """Step, play, a slider moved just before the pause, the line of time, and on from there."""
    figure, page = kernel.figures[index], kernel.page
    look(kernel, index)
    for _ in range(3):
        figure.buttons["step"].click()
    look(kernel, index)
    figure.buttons["play"].click()
    element = kernel.shown(index)
    page.wait_for_function(f"models[{index}].get('frame').step > 4")
    name, control = next(pair for pair in figure.controls.items() if not isinstance(pair[1], Word))
    value = other(control)
    control.value = value
    figure.buttons["play"].click()  # at once: no update was made with it
    assert control.value == value
    assert figure.session.settings[name] == float(value)
    look(kernel, index)
    read(kernel, index)
    session, reached, last = figure.session, figure.session.reached, figure.status
    line = element.get_by_role("slider", name="update", exact=True)
    for key, update in (("Home", 0), ("ArrowRight", 1), ("End", reached)):
        press(line, key)
        page.wait_for_function(f"models[{index}].get('frame').step === {update}")
        look(kernel, index)
        assert line.get_attribute("aria-valuetext") == f"{update} of {reached} updates made"
        assert figure.settings()[name] == session.settings_at(update)[name]
    assert figure.status == last, "the last update is not what it was"


def compare(kernel, index) -> None:
    """A run is pinned under a name and let go; all seeds are begun and let go."""
    figure, page, element = kernel.figures[index], kernel.page, kernel.shown(index)
    press(element.get_by_role("textbox", name="Name of this run"), "Control+a", *"mine", "Enter")
    element = kernel.shown(index)
    assert [pin["name"] for pin in figure.session.pins] == ["mine"]
    assert figure.session.pins[0]["rows"] == figure.session.rows
    assert element.locator(".baby-pins li[data-key='1'] span").inner_text() == "mine"
    press(element.get_by_role("button", name="Unpin mine"), "Enter")
    assert kernel.shown(index).locator(".baby-pins li[data-key]").count() == 0
    assert figure.session.pins == []
    if figure.definition.seeds == 1:
        return
    seeds = element.get_by_role("button", name=f"{figure.definition.seeds} seeds")
    press(seeds, "Enter")
    page.wait_for_function(f"() => models[{index}].get('seeds').length || models[{index}].get('frame').progress")
    press(element.get_by_role("button", name="One seed"), "Enter")
    kernel.shown(index)
    assert figure.session.seeds == []
    assert seeds.is_visible()


def ask_tokens(kernel, index) -> None:
    """A token of each panel that can be asked, in the update that is shown and in the next."""
    figure, page = kernel.figures[index], kernel.page
    for panel in figure.canvas.spec["panels"]:
        if "inside" not in panel:
            continue
        group = kernel.shown(index).get_by_role("group", name=panel["title"] or panel["kind"])
        rows = panel["kind"] not in ("strip", "bars")
        press(group.locator("button[tabindex='0']"), *["ArrowDown"] * rows, "ArrowRight", "Enter")
        for _ in range(2):
            kernel.shown(index)
            here = [1, 1] if rows else [1]
            check(page.evaluate(SHEET), panel, figure.now, figure.settings(), figure.session.step, here)
            if figure.definition.trains:
                figure.buttons["step"].click()
        page.keyboard.press("Escape")
        assert page.evaluate(SHEET) is None


def drag(kernel, index) -> None:
    """What is dragged moves its control by keys, and shows where that is."""
    figure = kernel.figures[index]
    for handle in kernel.shown(index).locator(".baby-handle:visible").all()[:4]:
        label = handle.get_attribute("aria-label")
        name = next((one["name"] for one in figure.canvas.spec["controls"] if one["label"] == label), None)
        if name is None:
            continue  # a point of a guess
        for key in ("ArrowUp", "ArrowDown", "ArrowDown"):
            press(handle, key)
            look(kernel, index)
            assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(figure.settings()[name])
            assert figure.session.settings[name] == figure.settings()[name]


def write(kernel, index) -> None:
    """A letter is written in the drawing, and taken back."""
    figure, element = kernel.figures[index], kernel.shown(index)
    for name, control in figure.controls.items():
        if not isinstance(control, Word):
            continue
        before = control.value
        press(element.locator(".baby-letters [tabindex='0']"), "ArrowRight", "ArrowRight", "Enter")
        element = kernel.shown(index)
        assert control.value == before + element.page.evaluate("document.activeElement.ariaLabel")[len("write ")]
        assert figure.session.settings[name] == control.value
        words = element.locator(".baby-letters .baby-place > svg").get_attribute("aria-label")
        assert f'after "{control.value}"' in words
        element.page.keyboard.press("Backspace")
        kernel.shown(index)
        assert control.value == before


def guess(kernel, index) -> None:
    """A guess is drawn by keys; the kernel plays it with the settings that it is about."""
    figure = kernel.figures[index]
    for panel in figure.canvas.spec["panels"]:
        if "guess" not in panel:
            continue
        first = kernel.shown(index).locator(".baby-guess button").first
        press(first, "Enter")
        element = kernel.shown(index)
        assert not element.locator(".baby-status").is_visible()
        points = element.get_by_role("slider", name="your guess at update")
        press(points.last, "Home")
        kernel.shown(index)
        assert float(points.last.get_attribute("aria-valuenow")) == panel["guess"]["y_range"][0]
        press(first, "Enter")
        element.page.wait_for_function(f"models[{index}].get('frame').step > 0")
        figure.buttons["play"].click()
        wanted = figure.definition.defaults | panel["guess"]["values"]
        assert figure.settings() == pytest.approx({**wanted, **words_of(figure)})
        look(kernel, index)
        assert element.locator(".baby-guess-words").first.inner_text().startswith("Your guess is the dashed line.")


def words_of(figure) -> dict[str, str]:
    """The words that a figure asks about."""
    return {name: control.value for name, control in figure.controls.items() if isinstance(control, Word)}


def light(kernel, index) -> None:
    """A term of a formula lights up its curves, and goes out."""
    element = kernel.shown(index)
    for term in element.locator(".baby-term").all():
        press(term, "Enter")
        assert term.get_attribute("aria-pressed") == "true"
        assert element.locator(".baby-term.baby-on").all_inner_texts() == [term.inner_text()]
        kernel.page.keyboard.press("Escape")
        assert term.get_attribute("aria-pressed") == "false"


@each(WITH_FIGURES)
def test_what_is_asked_by_keyboard_is_what_the_session_holds(path, browser, axe_source):
    figures = live_figures(path)
    for figure in figures:
        restart(figure, figure.definition.defaults)
    page = browser.new_page(viewport={"width": 900, "height": 900})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    kernel = Kernel(page, figures)
    for index, figure in enumerate(figures):
        guess(kernel, index)
        if figure.definition.trains:
            figure.reset()
            run(kernel, index)
            compare(kernel, index)
        else:
            for name, control in figure.controls.items():
                figure.set(**{name: other(control)})
                look(kernel, index)
        ask_tokens(kernel, index)
        drag(kernel, index)
        write(kernel, index)
        light(kernel, index)
    page.evaluate(axe_source)
    assert page.evaluate(AXE_RUN) == []
    kernel.leave()
    page.close()
    assert errors == []
