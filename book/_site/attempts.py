"""What a page without a kernel puts below an exercise: boxes where numbers or a choice are asked for, and where to go.

What the boxes are compared with, and the words, are the check's own, as data; `scripts/attempts/` compares.
"""

import ast
import html
import json
import re
from pathlib import Path

from _site.readers_copies import all_buttons
from rlhf_helpers._html import in_script
from rlhf_helpers.exercises import EXERCISES
from rlhf_helpers.exercises.diagnosis import Choice, Parts

CELL = re.compile(
    r'(?P<cell><div class="cell tag_exercise docutils container">(?:(?!<div class="cell ).)*?)'
    r'<div class="cell_output docutils container">\s*<div class="output stream [^>]*><div class="highlight"><pre>'
    r"<span></span>Not attempted yet: .*?</pre></div>\s*</div>\s*</div>\s*</div>"
    r'(?P<after>.*?<div class="solution dropdown admonition" id="(?P<answer>[^"]+)">)',
    re.DOTALL,
)
LABEL = re.compile(r"ex(?:-\w+)+")
ELSEWHERE = ("Colab", "Binder", "JupyterHub")  # buttons of a page that open its notebook


def add_attempts(app, pagename, templatename, context, doctree) -> None:
    """Put what can be done in the place of each "Not attempted yet", which no reader of a page can do."""
    if "cell tag_exercise" not in context.get("body", ""):
        return
    stubs = stubs_of(Path(app.env.doc2path(pagename)))
    buttons = list(all_buttons(context["header_buttons"]))
    launch = {b["text"]: b["url"] for b in buttons if b.get("text") in ELSEWHERE}
    copy = next(b["url"] for b in buttons if b.get("label") == "download-source-button")

    def with_attempt(found: re.Match) -> str:
        label = LABEL.search(found["cell"])[0]
        links = {name: url + (f"#scrollTo=reader-{label}" if name == "Colab" else "") for name, url in launch.items()}
        block = (
            f'<div class="baby-attempt" data-exercise="{label}">{form(label, stubs[label])}'
            "<p>The cell does not run on this page: "
            '<span class="baby-together"><span class="baby-copy">copy it</span>,</span> '
            f"{_places(links)}"
            f'<a href="{html.escape(copy)}" download>download the notebook</a>, or '
            f'<a class="baby-reveal" href="#{found["answer"]}">open the answer</a>.</p></div>'
        )
        return f"{found['cell']}{block}</div>{found['after']}"

    context["body"] = CELL.sub(with_attempt, context["body"])


def load_script(app, pagename, templatename, context, doctree) -> None:
    """Load the script on a page with exercises."""
    if "cell tag_exercise" in context.get("body", ""):
        app.add_js_file("../live/attempts.js", loading_method="defer")


def stubs_of(notebook: Path) -> dict[str, str]:
    """Label of an exercise -> the code of the cell that a learner fills in."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    stubs = ["".join(cell["source"]) for cell in cells if "exercise" in cell["metadata"].get("tags", [])]
    return {LABEL.search(stub)[0]: stub for stub in stubs}


def form(label: str, stub: str) -> str:
    """Boxes for the numbers and choices that an exercise asks for, none if it asks for code alone."""
    checker, names = EXERCISES[label], asked(stub)
    several = isinstance(checker, Parts)
    parts = list(checker.parts.values()) if several else [checker]
    given = [[name] for name in names] if several else [names]
    here = [(part, boxes) for part, boxes in zip(parts, given, strict=True) if hasattr(part, "as_data")]
    if not here:
        return ""
    code = [name for name, part in checker.parts.items() if not hasattr(part, "as_data")] if several else []
    data = {"checks": [part.as_data() for part, _ in here], "left": f"Now {code[0]}, in a notebook." if code else ""}
    return (
        f"<form>{''.join(map(_fields, *zip(*here, strict=True)))}<button>Check</button>"
        f'<p role="status"></p><script type="application/json">{in_script(data)}</script></form>'
    )


def asked(stub: str) -> list[str]:
    """What a stub hands to its check, by name; ``pair[0]`` and ``pair[1]`` of what is unpacked."""
    tree = ast.parse(stub)
    sizes = {
        node.targets[0].id: len(node.value.elts)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Tuple)
    }
    handed = tree.body[-1].value.args[1]
    names = []
    for entry in handed.elts if isinstance(handed, ast.Tuple) else [handed]:
        if isinstance(entry, ast.Starred):
            names += [f"{entry.value.id}[{place}]" for place in range(sizes[entry.value.id])]
        else:
            names.append(entry.id)
    return names


def _fields(part, names: list[str]) -> str:
    shown = ""
    for name in names:
        field = f'<input name="{name}" size="9" autocomplete="off" spellcheck="false">'
        if isinstance(part, Choice):
            words = "".join(f"<option>{html.escape(word)}</option>" for word in part.as_data()["words"])
            field = f'<select name="{name}"><option value="">choose</option>{words}</select>'
        shown += f"<label><code>{name}</code> {field}</label>"
    return shown


def _places(links: dict[str, str]) -> str:
    shown = " or ".join(f'<a href="{html.escape(url)}">{name}</a>' for name, url in links.items())
    return f"open it in {shown}, " if shown else ""
