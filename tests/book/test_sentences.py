"""Sentences that act: every link to a figure, in every chapter, asks for what the figure can do."""

import pytest
from support.acts import Asked, problems, sentences
from support.chapters import every_chapter

from rlhf_helpers.live.acts import act_of


@every_chapter
def test_figures_can_do_what_sentences_ask(path):
    assert {asked: problems(asked) for asked in sentences(path) if problems(asked)} == {}


def test_what_a_sentence_asks():
    act = act_of("kl_coeff=0.5&seed=2&step=250&moves=100:kl_coeff:1,200:epochs:2")
    assert (act.values, act.seed, act.step) == ({"kl_coeff": 0.5}, 2, 250)
    assert act.moves == ((100, "kl_coeff", 1.0), (200, "epochs", 2.0))
    assert act_of("") == act_of("seed=0")


def test_a_sentence_may_train_beyond_the_default_run():
    assert problems(Asked("", "04_ppo", "ppo", "step=900&moves=600:kl_coeff:1")) == []


@pytest.mark.parametrize(
    ("figure", "query", "said"),
    [
        ("nothing", "", "no figure"),
        ("ppo", "kl=1", "no control kl"),
        ("ppo", "kl_coeff=11", "cannot be 11"),
        ("ppo", "kl_coeff=little", "cannot be little"),
        ("ppo", "kl_coeff", "bad query"),
        ("ppo", "seed=5", "no seed 5"),
        ("ppo", "step=0", "one after another"),
        ("ppo", "step=50&moves=100:epochs:1", "one after another"),
        ("ppo", "moves=0:epochs:1", "one after another"),
        ("ppo", "moves=100:epochs:9", "cannot be 9"),
    ],
)
def test_what_a_figure_cannot_do_is_named(figure, query, said):
    [problem] = problems(Asked("", "04_ppo", figure, query))
    assert said in problem
