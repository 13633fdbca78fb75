import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.enumeration import F64, TablePolicy, all_sequences, chain_logprobs, random_table

from rlhf_helpers import (
    generate,
    next_token_logprobs,
    sample_with,
    sequence_logprobs,
    token_logprobs,
    uniform_policy,
)

TABLE = random_table(4, seed=0)  # rows = last token
POLICY = TablePolicy(TABLE)
ZERO = torch.zeros(1, 1, dtype=torch.int64)


def long_memory(ids):
    """A policy that looks at the whole prefix: logits (B, L, 3) from how often each token came, and where."""
    place = torch.arange(1, ids.shape[1] + 1, dtype=F64)
    seen = torch.nn.functional.one_hot(ids, 3).to(F64) * place[:, None]
    return torch.sin(seen.cumsum(1) * torch.tensor([1.0, 2.0, 3.0], dtype=F64))


# drawing


def test_sample_with_inverts_the_cumulative_distribution():
    uniforms = torch.rand(50, 6, generator=torch.Generator().manual_seed(1), dtype=F64)
    prompt_ids = torch.arange(50)[:, None] % 4
    expected = []
    for start, row in zip(prompt_ids[:, 0].tolist(), uniforms.tolist(), strict=True):
        completion, last = [], start
        for u in row:
            cumulative, token = 0.0, 0
            for token, p in enumerate(TABLE[last].exp().tolist()):  # noqa: B007
                cumulative += p
                if u < cumulative:
                    break
            completion.append(token)
            last = token
        expected.append(completion)
    assert sample_with(POLICY, prompt_ids, uniforms).tolist() == expected


def test_evenly_spread_uniforms_draw_each_token_in_proportion():
    n = 1000
    uniforms = ((torch.arange(n, dtype=F64) + 0.5) / n)[:, None]
    counts = torch.bincount(sample_with(POLICY, ZERO.expand(n, 1), uniforms)[:, 0], minlength=4)
    assert ((counts - n * TABLE[0].exp()).abs() <= 1).all()


def test_the_edge_between_two_tokens_is_as_exact_as_the_policy():
    logits = torch.tensor([0.3, 0.7], dtype=F64).log()
    uniforms = torch.tensor([[0.3 - 1e-12, 0.3 + 1e-12]], dtype=F64)
    assert sample_with(lambda ids: logits.expand(*ids.shape, 2), ZERO, uniforms).tolist() == [[0, 1]]


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_temperature_divides_the_logits(temperature):
    uniforms = torch.rand(200, 5, generator=torch.Generator().manual_seed(2), dtype=F64)
    prompt_ids = ZERO.expand(200, 1)
    cooled = TablePolicy(TABLE / temperature)
    drawn = sample_with(POLICY, prompt_ids, uniforms, temperature=temperature)
    assert torch.equal(drawn, sample_with(cooled, prompt_ids, uniforms))
    assert torch.equal(drawn, sample_with(POLICY, prompt_ids, uniforms)) == (temperature == 1.0)


@given(
    logits=st.lists(st.floats(-60, 60) | st.just(-math.inf), min_size=1, max_size=8),
    dtypes=st.sampled_from([(torch.float32, torch.float32), (torch.float32, F64), (F64, F64)]),
    u=st.sampled_from(["zero", "last"]) | st.floats(0, 1, exclude_max=True),
)
def test_a_token_of_probability_zero_is_never_drawn(logits, dtypes, u):
    logits = torch.tensor(logits, dtype=dtypes[0])
    if logits.isneginf().all():
        logits[0] = 0.0
    edge = 1 - torch.finfo(dtypes[1]).eps / 2  # the largest number below 1
    u = {"zero": 0.0, "last": edge}.get(u, u)
    uniforms = torch.full((1, 3), min(u, edge), dtype=dtypes[1])
    drawn = sample_with(lambda ids: logits.expand(*ids.shape, -1), ZERO, uniforms)
    probs = logits.softmax(-1)
    assert (probs[drawn] > 0).all()
    if u == 0.0:
        assert (drawn == torch.nonzero(probs)[0]).all()  # the first that is possible
    if u == edge and probs[probs > 0].min() > 1e-3:
        assert (drawn == torch.nonzero(probs)[-1]).all()  # the last that is possible


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_a_distribution_that_sums_to_less_than_one_by_rounding_has_no_gap_at_its_end(dtype):
    n = 2000
    logits = torch.randn(n, 10, generator=torch.Generator().manual_seed(0), dtype=dtype)
    logits[:, 9] = -math.inf
    edge = 1 - torch.finfo(F64).eps / 2
    assert (logits.softmax(-1).cumsum(-1)[:, -1] < edge).any()  # there the plain comparison would draw token 9
    drawn = sample_with(lambda ids: logits[:, None], ZERO.expand(n, 1), torch.full((n, 1), edge, dtype=F64))
    assert (drawn == 8).all()


