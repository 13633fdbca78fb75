import math

import numpy as np
import pytest
import torch
from support.enumeration import F64

from rlhf_helpers import (
    TinyCritic,
    baby_ppo,
    dpo,
    grpo,
    policy_table,
    ppo,
    reweighted_ppo,
    rloo,
    spo,
    train,
    training_step,
    uniform_policy,
)

RUNS = {  # name -> (method, options of the step, knobs)
    "baby_ppo": (baby_ppo, {}, {}),
    "ppo": (ppo, {}, {}),
    "ppo, four epochs, narrow clip": (ppo, {}, {"epochs": 4, "clip_eps": 0.05}),
    "ppo, KL in the loss": (ppo, {}, {"kl_in": "loss"}),
    "ppo with a critic, three epochs": (ppo, {"critic": True}, {"epochs": 3, "lam": 0.9, "value_coeff": 0.5}),
    "rloo": (rloo, {}, {}),
    "grpo": (grpo, {}, {"epochs": 2}),
    "dpo, offline": (dpo, {"sample_from": "reference"}, {}),
    "dpo, soft labels, online": (dpo, {}, {"soft_labels": True}),
    "spo": (spo, {}, {}),
    "reweighted_ppo": (reweighted_ppo, {}, {}),
}
STEPS, B, T = 15, 16, 6


@pytest.mark.parametrize("name", RUNS)
def test_the_step_is_the_training_loop(name):
    method, options, knobs = RUNS[name]
    epochs = knobs.get("epochs", 1)
    policy = uniform_policy(generator=torch.Generator().manual_seed(7))
    history = train(
        method,
        steps=STEPS,
        learning_rate=0.1,
        kl_coeff=0.3,
        seed=2,
        batch_size=B,
        completion_length=T,
        policy=policy,
        **options,
        **knobs,
    )

    start, step = training_step(method, batch_size=B, completion_length=T, **options)
    state = {key: value.double() for key, value in start(7).items()}
    generator = torch.Generator().manual_seed(2)
    numbers = {"kl_coeff": torch.tensor(0.3, dtype=F64), "learning_rate": torch.tensor(0.1, dtype=F64)}
    rows = []
    for n in range(STEPS):
        noise = torch.full((B, T), 0.5, dtype=F64)  # between two batches the step must not look at it
        if n % epochs == 0:
            noise = torch.rand(B, T, generator=generator, dtype=F64)
        before = {key: value.clone() for key, value in state.items()}
        following, series = step(state, noise, **numbers, **knobs)
        assert all(torch.equal(state[key], before[key]) for key in state)  # a pure function
        rows.append(series)
        state = following
    for key in history.series:
        ours = torch.stack([row[key] for row in rows])
        torch.testing.assert_close(ours, history[key], rtol=1e-8, atol=1e-10)
    parameters = [*history.policy.parameters(), *(history.models.critic.parameters() if options.get("critic") else ())]
    trained = torch.cat([p.detach().flatten() for p in parameters])
    torch.testing.assert_close(state["params"], trained, rtol=1e-7, atol=1e-9)
    assert (state["params"] - state["ref"]).abs().max() > 0.1


def run_one(steps=1, method=ppo, **knobs):
    start, step = training_step(method, batch_size=B, completion_length=T)
    state, generator = start(0), torch.Generator().manual_seed(0)
    for _ in range(steps):
        noise = torch.rand(B, T, generator=generator)
        before = state
        state, series = step(state, noise, kl_coeff=torch.tensor(0.5), learning_rate=torch.tensor(0.1), **knobs)
    return before, state, series


def test_the_series_describe_the_state_that_went_in():
    state, following, series = run_one()
    assert series["reward"].item() == pytest.approx((series_ids(state) == 1).float().mean().item())
    assert series["kl"].item() == pytest.approx(0.0, abs=1e-6)
    assert series["entropy"].item() == pytest.approx(math.log(10), rel=1e-6)
    torch.testing.assert_close(series["policy"], torch.full((10, 10), 0.1))
    assert following["t"].item() == 1.0
    state, following, series = run_one(steps=20)
    assert series["kl"] > 0.05
    torch.testing.assert_close(series["probs"], series["policy"][0])
    torch.testing.assert_close(series["policy"].sum(-1), torch.ones(10))
    assert series["completions"].shape == (8, T)
    assert series["completions"].dtype == torch.int64
    policy = uniform_policy()
    torch.nn.utils.vector_to_parameters(state["params"], policy.parameters())
    torch.testing.assert_close(series["policy"], policy_table(policy).exp().detach())


def series_ids(state):
    """Tokens of the first batch, by hand: from a uniform policy the uniforms themselves say which."""
    noise = torch.rand(B, T, generator=torch.Generator().manual_seed(0))
    return (noise * 10).long()


@pytest.mark.parametrize("kl_coeff", [0.1, 0.5, 2.0])
def test_the_optimum_is_the_mean_reward_of_the_best_policy(kl_coeff):
    start, step = training_step(rloo)
    _, series = step(start(0), torch.rand(32, 8), kl_coeff=torch.tensor(kl_coeff), learning_rate=torch.tensor(0.1))
    formula = math.exp(1 / kl_coeff) / (math.exp(1 / kl_coeff) + 9)
    assert series["optimum"].item() == pytest.approx(formula, rel=1e-5)


