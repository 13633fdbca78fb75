"""What the page on DPO says of its figures and runs, computed."""

import functools
import math

import numpy as np
import pytest
import torch
from support.claims import Page
from torch.nn.functional import logsigmoid

page = Page("06_dpo")
FIGURE = "DPO on pairs of answers that the reference wrote"
SEEDS = range(5)  # those that a reader can choose


@functools.cache
def runs(preset=None, **settings):
    figure = page.figure(FIGURE)
    return [figure.run(preset, seed=seed, **settings) for seed in SEEDS]


def ends(rows, name):
    return np.array([row[name][-1] for row in rows])


def settled(rows, name):
    return np.array([row[name][-50:].mean() for row in rows])


def test_soft_labels_end_at_the_optimum_and_the_margin_at_the_true_gap():
    rows = runs()
    assert settled(rows, "reward") == pytest.approx(ends(rows, "optimum"), abs=0.02)
    assert ends(rows, "margin") == pytest.approx(ends(rows, "gap"), abs=0.02)


def test_one_finger_each_comes_close_to_the_optimum_and_does_not_run_away():
    rows, soft = runs("one finger each"), runs()
    assert np.all(np.abs(settled(rows, "reward") - 0.451) < 0.15)
    assert np.all(ends(rows, "reward") < 0.55)
    assert np.all(settled(rows, "margin") < 1.6 * settled(rows, "gap"))
    spread = [np.mean([row["reward"][-50:].std() for row in each]) for each in (rows, soft)]
    assert spread[0] > 1.1 * spread[1]


@page.says("the margin passes 10, and the chosen answers end more than 50 nats *below* where they began.")
def test_a_sure_judge_does_not_stop():
    rows = runs("a sure judge")
    assert min(row["margin"].max() for row in rows) > 10
    assert ends(rows, "chosen").max() < -50
    assert np.all(ends(rows, "rejected") < ends(rows, "chosen"))
    assert ends(rows, "reward").min() > 0.7  # past the optimum, 0.451


@page.says("the optimum is close to 1, and the chosen answers, full of other tokens, have to fall.")
def test_where_kl_is_cheap_the_chosen_answers_fall():
    rows = runs("KL is cheap")
    assert ends(rows, "optimum").min() > 0.99
    assert ends(rows, "chosen").max() < -10


@page.says(
    "in the same figure move **learning rate** to 0.01 and play: later, but at the same dashed line.",
    "after the same number of updates the reward is near 0.13.",
)
def test_beta_sets_the_end_and_the_learning_rate_the_time():
    usual, slow, dear = runs(), runs(learning_rate=0.01), runs("KL is dear")
    arrives = [np.array([np.argmax(row["reward"] > 0.4) for row in rows]) for rows in (usual, slow)]
    assert np.all(arrives[1] > 1.5 * arrives[0])
    assert settled(slow, "reward") == pytest.approx(ends(slow, "optimum"), abs=0.02)
    assert settled(dear, "reward") == pytest.approx(0.134, abs=0.02)


@page.says(
    "the margin, a difference of hidden rewards, settles on the true gap in the number of 1s, "
    "although no reward was ever shown to it."
)
@pytest.mark.parametrize("beta", [0.1, 1.0, 3.0])
def test_the_margin_settles_on_the_true_gap(beta):
    rows = runs(kl_coeff=beta)
    assert settled(rows, "margin") == pytest.approx(settled(rows, "gap"), rel=0.05)


@page.says(
    "in the same figure press **a file of 16 pairs**: DPO fits its file (margin and true gap agree to two digits)",
    "0.16, 0.21, 0.24, 0.45 and 0.09 with the seeds 0 to 4.",
    "around the dashed line, 0.45, with every seed.",
)
def test_a_small_file_ends_anywhere_and_fresh_pairs_do_not():
    rows, fresh = runs("a file of 16 pairs"), runs()
    assert ends(rows, "margin") == pytest.approx(ends(rows, "gap"), abs=0.005)
    assert ends(rows, "reward")[:5] == pytest.approx([0.16, 0.21, 0.24, 0.45, 0.09], abs=0.006)
    assert settled(fresh, "reward") == pytest.approx(0.451, abs=0.02)


@page.says(
    "16 pairs, pointed at once: the margin is more than ten times the true gap, "
    "and reward minus half the KL is lower than before the training."
)
def test_a_file_of_single_fingers_is_believed_to_the_letter():
    rows = runs("a real file")
    assert np.all(ends(rows, "margin") > 10 * ends(rows, "gap"))
    for row in rows:
        worth = row["reward"] - 0.5 * row["kl"]
        assert worth[-1] < worth[0]


