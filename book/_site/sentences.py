"""Links of the text to figures, ``[Move it to 10](#ppo?kl_coeff=10)``: MyST would look for a heading of that name."""

import html
import json

from rlhf_helpers.live.acts import LINK


def write_links(app, docname, source) -> None:
    """Write them as HTML, in a chapter that Sphinx has read (`source-read`); another chapter is a page here."""
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = LINK.sub(_html, "".join(cell["source"]))
    source[0] = json.dumps(notebook)


def _html(link) -> str:
    words, chapter, figure, asked = link.groups()
    page = f"{chapter}.html" if chapter else ""
    return f'<a class="baby-act" href="{page}#{figure}?{html.escape(asked)}">{words}</a>'
