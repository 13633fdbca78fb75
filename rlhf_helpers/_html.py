"""What everything shown as HTML shares: plain text as HTML, the colors, and what the output of a chapter keeps."""

import base64
import html
import json
import os
import re
import zlib
from pathlib import Path

PALETTE = (Path(__file__).parent / "palette.css").read_text("utf-8")
"""The CSS variables ``--q-<quantity>``, in light and in dark; pages load the file, widgets bring it along."""
KEPT = "application/vnd.baby-rlhf.figure"
"""The MIME type of a figure's HTML in a chapter. No notebook program knows it, so all of them show the image."""


def inline(text: str) -> str:
    """Return plain text as HTML; text in backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def in_script(data: dict) -> str:
    """Return JSON that can be the content of a script element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def publishing() -> bool:
    """Whether outputs are made for pages: ``book/execute.py`` and the tests say so in the environment."""
    return os.environ.get("BABY_RLHF_PUBLISH") == "1"


def kept(markup: str, image: bytes) -> dict[str, str]:
    """Return what a chapter keeps of a figure.

    Args:
        markup: its HTML, which is compressed; the build of the pages takes it out.
        image: a PNG of it, for a notebook that nobody has run: untrusted HTML would be a picture's words and digits.
    """
    packed = base64.b64encode(zlib.compress(markup.encode(), 9)).decode()
    return {KEPT: packed, "image/png": base64.b64encode(image).decode()}
