"""Pre-flight: every diagnosis, by breaking the thing that it is about, and a real run."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

import preflight
import preflight_probes
import pytest
from preflight_probes import answer, start

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = [ROOT / "workshop" / name for name in ("preflight.py", "preflight_probes.py")]
PINS = {"torch": "2.13.0", "numpy": "2.4.6"}


def is_to_do(finding, *words):
    """A finding is something to do, and it says these words."""
    said = f"{finding.text}: {finding.advice}"
    return finding.verdict == "TO DO" and finding.advice != "" and all(word in said for word in words)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_old_python_can_read_it(path):
    tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 7))
    imported = {name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    assert imported <= sys.stdlib_module_names


def test_an_old_python_is_told():
    assert is_to_do(preflight.check_python((3, 8, 18), 64), "Python 3.8", "3.11 or newer")
    assert is_to_do(preflight.check_python((3, 10), 64, ["python3.12"]), "type `python3.12`")
    assert is_to_do(preflight.check_python((3, 12), 32), "32-bit")
    assert preflight.check_python((3, 11, 0), 64).verdict == "ok"
    assert preflight.check_python((4, 0), 64).verdict == "ok"


def test_nothing_but_the_version_is_reported_on_an_old_python(monkeypatch, capsys):
    monkeypatch.setattr(preflight.sys, "version_info", (3, 8, 18))
    assert preflight.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[-1].startswith("Not ready: 1 thing to do, the first is: this is Python 3.8")


def test_a_virtual_environment_is_advice_only():
    assert preflight.check_environment(True).verdict == "ok"
    assert preflight.check_environment(False).verdict == "note"


def test_packages_that_are_missing_or_other_come_with_the_command():
    check = preflight.check_packages
    assert check(PINS, {"torch": "2.13.0+cpu", "numpy": "2.4.6"}, "pip").verdict == "ok"
    assert is_to_do(check(PINS, {"torch": None, "numpy": "2.4.6"}, "pip install it"), "torch", "pip install it")
    other = check(PINS, {"torch": "2.13.0", "numpy": "1.26.0"}, "pip install it")
    assert is_to_do(other, "numpy is 1.26.0", "2.4.6", "pip install it")
    assert "torch" not in other.text


def test_a_learner_needs_what_the_package_asks_for_and_a_notebook_and_no_more():
    pins = preflight.pins(preflight.PINS.read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = {re.split("[><=]", one)[0] for one in project["dependencies"]}
    assert pins.keys() == asked | {"jupyterlab", "ipykernel"}


def test_pins_are_read_whatever_else_a_line_says():
    text = "# numpy==1.0\n-r run.txt\ntorch==2.13.0  # all of it\nbaby-rlhf==1.0.0; python_version > '3.10'\n"
    assert preflight.pins(text) == {"torch": "2.13.0", "baby-rlhf": "1.0.0"}


def test_a_wheelhouse_beside_it_is_used(tmp_path):
    assert "--no-index" not in preflight.install_command(tmp_path, "python")
    (tmp_path / "wheelhouse").mkdir()
    assert "--no-index --find-links wheelhouse" in preflight.install_command(tmp_path, "python")
    files = ["torch-2.13.0-cp311-cp311-win_amd64.whl", "torch-2.13.0-cp312-cp312-win_amd64.whl", "numpy-2-cp314.whl"]
    assert preflight.check_wheelhouse(files, (3, 12)).verdict == "ok"
    assert is_to_do(preflight.check_wheelhouse(files, (3, 14)), "nothing for Python 3.14", "3.11, 3.12")


def test_a_package_that_is_not_there_has_no_version():
    assert preflight.installed_version("numpy") is not None
    assert preflight.installed_version("no-such-package-anywhere") is None


def test_full_disks_and_memory_are_told():
    assert is_to_do(preflight.check_disk(0.1e9, 2e9), "0.1 GB", "2.0")
    assert preflight.check_disk(3e9, 2e9).verdict == "ok"
    assert is_to_do(preflight.check_memory(0.3e9), "0.3 GB")
    assert preflight.check_memory(4e9).verdict == "ok"
    assert preflight.check_memory(None).verdict == "note"


def test_damaged_chapters_are_told(tmp_path):
    assert is_to_do(preflight.check_chapters(tmp_path), "no chapters")
    whole = json.dumps({"cells": [{"cell_type": "markdown", "source": "# One"}]})
    (tmp_path / "01.ipynb").write_text(whole)
    assert preflight.check_chapters(tmp_path).verdict == "ok"
    bad = {
        "02": "",
        "03": "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "04": whole[:-5],
        "05": "[]",
        "06": '{"cells": []}',
    }
    for name, text in bad.items():
        (tmp_path / f"{name}.ipynb").write_text(text)
    finding = preflight.check_chapters(tmp_path)
    assert is_to_do(finding, *(f"{name}.ipynb" for name in bad))
    assert "01.ipynb" not in finding.text


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    assert preflight.check_writing(tmp_path).verdict == "ok"
    assert list(tmp_path.iterdir()) == []
    assert is_to_do(preflight.check_writing(tmp_path / "gone"), "cannot save")


def test_busy_ports_are_passed_over():
    with socket.create_server(("127.0.0.1", 0)) as busy, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [busy.getsockname()[1], other.getsockname()[1]]
        assert is_to_do(preflight.check_port(ports), "no port")
        other.close()
        assert str(ports[1]) in preflight.check_port(ports).text


def test_no_browser_is_advice_only(monkeypatch):
    def nothing():
        raise preflight.webbrowser.Error

    monkeypatch.setattr(preflight.webbrowser, "get", nothing)
    assert preflight.check_browser().verdict == "note"


def test_a_pytorch_that_computes_nonsense_is_told():
    right = {"before": 0.1, "after": 0.9, "by_hand": 0.9}
    assert preflight.check_training(right).verdict == "ok"
    assert is_to_do(preflight.check_training(right | {"by_hand": 0.89}), "0.8900")
    assert is_to_do(preflight.check_training(right | {"before": 0.95}))
    assert is_to_do(preflight.check_training(right | {"after": float("nan")}))
    assert is_to_do(preflight.check_training({"error": "DLL load failed"}), "DLL load failed")


def test_a_kernel_of_another_python_is_told(tmp_path):
    assert preflight.check_kernel({"prefix": sys.prefix}, sys.prefix, "python").verdict == "ok"
    assert is_to_do(preflight.check_kernel({"prefix": "/else"}, sys.prefix, "py"), "another Python, /else", "ipykernel")
    assert is_to_do(preflight.check_kernel({"error": "No such kernel named python3"}, sys.prefix, "py"), "No such")


def test_a_real_kernel_of_another_python_is_found_out(tmp_path, monkeypatch):
    other = tmp_path / "other"
    venv.create(other, symlinks=True)
    (site,) = other.glob("[Ll]ib/**/site-packages")
    (site / "here.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    python = next(path for path in other.glob("*/python*") if path.stem == "python")
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Other", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setattr(preflight_probes, "PATIENCE", 120)
    assert is_to_do(preflight.check_kernel(answer(start("kernel")), sys.prefix, sys.executable), str(other))


def test_a_probe_that_fails_or_hangs_is_told():
    def probe(code, seconds):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return process, time.time() + seconds

    assert answer(probe("raise ImportError('no torch')", 60)) == {"error": "ImportError: no torch"}
    assert "without a word" in answer(probe("", 60))["error"]
    slow = answer(probe("import time; time.sleep(60)", 0.2))
    assert is_to_do(preflight.check_training(slow), "no answer", "run this again")


def test_a_real_run_says_ready(monkeypatch, capsys):
    monkeypatch.setattr(preflight_probes, "PATIENCE", 120)  # a busy machine is no failure
    code = preflight.main()
    said = capsys.readouterr().out
    assert code == 0, said
    assert said.splitlines()[-1] == "Ready."
    assert "by hand it is the same" in said
    assert said.isascii()  # for every console


def test_a_real_run_without_the_packages_is_not_ready(tmp_path):
    python = tmp_path / "empty"
    venv.create(python, symlinks=True)
    executable = next(path for path in python.glob("*/python*") if path.stem == "python")
    done = subprocess.run([executable, SCRIPTS[0]], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ""})
    assert done.returncode == 1, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("Not ready: 1 thing to do, the first is: not installed: torch, numpy")
    assert "-m pip install" in done.stdout
