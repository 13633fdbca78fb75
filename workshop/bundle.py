"""Make a folder for a USB stick: a room without a network reads the book from it, and installs and runs the notebooks.

    python workshop/bundle.py                                                       # for machines like this one
    python workshop/bundle.py --platform windows macos-arm --python 3.11 3.12 3.13  # for the room's

It holds the built book, which opens without a server and whose live figures run; the learners' notebooks; the wheels of
everything that they need; pre-flight; and START_HERE.html, which says in plain words what to do.

For Linux, there is a PyTorch of several gigabytes for graphics cards. The command refuses it and says where the small
one is: pass `--extra-index-url`, or `--find-links` with a folder of wheels. For Windows and macOS it is small already.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from string import Template

import preflight
from notebooks import make_copies
from tqdm import tqdm
from wheelhouse import PATCH, PLATFORMS, Target, WheelError, build_our_wheel, download, resolve, this_platform

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
USB = ROOT / "_build" / "workshop" / "usb"
HTML = ROOT / "_build" / "html"


def requirements() -> tuple[list[str], str]:
    """What a learner needs from elsewhere, and this package, all pinned."""
    pins = preflight.pins((ROOT / "requirements" / "run.txt").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [f"{name}=={version}" for name, version in pins.items()], f"{project['name']}=={project['version']}"


def build_book() -> Path:
    """Build the pages, and return their folder."""
    print("building the book ...", flush=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The book could not be built:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return HTML


def fill_wheelhouse(out: Path, targets: list[Target], sources: list[str]) -> None:
    """Put the wheels for some kinds of machine, and this package's own, into a new folder.

    Args:
        out: the folder.
        targets: the kinds of machine.
        sources: options that tell where else to look, for uv and for pip.

    Raises:
        WheelError: when a wheel does not exist; the folder stays as it was then.
    """
    wanted, _ = requirements()
    bar = tqdm(targets, desc="looking for wheels", unit="machine")
    found = {target: resolve(target, wanted, sources) for target in bar}
    shutil.rmtree(out, ignore_errors=True)
    for target, pins in found.items():
        download(target, pins, out, sources)
    build_our_wheel(ROOT, out)


def copy_book(html: Path, out: Path) -> None:
    """Copy the built pages, which open without a server."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(html, out, ignore=shutil.ignore_patterns("_sources", ".buildinfo", "objects.inv"))


def write_papers(out: Path, targets: list[Target]) -> None:
    """Write what tells and helps a learner: START_HERE.html, the installers, pre-flight, the requirements."""
    pythons = sorted({target.python for target in targets}, key=lambda version: -int(version.split(".")[1]))
    words = {
        "pythons": " or ".join(pythons),
        "versions": " ".join(pythons),
        "commands": " ".join(f"python{version}" for version in pythons),
        "machines": ", ".join(map(str, targets)),
        "patch": PATCH,
    }
    for path in (HERE / "usb").glob("*"):
        text = Template(path.read_text("utf-8")).safe_substitute(words)
        newline = "\r\n" if path.suffix == ".bat" else "\n"
        (out / path.name).write_text(text, "utf-8", newline=newline)
    for name in ("preflight.py", "preflight_probes.py"):
        shutil.copy(HERE / name, out)
    wanted, ours = requirements()
    (out / "requirements.txt").write_text("\n".join([*wanted, ours]) + "\n", "utf-8")


def write_sums(out: Path) -> None:
    """Write the SHA-256 sums of all files, as `sha256sum --check` reads them."""
    paths = sorted(path for path in out.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    sums = []
    for path in tqdm(paths, desc="sums", unit="file", delay=2):
        with path.open("rb") as file:
            sums.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.relative_to(out).as_posix()}\n")
    (out / "SHA256SUMS").write_text("".join(sums), "utf-8", newline="\n")


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(one.stat().st_size for one in [path, *path.rglob("*")] if one.is_file())


def make_bundle(out: Path, html: Path, targets: list[Target], sources: list[str]) -> None:
    """Make the folder; what an earlier run left of its pieces is replaced, other files in it stay.

    Args:
        out: the folder.
        html: the built book.
        targets: the kinds of machine to bring wheels for.
        sources: options that tell where else to look for wheels, for uv and for pip.

    Raises:
        WheelError: when a wheel does not exist.
    """
    out.mkdir(parents=True, exist_ok=True)
    fill_wheelhouse(out / "wheelhouse", targets, sources)
    copy_book(html, out / "book")
    make_copies("learner", out / "notebooks")
    write_papers(out, targets)
    write_sums(out)


def main() -> None:
    """Read the command line, make the folder, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here, python = this_platform(), f"{sys.version_info.major}.{sys.version_info.minor}"
    parser.add_argument("--platform", nargs="+", choices=PLATFORMS, default=[here], help=f"kinds of machine ({here})")
    parser.add_argument("--python", nargs="+", default=[python], help=f"versions of Python, such as 3.12 ({python})")
    parser.add_argument("--extra-index-url", action="append", default=[], help="another index to look in")
    parser.add_argument("--find-links", action="append", default=[], help="a folder or page of wheels to use")
    preflight.write_anything()
    args = parser.parse_args()
    if args.platform == [None]:
        parser.error(f"say for which machines: --platform {' '.join(PLATFORMS)}")
    for version in args.python:
        if not version.startswith("3.") or not version[2:].isdigit() or int(version[2:]) < preflight.OLDEST[1]:
            parser.error(f"--python takes versions such as 3.12, from 3.{preflight.OLDEST[1]} on, got {version}")
    sources = [f"--extra-index-url={url}" for url in args.extra_index_url]
    sources += [f"--find-links={place}" for place in args.find_links]
    targets = [Target(platform, version) for platform in args.platform for version in args.python]
    try:
        make_bundle(USB, build_book(), targets, sources)
    except WheelError as error:
        raise SystemExit(str(error)) from None
    for path in sorted(USB.iterdir()):
        print(f"{size(path) / 1e6:8.1f} MB  {path.name}")
    print(f"{size(USB) / 1e6:8.1f} MB in all, in {USB}")
    print("Copy this folder to the stick. What a learner sees first is START_HERE.html.")


if __name__ == "__main__":
    main()