@page.says(
    "ends with the chosen token at 0.002, and then press **a bare table**: it climbs to 0.90.",
    "both runs end at a loss of 0.28.",
    "margin rises all the time; the chosen token has its best moment early on.",
)
def test_one_pair_on_features_and_on_a_table():
    figure = page.figure("One pair, token 1 chosen and token 4 rejected")
    usual, table, modest = (figure.run(preset) for preset in (None, "a bare table", "a modest bystander"))
    assert usual["chosen"][-1] == pytest.approx(0.002, abs=0.0005)
    assert table["chosen"][-1] == pytest.approx(0.90, abs=0.005)
    assert np.all(np.diff(usual["margin"]) > 0)
    assert usual["chosen"].argmax() < 100
    assert usual["bystander"][-1] > 0.99
    assert np.all(np.diff(table["chosen"]) > 0)
    assert usual["loss"][-1] == pytest.approx(0.28, abs=0.005)
    assert modest["loss"][-1] == pytest.approx(0.28, abs=0.005)
    assert modest["chosen"][-1] > 0.9


def train_on_all_pairs(judge, beta, updates):
    reward = torch.eye(10, dtype=torch.float64)[1]
    gap = reward[:, None] - reward[None]
    logits = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(updates):
        logp = logits.log_softmax(0)
        loss = judge(beta * (logp[:, None] - logp[None]), gap).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return logits.detach().softmax(0)[1].item()


@page.says(
    "the push of a hard pair fades, but it never turns around.",
    "No dots: hard labels, on their way to 1.",
    "With a judge who is always sure, beta has no such power:",
)
@pytest.mark.parametrize("beta", [0.5, 3.0])
def test_with_hard_labels_every_beta_leads_to_one(beta):
    ends = [train_on_all_pairs(lambda m, gap: -logsigmoid(gap.sign() * m), beta, n) for n in (100, 800, 20_000)]
    assert ends == sorted(ends)
    assert ends[-1] > 0.95


@pytest.mark.parametrize("tau", [0.1, 0.5, 1.0, 2.0])
def test_ipo_stops_where_a_sure_judge_meets_its_parabola(tau):
    gap = torch.zeros((), dtype=torch.float64, requires_grad=True)
    for _ in range(300):
        (slope,) = torch.autograd.grad((gap - 1 / (2 * tau)) ** 2, gap)
        gap = (gap - 0.1 * slope).detach().requires_grad_()
    assert gap.sigmoid().item() == pytest.approx(1 / (1 + math.exp(-0.5 / tau)))


page.defines(
    "The judge feels `r(a) - r(b)`, and in a difference the 50 is gone.",
    "Nothing has moved, so the gap `h` is 0. But the loss is `-log σ(0)`, and σ(0) is a half.",
    "The gap `h` is 0 and so is `beta * h`, whatever beta is. A coin flip costs log 2.",
    "Beta multiplies the gap inside the sigmoid, and the gap is 0.",
    "At the first one both log ratios of every pair are 0.",
    "One pair, token 1 chosen and token 4 rejected, beta = 0.1.",
    'in the figure "One pair, token 1 chosen and token 4 rejected" play the default',
    "Token 1 itself points furthest from 4 to 1, and keeps what it wins.",
    "costs 14 times as much as the one without an opinion",  # 10 and log 2, printed above
    "The pair that is wrong by 20 nats",
    "The gap is $h = -5 - (-20) = 15$, the margin 1.5, and the loss fell from 0.693 to 0.201:",
)
page.cites("SimPO and Tülu 3 do that, on purpose.")


def test_the_pair_that_is_wrong_costs_fourteen_times_as_much():
    assert round(10 / math.log(2)) == 14
    assert -math.log(1 / (1 + math.exp(-1.5))) == pytest.approx(0.201, abs=0.0005)


page.defines(
    "Twice the",
)


page.defines(
    "and pushes only *twice* as hard:",
)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_policy_follows_beta_up_and_down(seed):
    moved = page.act("Move $\\beta$ while it runs", seed)
    for update in (60, 110, 200):
        assert moved["reward"][update - 20 : update].mean() == pytest.approx(moved["optimum"][update - 1], abs=0.15)
    assert moved["optimum"][59] > moved["optimum"][109] < moved["optimum"][199]


def test_no_claim_is_without_proof():
    assert page.problems() == []
