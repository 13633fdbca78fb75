"""Settings that all tests share."""

import os

# tensors of a few dozen numbers gain nothing from a second thread, and lose much on a busy machine
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("book", deadline=None, derandomize=True, database=None, max_examples=40)
settings.load_profile("book")
