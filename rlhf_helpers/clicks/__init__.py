"""Clicks on the better of two completions, in a notebook and in a page, kept in one format and sent nowhere."""

from rlhf_helpers.clicks.file import load_clicks, save_clicks
from rlhf_helpers.clicks.widget import Clicks, ask

__all__ = ["Clicks", "ask", "load_clicks", "save_clicks"]
