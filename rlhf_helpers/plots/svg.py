"""A matplotlib figure as an HTML figure: inline SVG with real text.

This is two things at once, since both rewrite every attribute. It recolors: each color of the book becomes a variable
of the page, so that a picture follows dark mode. And it makes the SVG small and the same bytes on every run and
machine: rounded coordinates, no defaults, no points in the middle of a level line, ids of its own.
"""

import hashlib
import html
import io
import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from rlhf_helpers._html import PALETTE, inline, kept, publishing
from rlhf_helpers.plots.labels import settle_all
from rlhf_helpers.plots.png import png
from rlhf_helpers.plots.style import COLORS, TEXT, styled

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_IDS = re.compile(r'( id="|url\(#|href="#)f[0-9a-f]{8}')
_NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?|-?\d+e[-+]?\d+")
_VARIABLES = {to_hex(color).lower(): f"var(--q-{name}, {color})" for name, color in COLORS.items()}
_VARIABLES[to_hex(TEXT)] = "currentColor"
_GEOMETRY = (
    "d",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "width",
    "height",
    "transform",
    "points",
    "cx",
    "cy",
    "r",
    "stroke-dasharray",
)
_DROPPED = ("font-family", "stroke-linejoin", "stroke-miterlimit", "stroke-linecap")
_DEFAULTS = {"text-anchor": "start", "stroke-dashoffset": "0", "opacity": "1", "fill-opacity": "1"}


class CaptionedFigure:
    """What :func:`show` returns: a captioned figure for a notebook, a page or a test.

    Args:
        markup: its HTML.
        caption: what the reader should see in it.
        alt: the picture in words.
        image: a PNG of it where outputs are made for pages, else None.
    """

    def __init__(self, markup: str, caption: str, alt: str, image: bytes | None = None):
        self.html, self.caption, self.alt, self.image = markup, caption, alt, image

    def __repr__(self) -> str:
        return f"Figure: {self.caption or self.alt}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        if self.image is not None:
            return kept(self.html, self.image) | {"text/plain": repr(self)}
        # JupyterLab holds many notebooks in one page: an id belongs to one rendering
        markup = _IDS.sub(rf"\g<1>{uuid.uuid4().hex[:8]}", self.html)
        return {"text/html": f"<style>{PALETTE}</style>{markup}", "text/plain": repr(self)}


def show(fig: Figure | Axes, *, caption: str, alt: str) -> CaptionedFigure:
    """Turn a figure into a captioned picture that holds in dark mode, on a phone and in a screen reader; closes it.

    Args:
        fig: a figure, or axes of it.
        caption: what the reader should see in it; words in backticks are set as code.
        alt: the picture in words, for those who do not see it: what is on it and what it shows.

    Returns:
        An object to end a cell with.

    Raises:
        TypeError: fig is none.
        ValueError: the caption or the alternative is empty.
    """
    for name, text in (("caption", caption), ("alt", alt)):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{name} must be a text, got {text!r}")
    fig = fig.figure if isinstance(fig, Axes) else fig
    if not isinstance(fig, Figure):
        raise TypeError(f"fig must be a figure, or axes of it, got {type(fig).__name__}")
    return captioned([fig], [alt], caption)


def captioned(
    figures: Sequence[Figure], alts: Sequence[str], caption: str, *, status: str = "", kind: str = ""
) -> CaptionedFigure:
    """Turn figures into one captioned picture; closes them.

    Args:
        figures: at least one.
        alts: a text alternative for each.
        caption: as :func:`show` has it.
        status: one line of text that says what they end in.
        kind: a class of the HTML figure.
    """
    svgs = [svg(fig, alt) for fig, alt in zip(figures, alts, strict=True)]
    markup = figure_html(svgs, caption, status=status, kind=kind)
    return CaptionedFigure(markup, caption, status or " ".join(alts), png(figures) if publishing() else None)


def figure_html(svgs: list[str], caption: str, *, status: str = "", kind: str = "") -> str:
    """Return the HTML of a figure: pictures, one line of text that says what they end in, the caption."""
    line = f'<p class="baby-status">{inline(status)}</p>' if status else ""
    classes = f"baby-figure {kind}".strip()
    return f'<figure class="{classes}">{"".join(svgs)}{line}<figcaption>{inline(caption)}</figcaption></figure>'


