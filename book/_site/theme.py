"""What the stock theme gets wrong.

A script asks another host, others need storage that a browser may refuse, paper is dark where the screen is, screen
readers stumble over names, and a name in a narrow cell of a table breaks anywhere.
"""

import re
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "scripts" / "theme.js"
THEME = '<script data-cfasync="false">'  # the theme's first
# ours, of an earlier build, in a page that has not changed since
OURS = re.compile(r'<script class="baby-theme">.*?</script>\n  ', re.DOTALL)


def with_breaks(cell: re.Match) -> str:
    """Mark in a table's cell where code may break: after an underscore, a slash or a hyphen between two words."""
    between = re.compile(r"(?<=[^\W_][_/-])(?=[^\W\d_])")
    return re.sub(r'<span class="pre">[^<]*', lambda code: between.sub("<wbr>", code[0]), cell[0])


# pattern -> replacement, applied to every finished page
REPAIRS = {
    # a button is named by what it shows, not by a label beside it
    r'(<button class="[^"]*search-button-field[^>]*?) aria-label="[^"]*"': r"\1",
    r'(<i class="theme-switch [^>]*?)\s+title="[^"]*"': r"\1",
    r'<summary aria-label="Toggle hidden content">': "<summary>",
    # the children of a list are its items
    r'(<div class="citation"[^>]*) role="doc-biblioentry"': r'\1 role="listitem"',
    # an id appears once on a page
    r'<section id="(?:exercise|solution)-content">': "<section>",
    # baby.css lets code in a table break only there
    r"(?s)<t[dh]\b.*?</t[dh]>": with_breaks,
}


def drop_thebe(app, pagename, templatename, context, doctree) -> None:
    """Leave thebe's scripts out of the page: they declare a name twice and point to another host."""

    def is_thebe(file) -> bool:
        return "thebe" in str(file.filename or "") or "THEBE_JS_URL" in file.attributes.get("body", "")

    for key in ("script_files", "css_files"):
        context[key] = [file for file in context.get(key, []) if not is_thebe(file)]


def repair_pages(app, exception) -> None:
    """Apply REPAIRS to the finished pages."""
    if exception or app.builder.format != "html":
        return
    script = f'<script class="baby-theme">\n{SCRIPT.read_text("utf-8")}</script>'
    for page in Path(app.outdir).rglob("*.html"):
        html = page.read_text("utf-8")
        repaired = OURS.sub("", html).replace(THEME, f"{script}\n  {THEME}", 1)
        for pattern, replacement in REPAIRS.items():
            repaired = re.sub(pattern, replacement, repaired)
        if repaired != html:
            page.write_text(repaired, "utf-8")
