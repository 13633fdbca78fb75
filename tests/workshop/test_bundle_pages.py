"""The pages on the stick: their live figures run from a file as they do over http."""

from __future__ import annotations

import bundle
import pytest
from support.browser import needs_chromium
from support.live_pages import SERIES, drive, first_that_trains, start

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
        context.route(lambda url, root=address: not url.startswith(root), lambda route: route.abort())
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.goto(f"{address}book/{name}.html")
        figure = start(page, index)
        assert figure.get_attribute("data-state") == "ready", figure.inner_text()
        drive(figure, f"await figure.advance({STEPS})")
        series.append(figure.evaluate(SERIES))
        context.close()
    assert errors == []
    assert series[0] == series[1]
    assert len(next(rows for rows in series[0].values() if isinstance(rows, list))) == STEPS + 1
