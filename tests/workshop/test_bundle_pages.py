"""The pages on the stick: their live figures run from a file as they do over http."""

from __future__ import annotations

import json
import re
import shutil

import bundle
import numpy as np
import pytest
from support.browser import needs_chromium, serve
from support.live_pages import READY, SERIES, drive, first_that_trains, start

STEPS = 60


@needs_chromium
@pytest.mark.parametrize("chapter", [None, "11_names"])  # the first that trains, and one that begins with weights
def test_a_figure_runs_from_a_file_as_it_does_over_http(browser, site, html_dir, tmp_path, chapter):
    book = tmp_path / "book"
    bundle.copy_book(html_dir, book)
    name, index = first_that_trains() if chapter is None else (chapter, 0)
    errors, series = [], []
    for address in (site, f"{book.as_uri()}/"):
        context = browser.new_context()
        context.route(lambda url, root=address: not url.startswith((root, "blob:")), lambda route: route.abort())
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.goto(f"{address}book/{name}.html")
        figure = start(page, index)
        assert figure.get_attribute("data-state") == "ready", figure.inner_text()
        figure.get_by_role("button", name="Play", exact=True).click()
        page.wait_for_function(READY, arg=index)
        drive(figure, "while (figure.frame.step < 5) await new Promise(next => setTimeout(next, 5)); figure.pause()")
        drive(figure, f"await figure.restart(); await figure.advance({STEPS})")
        series.append(figure.evaluate(SERIES))
        context.close()
    assert errors == []
    assert series[0] == series[1]
    assert len(next(rows for rows in series[0].values() if isinstance(rows, list))) == STEPS + 1


# Loads weights as the scripts of live figures do, and something else.
READS_WEIGHTS = """
async function weights(file) {
  const answer = await fetch(new URL(`../weights/${file}`, import.meta.url));
  if (!answer.ok) throw new Error(`${file} could not be loaded`);
  return new Float32Array(await answer.arrayBuffer());
}
async function text(address) {
  return (await fetch(address)).text();
}
globalThis.read = async () =>
  [...(await weights("some.f32")), await text("data:,one"), await text("data:,/weights/it")];
"""


@needs_chromium
def test_weights_are_those_of_their_file(browser, html_dir, tmp_path):
    served, copied = tmp_path / "served", tmp_path / "copied"
    for name in ("live", "vendor"):
        shutil.copytree(html_dir / name, served / name)
    (served / "live" / "reads.js").write_text(READS_WEIGHTS, "utf-8")
    for name in ("weights", "book"):
        (served / name).mkdir()
    numbers = np.random.default_rng(0).standard_normal(30_000).astype("<f4")
    (served / "weights" / "some.f32").write_bytes(numbers.tobytes())
    page = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="../live/reads.js"></script>'
    (served / "book" / "page.html").write_text(page, "utf-8")
    bundle.copy_book(served, copied)
    with serve(served) as site:
        for address in (site, f"{copied.as_uri()}/"):
            page = browser.new_page()
            page.goto(f"{address}book/page.html")
            *read, one, other = page.evaluate("read()")
            page.close()
            np.testing.assert_array_equal(np.array(read, "<f4"), numbers, err_msg=address)
            assert (one, other) == ("one", "/weights/it")


def test_no_page_of_the_copy_needs_a_server(html_dir, tmp_path):
    book = tmp_path / "book"
    bundle.copy_book(html_dir, book)
    html = "".join(page.read_text("utf-8") for page in book.rglob("*.html"))
    scripts = re.findall(r"<script[^>]*>", html)
    assert any("live/page.js" in script for script in scripts)
    assert not [script for script in scripts if "module" in script]
    text = (book / "live" / "runtime.js").read_text("utf-8")
    runtime = json.loads(text.removeprefix("globalThis.babyRuntime = ").rstrip(";\n"))
    assert runtime.keys() == {"worker", "wasm", "weights"}
    assert runtime["weights"].keys() == {path.name for path in (html_dir / "weights").glob("*")}
