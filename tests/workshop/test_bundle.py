"""The offline bundle: what is in it, and that it installs and is ready without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import bundle
import pytest
from wheelhouse import PLATFORMS, Target, WheelError, resolve, this_platform

SOURCES = [f"--find-links={place}" for place in os.environ.get("PIP_FIND_LINKS", "").split()]  # uv does not read it
HERE = (this_platform(), f"{sys.version_info.major}.{sys.version_info.minor}")
# Starts a program in a network of its own, where only this machine's own address answers.
ALONE = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    fcntl.ioctl(one, 0x8914, struct.pack("16sh", b"lo", 0x41))  # SIOCSIFFLAGS: up and running
os.execvp(sys.argv[1], sys.argv[1:])
"""
# Pre-flight with patience: a busy machine is no failure.
PREFLIGHT = "import sys, preflight_probes as p; p.PATIENCE = 120; import preflight; sys.exit(preflight.main())"


@pytest.fixture(scope="module")
def usb(html_dir, tmp_path_factory) -> Path:
    """A bundle for machines like this one."""
    if HERE[0] is None:
        pytest.skip("no wheels are offered for this kind of machine")
    out = tmp_path_factory.mktemp("stick") / "usb"
    probe = [sys.executable, "-m", "pip", "download", "--no-deps", f"--dest={out}", f"tqdm=={metadata.version('tqdm')}"]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("pip reaches no packages from here, so there is nothing to make a wheelhouse of")
    try:
        bundle.make_bundle(out, html_dir, [Target(*HERE)], SOURCES)
    except WheelError as error:
        if "graphics cards" not in str(error):
            raise
        pytest.skip("no CPU build of PyTorch is offered here")
    return out


