"""A control for a short word: letters in, token ids out."""

from dataclasses import dataclass

import ipywidgets

from rlhf_helpers._checks import check_count
from rlhf_helpers._html import inline

APART = ",:"
"""What keeps the moves of a link apart, and so can be no letter."""


@dataclass(frozen=True)
class Spelling:
    """What is a word: ``page/words.js`` has the same rules.

    Args:
        letters: what can be written: one character for each id.
        length: the most letters that a word may have, its end included.
        end: the id of the character that ends a word, which nothing may follow; None for none.

    Raises:
        TypeError: length is not a whole number.
        ValueError: letters that are alike or that a link needs, or an end that is none of them.

    Example:
        >>> spelling = Spelling(".abcd", 5, end=0)
        >>> spelling.ids("bad")
        [2, 1, 4, -1, -1]
        >>> spelling.check("bell")
        Traceback (most recent call last):
        ValueError: a word must be at most 5 of the letters a to d, with . only at its end, got 'bell'
    """

    letters: str
    length: int
    end: int | None = None

    def __post_init__(self):
        check_count(length=self.length)
        if not self.letters or len(set(self.letters)) < len(self.letters) or set(self.letters) & set(APART):
            raise ValueError(f"letters must be different characters, none of them {APART}, got {self.letters!r}")
        if self.end is not None and self.end not in range(len(self.letters)):
            raise ValueError(f"end must be None or 0 to {len(self.letters) - 1}, got {self.end!r}")

    @property
    def rule(self) -> str:
        """What can be written, in words."""
        stop = "" if self.end is None else self.letters[self.end]
        letters = "".join(letter for letter in self.letters if letter != stop)
        if len(letters) > 3 and letters == "".join(map(chr, range(ord(letters[0]), ord(letters[-1]) + 1))):
            letters = f"{letters[0]} to {letters[-1]}"
        return f"at most {self.length} of the letters {letters}" + (f", with {stop} only at its end" if stop else "")

    def is_word(self, text: str) -> bool:
        """Whether a text can be written."""
        ends = -1 if self.end is None else text.find(self.letters[self.end])
        return len(text) <= self.length and set(text) <= set(self.letters) and ends in (-1, len(text) - 1)

    def check(self, text: str) -> None:
        """Raise ValueError unless a text can be written."""
        if not isinstance(text, str) or not self.is_word(text):
            raise ValueError(f"a word must be {self.rule}, got {text!r}")

    def ids(self, word: str) -> list[int]:
        """Return the ids of a word, and -1 behind them."""
        return [self.letters.index(letter) for letter in word] + [-1] * (self.length - len(word))


class Word(ipywidgets.Text):
    """A field for a short word, such as the first letters of a name.

    The function of a figure gets its ids as a tensor of int64, shape (length,), with -1 behind the word. What is no
    word leaves the figure as it is, and a sentence below the field says what can be written. A word asks, and leaves no
    mark in curves.

    Args:
        value: the word at first.
        letters: what can be written: one character for each id.
        length: the most letters that a word may have, its end included.
        end: the id of the character that ends a word, which nothing may follow; None for none.
        **settings: of ``ipywidgets.Text``, such as ``description``.

    Raises:
        TypeError: length is not a whole number.
        ValueError: letters that are alike or that a link needs, an end that is none of them, or a value that is no
            word; the message says what may be written.
    """

    def __init__(self, value: str = "", *, letters: str, length: int, end: int | None = None, **settings):
        self.spelling = Spelling(letters, length, end)
        self.spelling.check(value)
        self.written = value  # the last that was a word
        self.message = ipywidgets.HTML()
        self.message.add_class("baby-refused")
        super().__init__(value=value, **settings)
        self.observe(self._typed, "value")

    @property
    def told(self) -> str:
        """The sentence below the field while it holds no word."""
        return f"This can be {self.spelling.rule}."

    def _typed(self, change) -> None:
        fits = self.spelling.is_word(change.new)
        self.written = change.new if fits else self.written
        self.message.value = "" if fits else inline(self.told)
