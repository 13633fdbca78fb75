"""Where in an author's function something happens: errors name its line."""

import dis
import linecache
import sys
from collections.abc import Callable
from types import CodeType


def name_of(function: Callable) -> str:
    """Return how an error calls a function."""
    return getattr(function, "__name__", "function")


def line_in(function: Callable, number: int | None = None) -> str:
    """Return words for a line of a function.

    Args:
        function: the author's.
        number: the line in its file, or in its cell of a notebook; None for the line that it begins with.
    """
    code = _code(function)
    if code is None:
        return name_of(function)
    number = number or code.co_firstlineno
    source = linecache.getline(code.co_filename, number).strip()
    return f"line {number} of {name_of(function)}" + (f", `{source}`" if source else "")


def line_of_return(function: Callable) -> str:
    """Return words for the line in which a function returns; if there are several, for the one that it begins with."""
    code = _code(function)
    found = () if code is None else dis.get_instructions(code)
    ends = {one.positions.lineno for one in found if one.opname == "RETURN_VALUE"}
    return line_in(function, ends.pop() if len(ends) == 1 else None)


def line_of_error(function: Callable, error: BaseException) -> int | None:
    """Return the line in which a function was when an error came, None if it was not running."""
    number, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in _codes(function):
            number = trace.tb_lineno
        trace = trace.tb_next
    return number


def line_now(function: Callable) -> int | None:
    """Return the line in which a function is that called what is running, None if it did not."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code not in _codes(function):
        frame = frame.f_back
    return frame and frame.f_lineno


def _code(function: Callable) -> CodeType | None:
    return getattr(function, "__code__", None)


def _codes(function: Callable) -> list[CodeType]:
    """The code of a function and of those that it defines, such as the loss that `torch.func.grad` is given."""
    found = [code] if (code := _code(function)) else []
    for one in found:
        found += [inner for inner in one.co_consts if isinstance(inner, CodeType)]
    return found
