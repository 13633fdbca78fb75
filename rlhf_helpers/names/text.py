"""Real names, and names as token ids and back."""

import json
from functools import cache
from importlib.resources import files

import torch
from torch import Tensor

from rlhf_helpers._checks import check_choice, check_count, check_ids, check_whole
from rlhf_helpers.sampling import draw

ALPHABET = ".abcdefghijklmnopqrstuvwxyz"
"""Id -> character. Id 0, the dot, ends a prompt and a name; ids 1 to 26 are letters."""

END = 0
PAD = len(ALPHABET)
"""Fills prompts on the left. No policy writes it, so it is outside of the vocabulary."""


def load_names(*, held_out: int = 500, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return real first names in lower case, split into those to learn from and those to test on.

    They are the first names of the United States census of 1990, each once, without their frequencies.

    Args:
        held_out: how many to keep for testing.
        seed: of the shuffle that decides which.

    Returns:
        ``(train, test)``, two lists without a name in common.

    Raises:
        TypeError: held_out or seed is not a whole number.
        ValueError: held_out is not between 1 and the number of names less one.

    Example:
        >>> train, test = load_names()
        >>> len(train), len(test), max(map(len, train + test))
        (4663, 500, 11)
    """
    names = _census()["first_names"]
    check_count(held_out=held_out)
    check_whole(seed=seed)
    if held_out >= len(names):
        raise ValueError(f"held_out must be at most {len(names) - 1}, got {held_out}")
    order = draw(torch.randperm, len(names), generator=torch.Generator().manual_seed(int(seed))).tolist()
    shuffled = [names[i] for i in order]
    return shuffled[held_out:], shuffled[:held_out]


def load_surnames(count: int = 1000, *, longest: int = 7) -> list[str]:
    """Return the most frequent surnames of the same census, in lower case, the most frequent first.

    Args:
        count: how many.
        longest: the number of letters that a surname may have.

    Raises:
        TypeError: a size is not a whole number.
        ValueError: a size is below 1, or fewer than count of the 2,000 most frequent surnames are that short.

    Example:
        >>> load_surnames(3)
        ['smith', 'johnson', 'jones']
    """
    check_count(count=count, longest=longest)
    surnames = [name for name in _census()["surnames"] if len(name) <= longest]
    if count > len(surnames):
        raise ValueError(f"count must be at most {len(surnames)} where longest is {longest}, got {count}")
    return surnames[:count]


def encode(texts: list[str], *, side: str = "right") -> Tensor:
    """Return the ids of texts, filled up to one length: (B, L) int64.

    Args:
        texts: letters a to z and dots.
        side: "right" fills with the end token, as after a completion; "left" fills with padding, as before a prompt, so
            that all prompts end where the completion begins.

    Raises:
        ValueError: no texts, an empty one, a character outside of the alphabet, or another side.

    Example:
        >>> encode([".", "kent."], side="left").tolist()
        [[27, 27, 27, 27, 0], [11, 5, 14, 20, 0]]
    """
    check_choice("side", side, ("left", "right"))
    if not texts or not all(texts):
        raise ValueError(f"texts must be at least one, and none of them empty, got {texts!r}")
    strange = sorted({character for text in texts for character in text} - set(ALPHABET))
    if strange:
        raise ValueError(f"texts must consist of a to z and dots, got {', '.join(map(repr, strange))}")
    length = max(map(len, texts))
    rows = [[ALPHABET.index(character) for character in text] for text in texts]
    if side == "left":
        return torch.tensor([[PAD] * (length - len(row)) + row for row in rows])
    return torch.tensor([row + [END] * (length - len(row)) for row in rows])


def decode(completion_ids: Tensor) -> list[str]:
    """Return the names in completions (B, T), each up to its first end token.

    Raises:
        TypeError: ids are not int64.
        ValueError: ids are not (B, T), empty, or outside of the alphabet.

    Example:
        >>> decode(torch.tensor([[1, 14, 14, 0, 3]]))
        ['ann']
    """
    check_ids("completion_ids", completion_ids, PAD)
    return ["".join(ALPHABET[i] for i in row).split(".")[0] for row in completion_ids.tolist()]


@cache
def _census() -> dict[str, list[str]]:
    return json.loads((files("rlhf_helpers.names") / "census.json").read_text("ascii"))
