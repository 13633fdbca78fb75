"""What a live figure costs in a page: nodes and bytes of its graph, time per step, the longest task on the main thread.

    jupyter-book build . && python tests/benchmarks/page_run.py

Every figure that trains runs all its steps as fast as it can in Chromium, and then once as a reader plays it. The last
column is the longest task of the main thread while it plays; the page stays responsive below 50 ms.
"""

from __future__ import annotations

import base64
import gzip
import statistics
import sys
from pathlib import Path

import onnx
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from support.browser import CHROMIUM, serve  # noqa: E402

HTML = ROOT / "_build" / "html"
REPEATS = 3
RUN = """async element => {
  const figure = element.liveFigure;
  await figure.restart();
  const begun = performance.now();
  await figure.advance(figure.data.steps);
  return (performance.now() - begun) / figure.data.steps;
}"""
PLAY = """async element => {
  let longest = 0;
  const seen = list => list.getEntries().forEach(e => longest = Math.max(longest, e.duration));
  const observer = new PerformanceObserver(seen);
  observer.observe({type: "longtask"});
  await element.liveFigure.restart();
  await element.liveFigure.play();
  await new Promise(next => setTimeout(next, 100));
  return longest;
}"""


def weigh() -> None:
    """Print what a page weighs, gzipped: what is ours before a reader starts a figure, and the runtime after."""

    def size(path: Path) -> int:
        return len(gzip.compress(path.read_bytes()))

    ours = sum(size(path) for path in (*HTML.glob("live/*"), HTML / "_static" / "baby.css"))
    runtime = sum(size(path) for path in HTML.glob("vendor/onnxruntime-web/*"))
    print(f"scripts and styles of ours {ours / 1000:.1f} kB gzipped, the runtime {runtime / 1e6:.2f} MB, once")
    for page in sorted(HTML.glob("book/*.html")):
        text = page.read_text("utf-8")
        parts = text.split('<script type="application/json" class="baby-live-data">')
        data = "".join(part.split("</script>")[0] for part in parts[1:])
        carried = len(gzip.compress(data.encode()))
        print(f"  {page.stem:<24} page {size(page) / 1000:6.1f} kB, of it figures {carried / 1000:5.1f} kB")


def main() -> None:
    """Print a line for each figure of each page."""
    weigh()
    print(f"\n{'figure':<28}{'nodes':>6}{'kB':>6}{'gz kB':>7}", end="")
    print(f"{'ms/step':>9}{'steps':>7}{'whole run':>11}{'longest task':>14}")
    with serve(HTML) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for path in sorted(HTML.glob("book/*.html")):
            page = browser.new_page()
            page.goto(f"{address}book/{path.name}")
            for index, figure in enumerate(page.locator("figure.baby-live").all()):
                graph = base64.b64decode(figure.evaluate("e => e.liveFigure.data.graph"))
                told = f"{path.stem[:22]} {index + 1:<4} {len(onnx.load_from_string(graph).graph.node):>6}"
                told = f"{told:<34}{len(graph) / 1000:6.1f}{len(gzip.compress(graph)) / 1000:7.1f}"
                figure.evaluate("e => e.liveFigure.start()")
                if figure.evaluate("e => e.liveFigure.trains"):
                    step = statistics.median(figure.evaluate(RUN) for _ in range(REPEATS))
                    steps = figure.evaluate("e => e.liveFigure.data.steps")
                    told += f"{step:9.2f}{steps:7}{steps * step / 1000:9.2f} s{figure.evaluate(PLAY):11.0f} ms"
                print(told)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
