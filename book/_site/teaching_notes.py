"""A chapter's teaching notes, and a workshop's plans, where the teaching guide asks for them."""

import sys
from pathlib import Path

import nbformat
from sphinx.util.docutils import SphinxDirective

WORKSHOP = Path(__file__).resolve().parents[2] / "workshop"
sys.path.append(str(WORKSHOP))

from plans import plans  # noqa: E402


class TeachingNotes(SphinxDirective):
    """The directive ``{teaching-notes} 04_ppo``: what the chapter's own cell says to whoever teaches it."""

    required_arguments = 1

    def run(self):
        """Parse the cell as if it were written here."""
        path = Path(self.env.srcdir, "book", f"{self.arguments[0]}.ipynb")
        if not path.is_file():
            raise self.error(f"no chapter called {path.name}")
        self.env.note_dependency(str(path))
        cells = nbformat.read(path, as_version=4).cells
        notes = [cell.source for cell in cells if "instructor" in cell.metadata.get("tags", [])]
        if len(notes) != 1:
            raise self.error(f"{path.name} must have one cell with the tag `instructor`, it has {len(notes)}")
        return self.parse_text_to_nodes(notes[0])


class TeachingPlans(SphinxDirective):
    """The directive ``{teaching-plans}``: a heading and a table for each plan of the workshop."""

    def run(self):
        """Parse the tables as if they were written here."""
        for source in (WORKSHOP / "plans.yaml", *Path(self.env.srcdir, "book").glob("*.ipynb")):
            self.env.note_dependency(str(source))
        text = "\n\n".join(f"### {plan.title}\n\n{plan.markdown()}" for plan in plans())
        return self.parse_text_to_nodes(text, allow_section_headings=True)
