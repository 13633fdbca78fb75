"""Checks of the exercises of the chapter."""

from __future__ import annotations

from .diagnosis import Checker

EXERCISES: dict[str, Checker] = {}
