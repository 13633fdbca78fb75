"""Checks of the exercises that say what went wrong, and questions with answers that explain. Both work offline."""

from rlhf_helpers.exercises import (
    baby_rlhf,
    baselines,
    beyond_the_laptop,
    bug_hunt,
    dpo,
    grpo,
    human_feedback,
    kl_bookkeeping,
    names,
    one_line_apart,
    ppo,
    ppo_ratio,
    probs_and_logprobs,
    side_by_side,
    spo,
)
from rlhf_helpers.exercises.answers import NotAttempted
from rlhf_helpers.exercises.question import Question, question

__all__ = ["Question", "check", "question"]

_CHAPTERS = (
    probs_and_logprobs,
    ppo_ratio,
    baby_rlhf,
    ppo,
    baselines,
    dpo,
    spo,
    grpo,
    side_by_side,
    human_feedback,
    names,
    one_line_apart,
    beyond_the_laptop,
    bug_hunt,
    kl_bookkeeping,
)
EXERCISES = {label: diagnose for chapter in _CHAPTERS for label, diagnose in chapter.EXERCISES.items()}
"""Label of an exercise in the book -> a function that takes an attempt and returns None, or what is wrong with it."""


def check(label: str, attempt) -> None:
    """Print whether an attempt at an exercise is right, and if it is not, what the likely mistake is.

    Args:
        label: the exercise's label, as its cell in the chapter gives it.
        attempt: what the exercise asks for, a function, a number, a tensor. The placeholder ``...`` (or a function that
            returns it) is no attempt yet.

    Raises:
        ValueError: when no exercise has this label.

    Example:
        >>> check("ex-ratio-read", ...)
        Not attempted yet: put your answer in place of the dots, and run this cell again.
    """
    if label not in EXERCISES:
        raise ValueError(f"label must be an exercise of the book, got {label!r}; the first are {sorted(EXERCISES)[:3]}")
    try:
        fault = EXERCISES[label](attempt)
    except NotAttempted:
        print("Not attempted yet: put your answer in place of the dots, and run this cell again.")
        return
    print("Passed." if fault is None else f"Not yet. {fault}")
