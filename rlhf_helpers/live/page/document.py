"""A live figure as one HTML file: module, scripts, styles and words in it, so that it runs wherever a file opens."""

import base64
import functools
import gzip
import html
import json
import zlib
from pathlib import Path
from string import Template

import numpy as np

from rlhf_helpers._html import PALETTE, in_script, inline
from rlhf_helpers.live.scripts import DRAWING, classic
from rlhf_helpers.names.pretraining import WEIGHTS

HERE = Path(__file__).parent
LIVE = HERE.parent
GZIP = 31  # zlib's name for the format that browsers unpack
# What runs a figure, each behind those that it imports.
SCRIPTS = (
    *DRAWING,
    *(HERE / f"{name}.js" for name in ("clipboard", "words", "controls", "address")),
    *(HERE / f"{name}.js" for name in ("engine", "starts", "run", "page")),
)
PARTS = {"inspect": "inside", "guess": "guess"}
"""Modules that only some figures need -> what a panel of such a figure has."""
STYLES = (LIVE / "live.css", HERE / "page.css")  # of what the scripts make: they come with them


def document(data: dict, *, home: tuple[str, str] | None = None, name: str = "1", script: str | None = None) -> str:
    """Return the HTML of a file that holds nothing but a figure.

    Args:
        data: what a page has of the figure: :func:`rlhf_helpers.live.export.page_data`, with its ``module`` in place of
            its ``graph``.
        home: where the figure comes from, if it says so: an address, and the title of the page there.
        name: what a shared link calls the figure.
        script: what runs it, if it is not to be the package's modules as they are written.
    """
    link = '<p class="baby-home">From <a href="{}">{}</a></p>'
    return Template((HERE / "figure.html").read_text("utf-8")).substitute(
        title=html.escape(title_of(data["caption"])),
        styles=f"{PALETTE}\n{(HERE / 'figure.css').read_text('utf-8')}",
        name=name,
        caption=inline(data["caption"]),
        data=in_script(data),
        home=link.format(*map(html.escape, home)) if home else "",
        scripts=_packed(script or figure_script(unused(data)), needs_weights(data)),
    )


def title_of(caption: str) -> str:
    """Return the beginning of a caption as a title: its first sentence, or two if that is as short as "Case 1."."""
    first, _, rest = caption.replace("`", "").partition(". ")
    return (first if len(first) > 12 or not rest else f"{first}. {rest.partition('. ')[0]}").removesuffix(".")


def unused(data: dict) -> tuple[str, ...]:
    """Modules that a figure has no use for, since none of its panels has what they are for."""
    return tuple(name for name, of in PARTS.items() if not any(of in panel for panel in data["spec"]["panels"]))


def needs_weights(data: dict) -> bool:
    """Whether a figure starts from the file of weights that comes with the book."""
    return any("file" in entry for start in data.get("starts", []) for entry in start.values())


def weights_script(file: Path = WEIGHTS) -> str:
    """Return a file of weights as a plain script: float32 whose last bytes are zero, all first bytes, second, third.

    Each of the three has its own frequencies, and nothing in them repeats: a code for each, and no search for repeats.
    """
    first, second, third = np.fromfile(file, np.uint8).reshape(-1, 4).T[:0:-1]
    pack = zlib.compressobj(9, zlib.DEFLATED, GZIP, zlib.DEF_MEM_LEVEL, zlib.Z_HUFFMAN_ONLY)
    parts = [pack.compress(first.tobytes()), pack.flush(zlib.Z_FULL_FLUSH)]
    parts += [
        pack.compress(second.tobytes()),
        pack.flush(zlib.Z_FULL_FLUSH),
        pack.compress(third.tobytes()),
        pack.flush(),
    ]
    numbers = base64.b64encode(b"".join(parts)).decode()
    return f"(globalThis.babyWeights ??= {{}})[{json.dumps(file.name)}] = {json.dumps(numbers)};\n"


@functools.cache
def figure_script(without: tuple[str, ...]) -> str:
    """What runs a figure, as one plain script without some modules."""
    return classic(*SCRIPTS, without=without)


@functools.cache
def _packed(script: str, weights: bool) -> str:
    """A script and its styles, with or without weights to start from: gzipped, in base64."""
    styles = json.dumps("".join(file.read_text("utf-8") for file in STYLES))
    dressed = f"document.head.prepend(Object.assign(document.createElement('style'), {{ textContent: {styles} }}));\n"
    text = dressed + (weights_script() if weights else "") + script
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
