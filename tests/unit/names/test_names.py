"""Names as ids, what one may like about them, the policy that has read them, and what clicks on them are worth."""

import io
import math
import tarfile
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.enumeration import F64, seeded
from torch.nn.functional import logsigmoid
from torch.nn.utils import parameters_to_vector

import rlhf_helpers.names.pretraining
from rlhf_helpers import TinyGPT, fit_utilities, next_token_logprobs, prefer
from rlhf_helpers.live.export import _is_in_the_book, _packed
from rlhf_helpers.names import (
    ALPHABET,
    END,
    NAME_FEATURES,
    PAD,
    alliterates,
    decode,
    encode,
    ends_in_a,
    is_short,
    judge_names,
    load_names,
    load_surnames,
    name_features,
    name_score,
    names_loss,
    pretrain,
    pretrained_policy,
)
from rlhf_helpers.names.__main__ import rounded
from rlhf_helpers.names.census import read_census
from rlhf_helpers.names.pretraining import WEIGHTS

TRAIN, TEST = load_names()
POLICY = pretrained_policy()
DOT = encode(["."])

letters = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)


# lists of names


def test_the_names_are_split_once_and_for_all():
    assert load_names() == (TRAIN, TEST)
    assert (len(TRAIN), len(TEST)) == (4663, 500)
    names = TRAIN + TEST
    assert len(set(names)) == len(names)  # none twice, so none in both
    assert set("".join(names)) <= set(ALPHABET) - {"."}
    assert max(map(len, names)) == len("christopher")
    assert {"mary", "james", "christopher"} <= set(names)  # of both lists of the census


def test_a_seed_decides_who_is_held_out():
    train, test = load_names(held_out=20, seed=1)
    assert len(test) == 20
    assert set(test).isdisjoint(train)
    assert set(train) | set(test) == set(TRAIN) | set(TEST)
    assert set(load_names(held_out=20)[1]) != set(test)
    assert len(load_names(held_out=5162)[0]) == 1


def test_a_seed_may_be_numpys_and_no_name_depends_on_a_device():
    assert load_names(seed=np.int64(0)) == (TRAIN, TEST)
    with torch.device("meta"):
        assert load_names() == (TRAIN, TEST)
    with pytest.raises(TypeError, match="seed must be a whole number, got str"):
        load_names(seed="0")


def test_a_policy_that_writes_no_such_name_is_said_to():
    logits = torch.zeros(27)
    logits[1] = -torch.inf  # never an a
    with pytest.raises(ValueError, match="^log-probabilities of completion_ids must be finite"):
        names_loss(lambda ids: logits.expand(*ids.shape, 27), encode(["."]), encode(["ann."]))


@pytest.mark.parametrize(
    ("held_out", "error", "message"),
    [
        (0, ValueError, "held_out must be at least 1, got 0"),
        (5163, ValueError, "held_out must be at most 5162, got 5163"),
        (2.5, TypeError, "held_out must be a whole number, got float"),
        ("5", TypeError, "held_out must be a whole number, got str"),
    ],
)
def test_some_names_are_for_learning_and_some_for_testing(held_out, error, message):
    with pytest.raises(error, match=message):
        load_names(held_out=held_out)


def test_surnames_are_the_most_frequent_that_fit():
    surnames = load_surnames()
    assert len(surnames) == len(set(surnames)) == 1000
    assert surnames[:5] == ["smith", "johnson", "jones", "brown", "davis"]  # williams has eight letters
    assert max(map(len, surnames)) == 7
    assert load_surnames(3, longest=8) == ["smith", "johnson", "williams"]
    short = load_surnames(50, longest=4)
    assert short == [name for name in load_surnames(1651) if len(name) <= 4][:50]
    assert encode([f"{name}." for name in surnames], side="left").shape == (1000, 8)


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({"count": 0}, ValueError, "count must be at least 1, got 0"),
        ({"longest": 0}, ValueError, "longest must be at least 1, got 0"),
        ({"count": 2.5}, TypeError, "count must be a whole number, got float"),
        ({"count": 1652}, ValueError, "count must be at most 1651 where longest is 7, got 1652"),
    ],
)
def test_surnames_need_sizes(sizes, error, message):
    with pytest.raises(error, match=message):
        load_surnames(**sizes)


