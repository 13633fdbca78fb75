"""Wheels of what a learner needs, for machines other than this one."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

HERE = Path(__file__).resolve().parent
PIP_FOR = HERE / "pip_for.py"
PATCH = 9  # of a learner's Python, at least: 3.11.9 is the last 3.11 with an installer
GPU = re.compile(r"(nvidia|cuda)-")  # what a PyTorch for graphics cards asks for
WHEEL = re.compile(r"([^/\\ ]+)\.whl(?!\.metadata)")
# What PyPI has only as a source, in pure Python: its wheels are made here. Named, since to build just anything that has
# no wheel for some machine, PyTorch say, would take hours and help nobody.
FROM_SOURCE = ["names"]
ANYWHERE = re.compile(r"-(py2\.)?py3-none-any$")  # ends the name of a wheel for any machine with any Python 3


class WheelError(Exception):
    """Wheels that do not exist, or should not be taken."""


class Platform(NamedTuple):
    """A kind of machine: pip's tags for its wheels, newest first, and what its Python says of itself."""

    tags: list[str]
    sys_platform: str
    platform_system: str
    platform_machine: str


def manylinux(machine: str) -> list[str]:
    """Tags of wheels for Linux with a C library of 2018 or newer."""
    return [*(f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1)), f"manylinux2014_{machine}"]


PLATFORMS = {
    "windows": Platform(["win_amd64"], "win32", "Windows", "AMD64"),
    "macos-arm": Platform(["macosx_14_0_arm64"], "darwin", "Darwin", "arm64"),
    "linux": Platform(manylinux("x86_64"), "linux", "Linux", "x86_64"),
    "linux-arm": Platform(manylinux("aarch64"), "linux", "Linux", "aarch64"),
}


def this_platform() -> str | None:
    """The name in PLATFORMS of the machine that this runs on."""
    here = (sys.platform, platform.machine())
    return next((name for name, one in PLATFORMS.items() if (one.sys_platform, one.platform_machine) == here), None)


class Target(NamedTuple):
    """Machines of one platform with one version of Python, `3.12`."""

    platform: str
    python: str

    def __str__(self):
        return f"{self.platform} with Python {self.python}"

    def markers(self) -> dict[str, str]:
        """What dependencies may ask for, as such a machine answers."""
        one = PLATFORMS[self.platform]
        named = {"python_version": self.python, "python_full_version": f"{self.python}.{PATCH}"}
        named["os_name"] = "nt" if one.sys_platform == "win32" else "posix"
        return named | {name: getattr(one, name) for name in one._fields[1:]} | {"platform_release": ""}

    def options(self) -> list[str]:
        """What tells pip to take wheels of such a machine."""
        tags = [f"--platform={tag}" for tag in PLATFORMS[self.platform].tags]
        return ["--only-binary=:all:", "--implementation=cp", f"--python-version={self.python}.{PATCH}", *tags]


def pip(target: Target, *arguments: str, each_line=lambda line: None) -> None:
    """Run pip as a target's machine would.

    Raises:
        WheelError: when pip fails, with the reason.
    """
    command = [sys.executable, str(PIP_FOR), json.dumps(target.markers()), *arguments, "--no-input"]
    said = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            said += line
            each_line(line)
    if process.returncode:
        if missing := re.search(r"No matching distribution found for (\S+)", said):
            raise WheelError(f"There is no wheel of {missing[1]} for {target}.")
        raise WheelError(f"pip could not find the wheels for {target}:\n{said[-2000:]}")


def tested_versions() -> list[str]:
    """The versions of everything installed here, as pip's constraints: those that the tests ran with."""
    versions = {one.metadata["Name"]: one.version.split("+")[0] for one in metadata.distributions()}
    return [f"{name}=={version}" for name, version in sorted(versions.items()) if name != "baby-rlhf"]


def resolve(target: Target, requirements: list[str], sources: list[str]) -> list[str]:
    """Everything that the requirements need on a target's machine, pinned.

    Args:
        target: the machine.
        requirements: what is wanted, as in requirements.txt.
        sources: options that tell pip where to look.

    Raises:
        WheelError: when a wheel does not exist, or PyTorch is one for graphics cards.
    """
    with tempfile.TemporaryDirectory() as folder:
        constraints, report = Path(folder, "constraints.txt"), Path(folder, "report.json")
        constraints.write_text("\n".join(tested_versions()), "utf-8")
        command = ["install", "--dry-run", "--quiet", "--ignore-installed", f"--report={report}", f"--target={folder}"]
        pip(target, *command, f"--constraint={constraints}", *target.options(), *sources, *requirements)
        found = [one["metadata"] for one in json.loads(report.read_text("utf-8"))["install"]]
    if any(GPU.match(one["name"]) for one in found):
        raise WheelError(
            f"For {target} pip finds the PyTorch for graphics cards, several gigabytes for which the book has no use.\n"
            "Pass the address of the CPU builds, --extra-index-url ADDRESS: PyTorch's own page 'Get Started' shows it\n"
            "for Linux, Pip, CPU. Or download that wheel yourself, and pass its folder, --find-links FOLDER."
        )
    return sorted(f"{one['name']}=={one['version']}" for one in found)


def download(target: Target, pins: list[str], out: Path, sources: list[str]) -> None:
    """Bring the wheels of pinned packages, and nothing else, into a folder."""
    with tqdm(total=len(pins), desc=str(target), unit="wheel") as bar:
        seen = set()

        def count(line):
            if (wheel := WHEEL.search(line)) and wheel[1] not in seen:
                seen.add(wheel[1])
                bar.update()

        pip(target, "download", "--no-deps", f"--dest={out}", *target.options(), *sources, *pins, each_line=count)
        bar.update(bar.total - bar.n)


def build_wheel(name: str, source: str | Path, out: Path, *options: str) -> None:
    """Make one wheel on this machine.

    Args:
        name: what to call it when that fails.
        source: its folder, or a pinned package.
        out: the folder for the wheel.
        options: what tells pip where to look.

    Raises:
        WheelError: when pip fails, with the reason.
    """
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={out}", *options]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True)
    if done.returncode:
        raise WheelError(f"pip could not build the wheel of {name}:\n{done.stderr[-2000:]}")


def build_from_source(pins: list[str], out: Path, sources: list[str]) -> None:
    """Make wheels of pinned packages that are offered only as a source.

    Raises:
        WheelError: when one cannot be made, or fits only machines like this one.
    """
    for pin in pins:
        build_wheel(pin, pin, out, *sources)
    if bound := [path.name for path in sorted(out.glob("*.whl")) if not ANYWHERE.search(path.stem)]:
        raise WheelError(f"What is made here of a source must fit any machine, and this does not: {', '.join(bound)}.")


def build_our_wheel(root: Path, out: Path) -> None:
    """Make the wheel of rlhf_helpers, from a copy, since setuptools would take along what an earlier build left."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(root / name, folder)
        shutil.copytree(root / "rlhf_helpers", Path(folder, "rlhf_helpers"))
        build_wheel("rlhf_helpers", folder, out)
