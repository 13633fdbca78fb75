"""One call of every public function of tensors, as a function of nothing but its tensors: what every transform runs."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from support.enumeration import F64, normals, random_logprobs, random_table, seeded
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import embedding

from rlhf_helpers import (
    AtParameters,
    Models,
    Rollout,
    ScalarGPT,
    TinyCritic,
    TinyGPT,
    TinyPolicy,
    adam,
    aggregate,
    baby_ppo,
    baby_ppo_loss,
    best_of_n,
    bradley_terry_loss,
    clipped_surrogate,
    collect,
    dpo,
    dpo_loss,
    expected_reward_and_kl,
    fit_reward_model,
    fit_utilities,
    gae,
    generate,
    group_advantages,
    grpo,
    grpo_loss,
    kl_estimate,
    mask_after_end,
    measure,
    next_token_logprobs,
    optimal_policy,
    policy_ratio,
    policy_table,
    ppo,
    ppo_loss,
    prefer,
    preference_pairs,
    push_on_logits,
    ratio_series,
    reinforce_loss,
    reweighted_ppo,
    reweighted_ppo_loss,
    rloo,
    rloo_advantages,
    sample_with,
    sequence_logprobs,
    shaped_rewards,
    spo,
    spo_loss,
    tilt,
    token_logprobs,
    token_utilities,
    training_step,
    value_loss,
)
from rlhf_helpers.family import (
    batch_advantages,
    best_of_n_advantages,
    cdpo_loss,
    cispo_loss,
    dapo_loss,
    distillation_kl,
    dppo_loss,
    dr_grpo_loss,
    gspo_loss,
    ipo_loss,
    kto_loss,
    maxrl_advantages,
    mixed_groups,
    on_policy_distillation_loss,
    orpo_loss,
    overlong_penalty,
    sapo_loss,
    simpo_loss,
)
from rlhf_helpers.names import (
    alliterates,
    ends_in_a,
    is_short,
    judge_names,
    name_features,
    name_score,
    names_loss,
)
from rlhf_helpers.ties import tied

Inputs = tuple[Tensor | dict[str, Tensor], ...]


class Call(NamedTuple):
    """A function and what to call it with: tensors, or the parameters of a module by name."""

    function: Callable[..., Any]
    inputs: Inputs
    trained: int | None = 0  # the input that gradients flow into
    random: bool = False  # draws from the global generator


class Bound:
    """A module with other parameters, and wherever those are."""

    def __init__(self, module: nn.Module, tensors: dict[str, Tensor]):
        self.module, self.tensors = module, tensors
        if hasattr(module, "memory"):
            self.memory = module.memory

    def parameters(self):
        return iter(self.tensors.values())

    def __call__(self, *arguments):
        return functional_call(self.module, self.tensors, arguments)


def negative(seed: int, *shape: int) -> Tensor:
    """Numbers below 0, as log-probabilities are."""
    return -normals(seed, *shape).abs()


def ids_below(size: int, seed: int, *shape: int) -> Tensor:
    return torch.randint(size, shape, generator=seeded(seed))


def randomized(module: nn.Module, seed: int) -> dict[str, Tensor]:
    """Parameters for a module that are far from their start."""
    generator = seeded(seed)
    return {name: torch.randn(p.shape, generator=generator, dtype=F64) for name, p in module.named_parameters()}


def by_table(logits: Tensor) -> Callable[[Tensor], Tensor]:
    """A policy that is a table: row = last token."""
    return lambda ids: embedding(ids, logits)


NEW, OLD, REF, A = (negative(seed, 3, 4) for seed in range(4))
X, Y, Z, W = (negative(seed, 5) for seed in range(4, 8))
MASK = torch.tensor([[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]], dtype=F64)
NUMBER = torch.tensor(0.3, dtype=F64)
TABLE, REF_TABLE, PAY = random_table(5, 8), random_table(5, 9), negative(10, 5)
LAW, SCORES = random_logprobs(6, 11), torch.tensor([0.5, 2.0, 0.5, -1.0, 0.1 + 0.2, 0.3], dtype=F64)  # with two ties
PROMPTS, IDS, UNIFORMS = ids_below(5, 12, 3, 2), ids_below(5, 13, 3, 4), 0.9 * torch.rand(3, 4, generator=seeded(14))
NEXT, TEACHER = negative(20, 3, 4, 5).log_softmax(-1), negative(21, 3, 4, 5).log_softmax(-1)
UTILITIES, OTHER_UTILITIES = negative(15, 5, 4), negative(16, 5, 4)
NAMES = torch.tensor([[1, 14, 14, 1, 0], [13, 1, 24, 0, 5], [26, 15, 5, 1, 1]])  # anna. max. zoeaa
SURNAMES = torch.tensor([[1, 2, 0], [3, 0, 0], [26, 0, 0]])
FEATURES = torch.tensor([-0.5, 2.0, 0.3, -1.0, 0.7, 0.5], dtype=F64)
POLICY, CRITIC = TinyPolicy(5, 3, generator=seeded(17)), TinyCritic(5, 8)
GPT = TinyGPT(5, 8, 2, 2, 8, generator=seeded(18))
SCALAR = ScalarGPT(GPT)
STEP_START, STEP = training_step(ppo, batch_size=4, completion_length=3, critic=True)
STATE = {name: x.double() for name, x in STEP_START(0).items()}
POLICY_AT, CRITIC_AT, GPT_AT, SCALAR_AT = (randomized(m, 19) for m in (POLICY, CRITIC, GPT, SCALAR))


def batch(at: Tensor, ref_at: Tensor, values_at: Tensor, uniforms: Tensor, prompt_ids: Tensor) -> Rollout:
    """A batch of completions that may end, and are paid at their end."""
    models = Models(by_table(at), lambda ids: values_at[ids])
    return collect(
        models, by_table(ref_at), uniforms, prompt_ids=prompt_ids, end_id=3, reward=lambda _, ids: (ids + 0.5).sum(1)
    )


PAIRS = torch.tensor([[1], [1], [4], [4]])
BATCH = batch(TABLE, REF_TABLE, PAY, 0.9 * torch.rand(4, 3, generator=seeded(22), dtype=F64), PAIRS)


def method_call(method: Callable[..., tuple[Tensor, dict[str, Tensor]]], **knobs: Any) -> Call:
    """A method, as a function of its policy's table and the batch."""

    def outcome(at: Tensor, critic_at: Tensor, *batch: Tensor) -> tuple[Tensor, ...]:
        models = Models(by_table(at), (lambda ids: critic_at[ids]) if method is ppo else None)
        loss, series = method(models, Rollout(*batch), kl_coeff=0.3, **knobs)
        return (loss, *series.values())

    return Call(outcome, (TABLE + REF_TABLE, PAY, *BATCH))


