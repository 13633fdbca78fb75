import copy
import math
import subprocess
import sys
import textwrap
import weakref
from functools import partial
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
import torch
from support.enumeration import F64, kl
from tqdm import tqdm

import rlhf_helpers._progress
from rlhf_helpers import (
    Models,
    TinyCritic,
    TinyPolicy,
    baby_ppo,
    collect,
    dpo,
    grpo,
    policy_table,
    ppo,
    ratio_series,
    reinforce_loss,
    reweighted_ppo,
    rloo,
    sample_with,
    spo,
    token_logprobs,
    token_reward,
    train,
    uniform_policy,
)

RUN = {"steps": 12, "learning_rate": 0.1, "kl_coeff": 0.1, "seed": 3, "batch_size": 8, "completion_length": 5}


def by_hand(method, *, steps, learning_rate, kl_coeff, seed, batch_size, completion_length, epochs=1, clip_eps=0.2):
    """The same run, written out, with every series recomputed from the policy's table and the drawn tokens."""
    generator = torch.Generator().manual_seed(seed)
    policy = TinyPolicy(generator=generator).double()
    reference = copy.deepcopy(policy)
    optimizer = torch.optim.Adam(policy.parameters(), lr=learning_rate)
    prompt_ids = torch.zeros(batch_size, 1, dtype=torch.int64)
    series = {name: [] for name in ("reward", "kl", "entropy", "loss", "ratio", "clip_share")}
    for step in range(steps):
        if step % epochs == 0:
            uniforms = torch.rand(batch_size, completion_length, generator=generator, dtype=F64)
            completion_ids = sample_with(policy, prompt_ids, uniforms)
            sampler = copy.deepcopy(policy)
        states = torch.cat([prompt_ids, completion_ids[:, :-1]], dim=1)
        table, old, ref = (policy_table(p).detach() for p in (policy, sampler, reference))
        ratios = [
            math.exp(table[s, a] - old[s, a])
            for s, a in zip(states.flatten().tolist(), completion_ids.flatten().tolist(), strict=True)
        ]
        rows = states.flatten()
        series["reward"].append((completion_ids == 1).sum().item() / completion_ids.numel())
        series["kl"].append(kl(table, ref)[rows].mean().item())
        series["entropy"].append((-table.exp() * table).sum(-1)[rows].mean().item())
        series["ratio"].append(sum(ratios) / len(ratios))
        series["clip_share"].append(sum(not 1 - clip_eps <= r <= 1 + clip_eps for r in ratios) / len(ratios))
        rollout = collect(Models(sampler), reference, uniforms)
        loss, _ = method(Models(policy), rollout, kl_coeff=kl_coeff)
        series["loss"].append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return series


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("method", [baby_ppo, ppo])
def test_every_series_is_what_its_definition_says(method, epochs):
    history, expected = train(method, **RUN, epochs=epochs), by_hand(method, **RUN, epochs=epochs)
    if method is baby_ppo:  # it clips nothing
        del expected["ratio"], expected["clip_share"]
    for name, values in expected.items():
        torch.testing.assert_close(history[name], torch.tensor(values, dtype=F64), rtol=1e-9, atol=1e-12)
    assert set(history.series) == set(expected)
    assert history["kl"][0] == 0.0
    assert (history["kl"][1:] > 0).all()


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("method", [ppo, partial(grpo, group_size=4)])
def test_fresh_samples_have_a_ratio_of_one_and_a_batch_used_again_leaves_the_clip_range(method, epochs):
    history = train(method, **RUN, epochs=epochs)
    on_fresh_samples = history["ratio"][::epochs]
    torch.testing.assert_close(on_fresh_samples, torch.ones_like(on_fresh_samples))
    assert (history["clip_share"] > 0).any() == (epochs > 1)


@pytest.mark.parametrize("method", [ppo, partial(grpo, group_size=4)])
def test_the_clip_range_of_the_series_is_the_methods(method):
    wide, narrow = (train(method, **RUN, epochs=3, clip_eps=eps) for eps in (0.4, 0.05))
    assert wide["clip_share"].sum() < narrow["clip_share"].sum()
    torch.testing.assert_close(wide["ratio"][:2], narrow["ratio"][:2])  # the first update clips nothing
    expected = by_hand(partial(method, clip_eps=0.05), **RUN, epochs=3, clip_eps=0.05)
    torch.testing.assert_close(narrow["clip_share"], torch.tensor(expected["clip_share"], dtype=F64))


