"""The file that clicks are kept in: the same for a notebook and for a page."""

import json
from pathlib import Path

FORMAT = "baby-rlhf clicks"
Item = str | list[int]


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


def save_clicks(path: str | Path, name: str, clicks: list[tuple[Item, Item]]) -> None:
    """Write clicks to a JSON file that notebooks and pages read.

    Args:
        path: the file; what is in it is replaced.
        name: the set of pairs that was clicked on.
        clicks: ``(chosen, rejected)`` for every click.
    """
    rows = [{"chosen": chosen, "rejected": rejected} for chosen, rejected in clicks]
    text = json.dumps({"format": FORMAT, "version": 1, "name": name, "clicks": rows}, ensure_ascii=False)
    Path(path).write_text(text + "\n", "utf-8")
