"""Whether two runs of a cell show the same, up to what differs from one processor to another.

The last bit of a sum depends on the processor, and training amplifies it. So a chapter prints only digits that hold,
and a run counts as the same if

- words, whole numbers, marks and the order of everything are equal;
- a printed number with decimals is at most one unit of its last digit away, 0.54 from 0.53 or 0.55, and at most one in
  ten numbers of an output is away at all: rounding turns a number here and there, a change turns many;
- what is drawn lies within `PIXELS` of where it lay, and is drawn alike;
- the graph of a live figure is the same byte for byte, its starts and all other numbers of it are within `RELATIVE`.

`book/conftest.py` compares the cells of a test run so, `book/execute.py` those of a chapter that is run again.
"""

import base64
import json
import re
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
from kept_figures import KEPT, html_of

SHARE = 10  # one in this many printed numbers may be one unit of its last digit away
PIXELS = 0.1  # of a picture that is 374 wide
RELATIVE = 1e-5  # of a number that a page computes with, in float32; of numbers below 1, their distance
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"  # a number that is chance

_PRINTED = re.compile(r"( *)(?<![\w.])([-+\u2212]?\d*\.\d+(?:e[-+]?\d+)?)(?!\.?\d)")
_DRAWN = re.compile(r"-?\d+(?:\.\d+)?")
_DATA = re.compile(r'(<script type="application/json"[^>]*>)(.*?)(</script>)', re.DOTALL)
_TAG = re.compile(r"(<[^>]+>)")
_ID = re.compile(r"\bf[0-9a-f]{8}[a-z][0-9a-f]{10}\b")  # of a part of a picture: a hash of what is drawn
_ALT = re.compile(r' aria-label="([^"]*)"')
_PLACE = re.compile(r' (d|x|y|x1|y1|x2|y2|cx|cy|r|width|height|points|transform)="([^"]*)"')


def differences(found: list[dict], kept: list[dict]) -> list[str]:
    """Return where the outputs of a cell differ by more than noise, one line each; none if they show the same.

    Args:
        found: a cell's outputs, as a run gave them.
        kept: the outputs that the chapter holds.
    """
    found, kept = list(_parts(found)), list(_parts(kept))
    if [kind for kind, _ in found] != [kind for kind, _ in kept]:
        return [f"the chapter has {[kind for kind, _ in kept]}, the run gave {[kind for kind, _ in found]}"]
    wrong = []
    for (kind, new), (_, old) in zip(found, kept, strict=True):
        compare = _markup if kind.endswith("text/html") else _text
        wrong += [f"{kind}: {what}" for what in compare(new, old)]
    return wrong


def _parts(outputs: list[dict]) -> Iterator[tuple[str, str]]:
    """Name everything that outputs show: pairs of a kind and a text."""
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            yield output["name"], output["text"]
        elif kind == "error":
            yield kind, f"{output['ename']}: {output['evalue']}"
        else:
            shown = {"text/html": html_of(output["data"])} if KEPT in output["data"] else {}
            for mime, data in sorted((output["data"] | shown).items()):
                if mime == "image/png":  # drawn from what the HTML holds
                    yield f"{kind} {mime}", ""
                elif mime not in (WIDGET_VIEW, KEPT):
                    yield f"{kind} {mime}", data if isinstance(data, str) else json.dumps(data, sort_keys=True)


