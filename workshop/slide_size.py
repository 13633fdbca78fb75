"""What fits a slide, and how large: estimates from the number of letters, which the tests measure in a browser."""

import textwrap
from copy import copy
from itertools import pairwise

from bs4 import Tag

# A slide has 1280 x 720 pixels, and this much room for what is on it.
WIDTH, HEIGHT = 1184, 624
TEXT = (28, 40)  # pixels: the smallest and the largest text
CODE = (22, 32)  # the smallest and the largest code
LINE = 1.4  # a line is this many sizes high
LETTER = 0.57  # a letter of text is this many of its sizes wide, on average
GLYPH = 0.605  # and one of code
PICTURE = 400  # a figure up to this high, in its own units, keeps its words large enough


def height(block: Tag) -> float:
    """How high a block of text will be, in pixels."""
    if block.name == "pre" or block.pre:
        return (len(block.get_text().strip().splitlines()) + 1) * CODE[0] * LINE
    letters = int(WIDTH / (TEXT[0] * LETTER))
    lines = sum(len(textwrap.wrap(item.get_text(), letters)) for item in block.find_all("li") or [block])
    return lines * TEXT[0] * LINE + 20 + 60 * len(block.select("div.math"))


def text_size(need: float, room: float) -> float:
    """The size, in pixels, at which text that needs this much room in the smallest size fills the room."""
    return min(max(TEXT[0] * (room / need) ** 0.5, TEXT[0]), TEXT[1])


def fits(table: Tag) -> bool:
    """Whether a table fits a slide."""
    rows = [[len(cell.get_text()) for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]
    longest = [max(column) for column in zip(*rows, strict=True)]
    letters = (WIDTH - 32 * len(longest)) / (TEXT[0] * LETTER)
    shares = [max(letters * length / sum(longest), 6) for length in longest]
    lines = [max(-(-length // share) for length, share in zip(row, shares, strict=True)) for row in rows]
    return sum(line * TEXT[0] * LINE + 16 for line in lines) <= HEIGHT


def code_size(pieces: list[Tag]) -> float:
    """The size, in pixels, at which code and what it prints fill a slide."""
    lines = [line for piece in pieces for line in piece.get_text().rstrip().splitlines()]
    longest = max(map(len, lines))
    return min((WIDTH - 40) / GLYPH / longest, (HEIGHT - 60 * len(pieces)) / LINE / len(lines), CODE[1])


def large_enough(pieces: list[Tag]) -> bool:
    """Whether code can be read from the last row."""
    return bool(pieces) and code_size(pieces) >= CODE[0]


def listing(pieces: list[Tag]) -> str:
    """Code and what it prints, as large as fits."""
    boxes = "".join(
        f'<div class="highlight {"input" if piece.find_parent(class_="cell_input") else "output"}">{piece}</div>'
        for piece in pieces
    )
    return f'<div style="font-size: {code_size(pieces):.1f}px">{boxes}</div>'


def parts(svg: Tag) -> list[Tag]:
    """A figure as it is, or, where it is too high, cut above the bold titles of its rows."""
    *_, wide, high = (float(v) for v in svg["viewbox"].split())
    bold = [text for text in svg.find_all("text") if text.get("font-weight") == "700"]
    tops = sorted({float(text.get("y") or text["transform"].split()[1].rstrip(")")) - 13 for text in bold})
    cuts = [0.0]
    for top, bottom in pairwise([*tops, high]):
        if high > PICTURE and top > 0 and bottom - cuts[-1] > PICTURE * 0.9:
            cuts.append(top)
    pieces = []
    for top, bottom in pairwise([*cuts, high]):
        pieces.append(copy(svg))
        pieces[-1]["viewbox"] = f"0 {top:g} {wide:g} {bottom - top:g}"
    return pieces
