"""The progress bar of everything that may take longer than two seconds."""

import io
import os
import sys
from collections.abc import Iterable

from tqdm import tqdm


class Line(io.TextIOBase):
    """Where a kernel writes a bar: a line that changes, and is empty at the end. What else a bar leaves is saved."""

    encoding = "utf-8"
    _shown = None

    def write(self, text: str) -> int:
        """Show this in place of what was there."""
        from IPython.display import display

        line = text.strip()
        if self._shown is not None:
            self._shown.update({"text/plain": line}, raw=True)
        elif line:
            self._shown = display({"text/plain": line}, raw=True, display_id=True)
        return len(text)


def progress(steps: int, label: str) -> Iterable[int]:
    """Count from 0 to ``steps - 1``; after two seconds a bar says how far it has come, unless TQDM_DISABLE is set."""
    ipython = sys.modules.get("IPython")  # not imported for this: a kernel has it
    file = Line() if ipython and hasattr(ipython.get_ipython(), "kernel") else sys.stderr
    quiet = bool(os.environ.get("TQDM_DISABLE"))
    return tqdm(range(steps), desc=label, delay=2, leave=False, disable=quiet, file=file)