def test_what_is_kept_of_the_census(tmp_path):
    lists = {
        "female.first": "MARY 2.6 2.6 1\nLEE 0.1 2.7 2\n",
        "male.first": "LEE 1.0 1.0 1\nBOB 0.5 1.5 2\n",
        "all.last": "".join(f"{'SMITH' if i < 2000 else 'RARE'} 1.0 1.0 {i + 1}\n" for i in range(2001)),
    }
    with tarfile.open(tmp_path / "some.tar.gz", "w:gz") as archive:
        for kind, text in lists.items():
            member = tarfile.TarInfo(f"some-1.0/names/dist.{kind}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    kept = read_census(tmp_path / "some.tar.gz")
    assert kept["first_names"] == ["bob", "lee", "mary"]  # lee, of both lists, once
    assert kept["surnames"] == ["smith"] * 2000


# ids and back


@given(st.lists(letters, min_size=1, max_size=5))
def test_a_name_comes_back_as_it_went(names):
    ids = encode([f"{name}." for name in names])
    assert ids.dtype == torch.int64
    assert ids.shape == (len(names), 1 + max(map(len, names)))
    assert decode(ids) == names
    longer = torch.cat([ids, torch.randint(PAD, (len(names), 3), generator=seeded())], dim=1)
    assert decode(longer) == names  # whatever stands after the end
    assert decode(encode(names)) == names  # of unlike length: the shorter are filled up with ends


@given(st.lists(letters, min_size=1, max_size=5))
def test_prompts_end_together(names):
    ids = encode([f"{name}." for name in names], side="left")
    assert (ids[:, -1] == END).all()
    for name, row in zip(names, ids.tolist(), strict=True):
        padding, text = row[: -len(name) - 1], row[-len(name) - 1 :]
        assert padding == [PAD] * len(padding)
        assert "".join(ALPHABET[i] for i in text) == f"{name}."


def test_the_alphabet():
    assert encode([ALPHABET]).tolist() == [[*range(27)]]
    assert (ALPHABET[END], PAD) == (".", 27)
    assert decode(torch.tensor([[0, 1, 2], [26, 1, 2]])) == ["", "zab"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: encode([]), ValueError, r"texts must be at least one, and none of them empty, got \[\]"),
        (lambda: encode(["ann.", ""]), ValueError, r"none of them empty, got \['ann.', ''\]"),
        (lambda: encode(["Ann."]), ValueError, "texts must consist of a to z and dots, got 'A'"),
        (lambda: encode(["jo-ann é."]), ValueError, "texts must consist of a to z and dots, got ' ', '-', 'é'"),
        (lambda: encode(["ann."], side="top"), ValueError, "side must be one of 'left', 'right', got 'top'"),
        (lambda: decode(torch.tensor([[PAD, 1]])), ValueError, r"completion_ids must be token ids in \[0, 27\)"),
        (lambda: decode(torch.tensor([1, 0])), ValueError, r"completion_ids must have shape \(B, L\), got \(2,\)"),
        (lambda: decode(torch.tensor([[1.0]])), TypeError, "completion_ids must hold token ids of dtype torch.int64"),
    ],
)
def test_text_that_is_none_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# tastes


