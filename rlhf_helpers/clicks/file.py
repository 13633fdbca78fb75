"""The file that clicks are kept in: the same for a notebook and for a page."""

import json
import operator
from collections.abc import Iterable
from pathlib import Path

FORMAT = "baby-rlhf clicks"
Item = str | list[int]


def plain(item) -> Item:
    """Return a completion as the file keeps it: a word, or a list of Python's integers."""
    if isinstance(item, str):
        return item
    try:
        return [operator.index(token) for token in item]
    except TypeError as error:
        raise TypeError(f"a completion must be a word or token ids: {error}") from error


def plain_pairs(name: str, pairs: Iterable) -> list[tuple[Item, ...]]:
    """Return pairs of completions as the file keeps them; ``name`` is what the caller calls them."""
    try:
        pairs = [(pair,) if isinstance(pair, str) else tuple(pair) for pair in pairs]  # a word alone is no pair
    except TypeError as error:
        raise TypeError(f"{name} must be pairs of completions: {error}") from error
    return [tuple(plain(item) for item in pair) for pair in pairs]


def load_clicks(path: str | Path) -> list[tuple[Item, Item]]:
    """Read the clicks that a page exported or a notebook kept.

    Args:
        path: the JSON file.

    Returns:
        ``(chosen, rejected)`` for every click, in the order of clicking; words, or lists of token ids.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds something else.
    """
    try:
        file = json.loads(Path(path).read_text("utf-8"))
        if file["format"] != FORMAT:
            raise KeyError("format")
        return [(click["chosen"], click["rejected"]) for click in file["clicks"]]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"path must be a file of clicks, as the button Export writes it, got {path}") from None


def save_clicks(path: str | Path, name: str, clicks: Iterable[tuple[Item, Item]]) -> None:
    """Write clicks to a JSON file that notebooks and pages read.

    Args:
        path: the file; what is in it is replaced.
        name: the set of pairs that was clicked on.
        clicks: ``(chosen, rejected)`` for every click.

    Raises:
        TypeError: a name that is no text, clicks that are no pairs, completions that are neither words nor token ids.
        ValueError: clicks that are not two completions each.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a text, got {type(name).__name__}")
    clicks = plain_pairs("clicks", clicks)
    if any(len(click) != 2 for click in clicks):
        raise ValueError("clicks must be (chosen, rejected) each")
    rows = [{"chosen": chosen, "rejected": rejected} for chosen, rejected in clicks]
    text = json.dumps({"format": FORMAT, "version": 1, "name": name, "clicks": rows}, ensure_ascii=False)
    Path(path).write_text(text + "\n", "utf-8")