def test_a_default_of_ones_own_is_the_clip_range_of_the_series():
    """The share is computed where the clip is, so that nobody has to know the range."""

    def mine(models, rollout, *, kl_coeff, clip_eps=0.01):
        return ppo(models, rollout, kl_coeff=kl_coeff, clip_eps=clip_eps)

    def from_its_parts(models, rollout, *, kl_coeff, clip_eps=0.01):
        loss, _ = ppo(models, rollout, kl_coeff=kl_coeff, clip_eps=clip_eps)
        logprobs = token_logprobs(models.policy, rollout.prompt_ids, rollout.completion_ids)
        return loss, ratio_series(logprobs, rollout.old_logprobs, clip_eps=clip_eps)

    knobs = RUN | {"epochs": 3, "learning_rate": 0.02}
    expected = train(ppo, **knobs, clip_eps=0.01)["clip_share"]
    for method in (mine, from_its_parts):
        assert torch.equal(train(method, **knobs)["clip_share"], expected)
        assert torch.equal(train(method, **knobs, clip_eps=0.01)["clip_share"], expected)
    assert (expected > train(ppo, **knobs)["clip_share"]).any()


def test_a_run_from_the_references_samples_is_measured_on_the_policys_own():
    losses = []

    def method(models, rollout, *, kl_coeff):
        # the batch comes from the reference: its old log-probabilities are the reference's, at every step
        torch.testing.assert_close(rollout.old_logprobs, rollout.ref_logprobs, rtol=0, atol=0)
        loss, _ = dpo(models, rollout, kl_coeff=kl_coeff)
        losses.append(loss.item())
        batches.append(rollout.completion_ids)
        return loss, {}

    batches = []
    start = uniform_policy(generator=torch.Generator().manual_seed(0))
    knobs = RUN | {"learning_rate": 0.3, "steps": 20}
    history = train(method, **knobs, sample_from="reference", policy=start)
    generator = torch.Generator().manual_seed(knobs["seed"])
    uniforms = [torch.rand(8, 5, generator=generator, dtype=F64) for _ in range(20)]
    prompt_ids = torch.zeros(8, 1, dtype=torch.int64)
    for u, batch in zip(uniforms, batches, strict=True):
        assert torch.equal(batch, sample_with(start.double(), prompt_ids, u))
    assert history["loss"].tolist() == losses
    own = sample_with(history.policy, prompt_ids, uniforms[-1])  # nearly the policy of the last row
    assert abs(history["reward"][-1].item() - (own == 1).double().mean().item()) < 0.1
    reference_reward = torch.stack([(batch == 1).double().mean() for batch in batches])
    assert history["reward"][-5:].mean() > reference_reward[-5:].mean() + 0.2


def test_a_methods_series_are_of_the_batch_that_it_learned_from():
    """What PPO clips on the reference's samples, not what it would clip on the policy's own."""
    history = train(ppo, **RUN, sample_from="reference")
    assert history["ratio"][0] == 1.0
    assert (history["ratio"][1:] != 1.0).all()
    assert history["clip_share"][-1] > 0.5


@pytest.mark.parametrize("method", [ppo, dpo])
def test_a_seed_gives_the_same_bytes_and_no_state_outside_is_touched(method):
    start = uniform_policy(generator=torch.Generator().manual_seed(0))
    before = (torch.get_rng_state(), torch.get_default_dtype(), copy.deepcopy(start.state_dict()))
    runs = [train(method, **RUN | {"seed": seed}, policy=start) for seed in (0, 0, 1)]
    for name in runs[0].series:
        assert runs[0][name].numpy().tobytes() == runs[1][name].numpy().tobytes()
    assert not torch.equal(runs[0]["loss"], runs[2]["loss"])
    for one, same in zip(runs[0].policy.parameters(), runs[1].policy.parameters(), strict=True):
        assert one.detach().numpy().tobytes() == same.detach().numpy().tobytes()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.get_default_dtype() == before[1]
    for name, tensor in start.state_dict().items():
        assert torch.equal(tensor, before[2][name])
        assert tensor.dtype == before[2][name].dtype


def test_the_seed_draws_the_weights_too():
    first, again, other = (train(baby_ppo, **RUN | {"seed": seed, "steps": 1}) for seed in (0, 0, 1))
    table, same, different = (policy_table(h.reference) for h in (first, again, other))
    assert torch.equal(table, same)
    assert not torch.allclose(table, different)


