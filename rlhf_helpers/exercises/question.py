"""A question with answers that explain: plain HTML that needs no kernel, no script and no other host."""

import hashlib
from functools import cache
from pathlib import Path

from rlhf_helpers._html import inline


class Question:
    """What :func:`question` returns: shown by a notebook, by a page and by a slide as the same HTML."""

    def __init__(self, html: str, text: str):
        """Keep what is shown.

        Args:
            html: the question as an HTML fragment.
            text: the same in words, for where HTML is not shown.
        """
        self.html, self.text = html, text

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}


def question(text: str, answers: dict[str, str], *, right: str) -> Question:
    """Ask a question with a few answers to choose from; choosing one shows why it is right or wrong.

    Args:
        text: the question. Words in backticks are set as code.
        answers: each answer -> its explanation, which teaches whoever picks it.
        right: the answer that is right.

    Returns:
        What the cell should end in.

    Raises:
        ValueError: when ``right`` is not one of the answers, or there are fewer than two.
    """
    if len(answers) < 2:
        raise ValueError(f"answers must be at least two, got {len(answers)}")
    if right not in answers:
        raise ValueError(f"right must be one of the answers, got {right!r}; they are {list(answers)}")
    name = "question-" + hashlib.sha256(text.encode()).hexdigest()[:10]
    choices = []
    for number, (answer, why) in enumerate(answers.items(), start=1):
        verdict, kind = ("Yes.", " baby-yes") if answer == right else ("No.", "")
        choices.append(
            f'<div class="baby-choice" aria-live="polite"><input type="radio" name="{name}" id="{name}-{number}">'
            f'<label for="{name}-{number}">{inline(answer)}</label>'
            f'<p class="baby-why{kind}"><strong>{verdict}</strong> {inline(why)}</p></div>'
        )
    body = f"<legend>{inline(text)}</legend>{''.join(choices)}"
    html = f'<style>{_css()}</style><fieldset class="baby-question">{body}</fieldset>'
    return Question(html, "\n".join([text, *(f"  ( ) {answer}" for answer in answers)]))


@cache
def _css() -> str:
    return (Path(__file__).parent / "question.css").read_text("utf-8").strip()
