"""Plain text as HTML."""

import html
import re


def inline(text: str) -> str:
    """Plain text as HTML; text in backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
