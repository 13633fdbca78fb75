"""Is this machine ready for the book? The answer in plain words, in under ten seconds, and what to do if it is not.

    python preflight.py

It needs the standard library alone, and Python 3.7 can read it too: so it can always say what is wrong.
"""

import json
import os
import re
import shutil
import socket
import struct
import sys
import tempfile
import webbrowser
from collections import namedtuple
from pathlib import Path

from preflight_probes import PATIENCE, answer, start

OLDEST = (3, 11)
HERE = Path(__file__).resolve().parent
IN_BUNDLE = (HERE / "requirements.txt").is_file()
ROOT = HERE if IN_BUNDLE else HERE.parent
PINS = HERE / "requirements.txt" if IN_BUNDLE else ROOT / "requirements" / "run.txt"  # what a learner needs
GB = 1e9
DISK_TO_INSTALL, DISK_TO_RUN, MEMORY = 2 * GB, 0.2 * GB, 0.8 * GB
PORTS = range(8888, 8939)  # where Jupyter looks

# verdict: "ok", "note" (advice only) or "TO DO"
Finding = namedtuple("Finding", "verdict text advice", defaults=[""])


# What is found -> what it means


def check_python(version, bits, others=()):
    """Version and word size of Python; ``others`` are commands that start a newer one on this machine."""
    if tuple(version[:2]) < OLDEST:
        text = f"this is Python {version[0]}.{version[1]}, the book needs {OLDEST[0]}.{OLDEST[1]} or newer"
        if others:
            return Finding("TO DO", text, f"this machine has one: type `{others[0]}` where you typed `python`")
        return Finding("TO DO", text, "install one from python.org and run this again with it")
    if bits < 64:
        return Finding("TO DO", f"this is a {bits}-bit Python, PyTorch needs 64", "install the 64-bit Python")
    return Finding("ok", f"Python {version[0]}.{version[1]}, {bits} bit")


def check_environment(inside):
    """In a virtual environment or not."""
    if inside:
        return Finding("ok", "a virtual environment")
    return Finding("note", "no virtual environment", "`python -m venv .venv` makes one, apart from your other packages")


def pins(text):
    """Pinned requirements, {name: version}."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;#]+)", text, re.MULTILINE))


def install_command(root, executable):
    """The pip command that installs what is missing, from the wheelhouse where there is one."""
    offline = " --no-index --find-links wheelhouse" if (root / "wheelhouse").is_dir() else ""
    return f'"{executable}" -m pip install{offline} -r requirements.txt'


def check_packages(wanted, installed, command):
    """Packages that are missing, or there in another version than the tested one."""
    missing = [name for name in wanted if installed[name] is None]
    other = [name for name in wanted if name not in missing and installed[name].split("+")[0] != wanted[name]]
    if not missing and not other:
        return Finding("ok", f"all {len(wanted)} packages, in the tested versions")
    texts = [f"not installed: {', '.join(missing)}"] if missing else []
    texts += [f"{name} is {installed[name]} and the tested version {wanted[name]}" for name in other]
    return Finding("TO DO", "; ".join(texts), f"in the folder of requirements.txt, run\n       {command}")


def check_wheelhouse(files, version):
    """Whether a wheelhouse with these files has PyTorch for this Python."""
    has = sorted(set(re.findall(r"^torch-.*?-cp3(\d+)-", "\n".join(files), re.MULTILINE)), key=int)
    if str(version[1]) in has:
        return Finding("ok", "the wheelhouse has packages for this Python")
    text = f"the wheelhouse has nothing for Python 3.{version[1]}"
    return Finding("TO DO", text, f"use one of Python {', '.join(f'3.{minor}' for minor in has)}, or a network")


def check_training(result):
    """Twenty updates by PyTorch, and the same by hand; see ``preflight_probes.train``."""
    again = "install PyTorch again: pip install --force-reinstall, and the line that names it in the requirements"
    if "error" in result:
        return Finding("TO DO", f"PyTorch does not train ({result['error']})", result.get("advice", again))
    before, after, by_hand = result["before"], result["after"], result["by_hand"]
    if not (after > before and abs(after - by_hand) < 1e-9):
        return Finding("TO DO", f"PyTorch computes {after:.4f} where {by_hand:.4f} is right", again)
    return Finding("ok", f"PyTorch trains: {before:.2f} to {after:.2f} in 20 updates, and by hand it is the same")


def check_kernel(result, prefix, executable):
    """What a Jupyter kernel answered; see ``preflight_probes.ask_kernel``."""
    where = "--user" if sys.prefix == sys.base_prefix else "--sys-prefix"
    mend = f'run\n       "{executable}" -m ipykernel install {where} --name python3'
    if "error" in result:
        return Finding("TO DO", f"no Jupyter kernel starts ({result['error']})", result.get("advice", mend))
    if os.path.realpath(result["prefix"]) != os.path.realpath(prefix):
        return Finding("TO DO", f"Jupyter would run the chapters in another Python, {result['prefix']}", mend)
    return Finding("ok", "a Jupyter kernel starts, in this Python")


def is_notebook(path):
    """Whether a file is a notebook with cells, and not empty, cut off, or a pointer that Git LFS left in its place."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["cells"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def check_chapters(folder):
    """The notebooks are there and whole."""
    chapters = sorted(folder.glob("*.ipynb"))
    bad = [path.name for path in chapters if not is_notebook(path)]
    if bad:
        return Finding("TO DO", f"empty or damaged: {', '.join(bad)}", f"copy the folder `{folder.name}` again")
    if not chapters:
        return Finding("TO DO", f"no chapters in {folder}", "copy the whole folder, not this file alone")
    return Finding("ok", f"{len(chapters)} notebooks in `{folder.name}`")


