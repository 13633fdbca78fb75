"""A question with answers that explain: plain HTML that needs no kernel, no script, no style and no other host."""

import hashlib
import html
import uuid
from collections.abc import Mapping
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


def question(text: str, answers: dict[str, str], *, right: str, show: str | Mapping[str, str] = "") -> Question:
    """Ask a question with a few answers to choose from; choosing one shows why it is right or wrong.

    Args:
        text: the question. Words in backticks are set as code.
        answers: each answer -> its explanation, which teaches whoever picks it.
        right: the answer that is right.
        show: the figure that shows it, and its settings, as a link of the text has them: ``"ppo?epochs=1"``. The
            explanations end in a button that runs it. One for all answers, or answer -> its own.

    Returns:
        What the cell should end in.

    Raises:
        TypeError: a question that is no text, or answers without explanations.
        ValueError: when ``right`` is not one of the answers, or there are fewer than two.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a text, got {type(text).__name__}")
    if not isinstance(answers, Mapping):
        raise TypeError(f"answers must be answer -> explanation, got {type(answers).__name__}")
    if len(answers) < 2:
        raise ValueError(f"answers must be at least two, got {len(answers)}")
    if right not in answers:
        raise ValueError(f"right must be one of the answers, got {right!r}; they are {list(answers)}")
    if strange := [answer for answer in show if answer not in answers] if isinstance(show, Mapping) else []:
        raise ValueError(f"show must name answers, {list(answers)}, got {strange[0]!r}")
    # one answer is open at a time: of a page's question, of one rendering in a notebook program
    name = hashlib.sha256(text.encode()).hexdigest()[:10] if publishing() else uuid.uuid4().hex[:10]
    choices = []
    for answer, why in answers.items():
        verdict, kind = ("Yes.", " baby-yes") if answer == right else ("No.", "")
        figure = show.get(answer, "") if isinstance(show, Mapping) else show
        see = f' <a class="baby-act baby-see" href="#{html.escape(figure)}">See it</a>' if figure else ""
        choices.append(
            f'<details class="baby-choice" name="question-{name}"><summary>{inline(answer)}</summary>'
            f'<p class="baby-why{kind}"><strong>{verdict}</strong> {inline(why)}{see}</p></details>'
        )
    body = f'<p class="baby-asked">{inline(text)}</p>{"".join(choices)}'
    style = _css() if publishing() else PALETTE + _css()  # a page has the colors already
    markup = f'<style>{style}</style><div class="baby-question">{body}</div>'
    return Question(markup, "\n".join([text, *(f"  ( ) {answer}" for answer in answers)]))


@cache
def _css() -> str:
    return (Path(__file__).parent / "question.css").read_text("utf-8").strip()
