"""The transformer: what a position sees, what padding changes (nothing), and what a memory changes (only the time)."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.enumeration import F64, seeded
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rlhf_helpers import ScalarGPT, TinyCritic, TinyGPT, TinyPolicy, generate, sample_with, token_logprobs
from rlhf_helpers.flat import AtParameters

PAD = 5
EXACT = {"rtol": 0, "atol": 1e-12}


def random_numbers(module, seed=0, scale=0.5):
    """Parameters of a module, none near its start, so that a mistake anywhere is seen; one vector, float64."""
    count = sum(parameter.numel() for parameter in module.parameters())
    return scale * torch.randn(count, generator=seeded(seed), dtype=F64)


def lively(seed=0):
    """A policy of five tokens, two blocks and two heads that is far from uniform."""
    policy = TinyGPT(PAD, 8, 2, 2, 12).double()
    vector_to_parameters(random_numbers(policy, seed), policy.parameters())
    return policy


POLICY = lively()
IDS = torch.randint(PAD, (4, 9), generator=seeded(1))


def padded(rows, length):
    """Rows of unlike length as one batch, filled up on the left."""
    return torch.tensor([[PAD] * (length - len(row)) + list(row) for row in rows])


# what it computes


def normed(x, norm):
    return (x - x.mean()) / (x.var(correction=0) + 1e-5).sqrt() * norm.weight


def by_hand(policy, tokens):
    """Logits (L, V) after every token of one sequence: one position, one head, one earlier position at a time."""
    stream = [policy.embed.weight[token] + policy.position.weight[place] for place, token in enumerate(tokens)]
    for block in policy.blocks:
        query, key, value = zip(
            *((block.qkv.weight @ normed(x, block.norm_1)).view(3, policy.heads, -1) for x in stream), strict=True
        )
        for place, x in enumerate(stream):
            heads = []
            for h in range(policy.heads):
                scores = [query[place][h] @ key[s][h] / len(key[s][h]) ** 0.5 for s in range(place + 1)]
                weights = torch.stack(scores).softmax(0)
                heads.append(sum(weights[s] * value[s][h] for s in range(place + 1)))
            x = x + block.mix.weight @ torch.cat(heads)
            stream[place] = x + block.down.weight @ (block.up.weight @ normed(x, block.norm_2)).clamp(min=0)
    return torch.stack([policy.head.weight @ normed(x, policy.norm) for x in stream])


def test_it_is_the_transformer_written_out():
    for row, logits in zip(IDS, POLICY(IDS), strict=True):
        torch.testing.assert_close(logits, by_hand(POLICY, row.tolist()), **EXACT)


def test_a_later_token_changes_no_earlier_logits_and_an_earlier_one_all_later():
    logits = POLICY(IDS)
    for place in range(9):
        changed = IDS.clone()
        changed[:, place] = (changed[:, place] + 1) % PAD
        moved = (POLICY(changed) - logits).abs().amax((0, 2))
        assert torch.equal(moved > 1e-6, torch.arange(9) >= place)


def test_the_order_of_what_was_read_counts():
    assert (POLICY(torch.tensor([[1, 2, 3]])) - POLICY(torch.tensor([[2, 1, 3]])))[0, -1].abs().max() > 1e-3


def test_it_takes_the_place_of_the_policy_of_ten_tokens_and_cannot_write_padding():
    policy = TinyGPT(generator=seeded())
    logits = policy(torch.tensor([[27, 0, 26], [1, 2, 3]]))
    assert logits.shape == (2, 3, 27)  # ids 0 to 26: padding, 27, has no logit
    assert logits.dtype == torch.float32
    completion_ids = generate(policy, torch.tensor([[27, 27, 0], [11, 5, 0]]), 10, generator=seeded())
    assert completion_ids.max() < 27
    logprobs = token_logprobs(policy, torch.tensor([[27, 27, 0], [11, 5, 0]]), completion_ids)
    assert logprobs.shape == (2, 10)
    assert (logprobs < 0).all()


def test_it_is_small():
    embeddings, block, rest = (28 + 24) * 48, 2 * 48 + (4 + 4 + 4) * 48**2, 48 + 48 * 27
    assert sum(parameter.numel() for parameter in TinyGPT().parameters()) == embeddings + block + rest < 300_000


def test_the_generator_decides_the_weights_and_the_global_one_is_left_alone():
    before = torch.get_rng_state()
    first, again, other = (parameters_to_vector(TinyGPT(generator=seeded(s)).parameters()) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(0)
    assert torch.equal(parameters_to_vector(TinyGPT().parameters()), first)


# padding


@given(
    rows=st.lists(st.lists(st.integers(0, PAD - 1), min_size=1, max_size=6), min_size=1, max_size=4),
    further=st.integers(0, 6),
)
def test_logits_depend_neither_on_padding_nor_on_neighbors(rows, further):
    length = max(map(len, rows))
    logits = POLICY(padded(rows, length + further))
    for row, found in zip(rows, logits, strict=True):
        torch.testing.assert_close(found[-len(row) :], POLICY(torch.tensor([row]))[0], **EXACT)


def test_padding_is_never_learned_from():
    policy = copy.deepcopy(POLICY)
    ids = padded([[1], [1, 2, 3, 4]], 6)
    policy(ids)[:, -1].log_softmax(-1)[:, 0].sum().backward()
    assert torch.equal(policy.embed.weight.grad[PAD], torch.zeros(8, dtype=F64))
    assert (policy.embed.weight.grad[[1, 2, 3, 4]].abs().amax(1) > 0).all()
    assert torch.equal(policy.position.weight.grad.abs().amax(1) > 0, torch.arange(12) < 4)  # four real ones, not six


# memory


def chunks(ids, cuts):
    """Parts of ids (B, L), cut before each of the positions."""
    edges = [0, *sorted(set(cuts)), ids.shape[1]]
    return [ids[:, a:b] for a, b in zip(edges, edges[1:], strict=False)]


@given(
    prompts=st.lists(st.integers(1, 4), min_size=1, max_size=3),  # their lengths
    cuts=st.lists(st.integers(1, 7), max_size=7),
)
def test_reading_in_chunks_is_reading_at_once(prompts, cuts):
    ids = padded([[*range(n), 1, 4, 4, 0, 2, 3, 1] for n in prompts], max(prompts) + 7)
    memory = POLICY.memory()
    cuts = [max(prompts) - 1 + cut for cut in cuts]  # no chunk before the first real token of every row
    parts = [POLICY(chunk, memory) for chunk in chunks(ids, cuts)]
    real = ids != PAD
    torch.testing.assert_close(torch.cat(parts, dim=1)[real], POLICY(ids)[real], **EXACT)


def test_reading_token_by_token_is_reading_at_once():
    memory = POLICY.memory()
    one_by_one = [POLICY(IDS[:, t, None], memory) for t in range(9)]
    torch.testing.assert_close(torch.cat(one_by_one, dim=1), POLICY(IDS), **EXACT)


def test_a_memory_keeps_keys_and_values_of_every_block_and_is_its_readers_own():
    memory, other = POLICY.memory(), POLICY.memory()
    POLICY(IDS[:, :3], memory)
    POLICY(IDS[:, 3:], memory)
    # 2 blocks: keys and values of 4 rows x 2 heads, 9 positions, 4 numbers
    assert [memory.kept[number].shape for number in (0, 1)] == [(2, 8, 9, 4)] * 2
    assert not other.kept
    assert torch.equal(POLICY(IDS), POLICY(IDS))  # nothing stays in the policy


def test_a_memory_keeps_what_every_head_looked_at():
    """Shares that add up to 1, none on what comes later or on padding; in the first block, by the formula."""
    ids = padded([[1, 4, 4, 0], [3, 2]], 4)
    memory, parts = POLICY.memory(), POLICY.memory()
    POLICY(ids, memory)
    for number in (0, 1):
        weights = memory.weights[number]
        assert weights.shape == (2, 2, 4, 4)  # rows, heads, from, to
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 4, dtype=F64), **EXACT)
        assert (weights.triu(1) == 0).all()
        assert (weights[1, :, 2:, :2] == 0).all()  # the second row has two real tokens
    block = POLICY.blocks[0]
    stream = POLICY.embed(ids[:1]) + POLICY.position(torch.arange(4))
    query, key, _ = block.qkv(block.norm_1(stream)).view(4, 3, 2, 4).permute(1, 2, 0, 3)
    scores = (query @ key.mT / 2).masked_fill(torch.ones(4, 4, dtype=torch.bool).triu(1), -torch.inf)
    torch.testing.assert_close(memory.weights[0][0], scores.softmax(-1), **EXACT)
    POLICY(ids[:1, :3], parts)
    POLICY(ids[:1, 3:], parts)  # only the last position is new
    torch.testing.assert_close(parts.weights[1], memory.weights[1][:1, :, 3:], **EXACT)


@pytest.mark.parametrize("prompt_ids", [IDS[:, :1], padded([[1], [2, 0, 4], [3, 3], [0]], 4)])
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_a_memory_is_for_speed_only(prompt_ids, temperature):
    read = []

    class Counted(TinyGPT):
        def read(self, ids, memory=None):
            read.append(ids.shape[1])
            return super().read(ids, memory)

    policy = Counted(PAD, 8, 2, 2, 12).double()
    policy.load_state_dict(POLICY.state_dict())
    options = {"temperature": temperature}
    with_memory = generate(policy, prompt_ids, 8, **options, generator=seeded(2))
    begin = prompt_ids.shape[1]
    assert read == [begin] + 7 * [1]
    read.clear()
    without = generate(lambda ids: policy(ids), prompt_ids, 8, **options, generator=seeded(2))
    assert read == [*range(begin, begin + 8)]
    assert torch.equal(with_memory, without)
    assert len(set(with_memory.flatten().tolist())) == PAD  # not one token over and over


def test_a_completion_may_end_where_the_positions_do():
    completion_ids = generate(POLICY, IDS[:, :4], 9, generator=seeded())  # the last token is written, and not read
    assert completion_ids.shape == (4, 9)
    with pytest.raises(ValueError, match="at most max_length=12 positions, got 13"):
        generate(POLICY, IDS[:, :4], 10, generator=seeded())


# tracing


def test_a_traced_policy_and_its_sampling_are_the_policy_for_any_ids_of_the_shape():
    prompts, other = padded([[1], [2, 3]], 3), padded([[4, 2, 0], [3]], 3)
    torch.testing.assert_close(make_fx(POLICY)(prompts)(other), POLICY(other), **EXACT)
    uniforms = torch.rand(2, 4, generator=seeded(), dtype=F64)
    drawn = make_fx(lambda ids, u: sample_with(POLICY, ids, u))(prompts, 0 * uniforms)(other, uniforms)
    assert torch.equal(drawn, sample_with(POLICY, other, uniforms))


# one number instead of logits


def test_a_scalar_model_says_zero_until_it_has_learned():
    critic = ScalarGPT(POLICY)
    assert torch.equal(critic(IDS), torch.zeros(4, 9, dtype=F64))
    assert torch.equal(ScalarGPT(TinyGPT())(IDS), torch.zeros(4, 9))  # in the policy's precision


def test_a_scalar_model_is_linear_in_what_its_copy_of_the_policy_reads():
    critic = ScalarGPT(POLICY)
    with torch.no_grad():
        critic.value.copy_(POLICY.head.weight[3])
    torch.testing.assert_close(critic(IDS), POLICY(IDS)[..., 3], **EXACT)
    ids = padded([[1], [2, 3]], 4)
    torch.testing.assert_close(critic(ids)[:, -1], POLICY(ids)[:, -1, 3], **EXACT)


def test_a_scalar_model_shares_no_weights_and_all_of_it_learns():
    policy = lively()
    before = parameters_to_vector(policy.parameters()).detach().clone()
    critic = ScalarGPT(policy)
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)
    for step in range(2):  # with u = 0 the first step moves u, and only then the body
        optimizer.zero_grad()
        (critic(IDS) - 1).square().mean().backward()
        assert critic.value.grad.abs().min() > 0
        for name, parameter in critic.body.named_parameters():
            assert (parameter.grad.abs().max() > 0) == (step == 1), name
        optimizer.step()
    assert torch.equal(parameters_to_vector(policy.parameters()), before)
    assert not hasattr(critic.body, "head")  # no weights that nothing would train
    assert hasattr(policy, "head")


# a flat vector in the place of the parameters


MODULES = [lively(3), ScalarGPT(lively(3)), TinyPolicy(PAD, generator=seeded()).double(), TinyCritic(PAD).double()]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: type(module).__name__)
def test_a_module_at_its_own_parameters_is_itself_and_at_others_another(module):
    own = parameters_to_vector(module.parameters()).detach().clone()
    torch.testing.assert_close(AtParameters(module, own)(IDS), module(IDS), **EXACT)
    other = copy.deepcopy(module)
    vector_to_parameters(random_numbers(module, 7), other.parameters())
    flat = random_numbers(module, 7).requires_grad_()
    outputs = AtParameters(module, flat)(IDS)
    torch.testing.assert_close(outputs, other(IDS), **EXACT)
    assert torch.equal(parameters_to_vector(module.parameters()), own)  # the module stays as it is
    weights = torch.randn(outputs.shape, generator=seeded(), dtype=F64)
    (gradient,) = torch.autograd.grad((outputs * weights).sum(), flat)
    (other(IDS) * weights).sum().backward()
    expected = torch.cat([parameter.grad.flatten() for parameter in other.parameters()])
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: type(module).__name__)
def test_a_memory_is_offered_where_the_module_has_one(module):
    offered = AtParameters(module, random_numbers(module))
    assert hasattr(offered, "memory") == isinstance(module, TinyGPT)


def test_sampling_with_a_memory_is_at_the_parameters_given():
    completions = [
        generate(policy, padded([[1], [2, 3]], 3), 8, generator=seeded(4))
        for policy in (lively(7), AtParameters(POLICY, random_numbers(POLICY, 7)), POLICY)
    ]
    assert torch.equal(completions[0], completions[1])
    assert not torch.equal(completions[0], completions[2])


# refusing


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({"heads": 5}, ValueError, "heads must divide hidden_dim=48, got 5"),
        ({"vocab_size": 0}, ValueError, "vocab_size must be at least 1, got 0"),
        ({"layers": 0}, ValueError, "layers must be at least 1, got 0"),
        ({"hidden_dim": 8.0}, TypeError, "hidden_dim must be a whole number, got float"),
        ({"max_length": -1}, ValueError, "max_length must be at least 1, got -1"),
    ],
)
def test_refuses_a_wrong_size(sizes, error, message):
    with pytest.raises(error, match=message):
        TinyGPT(**sizes)


LEFT = r"ids must be padded on the left only, with a real token at the end of every row"


@pytest.mark.parametrize("model", [POLICY, ScalarGPT(POLICY)], ids=lambda model: type(model).__name__)
@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([[1, PAD]], ValueError, LEFT),
        ([[1, PAD, 2]], ValueError, LEFT),
        ([[1, 2], [PAD, PAD]], ValueError, LEFT),
        ([[1] * 13], ValueError, "ids must have at most max_length=12 positions, got 13"),
        ([[1, 6]], ValueError, r"ids must be token ids in \[0, 6\), got values from 1 to 6"),
        ([[-1, 2]], ValueError, r"ids must be token ids in \[0, 6\), got values from -1 to 2"),
        ([1, 2], ValueError, r"ids must have shape \(B, L\), got \(2,\)"),
        ([[1.0, 2.0]], TypeError, "ids must hold token ids of dtype torch.int64, got torch.float32"),
    ],
)
def test_refuses_wrong_ids(model, ids, error, message):
    with pytest.raises(error, match=message):
        model(torch.tensor(ids))


@pytest.mark.parametrize(
    ("ids", "message"),
    [([[PAD]] * 4, LEFT), ([[1] * 4] * 4, "at most max_length=12 positions, got 13")],
)
def test_refuses_what_does_not_go_on_from_its_memory(ids, message):
    memory = POLICY.memory()
    POLICY(IDS, memory)
    with pytest.raises(ValueError, match=message):
        POLICY(torch.tensor(ids), memory)


@pytest.mark.parametrize("policy", [TinyPolicy(), TinyCritic(), lambda ids: ids, ScalarGPT(POLICY)])
def test_a_scalar_model_refuses_other_policies(policy):
    with pytest.raises(TypeError, match=f"policy must be a TinyGPT, got {type(policy).__name__}"):
        ScalarGPT(policy)


def test_a_flat_vector_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"flat must have shape \(31584,\), got \(3,\)"):
        AtParameters(TinyGPT(), torch.zeros(3))
