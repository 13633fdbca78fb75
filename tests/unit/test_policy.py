import pytest
import torch
from support.enumeration import seeded
from torch import nn

from rlhf_helpers import TinyCritic, TinyPolicy, uniform_policy


def test_logits_are_one_embedding_and_one_linear_layer():
    policy = TinyPolicy(7, 3, generator=seeded())
    ids = torch.tensor([[0, 6, 2], [5, 5, 1]])
    by_hand = policy.embed.weight[ids] @ policy.head.weight.T + policy.head.bias
    assert policy(ids).shape == (2, 3, 7)
    torch.testing.assert_close(policy(ids), by_hand)


def test_each_row_depends_on_its_own_token_only():
    policy = TinyPolicy(generator=seeded())
    one, other = torch.tensor([[3, 1, 4]]), torch.tensor([[9, 1, 0]])
    torch.testing.assert_close(policy(one)[:, 1], policy(other)[:, 1], rtol=0, atol=0)
    assert not torch.allclose(policy(one)[:, 0], policy(other)[:, 0])


@pytest.mark.parametrize("make", [TinyPolicy, uniform_policy])
def test_the_generator_decides_the_weights_and_the_global_one_is_left_alone(make):
    before = torch.get_rng_state()
    first, again, other = make(generator=seeded(0)), make(generator=seeded(0)), make(generator=seeded(1))
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.embed.weight, other.embed.weight)


@pytest.mark.parametrize("make", [TinyPolicy, uniform_policy])
def test_weights_have_32_bits_whatever_the_default(make):
    torch.set_default_dtype(torch.float64)
    try:
        policy = make(generator=seeded(0))
    finally:
        torch.set_default_dtype(torch.float32)
    assert {parameter.dtype for parameter in policy.parameters()} == {torch.float32}


def test_initial_weights_are_pytorchs_own():
    torch.manual_seed(3)
    embed, head = nn.Embedding(10, 16), nn.Linear(16, 10)
    torch.manual_seed(3)
    policy = TinyPolicy()
    for ours, theirs in zip(policy.parameters(), [*embed.parameters(), *head.parameters()], strict=True):
        torch.testing.assert_close(ours, theirs)


def test_uniform_policy_is_uniform_and_every_row_can_learn():
    policy = uniform_policy(5, generator=seeded())
    ids = torch.arange(5)[None]
    torch.testing.assert_close(policy(ids).softmax(-1), torch.full((1, 5, 5), 0.2))
    before = policy(ids).detach()
    policy(ids).log_softmax(-1)[..., 1].mean().backward()
    with torch.no_grad():
        for p in policy.parameters():
            p += 0.1 * p.grad
    assert ((policy(ids) - before).abs().amax(-1) > 1e-4).all()


def test_critic_is_zero_and_then_token_plus_position():
    critic = TinyCritic(4, 3)
    ids = torch.tensor([[0, 3, 3], [2, 2, 1]])
    assert torch.equal(critic(ids), torch.zeros(2, 3))
    with torch.no_grad():
        critic.token_value.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        critic.position_value.copy_(torch.tensor([10.0, 20.0, 30.0]))
    assert critic(ids).tolist() == [[11.0, 24.0, 34.0], [13.0, 23.0, 32.0]]
    assert critic(ids[:, :2]).tolist() == [[11.0, 24.0], [13.0, 23.0]]  # shorter than it knows


@pytest.mark.parametrize("make", [TinyPolicy, uniform_policy, TinyCritic])
@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (0, ValueError, "vocab_size must be at least 1, got 0"),
        (-3, ValueError, "vocab_size must be at least 1, got -3"),
        (2.5, TypeError, "vocab_size must be a whole number, got float"),
        (True, TypeError, "vocab_size must be a whole number, got bool"),
    ],
)
def test_refuses_a_wrong_size(make, size, error, message):
    with pytest.raises(error, match=message):
        make(size)


@pytest.mark.parametrize("model", [TinyPolicy(generator=seeded()), TinyCritic()])
@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (torch.zeros(2, 3), TypeError, "ids must hold token ids of dtype torch.int64, got torch.float32"),
        (torch.zeros(2, 3, dtype=torch.int32), TypeError, "ids must hold .* torch.int64, got torch.int32"),
        ([[1, 2]], TypeError, "ids must be a torch.Tensor, got list"),
        (torch.zeros(3, dtype=torch.int64), ValueError, r"ids must have shape \(B, L\), got \(3,\)"),
        (torch.zeros(0, 3, dtype=torch.int64), ValueError, r"ids must not be empty, got shape \(0, 3\)"),
        (torch.tensor([[0, 10]]), ValueError, r"ids must be token ids in \[0, 10\), got values from 0 to 10"),
        (torch.tensor([[-1, 2]]), ValueError, r"ids must be token ids in \[0, 10\), got values from -1 to 2"),
    ],
)
def test_refuses_wrong_ids(model, ids, error, message):
    with pytest.raises(error, match=message):
        model(ids)


def test_critic_refuses_more_positions_than_it_has():
    with pytest.raises(ValueError, match="at most max_length=2 positions, got 3"):
        TinyCritic(max_length=2)(torch.zeros(1, 3, dtype=torch.int64))
