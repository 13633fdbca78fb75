"""What figures say of a token, against formulas written here: the page's numbers are those of their function."""

import pytest
import torch
from support.definitions import definitions
from torch import tensor
from torch.nn.functional import one_hot
from torch.testing import assert_close


def run(start, step, updates, **knobs):
    """The series after some updates of a figure, with 32 rows of eight uniforms each."""
    state, generator = start(0), torch.Generator().manual_seed(0)
    knobs = {name: tensor(float(value)) for name, value in knobs.items()}
    for _ in range(updates + 1):
        before = state
        state, series = step(before, torch.rand(32, 8, generator=generator), **knobs)
    return series


def distributions(series, ids):
    """The policy's distribution before each token: one row of its table for the token before, token 0 at first."""
    previous = torch.cat([torch.zeros_like(ids[:, :1]), ids[:, :-1]], dim=1)
    return series["policy"][previous]


def check_push(series, ids, weight):
    """The push is a weight for each token, times one for the token written, minus the distribution."""
    wanted = weight[..., None] * (one_hot(ids, 10) - distributions(series, ids))
    assert_close(series["push"], wanted, atol=1e-7, rtol=1e-4)
    assert series["push"].abs().max() > 1e-4


def probability(series, ids):
    return distributions(series, ids).gather(-1, ids[..., None])[..., 0]


@pytest.mark.parametrize("eps", [0.02, 0.2])
def test_ppo(eps):
    page = definitions("04_ppo", "watched_ppo", "opened_ppo", "begin", "ppo_step", "start", "step")
    knobs = {"kl_coeff": 0.5, "learning_rate": 0.05, "epochs": 4}
    cuts = []
    for updates in (6, 7):  # the third and the fourth on one batch
        series = run(page["start"], page["step"], updates, clip_eps=eps, **knobs)
        ids = series["completions"][:3]
        new, old, ref = (series[f"{name}_prob"] for name in ("new", "old", "ref"))
        assert_close(new, probability(series, ids))
        assert_close(ref, torch.full_like(ref, 0.1))
        ratio, advantage = new / old, series["advantage"]
        assert_close(series["ratio"], ratio)
        assert_close(series["reward_here"], (ids == 1).float())
        paid = series["reward_here"] - 0.5 * (old / ref).log()
        assert_close(series["paid"], paid)
        assert_close(series["to_go"], paid.flip(1).cumsum(1).flip(1))
        assert_close(advantage, series["to_go"] - series["to_go_mean"])
        plain, clipped = ratio * advantage, ratio.clamp(1 - eps, 1 + eps) * advantage
        assert_close(series["surrogate"], torch.minimum(plain, clipped))
        cut = clipped < plain
        outside = (ratio - 1).abs() > eps
        assert_close(series["cut"], cut.float())
        assert_close(series["worse"], (outside & ~cut).float())
        assert_close(series["within"], (~outside).float())
        check_push(series, ids, torch.where(cut, 0.0, plain / 256))
        cuts.append(int(cut.sum()))
    assert sum(cuts) > 0
    assert series["worse"].any() or eps > 0.1


@pytest.mark.parametrize("size", [2, 8])
def test_grpo(size):
    page = definitions("08_grpo", "in_groups_of", "any_group", "start", "step")
    series = run(page["start"], page["step"], 9, kl_coeff=0.5, learning_rate=0.05, group_size=size)
    ids = series["completions"]
    assert_close(series["prob"], probability(series, ids))
    scores = (ids == 1).float().sum(1)
    groups = scores.view(-1, size)
    mean, spread = (x.repeat_interleave(size) for x in (groups.mean(1), groups.std(1)))
    silent = groups.amax(1).eq(groups.amin(1)).repeat_interleave(size)
    advantage = torch.where(silent, 0.0, (scores - mean) / (spread + 1e-4))
    found = (series[name] for name in ("scores", "group_mean", "spread", "silent", "advantages"))
    for one, other in zip(found, (scores, mean, spread, silent.float(), advantage), strict=True):
        assert_close(one, other, atol=1e-4, rtol=1e-4)
    r = 0.1 / series["prob"]
    assert_close(series["kl_toll"], 0.5 * (r - 1 - r.log()), atol=1e-6, rtol=1e-4)
    assert_close(series["pays"], advantage[:, None].expand(8, 8), atol=1e-4, rtol=1e-4)
    check_push(series, ids, (advantage[:, None] - 0.5 * (1 - r)) / 256)


