"""The progress bar of everything that may take longer than two seconds."""

import os
from collections.abc import Iterable

from tqdm.auto import tqdm


def progress(steps: int, label: str) -> Iterable[int]:
    """Count from 0 to ``steps - 1``; after two seconds a bar says how far it has come, unless TQDM_DISABLE is set."""
    quiet = bool(os.environ.get("TQDM_DISABLE"))  # tqdm's notebook bar does not look at it
    return tqdm(range(steps), desc=label, delay=2, leave=False, disable=quiet)
