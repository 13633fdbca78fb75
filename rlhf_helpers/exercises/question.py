"""A question with answers that explain: plain HTML that needs no kernel, no script, no style and no other host."""

import hashlib
import uuid
from functools import cache
from pathlib import Path

from rlhf_helpers._html import PALETTE, inline, publishing


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
    # one answer is open at a time: of a page's question, of one rendering in a notebook program
    name = hashlib.sha256(text.encode()).hexdigest()[:10] if publishing() else uuid.uuid4().hex[:10]
    choices = []
    for answer, why in answers.items():
        verdict, kind = ("Yes.", " baby-yes") if answer == right else ("No.", "")
        choices.append(
            f'<details class="baby-choice" name="question-{name}"><summary>{inline(answer)}</summary>'
            f'<p class="baby-why{kind}"><strong>{verdict}</strong> {inline(why)}</p></details>'
        )
    body = f'<p class="baby-asked">{inline(text)}</p>{"".join(choices)}'
    style = _css() if publishing() else PALETTE + _css()  # a page has the colors already
    html = f'<style>{style}</style><div class="baby-question">{body}</div>'
    return Question(html, "\n".join([text, *(f"  ( ) {answer}" for answer in answers)]))


@cache
def _css() -> str:
    return (Path(__file__).parent / "question.css").read_text("utf-8").strip()
