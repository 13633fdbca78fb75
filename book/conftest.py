"""Chapters are tested in the environment in which `book/execute.py` runs them."""

import os

from execute import ENVIRONMENT

os.environ.update(ENVIRONMENT)