# name, and: letters, ends in a, l m n, k x z, doubled, starts with a vowel; the judge's score
COUNTED = {
    ".": ((0, 0, 0, 0, 0, 0), 0.0),
    "a.": ((1, 1, 0, 0, 0, 1), 1.0),
    "anna.": ((4, 1, 2, 0, 1, 1), 1 + 0.6 + 1 - 1),
    "max.": ((3, 0, 1, 1, 0, 0), 1.0),
    "zazzy.": ((5, 0, 0, 3, 1, 0), -1.0),
    "lllla.": ((5, 1, 4, 0, 3, 0), 1 + 0.6 + 0.2 - 0.2 + 1 - 3),
    "mnlmnl.": ((6, 0, 6, 0, 0, 0), 1 + 0.6 + 0.2 - 0.2 - 0.6 - 1),
    "kim.maxx": ((3, 0, 1, 1, 0, 0), 1.0),  # what stands after the end does not count
    "bob.a": ((3, 0, 0, 0, 0, 0), 0.0),
    ".a": ((0, 0, 0, 0, 0, 0), 0.0),
    "bo..": ((2, 0, 0, 0, 0, 0), 0.0),
    "emma": ((4, 1, 2, 0, 1, 1), -1.0),  # cut off: counted, and not liked
    "aa": ((2, 1, 0, 0, 1, 1), -1.0),
}


@pytest.mark.parametrize("text", COUNTED)
def test_features_and_judge_count_as_one_does_by_hand(text):
    features, score = COUNTED[text]
    ids = encode([text])
    assert name_features(ids).tolist() == [[float(count) for count in features]]
    assert judge_names(ids).item() == pytest.approx(score, abs=1e-6)
    utilities = torch.tensor([0.5, -1.0, 2.0, 4.0, -8.0, 16.0])
    by_hand = sum(w * f for w, f in zip(utilities.tolist(), features, strict=True))
    assert name_score(ids, utilities).item() == (by_hand if "." in text else by_hand - 3)


def test_names_are_judged_row_by_row():
    finished = [text for text in COUNTED if text.endswith(".")]
    ids = encode(finished)  # of unlike length, in one batch
    assert name_features(ids).tolist() == [[float(count) for count in COUNTED[text][0]] for text in finished]
    assert judge_names(ids).tolist() == pytest.approx([COUNTED[text][1] for text in finished], abs=1e-6)
    assert len(NAME_FEATURES) == 6


@given(letters, st.booleans())
def test_features_count_letters(name, ended):
    ids = encode([name + "." * ended + "a" * ended])
    doubled = sum(one == other for one, other in zip(name, name[1:], strict=False))
    expected = [len(name), name[-1] == "a", *(sum(letter in kind for letter in name) for kind in ("lmn", "kxz"))]
    assert name_features(ids)[0].tolist() == [float(x) for x in [*expected, doubled, name[0] in "aeiou"]]
    assert ends_in_a(None, ids).item() == float(ended and name[-1] == "a")
    assert is_short(None, ids).item() == float(ended and len(name) <= 4)


def test_a_name_that_was_cut_off_pays_for_it():
    ids, utilities = encode(["ann.", "anna"]), torch.ones(6, dtype=F64)
    ann, anna = 3 + 0 + 2 + 0 + 1 + 1, 4 + 1 + 2 + 0 + 1 + 1
    assert name_score(ids, utilities).tolist() == [ann, anna - 3]
    assert name_score(ids, utilities, unfinished=7.5).tolist() == [ann, anna - 7.5]


def test_the_slope_of_a_score_is_its_features():
    utilities = torch.zeros(6, dtype=F64, requires_grad=True)
    name_score(encode(["anna.", "almaa", "kim.x"]), utilities).sum().backward()
    assert utilities.grad.tolist() == [4 + 5 + 3, 1 + 1, 2 + 2 + 1, 1, 1 + 1, 1 + 1]


def test_a_name_alliterates_with_the_first_letter_of_its_surname():
    texts = ["kent.", "parker.", "king.", "."]
    names = encode(["kim.", "peter.", "anna.", "ann."])
    surnames = encode(texts, side="left")
    assert alliterates(surnames, names).tolist() == [1.0, 1.0, 0.0, 0.0]
    further = torch.cat([torch.full((4, 3), PAD), surnames], dim=1)
    assert torch.equal(alliterates(further, names), alliterates(surnames, names))
    assert alliterates(surnames, encode(["kimm", "pete", "king", "anna"])).tolist() == [0.0] * 4  # they have no end


