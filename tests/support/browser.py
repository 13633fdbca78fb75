"""The system's Chromium, and a place to serve pages from, for the tests that need them."""

import functools
import http.server
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium on this machine: `apt-get install chromium` (or Google Chrome) makes the browser tests run",
)

# Waits until what changes with the color scheme has changed.
SETTLED = """() => Promise.all(document.getAnimations().filter(one => one instanceof CSSTransition)
  .map(fade => fade.finished.catch(() => null)))"""

# What axe finds serious or critical on a page, after its source was evaluated there; by all rules, or by those named.
# Of colored code, half of a chapter's elements, it looks at one token of each kind that shows: others look like it.
AXE_RUN = """async rules => {
  const met = new Set();
  const tokens = [...document.querySelectorAll(".highlight pre span[class]")];
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


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A file server that logs nothing."""

    def log_message(self, format, *args):
        pass


@contextmanager
def serve(folder: Path, handler: type = QuietHandler):
    """Serve a folder on this machine while the block runs, and give its address."""
    handler = functools.partial(handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