def test_the_reference_is_the_start_and_stays_frozen():
    start = TinyPolicy(generator=torch.Generator().manual_seed(5))
    history = train(baby_ppo, **RUN, policy=start)
    torch.testing.assert_close(policy_table(history.reference), policy_table(start.double()))
    assert not any(p.requires_grad for p in history.reference.parameters())
    assert (policy_table(history.policy) - policy_table(start)).abs().max() > 0.1
    assert history.policy is history.models.policy


def test_each_series_has_one_number_for_each_step_in_float64():
    history = train(ppo, **RUN, critic=True)
    assert list(history.series) == ["reward", "kl", "entropy", "loss", "ratio", "clip_share", "value_loss"]
    for values in history.series.values():
        assert values.shape == (12,)
        assert values.dtype == F64
        assert not values.requires_grad


@pytest.mark.parametrize(("method", "sample_from"), [(grpo, "policy"), (dpo, "reference")])
def test_measuring_less_changes_nothing_but_how_much_is_measured(method, sample_from):
    often, seldom = (train(method, sample_from=sample_from, measure_every=every, **RUN) for every in (1, 5))
    for name, series in often.series.items():
        assert series[::5].tolist() == seldom[name].tolist()
    for one, other in zip(often.policy.parameters(), seldom.policy.parameters(), strict=True):
        assert (one == other).all()


def test_the_critic_learns_what_is_to_come():
    history = train(ppo, steps=150, learning_rate=0.03, kl_coeff=0.0, seed=0, critic=True, completion_length=4)
    prompt_ids = torch.zeros(400, 1, dtype=torch.int64)
    uniforms = torch.rand(400, 4, generator=torch.Generator().manual_seed(1), dtype=F64)
    rollout = collect(history.models, history.reference, uniforms)
    to_go = rollout.rewards.flip(1).cumsum(1).flip(1).mean(0)
    torch.testing.assert_close(rollout.values.mean(0), to_go, rtol=0, atol=0.3)
    assert rollout.values[:, 0].mean() > rollout.values[:, -1].mean() + 1
    assert prompt_ids.equal(rollout.prompt_ids)


def test_a_method_is_any_function_and_its_series_are_kept():
    def greedy(models, rollout, *, kl_coeff, sharpness=1.0):
        logprobs = token_logprobs(models.policy, rollout.prompt_ids, rollout.completion_ids)
        loss = reinforce_loss(logprobs, sharpness * (rollout.rewards - rollout.rewards.mean()))
        return loss, {"sharpness": torch.tensor(sharpness), "paid": rollout.rewards.sum()}

    history = train(greedy, **RUN | {"steps": 40}, sharpness=3.0)
    assert history["reward"][-5:].mean() > history["reward"][:5].mean() + 0.3
    assert history["sharpness"].tolist() == [3.0] * 40
    torch.testing.assert_close(history["paid"].double() / 40, history["reward"])
    with pytest.raises(KeyError, match="no series called 'margin'; this run has reward, kl, entropy"):
        history["margin"]


def paying_seven(prompt_ids, completion_ids):
    return (completion_ids == 7).float() - 2.0


def test_a_reward_of_your_own():
    history = train(rloo, **RUN | {"steps": 40}, reward=paying_seven)
    assert history["reward"][0] < -1
    assert policy_table(history.policy).argmax(-1)[0] == 7


@pytest.mark.parametrize("prompt_ids", [None, torch.tensor([[3], [4]]), torch.tensor([[3, 1], [4, 1]])])
def test_token_1_is_paid_after_any_prompt_where_nothing_else_is_said(prompt_ids):
    run = RUN | {"prompt_ids": prompt_ids, "critic": True}
    history = train(ppo, **run)
    same = train(ppo, **run, reward=lambda prompt_ids, completion_ids: token_reward(completion_ids))
    assert torch.equal(history["reward"], same["reward"])
    assert history["reward"][-4:].mean() > history["reward"][:4].mean() + 0.1


@pytest.mark.parametrize("prompt_ids", [None, torch.tensor([[3, 2], [4, 2]])])
def test_a_reward_gets_prompts_and_completions_of_every_batch(prompt_ids):
    seen = []

    def reward(prompt_ids, completion_ids):
        seen.append((prompt_ids, completion_ids))
        return token_reward(completion_ids)

    train(baby_ppo, **RUN | {"steps": 3}, prompt_ids=prompt_ids, reward=reward)
    assert len(seen) == 3
    for prompts, completions in seen:
        assert completions.shape == (8, 5)
        if prompt_ids is None:
            assert torch.equal(prompts, torch.zeros(8, 1, dtype=torch.int64))
        else:
            assert prompts.tolist() in ([[3, 2]] * 8, [[4, 2]] * 8)