def test_nothing_alliterates_with_nothing():
    assert alliterates(DOT.expand(2, 1), encode([".", "ann."])).tolist() == [0.0, 0.0]  # no surname
    assert alliterates(encode(["kent."], side="left"), encode([".k"])).tolist() == [0.0]  # no name


IDS = encode(["ann."])


TASTES = {
    "features": name_features,
    "judge": judge_names,
    "score": lambda ids: name_score(ids, torch.ones(6)),
    "a": lambda ids: ends_in_a(None, ids),
    "short": lambda ids: is_short(None, ids),
    "alliterates": lambda ids: alliterates(DOT, ids),
}


@pytest.mark.parametrize("taste", TASTES.values(), ids=TASTES)
@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (IDS.float(), TypeError, "completion_ids must hold token ids of dtype torch.int64, got torch.float32"),
        (IDS[0], ValueError, r"completion_ids must have shape \(B, L\), got \(4,\)"),
        (IDS[:, :0], ValueError, r"completion_ids must not be empty, got shape \(1, 0\)"),
        (IDS + PAD, ValueError, r"completion_ids must be token ids in \[0, 27\), got values from 27 to 41"),
    ],
)
def test_tastes_refuse_what_are_no_names(taste, ids, error, message):
    with pytest.raises(error, match=message):
        taste(ids)


@pytest.mark.parametrize(
    ("utilities", "error", "message"),
    [
        (torch.ones(5), ValueError, r"utilities must have shape \(6,\), got \(5,\)"),
        (torch.ones(1, 6), ValueError, r"utilities must have shape \(6,\), got \(1, 6\)"),
        (torch.ones(6).long(), TypeError, "utilities must be a floating-point tensor, got torch.int64"),
    ],
)
def test_a_score_needs_a_utility_for_each_feature(utilities, error, message):
    with pytest.raises(error, match=message):
        name_score(IDS, utilities)


# pre-training


def test_the_loss_is_the_mean_over_letters_and_ends():
    ids, mask = encode(["ann.", "bo."]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]).double()
    policy = pretrained_policy().double()
    logprobs = next_token_logprobs(policy, DOT.expand(2, 1), ids)
    by_hand = [logprobs[0, t, i] for t, i in enumerate([1, 14, 14, 0])] + [logprobs[1, 0, 2], logprobs[1, 1, 15]]
    by_hand.append(logprobs[1, 2, 0])  # the end of bo, and nothing after it
    loss = names_loss(policy, DOT, ids)
    torch.testing.assert_close(loss, -sum(by_hand) / 7)
    taken = logprobs.gather(-1, ids[..., None])[..., 0]
    torch.testing.assert_close(loss, -(mask * taken).sum() / mask.sum())


def test_no_loss_stands_on_padding_or_on_prompts():
    policy = pretrained_policy().double()
    ids = encode(["ann.", "bo."])
    loss = names_loss(policy, DOT, ids)
    for other in (encode(["ann...", "bo."]), encode(["ann.", "bo.x"]), encode(["ann.zq", "bo.abc"])):
        torch.testing.assert_close(names_loss(policy, DOT, other), loss, rtol=0, atol=1e-12)
    surnames = encode(["kent.", "li."], side="left")
    logprobs = next_token_logprobs(policy, surnames, ids).gather(-1, ids[..., None])[..., 0]
    torch.testing.assert_close(names_loss(policy, surnames, ids), -(logprobs.sum() - logprobs[1, 3]) / 7)
    names_loss(policy, surnames, ids).backward()
    assert torch.equal(policy.embed.weight.grad[PAD], torch.zeros(48, dtype=F64))


@given(letters, letters)
def test_a_uniform_policy_has_a_loss_of_log_27_for_each_token(one, other):
    loss = names_loss(lambda ids: torch.zeros(*ids.shape, 27), DOT, encode([f"{one}.", f"{other}."]))
    assert loss.item() == pytest.approx(math.log(27), rel=1e-5)


