"""What opens a notebook from a page opens a reader's copy, in the built book or on the branch that CI makes of it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "workshop"))

from notebooks import address, make_copies  # noqa: E402

FOLDER = "notebooks"  # of the built book
BRANCH = "notebooks"  # has what the folder has: Colab and Binder open notebooks from a repository alone


def lead_to_copies(app, pagename, templatename, context, doctree) -> None:
    """Turn a page's buttons from its source to the reader's copy of it."""
    if context.get("page_source_suffix") != ".ipynb":
        return
    branch, copy = app.config.html_theme_options["repository_branch"], f"{Path(pagename).name}.ipynb"
    for button in all_buttons(context["header_buttons"]):
        if button.get("label") == "download-source-button":
            button["url"] = f"{context['pathto'](FOLDER, 1)}/{copy}"
            button["tooltip"] = "Download notebook"
        elif button.get("text") == "Colab":
            button["url"] = button["url"].replace(f"/blob/{branch}/{pagename}.ipynb", f"/blob/{BRANCH}/{copy}")
        elif button.get("text") == "Binder":
            button["url"] = button["url"].replace(f"/{branch}?", f"/{BRANCH}?").replace(f"{pagename}.ipynb", copy)


def all_buttons(buttons: list[dict]):
    """The buttons of a page's header, also those in menus."""
    for button in buttons:
        yield button
        yield from all_buttons(button.get("buttons", []))


def write_copies(app, exception) -> None:
    """Write the readers' copies, and what Binder installs for them, beside the finished pages."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir, FOLDER)
    make_copies("reader", out, quiet=True)
    wanted = (ROOT / "requirements" / "run.txt").read_text("utf-8")
    (out / "requirements.txt").write_text(f"{wanted}git+{address()}\n", "utf-8")
    for source in Path(app.outdir, "_sources").rglob("*.ipynb"):  # nothing leads to them any more
        source.unlink()
