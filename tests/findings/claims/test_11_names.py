"""What the page on names says of its figure and runs, computed."""

import functools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from support.claims import Page
from support.enumeration import seeded

from rlhf_helpers import ScalarGPT, dpo, generate, grpo, mask_after_end, ppo, token_logprobs, train
from rlhf_helpers.names import ALPHABET, END, decode, encode, ends_in_a, load_names, names_loss, pretrained_policy

page = Page("11_names")
DOT = encode(["."])
SEEDS = range(3)


@functools.cache
def ended(preset: str, seed: int = 0) -> dict[str, np.ndarray]:
    return page.figure("A transformer of 31,584 parameters").run(preset, seed=seed)


def late(run: dict[str, np.ndarray], name: str) -> float:
    return run[name][-15:].mean()


def words(run: dict[str, np.ndarray]) -> list[str]:
    return ["".join(ALPHABET[int(i)] for i in row if i > 0) for row in run["names"]]


@pytest.mark.parametrize("seed", SEEDS)
@page.says(
    "A pull of 0.3: about nine names in ten end in a, and they are still names.",
    "The same rule without any pull: a little more score for several times the KL, and real names are forgotten.",
    "In the first ten updates both scores rise from a third to more than three quarters. Then one settles near nine in "
    "ten and the other goes on to nearly all, for several times the KL.",
)
def test_a_pull_sets_where_a_rule_ends_and_not_how_fast(seed):
    fair, free = ended("ends in a", seed), ended("no pull", seed)
    for run in (fair, free):
        assert run["score"][0] < 0.5
        assert run["score"][8:13].mean() > 0.75
    assert 0.85 < late(fair, "score") < 0.95 < late(free, "score")
    assert late(free, "completion_kl") > 3 * late(fair, "completion_kl")
    assert late(fair, "held_out_loss") < 2.4
    assert late(free, "held_out_loss") > math.log(27)
    assert late(fair, "distinct") > 0.95


@pytest.mark.parametrize("seed", SEEDS)
@page.says(
    "Every letter costs 0.5, and nothing holds it: it finds out that no letter costs least.",
    'in the figure "A transformer of 31,584 parameters" press **short, no pull**: the score climbs to its maximum of '
    "0, and hardly a name has letters left. Distinct names and the loss on real names tell you at once.",
)
def test_short_names_without_a_pull_lose_their_letters(seed):
    run = ended("short, no pull", seed)
    assert run["score"].max() <= 0.0
    assert late(run, "score") > -0.1
    assert late(run, "mean_letters") < 0.2
    assert late(run, "distinct") < 0.3
    assert late(run, "held_out_loss") > math.log(27)


@pytest.mark.parametrize("seed", SEEDS)
@page.says(
    "The utilities that 60 clicks of the judge gave, at a price of 1: soft names.",
    "*Disprove it:* press **the judge's clicks**: the same six numbers, at a price of 1, and most of the names could "
    "be given to a child.",
)
def test_six_numbers_can_be_hacked_and_a_fair_price_helps(seed):
    soft, hacked = ended("the judge's clicks", seed), ended("the judge's clicks, no pull", seed)
    assert late(hacked, "score") > late(soft, "score") + 1
    assert late(soft, "distinct") > 0.9
    assert late(hacked, "distinct") < 0.5
    assert late(soft, "held_out_loss") < 2.3
    letters = Counter("".join(words(hacked)))
    assert sum(letters[letter] for letter in "lmna") > 0.75 * letters.total()


def test_a_word_that_the_page_names_is_written():
    assert "lanlanana" in words(ended("the judge's clicks, no pull"))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pull_brings_nothing_back_and_keeps_what_is_there(seed):
    """What the page suggests to try with the preset of short names."""
    figure = page.figure("A transformer of 31,584 parameters")
    late_pull = figure.run("short, no pull", seed=seed, moves={45: {"kl_coeff": 0.3}})
    assert late_pull["distinct"][-1] < 0.35
    assert figure.run("short, no pull", seed=seed, kl_coeff=0.3)["distinct"][-1] > 0.75


@functools.cache
def reference():
    return pretrained_policy().double()


def written(policy) -> torch.Tensor:
    """Completions (300, 10), by the same random numbers for every policy."""
    return generate(policy, DOT.expand(300, -1), 10, generator=seeded(3))


