"""What the page on probs and logprobs says of its figures, computed."""

import math

import numpy as np
import pytest
import torch
from support.claims import Page
from support.enumeration import seeded

from rlhf_helpers import TinyPolicy, generate, token_logprobs, token_reward

page = Page("01_probs_and_logprobs")
SEEDS = range(20)


def untrained(seed: int) -> TinyPolicy:
    """A fresh policy; that of the page has seed 4."""
    return TinyPolicy(generator=seeded(seed)).double()


def every_answer() -> tuple[torch.Tensor, torch.Tensor]:
    """The prompt, token 0, before all answers of three tokens."""
    digits = torch.arange(10)
    return torch.zeros(1000, 1, dtype=torch.int64), torch.cartesian_prod(digits, digits, digits)


# ---- Ten logits


@page.says("All scores are 5 higher. The strip has not moved.", "the ten still have to sum to 1.")
def test_only_differences_between_logits_count():
    figure = page.figure("Ten logits")
    before, after = figure.run(), figure.run("shifted")
    np.testing.assert_allclose(after["logits"], before["logits"] + 5, rtol=1e-6)
    np.testing.assert_allclose(after["probs"], before["probs"], rtol=1e-5)
    assert after["probs"].sum() == pytest.approx(1, abs=1e-6)


def test_cold_is_almost_one_token_and_hot_almost_flat():
    figure = page.figure("Ten logits")
    assert float(figure.run("cold")["width"]) < 1.1
    assert float(figure.run("hot")["width"]) > 9.9


@page.says(
    "move **logit of token 1** to 5: the logit is far above 0, the probability is 0.921, and the log-probability is "
    "still below 0, at −0.08.",
)
def test_a_large_logit_has_a_log_probability_below_zero():
    run = page.figure("Ten logits").run(logit_1=5.0)
    assert float(run["p1"]) == pytest.approx(0.921, abs=0.0005)
    assert float(run["logp1"]) == pytest.approx(-0.08, abs=0.005)


@page.says("For tokens, never: a probability is at most 1.")
def test_no_log_probability_of_a_token_is_positive():
    prompt, answers = every_answer()
    for seed in SEEDS:
        assert (token_logprobs(untrained(seed), prompt, answers) <= 0).all()


# ---- Products and sums


@page.says(
    "float32 holds 149 of them.",
    "Two cliffs have moved off the plot; float16 still falls.",
    "From where a line falls straight down, the format holds an exact 0.",
)
def test_each_format_falls_where_it_is_said_to():
    figure = page.figure("The probability of an answer")
    coins, easy = figure.run("coin flips"), figure.run("easy text")
    assert coins["held_float32"] == 149
    assert easy["held_float16"] < easy["tokens"][-1]
    assert easy["held_float32"] == easy["held_float64"] == easy["tokens"][-1]
    for run in (coins, easy):
        bottom = 1.08 * run["sum_of_logprobs"][-1]
        fallen = run["tokens"] > run["held_float16"]
        np.testing.assert_allclose(run["float16"][fallen], bottom, rtol=1e-6)
        assert (run["float16"][~fallen] > bottom).all()


@page.says(
    "every token has probability 0.7, a very good guess, and the logs of the 850 sum to −303.2.",
    "By the sum the first wins, −11.5 against −303.2; by the mean the second, −0.36 against −2.30.",
    "A far lower sum than that of a short answer, and a far better mean.",
)
def test_sum_and_mean_rank_two_answers_differently():
    figure = page.figure("The probability of an answer")
    long, short = figure.run("long and good"), figure.run("short and poor")
    assert [float(run["total"]) for run in (long, short)] == pytest.approx([-303.2, -11.5], abs=0.05)
    assert [float(run["mean"]) for run in (long, short)] == pytest.approx([-0.36, -2.30], abs=0.005)


page.defines(
    "A log-probability of −300 means that the model is broken.",  # what is refuted
    "Compare means per token, or differences between two policies, never the level.",
)


