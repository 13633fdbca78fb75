"""Turn the Markdown of the book into Markdown that any notebook program shows: JupyterLab, VS Code, Colab.

The chapters are written in MyST, whose directives (exercises, hints, boxes) and roles (formula numbers, citations)
only the book's build understands. Here directives become headings, quotes and ``<details>``, and roles become their
text, with the numbers that the pages show.
"""

import re
from functools import cache
from pathlib import Path

import nbformat
from pybtex.database import parse_file

BOOK = Path(__file__).resolve().parent.parent / "book"
BOXES = ("admonition", "tip", "note", "warning", "important")
FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w-]+)\} ?(?P<title>.*)$")
FORMULA = re.compile(r"^\$\$\n(.*?)\n\$\$ \((eq-[\w-]+)\)$", re.M | re.S)
ROLE = re.compile(r"\{(?P<role>[\w:]+)\}`(?P<text>[^`]+)`")


def markdown(source: str) -> str:
    """Return a cell's MyST source as plain Markdown.

    Raises:
        ValueError: a directive or a role for which no plain Markdown is known.
    """
    blocks, lines = [], source.split("\n")
    while lines:
        line = lines.pop(0)
        if opening := FENCE.match(line):
            body = []
            while lines and lines[0] != opening["fence"]:
                body.append(lines.pop(0))
            lines = lines[1:]
            options = [option for option in body if re.match(r":\w+:", option)]
            content = "\n".join(body[len(options) :]).strip()
            blocks.append(_directive(opening["name"], opening["title"], options, content))
        elif line.startswith("```"):  # code keeps its characters
            blocks.append(line)
            while lines and lines[0] != "```":
                blocks.append(lines.pop(0))
            blocks.append(lines.pop(0))
        elif not re.match(r"\([\w-]+\)=$", line):
            blocks.append(line)
    text = FORMULA.sub(lambda m: f"$$\n{m[1]} \\tag{{{numbers()[m[2]]}}}\n$$", "\n".join(blocks))
    text = ROLE.sub(_role, text)
    text = re.sub(r"\[([^\]]+)\]\((?:(?:sec|fig)-[\w-]+|[\w-]+\.md)\)", r"\1", text)  # no address outside of the book
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _directive(name: str, title: str, options: list[str], content: str) -> str:
    body = markdown(content) if content else ""
    if name == "exercise":
        label = re.search(r":label: (\S+)", "\n".join(options))[1]
        return f"### Exercise {numbers()[label]}. {title}\n\n{body}"
    if name in ("solution", "solution-start"):
        return f"### Answer {numbers()[title]}\n\n{body}"
    if name == "solution-end":
        return ""
    if name == "dropdown":
        return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"
    if name in BOXES:
        quoted = f"**{title or name.capitalize()}**\n\n{body}"
        return "\n".join(f"> {line}".rstrip() for line in quoted.split("\n"))
    raise ValueError(f"no plain Markdown is known for the directive {{{name}}}")


def _role(match: re.Match) -> str:
    role, text = match["role"], match["text"]
    if role == "eq":
        return f"({numbers()[text]})"
    if role in ("cite:t", "cite:p"):
        cited = [citation(key.strip()) for key in text.split(",")]
        if role == "cite:t":
            return " and ".join(f"{authors} ({year})" for authors, year in cited)
        return f"({'; '.join(f'{authors}, {year}' for authors, year in cited)})"
    if role in ("doc", "ref", "numref"):
        named = re.fullmatch(r"(.+?) <(.+)>", text)
        return named[1] if named else _title(text)
    if role in ("func", "class", "meth", "mod"):
        return f"`{text.rsplit('.', 1)[-1] if text.startswith('~') else text}`"
    raise ValueError(f"no plain Markdown is known for the role {{{role}}}")


def _title(target: str) -> str:
    """What the book calls a chapter or a labelled section."""
    if (path := BOOK / f"{target}.ipynb").is_file():
        return f"[{_heading(_text(path))}]({path.name})"
    if (path := BOOK / f"{target}.md").is_file():
        return _heading(path.read_text("utf-8"))
    for path in sorted(BOOK.glob("*.ipynb")):
        if labelled := re.search(rf"^\({re.escape(target)}\)=\n#+ (.+)$", _text(path), re.M):
            return labelled[1]
    return f"Exercise {numbers()[target]}"


def _heading(text: str) -> str:
    return re.search(r"^# (.+)$", text, re.M)[1]


@cache
def _text(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@cache
def numbers() -> dict[str, str]:
    """Label of a formula or an exercise -> its number in the book, such as 4.2."""
    found = {}
    for kind in (r"^\$\$ \((eq-[\w-]+)\)$", r"^:label: (\S+)"):
        unnumbered = 0  # pages that are no chapters are counted through
        for path in sorted(BOOK.glob("*.ipynb")):
            chapter = re.match(r"(\d\d)_", path.stem)
            labels = re.findall(kind, _text(path), re.M)
            for number, label in enumerate(labels, start=1 if chapter else unnumbered + 1):
                found[label] = f"{int(chapter[1])}.{number}" if chapter else f"{number}"
            unnumbered += 0 if chapter else len(labels)
    return found


@cache
def citation(key: str) -> tuple[str, str]:
    """Authors and year of an entry of the references, as a sentence names them."""
    entry = _references().entries[key]
    names = [" ".join([*person.prelast_names, *person.last_names]) for person in entry.persons["author"]]
    names = [name.replace("{", "").replace("}", "") for name in names]
    authors = names[0] if len(names) == 1 else f"{names[0]} and {names[1]}" if len(names) == 2 else f"{names[0]} et al."
    return authors, entry.fields["year"]


@cache
def _references():
    return parse_file(BOOK / "references.bib", bib_format="bibtex")
