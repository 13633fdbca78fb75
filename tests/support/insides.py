"""What a sheet says of the inside of a token, and what it has to say."""

import numpy as np

from rlhf_helpers.live import rules

# What a sheet says: its title, its lines, its sentences, its bars.
SHEET = """() => {
  const sheet = document.querySelector(".baby-sheet:not([hidden])");
  if (!sheet) return null;
  const push = sheet.querySelector(".baby-push:not([hidden])");
  return {
    title: sheet.querySelector("strong").textContent,
    lines: [...sheet.querySelectorAll("dl > div")].map(line => [...line.children].map(part => part.textContent)),
    says: sheet.querySelector("p").textContent,
    push: push && push.querySelector("svg").getAttribute("aria-label"),
    unit: push && (push.firstChild.textContent.match(/10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)/) ?? ["", "⁰"])[1],
    live: sheet.getAttribute("aria-live"),
  };
}"""


def at(value, place):
    """The entry of a series at a place, or at its row."""
    for index in place[: np.ndim(value)]:
        value = value[index]
    return value


def written(text: str, known) -> str:
    """A format string with its numbers in it, as a sheet writes them."""
    return rules.FIELD.sub(lambda f: rules.write_number(known(f[1]), f[2] or "").replace("-", "−"), text)


def check(sheet, panel, series, settings, step, place):
    """Compare a sheet with what the series hold at a place."""
    inside = panel["inside"]

    def known(name):
        return at(series[name], place) if name in series else step if name == "step" else settings[name]

    assert sheet["lines"] == [[name, written(text, known)] for name, text in inside["lines"]]
    speaks = [
        say["text"]
        for say in inside["says"]
        if (say["above"] is not None and known(say["series"]) > say["above"])
        or (say["below"] is not None and known(say["series"]) < say["below"])
    ]
    assert sheet["says"] == written(" ".join(speaks), known)
    if not inside["push"]:
        assert sheet["push"] is None
        return
    wanted = np.asarray(at(series[inside["push"]], place))
    unit = 10.0 ** int(sheet["unit"].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
    found = np.array([float(number.split()[1].replace("−", "-")) for number in sheet["push"].split(", ")])
    np.testing.assert_allclose(found * unit, wanted, rtol=0, atol=0.0501 * unit)
