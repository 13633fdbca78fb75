"""The page "Make your own live figure": its code makes the file that it promises, and its table has the messages."""

from __future__ import annotations

import base64
import json
import os
import re

import nbformat
import pytest
import torch
from _site.modules import file_of
from ipywidgets import FloatSlider
from support.chapters import ROOT, live_figures
from support.graphs import published_data

from rlhf_helpers.live import Bars, Curves, live
from rlhf_helpers.live.page import save as saving

PAGE = ROOT / "book" / "make_your_own.ipynb"
WORDS = "\n".join(cell.source for cell in nbformat.read(PAGE, as_version=4).cells if cell.cell_type == "markdown")
FUNCTION = """
import torch

def step(state, noise, *, rate):
    x = state["x"] * rate
    {}
    return {{"x": x}}, {{"y": x.sum()}}
"""
# a line of that function, and what is said of it in `save`; the first line is number 2
WRONG = {
    "if x.sum() > 1: x = x * 2": "this takes a number out of a tensor, which a file without Python cannot do",
    "x = x + torch.rand(3)": "`rand` draws random numbers of its own",
    "x = x + x[x > 0].sum()": "`index` gives a tensor whose size the compiler does not know",
    "x = x * torch.linalg.svdvals(torch.outer(x, x)).sum()": "`linalg_svd` cannot be compiled. Write it in other "
    "operations of torch",
}


@pytest.fixture(autouse=True)
def compilers():
    """Skips a test where the compilers are not installed."""
    for name in saving.NEEDED:
        pytest.importorskip(name, reason='saving needs pip install "baby-rlhf[publish]"')


def figure_of(source: str, tmp_path, **controls):
    """A figure whose function is in a file, as it would be in a cell."""
    path = tmp_path / "cell.py"
    path.write_text(source, "utf-8")
    names = {}
    exec(compile(source, str(path), "exec"), names)
    controls = {"rate": FloatSlider(0.5)} | controls
    start = {"x": torch.tensor([0.1, 0.2, 0.4])}
    return live(names["step"], start=lambda seed: dict(start), panels=[Curves("y")], caption="c", **controls)


def said(figure, tmp_path) -> str:
    """What somebody reads who saves a figure that cannot be."""
    with pytest.raises(ValueError) as told:
        figure.save(tmp_path / "figure.html")
    assert not (tmp_path / "figure.html").exists()
    return str(told.value)


def test_the_page_makes_the_file_that_it_promises(tmp_path, monkeypatch):
    (figure,) = live_figures(PAGE)
    (line,) = re.findall(r"```python\n(.*?)```", WORDS, re.S)
    monkeypatch.chdir(tmp_path)
    exec(line, {"figure": figure})
    text = (tmp_path / "figure.html").read_text("utf-8")
    assert len(text) < 100_000
    data = json.loads(re.search(r'class="baby-live-data">(.*?)</script>', text, re.S)[1])
    (published,) = published_data(PAGE)
    graph = base64.b64decode(published.pop("graph"))
    assert base64.b64decode(data.pop("module")) == file_of(graph).read_bytes()
    assert data == published
    assert os.listdir() == ["figure.html"]


@pytest.mark.parametrize("line", WRONG)
def test_what_cannot_be_compiled_is_told_with_its_line(tmp_path, line):
    words = said(figure_of(FUNCTION.format(line), tmp_path), tmp_path)
    assert words.startswith(f"line 6 of step, `{line}`: {WRONG[line]}")
    assert WRONG[line] in WORDS
    assert words.count(".") > 1  # and a way out


def test_a_control_that_nothing_uses_is_told(tmp_path):
    source = FUNCTION.replace("rate)", "rate, temperature)").format("x = x + 1")
    words = said(figure_of(source, tmp_path, temperature=FloatSlider(1.0)), tmp_path)
    assert words.startswith("line 4 of step, `def step(state, noise, *, rate, temperature):`: ")
    assert (told := "nothing that is drawn depends on `temperature`. Use it, or leave it out") in words
    assert told in WORDS


def test_what_leaves_torch_unseen_is_told(tmp_path):
    words = said(figure_of(FUNCTION.format("x = x + torch.tensor(state['x'].numpy())"), tmp_path), tmp_path)
    assert words.startswith("line 4 of step, ")
    assert (told := "compiled, this would give other numbers. Something leaves torch") in words
    assert told in WORDS


def test_a_state_that_changes_is_told_when_the_figure_is_made(tmp_path):
    for line, became in {
        "x = torch.cat([x, x[:1]])": "floats of shape (4,)",
        "x = x.long()": "whole numbers of shape (3,)",
    }.items():
        with pytest.raises(ValueError) as told:
            figure_of(FUNCTION.format(line), tmp_path)
        assert str(told.value) == (
            f"step must return `x` as it was given, floats of shape (3,), got {became} in line 7 of step, "
            '`return {"x": x}, {"y": x.sum()}`. Begin with that in `start`, or bring it back before the return'
        )
    assert "must return `logits` as it was given, floats of shape (10,), got floats of shape (11,)" in WORDS


def test_compilers_that_are_missing_are_named_with_the_way_to_them(tmp_path, monkeypatch):
    figure = live(lambda *, x: {"y": 2 * x}, x=FloatSlider(1.0), panels=[Bars("y")], caption="c")
    monkeypatch.setattr(
        saving.importlib.util, "find_spec", lambda name: None if name in ("emx_onnx_cgen", "ziglang") else True
    )
    with pytest.raises(ImportError, match="to save a figure takes emx_onnx_cgen, ziglang: python -m pip install"):
        figure.save(tmp_path / "figure.html")
    assert "to save a figure takes emx_onnx_cgen, ziglang" in WORDS
