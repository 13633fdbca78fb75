"""Our names against those of TRL, verl, OpenRLHF, SkyRL and prime-rl, with their defaults.

    python -m rlhf_helpers.beyond.rosetta --install

The table is ``rosetta.json``: for each of our names where the others keep theirs (a file, and a place in it), and the
default there. The script reads these files of the packages that are installed, in the version of the table, without
importing them: a field of a class, an option of a command line, a key of YAML. It says for each library whether every
row holds, and what it could not look at. ``--install`` puts what is missing into a folder for the time of the check, by
pip and without what it requires. prime-rl is no package: its rows are of the day that the table names.
"""

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_suffix(".json")


def table() -> dict[str, Any]:
    """Return the table: its ``libraries``, and its ``rows`` with ``ours``, ``what``, ``note`` and ``theirs``."""
    return json.loads(TABLE.read_text("utf-8"))


def value_of(node: ast.expr) -> Any:
    """Return what an expression says: itself where it is a constant, the default of a field, or its text."""
    if isinstance(node, ast.Call):  # field(default=...), Field(...)
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        default = named.get("default", node.args[0] if node.args else None)
        return None if default is None else value_of(default)
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def field_default(text: str, at: str) -> Any:
    """Return the default of a field, "Class.field", in Python source."""
    owner, name = at.split(".")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and node.name == owner:
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and ast.unparse(field.target) == name:
                    return value_of(field.value)
    raise KeyError(at)


def option_default(text: str, at: str) -> Any:
    """Return the default of an option, "--name", that Python source adds to a parser."""
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.Call) and node.args and ast.unparse(node.func).endswith(".add_argument")):
            continue
        if ast.unparse(node.args[0]).removeprefix("f").strip("'") == at:
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            without = False if "action" in named else None  # a switch is off
            return value_of(named["default"]) if "default" in named else without
    raise KeyError(at)


def key_default(text: str, at: str) -> Any:
    """Return what a key, "section.key", has in YAML; 1e-6 is a number there too."""
    import yaml

    found = yaml.safe_load(text)
    for key in at.split("."):
        found = found[key]
    try:
        return float(found) if isinstance(found, str) else found
    except ValueError:
        return found


def default_in(file: str, text: str, at: str) -> Any:
    """Return the default at a place in a file's text; KeyError where there is no such place."""
    if file.endswith(".yaml"):
        return key_default(text, at)
    return (option_default if at.startswith("--") else field_default)(text, at)


def faults(library: str, files: dict[str, str]) -> list[str]:
    """Return what the table says of a library that its files do not.

    Args:
        library: its key in the table.
        files: the text of each file that the table names.
    """
    found = []
    for row in table()["rows"]:
        for cell in row["theirs"].get(library, []):
            try:
                default = default_in(cell["file"], files[cell["file"]], cell["at"])
            except KeyError:
                found.append(f"{cell['file']} has no {cell['at']}")
                continue
            if default != cell["default"]:
                found.append(f"{cell['at']} is {default!r}, and {cell['default']!r} in the table")
    return found


def files_of(library: str, folder: str | None) -> dict[str, str] | None:
    """Return the text of every file that the table names of a library; None where its version is not installed.

    Args:
        library: its key in the table.
        folder: where it is installed; None for here.
    """
    entry = table()["libraries"][library]
    where = {} if folder is None else {"path": [folder]}
    for package in metadata.distributions(name=entry["package"], **where) if "package" in entry else []:
        if package.version == entry["version"]:
            names = {cell["file"] for row in table()["rows"] for cell in row["theirs"].get(library, [])}
            return {name: Path(package.locate_file(name)).read_text("utf-8") for name in names}
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Check every library, and end with status 1 where a row does not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m rlhf_helpers.beyond.rosetta", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--install", action="store_true", help="fetch what is missing, for the time of the check")
    args = parser.parse_args(arguments)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for library, entry in table()["libraries"].items():
            files = files_of(library, None)
            if files is None and args.install and "package" in entry:
                pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", f"--target={folder}"]
                wanted = f"{entry['package']}=={entry['version']}"
                done = subprocess.run([*pip, wanted], stderr=subprocess.PIPE, text=True)
                if done.returncode:
                    sys.exit(f"pip does not install {entry['package']}: {done.stderr.strip()}")
                files = files_of(library, folder)
            name = f"{entry['name']} {entry['version']}"
            count = sum(library in row["theirs"] for row in table()["rows"])
            if files is None:
                print(f"{name}: not looked at, {'read on ' + entry['date'] if 'date' in entry else 'not installed'}")
                continue
            found = faults(library, files)
            wrong += len(found)
            print(f"{name}: {'; '.join(found) if found else f'all {count} rows hold'}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
