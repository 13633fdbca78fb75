"""Old addresses of pages: links from before the chapters were put in their present order still arrive."""

from pathlib import Path

# where a page was -> where it is
MOVED = {
    "02_ppo_ratio": "03_ppo_ratio",
    "03_baby_rlhf": "02_baby_rlhf",
    "05_dpo": "06_dpo",
    "06_spo": "07_spo",
    "07_grpo": "08_grpo",
    "08_side_by_side": "09_side_by_side",
    "09_human_feedback": "10_human_feedback",
    "10_names": "11_names",
}
# The settings of a figure (?) and the name of a section (#) go along.
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>This page has moved</title>
<link rel="canonical" href="{new}.html">
<script>location.replace("{new}.html" + location.search + location.hash)</script>
<noscript><meta http-equiv="refresh" content="0; url={new}.html"></noscript>
<p>This page is now <a href="{new}.html">here</a>.</p>
</html>
"""


def write_pages(app, exception) -> None:
    """Write a page that leads on at each old address."""
    if exception or app.builder.format != "html":
        return
    for old, new in MOVED.items():
        Path(app.outdir, "book", f"{old}.html").write_text(PAGE.format(new=new), "utf-8")
