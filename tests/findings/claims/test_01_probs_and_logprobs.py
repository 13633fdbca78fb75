"""What the page on probs and logprobs says of its figures, computed."""

import pytest
from support.claims import Page

page = Page("01_probs_and_logprobs")


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


page.defines("Eight significant bits, and all scores 20 higher.")


def test_no_claim_is_without_proof():
    assert page.problems() == []
