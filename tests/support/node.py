"""Scripts of the pages without a page: run by Node."""

import json
import subprocess

from _site.npm import program

COMMAND = program("node")


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