def ngram_loss(n, k):
    """Held-out nats per letter or end of the n-gram model, counted on the names to learn from and smoothed by k."""

    def parts(names):
        for name in names:
            text = "." * (n - 1) + name + "."
            yield from (text[i : i + n] for i in range(len(text) - n + 1))

    whole = Counter(parts(TRAIN))
    context = Counter()
    for part, count in whole.items():
        context[part[:-1]] += count
    losses = [-math.log((whole[part] + k) / (context[part[:-1]] + 27 * k)) for part in parts(TEST)]
    assert len(losses) == sum(map(len, TEST)) + len(TEST)
    return sum(losses) / len(losses)


@torch.no_grad()
def test_the_policy_beats_bigrams_and_trigrams_on_names_it_has_not_seen():
    held_out = names_loss(POLICY, DOT, encode([f"{name}." for name in TEST])).item()
    bigram, trigram = (min(ngram_loss(n, k) for k in (0.03, 0.1, 0.3, 1.0)) for n in (2, 3))
    assert trigram < bigram < math.log(27) - 0.9
    assert held_out < bigram - 0.35
    assert held_out < trigram - 0.15
    learned = names_loss(POLICY, DOT, encode([f"{name}." for name in TRAIN])).item()
    assert held_out - 0.2 < learned < held_out  # little is learned by heart


@torch.no_grad()
def test_the_policy_knows_prompts_and_writes_names_after_them():
    ids = encode([f"{name}." for name in TEST])
    surnames = encode([f"{name}." for name in load_surnames()[: len(ids)]], side="left")
    assert names_loss(POLICY, surnames, ids) < names_loss(POLICY, DOT, ids) + 0.1


def test_the_file_holds_the_policy_and_nothing_else():
    flat = parameters_to_vector(POLICY.parameters())
    assert WEIGHTS.stat().st_size == 4 * flat.numel() == 4 * 31_584
    assert flat.isfinite().all()
    assert flat.dtype == torch.float32
    assert (flat.detach().numpy() == np.fromfile(WEIGHTS, "<f4")).all()
    assert not np.fromfile(WEIGHTS, np.uint8)[::4].any()  # a page loads three bytes of each number
    first = pretrained_policy().embed.weight
    with torch.no_grad():
        first.zero_()
    assert pretrained_policy().embed.weight.any()  # each call is a policy of its own


def test_weights_are_rounded_to_the_nearest_of_24_bits():
    weights = np.random.default_rng(0).normal(size=1000)
    kept = rounded(weights)
    assert not kept.view(np.uint8)[::4].any()
    np.testing.assert_allclose(kept, weights, rtol=2.0**-16, atol=0)
    assert (rounded(kept) == kept).all()


def test_a_page_names_the_file_for_these_weights_and_sends_all_others():
    flat = parameters_to_vector(POLICY.parameters()).detach()
    changed = flat.clone()
    changed[17] += 1e-3
    assert _is_in_the_book(flat.numpy())
    for other in (changed, flat[:-1], flat.double()):
        assert not _is_in_the_book(other.numpy())
    packed = _packed({"params": flat, "ref": flat.clone(), "old": changed})
    assert packed["params"] == {"type": "float32", "shape": [31_584], "file": "names.f32"}
    assert packed["ref"] == {"type": "float32", "shape": [31_584], "like": "params"}
    assert packed["old"].keys() == {"type", "shape", "bytes"}


def test_pretraining_repeats_under_a_seed_and_lowers_the_loss():
    before = torch.get_rng_state()
    first, again, other = (
        parameters_to_vector(pretrain(steps=3, batch_size=8, seed=seed).parameters()) for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert first.dtype == F64
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, parameters_to_vector(TinyGPT(generator=seeded()).double().parameters()))
    ids = encode([f"{name}." for name in TEST])
    assert names_loss(pretrain(steps=30, batch_size=32), DOT, ids) < 2.8 < math.log(27) - 0.45


