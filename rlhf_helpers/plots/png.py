"""Matplotlib figures as one small PNG on white, for notebooks that nobody has run."""

import io
from collections.abc import Sequence

from matplotlib.figure import Figure
from PIL import Image

from rlhf_helpers.plots.style import styled

DPI, COLORS = 96, 32  # as small as is still good to look at


@styled
def png(figures: Sequence[Figure]) -> bytes:
    """Draw figures, one below the other, after :func:`rlhf_helpers.plots.svg` has settled where their words go.

    Args:
        figures: at least one.
    """
    drawn = []
    for figure in figures:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI)
        drawn.append(Image.open(buffer).convert("RGBA"))
    sheet = Image.new("RGB", (max(image.width for image in drawn), sum(image.height for image in drawn)), "white")
    top = 0
    for image in drawn:
        sheet.paste(image, (0, top), image)
        top += image.height
    written = io.BytesIO()
    few = sheet.quantize(COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)  # keeps thin lines' colors
    few.save(written, "png", optimize=True)
    return written.getvalue()
