"""What a figure, a check, the pre-flight or the hub can say has a row in the book that says what to do about it.

Messages are found in the code: in Python, what is printed, raised to end a program, or told as a finding; in scripts,
what is given to an error, and what reads like a sentence. Its key is the first five words of the longest piece that is
written out.
"""

from __future__ import annotations

import ast
import re

import pytest
from support.chapters import ROOT

PACKAGE, SITE, WORKSHOP = ROOT / "rlhf_helpers", ROOT / "book" / "_site" / "scripts", ROOT / "workshop"
SCRIPTS = sorted([*PACKAGE.glob("live/**/*.js"), *PACKAGE.glob("clicks/*.js"), *SITE.rglob("*.js")])
QUOTED = re.compile(r'(?P<error>new Error\()?(?:"(?P<plain>(?:[^"\\\n]|\\.)+)"|`(?P<filled>[^`\n]+)`)')


def words(text: str) -> list[str]:
    """The words of a text without its markup."""
    return re.findall(r"[\w'’./]*\w", text.replace("`", "").replace("*", ""))


def key(pieces: list[str]) -> str:
    """By which a row is found."""
    return " ".join(max(map(words, pieces), key=len)[:5])


def told(node: ast.AST) -> list[list[str]]:
    """The strings in a piece of Python, each as the pieces that are written out."""
    if isinstance(node, ast.Constant):
        return [[node.value]] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return [[part.value for part in node.values if isinstance(part, ast.Constant)]]
    return [found for child in ast.iter_child_nodes(node) for found in told(child)]


def parsed(path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def name_of(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def of_the_preflight() -> list[list[str]]:
    """All findings but good ones, with texts that are put together first, and errors in brackets."""
    found = []
    for node in parsed(WORKSHOP / "preflight.py") + parsed(WORKSHOP / "preflight_probes.py"):
        if isinstance(node, ast.Call) and name_of(node.func) == "Finding" and node.args[0].value != "ok":
            found += told(node.args[1])
        elif isinstance(node, ast.Assign | ast.AugAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found += told(node.value) if name_of(target) in ("text", "texts") else []
        elif isinstance(node, ast.Dict):
            for name, value in zip(node.keys, node.values, strict=True):
                found += told(value) if isinstance(name, ast.Constant) and name.value == "error" else []
    return found


def of_the_hub() -> list[list[str]]:
    """What it prints, what it ends with, and what it says on the page of the login."""
    found = []
    for node in parsed(WORKSHOP / "room" / "jupyterhub_config.py") + parsed(WORKSHOP / "room" / "sandbox.py"):
        if isinstance(node, ast.Call) and name_of(node.func) in ("print", "sys.exit"):
            found += told(node)
        elif isinstance(node, ast.Assign) and name_of(node.targets[0]).endswith("login_error"):
            found += told(node.value)
    return found


def of_a_check() -> list[list[str]]:
    """What `check` prints around a diagnosis."""
    tree = parsed(PACKAGE / "exercises" / "__init__.py")
    return [
        text for node in tree if isinstance(node, ast.Call) and name_of(node.func) == "print" for text in told(node)
    ]


def of_a_run() -> list[list[str]]:
    """What the status line says when a run has stopped."""
    (stop,) = [node for node in parsed(PACKAGE / "live" / "rules.py") if getattr(node, "name", "") == "write_stop"]
    return [text for node in ast.walk(stop) if isinstance(node, ast.Return) for text in told(node.value)]


def of_scripts() -> list[list[str]]:
    """Errors, and what begins with a capital letter, has three words or more, and ends as a sentence does."""
    found = []
    for path in SCRIPTS:
        code = re.sub(r"^\s*//.*$", "", path.read_text("utf-8"), flags=re.M)
        for match in QUOTED.finditer(code):
            text = match["plain"] or match["filled"]
            if match["error"] or (re.match(r"[A-Z].*[.:]\s*(\$\{\w+\})?$", text) and len(words(text)) >= 3):
                found.append(re.split(r"\$\{[^}]*\}", text))
    return found


FINDERS = [of_the_preflight, of_the_hub, of_a_check, of_a_run, of_scripts]
GOOD_NEWS = {
    "Passed",
    "It runs from a folder",
    "To show it in a",
    "It is in your clipboard",
    "The link is in your",
    "The figure at the top",
    "That was the last pair",
    "A fit appears after",
    "From the clicks before the",
    "What is done is kept",
    "Click one to look inside",
    "Draw from the dot to",
    "Your guess is the dashed",
    "This run has other settings",
    "Not as you drew it",
    "The run",
    "The run ends at",
    "You say",
    "Not attempted yet answer here",
}


@pytest.mark.parametrize("messages", FINDERS, ids=lambda finder: finder.__name__)
def test_every_message_has_a_row(messages):
    pages = [(ROOT / "book" / name).read_text("utf-8") for name in ("troubleshooting.md", "room.md")]
    seen = [" ".join(words(row)) for page in pages for row in re.findall(r"^\| (.+?) \|", page, re.M)]
    keys = {key(pieces) for pieces in messages() if len(words(" ".join(pieces))) >= 2} - GOOD_NEWS
    assert keys
    missing = sorted(wanted for wanted in keys if not any(f" {wanted} " in f" {row} " for row in seen))
    assert not missing, f"no row of troubleshooting.md or room.md begins with what a reader sees: {missing}"


def test_good_news_is_still_told():
    assert {key(pieces) for messages in FINDERS for pieces in messages()} >= GOOD_NEWS