def test_pretraining_learns_where_names_end(monkeypatch):
    def seen(policy, prompt_ids, completion_ids):
        batches.append(completion_ids)
        return names_loss(policy, prompt_ids, completion_ids)

    batches = []
    monkeypatch.setattr(rlhf_helpers.names.pretraining, "names_loss", seen)
    pretrain(steps=3, batch_size=8)
    for batch in batches:
        assert (batch[:, -1] == END).all()
        assert (batch[:, -2] != END).any()  # and not a place more than the longest needs


@pytest.mark.parametrize("steps", [1, 2, 9, 10])  # the rise of the learning rate takes a tenth of them
def test_pretraining_takes_any_number_of_steps(steps):
    assert parameters_to_vector(pretrain(steps=steps, batch_size=4).parameters()).isfinite().all()


def test_every_other_batch_of_pretraining_has_surnames_before_its_names(monkeypatch):
    batches = []

    def keeping(policy, prompt_ids, completion_ids):
        batches.append((prompt_ids, completion_ids))
        return names_loss(policy, prompt_ids, completion_ids)

    monkeypatch.setattr(rlhf_helpers.names.pretraining, "names_loss", keeping)
    pretrain(steps=4, batch_size=8)
    surnames = {tuple(row) for row in encode([f"{name}." for name in load_surnames()], side="left").tolist()}
    for step, (prompt_ids, completion_ids) in enumerate(batches):
        assert set(decode(completion_ids)) <= set(TRAIN)  # never one that is held out
        assert torch.equal(prompt_ids, DOT) if step % 2 == 0 else set(map(tuple, prompt_ids.tolist())) <= surnames
    assert [len(prompt_ids) for prompt_ids, _ in batches] == [1, 8, 1, 8]
    assert not torch.equal(batches[0][1], batches[1][1])


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"batch_size": 1.5}, TypeError, "batch_size must be a whole number, got float"),
        ({"learning_rate": -1.0}, ValueError, r"learning_rate must be in \[0.0, inf\), got -1.0"),
    ],
)
def test_pretraining_refuses(sizes, error, message):
    with pytest.raises(error, match=message):
        pretrain(**sizes)


# clicks


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("gap", [-1.5, -0.5, 0.0, 1.0])
def test_a_judge_prefers_as_bradley_and_terry_say(gap, temperature):
    count = 20_000
    a, b = encode(["anna."]).expand(count, -1), encode(["otto."]).expand(count, -1)
    gaps = torch.full((count,), gap, dtype=F64)
    chosen, rejected = prefer(a, b, gaps, temperature=temperature, generator=seeded(3))
    first = (chosen == a).all(1)
    assert torch.equal(chosen, torch.where(first[:, None], a, b))
    assert torch.equal(rejected, torch.where(first[:, None], b, a))  # the other one of the same pair
    expected = 1 / (1 + math.exp(-gap / temperature))
    assert first.double().mean().item() == pytest.approx(expected, abs=0.012)  # 3.4 standard errors of a fair coin
    swapped, _ = prefer(b, a, -gaps, temperature=temperature, generator=seeded(4))
    assert (swapped == a).all(1).double().mean().item() == pytest.approx(expected, abs=0.012)


