"""Judges: what a completion is worth, and how often the better one is preferred."""

from collections import Counter

import pytest
import torch
from support.enumeration import seeded

from rlhf_helpers import judge_utilities, preference_pairs, token_utilities


def test_every_occurrence_is_paid_as_the_table_says():
    table = torch.arange(6.0).view(2, 3)  # token 0: 0, 1, 2; token 1: 3, 4, 5
    ids = torch.tensor([[0, 0, 0], [0, 1, 0], [1, 0, 1]])
    assert token_utilities(ids, table).tolist() == [[0, 1, 2], [0, 3, 1], [3, 0, 4]]


def test_a_score_does_not_depend_on_the_order():
    ids = torch.randint(10, (50, 8), generator=seeded(0))
    mixed = ids[:, torch.randperm(8, generator=seeded(1))]
    utilities = torch.randn(10, 8, generator=seeded(2), dtype=torch.float64)
    torch.testing.assert_close(token_utilities(ids, utilities).sum(1), token_utilities(mixed, utilities).sum(1))


def test_the_first_judge_has_enough_of_token_1_after_three():
    ids = torch.tensor([[1] * n + [0] * (8 - n) for n in range(9)])
    scores = token_utilities(ids, judge_utilities()).sum(1)
    assert scores.argmax() == 3
    assert scores[8] == pytest.approx(-3.2)


def test_the_second_judge_is_the_first_with_other_tokens():
    first, second = judge_utilities("first"), judge_utilities("second")
    assert torch.equal(first[[1, 2, 9]], second[[7, 2, 1]])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_a_judge_prefers_as_bradley_and_terry_say(temperature):
    table = torch.tensor([[0.0], [1.0]])  # two tokens, one of them worth 1
    chosen, rejected = preference_pairs([table], 20_000, temperature=temperature, generator=seeded(0))
    differs = (chosen != rejected)[:, 0]
    share = (chosen[differs] == 1).double().mean()
    assert share == pytest.approx(torch.sigmoid(torch.tensor(1 / temperature)).item(), abs=0.02)


def test_a_judge_without_noise_never_errs_and_flips_a_coin_at_ties():
    utilities = judge_utilities()
    chosen, rejected = preference_pairs([utilities], 4000, temperature=0.0, generator=seeded(0))
    gap = (token_utilities(chosen, utilities) - token_utilities(rejected, utilities)).sum(1)
    assert gap.min() > -1e-9
    tied = gap.abs() < 1e-9
    assert tied.any()
    assert (chosen[tied].sum(1) > rejected[tied].sum(1)).double().mean() == pytest.approx(0.5, abs=0.1)


def test_rounding_breaks_no_tie():
    table = torch.tensor([[0.1], [0.2], [0.3], [0.0]], dtype=torch.float64).expand(4, 2)  # 0.1 + 0.2 is above 0.3
    chosen, rejected = preference_pairs([table], 8000, temperature=0.0, generator=seeded(0))
    pairs = list(zip(*(ids.sort(1).values.tolist() for ids in (chosen, rejected)), strict=True))
    first, second = pairs.count(([0, 1], [2, 3])), pairs.count(([2, 3], [0, 1]))
    assert first + second > 100
    assert first / (first + second) == pytest.approx(0.5, abs=0.15)


def test_every_judge_gets_his_share_of_the_pairs():
    likes, dislikes = torch.tensor([[0.0], [50.0]]), torch.tensor([[0.0], [-50.0]])
    chosen, rejected = preference_pairs([likes, likes, dislikes], 6000, generator=seeded(0))
    differs = (chosen != rejected)[:, 0]
    assert (chosen[differs] == 1).double().mean() == pytest.approx(2 / 3, abs=0.03)


def test_completions_come_from_the_uniform_policy():
    chosen, rejected = preference_pairs([judge_utilities()], 5000, generator=seeded(0))
    counts = Counter(torch.cat([chosen, rejected]).flatten().tolist())
    assert all(abs(count / 8000 - 1) < 0.05 for count in counts.values())
    assert len(counts) == 10


def test_a_seed_gives_the_same_pairs_and_copies_are_independent():
    one, other = (preference_pairs([judge_utilities()], 20, generator=seeded(3), copies=2) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert one[0].shape == (2, 20, 8)
    assert not torch.equal(one[0][0], one[0][1])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: judge_utilities("third"), "judge must be one of 'first', 'second'"),
        (lambda: judge_utilities(vocab_size=4), "vocab_size must be at least 10"),
        (lambda: preference_pairs([], 3), "judges must be at least one"),
        (
            lambda: preference_pairs([torch.ones(3, 2), torch.ones(2, 2)], 3),
            r"match, got {'judges\[0\]': \(3, 2\), 'judges\[1\]': ",
        ),
        (lambda: preference_pairs([torch.ones(3, 2)], 0), "count must be at least 1"),
        (lambda: preference_pairs([torch.ones(3, 2)], 3, temperature=-1.0), "temperature must be in"),
        (lambda: preference_pairs([torch.full((3, 2), torch.nan)], 3), "must be finite"),
        (lambda: token_utilities(torch.tensor([[0, 1, 1]]), torch.ones(2, 2)), "a column for each of 3 tokens"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_ids_must_be_ids():
    with pytest.raises(TypeError, match="completion_ids must hold token ids of dtype torch.int64, got torch.float32"):
        token_utilities(torch.ones(1, 2), torch.ones(2, 2))
