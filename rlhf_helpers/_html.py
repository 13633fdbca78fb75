"""What everything shown as HTML shares: plain text as HTML, and the colors."""

import html
import re
from pathlib import Path

PALETTE = (Path(__file__).parent / "palette.css").read_text("utf-8")
"""The CSS variables ``--q-<quantity>``, in light and in dark; pages load the file, widgets bring it along."""


def inline(text: str) -> str:
    """Return plain text as HTML; text in backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
