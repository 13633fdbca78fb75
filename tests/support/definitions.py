"""What a page defines, without running the page: its imports, and the functions and names that a test asks for."""

import ast

import nbformat
from support.chapters import ROOT


def definitions(stem: str, *names: str) -> dict:
    """Run a page's imports and, in its order, the first statement that defines each of these names.

    Args:
        stem: the notebook's name, without its ending.
        names: functions, classes and variables.

    Returns:
        Name -> object, the page's imports among them.

    Raises:
        KeyError: a name that the page does not define.
    """
    found: dict = {"__name__": "__main__"}
    for cell in nbformat.read(ROOT / "book" / f"{stem}.ipynb", as_version=4).cells:
        if cell.cell_type != "code" or "exercise" in cell.metadata.get("tags", []):  # a stub is no definition
            continue
        for statement in ast.parse(cell.source).body:
            targets = getattr(statement, "targets", [])
            defined = {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
            defined.add(getattr(statement, "name", None))
            wanted = defined & set(names) - set(found)
            if wanted or isinstance(statement, ast.Import | ast.ImportFrom):
                exec(compile(ast.Module([statement], []), stem, "exec"), found)
    missing = set(names) - set(found)
    if missing:
        raise KeyError(f"{stem} does not define {sorted(missing)}")
    return found
