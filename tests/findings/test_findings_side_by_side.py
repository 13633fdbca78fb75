"""What chapter 9 says of methods beyond what it has time to run, with the losses and the harness of the chapter."""

import ast
import functools
import math
import re

import nbformat
import pytest
import torch
from support.chapters import CHAPTERS
from support.claims import Page
from support.enumeration import seeded
from torch import float64

BATCHES, RUNS = 150, 8  # three times the chapter's budget
QUIET = ("PPO", "RLOO", "SPO", "DPO, soft, online", "DPO, soft, offline")
NEEDED = {"START", "exactly", "CONTESTANTS", "KL_COEFFS", "BETAS", "reference", "ref_table", "pay", "best", "value"}


@functools.cache
def chapter():
    """The chapter's imports, functions and settings, without what it runs and draws."""
    (path,) = [path for path in CHAPTERS if path.stem == "09_side_by_side"]
    names = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        kept = [node for node in ast.parse(cell.source).body if is_definition(node)]
        exec(compile(ast.Module(kept, []), path.stem, "exec"), names)
    return names


def is_definition(node):
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id in NEEDED for target in node.targets)
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)


@functools.cache
def run(name, kl_coeff, rate=0.01, batches=BATCHES, size=32):
    """Mean KL and shortfall (thousandths) of runs on the way, (updates + 1, 2)."""
    its = chapter()
    loss, options = its["CONTESTANTS"][name]
    generator = seeded(100)
    dice = torch.rand(batches, RUNS, size, 8, generator=generator, dtype=float64)
    knobs = (torch.full((RUNS,), x, dtype=float64) for x in (kl_coeff, rate))
    _, tables = its["train_all"](loss, *knobs, dice, **options)
    points = its["measured"](tables)
    return torch.stack([points[..., 1], 1000 * its["shortfall"](points)], -1).mean(1)


AT_02 = {**dict.fromkeys(QUIET, 0.7), "GRPO": 0.6, "reweighted PPO": 0.14}


@pytest.mark.parametrize("name", QUIET)
def test_with_three_times_the_batches_the_quiet_ones_come_within_two_thousandths(name):
    kl, short = run(name, AT_02[name])[-1]
    assert kl == pytest.approx(0.2, abs=0.02)
    assert 0 < short < 2


@pytest.mark.parametrize("name", ["GRPO", "reweighted PPO"])
def test_the_loud_ones_stay_where_they_were(name):
    path = run(name, AT_02[name])
    assert path[100:, 0].mean() == pytest.approx(0.2, abs=0.05)
    assert path[100:, 1].mean() > 7
    assert path[-1, 1] > 0.5 * path[50, 1]


@pytest.mark.parametrize(("name", "kl_coeff"), [("DPO, hard, online", 3.0), ("DPO, hard, offline", 2.3)])
def test_hard_labels_go_on(name, kl_coeff):
    path = run(name, kl_coeff)
    assert path[50, 0] == pytest.approx(0.2, abs=0.03)
    assert path[-1, 0] > 0.3
    assert (path[[50, 75, 100, 150], 0].diff() > 0.01).all()


@pytest.mark.parametrize("name", ["DPO, hard, online", "DPO, hard, offline"])
def test_at_the_largest_rate_no_coefficient_keeps_hard_labels_near(name):
    assert all(run(name, kl_coeff, rate=0.03, batches=50)[-1, 0] > 0.3 for kl_coeff in (3.0, 8.0, 32.0, 128.0))


def test_larger_batches_shrink_the_shortfalls_of_the_loud():
    for name in ("GRPO", "reweighted PPO"):
        small, large = (run(name, AT_02[name], batches=50, size=size)[-1] for size in (32, 256))
        assert large[1] < 0.5 * small[1], name
        assert large[0] == pytest.approx(small[0].item(), abs=0.08)


def test_best_of_16_is_close_to_the_frontier_and_a_trained_run_that_has_arrived_is_closer():
    its = chapter()
    at = torch.zeros(10, 9, dtype=float64)  # (last token, hits of token 1)
    at[0, 0] = 1.0
    for _ in range(8):
        at = its["ref_table"].exp().T @ at
        at[1] = at[1].roll(1)
    base = at.sum(0)
    upto = torch.cat([base.new_zeros(1), base.cumsum(0)])
    p = upto[1:] ** 16 - upto[:-1] ** 16
    kl, reward = torch.special.xlogy(p, p / base).sum() / 8, p @ torch.arange(9.0, dtype=float64) / 8
    short = 1000 * (its["ceiling"](kl) - reward)
    assert kl == pytest.approx(0.21, abs=0.01)
    assert 20 < short < 30  # of the 250 that this KL can buy
    assert run("RLOO", 0.7, batches=50)[-1, 1] < 3


@pytest.mark.parametrize("rounding", [1e-15, 3e-15, 1e-14])
def test_many_clipped_steps_print_alike_on_every_processor(rounding, monkeypatch):
    """Sixteen steps on each batch turn a rounding of the start into thousandths."""
    its = chapter()
    streams = Page("09_side_by_side").streams
    printed = next(found[1] for text in streams if (found := re.search(r"^0.03 +16 +\S+ +\S+ +(\S+) ", text, re.M)))
    half, rate = (torch.full((16,), x, dtype=float64) for x in (0.5, 0.03))
    monkeypatch.setitem(its, "START", [x * (1 + rounding) for x in its["START"]])
    _, tables = its["train_all"](its["ppo"], half, rate, its["dice_of"](range(16), batches=20), epochs=16)
    reward, kl = its["measured"](tables[-1]).unbind(-1)
    value = (reward - 0.5 * kl).mean().item()
    assert f"{value:.{len(printed.partition('.')[2])}f}" == printed


@pytest.mark.parametrize("seed", range(20))
def test_the_natural_gradient_walks_on_the_frontier_and_the_plain_one_below(seed):
    generator = seeded(seed)
    ref, paid = torch.randn(2, 10, generator=generator, dtype=float64)
    ref, rate = ref.log_softmax(-1), 0.05
    logits = {"natural": ref, "plain": ref}
    for step in range(1, 41):
        for name, z in logits.items():
            probs = z.softmax(-1)
            advantages = paid - probs @ paid
            logits[name] = z + rate * (advantages if name == "natural" else 4 * probs * advantages)
        price = 1 / (rate * step)
        best = (ref + paid / price).log_softmax(-1)
        torch.testing.assert_close(logits["natural"].log_softmax(-1), best)
        plain = logits["plain"].log_softmax(-1)
        moved = (plain.exp() * (plain - ref)).sum()
        prices = torch.logspace(3, -3, 2000, dtype=float64)[:, None]
        ceiling = (prices[:, 0] * (ref + paid / prices).logsumexp(-1) + prices[:, 0] * moved).min()
        assert ceiling - plain.exp() @ paid > 1e-5
    assert math.isfinite(moved)
