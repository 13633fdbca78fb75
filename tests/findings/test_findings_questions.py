"""Explanations of questions that a figure shows: that it does show them."""

import numpy as np
import pytest
from support.acts import figures_of, sentences
from support.chapters import CHAPTERS
from support.claims import Figure

from rlhf_helpers.live.acts import act_of

SHOWN = {}  # (chapter, what is asked) -> the test of what its run shows


def shows(chapter: str, *all_asked: str):
    """Decorate the test of runs that a chapter's questions ask for; it gets them one after the other."""

    def remember(test):
        for asked in all_asked:
            SHOWN[chapter, asked] = test
        return test

    return remember


def run(chapter: str, asked: str) -> dict[str, np.ndarray]:
    """Make the run that a link asks for."""
    name, query = asked.split("?")
    act = act_of(query)
    return Figure(figures_of(chapter)[name]).run(steps=act.step, seed=act.seed, **act.values)


@shows("01_probs_and_logprobs", "ten_logits?shift=5")
def same_strip(shifted):
    assert shifted["logits"] == pytest.approx(run("01_probs_and_logprobs", "ten_logits?")["logits"] + 5)
    assert shifted["probs"] == pytest.approx(run("01_probs_and_logprobs", "ten_logits?")["probs"])


@shows("02_baby_rlhf", "loop?word=1e-6")
def nearly_as_fast(small):
    first = [np.flatnonzero(one["reward"] > 0.9)[0] for one in (small, run("02_baby_rlhf", "loop?word=1"))]
    assert 5 < first[0] - first[1] < 25


@shows("03_ppo_ratio", "two_policies?old_probability=0.5&new_probability=0.98")
def near_the_limit(end):
    assert 1.9 < end["ratio"] < 2


@shows("03_ppo_ratio", "reuse?updates=1")
def learns_at_a_ratio_of_one(fresh):
    assert fresh["largest_ratio"] == pytest.approx(1)
    assert fresh["reward"][-1] > 0.97


@shows("03_ppo_ratio", "clip?advantage=-1&ratio=1.5")
def pushed_down(raised):
    assert raised["felt"] == pytest.approx(-1.5)


@shows("04_ppo", "ppo?epochs=1&step=1300")
def at_rest(ppo):
    hundreds = ppo["reward"][300:1300].reshape(10, 100).mean(1)
    assert hundreds == pytest.approx(0.45, abs=0.03)


@shows("05_baselines", "baseline?baseline=0.1")
def same_push_and_less_noise(subtracted):
    nothing, best = (run("05_baselines", f"baseline?baseline={it}") for it in (0, 0.2))
    assert subtracted["push"] == pytest.approx(nothing["push"], abs=1e-3)
    assert best["noise_here"] < subtracted["noise_here"] < nothing["noise_here"]


@shows("06_dpo", "dpo?kl_coeff=3&judge=2&step=400")
def all_the_reward(hard):
    assert hard["optimum"][-1] == pytest.approx(0.13, abs=0.005)
    assert hard["reward"][200] < 0.9
    assert hard["reward"][-20:].mean() > 0.98


@shows("06_dpo", "one_pair?")
def the_bystander_has_it(pair):
    assert pair["bystander"][-1] > 0.99
    assert (np.diff(pair["margin"]) > 0).all()
    assert pair["chosen"][-1] < pair["chosen"][0]


@shows("07_spo", "spo?")
def no_gap_and_unequal_pay(spo):
    assert spo["score_gap"][-20:].mean() < 0.05 < 0.4 < spo["score_gap"][0]
    assert 0.4 < spo["probs"][1] < 0.5


@shows("07_spo", "one_pair?step=600")
def twice_as_far(pair):
    assert pair["SPO"][[300, 600]] == pytest.approx([12, 24], abs=0.01)
    assert pair["DPO"][600] < 5


@shows("08_grpo", "grpo?kl_coeff=0.01&learning_rate=0.01&step=149")
def all_silent(grpo):
    assert grpo["no_signal"][-1] == 1
    assert not grpo["advantages"].any()


@shows("08_grpo", "grpo?kl_coeff=0.01&learning_rate=0.01")
def a_small_loss_teaches(grpo):
    assert np.abs(grpo["loss"]).max() < 0.15
    assert grpo["reward"][-20:].mean() > 0.97


