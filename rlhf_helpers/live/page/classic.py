"""Modules of JavaScript as one plain script: a page loads it from a file too, and whatever type a server gives it."""

import re
from pathlib import Path

IMPORT = re.compile(r'^import \{(\s*\w+(?:,\s*\w+)*,?\s*)\} from "\./(\w+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
DEFAULT = re.compile(r"^export default ", re.MULTILINE)


def classic(*modules: Path) -> str:
    """Join modules, each in a scope of its own.

    Args:
        modules: files, each behind those that it imports; they import names from one another, and nothing else.

    Raises:
        ValueError: a module imports or exports in a way that this does not know.
    """
    parts = []
    for module in modules:
        source = module.read_text("utf-8")
        names = ", ".join(EXPORT.findall(source))
        body = IMPORT.sub(r"const {\1} = \2;", DEFAULT.sub("const _ = ", EXPORT.sub("", source)))
        if left := re.search(r"^(?:import|export)\b.*", body, re.MULTILINE):
            raise ValueError(f"{module.name}: a plain script cannot have `{left[0]}`")
        parts.append(f"const {module.stem} = (() => {{\n{body}return {{ {names} }};\n}})();\n")
    return f"(() => {{\n{''.join(parts)}}})();\n"