def aligned(method, seed: int, **settings):
    """A policy that was trained for names that end in a, as the page does it."""
    usual = dict(steps=30, batch_size=32, completion_length=10, learning_rate=1e-3, kl_coeff=0.5)
    if method is ppo:
        usual["critic"] = ScalarGPT(reference())
    if method is dpo:
        usual["sample_from"] = "reference"
    knobs = dict(policy=reference(), prompt_ids=DOT, end_id=END, reward=ends_in_a, seed=seed)
    return train(method, **usual | knobs | settings).policy


def kl_and_held_out_loss(policy) -> tuple[float, float]:
    ids = written(policy)
    mask = mask_after_end(ids, END)
    held_out = encode([f"{name}." for name in load_names()[1]])
    with torch.no_grad():
        gap = token_logprobs(policy, DOT.expand(300, -1), ids) - token_logprobs(reference(), DOT.expand(300, -1), ids)
        return (gap * mask).sum(1).mean().item(), names_loss(policy, DOT, held_out).item()


@pytest.mark.parametrize("seed", SEEDS)
def test_ppo_keeps_first_letters_and_pays_less_than_dpo_for_as_good_a_score(seed):
    """What the page says beside its names that are being turned, and of the last row but one of its table."""
    before = decode(written(reference()))

    def kept(policy):
        after = decode(written(policy))
        return sum(a[:2] == b[:2] for a, b in zip(before, after, strict=True)) / len(before)

    of_dpo, paid_more = aligned(dpo, seed), aligned(ppo, seed, kl_coeff=0.1)
    assert 0.65 < kept(aligned(ppo, seed)) < 0.8
    assert 0.55 < kept(aligned(grpo, seed)) < 0.8
    assert kept(of_dpo) < 0.55
    scores = [ends_in_a(None, written(policy)).mean() for policy in (paid_more, of_dpo)]
    assert scores[0] > scores[1] - 0.03
    (kl, loss), (dpo_kl, dpo_loss) = map(kl_and_held_out_loss, (paid_more, of_dpo))
    assert kl < dpo_kl
    assert loss < dpo_loss


@pytest.mark.parametrize("names", load_names(), ids=["learned from", "held out"])
def test_one_head_of_four_looks_at_the_letter_before(names):
    memory = reference().memory()
    with torch.no_grad():
        reference()(encode([f".{name}" for name in names], side="left"), memory)
    weights = memory.weights[0][:, :, -1]  # from the last letter: (names, heads, positions)
    on_it = (weights.argmax(-1) == weights.shape[-1] - 2).double().mean(0)
    assert on_it[2] > 0.97
    assert 0.6 < weights[:, 2, -2].mean() < 0.65
    for head in (0, 1, 3):
        assert 0.2 < on_it[head] < 0.65


@pytest.mark.parametrize("seed", SEEDS)
def test_the_letters_that_a_reader_is_to_watch(seed):
    figure = page.figure("A transformer of 31,584 parameters")
    fair, short = (figure.run(preset, seed=seed, prefix="mari") for preset in ("ends in a", "short, no pull"))
    a, e = map(ALPHABET.index, "ae")
    assert fair["ref_next_letter"][a] == pytest.approx(0.18, abs=0.005)
    assert fair["ref_next_letter"][e] == pytest.approx(0.25, abs=0.005)
    assert fair["next_letter"][a] > 1 / 3
    assert fair["next_letter"][e] < 0.1
    assert short["next_letter"][END] > 0.98


def test_what_the_page_says_of_its_reference():
    """Not one name of fewer than two letters, and more than four thousand of them."""
    train_names, held_out_names = load_names()
    assert len(train_names) > 4000
    assert min(map(len, train_names)) == 2
    assert len(held_out_names) == 500


page.prints("Loss on 500 names that no model has seen.", "500 held out")
page.defines(
    "A model without any knowledge pays the log of 27.",
    "say that a name has at least two letters.",
    "Those below were prompts of the pre-training and were never rewarded.",
    "A transformer of 31,584 parameters is aligned to a taste. The score adds up what its features are worth, and "
    "takes off 3 without an end;",
    "less than half of the names are distinct.",
    "A real name now costs it more than log 27 a token, the price for a policy that knows nothing.",
    "Of 300 names one is distinct.",
    "it looks normal for the single name, and it is 0 for the empty one.",
    '"A reward of 1.00 is the maximum, so it cannot be improved" (the reward is the one number that a collapse does '
    "not spoil).",
    "A run that has paid more than $\\log \\frac{1}{p}$ has spent the rest on something that the rule did not ask for.",
)


def test_no_claim_is_without_proof():
    assert page.problems() == []
