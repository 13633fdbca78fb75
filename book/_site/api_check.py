"""The API page: it has every public name, each with a docstring, and annotations lead to it."""

import importlib
import inspect

from sphinx.errors import ExtensionError
from sphinx.util.nodes import make_refnode

# what their __all__ names is public
PACKAGES = (
    "rlhf_helpers",
    "rlhf_helpers.plots",
    "rlhf_helpers.live",
    "rlhf_helpers.exercises",
    "rlhf_helpers.clicks",
    "rlhf_helpers.names",
)


def check_api_page(app, env) -> None:
    """Fail the build on public names that have no docstring or are missing on the API page."""
    documented = env.get_domain("py").objects
    faults = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            thing = getattr(module, name)
            if (inspect.isroutine(thing) or inspect.isclass(thing)) and not (thing.__doc__ or "").strip():
                faults.append(f"{package}.{name} has no docstring")
            if f"{package}.{name}" not in documented:
                faults.append(f"{package}.{name} is missing on the API page, book/api.md")
    if faults:
        raise ExtensionError("\n".join(faults))


def resolve_public_name(app, env, node, contnode):
    """Resolve ``rlhf_helpers.module.Name``, as annotations spell it, to the public ``rlhf_helpers.Name``."""
    if node.get("refdomain") != "py":
        return None
    *path, name = node["reftarget"].split(".")
    path = path or [PACKAGES[0]]  # a plain name is one of ours or nobody's
    objects = env.get_domain("py").objects
    for length in range(len(path), 0, -1):
        entry = objects.get(".".join([*path[:length], name]))
        if path[0] == PACKAGES[0] and entry:
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, name)
    return None
