"""What the page on human feedback says of its figures and runs, computed."""

import functools

import numpy as np
import pytest
import torch
from support.claims import Page
from support.enumeration import seeded

from rlhf_helpers import (
    best_of_n,
    bradley_terry_loss,
    every_count,
    fit_reward_model,
    judge_utilities,
    preference_pairs,
    tilt,
    token_utilities,
)

page = Page("10_human_feedback")
SEEDS = range(3)


def ended(preset: str, seed: int, **settings) -> dict[str, np.ndarray]:
    return page.figure("Training against a reward model").run(preset, seed=seed, **settings)


def smooth(series: np.ndarray, width: int = 10) -> np.ndarray:
    return np.convolve(series, np.ones(width) / width, "valid")


@pytest.mark.parametrize("seed", SEEDS)
@page.says(
    "A small model, 300 labels, hardly any pull: the judge's gain climbs, turns, and falls below where it began.",
    "after 200 updates the reward model reports a gain of more than 4, the judge a loss of more than 2, and most "
    "tokens are 1s.",
    "3000 labels, where the smallest choice is 30, and still a small model: it falls as well.",
    "press **a hundred times the labels** (3000, where the smallest choice is 30): the small model falls as well.",
    "3000 labels and a utility for each occurrence: the judge's gain flattens, and does not fall.",
)
def test_small_models_are_fooled_and_a_large_one_is_not(seed):
    for preset in ("no leash", "a hundred times the labels"):
        run = ended(preset, seed)
        judge = smooth(run["true_score"])
        assert judge.max() > 1 > -2 > judge[-1]
        assert smooth(run["proxy"])[-1] > 4
        assert (run["completions"] == 1).mean() > 0.5
    large = smooth(ended("a larger reward model", seed)["true_score"], 20)
    assert large[-1] > 0.9 * large.max() > 1.5


@pytest.mark.parametrize("seed", SEEDS)
@page.says(
    "The same model and a pull of 0.6: the run goes the same way and stops before the top.",
    'In the figure "Training against a reward model" move **KL coefficient, kl_coeff** from 0.6 down to 0.2, and '
    "read the KL in the status line:",
)
def test_a_leash_chooses_a_place_on_one_way(seed):
    short, long = ended("a short leash", seed), ended("no leash", seed)
    top = short["where"][short["its_true_score"].argmax()]
    assert smooth(short["distance"]).max() < top < smooth(long["distance"])[-1]
    for run in (short, long):
        line = np.interp(run["distance"], run["where"][np.argsort(run["where"])], np.sort(run["best_proxy"]))
        assert np.abs(smooth(run["proxy"] - line)).max() < 0.4
    spent = [smooth(ended("a short leash", seed, kl_coeff=price)["kl"])[-1] for price in (0.6, 0.4, 0.2)]
    assert spent[0] < spent[1] < spent[2]


@functools.cache
def fitted(count: int, size: str, copies: int = 4) -> torch.Tensor:
    pairs = preference_pairs([judge_utilities()], count, generator=seeded(count), copies=copies)
    return fit_reward_model(*pairs, size=size, steps=100, learning_rate=0.2)


@page.says(
    "The large model follows the judge down as far as there are many examples, to the third 1; about a sixth it knows "
    "next to nothing, and stays near 0.",
)
def test_a_large_model_knows_what_it_has_seen():
    for table in fitted(10_000, "large", 3):
        worth = table[1] - table[0, 0]
        torch.testing.assert_close(worth[:3], judge_utilities()[1, :3], atol=0.25, rtol=0)
        assert worth[5].abs() < 0.5  # and the judge says -1


page.prints(
    "With 100 labels the models are too sure: where they claim 94%, they are right in 82%.",
    "100 labels: claimed 94%, came true in 82%",
)


@page.says("With 3000 labels a claim comes true about as often as it says.")
def test_many_labels_make_an_honest_model():
    new = preference_pairs([judge_utilities()], 20_000, generator=seeded(0))
    for count, low, high in ((100, 0.08, 0.2), (3000, -0.03, 0.03)):
        for table in fitted(count, "large"):
            gap = score(new[0], table) - score(new[1], table)
            claimed, true = torch.sigmoid(gap.abs()), ((gap > 1e-9) + 0.5 * (gap.abs() <= 1e-9)).double()
            for lowest, highest in ((0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.0)):
                of_these = (claimed > lowest) & (claimed < highest)
                too_sure = (claimed - true)[of_these].mean()
                assert too_sure < high
                assert too_sure > low or highest < 1


def score(ids: torch.Tensor, utilities: torch.Tensor) -> torch.Tensor:
    return token_utilities(ids, utilities).sum(1)


page.prints("the judge's gain falls from 1.71 to 0.70.", "best of 256: judge's gain 1.71", "65536: judge's gain 0.70")
page.defines("from $n = 256$ to 65,536", "Above: the judge's line of the opening figure, for 300 labels.")
page.defines("Noise can be told from disagreement by showing the same pair to the same person twice.")


def test_best_of_n_turns_down_after_a_few_hundred_draws():
    ids, logprobs = every_count()
    true = score(ids, judge_utilities())
    for table in fitted(1000, "small"):
        gains = [best_of_n(logprobs, score(ids, table), n)[0] @ true for n in (16, 256, 65_536)]
        assert gains[1] > max(gains[0], gains[2] + 0.3)


