"""Every live figure of every chapter, driven as a reader would: each control to both ends, and a run there."""

import json
import re
from collections import Counter

import ipywidgets
import nbformat
import numpy as np
import pytest
from support.chapters import CHAPTERS, each, every_chapter, every_numbered_chapter, live_figures, restart

from rlhf_helpers.live import Word
from rlhf_helpers.live.acts import LINK
from rlhf_helpers.live.run import NotFinite
from rlhf_helpers.names import ALPHABET

STEPS = 12


def ends(control):
    """The two values that a reader can drag a control to."""
    if isinstance(control, ipywidgets.FloatLogSlider):
        return control.base**control.min, control.base**control.max
    if isinstance(control, ipywidgets.Checkbox):
        return False, True
    if isinstance(control, ipywidgets.Dropdown):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
        return values[0], values[-1]
    if isinstance(control, Word):
        return "", "mari"
    return control.min, control.max


def watch(figure, **settings):
    """Restart with settings, run, and return what is drawn; whatever is wrong must be said below the picture."""
    steps = min(STEPS, figure.definition.steps)
    trouble = None
    try:
        restart(figure, settings)
        if figure.definition.trains:
            figure.step(steps)
    except (NotFinite, ValueError) as error:
        trouble = error
    frame = figure.session.frame()
    assert frame["error"] == (trouble is not None)
    assert frame["status"] == figure.status
    if isinstance(trouble, NotFinite):
        assert "finite number" in figure.status
    elif trouble is not None:  # a loss that knows what to do
        assert str(trouble) in figure.status
        assert "learning rate" in str(trouble)
    else:
        assert figure.error is None
        if figure.definition.trains:
            assert figure.session.step == steps
        for name, values in {**figure.now, **figure.history}.items():
            assert np.isfinite(values).all(), name
        assert "null" not in json.dumps([frame["rows"], frame["now"]])  # how a frame writes what is not a number
        assert "nan" not in figure.status
    return json.dumps([frame["rows"], frame["now"]])


def matters(figure, name, settings):
    """Whether a control moves the picture: from one end to the other, it is another run."""
    low, high = (watch(figure, **{**settings, name: value}) for value in ends(figure.controls[name]))
    return low != high


@every_chapter
def test_every_control_of_every_figure_moves_the_picture(path):
    for figure in live_figures(path):
        usual = dict(figure.definition.defaults)
        try:
            first = watch(figure, **usual)
            assert figure.error is None, figure.definition.caption
            assert watch(figure, **usual) == first, figure.definition.caption  # the same run again
            for name in figure.controls:
                others = [  # a control may wait for another one, as every slider waits for the missing detach
                    {**usual, other: value}
                    for other in figure.controls
                    if other != name
                    for value in ends(figure.controls[other])
                ]
                moves = any(matters(figure, name, settings) for settings in [usual, *others])
                assert moves, (figure.definition.caption, name)
            for preset in figure.definition.presets:
                settings = {**usual, **preset.values}
                watch(figure, **settings)
                assert figure.settings() == pytest.approx(settings), preset.name  # within what the sliders allow
        finally:
            restart(figure, usual)


@every_chapter
def test_every_figure_that_trains_has_a_slider_for_the_learning_rate_and_one_of_them_for_the_pull(path):
    figures = [figure for figure in live_figures(path) if figure.definition.trains]
    assert all("learning_rate" in figure.controls for figure in figures)
    assert not figures or any({"kl_coeff", "beta"} & set(figure.controls) for figure in figures)


@every_numbered_chapter
def test_every_misconception_is_disproved_by_a_figure_of_its_chapter(path):
    text = "\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    section = re.search(r"^## What people get wrong$(.*?)^## ", text, re.M | re.S).group(1)
    claims = re.split(r"^(?=\*\*[\"\u201c])", section, flags=re.M)[1:]
    assert len(claims) >= 3
    for claim in claims:
        head, told, how = claim.partition("*Disprove it:*")
        assert told, head
        assert LINK.search(how), f"{how} sets no figure"


@each([path for path in CHAPTERS if path.stem == "11_names"])
def test_the_figure_of_names_shows_what_is_said_of_it(path):
    (figure,) = live_figures(path)
    ended = {}

    def words(figure):
        return ["".join(ALPHABET[i] for i in row if i > 0) for row in figure.now["names"]]

    presets = {preset.name: preset.values for preset in figure.definition.presets}
    for name, values in presets.items():
        restart(figure, {**figure.definition.defaults, **values})
        figure.step(60)
        ended[name] = {series: np.array(rows) for series, rows in figure.history.items()}
    fair, free = ended["ends in a"], ended["no pull"]
    for run in (fair, free):
        assert run["score"][0] < 0.5
        assert run["score"][8:13].mean() > 0.8  # after ten updates both are nearly there
    assert 3 < free["completion_kl"][-20:].mean() / fair["completion_kl"][-20:].mean() < 5
    assert 0 < free["score"][-10:].mean() - fair["score"][-10:].mean() < 0.15
    assert fair["held_out_loss"][-1] < 2.4 < 3.3 < free["held_out_loss"][-1]
    assert fair["distinct"][-10:].mean() > 0.95
    hole = ended["short, no pull"]
    assert hole["score"][-1] == 0.0  # no letter at all
    assert hole["distinct"][-1] < 0.1
    soft, hacked = ended["the judge's clicks"], ended["the judge's clicks, no pull"]
    assert hacked["score"][-1] > soft["score"][-1] + 1
    assert soft["distinct"][-1] > 0.9
    assert hacked["distinct"][-1] < 0.3
    ((word, count),) = Counter(words(figure)).most_common(1)
    assert count > len(words(figure)) / 2
    assert set(word) == set("lna")
    restart(figure, {**figure.definition.defaults, **presets["short, no pull"]})
    figure.step(45)
    figure.set(kl_coeff=0.3)
    figure.step(15)
    assert figure.now["distinct"] < 0.3  # a pull brings nothing back
    figure.reset()
    figure.step(60)
    assert figure.now["distinct"] > 0.8  # and keeps what is there
    restart(figure, figure.definition.defaults)
