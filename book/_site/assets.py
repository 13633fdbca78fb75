"""What pages load: scripts of others from pinned npm packages, our own scripts and styles, the weights."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from sphinx.errors import ExtensionError

from _site.npm import HERE, PACKAGES, NpmError, install_packages

# npm package -> the prefix its files lose in vendor/<package>, and the files that pages need
VENDOR = {
    "mathjax": (
        "es5/",
        ["es5/tex-mml-chtml.js", "es5/input/tex/extensions/*.js", "es5/output/chtml/fonts/woff-v2/*.woff"],
    ),
    "onnxruntime-web": (
        "dist/",
        ["dist/ort.wasm.min.mjs", "dist/ort-wasm-simd-threaded.mjs", "dist/ort-wasm-simd-threaded.wasm"],
    ),
}
HELPERS = Path(find_spec("rlhf_helpers").origin).parent
# folder of the pages -> where its files come from: what kernels need as well, and what only pages need
OURS = {
    "live": (HELPERS / "live", HERE / "scripts" / "live"),
    "clicks": (HELPERS / "clicks", HERE / "scripts" / "clicks"),
    "weights": (HELPERS / "names",),
}
KINDS = ("*.js", "*.css", "*.f32")


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
    """Copy what live figures and clicks need into ``live/``, ``clicks/`` and ``weights/`` of an HTML build."""
    if app.builder.format != "html":
        return
    for folder, sources in OURS.items():
        for file in (file for source in sources for kind in KINDS for file in source.glob(kind)):
            _copy(file, Path(app.outdir, folder, file.name))


def load_our_files(app, pagename, templatename, context, doctree) -> None:
    """Load the scripts and styles of live figures, and of clicks, on a page that has some."""
    body = context.get("body", "")
    if "baby-clicks-data" in body:
        for name in ("clicks.js", "page.js"):
            app.add_js_file(f"../clicks/{name}", loading_method="defer")
        app.add_css_file("../clicks/clicks.css")
    if "baby-live-data" in body:
        app.add_js_file("../live/page.js", type="module")
        for name in ("live.css", "page.css"):
            app.add_css_file(f"../live/{name}")


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