@styled
def svg(fig: Figure, alt: str) -> str:
    """Return the figure as an ``<svg>`` element for an HTML page; closes the figure.

    Args:
        fig: a figure.
        alt: its text alternative.
    """
    fig.patch.set_visible(False)
    settle_all(fig)
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    plt.close(fig)
    root = ET.fromstring(buffer.getvalue())
    width, height = (round(float(v)) for v in root.get("viewBox").split()[2:])
    for junk in ("metadata", f"{_SVG}metadata"):
        for element in root.findall(junk):
            root.remove(element)
    body = "".join(_write(child) for child in root)
    prefix = "f" + hashlib.sha256((alt + body).encode()).hexdigest()[:8]
    body = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}", body)
    pixels = round(width * 1.5)
    role = "group" if "<a " in body else "img"  # an image hides the links in it from assistive technology
    return (
        f'<svg role="{role}" aria-label="{html.escape(alt)}" viewBox="0 0 {width} {height}" width="100%" '
        f'style="display:block;max-width:{pixels}px;margin:0 auto 0.6rem" '
        f'fill="currentColor" stroke-linejoin="round">{body}</svg>'
    )


def _write(element: ET.Element) -> str:
    tag = element.tag.removeprefix(_SVG)
    if tag in ("style", "metadata"):
        return ""
    attributes = _attributes(tag, element)
    inner = "".join(_write(child) for child in element)
    text = html.escape(element.text.strip(), quote=False) if tag in ("text", "tspan") and element.text else ""
    if (tag in ("g", "defs") and not inner) or (tag == "text" and not text + inner):
        return ""
    if tag == "g" and not attributes:
        return inner
    if tag == "path" and attributes.get("fill") == "none" and attributes.get("stroke", "none") == "none":
        return ""
    written = "".join(f' {key}="{html.escape(value)}"' for key, value in attributes.items())
    return f"<{tag}{written}>{text}{inner}</{tag}>" if text or inner else f"<{tag}{written}/>"


def _attributes(tag: str, element: ET.Element) -> dict[str, str]:
    """Return an element's attributes with its style taken apart, colors named, numbers rounded."""
    found: dict[str, str] = {}
    for key, value in element.attrib.items():
        if key == "style":
            for part in filter(None, (p.strip() for p in value.split(";"))):
                name, _, setting = part.partition(":")
                found.update(_style(name.strip(), setting.strip()))
        elif key == f"{_XLINK}href":
            found["href"] = value
        elif key == "target":  # a link leads on, and opens no window
            continue
        elif key != "id" or tag in ("clipPath", "path", "linearGradient"):
            found[key] = value
    for key in _GEOMETRY:
        if key in found:
            found[key] = _rounded(found[key])
    if "d" in found:
        found["d"] = _without_detours(found["d"])
    if found.get("transform", "").startswith("rotate(0 "):
        del found["transform"]
    found = {key: value for key, value in found.items() if _DEFAULTS.get(key) != value}
    for key in ("fill", "stroke"):
        if key in found:
            color = _VARIABLES.get(found[key].lower(), found[key])
            # as text a color needs more contrast than as a surface
            for name in () if tag == "text" else ("accent", "old")[: 1 + (key == "fill")]:
                color = color.replace(f"--q-{name},", f"--q-{name}-fill,")
            found[key] = color
    if tag == "path" and "id" not in found:
        found.setdefault("fill", "none" if "stroke" in found else "currentColor")
    return found


def _style(name: str, setting: str) -> dict[str, str]:
    if name == "font":  # such as: 700 11px 'DejaVu Sans', sans-serif
        size = re.search(r"([\d.]+)px", setting)
        weight = {"font-weight": "bold"} if re.search(r"\b(bold|[6-9]00)\b", setting.split("px")[0]) else {}
        italic = {"font-style": "italic"} if "italic" in setting else {}
        return {"font-size": _rounded(size.group(1))} | weight | italic
    if name == "opacity":
        return {"opacity": setting}
    return {} if name in _DROPPED else {name: setting}


def _rounded(text: str) -> str:
    """Round to two decimals. The offset keeps exact halves away from the edge where the last bit would decide."""
    text = re.sub(r"\s+", " ", _NUMBER.sub(lambda m: f"{float(m.group()) + 0.00037:.2f}", text)).strip()
    text = re.sub(r"(\.\d*?)0+(?=\D|$)", r"\1", text)
    text = re.sub(r"\.(?=\D|$)", "", text)
    return re.sub(r" ?([MLCQZ]) ?", r"\1", re.sub(r"-0(?=\D|$)(?!\.)", "0", text))


def _without_detours(path: str) -> str:
    """Leave out the points in the middle of a level stretch."""
    if not re.fullmatch(r"M[^A-Z]+(L[^A-Z]+)+", path):
        return path
    points = path[1:].split("L")
    levels = [point.split(" ")[-1] for point in points]
    inner = range(1, len(points) - 1)
    kept = [points[i] for i in inner if not levels[i - 1] == levels[i] == levels[i + 1]]
    return "M" + "L".join([points[0], *kept, points[-1]])
