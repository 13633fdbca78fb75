"""Names as token ids, and back: an end that the policy chooses, prompts of unlike length, masks."""

from importlib.resources import files

import torch
from torch import Tensor

from rlhf_helpers._checks import check_ids

ALPHABET = ".abcdefghijklmnopqrstuvwxyz"
"""Id -> character. Id 0, the dot, starts and ends a name; ids 1 to 26 are letters."""

END = 0
PAD = len(ALPHABET)
"""Fills prompts on the left. No policy writes it, so it is outside the vocabulary."""


def load_names(*, held_out: int = 500, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return real first names in lower case, split into those to learn from and those to test on.

    The source is the package ``names``: first names of the United States census of 1990, here without their
    frequencies, each once.

    Args:
        held_out: how many to keep for testing.
        seed: of the shuffle that decides which.

    Returns:
        ``(train, test)``, two lists without a name in common.

    Raises:
        ValueError: held_out is not between 1 and the number of names less one.

    Example:
        >>> train, test = load_names()
        >>> len(train), len(test), max(map(len, train + test))
        (4663, 500, 11)
    """
    lists = [(files("names") / f"dist.{kind}.first").read_text("ascii") for kind in ("female", "male")]
    names = sorted({line.split()[0].lower() for text in lists for line in text.splitlines() if line.strip()})
    if not 1 <= held_out < len(names):
        raise ValueError(f"held_out must be between 1 and {len(names) - 1}, got {held_out}")
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    shuffled = [names[i] for i in order]
    return shuffled[held_out:], shuffled[:held_out]


def encode(texts: list[str], *, side: str = "right") -> Tensor:
    """Return the ids of texts, filled up to one length: (B, L) int64.

    Args:
        texts: letters a to z and dots.
        side: "right" fills with the end token, as completions are; "left" fills with :data:`PAD`, as prompts are, so
            that all of them end where the completion begins.

    Raises:
        ValueError: no texts, an empty one, a character outside of the alphabet, or another side.

    Example:
        >>> encode([".a", ".bea"], side="left").tolist()
        [[27, 27, 0, 1], [0, 2, 5, 1]]
    """
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left' or 'right', got {side!r}")
    if not texts or not all(texts):
        raise ValueError(f"texts must be at least one, and none of them empty, got {texts!r}")
    strange = sorted({character for text in texts for character in text} - set(ALPHABET))
    if strange:
        raise ValueError(f"texts must consist of a to z and dots, got {', '.join(map(repr, strange))}")
    length = max(map(len, texts))
    rows = [[ALPHABET.index(character) for character in text] for text in texts]
    fill = PAD if side == "left" else END
    filled = [[fill] * (length - len(row)) for row in rows]
    return torch.tensor([f + row if side == "left" else row + f for f, row in zip(filled, rows, strict=True)])


def decode(ids: Tensor) -> list[str]:
    """Return the texts of rows of ids (B, L), each up to its first end token after a letter; padding is left out.

    Example:
        >>> decode(torch.tensor([[27, 0, 1, 14, 14, 0, 3]]))
        ['ann']
    """
    check_ids("ids", ids, PAD + 1)
    texts = []
    for row in ids.tolist():
        text = "".join(ALPHABET[i] for i in row if i != PAD).lstrip(".")
        texts.append(text.split(".")[0])
    return texts


def mask_after_end(completion_ids: Tensor) -> Tensor:
    r"""Return the mask of completions that end where the policy says so: 1 up to and with the first end token.

    .. math:: m_t = \prod_{s < t} [y_s \neq \text{end}]

    Args:
        completion_ids: (B, T) int64. What stands after the first end token was never meant.

    Returns:
        (B, T) bool. A completion without an end token counts in full: it was cut off.

    Example:
        >>> mask_after_end(torch.tensor([[3, 1, 0, 5], [0, 0, 0, 0], [3, 1, 2, 5]])).int().tolist()
        [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]
    """
    check_ids("completion_ids", completion_ids)
    ended = (completion_ids == END).cumsum(1)  # (B, T): ends so far, this token's own included
    return ended - (completion_ids == END).long() == 0