@pytest.mark.parametrize("judge", [0, 1, 2])
def test_dpo(judge):
    names = ("KEYS", "soft", "hard", "points_once", "pointing", "log_ratios", "dpo_with_judge", "opened_dpo")
    page = definitions("06_dpo", "seeded", *names, "first", "step")
    # `step` is a name of several cells of the chapter: the figure's own is made here
    start, step = page["training_step"](page["opened_dpo"], sample_from="reference")
    series = run(start, step, 19, kl_coeff=0.5, learning_rate=0.05, epochs=1, judge=judge)
    ids = series["pairs"]
    log_ratio = (probability(series, ids) / 0.1).log().sum(1)
    assert_close(series["log_ratio"], log_ratio, atol=1e-5, rtol=1e-4)
    sure = (0.5 * (log_ratio - log_ratio.view(-1, 2).flip(1).flatten())).sigmoid()
    assert_close(series["sure"], sure, atol=1e-5, rtol=1e-4)
    gap = (ids == 1).float().sum(1)
    gap = gap - gap.view(-1, 2).flip(1).flatten()
    if judge == 0:
        assert_close(series["label"], gap.sigmoid())
    if judge == 1:
        assert_close(series["label"].view(-1, 2).sort(1).values, tensor([[0.0, 1.0]]).expand(3, 2))
    if judge == 2:
        assert_close(series["label"], torch.where(gap == 0, sure, (gap > 0).float()), atol=1e-5, rtol=1e-4)
    assert_close(series["tie"], ((gap == 0) & (judge == 2)).float())
    weight = 0.5 * (series["label"] - sure)
    check_push(series, ids, weight[:, None].expand(6, 8) / 16)


@pytest.mark.parametrize("method", range(5))
def test_the_front_page(method):
    page = definitions("index", "METHODS", "chosen_method")
    start, step = page["training_step"](page["chosen_method"])
    series = run(start, step, 9, kl_coeff=0.3, learning_rate=0.02, method=method)
    ids = series["completions"][:3]
    assert_close(series["prob"], probability(series, ids))
    assert_close(series["kl_of_token"], (series["prob"] / 0.1).log(), atol=1e-6, rtol=1e-4)
    assert_close(series["kl_toll"], 0.3 * series["kl_of_token"])
    assert_close(series["reward_of_row"], (ids == 1).float().sum(1))
    own = series["push"].gather(-1, ids[..., None])[..., 0] / (1 - series["prob"])  # the weight of each token
    check_push(series, ids, own)
    if method in (1, 2, 4):  # the losses of whole answers: one weight for all tokens of a row
        assert_close(own, own.mean(1, keepdim=True).expand_as(own), atol=1e-7, rtol=1e-3)


def test_names():
    names = ("dot", "held_out", "layout", "flat", "fits", "some_held_out", "prompts_32", "begin", "read", "step")
    page = definitions("11_names", *names)
    utilities = dict.fromkeys(page["NAME_FEATURES"], tensor(0.0)) | {page["NAME_FEATURES"][1]: tensor(1.0)}
    utilities = {name.replace(", ", "_").replace(" ", "_"): worth for name, worth in utilities.items()}
    knobs = {"kl_coeff": tensor(0.3), "learning_rate": tensor(0.002), "prefix": torch.full((10,), -1)}
    state, generator = page["begin"](0), torch.Generator().manual_seed(0)
    for _ in range(2):
        before = state
        state, series = page["step"](before, torch.rand(32, 10, generator=generator), **knobs, **utilities)
    ids, counts = series["names"][:6].clamp(min=0), series["names"][:6] >= 0
    read = torch.cat([page["dot"].expand(6, 1), ids[:, :-1]], dim=1)
    new, old = (
        page["AtParameters"](page["layout"], before[name])(read).softmax(-1).gather(-1, ids[..., None])[..., 0]
        for name in ("params", "ref")
    )
    assert_close(series["prob"][counts], new[counts])
    assert_close(series["ref_prob"][counts], old[counts])
    assert_close(series["name_kl"], (counts * (new / old).log()).sum(1), atol=1e-5, rtol=1e-4)
    assert_close(series["paid"], series["name_score"] - 0.3 * series["name_kl"], atol=1e-5, rtol=1e-4)
    assert_close(series["advantage"], series["paid"] - series["others"])
    own = series["push"].gather(-1, ids[..., None])[..., 0]
    tokens = (series["advantage"][:, None] * (1 - series["prob"]) / own)[counts]  # one number, of tokens in the batch
    assert_close(tokens, tokens.mean().round().expand_as(tokens), atol=0.05, rtol=1e-3)
    assert not series["push"][~counts].any()
    assert_close(series["push"].sum(-1), torch.zeros(6, 10), atol=1e-7, rtol=0)


def test_the_table_of_side_by_side():
    names = ("seeded", "pay", "BETAS", "frontier", "METHODS", "chosen", "one_start", "LENGTH", "start", "step")
    page = definitions("09_side_by_side", *names)
    series = run(page["start"], page["step"], 9, kl_coeff=0.5, learning_rate=0.05, method=1)
    share = series["kl_share"]
    assert_close(share.sum(), series["kl"], atol=1e-6, rtol=1e-4)  # exactly the KL that the figure measures
    assert_close(series["visits"].sum(), tensor(1.0))
    assert_close(share, series["visits"][:, None] * series["policy"] * series["log_ratio"], atol=1e-7, rtol=1e-4)
    rows = torch.distributions.Categorical(series["policy"]), torch.distributions.Categorical(series["ref_policy"])
    row_kl = torch.distributions.kl_divergence(*rows)
    assert_close(share.sum(1), series["visits"] * row_kl, atol=1e-6, rtol=1e-4)