@shows("09_side_by_side", "frontier?method=5")
def all_reward_at_any_price(hard):
    assert hard["reward"][-1] > 0.99
    assert hard["kl"][-1] > 2


@shows("09_side_by_side", "frontier?method=6")
def near_home(reweighted):
    assert reweighted["kl"][-1] < 0.1


@shows("09_side_by_side", "frontier?learning_rate=0.01")
def below_the_frontier(small):
    assert (small["reward"] <= small["limit"] + 1e-4).all()
    assert small["reward"][-1] > 0.4


@shows("10_human_feedback", "fooling?kl_coeff=0.06&labels=3000&size=0")
def falls_as_well(fooled):
    assert fooled["true_score"][-10:].mean() < 0 < 2 < fooled["true_score"].max()
    assert fooled["proxy"][-10:].mean() > 4


@shows("11_names", "names?kl_coeff=0.1")
def more_for_more(cheap):
    usual = run("11_names", "names?")
    for series in ("score", "completion_kl", "held_out_loss"):
        assert cheap[series][-10:].mean() > usual[series][-10:].mean() + 0.05


@shows("11_names", "names?step=120")
def stays_there(long):
    first, then = long["score"][30:61].mean(), long["score"][90:].mean()
    assert then == pytest.approx(first, abs=0.05)


@shows("bug_hunt", "case_1?learning_rate=1")
def not_a_digit(fast):
    assert (fast["reward"] == run("bug_hunt", "case_1?")["reward"]).all()


@shows("bug_hunt", "case_1?fixed=1", "case_2?fixed=1")
def learns(fixed):
    assert fixed["reward"][-20:].mean() > 0.4


@shows("bug_hunt", "case_3?")
def only_the_trainer_arrives(case):
    assert case["trainer"][-20:].mean() == pytest.approx(case["optimum"][-1], abs=0.05)
    assert case["reward"][-20:].mean() == pytest.approx(0.1, abs=0.02)


@shows("bug_hunt", "case_5?kl_coeff=10")
def no_nearer(dear):
    assert dear["logged"][-10:].mean() < run("bug_hunt", "case_5?")["logged"][-10:].mean() + 0.01 < -2


@shows("bug_hunt", "case_7?fixed=1&beta=0.0625")
def ends_where_the_bug_ends(fixed):
    assert fixed["kl"][-1] == pytest.approx(run("bug_hunt", "case_7?")["kl"][-1], abs=0.01)


@shows("bug_hunt", "case_8?learning_rate=0.01&step=400")
def past_the_line_and_back(slow):
    usual = run("bug_hunt", "case_8?")
    late, soon = (np.flatnonzero(one["reward"] > 0.6)[0] for one in (slow, usual))
    assert late > 2 * soon
    assert slow["reward"][late:].min() < 0.4


@shows("bug_hunt", "case_9?learning_rate=0.005")
def dies_at_the_same_update(slow):
    died = [np.flatnonzero(~np.isfinite(one["loss"]))[0] for one in (slow, run("bug_hunt", "case_9?"))]
    assert died[0] == died[1]


@shows("bug_hunt", "case_10?")
def half_of_them(case):
    assert case["done"][-1] < 60


@shows("bug_hunt", "case_11?")
def places_are_not_alike(case):
    assert case["places"][0] < 0.2
    assert case["places"][-1] > case["places"][0] + 0.2


@shows("13_beyond_the_laptop", "lag?correction=4")
def swings_less(clipped):
    usual = run("13_beyond_the_laptop", "lag?")
    assert clipped["p1"][30:].std() < 0.5 * usual["p1"][30:].std()


@pytest.mark.parametrize("chapter", sorted({chapter for chapter, _ in SHOWN}))
def test_what_a_question_shows_is_what_it_says(chapter):
    for (where, asked), test in SHOWN.items():
        if where == chapter:
            test(run(chapter, asked))


def test_every_link_of_a_question_is_computed():
    asked = {
        (path.stem, f"{one.figure}?{one.query}")
        for path in CHAPTERS
        for one in sentences(path)
        if one.words == "See it"
    }
    assert asked == set(SHOWN)
