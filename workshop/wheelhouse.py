"""Wheels of what a learner needs, for machines other than this one."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

LOCK = Path(__file__).resolve().parent.parent / "requirements" / "lock.txt"
PATCH = 9  # of a learner's Python, at least: 3.11.9 is the last 3.11 with an installer
GPU = re.compile(r"(nvidia|cuda)-")  # what a PyTorch for graphics cards asks for
WHEEL = re.compile(r"([^/\\ ]+)\.whl(?!\.metadata)")


class WheelError(Exception):
    """Wheels that do not exist, or should not be taken."""


class Platform(NamedTuple):
    """A kind of machine: uv's name for it, pip's tags for its wheels, and what its Python says of itself."""

    name: str
    tags: list[str]
    sys_platform: str
    machine: str


def manylinux(machine: str) -> list[str]:
    """Tags of wheels for Linux with a C library of 2018 or newer, the newest first."""
    return [*(f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1)), f"manylinux2014_{machine}"]


MACOS = 14  # the oldest for which PyTorch is made
PLATFORMS = {
    "windows": Platform("x86_64-pc-windows-msvc", ["win_amd64"], "win32", "AMD64"),
    "macos-arm": Platform("aarch64-apple-darwin", [f"macosx_{MACOS}_0_arm64"], "darwin", "arm64"),
    "linux": Platform("x86_64-manylinux_2_28", manylinux("x86_64"), "linux", "x86_64"),
    "linux-arm": Platform("aarch64-manylinux_2_28", manylinux("aarch64"), "linux", "aarch64"),
}


def this_platform() -> str | None:
    """The name in PLATFORMS of the machine that this runs on."""
    here = (sys.platform, platform.machine())
    return next((name for name, one in PLATFORMS.items() if (one.sys_platform, one.machine) == here), None)


class Target(NamedTuple):
    """Machines of one platform with one version of Python, `3.12`."""

    platform: str
    python: str

    def __str__(self):
        return f"{self.platform} with Python {self.python}"


def resolve(target: Target, requirements: list[str], sources: list[str]) -> list[str]:
    """Everything that the requirements need on a target's machine, pinned as in the lock.

    Args:
        target: the machine.
        requirements: what is wanted, as in requirements.txt.
        sources: options that tell where to look, for uv as for pip.

    Raises:
        WheelError: when a wheel does not exist, or PyTorch is one for graphics cards.
    """
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", f"--constraint={LOCK}", "--only-binary=:all:"]
    command += [f"--python-platform={PLATFORMS[target.platform].name}", f"--python-version={target.python}.{PATCH}"]
    command += ["--no-python-downloads", "--no-header", "--no-annotate"]
    command += ["--index-strategy=unsafe-best-match", *sources]  # the best version of any index, as pip takes it
    environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": f"{MACOS}.0"}
    done = subprocess.run(command, input="\n".join(requirements), env=environment, capture_output=True, text=True)
    if done.returncode:
        raise WheelError(f"There are not all wheels for {target}:\n{done.stderr[-2000:]}")
    pins = done.stdout.splitlines()
    if any(map(GPU.match, pins)):
        raise WheelError(
            f"For {target} there is the PyTorch for graphics cards, several gigabytes for which the book has no use.\n"
            "Pass the address of the CPU builds, --extra-index-url ADDRESS: PyTorch's own page 'Get Started' shows it\n"
            "for Linux, Pip, CPU. Or download that wheel yourself, and pass its folder, --find-links FOLDER."
        )
    return pins


def download(target: Target, pins: list[str], out: Path, sources: list[str]) -> None:
    """Bring the wheels of pinned packages, and nothing else, into a folder.

    Raises:
        WheelError: when pip fails, with the reason.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--no-deps", f"--dest={out}", *sources]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={target.python}.{PATCH}"]
    command += [f"--platform={tag}" for tag in PLATFORMS[target.platform].tags]
    said, seen = "", set()
    with (
        tqdm(total=len(pins), desc=str(target), unit="wheel") as bar,
        subprocess.Popen([*command, *pins], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
    ):
        for line in process.stdout:
            said += line
            if (wheel := WHEEL.search(line)) and wheel[1] not in seen:
                seen.add(wheel[1])
                bar.update()
        bar.update(bar.total - bar.n)
    if process.returncode:
        raise WheelError(f"pip could not bring the wheels for {target}:\n{said[-2000:]}")


def build_our_wheel(root: Path, out: Path) -> None:
    """Make the wheel of rlhf_helpers, from a copy, since setuptools would take along what an earlier build left.

    Raises:
        WheelError: when pip fails, with the reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(root / name, folder)
        shutil.copytree(root / "rlhf_helpers", Path(folder, "rlhf_helpers"))
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={out}", folder]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise WheelError(f"pip could not build the wheel of rlhf_helpers:\n{done.stderr[-2000:]}")