# what the loop leaves alone


class Marked(torch.autograd.Function):
    """The identity, whose place in a graph holds an object that lives as long as the graph does."""

    alive = weakref.WeakSet()

    @staticmethod
    def forward(ctx, x):
        ctx.mark = torch.nn.Module()  # any object that can be referred to weakly
        Marked.alive.add(ctx.mark)
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def test_series_are_kept_without_their_graphs_and_as_they_were():
    alive, count = [], torch.zeros(())

    def recording(models, rollout, *, kl_coeff):
        logprobs = token_logprobs(models.policy, rollout.prompt_ids, rollout.completion_ids)
        surprise = -Marked.apply(logprobs).mean()
        alive.append(len(Marked.alive))
        return surprise, {"surprise": surprise, "count": count.add_(1)}

    history = train(recording, **RUN)
    assert max(alive) <= 2  # this one and, until the names are given anew, the one before
    assert history["count"].tolist() == list(range(1, 13))


def test_threads_are_set_for_the_loop_only():
    code = """
        import torch
        torch.set_num_threads(3)
        import rlhf_helpers
        assert torch.get_num_threads() == 3

        def method(models, rollout, *, kl_coeff):
            seen.append(torch.get_num_threads())
            loss, series = rlhf_helpers.baby_ppo(models, rollout, kl_coeff=kl_coeff)
            return loss * (float("nan") if len(seen) > 2 else 1), series

        seen, run = [], dict(learning_rate=0.1, kl_coeff=0.1, seed=0)
        rlhf_helpers.train(method, steps=2, **run)
        assert torch.get_num_threads() == 3
        try:
            rlhf_helpers.train(method, steps=1, **run)
        except ValueError:
            assert torch.get_num_threads() == 3
        assert seen == [1, 1, 1], seen
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


@pytest.mark.parametrize("method", [ppo, dpo])
def test_the_default_dtype_changes_nothing(method):
    expected = train(method, **RUN, critic=method is ppo)
    torch.set_default_dtype(F64)
    try:
        found = train(method, **RUN, critic=method is ppo)
    finally:
        torch.set_default_dtype(torch.float32)
    assert list(found.series) == list(expected.series)
    for name, series in expected.series.items():
        assert torch.equal(found[name], series)
        assert found[name].dtype == F64


def test_numpy_numbers_are_numbers():
    run = RUN | {"epochs": 2, "prompt_ids": torch.tensor([[3], [4]]), "completions_per_prompt": 4, "end_id": 0}
    knobs = {"group_size": 4, "clip_eps": 0.1}
    scored = {"reward": lambda prompt_ids, completion_ids: completion_ids[:, 0] == 1}
    kinds = {int: np.int64, float: np.float64}
    numpys = {name: kinds[type(x)](x) if type(x) in kinds else x for name, x in (run | knobs).items()}
    expected, found = (train(grpo, **options, **scored) for options in (run | knobs, numpys))
    for name, series in expected.series.items():
        assert torch.equal(found[name], series)


@pytest.mark.parametrize("sample_from", ["policy", "reference"])
@pytest.mark.parametrize("method", [baby_ppo, ppo, grpo, dpo, spo])
@pytest.mark.parametrize("options", [{}, {"prompt_ids": torch.tensor([[3, 1], [4, 1]]), "end_id": 0}])
def test_everything_lives_where_the_policy_does(options, method, sample_from):
    """On the meta device, where no number is known and a tensor of another device is refused."""
    policy = TinyPolicy().to("meta")
    history = train(method, **RUN, **options, policy=policy, critic=method is ppo, sample_from=sample_from)
    assert {x.device.type for x in history.series.values()} == {"meta"}
    assert {p.device.type for p in history.policy.parameters()} == {"meta"}


@pytest.mark.parametrize("method", [ppo, rloo, grpo, spo])
def test_knobs_that_a_method_does_not_have_are_refused(method):
    with pytest.raises(TypeError, match="unexpected keyword argument 'klip_eps'"):
        train(method, **RUN, klip_eps=0.1)


@pytest.mark.parametrize("broken", ["nan", "inf", "-inf"])
def test_a_loss_that_is_no_number_says_what_to_do(broken):
    def breaks(models, rollout, *, kl_coeff):
        logprobs = token_logprobs(models.policy, rollout.prompt_ids, rollout.completion_ids)
        calls.append(1)
        return logprobs.mean() * 0 + (float(broken) if len(calls) > 2 else 1.0), {}

    calls = []
    with pytest.raises(ValueError, match=f"the loss is {broken} at step 2: lower learning_rate=0.1"):
        train(breaks, **RUN)


@pytest.mark.parametrize("learning_rate", [1e3, 1e30, 1e300])
@pytest.mark.parametrize("method", [ppo, dpo, spo, grpo])
def test_a_learning_rate_too_large_ends_in_numbers_or_in_advice(method, learning_rate):
    try:
        history = train(method, **RUN | {"learning_rate": learning_rate}, epochs=2)
    except ValueError as error:
        assert "lower" in str(error)  # noqa: PT017
        assert "learning" in str(error)  # noqa: PT017
    else:
        assert all(values.isfinite().all() for values in history.series.values())


def test_a_progress_bar_waits_two_seconds(monkeypatch, capsys):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    train(baby_ppo, **RUN)
    assert capsys.readouterr() == ("", "")
    seen = {}
    monkeypatch.setattr(rlhf_helpers._progress, "tqdm", lambda steps, **kwargs: seen.update(kwargs) or steps)
    train(baby_ppo, **RUN)
    assert seen == {"desc": "baby_ppo", "delay": 2, "leave": False, "disable": False, "file": sys.stderr}
    monkeypatch.setenv("TQDM_DISABLE", "1")
    train(baby_ppo, **RUN)
    assert seen["disable"]


def test_a_progress_bar_leaves_nothing_in_a_notebook(monkeypatch):
    shown = []

    class Handle:
        def update(self, data, raw):
            shown.append(data)

    def display(data, raw, display_id):
        shown.append(data)
        return Handle()

    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(rlhf_helpers._progress, "tqdm", partial(tqdm, mininterval=0))
    bar = rlhf_helpers._progress.progress(3, "training")
    bar.delay = 0
    assert list(bar) == [0, 1, 2]
    assert "training:" in shown[0]["text/plain"]
    assert shown[-1] == {"text/plain": ""}


# a batch


def test_a_batch_knows_who_sampled_and_what_it_was_worth():
    policy, reference = (TinyPolicy(generator=torch.Generator().manual_seed(seed)).double() for seed in (0, 1))
    critic = TinyCritic().double()
    with torch.no_grad():
        critic.token_value.copy_(torch.arange(10.0))
    uniforms = torch.rand(6, 4, generator=torch.Generator().manual_seed(2), dtype=F64)
    for sample_from, sampler in (("policy", policy), ("reference", reference)):
        rollout = collect(Models(policy, critic), reference, uniforms, sample_from=sample_from)
        assert torch.equal(rollout.prompt_ids, torch.zeros(6, 1, dtype=torch.int64))
        assert torch.equal(rollout.completion_ids, sample_with(sampler, rollout.prompt_ids, uniforms))
        scored = {
            name: token_logprobs(p, rollout.prompt_ids, rollout.completion_ids)
            for name, p in (("old", sampler), ("ref", reference))
        }
        torch.testing.assert_close(rollout.old_logprobs, scored["old"])
        torch.testing.assert_close(rollout.ref_logprobs, scored["ref"])
        assert torch.equal(rollout.rewards, (rollout.completion_ids == 1).double())
        states = torch.cat([rollout.prompt_ids, rollout.completion_ids[:, :-1]], dim=1)
        assert torch.equal(rollout.values, states.double())  # the value of a state is asked before its token is drawn
        assert not any(x.requires_grad for x in rollout if x is not None)
    assert collect(Models(policy), reference, uniforms).values is None


# refusing


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"steps": 2.0}, TypeError, "steps must be a whole number, got float"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"completion_length": -1}, ValueError, "completion_length must be at least 1, got -1"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"measure_every": 0}, ValueError, "measure_every must be at least 1, got 0"),
        ({"learning_rate": -0.1}, ValueError, r"learning_rate must be in \[0.0, inf\), got -0.1"),
        ({"learning_rate": math.nan}, ValueError, "learning_rate must be .* got nan"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate must be a number, got str"),
        ({"kl_coeff": -1}, ValueError, r"kl_coeff must be in \[0.0, inf\), got -1.0"),
        ({"kl_coeff": math.nan}, ValueError, "kl_coeff must be .* got nan"),
        ({"sample_from": "critic"}, ValueError, "sample_from must be one of 'policy', 'reference', got 'critic'"),
        ({"seed": 1.0}, TypeError, "seed must be a whole number, got float"),
        ({"seed": True}, TypeError, "seed must be a whole number, got bool"),
        ({"reward": lambda _, ids: ids.sum(1)}, ValueError, r"reward must return shape \(8, 5\), got \(8,\)"),
        ({"reward": lambda _, ids: ids * math.nan}, ValueError, "reward must return finite numbers, got .* nan"),
        (
            {"critic": TinyCritic(max_length=4)},
            ValueError,
            "^prompt_ids and completion_ids must have at most max_length=4",
        ),
        (
            {"critic": TinyPolicy()},
            ValueError,
            r"critic must return values \(B, L\) for ids \(8, 5\), got \(8, 5, 10\)",
        ),
        ({"policy": torch.nn.Identity()}, ValueError, "policy must have parameters to train, got none"),
        ({"reward": lambda _, ids: ids.tolist()}, TypeError, r"reward must return a torch.Tensor, got list"),
        ({"reward": 1.0}, TypeError, "reward must be a function, got float"),
        ({"policy": lambda ids: ids}, TypeError, "policy must be a torch.nn.Module, got function"),
        ({"critic": 1}, TypeError, "critic must be True, False or a torch.nn.Module, got int"),
    ],
)
def test_train_refuses(change, error, message):
    with pytest.raises(error, match=message):
        train(ppo, **RUN | change)


@pytest.mark.parametrize("method", [baby_ppo, ppo, rloo, grpo, dpo, spo, reweighted_ppo])
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_no_method_learns_from_a_reward_that_is_no_number(method, number):
    """A comparison with NaN is false, so a method of pairs would take it for the worse answer."""
    with pytest.raises(ValueError, match="reward must return finite numbers"):
        train(method, **RUN, reward=lambda _, ids: torch.where(ids == 1, number, 0.0))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (lambda loss: loss, r"method must return \(loss, series\), got Tensor"),
        (lambda loss: (loss, loss), r"method must return \(loss, series\), got \(Tensor, Tensor\)"),
        (lambda loss: (loss.item(), {}), "method must return a loss of one number, got float"),
        (lambda loss: (loss, {}, {}), r"method must return \(loss, series\), got \(Tensor, dict, dict\)"),
        (lambda loss: (loss, 3), r"method must return \(loss, series\), got \(Tensor, int\)"),
        (lambda loss: (loss.expand(3), {}), r"method must return a loss of one number, got \(3,\)"),
        (lambda loss: (loss, {"half": 0.5}), "method must return series of tensors, got float for 'half'"),
    ],
)
def test_train_refuses_what_no_method_returns(found, message):
    def method(models, rollout, *, kl_coeff):
        return found(baby_ppo(models, rollout, kl_coeff=kl_coeff)[0])

    with pytest.raises(TypeError, match=message):
        train(method, **RUN)


@pytest.mark.parametrize("method", [baby_ppo, ppo, rloo, grpo, dpo, spo, reweighted_ppo])
def test_a_knob_may_be_a_tensor_with_one_entry(method):
    expected = train(method, **RUN | {"kl_coeff": 0.1}).series
    found = train(method, **RUN | {"kl_coeff": torch.tensor([0.1], dtype=torch.float64)}).series
    assert found["loss"].shape == expected["loss"].shape
    torch.testing.assert_close(found["loss"], expected["loss"], rtol=1e-12, atol=1e-12)


def test_series_may_be_any_mapping():
    def method(models, rollout, *, kl_coeff):
        loss, _ = baby_ppo(models, rollout, kl_coeff=kl_coeff)
        return [loss, MappingProxyType({"twice": 2 * loss})]

    series = train(method, **RUN).series
    assert torch.equal(series["twice"], 2 * series["loss"])


def test_a_policy_without_parameters_may_have_a_critic_that_learns():
    class Uniform(torch.nn.Module):
        def forward(self, ids):
            return torch.zeros(*ids.shape, 10, dtype=torch.float64)

    critic = TinyCritic()
    trained = train(ppo, **RUN, policy=Uniform(), critic=critic).models.critic
    assert not torch.equal(next(trained.parameters()), next(critic.parameters()).double())


def test_train_refuses_a_name_for_a_method():
    with pytest.raises(TypeError, match="method must be a function, got str"):
        train("ppo", **RUN)