def push(at: Tensor, *batch: Tensor) -> Tensor:
    """What GRPO asks of the logits."""
    rollout = Rollout(*batch)
    return push_on_logits(
        lambda policy: grpo(Models(policy), rollout, kl_coeff=0.3, group_size=2)[0], by_table(at), rollout
    )


# name of a public function, perhaps a comma and a case -> a call
CALLS = {
    "TinyPolicy": Call(lambda at, ids: Bound(POLICY, at)(ids), (POLICY_AT, IDS)),
    "TinyCritic": Call(lambda at, ids: Bound(CRITIC, at)(ids), (CRITIC_AT, IDS)),
    "TinyGPT": Call(lambda at, ids: Bound(GPT, at)(ids), (GPT_AT, IDS)),
    "ScalarGPT": Call(lambda at, ids: Bound(SCALAR, at)(ids), (SCALAR_AT, IDS)),
    "generate": Call(lambda at, ids: generate(by_table(at), ids, 3), (TABLE, PROMPTS), None, random=True),
    "generate, with a memory": Call(
        lambda at, ids: generate(Bound(GPT, at), ids, 3), (GPT_AT, PROMPTS), None, random=True
    ),
    "sample_with": Call(lambda at, ids, u: sample_with(by_table(at), ids, u), (TABLE, PROMPTS, UNIFORMS), None),
    "sample_with, any temperature": Call(
        lambda at, ids, u, tau: sample_with(by_table(at), ids, u, temperature=tau),
        (TABLE, PROMPTS, UNIFORMS, NUMBER),
        None,
    ),
    "Memory": Call(lambda at, ids, u: sample_with(Bound(GPT, at), ids, u), (GPT_AT, PROMPTS, UNIFORMS), None),
    "token_logprobs": Call(lambda at, x, y: token_logprobs(by_table(at), x, y), (TABLE, PROMPTS, IDS)),
    "next_token_logprobs": Call(lambda at, x, y: next_token_logprobs(by_table(at), x, y), (TABLE, PROMPTS, IDS)),
    "sequence_logprobs": Call(sequence_logprobs, (NEW, MASK)),
    "mask_after_end": Call(lambda ids: mask_after_end(ids, 3), (IDS,), None),
    "group_advantages": Call(group_advantages, (NEW,), None),
    "group_advantages, not normalized": Call(lambda x: group_advantages(x, normalize=False), (NEW,), None),
    "rloo_advantages": Call(rloo_advantages, (NEW,), None),
    "gae": Call(gae, (A, OLD), None),
    "gae, with a mask": Call(lambda r, v, m, g: gae(r, v, m, gamma=g, lam=g), (A, OLD, MASK, NUMBER), None),
    **{f"kl_estimate, {k}": Call(lambda x, y, k=k: kl_estimate(x, y, k), (NEW, REF)) for k in ("k1", "k2", "k3")},
    "ratio_series": Call(lambda x, y, m: tuple(ratio_series(x, y, m, clip_eps=0.2).values()), (NEW, OLD, MASK), None),
    "adam": Call(lambda p, g, m, v, t: adam(p, g, m, v, t, 0.1), (X, Y, Z, -W, NUMBER)),
    "policy_ratio": Call(policy_ratio, (NEW, OLD)),
    "clipped_surrogate": Call(lambda x, a: clipped_surrogate(x.exp(), a), (NEW, A)),
    **{
        f"aggregate, {how}": Call(lambda x, m, how=how: aggregate(x, m, how), (NEW, MASK))
        for how in ("token_mean", "sequence_mean", "fixed_length")
    },
    "baby_ppo_loss": Call(baby_ppo_loss, (NEW, OLD, A)),
    "ppo_loss": Call(ppo_loss, (NEW, OLD, A)),
    "ppo_loss, with everything": Call(
        lambda x, o, a, m, r, b, e: ppo_loss(
            x, o, a, m != 0, ref_logprobs=r, kl_coeff=b, clip_eps=e, kl_kind="k2", how="sequence_mean"
        ),
        (NEW, OLD, A[:, 0], MASK, REF, NUMBER, NUMBER),
    ),
    "ppo_loss, without clip": Call(lambda x, o, a: ppo_loss(x, o, a, clip_eps=math.inf), (NEW, OLD, A)),
    "grpo_loss": Call(lambda x, o, a, m, r: grpo_loss(x, o, a, m, ref_logprobs=r), (NEW, OLD, A[:, 0], MASK, REF)),
    "reinforce_loss": Call(reinforce_loss, (NEW, A[:, 0], MASK)),
    "value_loss": Call(value_loss, (NEW, REF, MASK)),
    "value_loss, clipped": Call(
        lambda x, r, m, o: value_loss(x, r, m, old_values=o, clip_eps=0.1), (NEW, REF, MASK, OLD)
    ),
    "dpo_loss": Call(lambda x, y, z, w: dpo_loss(x, y, z, w, label_smoothing=0.1), (X, Y, Z, W)),
    "dpo_loss, soft labels": Call(
        lambda x, y, z, w, b, e: dpo_loss(x, y, z, w, beta=b, label_smoothing=e),
        (X, Y, Z, W, NUMBER, Z.exp() / 2),
    ),
    "dpo_loss, without a reference": Call(lambda x, y: dpo_loss(x, y, beta=1.0), (X, Y)),
    "spo_loss": Call(spo_loss, (X, Y, Z, W)),
    "reweighted_ppo_loss": Call(reweighted_ppo_loss, (NEW, OLD, A.exp())),
    "bradley_terry_loss": Call(lambda x, y, m: bradley_terry_loss(x, y, margin=m), (X, Y, NUMBER)),
    "bradley_terry_loss, a margin for each pair": Call(lambda x, y, z: bradley_terry_loss(x, y, margin=z), (X, Y, Z)),
    "batch_advantages": Call(batch_advantages, (NEW,), None),
    "maxrl_advantages": Call(maxrl_advantages, (-NEW,), None),
    "best_of_n_advantages": Call(best_of_n_advantages, (NEW,), None),
    "mixed_groups": Call(mixed_groups, (NEW * MASK,), None),
    "dr_grpo_loss": Call(dr_grpo_loss, (NEW, OLD, A, MASK)),
    "dapo_loss": Call(dapo_loss, (NEW, OLD, A, MASK)),
    "dapo_loss, its own clips": Call(
        lambda x, o, a, low: dapo_loss(x, o, a, clip_low=low, clip_high=2 * low), (NEW, OLD, A[:, 0], NUMBER)
    ),
    "gspo_loss": Call(lambda x, o, a, m: gspo_loss(x, o, a, m, clip_low=0.2, clip_high=0.2), (NEW, OLD, A[:, 0], MASK)),
    "cispo_loss": Call(lambda x, o, a, m, c: cispo_loss(x, o, a, m, max_weight=c), (NEW, OLD, A, MASK, 1 + NUMBER)),
    "sapo_loss": Call(
        lambda x, o, a, m, tau: sapo_loss(x, o, a, m, tau_positive=tau), (NEW, OLD, A + 0.7, MASK, 2 + NUMBER)
    ),
    "dppo_loss": Call(lambda x, o, a, m, d: dppo_loss(x, o, a, m, max_move=d / 3), (NEW, OLD, A + 0.7, MASK, NUMBER)),
    "on_policy_distillation_loss": Call(on_policy_distillation_loss, (NEW, OLD, MASK)),
    **{
        f"distillation_kl, {direction}": Call(
            lambda x, y, m, direction=direction: distillation_kl(x, y, m, direction=direction), (NEXT, TEACHER, MASK)
        )
        for direction in ("reverse", "forward")
    },
    "overlong_penalty": Call(lambda x: overlong_penalty(x, max_length=3, grace=1), (-2 * X,), None),
    "cdpo_loss": Call(cdpo_loss, (X, Y, Z, W)),
    "ipo_loss": Call(lambda x, y, z, w, b: ipo_loss(x, y, z, w, beta=b), (X, Y, Z, W, NUMBER)),
    "simpo_loss": Call(simpo_loss, (X, Y, 1 - Z, 1 - W)),
    "orpo_loss": Call(orpo_loss, (X, Y, 1 - Z, 1 - W)),
    "kto_loss": Call(lambda x, y, z, b: kto_loss(x, y, z, batch_kl=b), (X, Y, (Z < -0.5).double(), NUMBER)),
    "policy_table": Call(lambda at: policy_table(Bound(POLICY, at), 5), (POLICY_AT,)),
    "optimal_policy": Call(lambda t, r, b: optimal_policy(t, r, kl_coeff=b, horizon=3), (REF_TABLE, PAY, NUMBER)),
    "expected_reward_and_kl": Call(
        lambda t, q, r: expected_reward_and_kl(t, q, r, horizon=3, start=1), (TABLE, REF_TABLE, PAY)
    ),
    "tilt": Call(tilt, (LAW, SCORES, NUMBER), 1),
    "best_of_n": Call(lambda p, s: best_of_n(p, s, 4), (LAW, SCORES)),
    "tied": Call(tied, (SCORES, SCORES.flip(0)), None),
    "token_utilities": Call(lambda w, ids: token_utilities(ids, w), (UTILITIES, IDS)),
    "preference_pairs": Call(lambda v, w: preference_pairs([v, w], 3), (UTILITIES, OTHER_UTILITIES), None, random=True),
    "prefer": Call(
        lambda a, b, gap, tau: prefer(a, b, gap, temperature=tau), (IDS, IDS.flip(0), X[:3], NUMBER), None, random=True
    ),
    "fit_reward_model": Call(lambda a, b: fit_reward_model(a, b, vocab_size=5, steps=5), (IDS, IDS.flip(0)), None),
    "fit_utilities": Call(lambda a, b: fit_utilities(a, b, steps=5), (NEW, OLD), None),
    "name_features": Call(name_features, (NAMES,), None),
    "name_score": Call(lambda w, ids: name_score(ids, w), (FEATURES, NAMES)),
    "ends_in_a": Call(ends_in_a, (SURNAMES, NAMES), None),
    "is_short": Call(is_short, (SURNAMES, NAMES), None),
    "alliterates": Call(alliterates, (SURNAMES, NAMES), None),
    "judge_names": Call(judge_names, (NAMES,), None),
    "collect": Call(lambda *inputs: tuple(batch(*inputs)), (TABLE, REF_TABLE, PAY, UNIFORMS, IDS[:, :1]), None),
    "collect, without prompts": Call(
        lambda at, u: tuple(collect(Models(by_table(at)), by_table(at), u))[:5], (TABLE, UNIFORMS), None
    ),
    "measure": Call(lambda at, *b: tuple(measure(by_table(at), Rollout(*b)).values()), (TABLE, *BATCH), None),
    "shaped_rewards": Call(lambda *b: shaped_rewards(Rollout(*b), 0.3), tuple(BATCH), None),
    "push_on_logits": Call(push, (TABLE + REF_TABLE, *BATCH), None),
    "baby_ppo": method_call(baby_ppo),
    "ppo": method_call(ppo),
    "ppo, KL in the loss": method_call(ppo, kl_in="loss"),
    "rloo": method_call(rloo, group_size=2),
    "grpo": method_call(grpo, group_size=2),
    "dpo": method_call(dpo),
    "dpo, soft labels of pairs": method_call(dpo, soft_labels=True),
    "spo": method_call(spo),
    "reweighted_ppo": method_call(reweighted_ppo),
    "AtParameters": Call(lambda flat, ids: AtParameters(CRITIC, flat)(ids), (negative(23, 13), IDS)),
    "training_step": Call(
        lambda state, u, b: tuple(STEP(state, u, kl_coeff=b, learning_rate=0.1)[1].values()),
        (STATE, 0.9 * torch.rand(4, 3, generator=seeded(24), dtype=F64), NUMBER),
        None,
    ),
    "names_loss": Call(lambda at, x, y: names_loss(by_table(at), x, y), (TABLE, PROMPTS[:1], IDS)),
}


def mapped(change: Callable[[Tensor], Any], inputs: Inputs) -> Inputs:
    """Return the inputs with something done to each tensor."""
    return tuple(
        {name: change(x) for name, x in part.items()} if isinstance(part, dict) else change(part) for part in inputs
    )


def tensors_of(outputs: Any) -> tuple[Tensor, ...]:
    """Return what a call gave, as a tuple."""
    return outputs if isinstance(outputs, tuple) else (outputs,)


def weights_for(x: Tensor) -> Tensor:
    """Return a number for each entry, no two alike."""
    return torch.linspace(1, 2, x.numel(), dtype=x.dtype).view(x.shape)


def total(outputs: Any) -> Tensor:
    """Return one number that every output has a share in of its own."""
    return sum((x * weights_for(x)).sum() for x in tensors_of(outputs))
