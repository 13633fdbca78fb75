"""Old addresses of pages and sections: links from before the chapters were put in their present order still arrive."""

import json
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
# page -> a name on it that has moved to another page -> where it is; PPO once had all of it in one chapter
SECTIONS = {
    "04_ppo": {
        "sec-ppo-baseline": "05_baselines.html#sec-baselines-baseline",
        "better-than-what": "05_baselines.html#sec-baselines-baseline",
        "a-critic": "05_baselines.html#sec-baselines-critic",
        "equation-eq-ppo-value": "05_baselines.html#equation-eq-baselines-value",
        "sec-ppo-gae": "05_baselines.html#sec-baselines-gae",
        "the-dial-between-bias-and-noise": "05_baselines.html#sec-baselines-gae",
        "equation-eq-ppo-gae": "05_baselines.html#equation-eq-baselines-gae",
        "ex-ppo-deltas": "05_baselines.html#ex-ppo-deltas",
        "reading-a-distance-from-samples": "kl_bookkeeping.html#reading-a-distance-from-samples",
        "equation-eq-ppo-estimators": "kl_bookkeeping.html#equation-eq-kl-estimators",
        "sec-ppo-kl-loss": "kl_bookkeeping.html#sec-kl-loss",
        "training-on-a-distance": "kl_bookkeeping.html#sec-kl-loss",
        "in-the-reward-or-in-the-loss": "kl_bookkeeping.html#in-the-reward-or-in-the-loss",
        "equation-eq-ppo-kl-gradients": "kl_bookkeeping.html#equation-eq-kl-gradients",
        "tokens-are-not-sequences": "kl_bookkeeping.html#tokens-are-not-sequences",
        "ex-ppo-toll": "kl_bookkeeping.html#ex-ppo-toll",
    },
}
LEAD_ON = "const to = {moved}[location.hash.slice(1)]; if (to) location.replace(to);"
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


def lead_on(app, pagename, templatename, context, doctree) -> None:
    """Let a page lead on to sections that have left it."""
    moved = SECTIONS.get(pagename.removeprefix("book/"))
    if moved:
        app.add_js_file(None, body=LEAD_ON.format(moved=json.dumps(moved)))