def check_writing(folder):
    """Files can be saved."""
    try:
        with tempfile.TemporaryFile(dir=str(folder)):
            return Finding("ok", f"you can save in `{folder.name}`")
    except OSError:
        return Finding("TO DO", f"you cannot save in {folder}", "copy all to a place of your own, your desktop say")


def check_disk(free, needed):
    """Free bytes on the disk."""
    if free < needed:
        text = f"{free / GB:.1f} GB free on this disk"
        return Finding("TO DO", text, f"delete or move something until there are {needed / GB:.1f}")
    return Finding("ok", f"{free / GB:.0f} GB free on this disk")


def check_memory(free):
    """Free bytes of memory; None where psutil, which comes with Jupyter, is missing."""
    if free is None:
        return Finding("note", "free memory is measured when the packages are installed")
    if free < MEMORY:
        return Finding("TO DO", f"{free / GB:.1f} GB of memory free", f"close programs until there are {MEMORY / GB}")
    return Finding("ok", f"{free / GB:.0f} GB of memory free")


def check_port(ports):
    """Jupyter takes the first of these ports that nobody uses."""
    for port in ports:
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
                return Finding("ok", f"port {port} is free for Jupyter")
            except OSError:
                continue
    return Finding("TO DO", "no port is free for Jupyter", "close other notebooks, or ask who set up the firewall")


def check_browser():
    """A browser to open notebooks in."""
    try:
        webbrowser.get()
        return Finding("ok", "a browser")
    except webbrowser.Error:
        return Finding("note", "no browser found", "open the address that Jupyter prints in any browser")


# What there is


def newer_pythons():
    """Commands on this machine that start a Python new enough."""
    return list(filter(shutil.which, (f"python3.{minor}" for minor in range(OLDEST[1], OLDEST[1] + 5))))


def installed_version(name):
    """Version of a package in this Python, None for a missing one."""
    from importlib import metadata  # which Python 3.7 has not

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def free_memory():
    """Bytes, or None."""
    try:
        import psutil
    except ImportError:
        return None
    return psutil.virtual_memory().available


def findings():
    """All checks, one after the other."""
    python = check_python(sys.version_info, struct.calcsize("P") * 8, newer_pythons())
    yield python
    if python.verdict != "ok":
        return  # the rest would be about another Python
    yield check_environment(sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ)
    wanted = pins(PINS.read_text(encoding="utf-8"))
    installed = {name: installed_version(name) for name in wanted}
    missing = None in installed.values()
    training, kernel = (None, None) if missing else (start("training"), start("kernel"))
    yield check_packages(wanted, installed, install_command(ROOT, sys.executable))
    if missing and (ROOT / "wheelhouse").is_dir():
        yield check_wheelhouse(os.listdir(str(ROOT / "wheelhouse")), sys.version_info)
    chapters = ROOT / "notebooks" if (ROOT / "notebooks").is_dir() else ROOT / "book"
    yield check_chapters(chapters)
    yield check_writing(chapters)
    yield check_disk(shutil.disk_usage(str(ROOT)).free, DISK_TO_INSTALL if missing else DISK_TO_RUN)
    yield check_memory(free_memory())
    yield check_port(PORTS)
    yield check_browser()
    if missing:
        yield Finding("note", "PyTorch and Jupyter are tried when the packages are installed")
        return
    print(f"       trying PyTorch and a Jupyter kernel, {PATIENCE} seconds at most ...", flush=True)
    yield check_training(answer(training))
    yield check_kernel(answer(kernel), sys.prefix, sys.executable)


def write_anything():
    """Let prints pass that hold what the console cannot write: the name of a folder, say."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")


def main():
    """Print each finding as it is made; return 0 when nothing is left to do."""
    write_anything()
    left = []
    for finding in findings():
        print(f"{finding.verdict:<7}{finding.text}{': ' if finding.advice else ''}{finding.advice}", flush=True)
        if finding.verdict == "TO DO":
            left.append(finding.text)
    if left:
        print(f"Not ready: {len(left)} thing{'s' * (len(left) > 1)} to do, the first is: {left[0]}.")
    else:
        print("Ready.")
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
