"""A live figure in a page, driven from a test."""

import functools
import json

from support.chapters import CHAPTERS
from support.graphs import published_data

READY = "index => ['ready', 'failed'].includes(document.querySelectorAll('figure.baby-live')[index].dataset.state)"

# Every series of one number as rows, the others as they are now.
SERIES = "figure => ({...figure.liveFigure.now, ...figure.liveFigure.frame.rows})"

# Waits for something about a figure's object.
UNTIL = """(element, condition) => new Promise(done => {
  const figure = element.liveFigure;
  const holds = new Function("figure", `return ${condition}`);
  const look = () => holds(figure) ? done() : setTimeout(look, 5);
  look();
})"""


def arrive(page, index: int = 0):
    """Bring a figure into view, and wait until it shows its default run or says why it does not."""
    figure = page.locator("figure.baby-live").nth(index)
    figure.scroll_into_view_if_needed()
    page.wait_for_function(READY, arg=index)
    return figure


def start(page, index: int = 0):
    """The same, and then go back to the start of the run."""
    figure = arrive(page, index)
    if figure.get_attribute("data-state") == "ready":
        drive(figure, "await figure.restart()")
    return figure


def drive(figure, script: str):
    """Run a line of script on a figure's object, as the console would."""
    return figure.evaluate(f"async element => {{ const figure = element.liveFigure; {script} }}")


def run(figure, settings: dict, steps: int) -> dict:
    """Run a figure from its start: the step that it has reached, what is not finite there, and all series."""
    script = f"await figure.use({{...figure.defaults(), ...{json.dumps(settings)}}}); await figure.advance({steps});"
    step, trouble = drive(figure, f"{script} return [figure.frame.step, figure.trouble]")
    return {"step": step, "trouble": trouble, "series": figure.evaluate(SERIES)}


def wait_for_step(figure, step: int):
    """Wait until a figure has made this many updates, and no more than some."""
    figure.evaluate(UNTIL, f"figure.frame.step >= {step}")


@functools.cache
def first_that_trains() -> tuple[str, int]:
    """A chapter with a figure that trains under a pull, and which of its figures that is."""
    return next(
        (path.stem, index)
        for path in CHAPTERS
        for index, data in enumerate(published_data(path))
        if "starts" in data and "kl_coeff" in [control["name"] for control in data["controls"]]
    )


@functools.cache
def first_that_trains_first() -> tuple[str, int]:
    """A page whose first figure trains: that one plays by itself."""
    return next((path.stem, 0) for path in CHAPTERS if "starts" in next(iter(published_data(path)), {}))
