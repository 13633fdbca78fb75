"""Clicks on pairs in a browser: by keyboard and by mouse, kept and found again, with a fit that is the right one."""

import shutil
from pathlib import Path

import pytest
import torch
from support.browser import AXE_RUN, needs_chromium, serve
from torch.nn.functional import logsigmoid

import rlhf_helpers.clicks
from rlhf_helpers.clicks import ask, load_clicks, save_clicks

pytestmark = needs_chromium

FOLDER = Path(rlhf_helpers.clicks.__file__).parent
SCRIPTS = Path(__file__).resolve().parents[2] / "book" / "_site" / "scripts" / "clicks"
PAIRS = [([i, i, 1], [i, i, 2]) for i in range(10)]
POLICY = "default-src 'self'; style-src 'self'; img-src 'self' data:"


def page_of(folder: Path, asked, policy: str = POLICY) -> Path:
    for source in (FOLDER / "clicks.js", SCRIPTS / "page.js", FOLDER / "clicks.css", FOLDER.parent / "palette.css"):
        shutil.copy(source, folder)
    scripts = "".join(f'<script defer src="{name}"></script>' for name in ("clicks.js", "page.js"))
    head = f'<link rel="stylesheet" href="palette.css"><link rel="stylesheet" href="clicks.css">{scripts}'
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">' if policy else ""
    body = asked._repr_mimebundle_()[0]["text/html"]
    page = folder / "page.html"
    head = f'<meta charset="utf-8">{meta}<link rel="icon" href="data:,"><title>t</title>{head}'
    page.write_text(
        f'<!doctype html><html lang="en"><head>{head}</head><body><main><h1>t</h1>{body}</main></body></html>',
        "utf-8",
    )
    return page


@pytest.fixture
def tab(browser):
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert not faults


def status(page) -> str:
    return page.locator(".baby-clicks-status").inner_text()


@pytest.mark.parametrize("look", ["tokens", "words"])
def test_a_reader_clicks_by_keyboard_exports_clears_and_imports(tab, tmp_path, look, axe_source):
    words = [(f"a{i}", f"b{i}") for i in range(10)]
    features = {"ends in 1": lambda word: float(word.endswith("1")), "starts with a": lambda word: word[0] == "a"}
    asked = ask(PAIRS, name="test") if look == "tokens" else ask(words, name="test", features=features)
    page_of(tmp_path, asked)
    requests = []
    tab.on("request", lambda request: requests.append(request.url))
    with serve(tmp_path) as address:
        tab.goto(f"{address}page.html")
        tab.locator(".baby-clicks-choice").first.focus()
        for _ in range(6):
            tab.keyboard.press("ArrowLeft")
            tab.keyboard.press("Enter")
        assert "6 clicks of 10" in status(tab)
        assert "foresaw 1 of the last 1" in status(tab)  # always the first: the seventh is foreseen
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("Space")
        assert "foresaw 1 of the last 2" in status(tab)
        assert tab.evaluate(f"async () => {{ {axe_source}; return ({AXE_RUN})(); }}") == []
        tab.reload()
        assert "7 clicks of 10" in status(tab)  # kept in the browser
        with tab.expect_download() as download:
            tab.get_by_role("button", name="Export").click()
        download.value.save_as(tmp_path / "kept.json")
        clicks = load_clicks(tmp_path / "kept.json")
        first, second = (asked.spec["pairs"][6][side]["value"] for side in (0, 1))
        assert clicks[6] == (second, first)
        tab.get_by_role("button", name="Clear").click()
        assert "0 clicks of 10" in status(tab)
        save_clicks(tmp_path / "again.json", "test", clicks)
        tab.locator("input[type=file]").set_input_files(tmp_path / "again.json")
        tab.get_by_text("7 clicks of 10").wait_for()
        tab.get_by_role("button", name="Take back").click()
        assert "6 clicks of 10" in status(tab)
        (tmp_path / "bad.json").write_text("{}", "utf-8")
        tab.locator("input[type=file]").set_input_files(tmp_path / "bad.json")
        tab.get_by_text("holds no clicks").wait_for()
        assert all(url.startswith((address, "blob:")) for url in requests)


def test_two_tabs_keep_all_clicks(tab, tmp_path):
    page_of(tmp_path, ask(PAIRS, name="test"))
    other = tab.context.new_page()
    with serve(tmp_path) as address:
        for page in (tab, other):
            page.goto(f"{address}page.html")
        for page in (tab, tab, other, tab, other, other, tab):
            page.locator(".baby-clicks-choice").first.click()
        tab.get_by_text("7 clicks of 10").wait_for()
        other.get_by_text("7 clicks of 10").wait_for()
        other.get_by_role("button", name="Take back").click()
        tab.get_by_text("6 clicks of 10").wait_for()
        tab.reload()
        assert "6 clicks of 10" in status(tab)


