"""Start a learner's server where it sees the book's environment, the learner's own folder, and nothing else.

    python workshop/room/sandbox.py [--nested] FOLDER COMMAND ...

Needs bubblewrap (`apt install bubblewrap`), Linux 5.14 or newer, and no root. Inside, the system and the environment
are read-only, FOLDER is the only place that keeps what is written, `/tmp` is private, the only processes are one's own,
and there are at most PROCESSES of them. The network is shared: by it the hub and the browser reach the server. Nobody
makes another sandbox inside, where an account is root and reaches parts of the kernel that are root's alone; a
bubblewrap older than 0.8, or one that is setuid, cannot forbid that, and `--nested` does without.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

PROCESSES = 512  # threads count too; a server and a kernel have about 40
TEMPORARY = 512 * 2**20  # bytes in /tmp, and in /dev/shm
FILE = 2 * 2**30  # bytes of the largest file
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64")
# what programs look up: names, time, certificates, fonts
SETTINGS = ("alternatives", "fonts", "group", "hosts", "ld.so.cache", "localtime", "mime.types", "nsswitch.conf")
SETTINGS += ("passwd", "resolv.conf", "ssl")
# the environment, and the package where it is installed in place
PACKAGE = Path(importlib.util.find_spec("rlhf_helpers").origin).parent
ENVIRONMENT = (Path(sys.base_prefix), Path(sys.prefix), PACKAGE)
# a kernel's debugger listens on a port, and whoever connects runs code there: nobody gets one
DEBUGGER = importlib.util.find_spec("debugpy")


def command(
    folder: Path, wanted: Sequence[str], environment: Iterable[Path] = ENVIRONMENT, *, nested: bool = False
) -> list[str]:
    """What to run so that a command runs in a sandbox.

    Args:
        folder: what it may change, at the same place inside.
        wanted: the command.
        environment: what else it may read.
        nested: whether it may make sandboxes of its own.
    """
    words = ["bwrap", "--unshare-all", "--share-net", "--die-with-parent", "--new-session"]
    words += [] if nested else ["--unshare-user", "--disable-userns"]  # --unshare-all would do without the first
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(TEMPORARY), "--tmpfs", "/tmp"]
    for place in SYSTEM:
        link = os.path.islink(place)
        words += ["--symlink", os.readlink(place), place] if link else ["--ro-bind-try", place, place]
    for place in (*(f"/etc/{name}" for name in SETTINGS), *map(str, environment)):
        words += ["--ro-bind-try", place, place]
    if DEBUGGER:
        place = str(Path(DEBUGGER.origin).parent)
        words += ["--tmpfs", place, "--remount-ro", place]
    words += ["--bind", str(folder), str(folder), "--chdir", str(folder)]
    # what is not on a disk is in memory: only `/tmp` and `/dev/shm` take something, and both have a size
    words += ["--size", str(TEMPORARY), "--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--remount-ro", "/", "--"]
    return [*words, "prlimit", f"--nproc={PROCESSES}", f"--fsize={FILE}", *wanted]


if __name__ == "__main__":
    nested = sys.argv[1] == "--nested"
    folder, *wanted = sys.argv[1 + nested :]
    try:
        os.execvp("bwrap", command(Path(folder), wanted, nested=nested))
    except FileNotFoundError:
        sys.exit("there is no bwrap on this machine")