def test_for_our_curves_the_parabola_is_as_good_as_the_logarithm_or_better():
    """What the page says of the published forms; its best policies stand for RL."""
    ids, logprobs = every_count()
    true = score(ids, judge_utilities())
    prices = torch.logspace(1.3, -1.3, 27, dtype=torch.float64)
    for size in ("small", "large"):
        for table in fitted(300, size):
            scores = score(ids, table)
            tilted = [tilt(logprobs, scores, price) for price in prices]
            chosen = [best_of_n(logprobs, scores, 4**k) for k in range(1, 9)]
            for probs_and_kl in (tilted, chosen):
                d = torch.stack([kl for _, kl in probs_and_kl]).sqrt()
                gain = torch.stack([(probs - logprobs.exp()) @ true for probs, _ in probs_and_kl])
                assert unexplained(d, gain, d) < unexplained(d, gain, d.log()) + 0.01


def unexplained(d: torch.Tensor, gain: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    """The share of the variance of a gain that d (a - b shape) leaves."""
    columns = torch.stack([d, -d * shape], dim=1)
    rest = gain - columns @ torch.linalg.lstsq(columns, gain[:, None]).solution[:, 0]
    return (rest**2).sum() / ((gain - gain.mean()) ** 2).sum()


def test_a_margin_pulls_sure_pairs_apart_and_stretches_the_scale():
    for seed in SEEDS:
        chosen, rejected = preference_pairs([judge_utilities()], 1000, generator=seeded(seed))
        counts = [torch.nn.functional.one_hot(ids, 10).sum(1).double() for ids in (chosen, rejected)]
        lead = score(chosen, judge_utilities()) - score(rejected, judge_utilities())
        sure = (lead > 1.4).double()
        tables = []
        for margin in (0.0, sure):
            table = torch.zeros(10, dtype=torch.float64, requires_grad=True)
            optimizer = torch.optim.Adam([table], lr=0.05)
            for _ in range(300):
                optimizer.zero_grad()
                bradley_terry_loss(counts[0] @ table, counts[1] @ table, margin=margin).backward()
                optimizer.step()
            tables.append(table.detach())
        gaps = [((counts[0] - counts[1]) @ table)[sure > 0].mean() for table in tables]
        assert gaps[1] > gaps[0] + 0.3
        assert tables[1].std() > 1.2 * tables[0].std()


@functools.cache
def computed() -> dict:
    """The names that the page's cells define up to the runs on five sets of labels."""
    names = {"__name__": "__main__"}
    for cell in page.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), names)
            if "correlation" in names:
                return names
    raise AssertionError("no runs on five sets of labels")


def leads(method: str, price: float) -> dict[str, torch.Tensor]:
    """The judge's gain of five runs, minus that of the best policies at the same KL for the two sizes of model."""
    names = computed()
    kls, gains = names["seen"][method, price].T
    rivals = {
        size: torch.stack([names["at_kl"](path, kl) for path, kl in zip(paths, kls, strict=True)])
        for size, paths in names["paths"].items()
    }
    return {size: gains - rival for size, rival in rivals.items()}


def test_ppo_ends_on_its_models_line_and_grpo_below_it_in_four_sets_of_five():
    assert leads("PPO", 0.5)["small"].abs().max() < 0.04
    grpo = leads("GRPO", 0.5)["small"].sort().values
    assert grpo[3] < -0.02
    assert grpo[4] < 0.02


def test_dpo_wins_some_sets_from_the_small_model_and_none_from_the_large():
    small, large = leads("DPO", 0.5).values()
    assert small.min() < 0 < small.max()
    assert large.max() < 0
    assert max(lead.max() for lead in leads("DPO", 1.0).values()) < 0
    assert leads("DPO", 0.35)["small"].abs().min() > 0.1


def test_dpos_own_reward_model_foresees_fewer_labels_and_follows_the_judge_less():
    names = computed()
    found = []
    for of_sets in names["models"].values():
        foreseen = torch.stack(
            [names["share_right"](rate(names["new"][0]) - rate(names["new"][1])) for rate in of_sets]
        )
        with_judge = [names["correlation"](rate(names["written"]), names["judged"]) for rate in of_sets]
        found.append((foreseen, torch.stack(with_judge)))
    small, large, dpos = found
    for rival in (small, large):
        assert (dpos[0] < rival[0]).all()
        assert (dpos[1] < rival[1] - 0.05).all()


page.defines(
    "The model's score is what PPO was paid for, and DPO never saw it.",
    "A judge who chose $a$ in 10 of 10 would ask for an infinite gap.",
    "If ties counted as right, a model that says the same of everything would always be right. With a half for each "
    "tie it gets 0.5, which is all it knows.",
    "with a margin of 1 a pair has to lead by 1 before it pushes as little as an even pair does without one.",
    "So an agreement of 73 % puts the ceiling between 73 % and 84 %: 71 % may be nearly all there is to get, and 90 % "
    "is out of reach.",
    '"71 % is bad, use DPO" (DPO fits the same labels, and has the same ceiling).',
)


def test_no_claim_is_without_proof():
    assert page.problems() == []


# ---- A judge to drag


page.defines("with a second and a third 1 worth what the first is.")


@page.says("a small model that learns the taste from 64 labels at each update")
def test_a_small_model_follows_the_taste_that_is_dragged():
    figure = page.figure("A judge to drag")
    for seed in range(3):
        for preset in (None, "the second judge"):
            run = figure.run(preset, seed=seed)
            assert run["off"][-1] < 0.2 < run["off"][0]
        moved = figure.run(seed=seed, moves={100: {"worth_5": 2.0}})
        assert moved["off"][100] > 0.5
        assert moved["off"][-1] < 0.25
        assert moved["model"].argmax() == 5
        faint = figure.run("a coin in the hand", seed=seed)
        assert np.ptp(faint["model"]) < 0.7 * np.ptp(figure.run(seed=seed)["model"])
        assert np.abs(figure.run("no taste", seed=seed)["taste"]).max() == 0
