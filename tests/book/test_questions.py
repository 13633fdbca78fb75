"""The page of questions: each has its thread, a short answer, and a place in the book that shows it."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "book" / "questions.md").read_text("utf-8")
QUESTIONS = dict(re.findall(r"^### (.+)\n\n(.+(?:\n.+)*)", PAGE, re.MULTILINE))
THREAD = re.compile(r"\]\((https://github\.com/[\w.-]+/[\w.-]+/(?:issues|pull)/\d+)\)")
LINK = re.compile(r"\[([^]]+)\]\([^)]+\)|\{\w+\}`([^`]+)`")
FIVE_LINES = 5 * 110  # letters


def test_there_are_as_many_as_the_page_says():
    assert len(QUESTIONS) == PAGE.count("\n### ") == 30
    assert "Thirty questions" in PAGE


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_a_thread_a_short_answer_and_a_place_that_shows_it(question):
    answer = QUESTIONS[question]
    assert len(THREAD.findall(answer.split(".\n")[0])) == 1
    assert re.search(r"\{(ref|doc)\}`", answer)
    assert len(LINK.sub(r"\1\2", answer)) < FIVE_LINES


def test_no_thread_is_named_twice():
    threads = THREAD.findall(PAGE)
    assert len(set(threads)) == len(threads)
