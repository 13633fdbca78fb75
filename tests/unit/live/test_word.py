"""A control that holds a word: what it takes, what the function gets, and what is said of the rest."""

import json
import re

import numpy as np
import pytest
import torch
from ipywidgets import FloatSlider

from rlhf_helpers.live import Heads, Letters, Preset, Word, export, live
from rlhf_helpers.live.word import Spelling

GOT = {}
LETTERS = ".abc"


def after(*, word, sharpness):
    """A distribution over the next letter, and weights of two heads: on the letter itself, and on all so far."""
    GOT.update(word=word)
    last = (word >= 0).sum()
    probs = torch.softmax(sharpness * torch.arange(4.0) * last, 0)
    even = torch.ones(5, 5).tril() / torch.arange(1, 6)[:, None]
    return {"old_probs": probs.flip(0), "probs": probs, "weights": torch.stack([torch.eye(5), even])}


def figure(**changes):
    arguments = {
        "panels": [Letters(["old_probs", "probs"], "word", LETTERS), Heads("weights", "word", ".", rows=2)],
        "caption": "c",
        "word": Word("ab", letters=LETTERS, length=4, end=0),
        "sharpness": FloatSlider(value=0.3, min=0, max=1),
    }
    return live(after, **arguments | changes)


@pytest.mark.parametrize("word", ["", "a", "abca", "ab.", ".", "aaa."])
def test_a_word_arrives_as_its_ids(word):
    fig = figure()
    fig.set(word=word)
    ids = [LETTERS.index(letter) for letter in word]
    assert GOT["word"].tolist() == ids + [-1] * (4 - len(word))
    assert GOT["word"].dtype == torch.int64
    assert fig.settings()["word"] == fig.canvas.frame["settings"]["word"] == word
    json.dumps(fig.canvas.frame, allow_nan=False)


@pytest.mark.parametrize("text", ["d", "A", "ab ", "a.b", "..", "abcab", "é", 3])
def test_what_is_no_word_is_said_and_changes_nothing(text):
    fig = figure()
    rule = "at most 4 of the letters abc, with . only at its end"
    with pytest.raises(ValueError, match=re.escape(f"a word must be {rule}, got {text!r}")):
        fig.set(word=text)
    with pytest.raises(ValueError, match=re.escape(f"a word must be {rule}, got {text!r}")):
        figure(presets=[Preset("p", "Look.", {"word": text})])
    if text == 3:
        return
    control, before = fig.controls["word"], fig.canvas.frame
    control.value = text  # typed
    assert fig.settings()["word"] == "ab"
    for shown in ("step", "now", "settings", "status", "error"):
        assert fig.canvas.frame[shown] == before[shown]
    assert control.message.value == f"This can be {rule}."
    control.value = "abc"
    assert fig.settings()["word"] == "abc"
    assert control.message.value == ""


def test_a_preset_writes_a_word_and_a_word_leaves_no_mark():
    def step(state, noise, *, word):
        return {"t": state["t"] + 1}, {"probs": torch.softmax(word.float(), 0)}

    arguments = {"panels": [Letters("probs", "word", LETTERS)], "caption": "c"}
    word = Word("ab", letters=LETTERS, length=4)
    presets = [Preset("c", "Look.", {"word": "c"}), Preset("all", "Look.", {})]
    fig = live(step, start=lambda seed: {"t": torch.zeros(())}, steps=9, presets=presets, word=word, **arguments)
    fig.step(2)
    fig.set(word="abc")
    fig.step(2)
    assert fig.marks == []
    fig.use(presets[0])
    assert fig.settings()["word"] == "c"
    fig.use(presets[1])  # what a reader asks about stays, whatever trains
    assert fig.settings()["word"] == "c"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Word(letters="aa", length=3), ValueError, "letters must be different characters"),
        (lambda: Word(letters="", length=3), ValueError, "letters must be different characters"),
        (lambda: Word(letters="a,", length=3), ValueError, "none of them ,:, got 'a,'"),
        (lambda: Word(letters="ab", length=0), ValueError, "length must be at least 1, got 0"),
        (lambda: Word(letters="ab", length=3, end=2), ValueError, "end must be None or 0 to 1, got 2"),
        (lambda: Word("x", letters="ab", length=3), ValueError, "a word must be at most 3 of the letters ab, got 'x'"),
        (
            lambda: figure(panels=[Letters("probs", "sharpness", LETTERS)]),
            ValueError,
            "word must name a control that is a Word, ['word'], got 'sharpness'",
        ),
        (lambda: figure(status="{word}"), ValueError, "status must name controls or series of one number"),
    ],
)
def test_errors_say_what_may_be_written(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


def test_panels_say_what_they_show():
    fig = figure()
    view = fig.session.view()
    letters, heads = fig.definition.panels
    likely = fig.now["probs"]
    assert f'after "ab" the likeliest: old probs . {likely[3]:.3g}, a {likely[2]:.3g}' in letters.describe(view)
    assert heads.describe(view).endswith("from b: head 1 . 0, a 0, b 1; head 2 . 0.333, a 0.333, b 0.333.")
    for panel in fig.definition.panels:
        ax = panel.draw(view)
        assert ax.patches
    told = [told.get_text() for told in ax.texts]
    assert told.count("1") == 1
    assert told.count(".33") == 3


def test_a_page_gets_the_spelling_and_a_graph_the_ids():
    pytest.importorskip("onnx")
    fig = figure()
    data = export.page_data(fig)
    [control, _] = data["controls"]
    spelling = {"letters": LETTERS, "length": 4, "end": 0}
    assert control == {"name": "word", "label": "word", "value": "ab", "kind": "word"} | spelling | {
        "told": fig.controls["word"].told
    }
    assert data["spec"]["words"] == {"word": spelling}
    _, inputs = export.flat(fig.definition)
    assert inputs["control/word"].tolist() == [1, 2, -1, -1]


def test_a_spelling_without_an_end_has_none():
    spelling = Spelling("ab.", 3)
    assert spelling.is_word("a.b")
    assert spelling.rule == "at most 3 of the letters ab."
    np.testing.assert_array_equal(spelling.ids("b."), [1, 2, -1])
