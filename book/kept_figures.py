"""Figures in the outputs of chapters: an image, which any notebook program shows, and the HTML that the page shows.

The HTML is compressed, as `rlhf_helpers._html.kept` writes it. What works with pages takes it out here.
"""

import base64
import json
import zlib

KEPT = "application/vnd.baby-rlhf.figure"  # as in rlhf_helpers._html, which cannot be had without torch


def html_of(data: dict) -> str:
    """The HTML of what a cell shows; none if it is no figure and no other HTML.

    Args:
        data: of an output: MIME type -> content.
    """
    if KEPT in data:
        return zlib.decompress(base64.b64decode("".join(data[KEPT]))).decode()
    return "".join(data.get("text/html", ""))


def give_html(app, docname, source) -> None:
    """Put the HTML in its place in a chapter that Sphinx has read (`source-read`)."""
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if KEPT in output.get("data", {}):
                output["data"] = {"text/html": html_of(output["data"])}
    source[0] = json.dumps(notebook)