def test_the_start_is_uniform_and_the_seed_draws_the_embedding():
    start, _ = training_step(ppo, critic=True)
    before = torch.get_rng_state()
    first, again, other = start(0), start(0), start(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["params"], other["params"])
    assert torch.equal(first["params"], first["ref"])
    assert first["params"].numel() == 10 * 16 + 16 * 10 + 10 + 10 + 8  # embedding, head, and the critic's two tables


def test_sliders_act_at_once():
    def move(**change):
        start, step = training_step(ppo)
        knobs = {"kl_coeff": torch.tensor(0.1), "learning_rate": torch.tensor(0.1)} | change
        state, generator = start(0), torch.Generator().manual_seed(0)
        for _ in range(3):
            state, _ = step(state, torch.rand(32, 8, generator=generator), **knobs)
        return state["params"]

    usual = move()
    assert torch.equal(usual, move())
    for change in (
        {"kl_coeff": torch.tensor(2.0)},
        {"learning_rate": torch.tensor(0.01)},
        {"epochs": torch.tensor(3.0)},
    ):
        assert not torch.equal(usual, move(**change))
    start, step = training_step(ppo)
    still, _ = step(start(0), torch.rand(32, 8), kl_coeff=torch.tensor(0.1), learning_rate=torch.tensor(0.0))
    assert torch.equal(still["params"], start(0)["params"])


def run_two(start, step, **kind):
    """Two steps of a figure, with numbers of one kind throughout."""
    state = {name: x.to(**kind) for name, x in start(4).items()}
    generator = torch.Generator().manual_seed(1)
    knobs = {"kl_coeff": torch.tensor(0.1, **kind), "learning_rate": torch.tensor(0.1, **kind)}
    for _ in range(2):
        state, series = step(state, torch.rand(B, T, generator=generator, dtype=F64).to(**kind), **knobs)
    return series


@pytest.mark.parametrize("method", [ppo, dpo])
@pytest.mark.parametrize("sample_from", ["policy", "reference"])
def test_the_default_dtype_changes_nothing(method, sample_from):
    options = {"batch_size": B, "completion_length": T, "sample_from": sample_from}
    expected = run_two(*training_step(method, **options), dtype=F64)
    torch.set_default_dtype(F64)
    try:
        found = run_two(*training_step(method, **options), dtype=F64)
    finally:
        torch.set_default_dtype(torch.float32)
    assert list(found) == list(expected)
    for name, series in expected.items():
        assert torch.equal(found[name], series)
        assert found[name].dtype == series.dtype


@pytest.mark.parametrize("method", [ppo, dpo])
@pytest.mark.parametrize("sample_from", ["policy", "reference"])
def test_everything_lives_where_the_state_does(method, sample_from):
    start, step = training_step(method, batch_size=B, completion_length=T, sample_from=sample_from)
    assert {x.device.type for x in run_two(start, step, device="meta").values()} == {"meta"}


def test_a_seed_may_be_numpys():
    start, _ = training_step(ppo)
    assert torch.equal(start(np.int64(3))["params"], start(3)["params"])
    with pytest.raises(TypeError, match="seed must be a whole number, got float"):
        start(3.0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "ppo"}, TypeError, "method must be a function, got str"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"completion_length": 2.5}, TypeError, "completion_length must be a whole number, got float"),
        ({"critic": TinyCritic()}, TypeError, "critic must be True or False, got TinyCritic"),
        ({"sample_from": "memory"}, ValueError, "sample_from must be one of 'policy', 'reference', got 'memory'"),
    ],
)
def test_refuses(options, error, message):
    with pytest.raises(error, match=message):
        training_step(**{"method": ppo} | options)


def test_a_step_refuses():
    start, step = training_step(ppo)
    knobs = {"kl_coeff": torch.tensor(0.1), "learning_rate": torch.tensor(0.1)}
    with pytest.raises(ValueError, match=r"noise must have shape \(32, 8\), got \(3, 2\)"):
        step(start(0), torch.rand(3, 2), **knobs)
    with pytest.raises(TypeError, match="noise must be a torch.Tensor, got list"):
        step(start(0), torch.rand(32, 8).tolist(), **knobs)
    with pytest.raises(ValueError, match="epochs must be greater than 0, got 0"):
        step(start(0), torch.rand(32, 8), **knobs, epochs=0)


def test_infinitely_many_epochs_keep_one_batch():
    start, step = training_step(ppo)
    knobs = {"kl_coeff": torch.tensor(0.1), "learning_rate": torch.tensor(0.1), "epochs": math.inf}
    noises = torch.rand(2, 32, 8, generator=torch.Generator().manual_seed(0))
    state, first = step(start(0), noises[0], **knobs)
    _, second = step(state, noises[1], **knobs)
    assert torch.equal(first["completions"], second["completions"])


def test_a_state_is_in_single_precision_whatever_the_default():
    torch.set_default_dtype(F64)
    try:
        state = training_step(ppo, critic=True)[0](0)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {x.dtype for x in state.values()} == {torch.float32}


def test_unknown_knobs_are_refused():
    start, step = training_step(ppo)
    knobs = {"kl_coeff": torch.tensor(0.1), "learning_rate": torch.tensor(0.1)}
    with pytest.raises(TypeError, match="unexpected keyword argument 'klip_eps'"):
        step(start(0), torch.rand(32, 8), **knobs, klip_eps=torch.tensor(0.1))
