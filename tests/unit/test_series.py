"""Every series is the average that its definition says, over the tokens that count."""

import math

import pytest
import torch
from support.enumeration import F64, TablePolicy, random_table

from rlhf_helpers import Models, Rollout, collect, measure, ppo, ratio_series, token_logprobs

B, T, V, END = 6, 5, 4, 0
NOW, OLD, REFERENCE = (TablePolicy(random_table(V, seed)) for seed in range(3))
UNIFORMS = torch.rand(B, T, generator=torch.Generator().manual_seed(1), dtype=F64)
PROMPTS = torch.tensor([[3], [1], [2]]).repeat_interleave(2, 0)
OPTIONS = {"prompt_ids": PROMPTS, "reward": lambda prompt_ids, completion_ids: completion_ids * 0.5 - prompt_ids}
WHOLE = collect(Models(OLD), REFERENCE, UNIFORMS, **OPTIONS)
CUT = collect(Models(OLD), REFERENCE, UNIFORMS, **OPTIONS, end_id=END)


def counting(rollout):
    """Where the tokens that count are, and the token before each."""
    rows = rollout.completion_ids.tolist()
    lengths = [row.index(END) + 1 if rollout is CUT and END in row else T for row in rows]
    before = torch.cat([rollout.prompt_ids, rollout.completion_ids[:, :-1]], dim=1).tolist()
    return [(i, t, before[i][t], rows[i][t]) for i, length in enumerate(lengths) for t in range(length)]


def test_some_completions_end_early():
    assert len({i for i, t, *_ in counting(CUT) if t == T - 1}) in range(1, B)
    assert len(counting(WHOLE)) == B * T


@pytest.mark.parametrize("rollout", [WHOLE, CUT], ids=["whole", "cut off at the end"])
def test_what_every_run_records(rollout):
    tokens = counting(rollout)
    now, ref = (p.logits.log_softmax(-1).tolist() for p in (NOW, REFERENCE))
    kls = [sum(math.exp(p) * (p - q) for p, q in zip(now[s], ref[s], strict=True)) for _, _, s, _ in tokens]
    entropies = [-sum(math.exp(p) * p for p in now[s]) for _, _, s, _ in tokens]
    rewards = [0.5 * a - PROMPTS[i].item() for i, _, _, a in tokens]
    n = len(tokens)
    expected = {"reward": sum(rewards) / n, "kl": sum(kls) / n, "entropy": sum(entropies) / n}
    if rollout is CUT:
        expected |= {"score": sum(rewards) / B, "completion_kl": sum(kls) / B, "length": n / B}
    found = measure(NOW, rollout)
    assert list(found) == list(expected)
    assert {name: x.item() for name, x in found.items()} == pytest.approx(expected, rel=1e-12)
    assert not any(x.requires_grad for x in found.values())


@pytest.mark.parametrize("clip_eps", [0.0, 0.2, 0.5, math.inf])
@pytest.mark.parametrize("rollout", [WHOLE, CUT], ids=["whole", "cut off at the end"])
def test_what_a_method_that_clips_records(rollout, clip_eps):
    tokens = counting(rollout)
    now, old = (p.logits.log_softmax(-1).tolist() for p in (NOW, OLD))
    ratios = [math.exp(now[s][a] - old[s][a]) for _, _, s, a in tokens]
    share = sum(not 1 - clip_eps <= ratio <= 1 + clip_eps for ratio in ratios) / len(ratios)
    expected = {"ratio": sum(ratios) / len(ratios), "clip_share": share}
    logprobs = token_logprobs(NOW, PROMPTS, rollout.completion_ids)  # as they are, after the end too
    found = ratio_series(logprobs, rollout.old_logprobs, rollout.completion_mask, clip_eps=clip_eps)
    _, series = ppo(Models(NOW), rollout, kl_coeff=0.1, clip_eps=clip_eps)
    for values in (found, series):
        assert {name: x.item() for name, x in values.items()} == pytest.approx(expected, rel=1e-12)
        assert not any(x.requires_grad for x in values.values())


def test_a_token_of_probability_zero_adds_nothing():
    table = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=F64).log()
    policy, uniform = TablePolicy(table), TablePolicy(torch.zeros(3, 3, dtype=F64))
    rollout = collect(Models(policy), uniform, torch.tensor([[0.1], [0.9]], dtype=F64))
    series = measure(policy, rollout)
    assert series["entropy"].item() == pytest.approx(math.log(2))
    assert series["kl"].item() == pytest.approx(math.log(3) - math.log(2))


def test_half_precision_is_averaged_in_float32():
    logprobs = torch.zeros(300, 300, dtype=torch.float16)
    assert ratio_series(logprobs, logprobs, clip_eps=0.2)["ratio"] == 1.0


LOGPROBS = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("args", "knobs", "error", "message"),
    [
        (
            (LOGPROBS, LOGPROBS[:1]),
            {"clip_eps": 0.2},
            ValueError,
            r"shapes must match, got {'logprobs': \(2, 3\), 'old",
        ),
        ((LOGPROBS, [0.0]), {"clip_eps": 0.2}, TypeError, "old_logprobs must be a torch.Tensor, got list"),
        ((LOGPROBS, LOGPROBS, LOGPROBS[0]), {"clip_eps": 0.2}, ValueError, "shapes must match, got {'completion_mask'"),
        ((LOGPROBS, LOGPROBS), {"clip_eps": -0.1}, ValueError, r"clip_eps must be in \[0.0, inf\], got -0.1"),
        ((LOGPROBS, LOGPROBS), {}, TypeError, "clip_eps"),
    ],
)
def test_refuses(args, knobs, error, message):
    with pytest.raises(error, match=message):
        ratio_series(*args, **knobs)


def test_measuring_needs_what_the_reference_says_of_every_token():
    without = Rollout(*WHOLE[:-1])
    with pytest.raises(ValueError, match="rollout must have ref_next_logprobs, as collect gives it"):
        measure(NOW, without)
