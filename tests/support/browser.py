"""The system's Chromium, and a place to serve pages from, for the tests that need them."""

import functools
import http.server
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

# With windows and readers' settings; and for most tests without, where to open a page costs a third less.
WHOLE_CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
CHROMIUM = shutil.which("chromium-headless-shell") or WHOLE_CHROMIUM

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium on this machine: `apt-get install chromium` (or Google Chrome) makes the browser tests run",
)

# Waits until what changes with the color scheme has changed.
SETTLED = """() => Promise.all(document.getAnimations().filter(one => one instanceof CSSTransition)
  .map(fade => fade.finished.catch(() => null)))"""

# Waits until what was asked for is painted.
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

# What axe finds serious or critical on a page, after its source was evaluated there; by all rules, or by those named.
# Of colored code and of signatures, half of all elements, it looks at one token of each kind that shows: others look
# like it.
AXE_RUN = """async rules => {
  const met = new Set();
  const tokens = [...document.querySelectorAll(".highlight pre span[class], dt.sig span[class]")];
  const kinds = tokens.map(token => `${token.className} in ${token.parentElement.className}`);
  const shown = tokens.map(token => token.checkVisibility()); // a folded cell is not looked at
  for (const [i, token] of tokens.entries()) {
    if (!shown[i] || met.has(kinds[i])) token.replaceWith(...token.childNodes);
    else met.add(kinds[i]);
  }
  return (await axe.run({resultTypes: ["violations"], ...(rules && {runOnly: rules})})).violations
    .filter(v => ["serious", "critical"].includes(v.impact))
    .flatMap(v => v.nodes.slice(0, 4)
      .map(n => `${v.id}: ${n.html.slice(0, 200)}: ${n.failureSummary.slice(0, 300)}`));
}"""


def axe_in(*selectors: str) -> str:
    """The same, of some of a page's elements and of what is in them."""
    return AXE_RUN.replace("axe.run({", f"axe.run({{include: {[[selector] for selector in selectors]}}}, {{")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A file server that logs nothing."""

    def log_message(self, format, *args):
        pass


class WithoutFormulas(QuietHandler):
    """A server of the book whose formulas stay as they are written: to set them takes as long as all else on a page."""

    def do_GET(self):  # noqa: N802
        if "/mathjax/" not in self.path:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serve(folder: Path, handler: type = QuietHandler):
    """Serve a folder on this machine while the block runs, and give its address."""
    handler = functools.partial(handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


# When a page is left, and has stored what it stores then, all of it goes. Where the storage is refused, a page has one
# of its own that is gone with it.
FORGET = "() => addEventListener('pagehide', () => [localStorage, sessionStorage].forEach(kept => kept.clear?.()))"


class Tabs:
    """Tabs of a browser that are kept: a page that comes into one takes a third of what it takes in a new one.

    Whoever opens a page is a new reader all the same: nothing is stored, and the window is as it was asked for. What
    goes wrong on any page is in `errors`.
    """

    def __init__(self, browser):
        self.browser, self.errors = browser, []
        self._free, self._taken = {}, []

    def open(self, address: str, size=(1280, 900), motion="reduce", scheme="light", script="", before=None, **window):
        """Open a page.

        Args:
            address: of the page.
            size: width and height of the window.
            motion, scheme: what the reader prefers.
            script: runs before those of the page.
            before: sees the tab before it goes there; such a tab is not kept.
            window: how the window is otherwise, as Playwright has it for a context.
        """
        kind = (script, before, *sorted(window.items()))
        page = self._free[kind].pop() if self._free.get(kind) else self._new(script, window)
        self._taken.append((kind, page))
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(reduced_motion=motion, color_scheme=scheme)
        if before:
            before(page)
        page.goto(address)
        return page

    def _new(self, script: str, window: dict):
        page = self.browser.new_context(**window).new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        if script:
            page.add_init_script(script)
        return page

    def leave(self):
        """Leave all pages, and forget what they have stored; they must have met no error."""
        for kind, page in self._taken:
            if kind[1]:
                page.context.close()
                continue
            page.evaluate(FORGET)
            page.mouse.move(0, 0)
            page.goto("about:blank")
            self._free.setdefault(kind, []).append(page)
        self._taken = []
        errors, self.errors = self.errors, []
        assert errors == []

    def close(self):
        """Close all tabs."""
        for pages in self._free.values():
            for page in pages:
                page.context.close()