@page.says(
    "Logs turn ratios into differences, so look at the difference, 3.",
    "The difference is 3 nats, and e³ is 20.1.",
    "3 is the log of the ratio.",
)
def test_three_nats_are_a_factor_of_twenty():
    assert math.exp(-300 - -303) == pytest.approx(20.1, abs=0.05)


@page.says(
    "The log-probability is 200 times −1.61. The perplexity is 5:",
    "The probability is far below what `float32` can hold, so the product is an exact 0.",
)
def test_two_hundred_tokens():
    probs = torch.full((200,), 0.2, dtype=torch.float64)
    assert math.log(0.2) == pytest.approx(-1.61, abs=0.005)
    assert probs.log().mean().neg().exp() == pytest.approx(5)
    assert probs.float().prod() == 0 < probs.prod()


@page.says(
    "Five rungs times 0.9 would be four and a half rungs; the `float16` number nearest to 0.9 is slightly less than "
    "0.9, so the product rounds down to 4. Four rungs times 0.9 is 3.6, which rounds back to 4, and there it stays for "
    "good.",
    "With a factor below one half nothing can round back up, and the product reaches 0.",
)
def test_a_product_that_freezes_and_one_that_dies():
    def rungs(count, factor):
        product = torch.tensor(count * 2.0**-24, dtype=torch.float16) * torch.tensor(factor, dtype=torch.float16)
        return product.item() / 2**-24

    assert torch.tensor(0.9, dtype=torch.float16).item() < 0.9
    assert [rungs(5, 0.9), rungs(4, 0.9)] == [4, 4]
    for factor in torch.linspace(0.02, 0.499, 20).tolist():
        assert all(rungs(count, factor) < count for count in range(1, 1024))


# ---- Drawing, and scoring what was drawn


@page.says("Token 1 has a probability near 0.1, so about one token in ten is paid.")
def test_sampling_is_paid_and_argmax_is_not():
    policy, start = untrained(4), torch.zeros(64, 1, dtype=torch.int64)
    assert policy(start[:1])[0, -1].softmax(-1)[1].item() == pytest.approx(0.10, abs=0.005)
    for seed in range(3):
        drawn = generate(policy, start, 8, generator=seeded(seed))
        assert token_reward(drawn).mean() == pytest.approx(0.1, abs=0.03)
    best = generate(policy, start[:1], 8, temperature=1e-3, generator=seeded(0))
    assert token_reward(best).sum() == 0
    assert best[0, 0] == 5


@page.says(
    "Row t of the logits is about token t + 1.",
    "There are three tokens to score, and row 3 is a forecast of a token that nobody has written.",
    "Row 1 has seen the 4 already; it is a forecast of the 1. These three rows score every token one place too late.",
    "Each token is scored by the row before it: the 4 by row 0, at the end of the prompt.",
)
def test_the_rows_before_the_tokens_score_them():
    ids = torch.tensor([[0, 4, 1, 7]])
    for seed in range(3):
        rows = untrained(seed)(ids).log_softmax(-1)
        scored = torch.stack([rows[0, t, ids[0, t + 1]] for t in range(3)])
        torch.testing.assert_close(token_logprobs(untrained(seed), ids[:, :1], ids[:, 1:])[0], scored)


@page.says("With either bug left in, the 1,000 probabilities do not sum to 1:")
def test_the_sum_over_all_answers_finds_both_bugs():
    prompt, answers = every_answer()
    for seed in SEEDS:
        rows = untrained(seed)(torch.cat([prompt, answers], dim=1)[:, :-1])
        for dim in (1, -1):
            for reduce in (torch.mean, torch.sum):
                logprobs = rows.log_softmax(dim).gather(-1, answers[..., None])[..., 0]
                total = reduce(logprobs, -1).exp().sum().item()
                right = dim == -1 and reduce is torch.sum
                assert abs(total - 1) < 1e-6 if right else total > 10


