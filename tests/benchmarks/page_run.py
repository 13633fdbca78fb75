"""What a live figure costs in a page: bytes, time per update beside native onnxruntime's, the longest task.

    jupyter-book build . && python tests/benchmarks/page_run.py [page ...]

Every figure that trains makes all its updates in Chromium, and its graph as many in onnxruntime on one thread. Both are
measured in time of the processor, which others on the machine change little; of several runs the fastest counts. Then
it plays once as a reader plays it. `task` is the longest task of the main thread meanwhile: a page stays responsive
below 50 ms. `picture` is the median of what a picture costs us, the updates aside, and `long` the same in a run of
20,000 updates. `opened` is the time until a figure can be drawn, its module opened and evaluated once; `ready` the time
until its default run is there, beneath whose picture a reader waits for it.
"""

from __future__ import annotations

import base64
import gzip
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workshop"), str(ROOT / "book")]
from support.browser import CHROMIUM, serve  # noqa: E402
from support.chapters import CHAPTERS  # noqa: E402
from support.graphs import control_inputs, published_data, unpacked  # noqa: E402

HTML = ROOT / "_build" / "html"
REPEATS = 5
READY = """async ({liveFigure: figure}) => {
  const begun = performance.now();
  let opened = 0;
  const paint = figure.paint;
  figure.paint = () => {
    paint.call(figure);
    opened ||= performance.now() - begun;
  };
  await figure.start();
  delete figure.paint;
  return [opened, performance.now() - begun];
}"""
RESTART = "({liveFigure: figure}) => figure.restart()"
RUN = "({liveFigure: figure}) => figure.advance(figure.data.steps)"
PLAY = """async ({liveFigure: figure}) => {
  let longest = 0;
  const costs = [];
  const paint = figure.paint;
  figure.paint = () => {
    const begun = performance.now();
    paint.call(figure);
    costs.push(performance.now() - begun);
  };
  const seen = list => list.getEntries().forEach(e => longest = Math.max(longest, e.duration));
  const observer = new PerformanceObserver(seen);
  observer.observe({type: "longtask"});
  await figure.restart();
  await figure.play(figure.data.steps);
  await new Promise(next => setTimeout(next, 100));
  const median = costs.sort((a, b) => a - b)[costs.length >> 1];
  const {rows} = figure.run; // a long run, as far as drawing goes
  for (const [name, row] of Object.entries(rows))
    rows[name] = Array.from({length: 20001}, (_, i) => row[i % row.length]);
  Object.assign(figure.run, {reached: 20000, furthest: 20000});
  figure.take();
  const long = [];
  for (let i = 0; i < 20; i++) {
    const begun = performance.now();
    paint.call(figure);
    document.body.getBoundingClientRect();
    long.push(performance.now() - begun);
  }
  delete figure.paint;
  return [longest, median, long.sort((a, b) => a - b)[10]];
}"""
STILL = "IntersectionObserver.prototype.observe = () => {}"  # figures begin when they are asked to


def gzipped(content: bytes) -> float:
    """Kilobytes, as a server sends them."""
    return len(gzip.compress(content)) / 1000


def weigh(page: Path) -> float:
    """Kilobytes, gzipped, of all the figures of a page, with their scripts and styles."""
    text = page.read_text("utf-8")
    parts = text.split('<script type="application/json" class="baby-live-data">')
    figures = "".join(part.split("</script>")[0] for part in parts[1:])
    files = [*HTML.glob("live/*"), HTML / "_static" / "baby.css", HTML / "_static" / "palette.css"]
    files += HTML.glob("weights/*") if '.f32"' in figures else []
    return gzipped(figures.encode()) + sum(gzipped(file.read_bytes()) for file in files)


def in_page(figure, steps: int, devtools) -> float:
    """Milliseconds of one update in the page."""

    def spent() -> float:
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "ThreadTime")

    times = []
    for _ in range(REPEATS):
        figure.evaluate(RESTART)
        begun = spent()
        figure.evaluate(RUN)
        times.append((spent() - begun) / steps * 1000)
    return min(times)


def native(data: dict) -> float:
    """Milliseconds of one update in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(base64.b64decode(data["graph"]), options)
    known = {f"state/{name}": value for name, value in unpacked(data["starts"][0]).items()}
    known |= control_inputs(data, {control["name"]: control["value"] for control in data["controls"]})
    known["noise"] = np.full(data["noise"] or [1], 0.5, np.float32)
    feeds = {value.name: np.asarray(known[value.name]) for value in session.get_inputs()}
    times = []
    for _ in range(REPEATS):
        begun = time.thread_time()
        for _ in range(20):
            session.run(None, feeds)
        times.append((time.thread_time() - begun) / 20 * 1000)
    return min(times)


def main(names: list[str]) -> None:
    """Print a line for each page, and one for each of its figures."""
    print(
        f"{'figure':<28}{'module':>9}{'opened':>10}{'ready':>9}{'ms/update':>11}{'native':>8}{'ratio':>7}{'run':>9}{'task':>7}{'picture':>9}{'long':>8}"
    )
    with serve(HTML) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for path in CHAPTERS:
            published = published_data(path)
            if not published or (names and path.stem not in names):
                continue
            print(
                f"{path.stem:<28}{weigh(HTML / 'book' / f'{path.stem}.html'):6.1f} kB gzipped, with scripts and styles"
            )
            page = browser.new_page()
            page.add_init_script(STILL)
            page.goto(f"{address}book/{path.stem}.html")
            page.wait_for_load_state("networkidle")
            devtools = page.context.new_cdp_session(page)
            devtools.send("Performance.enable")
            for index, (figure, data) in enumerate(zip(page.locator("figure.baby-live").all(), published, strict=True)):
                figure.scroll_into_view_if_needed()
                opened, ready = figure.evaluate(READY)
                size = len(base64.b64decode(figure.evaluate("e => e.liveFigure.data.module"))) / 1000
                told = f"  {path.stem[:20]} {index + 1:<5}{size:6.1f} kB{opened:7.0f} ms{ready:6.0f} ms"
                if "starts" in data:
                    update, there = in_page(figure, data["steps"], devtools), native(data)
                    whole = update * data["steps"] / 1000
                    longest, picture, long = figure.evaluate(PLAY)
                    told += f"{update:11.2f}{there:8.2f}{update / there:7.2f}{whole:7.2f} s"
                    told += f"{longest:4.0f} ms{picture:6.1f} ms{long:5.1f} ms"
                print(told, flush=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