def _text(new: str, old: str) -> Iterator[str]:
    """Compare what a reader reads."""
    if new == old:
        return
    new_words, new_numbers = _taken_apart(new)
    old_words, old_numbers = _taken_apart(old)
    if new_words != old_words:
        yield _first_difference(new_words, old_words)
        return
    moved = [(a, b) for a, b in zip(new_numbers, old_numbers, strict=True) if a[1] != b[1]]
    for (new_gap, a), (old_gap, b) in zip(new_numbers, old_numbers, strict=True):
        if len(new_gap) != len(old_gap) and len(new_gap + a) != len(old_gap + b):
            yield f"{a!r} is indented otherwise than {b!r}"
        elif a != b and _too_far(a, b):
            yield f"{a} instead of {b}"
    if len(moved) > max(1, len(new_numbers) // SHARE):
        yield f"{len(moved)} of {len(new_numbers)} numbers changed"


def _taken_apart(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a text with its decimals left out, and these, each with the spaces before it."""
    return _PRINTED.sub("\0", text), _PRINTED.findall(text)


def _too_far(new: str, old: str) -> bool:
    """Whether two printed numbers are more than one unit of the last digit apart."""
    a, b = (Decimal(text.replace("\u2212", "-")) for text in (new, old))
    if a == b:
        return a != 0  # the same number, printed otherwise; a zero may have any sign
    unit = Decimal(1).scaleb(min(a.as_tuple().exponent, b.as_tuple().exponent))
    return abs(a - b) > unit


def _markup(new: str, old: str) -> Iterator[str]:
    """Compare figures and other HTML: their data, their words, where things are drawn, and all the rest exactly."""
    if new == old:
        return
    new_data, old_data = ([data for _, data, _ in _DATA.findall(text)] for text in (new, old))
    if len(new_data) != len(old_data):
        yield f"{len(new_data)} sets of data instead of {len(old_data)}"
        return
    for a, b in zip(new_data, old_data, strict=True):
        yield from _json(json.loads(a), json.loads(b), "data")
    (new_marks, new_words, new_places), (old_marks, old_words, old_places) = _layers(new), _layers(old)
    if new_marks != old_marks:
        yield _first_difference(new_marks, old_marks)
        return
    yield from _text(new_words, old_words)
    for a, b in zip(new_places, old_places, strict=True):
        if _DRAWN.sub("\0", a) != _DRAWN.sub("\0", b):
            yield f"drawn otherwise: {a[:60]} instead of {b[:60]}"
        elif (far := _distance(a, b)) > PIXELS:
            yield f"drawn {far:.2f} pixels away: {a[:60]} instead of {b[:60]}"


def _layers(markup: str) -> tuple[str, str, list[str]]:
    """Take HTML apart: marks, with ids numbered; words, those for the blind included; places on the drawing."""
    order: dict[str, str] = {}
    markup = _ID.sub(lambda match: order.setdefault(match.group(), f"id{len(order)}"), _DATA.sub(r"\1\3", markup))
    words, places, marks = [], [], []
    for piece in _TAG.split(markup):
        if not piece.startswith("<"):
            words.append(piece)
            marks.append("text" if piece else "")
            continue
        words += _ALT.findall(piece)
        places += [f"{key} {value}" for key, value in _PLACE.findall(piece)]
        marks.append(_PLACE.sub(r" \1", _ALT.sub("", piece)))
    return "".join(marks), "\n".join(words), places


def _distance(new: str, old: str) -> float:
    """How far apart the coordinates of two places are at most."""
    a, b = (np.array(_DRAWN.findall(text), dtype=float) for text in (new, old))
    return float(np.abs(a - b).max(initial=0.0))


def _json(new, old, where: str) -> Iterator[str]:
    """Compare the data that a page computes with."""
    if type(new) is not type(old):
        yield f"{where}: {str(new)[:60]} instead of {str(old)[:60]}"
    elif isinstance(new, dict):
        if list(new) != list(old):
            yield f"{where}: {list(new)} instead of {list(old)}"
            return
        for key in new:
            if key == "bytes" and new["type"] == old["type"]:
                yield from _json(_numbers(new), _numbers(old), f"{where}.bytes")
            else:
                yield from _json(new[key], old[key], f"{where}.{key}")
    elif isinstance(new, list):
        if len(new) != len(old):
            yield f"{where}: {len(new)} values instead of {len(old)}"
            return
        for place, (a, b) in enumerate(zip(new, old, strict=True)):
            yield from _json(a, b, f"{where}[{place}]")
    elif isinstance(new, float):
        if not np.isclose(new, old, rtol=RELATIVE, atol=RELATIVE, equal_nan=True):
            yield f"{where}: {new} instead of {old}"
    elif new != old:
        yield f"{where}: {str(new)[:60]} instead of {str(old)[:60]}"


def _numbers(packed: dict) -> list:
    """The numbers of a packed tensor."""
    return np.frombuffer(base64.b64decode(packed["bytes"]), packed["type"]).tolist()


def _first_difference(new: str, old: str) -> str:
    """Both sides of the first place where two texts part."""
    pairs = zip(new + "\0", old + "\0", strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(new), len(old)))
    start = max(0, at - 30)
    a, b = (text[start : at + 30].replace("\0", "#") for text in (new, old))
    return f"{a!r} instead of {b!r}"
