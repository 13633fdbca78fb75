"""Tell the front page which questions and exercises there are; `scripts/progress.js` shows what a reader has done."""

import json
import re
from pathlib import Path

FRONT = "index.html"
TOTALS = re.compile(r'<script type="application/json" class="baby-totals">.*?</script>\n')
KINDS = {
    "questions": re.compile(r'<details class="baby-choice" name="([\w-]+)"'),
    "exercises": re.compile(r'<div class="exercise admonition" id="([\w-]+)"'),
}


def load_script(app, pagename, templatename, context, doctree) -> None:
    """Load the script on a page with questions or exercises, and on the front page."""
    if pagename == app.config.root_doc or any(kind.search(context.get("body", "")) for kind in KINDS.values()):
        app.add_js_file("../live/progress.js", loading_method="defer")


def write_totals(app, exception) -> None:
    """Write the names of all questions and exercises, page by page, into the front page."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir, app.config.root_doc).parent
    totals = {}
    for page in sorted(folder.glob("*.html")):
        html = page.read_text("utf-8")
        found = {name: list(dict.fromkeys(kind.findall(html))) for name, kind in KINDS.items()}
        if any(found.values()) and page.name != FRONT:
            totals[page.stem] = {name: names for name, names in found.items() if names}
    front = folder / FRONT
    script = f'<script type="application/json" class="baby-totals">{json.dumps(totals)}</script>\n'
    front.write_text(TOTALS.sub("", front.read_text("utf-8")).replace("</body>", f"{script}</body>", 1), "utf-8")
