"""One thread for the loops of the book, and all of them again for whatever runs beside it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread, and give back the number it had.

    On tensors of a few hundred numbers a second thread only waits, and on a busy machine it waits long: a step then
    takes ten times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
