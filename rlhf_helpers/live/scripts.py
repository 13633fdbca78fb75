"""Modules of JavaScript as one script: plain for a page, which loads it from a file too, a module for a kernel."""

import re
from collections.abc import Sequence
from pathlib import Path

IMPORT = re.compile(r'^import \{(\s*\w+(?:,\s*\w+)*,?\s*)\} from "\./(\w+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
HERE = Path(__file__).parent
FIRST = ("numbers", "ink", "settings", "axes", "writing", "drawers")
THEN = ("cross_hair", "terms", "time", "page/rules", "compare", "acts", "inspect", "handles", "guess", "live")
DRAWING = tuple(HERE / f"{name}.js" for name in (*FIRST, *THEN))
"""What draws a figure, each behind those that it imports."""


def classic(*modules: Path, without: Sequence[str] = ()) -> str:
    """Join modules to a plain script, each in a scope of its own.

    Args:
        modules: files, each behind those that it imports; they import names from one another, and nothing else.
        without: modules that are left out, of which nothing will be asked.

    Raises:
        ValueError: a module imports or exports in a way that this does not know.
    """
    return f"(() => {{\n{_joined(modules, without)}}})();\n"


def widget(*modules: Path) -> str:
    """Join modules to one module for a kernel, whose default export is what the last one exports.

    Args:
        modules: as in :func:`classic`.
    """
    return f"{_joined(modules)}export default {modules[-1].stem};\n"


def _joined(modules: Sequence[Path], without: Sequence[str] = ()) -> str:
    parts = [f"const {name} = {{}};\n" for name in without]
    for module in modules:
        if module.stem in without:
            continue
        source = module.read_text("utf-8")
        names = ", ".join(EXPORT.findall(source))
        body = IMPORT.sub(r"const {\1} = \2;", EXPORT.sub("", source))
        if left := re.search(r"^(?:import|export)\b.*", body, re.MULTILINE):
            raise ValueError(f"{module.name}: a plain script cannot have `{left[0]}`")
        parts.append(f"const {module.stem} = (() => {{\n{body}return {{ {names} }};\n}})();\n")
    return "".join(parts)