@pytest.fixture(scope="module")
def offline() -> list[str]:
    """What to put before a command so that it runs without a network; nothing where that is not permitted."""
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-c", ALONE]
    allowed = shutil.which("unshare") and not subprocess.run([*command, "true"], capture_output=True).returncode
    return command if allowed else []


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """A learner's environment: no settings of pip but the one that saves time, no way out, this Python first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | nowhere | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_COMPILE": "1", "PATH": path}


def test_sums_are_those_of_all_files(usb):
    import hashlib

    told = dict(reversed(line.split("  ", 1)) for line in (usb / "SHA256SUMS").read_text("utf-8").splitlines())
    there = {path.relative_to(usb).as_posix() for path in usb.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert told.keys() == {name for name in there if not name.startswith(".venv/")}
    for name in ("requirements.txt", "book/index.html", "book/live/page.js"):
        assert told[name] == hashlib.sha256((usb / name).read_bytes()).hexdigest()


def test_a_learner_finds_what_start_here_names(usb):
    text = (usb / "START_HERE.html").read_text("utf-8")
    for script in ("START_HERE.html", "install.sh", "install.bat"):
        assert not re.search(r"\$(pythons|versions|commands|machines|patch)", (usb / script).read_text("utf-8"))
    named = ["install.sh", "install.bat", "preflight.py", "wheelhouse", "notebooks", "requirements.txt", "SHA256SUMS"]
    for name in re.findall(r'href="([^"]+)"', text) + named:
        assert name in text
        assert (usb / name).exists(), name
    assert "://" not in text
    assert b"\r\n" in (usb / "install.bat").read_bytes()
    assert b"\r" not in (usb / "install.sh").read_bytes()
    assert (usb / "notebooks" / "index.ipynb").is_file()


def test_nothing_that_only_pages_need_is_on_the_stick(usb):
    wheels = [path.name.lower() for path in (usb / "wheelhouse").iterdir()]
    assert all(name.endswith(".whl") for name in wheels)
    wanted, ours = bundle.requirements()
    for pin in (*wanted, ours):
        begin = re.sub("[-.]", "_", pin.split("==")[0]).lower() + f"-{pin.split('==')[1]}"
        assert [name for name in wheels if name.startswith(begin)], begin
    assert not [name for name in wheels if name.startswith(("sphinx", "jupyter_book", "nvidia", "pytest"))]


def test_it_installs_and_is_ready_without_a_network(usb, offline, environment):
    def run(*command, **more):
        return subprocess.run([*offline, *command], cwd=usb, env=environment, capture_output=True, text=True, **more)

    if os.name == "nt":
        pytest.skip("install.bat waits for a key")
    if offline:
        reach = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
        assert "unreachable" in run(sys.executable, "-c", reach).stderr
    installed = run("sh", "install.sh")
    python = str(usb / ".venv" / "bin" / "python")
    found = run(python, "-c", "import rlhf_helpers; print(rlhf_helpers.__file__)")
    assert str(usb / ".venv") in found.stdout, installed.stdout[-3000:] + installed.stderr[-3000:]
    ready = run(python, "-c", PREFLIGHT)
    assert ready.returncode == 0, ready.stdout + ready.stderr
    assert ready.stdout.splitlines()[-1] == "Ready."
    assert "notebooks in `notebooks`" in ready.stdout


@pytest.mark.skipif(os.name == "nt", reason="a script for macOS and Linux")
def test_without_any_python_the_installer_says_so(tmp_path):
    bundle.write_papers(tmp_path, [Target("linux", "3.11"), Target("linux", "3.12")])
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dirname").symlink_to(shutil.which("dirname"))
    path = {"PATH": str(tmp_path / "bin")}
    done = subprocess.run(["/bin/sh", "install.sh"], cwd=tmp_path, env=path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == "No Python found. You need Python 3.12 or 3.11, 64 bit.\n"


def test_preflight_finds_a_package_that_is_gone_and_names_the_wheelhouse(usb, environment, tmp_path):
    (tmp_path / "wheelhouse").mkdir()
    for name in ("preflight.py", "preflight_probes.py"):
        shutil.copy(usb / name, tmp_path)
    text = (usb / "requirements.txt").read_text("utf-8") + "no-such-package==1.0\n"
    (tmp_path / "requirements.txt").write_text(text, "utf-8")
    command = [sys.executable, "preflight.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no-such-package" in done.stdout.splitlines()[-1]
    assert "--no-index --find-links wheelhouse" in done.stdout
    assert f"the wheelhouse has nothing for Python {HERE[1]}" in done.stdout


# Wheels for other machines


def write_wheel(folder: Path, name: str, *lines: str) -> Path:
    """An empty wheel, of a name like `package-1.0-py3-none-any`, with more lines of metadata."""
    package, version, tag = name.split("-", 2)
    lines = ("Metadata-Version: 2.1", f"Name: {package.replace('_', '-')}", f"Version: {version}", *lines)
    path = folder / f"{name}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{package}-{version}.dist-info/METADATA", "\n".join(lines) + "\n")
        wheel.writestr(f"{package}-{version}.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        wheel.writestr(f"{package}-{version}.dist-info/RECORD", "")
    return path


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> list[str]:
    """A small index: what `needs` asks for depends on the machine."""
    folder = tmp_path_factory.mktemp("wheels")
    asks = [
        'for-windows; sys_platform == "win32" and os_name == "nt" and platform_machine == "AMD64"',
        'for-macs; platform_system == "Darwin" and platform_machine == "arm64"',
        'for-linux; platform_system == "Linux"',
        'for-old; python_version < "3.12"',
        "late-patch",
    ]
    files = {
        "needs-1.0-py3-none-any": asks,
        "for_windows-1.0-py3-none-win_amd64": [],
        "for_macs-1.0-py3-none-macosx_11_0_arm64": [],
        "for_linux-1.0-py3-none-manylinux_2_17_x86_64": [],
        "for_old-1.0-cp311-none-any": [],
        "late_patch-1.0-py3-none-any": [],
        "wants_gpu-1.0-py3-none-any": ["nvidia-thing"],
        "nvidia_thing-1.0-py3-none-any": [],
    }
    for name, requires in files.items():
        lines = ["Requires-Python: >=3.11.5"] if name.startswith("late_patch") else []
        write_wheel(folder, name, *lines, *(f"Requires-Dist: {one}" for one in requires))
    return ["--no-index", f"--find-links={folder}"]


@pytest.mark.parametrize(
    ("platform", "python", "extra"),
    [
        ("windows", "3.12", ["for-windows"]),
        ("macos-arm", "3.13", ["for-macs"]),
        ("linux", "3.11", ["for-linux", "for-old"]),
    ],
)
def test_dependencies_are_those_of_the_other_machine(wheels, platform, python, extra):
    found = resolve(Target(platform, python), ["needs==1.0"], wheels)
    assert {pin.split("==")[0] for pin in found} == {"needs", "late-patch", *extra}


def test_a_wheel_that_does_not_exist_is_named_with_the_machine(wheels):
    with pytest.raises(WheelError, match=r"not all wheels for linux with Python 3.12:[^!]*for-windows"):
        resolve(Target("linux", "3.12"), ["for-windows==1.0"], wheels)


def test_a_pytorch_for_graphics_cards_is_refused(wheels):
    with pytest.raises(WheelError, match="--extra-index-url"):
        resolve(Target("linux", "3.12"), ["wants-gpu"], wheels)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--platform", "amiga"], [*PLATFORMS]),
        (["--python", "3.9"], ["from 3.11 on, got 3.9"]),
        (["--python", "4"], []),
    ],
)
def test_the_command_refuses_what_it_cannot_do(options, words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bundle.py", *options])
    with pytest.raises(SystemExit, match="2"):
        bundle.main()
    said = capsys.readouterr().err
    assert all(word in said for word in words)
