"""A live figure in a page, driven from a test."""

from support.chapters import CHAPTERS
from support.graphs import published_data

READY = "index => ['ready', 'failed'].includes(document.querySelectorAll('figure.baby-live')[index].dataset.state)"

# Every series of one number as rows, the others as they are now.
SERIES = "figure => ({...figure.liveFigure.now, ...figure.liveFigure.frame.rows})"

# Waits for something about a figure's object.
UNTIL = """(element, condition) => new Promise(done => {
  const figure = element.liveFigure;
  const holds = new Function("figure", `return ${condition}`);
  const look = () => holds(figure) ? done() : setTimeout(look, 20);
  look();
})"""


def start(page, index: int = 0):
    """Press a figure's start button and wait until it runs or says why not."""
    figure = page.locator("figure.baby-live").nth(index)
    figure.locator(".baby-start").click()
    page.wait_for_function(READY, arg=index)
    return figure


def drive(figure, script: str):
    """Run a line of script on a figure's object, as the console would."""
    return figure.evaluate(f"async element => {{ const figure = element.liveFigure; {script} }}")


def wait_for_step(figure, step: int):
    """Wait until a figure has made this many updates."""
    figure.evaluate(UNTIL, f"figure.frame.step >= {step}")


def first_that_trains() -> tuple[str, int]:
    """A chapter with a figure that trains under a pull, and which of its figures that is."""
    return next(
        (path.stem, index)
        for path in CHAPTERS
        for index, data in enumerate(published_data(path))
        if "starts" in data and "kl_coeff" in [control["name"] for control in data["controls"]]
    )
