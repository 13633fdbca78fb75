"""The mechanism of claims: what counts as one, and what is said of a claim that nothing speaks for."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from support import claims

CELLS = [
    new_markdown_cell(
        "# One\n\nIn the text 12 is no claim: the cells beside it are tested.\n\n## What people get wrong\n\n"
    ),
    new_markdown_cell(
        '**"It always learns."** It learns in chapter 3, from token 7,\nwith `steps=5`; $x^2$. It ends at 0.45.'
    ),
    new_code_cell(
        'live(step, caption="It never stops.", presets=[Preset("fast 9", "More than it can carry.", {"a": 3})],\n'
        '     says=[Say("x", text="It is less than before.")])\n'
        'question("Is it 1?", {"Yes.": "It is 2.", "No.": "Quite."}, right="No.")'
    ),
    new_code_cell("print(x)", outputs=[new_output("stream", text="reward 0.45\n")]),
    new_markdown_cell("## After\n\nHere 99 is no claim.\n\n````{solution-start} ex-one\n````"),
    new_markdown_cell("Twice 21."),
    new_markdown_cell("````{solution-end}\n````"),
    new_markdown_cell("````{solution} ex-two\n:class: dropdown\n\nIt is 17.\n````"),
]
ALL = [
    "It always learns.",
    "It ends at 0.45.",
    "It never stops.",
    "More than it can carry.",
    "It is less than before.",
    "It is 2.",
    "Twice 21.",
    "It is 17.",
]


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page with eight claims."""
    path = tmp_path / "one.ipynb"
    nbformat.write(new_notebook(cells=CELLS), path)
    monkeypatch.setattr(claims, "CHAPTERS", [path])
    return claims.Page("one")


def test_every_claim_without_proof_is_found_and_nothing_else(page):
    found = [problem.removeprefix("without proof: ") for problem in page.problems()]
    assert len(found) == len(ALL)
    assert all(sum(claim.strip(".") in problem for problem in found) == 1 for claim in ALL)


def test_quoted_claims_are_settled_also_across_lines(page):
    page.says("It always learns.", "It never stops.", "from token 7, with `steps=5`")(None)
    page.defines("Twice 21.", "It is 2.", "It is 17.", "More than it can carry.", "It is less than before.")
    page.prints("It ends at 0.45.", "reward 0.45")
    assert page.problems() == []


@pytest.mark.parametrize(
    ("quote", "said"),
    [("It ends at 0.46.", "not on the page"), ("Here 99 is no claim.", "not on the page")],
)
def test_a_quote_that_is_not_on_the_page_is_named(page, quote, said):
    page.says(quote)(None)
    assert f"{said}: {quote}" in page.problems()


def test_a_line_that_no_cell_prints_is_named(page):
    page.prints("Twice 21.", "reward 21")
    assert "no cell prints reward 21: Twice 21." in page.problems()


@pytest.mark.parametrize("line", ["reward", "reward 0.45"])
def test_a_line_without_the_numbers_of_the_claim_is_no_proof(page, line):
    page.prints("Twice 21.", line)
    assert "the lines do not have its numbers: Twice 21." in page.problems()


def test_half_a_claim_does_not_settle_the_other_half(page):
    page.says("It always")(None)
    page.says("ends at")(None)
    assert any("0.45" in problem for problem in page.problems())