def test_a_judge_without_noise_never_errs_and_flips_a_coin_at_a_tie():
    a, b = torch.zeros(3, 2000, 1).long(), torch.ones(3, 2000, 1).long()  # any number of dimensions
    gap = torch.tensor([0.3, -0.3, 1e-12], dtype=F64)[:, None].expand(3, 2000)  # rounding breaks no tie
    chosen, rejected = prefer(a, b, gap, temperature=0.0, generator=seeded())
    assert (chosen[0] == 0).all()
    assert (chosen[1] == 1).all()
    assert chosen[2].double().mean() == pytest.approx(0.5, abs=0.05)
    assert torch.equal(chosen + rejected, torch.ones_like(chosen))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: prefer(IDS, IDS[:, :2], torch.ones(1)), ValueError, r"'a_ids': \(1, 4\), 'b_ids': \(1, 2\), 'gap'"),
        (lambda: prefer(IDS, IDS, torch.ones(2)), ValueError, r"a_ids and b_ids must be \(..., T\) and gap \(...\)"),
        (lambda: prefer(IDS, IDS, torch.tensor([math.nan])), ValueError, "gap must be finite"),
        (lambda: prefer(IDS, IDS, torch.ones(1), temperature=-1), ValueError, r"temperature must be in \[0.0, inf\)"),
        (lambda: prefer(IDS, IDS, torch.ones(1).long()), TypeError, "gap must be a floating-point tensor"),
        (
            lambda: fit_utilities(torch.ones(2, 3), torch.ones(2, 2)),
            ValueError,
            r"shapes must match, got {'chosen_features': \(2, 3\), 'rejected_features': \(2, 2\)}",
        ),
        (lambda: fit_utilities(torch.ones(3), torch.ones(3)), ValueError, r"must have shape \(N, F\), got \(3,\)"),
        (lambda: fit_utilities(IDS, IDS), TypeError, "chosen_features must be a floating-point tensor"),
        (
            lambda: fit_utilities(torch.ones(1, 2), torch.full((1, 2), math.inf)),
            ValueError,
            "rejected_features must be",
        ),
        (
            lambda: fit_utilities(torch.ones(1, 2), torch.ones(1, 2), prior=0.0),
            ValueError,
            "prior must be greater than 0",
        ),
        (lambda: fit_utilities(torch.ones(1, 2), torch.ones(1, 2), steps=0), ValueError, "steps must be at least 1"),
    ],
)
def test_clicks_refuse(call, error, message):
    with pytest.raises(error, match=message):
        call()


CHOSEN = torch.tensor([[4.0, 1.0], [3.0, 0.0], [5.0, 1.0]])  # letters, ends in a
REJECTED = torch.tensor([[6.0, 0.0], [4.0, 1.0], [5.0, 0.0]])


@pytest.mark.parametrize("prior", [0.5, 1.0, 3.0])
def test_the_fit_is_the_minimum_of_its_loss(prior):
    utilities = fit_utilities(CHOSEN, REJECTED, prior=prior, steps=500)
    assert utilities.dtype == F64
    free = utilities.clone().requires_grad_()
    loss = -logsigmoid((CHOSEN - REJECTED).double() @ free).sum() + (free**2).sum() / (2 * prior**2)
    (gradient,) = torch.autograd.grad(loss, free)
    assert gradient.abs().max() < 1e-5
    assert utilities[0] < 0 < utilities[1]  # shorter was preferred, and mostly an a at the end
    torch.testing.assert_close(fit_utilities(REJECTED, CHOSEN, prior=prior, steps=500), -utilities)
    torch.testing.assert_close(fit_utilities(CHOSEN, REJECTED, prior=prior), utilities, rtol=0, atol=1e-3)


def test_clicks_find_the_taste_behind_them():
    first, second = (encode([f"{name}." for name in names]) for names in (TRAIN[:2000], TRAIN[2000:4000]))
    features = [name_features(torch.nn.functional.pad(ids, (0, 12 - ids.shape[1]))) for ids in (first, second)]
    taste = torch.tensor([-0.5, 2.0, 0.3, -1.0, 0.0, 0.5], dtype=F64)
    gap = (features[0] - features[1]).double() @ taste
    utilities = fit_utilities(*prefer(*features, gap, generator=seeded()))
    torch.testing.assert_close(utilities, taste, rtol=0, atol=0.25)


def test_a_prompt_of_nothing_but_padding_is_refused():
    with pytest.raises(ValueError, match="prompt_ids must end in a token in every row"):
        alliterates(torch.full((1, 2), PAD), encode(["ann."]))
