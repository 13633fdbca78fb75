"""A page that a kernel talks to: the widget's own module and a figure of this process, with a browser between them.

What JupyterLab does, this does without it: it keeps a model of the canvas, and carries what a reader asks to the figure
and what the figure answers to the drawing. Controls that JupyterLab draws itself are not there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from support.browser import PAINTED

from rlhf_helpers.live import LiveFigure
from rlhf_helpers.live.controls import Canvas

KEPT = ("previous", "pins", "seeds", "frame")  # what a canvas is told, in this order
OPEN = """async ([code, css, states]) => {
  document.head.appendChild(document.createElement("style")).textContent = css;
  const live = (await import("data:text/javascript;charset=utf-8," + encodeURIComponent(code))).default;
  const root = document.querySelector("main");
  window.models = states.map((state, index) => {
    const hears = [];
    const model = {
      get: (name) => state[name],
      on: (event, hear) => hears.push([event, hear]),
      off: () => {},
      send: (message) => window.ask(index, JSON.stringify(message)),
      put: (name, value) => {
        state[name] = value;
        for (const [event, hear] of hears) if (event === `change:${name}`) hear();
      },
    };
    const figure = root.appendChild(document.createElement("section"));
    figure.className = "baby-live";
    const grid = figure.appendChild(document.createElement("div"));
    grid.className = "baby-grid";
    const el = grid.appendChild(document.createElement("div"));
    el.className = "baby-canvas";
    live.initialize({ model });
    live.render({ model, el });
    return model;
  });
  (async () => {
    for (;;) {
      for (const [index, name, value] of JSON.parse(await window.pull())) models[index].put(name, value);
      await new Promise(requestAnimationFrame);
    }
  })();
}"""
SHOWN = "([index, number]) => models[index].get('frame').number >= number"


class Kernel:
    """Figures of this process, shown on a page.

    Args:
        page: an empty one.
        figures: those that it shows, one below the other.
    """

    def __init__(self, page, figures: Sequence[LiveFigure]):
        self.page, self.figures, self.news = page, figures, []
        self.hears = []
        for index, figure in enumerate(figures):
            figure.session.told = 0  # a view that is new knows nothing
            figure._refresh()
            self.hears.append(lambda change, index=index: self.news.append([index, change.name, change.new]))
            figure.canvas.observe(self.hears[-1], list(KEPT))
        page.expose_function("ask", self.ask)
        page.expose_function("pull", self.pull)
        page.set_content("<!doctype html><html lang='en'><title>A notebook</title><body><main></main></body></html>")
        states = [{name: getattr(figure.canvas, name) for name in ("spec", *KEPT)} for figure in figures]
        page.evaluate(OPEN, [str(Canvas._esm), str(Canvas._css), states])

    def ask(self, index: int, message: str) -> None:
        """What a reader did, as a kernel hears it."""
        self.figures[index].canvas._handle_custom_msg(json.loads(message), [])

    def pull(self) -> str:
        """What has changed since the page asked last."""
        news, self.news = self.news, []
        return json.dumps(news)

    def shown(self, index: int):
        """The figure's element, once what the figure shows now is drawn."""
        self.page.evaluate(PAINTED)  # a drawing tells what was asked once in a frame of the screen
        self.page.wait_for_function(SHOWN, arg=[index, self.figures[index].canvas.frame["number"]])
        self.page.evaluate(PAINTED)
        return self.page.locator("section.baby-live").nth(index)

    def leave(self) -> None:
        """Let go of the figures."""
        for figure, hear in zip(self.figures, self.hears, strict=True):
            figure.pause()
            figure.canvas.unobserve(hear, list(KEPT))


def number(value: float | None) -> str:
    """A number as a drawing writes it: `number` of `numbers.js`, where no axis is so wide that it counts as nothing."""
    if value is None:
        return "–"
    size = abs(value)
    if size and (size < 0.005 or size >= 1e5):
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent):+d}".replace("-", "−", 1)
    places = 0 if size >= 100 else 1 if size >= 10 else 2
    return fixed(value, places)


def fixed(value: float, places: int) -> str:
    """The same with this many places; JavaScript rounds an exact half up."""
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{rounded}".replace("-", "−", 1)


def forms(label: str, value: float | None) -> set[str]:
    """How a drawing may say a value: what is nothing on a wide axis has other digits there."""
    colon = ":" if label[-1:].isdigit() else ""
    few = {fixed(value, 3), "0.00"} if value is not None and abs(value) < 0.005 else set()
    return {f"{label}{colon} {text}" for text in {number(value), *few}}


def share(p: float) -> str:
    """A probability as a square has it."""
    return "0" if p < 0.005 else "1" if p > 0.995 else fixed(p, 2).replace("0.", ".")
