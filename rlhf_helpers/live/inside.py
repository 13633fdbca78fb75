"""What a panel says of one of its tokens when a reader asks: a click, a tap, or Enter."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rlhf_helpers.live.guidance import Say
from rlhf_helpers.live.rules import FIELD
from rlhf_helpers.plots.style import quantity_of


@dataclass(frozen=True)
class Inside:
    """What a panel says of one of its tokens, squares or bars when a reader asks: formulas, with its numbers in them.

    Format strings are those of a status line. A name in one is a control, ``step``, or a series: of one number, of one
    for each row, or of one for each token, and then the number of the token is written.

    ``Chips("completions", inside=Inside({"ratio": "{prob:.3f} / {old_prob:.3f} = {ratio:.3f}"}, push="push"))``

    Args:
        lines: what each says, as a word or two -> its format string.
        says: sentences for tokens of which a series is above or below something.
        push: series with the push on the logits that wrote each token, (B, T, V), drawn as bars; "" for none.

    Raises:
        TypeError: lines are no texts by name, says are no rules, push is no name.
    """

    lines: Mapping[str, str]
    says: Sequence[Say] = ()
    push: str = ""

    def __post_init__(self):
        if not isinstance(self.lines, Mapping) or not all(
            isinstance(t, str) for pair in self.lines.items() for t in pair
        ):
            raise TypeError(f"lines must be name -> format string, got {self.lines!r}")
        if not all(isinstance(say, Say) for say in self.says):
            raise TypeError(f"says must be Say(...), got {self.says!r}")
        if not isinstance(self.push, str):
            raise TypeError(f"push must be the name of a series, got {self.push!r}")

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every format string, with the argument that has it."""
        yield from (("lines", text) for text in self.lines.values())
        yield from (("says", say.text) for say in self.says)

    def names(self) -> list[str]:
        """Controls and series whose numbers it writes or compares."""
        fields = [field[1] for _, text in self.texts() for field in FIELD.finditer(text)]
        return list(dict.fromkeys([*fields, *(say.series for say in self.says)]))

    def series(self, known: Iterable[str]) -> list[str]:
        """Those of some series that it shows."""
        return [name for name in dict.fromkeys([*self.names(), self.push]) if name in known]

    def spec(self, colors: Mapping | None) -> dict:
        """All that the drawing module has to know, in JSON."""
        return {
            "lines": list(self.lines.items()),
            "says": [{"series": s.series, "text": s.text, "above": s.above, "below": s.below} for s in self.says],
            "push": self.push,
            "quantities": {name: quantity_of(name, colors) for name in self.names()},
        }
