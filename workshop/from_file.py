"""Make the live figures of a built book run where it is opened from a file, without a server.

From a file a browser loads no module scripts, no workers and no WebAssembly. So each module script of the pages becomes
a plain script, by esbuild, with `usb/from_file.js` in place of `Worker` and `fetch`; the worker's script, the runtime
and the weights that figures start from travel as text in `live/runtime.js`, which a page loads when somebody starts a
figure. The logic stays that of the book's scripts.
"""

import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SITE = HERE.parent / "book" / "_site"
PACKAGES = SITE / "node_modules"
MODULE = re.compile(r'<script type="module" src="([^"?]+)[^"]*"></script>')


def classic(script: Path, *options: str) -> str:
    """A module with all that it imports as one plain script."""
    package = next((PACKAGES / "@esbuild").iterdir())  # npm installs the one for this machine
    program = next(path for path in (package / "bin" / "esbuild", package / "esbuild.exe") if path.is_file())
    command = [program, script, "--bundle", "--format=iife", "--minify", "--log-level=warning", *options]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode or done.stderr:
        raise RuntimeError(f"esbuild could not make a plain script of {script.name}:\n{done.stderr}")
    return done.stdout


def in_base64(content: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(content).decode("ascii")


def run_from_file(book: Path) -> None:
    """Rewrite, in place, a copy of the built book, so that its live figures run from a file.

    Args:
        book: the folder with the pages; the copy still works on a server too.
    """
    subprocess.run([sys.executable, SITE / "npm.py", "esbuild", "onnxruntime-web"], check=True)
    vendor, live = book / "vendor" / "onnxruntime-web", book / "live"
    wasm = gzip.compress((vendor / "ort-wasm-simd-threaded.wasm").read_bytes(), mtime=0)
    # the edition that carries its loader, under the name that the worker imports
    dist = PACKAGES / "onnxruntime-web" / "dist"
    shutil.copyfile(dist / "ort.wasm.bundle.min.mjs", vendor / "ort.wasm.min.mjs")
    worker = classic(live / "worker.js", "--define:import.meta.url=location.href")
    weights = {path.name: in_base64(path.read_bytes()) for path in sorted((book / "weights").glob("*.f32"))}
    runtime = {"worker": worker, "wasm": in_base64(wasm), "weights": weights}
    (live / "runtime.js").write_text(f"globalThis.babyRuntime = {json.dumps(runtime)};\n", "utf-8")
    shutil.rmtree(vendor)

    done = set()
    for page in book.rglob("*.html"):
        html = page.read_text("utf-8")
        for source in MODULE.findall(html):
            script = (page.parent / source).resolve()
            if script not in done:
                done.add(script)
                options = [f"--inject:{HERE / 'usb' / 'from_file.js'}", "--define:import.meta.url=document.baseURI"]
                script.write_text(classic(script, *options), "utf-8")
        page.write_text(MODULE.sub(r'<script defer src="\1"></script>', html), "utf-8")
