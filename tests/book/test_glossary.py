"""The page of names: in order, one sentence each, with a link into the book."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "book" / "glossary.md").read_text("utf-8")
TERMS = dict(re.findall(r"^([A-Za-z][^\n]*)\n {2}(.+)$", PAGE.partition(":::{glossary}")[2], re.MULTILINE))


def test_there_are_as_many_as_the_page_says_and_in_order():
    assert len(TERMS) == 55
    assert "**Fifty-five names" in PAGE
    assert list(TERMS) == sorted(TERMS, key=str.lower)


@pytest.mark.parametrize("term", TERMS)
def test_a_name_has_one_sentence_that_ends_in_a_link(term):
    sentence = TERMS[term]
    assert re.search(r": \{(ref|doc)\}`[\w-]+`[^.]*\.$", sentence)
    assert not re.search(r"[.!?] [A-Z]", sentence.replace("Dr. ", ""))
