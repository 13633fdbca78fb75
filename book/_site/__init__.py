"""The publishing wing: what only the built pages need, and the Sphinx extension that gives it to them.

``modules.py`` makes the WebAssembly modules of live figures (``modules/``) from the graphs that chapters publish, and
puts them into the pages; ``figures.py`` writes each figure as a file of its own. ``assets.py`` copies and loads
scripts, styles and weights, ``npm.py`` installs the packages that some scripts come from (``package.json``),
``theme.py`` repairs the stock theme, ``readers_copies.py`` makes the notebooks that its buttons lead to,
``attempts.py`` puts below each exercise what can be done on a page without a kernel, ``progress.py`` tells the front
page what there is to do, ``api_check.py`` keeps the API page complete, ``sentences.py`` writes the links of a text that
set a figure, ``old_addresses.py`` leads on from where pages were, and ``teaching_notes.py`` has the directives of the
teaching guide. ``scripts/`` and ``static/`` are the pages' own scripts and styles; what a notebook needs as well, and
what a live figure takes along, is in ``rlhf_helpers``.
``javascript.json`` is how all of our scripts are formatted and checked: ``npm --prefix book/_site run check``.
"""

import hashlib
from pathlib import Path

from kept_figures import give_html

from _site import (
    api_check,
    assets,
    attempts,
    figures,
    modules,
    old_addresses,
    progress,
    readers_copies,
    sentences,
    theme,
)
from _site.teaching_notes import TeachingNotes, TeachingPlans


def code_now() -> str:
    """What writes the pages, as one short text that changes when it does."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(modules.recipe() + b"".join(file.read_bytes() for file in files)).hexdigest()


def setup(app):
    """Register the extension with Sphinx."""
    app.add_config_value("site_code", code_now(), "html")  # pages that other code wrote are written again
    app.add_directive("teaching-notes", TeachingNotes)
    app.add_directive("teaching-plans", TeachingPlans)
    app.connect("builder-inited", assets.copy_vendor_files)
    app.connect("builder-inited", assets.copy_our_files)
    app.connect("source-read", give_html)
    app.connect("source-read", sentences.write_links)
    app.connect("html-page-context", modules.put_modules)
    app.connect("html-page-context", figures.name_files)
    app.connect("html-page-context", assets.load_our_files)
    app.connect("html-page-context", theme.drop_thebe, priority=900)
    app.connect("html-page-context", readers_copies.lead_to_copies, priority=900)
    app.connect("html-page-context", attempts.load_script)
    app.connect("html-page-context", attempts.add_attempts, priority=901)  # with the links to the copies
    app.connect("build-finished", theme.repair_pages)
    app.connect("html-page-context", old_addresses.lead_on)
    app.connect("html-page-context", progress.load_script)
    app.connect("build-finished", progress.write_totals)
    app.connect("build-finished", figures.write_files)
    app.connect("build-finished", readers_copies.write_copies)
    app.connect("build-finished", old_addresses.write_pages)
    app.connect("missing-reference", api_check.resolve_public_name)
    app.connect("env-updated", api_check.check_api_page)
    return {"version": "2", "parallel_read_safe": True, "parallel_write_safe": True}