def test_the_shift_is_seen_where_the_diagonal_does_not_sum_to_one():
    prompt, answers = every_answer()
    ids = torch.cat([prompt, answers], dim=1)
    for seed in SEEDS:
        policy = untrained(seed)
        shifted = policy(ids)[:, 1:].log_softmax(-1).gather(-1, answers[..., None])[..., 0]
        diagonal = policy(torch.arange(10)[:, None])[:, 0].softmax(-1).diagonal().sum()
        torch.testing.assert_close(shifted.sum(-1).exp().sum(), diagonal**3)


# ---- Arithmetic


@page.says(
    "It gives ten numbers between 0 and 1 that have nothing to do with each other.",
    "move **added to all ten** from −5 to 40: the sum of the sigmoids runs from 0.10 to 10.00, "
    "while the softmax does not move.",
)
def test_sigmoids_are_no_strip():
    figure = page.figure("The same ten scores")
    low, high = figure.run(shift=-5.0), figure.run(shift=40.0)
    assert float(low["sigmoids"]) == pytest.approx(0.10, abs=0.005)
    assert float(high["sigmoids"]) == pytest.approx(10.00, abs=0.005)
    np.testing.assert_allclose(low["softmax"], high["softmax"], rtol=1e-4)


@page.says(
    "`log_softmax` says −202.5; after a softmax in `float32` the probability is exactly 0, and its log is $-\\infty$.",
    "The log of that 0 is minus infinity.",
)
def test_a_softmax_loses_what_log_softmax_keeps():
    run = page.figure("The same ten scores").run("very unlikely")
    assert float(run["logp1"]) == pytest.approx(-202.5, abs=0.05)
    assert run["zeros"] == 1
    assert torch.zeros(()).log() == -math.inf


@page.says(
    "in the same figure press **bfloat16**: adding 20 to all ten changes nothing on paper, and after rounding the "
    "probabilities are off by factors from 0.943 to 1.041.",
    "Eight significant bits, and all scores 20 higher.",
    "`float32` keeps 24 significant bits, `bfloat16` 8.",
    "`bfloat16` keeps 8 significant bits, between two and three decimal digits.",
)
def test_rounded_scores_give_other_probabilities():
    run = page.figure("The same ten scores").run("bfloat16")
    assert [float(run["low"]), float(run["high"])] == pytest.approx([0.943, 1.041], abs=0.0005)
    for dtype, bits in ((torch.float32, 24), (torch.bfloat16, 8)):
        assert torch.finfo(dtype).eps == 2.0 ** (1 - bits)
    assert 2 < math.log10(2**8) < 3


page.cites(
    "a trainer scored the same tokens twice, one answer at a time and then in chunks of eight;",
    "8 percent of the probabilities moved by more than a tenth.",
)


# ---- The gradient of a log-probability


@page.says(
    "never longer than $\\sqrt 2$, however surprising the token. It comes close when $p_a$ is nearly 0 and one other "
    "token has all the rest:",
    "The entry at $a$ alone is $1 - p_a$, here 1 up to rounding.",
    "Its slope is 0 below −20, so the very token that surprised the policy would teach it nothing.",
    '"Every entry is between −1 and 1, so the length is at most 1" takes the largest entry for the length.',
)
def test_the_gradient_of_a_log_probability_is_bounded_and_does_not_vanish():
    def push(z, clamp=-math.inf):
        z = z.clone().requires_grad_()
        return torch.autograd.grad(z.log_softmax(-1)[0].clamp(min=clamp), z)[0]

    for seed in SEEDS:
        z = 8 * torch.randn(10, generator=seeded(seed), dtype=torch.float64)
        gradient = push(z)
        assert gradient.norm() <= math.sqrt(2)
        assert gradient[0] == pytest.approx(1 - z.softmax(-1)[0].item())
    sure_and_wrong = torch.tensor([-math.log(1e12), 0.0, -60.0], dtype=torch.float64)
    assert push(sure_and_wrong).norm() == pytest.approx(math.sqrt(2))
    assert push(sure_and_wrong)[0] == pytest.approx(1)
    assert push(sure_and_wrong, clamp=-20).norm() == 0


page.defines(
    "Twice the logits means twice the differences between them, and a sharper strip.",
    "so the squared length is at most",
)


def test_no_claim_is_without_proof():
    assert page.problems() == []