def test_generate_is_sample_with_of_the_generators_uniforms():
    prompt_ids = torch.tensor([[0, 3], [2, 1], [1, 1]])
    drawn = generate(POLICY, prompt_ids, 5, generator=torch.Generator().manual_seed(7))
    uniforms = torch.rand(3, 5, generator=torch.Generator().manual_seed(7), dtype=F64)
    assert torch.equal(drawn, sample_with(POLICY, prompt_ids, uniforms))
    assert drawn.shape == (3, 5)
    assert drawn.dtype == torch.int64


def test_generate_repeats_under_a_generator_and_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    first, again, other = (
        generate(POLICY, ZERO.expand(20, 1), 5, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(0)
    assert torch.equal(generate(POLICY, ZERO.expand(20, 1), 5), first)  # without one, the global one is used


def binomial_cdf(k, n, p):
    """P(X <= k), every term summed."""
    ways = (math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k + 1))
    return math.fsum(math.exp(w + i * math.log(p) + (n - i) * math.log1p(-p)) for i, w in enumerate(ways))


def test_frequencies_are_the_policys():
    n = 2000
    drawn = generate(POLICY, ZERO.expand(n, 1), 2, generator=torch.Generator().manual_seed(0))
    tokens = [((drawn[:, 0] == a).sum().item(), n, TABLE[0, a].exp().item()) for a in range(4)]
    for s in range(4):  # the second token follows the first
        after = drawn[drawn[:, 0] == s][:, 1]
        tokens += [((after == a).sum().item(), len(after), TABLE[s, a].exp().item()) for a in range(4)]
    for count, total, p in tokens:
        assert binomial_cdf(count, total, p) > 1e-4
        assert binomial_cdf(total - count, total, 1 - p) > 1e-4


class Remembers:
    """`long_memory`, with a memory: the list of the ids that it has read."""

    def __init__(self):
        self.memories = []

    def memory(self):
        self.memories.append([])
        return self.memories[-1]

    def __call__(self, ids, memory):
        memory.append(ids)
        return long_memory(torch.cat(memory, dim=1))[:, -ids.shape[1] :]


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_a_policy_with_a_memory_reads_every_token_once_and_draws_the_same(temperature):
    prompt_ids = torch.tensor([[0, 2, 1], [1, 1, 0], [2, 0, 2]])
    uniforms = torch.rand(3, 6, generator=torch.Generator().manual_seed(3), dtype=F64)
    policy, again = Remembers(), []
    drawn = sample_with(policy, prompt_ids, uniforms, temperature=temperature)
    expected = sample_with(
        lambda ids: again.append(ids) or long_memory(ids), prompt_ids, uniforms, temperature=temperature
    )
    assert torch.equal(drawn, expected)
    assert [ids.shape[1] for ids in again] == [3, 4, 5, 6, 7, 8]  # without one, all of it for every new token
    (memory,) = policy.memories
    assert [ids.shape[1] for ids in memory] == [3, 1, 1, 1, 1, 1]
    assert torch.equal(torch.cat(memory, dim=1), again[-1])
    assert torch.equal(sample_with(policy, prompt_ids, uniforms, temperature=temperature), drawn)  # with a new one
    assert len(policy.memories) == 2


def test_no_gradient_flows_through_sampling():
    assert not generate(POLICY, ZERO, 3).requires_grad


# scoring


def test_token_logprobs_are_those_of_the_chain():
    completions = all_sequences(4, 3)
    for start in range(4):
        prompt_ids = torch.full((len(completions), 1), start)
        torch.testing.assert_close(
            token_logprobs(POLICY, prompt_ids, completions), chain_logprobs(TABLE, completions, start)
        )


@pytest.mark.parametrize("prompt", [[0], [2, 1], [1, 1, 0]])
@pytest.mark.parametrize(("policy", "vocab_size"), [(POLICY, 4), (long_memory, 3)])
def test_the_probabilities_of_all_completions_sum_to_one(policy, vocab_size, prompt):
    # the test that a shift by one does not survive: each token must be scored by the distribution before it
    completions = all_sequences(vocab_size, 4)
    prompt_ids = torch.tensor(prompt).expand(len(completions), -1)
    total = sequence_logprobs(token_logprobs(policy, prompt_ids, completions)).exp().sum()
    torch.testing.assert_close(total, torch.ones((), dtype=F64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("prompt", [[0], [2, 1], [1, 1, 0, 2]])
def test_tokens_are_scored_by_the_distributions_they_were_drawn_from(prompt):
    completions = all_sequences(3, 3)
    prompt_ids = torch.tensor(prompt).expand(27, -1)
    distributions = next_token_logprobs(long_memory, prompt_ids, completions)
    assert distributions.shape == (27, 3, 3)
    torch.testing.assert_close(distributions.exp().sum(-1), torch.ones(27, 3, dtype=F64))
    for i, completion in enumerate(completions):
        for t in range(3):
            prefix = torch.cat([torch.tensor(prompt), completion[:t]])[None]
            torch.testing.assert_close(distributions[i, t], long_memory(prefix)[0, -1].log_softmax(-1))
    taken = torch.gather(distributions, -1, completions[..., None])[..., 0]
    assert torch.equal(token_logprobs(long_memory, prompt_ids, completions), taken)


def test_gradient_of_a_token_logprob_is_one_minus_the_probabilities():
    policy = TablePolicy(TABLE)
    token_logprobs(policy, torch.tensor([[2]]), torch.tensor([[1]])).sum().backward()
    expected = torch.zeros(4, 4, dtype=F64)
    expected[2] = torch.eye(4, dtype=F64)[1] - TABLE[2].exp()
    torch.testing.assert_close(policy.logits.grad, expected)


def test_probability_zero_is_minus_infinity():
    table = TABLE.clone()
    table[0, 2] = -math.inf
    assert token_logprobs(TablePolicy(table), ZERO, torch.tensor([[2]])).item() == -math.inf


def test_sequence_logprobs_is_the_sum_and_never_the_mean():
    logprobs = torch.tensor([[-1.0, -2.0, -4.0], [-8.0, -16.0, -32.0]])
    assert sequence_logprobs(logprobs).tolist() == [-7.0, -56.0]
    mask = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    assert sequence_logprobs(logprobs, mask).tolist() == [-5.0, 0.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("cast", [torch.Tensor.float, torch.Tensor.bool])
def test_masked_logprobs_reach_neither_sum_nor_gradient(bad, cast):
    logprobs = torch.tensor([[-1.0, bad]], requires_grad=True)
    total = sequence_logprobs(logprobs, cast(torch.tensor([[1, 0]])))
    total.sum().backward()
    assert total.item() == -1.0
    assert logprobs.grad.tolist() == [[1.0, 0.0]]


# refusing


IDS = torch.zeros(2, 3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: generate(POLICY, IDS.float(), 3), TypeError, "prompt_ids must hold token ids of dtype torch.int64"),
        (lambda: generate(POLICY, IDS[0], 3), ValueError, r"prompt_ids must have shape \(B, L\), got \(3,\)"),
        (lambda: generate(POLICY, IDS[:0], 3), ValueError, r"prompt_ids must not be empty, got shape \(0, 3\)"),
        (lambda: generate(POLICY, IDS, 0), ValueError, "max_new_tokens must be at least 1, got 0"),
        (lambda: generate(POLICY, IDS, 2.0), TypeError, "max_new_tokens must be a whole number, got float"),
        (lambda: generate(POLICY, IDS, 3, temperature=0.0), ValueError, "temperature must be greater than 0, got 0.0"),
        (lambda: generate(POLICY, IDS, 3, temperature=-1), ValueError, r"temperature must be in \[0.0, inf\), got -1"),
        (lambda: generate(POLICY, IDS, 3, temperature=math.nan), ValueError, "temperature must be .* got nan"),
        (lambda: generate(POLICY, IDS, 3, temperature=math.inf), ValueError, "temperature must be .* got inf"),
        (lambda: generate(POLICY, IDS, 3, temperature="hot"), TypeError, "temperature must be a number, got str"),
        (lambda: generate(uniform_policy(4), IDS + 4, 3), ValueError, r"ids must be token ids in \[0, 4\)"),
        (lambda: sample_with(POLICY, IDS, torch.zeros(1, 3)), ValueError, r"one batch size, .*\(2, 3\).*\(1, 3\)"),
        (lambda: sample_with(POLICY, IDS, torch.zeros(2)), ValueError, r"uniforms must have shape \(B, T\), got \(2"),
        (lambda: sample_with(POLICY, IDS, IDS), TypeError, "uniforms must be a floating-point tensor, got torch.int64"),
        (lambda: sample_with(POLICY, IDS, torch.ones(2, 1)), ValueError, r"uniforms must be in \[0, 1\), .* 1.0 to 1"),
        (lambda: sample_with(POLICY, IDS, -torch.ones(2, 1)), ValueError, r"uniforms must be in \[0, 1\)"),
        (lambda: sample_with(POLICY, IDS, torch.full((2, 1), math.nan)), ValueError, r"uniforms must be in \[0, 1\)"),
        (
            lambda: sample_with(lambda ids: torch.full((*ids.shape, 4), math.nan), IDS, torch.zeros(2, 1)),
            ValueError,
            "policy must return logits without NaN",
        ),
        (
            lambda: sample_with(lambda ids: torch.full((*ids.shape, 4), -math.inf), IDS, torch.zeros(2, 1)),
            ValueError,
            "and a finite one in every row",
        ),
        (lambda: token_logprobs(POLICY, IDS, IDS[:1]), ValueError, r"one batch size, .*\(2, 3\).*\(1, 3\)"),
        (lambda: token_logprobs(POLICY, IDS, IDS.double()), TypeError, "completion_ids must hold token ids"),
        (lambda: token_logprobs(POLICY, IDS, IDS[:, :0]), ValueError, "completion_ids must not be empty"),
        (lambda: token_logprobs(POLICY, IDS, IDS[:, 0]), ValueError, r"completion_ids must have shape \(B, L\)"),
        (
            lambda: token_logprobs(POLICY, IDS, torch.tensor([[0, 4]] * 2)),
            ValueError,
            r"completion_ids must be token ids in \[0, 4\), got values from 0 to 4",
        ),
        (lambda: token_logprobs(POLICY, IDS, torch.tensor([[0, -1]] * 2)), ValueError, r"token ids in \[0, 4\), .* -1"),
        (lambda: sequence_logprobs(torch.zeros(3)), ValueError, r"logprobs must have shape \(B, T\), got \(3,\)"),
        (lambda: sequence_logprobs(torch.zeros(0, 3)), ValueError, r"logprobs must not be empty"),
        (lambda: sequence_logprobs(IDS), TypeError, "logprobs must be a floating-point tensor, got torch.int64"),
        (lambda: sequence_logprobs(torch.zeros(2, 3), IDS), TypeError, "completion_mask must be a bool or floating"),
        (
            lambda: sequence_logprobs(torch.zeros(2, 3), torch.ones(2, 2)),
            ValueError,
            r"shapes must match, got {'completion_mask': \(2, 2\), 'tokens': \(2, 3\)}",
        ),
        (
            lambda: sequence_logprobs(torch.zeros(2, 3), torch.full((2, 3), 0.5)),
            ValueError,
            "completion_mask must hold only 0 and 1",
        ),
        (
            lambda: sequence_logprobs(torch.zeros(2, 3), [[1, 1, 1]] * 2),
            TypeError,
            "completion_mask must be a torch.Tensor, got list",
        ),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
