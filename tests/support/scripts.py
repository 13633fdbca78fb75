"""Scripts in processes of their own, and what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]


class Script:
    """A module that runs as a reader runs it: `python -m ...`; every process that it starts carries a mark."""

    def __init__(self, *command: str, folder: Path):
        self.mark = uuid.uuid4().hex
        path = os.environ.get("PYTHONPATH", str(ROOT))
        environment = os.environ | {"PYTHONPATH": path, "MARK_OF_A_TEST": self.mark}
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            # it hears Ctrl+C, also where the tests were started in the background of a shell and do not
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def end(self, seconds: float = 240) -> tuple[int, str, str]:
        """Wait, and return the exit status and what was printed and said."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err

    def left_behind(self, seconds: float = 15) -> list[str]:
        """Return the processes that are still there after some seconds at most."""
        until = time.monotonic() + seconds
        while (found := self.living()) and time.monotonic() < until:
            time.sleep(0.1)
        return found

    def living(self) -> list[str]:
        """Return what processes of this script there are."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("MARK_OF_A_TEST") == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()) or process.name())
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found
