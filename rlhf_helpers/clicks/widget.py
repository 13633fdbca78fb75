"""Which of two do you prefer? A widget on a kernel; in a page the same script without one."""

import json
from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path

import anywidget
import traitlets

from rlhf_helpers._html import PALETTE
from rlhf_helpers.clicks.file import Item, load_clicks, plain_pairs, save_clicks

HERE = Path(__file__).parent
WIDGET = """
export default {
  render({ model, el }) {
    const mounted = babyClicks.mount(el, model.get("spec"), {
      load: () => model.get("rows"),
      save(rows) {
        model.set("rows", rows);
        model.save_changes();
        return model.get("trouble");
      },
    });
    const show = () => mounted.show(model.get("trouble"));
    model.on("change:rows change:trouble", show);
    return () => model.off("change:rows change:trouble", show);
  },
};
"""


class Clicks(anywidget.AnyWidget):
    """What :func:`ask` returns: shown by a cell, and filled by a reader.

    Args:
        spec: what is asked, as the script reads it.
        path: file that the clicks are kept in, or None.
    """

    _esm = (HERE / "clicks.js").read_text("utf-8") + WIDGET
    _css = PALETTE + (HERE / "clicks.css").read_text("utf-8")
    spec = traitlets.Dict().tag(sync=True)
    rows = traitlets.List().tag(sync=True)
    trouble = traitlets.Unicode().tag(sync=True)

    def __init__(self, spec: dict, path: str | Path | None):
        super().__init__(spec=spec)
        self.path = None if path is None else Path(path)
        self._kept = self._read() or []
        self.rows = self._kept
        self.observe(self._keep, "rows")

    @property
    def clicks(self) -> list[tuple[Item, Item]]:
        """The clicks so far, ``(chosen, rejected)`` each, in the order of clicking."""
        return [(row["chosen"], row["rejected"]) for row in self.rows]

    def _read(self) -> list[dict] | None:
        """The rows in the file, or None without one."""
        if self.path is None or not self.path.exists():
            return None
        return [{"chosen": chosen, "rejected": rejected} for chosen, rejected in load_clicks(self.path)]

    def _keep(self, change) -> None:
        """Do to the file what was done to the rows, and show what is in it: others may write to it as well."""
        if self.path is None or self.rows == self._kept:
            return
        try:
            kept = _edited(self._kept, self.rows, self._read())
            save_clicks(self.path, self.spec["name"], [(row["chosen"], row["rejected"]) for row in kept])
        except (OSError, ValueError) as error:
            self.trouble = f"This is not in the file: {error}."
            return
        self.trouble = ""
        self._kept = kept
        self.rows = kept

    def __repr__(self) -> str:
        return f"{self.spec['question']} {len(self.spec['pairs'])} pairs, {len(self.rows)} clicks"

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        spec = json.dumps(self.spec, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
        markup = (
            f'<div class="baby-clicks"><p>{escape(self.spec["question"])}</p>'
            "<noscript><p>Choosing needs JavaScript.</p></noscript>"
            f'<script type="application/json" class="baby-clicks-data">{spec}</script></div>'
        )
        return {**data, "text/html": markup, "text/plain": repr(self)}, metadata


def ask(
    pairs: Iterable[tuple[Item, Item]],
    *,
    name: str,
    question: str = "Which of the two do you prefer?",
    features: Mapping[str, Callable[[Item], float]] | None = None,
    path: str | Path | None = None,
) -> Clicks:
    """Let the reader choose between two completions, again and again, and fit a reward to the choices.

    Nothing is sent anywhere. In a page the clicks stay in the browser, and Export writes them to a file.

    Args:
        pairs: what to choose from: token ids, drawn as squares, or words.
        name: of this set of pairs, in the browser's storage and in the file; letters, digits, ``-`` and ``_``.
        question: what is asked.
        features: label -> what the fit may look at in a completion, at most 12; how often each of the ten tokens occurs
            when left out, which is for token ids only.
        path: a JSON file on the kernel's disk. It is read if it exists, and written after every click; several widgets
            may share it.

    Returns:
        A widget; its ``clicks`` are the choices so far.

    Raises:
        TypeError: pairs that are none, completions that are neither words nor token ids, or features that are not
            label -> function, or do not return a number.
        ValueError: no pairs, a pair of two equal completions, words and token ids mixed, no features for words, more
            than 12 features, an unfit name, or a path in a folder that does not exist.

    Example:
        >>> asked = ask([([1, 2], [3, 4])], name="example")
        >>> asked.clicks
        []
    """
    pairs = plain_pairs("pairs", pairs)
    if not pairs or any(len(pair) != 2 or pair[0] == pair[1] for pair in pairs):
        raise ValueError("pairs must be at least one pair of two different completions")
    kinds = {isinstance(item, str) for pair in pairs for item in pair}
    if len(kinds) != 1:
        raise ValueError("pairs must be all words or all token ids, got both")
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"name must be made of letters, digits, - and _, got {name!r}")
    if path is not None and not Path(path).absolute().parent.is_dir():
        raise ValueError(f"path must be a file in a folder that exists, got {str(path)!r}")
    look = "words" if kinds == {True} else "tokens"
    if features is None and look == "words":
        raise ValueError("features must be given for words: label -> function of the word")
    if features is None:
        features = {f"token {token}": _count(token) for token in range(10)}
    if not isinstance(features, Mapping) or not all(callable(of) for of in features.values()):
        raise TypeError("features must be label -> function of a completion")
    if not 1 <= len(features) <= 12:
        raise ValueError(f"features must be 1 to 12, got {len(features)}")

    def described(item: Item) -> dict:
        return {"value": item, "features": [_feature(label, of(item)) for label, of in features.items()]}

    spec = {"name": name, "question": question, "look": look, "labels": list(features)}
    return Clicks({**spec, "pairs": [[described(item) for item in pair] for pair in pairs]}, path)


def _edited(old: list[dict], new: list[dict], file: list[dict] | None) -> list[dict]:
    """What is to be in a file, after a reader who saw ``old`` has made ``new`` of it."""
    if file is None:
        return new
    if new[: len(old)] == old:
        return file + new[len(old) :]
    if new == old[:-1]:  # the last click was taken back
        if old[-1] not in file:
            return file  # elsewhere too
        place = len(file) - 1 - file[::-1].index(old[-1])
        return file[:place] + file[place + 1 :]
    return new


def _feature(label: str, found: float) -> float:
    """Return what a feature says of a completion, one number."""
    try:
        return float(found)
    except (TypeError, ValueError) as error:
        raise TypeError(f"features[{label!r}] must return a number: {error}") from error


def _count(token: int) -> Callable[[Item], float]:
    return lambda item: float(item.count(token))
