"""What pages load: scripts of others from pinned npm packages, our own scripts and styles, the weights."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from sphinx.errors import ExtensionError

from _site.npm import HERE, PACKAGES, NpmError, install_packages, minified
from rlhf_helpers.live.page.document import SCRIPTS as FIGURE_SCRIPTS
from rlhf_helpers.live.page.document import weights_script
from rlhf_helpers.live.scripts import classic

# npm package -> the prefix its files lose in vendor/<package>, and the files that pages need
VENDOR = {
    "mathjax": (
        "es5/",
        ["es5/tex-mml-chtml.js", "es5/input/tex/extensions/*.js", "es5/output/chtml/fonts/woff-v2/*.woff"],
    ),
}
HELPERS = Path(find_spec("rlhf_helpers").origin).parent
LIVE, SCRIPTS = HELPERS / "live", HERE / "scripts"
# scripts and styles of the pages -> where they come from; of several modules, the last is what runs
OURS = {
    "live/page.js": (*FIGURE_SCRIPTS, SCRIPTS / "live" / "take.js"),
    "live/live.css": (LIVE / "live.css",),
    "live/page.css": (LIVE / "page" / "page.css",),
    "live/progress.js": (SCRIPTS / "progress.js",),
    "live/attempts.js": (SCRIPTS / "attempts" / "checker.js", SCRIPTS / "attempts" / "page.js"),
    "live/take.css": (SCRIPTS / "live" / "take.css",),
    "clicks/clicks.js": (HELPERS / "clicks" / "clicks.js",),
    "clicks/page.js": (SCRIPTS / "clicks" / "page.js",),
    "clicks/clicks.css": (HELPERS / "clicks" / "clicks.css",),
}


def copy_vendor_files(app) -> None:
    """Copy the files of VENDOR into ``vendor/`` of an HTML build."""
    if app.builder.format != "html":
        return
    try:
        install_packages(*VENDOR)
    except NpmError as error:
        raise ExtensionError(str(error)) from None
    for package, (prefix, patterns) in VENDOR.items():
        source = PACKAGES / package
        for file in (file for pattern in patterns for file in source.glob(pattern)):
            _copy(file, Path(app.outdir, "vendor", package, file.relative_to(source / prefix)))


def copy_our_files(app) -> None:
    """Write what live figures and clicks need into ``live/``, ``clicks/`` and ``weights/`` of an HTML build.

    All scripts are plain ones, which run from a file too, and behind any server; weights travel in such a script.
    """
    if app.builder.format != "html":
        return
    for name, sources in OURS.items():
        if len(sources) == 1:
            _copy(sources[0], Path(app.outdir, name))
        else:
            _write(minified(classic(*sources)), Path(app.outdir, name))
    for file in (HELPERS / "names").glob("*.f32"):
        _write(weights_script(file), Path(app.outdir, "weights", f"{file.name}.js"))


def load_our_files(app, pagename, templatename, context, doctree) -> None:
    """Load the scripts and styles of live figures, and of clicks, on a page that has some."""
    body = context.get("body", "")
    if "baby-clicks-data" in body:
        for name in ("clicks.js", "page.js"):
            app.add_js_file(f"../clicks/{name}", loading_method="defer")
        app.add_css_file("../clicks/clicks.css")
    if "baby-live-data" in body:
        app.add_js_file("../live/page.js")  # before the page shows: what it does moves nothing then
        for name in ("live.css", "page.css", "take.css"):
            app.add_css_file(f"../live/{name}")


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)


def _write(text: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
