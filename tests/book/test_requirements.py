"""What is installed: its parts and one lock; and the package alone, beside the oldest versions that it allows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from wheelhouse import build_our_wheel

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["requirements/run.txt", "requirements/build.txt", "requirements/test.txt"]
PUBLISH = "requirements/publish.txt"
ROOM = "requirements/room.txt"
LOCK = "requirements/lock.txt"


def lines_of(name: str) -> list[str]:
    """The lines of a file of requirements, without comments."""
    lines = [re.split("(?:^| +)#", line)[0] for line in (ROOT / name).read_text("utf-8").splitlines()]
    return [line for line in lines if line]


def locked() -> dict[str, str]:
    """The lock's packages and versions for a machine like this one."""
    found = map(Requirement, lines_of(LOCK))
    return {one.name: str(one.specifier) for one in found if not one.marker or one.marker.evaluate()}


def brought_along(text: str, found: dict[str, str], extra: str = "") -> None:
    """Add a requirement, and all that it requires here, to what was found: {name and extras: version}."""
    wanted = Requirement(text)
    if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
        return
    for extra in ("", *wanted.extras):
        key = f"{canonicalize_name(wanted.name)}[{extra}]"
        if key not in found:
            found[key] = metadata.version(wanted.name)
            for one in metadata.requires(wanted.name) or []:
                brought_along(one, found, extra)


def test_one_file_has_all_parts_and_the_lock():
    assert lines_of("requirements.txt") == [f"-c {LOCK}", *(f"-r {part}" for part in PARTS), "-e ."]


def test_a_part_names_exact_versions_and_each_package_once():
    pins = [pin for part in (*PARTS, PUBLISH, ROOM) for pin in lines_of(part)]
    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9-]+==[0-9][a-z0-9.]*", pin)] == []
    assert len({pin.split("==")[0] for pin in pins}) == len(pins)
    lock = lines_of(LOCK)
    assert [pin for pin in pins if pin not in lock] == []  # and on every machine alike


def test_the_lock_is_exact_and_says_how_it_is_made():
    assert [one for one in lines_of(LOCK) if not re.fullmatch(r"[a-z0-9-]+==[0-9][a-z0-9.]*( ; .+)?", one)] == []
    command = re.search(r"^# +(uv pip compile .*)$", (ROOT / LOCK).read_text("utf-8"), re.MULTILINE).group(1)
    options = ["--universal", "--python-version", "3.11", "--no-annotate"]
    assert command.split() == ["uv", "pip", "compile", *options, *PARTS, PUBLISH, ROOM, "-o", LOCK]


@pytest.mark.parametrize("parts", [PARTS, [PUBLISH], [ROOM]], ids=["book", "publish", "room"])
def test_the_lock_has_all_that_is_installed(parts):
    if parts == [ROOM]:
        pytest.importorskip("jupyterhub")
    if parts == [PUBLISH]:
        pytest.importorskip("ziglang")
    found: dict[str, str] = {}
    for pin in (pin for part in parts for pin in lines_of(part)):
        brought_along(pin, found)
    assert len(found) > 2
    lock = locked()
    installed = {key.split("[")[0]: f"=={version.split('+')[0]}" for key, version in found.items()}
    assert installed == {name: lock.get(name) for name in installed}


# The package alone, beside the oldest versions that pyproject.toml allows

RUN = """
import json, sys
from importlib import metadata
from pathlib import Path

names = {"__name__": "__main__"}
for cell in json.loads(Path(sys.argv[1]).read_text("utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]), names)
import rlhf_helpers
print(rlhf_helpers.__file__)
for name in sys.argv[2:]:
    print(f"{name}=={metadata.version(name)}")
"""


def test_the_wheel_has_every_file_of_the_package(tmp_path):
    build_our_wheel(ROOT, tmp_path)
    (wheel,) = tmp_path.iterdir()
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "rlhf_helpers").rglob("*.*")}
    assert {name for name in files if not name.endswith(".pyc")} - set(zipfile.ZipFile(wheel).namelist()) == set()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the oldest versions are made for the oldest Python")
def test_a_chapter_runs_beside_the_oldest_versions(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pins = [Requirement(one.replace(">=", "==")) for one in project["dependencies"]]
    if sys.platform == "linux":  # of PyTorch there are only builds that want gigabytes of CUDA
        pins = [one for one in pins if one.name != "torch"]
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", f"--target={tmp_path / 'oldest'}"]
    done = subprocess.run([*pip, *map(str, pins)], capture_output=True, text=True)
    if "from versions: none" in done.stderr:
        pytest.skip("pip reaches no packages from here")
    assert done.returncode == 0, done.stderr
    build_our_wheel(ROOT, tmp_path / "wheel")
    subprocess.run([*pip, *map(str, (tmp_path / "wheel").iterdir())], check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "oldest"), "PYTHONUTF8": "1", "MPLBACKEND": "agg"}
    command = [sys.executable, "-c", RUN, str(ROOT / "book" / "04_ppo.ipynb"), *(one.name for one in pins)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    place, *versions = done.stdout.splitlines()[-1 - len(pins) :]
    assert place.startswith(str(tmp_path))
    assert all(pin.specifier.contains(there.split("==")[1]) for pin, there in zip(pins, versions, strict=True))