@pytest.mark.parametrize(
    "refused", ["Storage.prototype.setItem = () => { throw new Error('full'); }", "delete window.localStorage"]
)
def test_without_storage_clicks_last_as_long_as_the_page(tab, tmp_path, refused):
    tab.add_init_script(refused)
    tab.goto(page_of(tmp_path, ask(PAIRS, name="test"), policy="").as_uri())
    for count in range(1, 4):
        tab.locator(".baby-clicks-choice").first.click()
        assert f"{count} click" in status(tab)
        assert "export your clicks before you leave" in status(tab)


def test_all_pairs_come_once_and_a_skipped_one_comes_back(tab, tmp_path):
    page_of(tmp_path, ask(PAIRS[:3], name="test"))
    with serve(tmp_path) as address:
        tab.goto(f"{address}page.html")
        first = tab.locator(".baby-clicks-choice").first
        seen = [first.inner_text()]
        tab.get_by_role("button", name="Skip").click()
        for _ in range(3):
            seen.append(first.inner_text())
            first.click()
        assert [text.split() for text in seen] == [[str(i), str(i), "1"] for i in (0, 1, 2, 0)]
        assert "That was the last pair." in status(tab)
        assert not first.is_visible()


def test_it_works_from_a_file_without_a_server(tab, tmp_path):
    tab.goto(page_of(tmp_path, ask(PAIRS, name="test"), policy="").as_uri())
    for _ in range(5):
        tab.locator(".baby-clicks-choice").last.click()
    assert "5 clicks of 10" in status(tab)
    assert tab.locator(".baby-clicks-utilities li").count() == 10
    labels = tab.locator(".baby-clicks-value").all_inner_texts()
    assert float(labels[2]) > 0 > float(labels[1].replace("\u2212", "-"))


def test_the_fit_of_the_page_is_that_of_torch(tab, tmp_path):
    generator = torch.Generator().manual_seed(0)
    gaps = torch.randint(-3, 4, (40, 10), generator=generator).double()
    utilities = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([utilities], max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = -logsigmoid(gaps @ utilities).sum() + 0.5 * (utilities**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    tab.goto(page_of(tmp_path, ask(PAIRS, name="test"), policy="").as_uri())
    found = tab.evaluate("gaps => babyClicks.learn(gaps, 10).utilities", gaps.tolist())
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), utilities.detach(), atol=1e-5, rtol=0)


def test_the_widget_hands_clicks_to_the_kernel_and_takes_them_back(tab, tmp_path):
    asked = ask(PAIRS, name="test")
    (tmp_path / "widget.mjs").write_text(asked._esm, "utf-8")
    (tmp_path / "page.html").write_text('<link rel="icon" href="data:,"><div id="here"></div>', "utf-8")
    with serve(tmp_path) as address:
        tab.goto(f"{address}page.html")
        tab.evaluate(
            """async (spec) => {
              const { default: widget } = await import("./widget.mjs");
              const values = { spec, rows: [], trouble: "" };
              window.model = {
                values, saved: 0, listeners: {},
                get: (name) => values[name],
                set: (name, value) => (values[name] = value),
                save_changes: () => (window.model.saved += 1),
                on: (events, call) => events.split(" ").forEach((event) => (window.model.listeners[event] = call)),
                off: (events) => events.split(" ").forEach((event) => delete window.model.listeners[event]),
              };
              window.leave = widget.render({ model: window.model, el: document.getElementById("here") });
            }""",
            asked.spec,
        )
        tab.locator(".baby-clicks-choice").last.click()
        rows, saved = tab.evaluate("() => [model.values.rows, model.saved]")
        assert (rows, saved) == ([{"chosen": [0, 0, 2], "rejected": [0, 0, 1]}], 1)
        tab.evaluate("() => { model.values.rows = []; model.listeners['change:rows'](); }")  # the kernel forgets
        assert "0 clicks of 10" in status(tab)
        tab.evaluate("() => { model.values.trouble = 'The disk is full.'; model.listeners['change:trouble'](); }")
        assert "The disk is full." in status(tab)
        tab.locator(".baby-clicks-choice").last.click()
        assert "The disk is full." in status(tab)  # still
        assert tab.evaluate("() => { leave(); return Object.keys(model.listeners); }") == []
