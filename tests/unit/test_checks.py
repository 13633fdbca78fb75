"""Every argument that one can get wrong has an error that names it, as the caller wrote it."""

import math

import numpy as np
import pytest
import torch
from support.enumeration import F64, TablePolicy, random_table
from torch import nn

from rlhf_helpers import (
    ScalarGPT,
    TinyCritic,
    TinyGPT,
    TinyPolicy,
    aggregate,
    best_of_n,
    bradley_terry_loss,
    dpo_loss,
    every_count,
    expected_reward_and_kl,
    fit_reward_model,
    fit_utilities,
    generate,
    group_advantages,
    judge_utilities,
    kl_estimate,
    mask_after_end,
    next_token_logprobs,
    optimal_policy,
    policy_table,
    ppo_loss,
    prefer,
    preference_pairs,
    reinforce_loss,
    sample_with,
    tilt,
    token_logprobs,
    token_utilities,
    uniform_policy,
    value_loss,
)
from rlhf_helpers._checks import check_count, check_knob, check_token, check_whole
from rlhf_helpers.names import alliterates, name_score, names_loss, pretrain

IDS = torch.zeros(2, 3, dtype=torch.int64)
ONE = torch.ones(2, 3)
POLICY = TinyPolicy(4)
GPT = TinyGPT(4, 8, 1, 2, 5)
LAW = torch.tensor([0.5, 0.5]).log()
TABLE = random_table(3, 0)
PAY = torch.ones(3, dtype=F64)


# whole numbers


@pytest.mark.parametrize("count", [3, np.int64(3), np.int32(3), np.uint8(3), torch.tensor(3)])
def test_a_count_is_any_whole_number(count):
    check_count(steps=count)
    check_whole(seed=count)
    check_token("end_id", count, 4)


@pytest.mark.parametrize("count", [True, np.bool_(True), torch.tensor(True), 3.0, np.float64(3), "3", None, [3]])
def test_and_nothing_else(count):
    name = type(count).__name__
    with pytest.raises(TypeError, match=f"steps must be a whole number, got {name}"):
        check_count(steps=count)
    with pytest.raises(TypeError, match=f"end_id must be a token id, got {name}"):
        check_token("end_id", count)


N = np.int64
SIZES = {
    "TinyPolicy": lambda n: TinyPolicy(n(4), n(3), generator=torch.Generator().manual_seed(0)).head.weight,
    "uniform_policy": lambda n: uniform_policy(n(4), n(3), generator=torch.Generator().manual_seed(0)).embed.weight,
    "TinyCritic": lambda n: TinyCritic(n(4), n(3))(IDS),
    "TinyGPT": lambda n: TinyGPT(n(4), n(8), n(1), n(2), n(5), generator=torch.Generator().manual_seed(0))(IDS),
    "generate": lambda n: generate(TablePolicy(TABLE), IDS, n(4), generator=torch.Generator().manual_seed(0)),
    "mask_after_end": lambda n: mask_after_end(IDS, n(0)),
    "policy_table": lambda n: policy_table(TablePolicy(TABLE), n(3)),
    "optimal_policy": lambda n: optimal_policy(TABLE, PAY, kl_coeff=np.float64(0.5), horizon=n(2)),
    "expected_reward_and_kl": lambda n: expected_reward_and_kl(TABLE, TABLE, PAY, horizon=n(2), start=n(1))[0],
    "every_count": lambda n: every_count(n(3), n(2))[1],
    "best_of_n": lambda n: best_of_n(LAW, torch.tensor([0.0, 1.0]), n(3))[0],
    "judge_utilities": lambda n: judge_utilities(vocab_size=n(10), completion_length=n(4)),
    "preference_pairs": lambda n: preference_pairs(
        [judge_utilities()], n(4), copies=n(2), generator=torch.Generator().manual_seed(0)
    )[0],
    "fit_reward_model": lambda n: fit_reward_model(IDS, 1 - IDS, vocab_size=n(2), steps=n(3)),
    "fit_utilities": lambda n: fit_utilities(ONE, 0 * ONE, steps=n(3)),
    "pretrain": lambda n: pretrain(steps=n(1), batch_size=n(2), seed=n(3)).head.weight,
}


@pytest.mark.parametrize("call", SIZES.values(), ids=SIZES)
def test_sizes_and_seeds_may_come_from_numpy(call):
    assert torch.equal(call(N), call(int))


@pytest.mark.parametrize("knob", [np.float32(0.5), np.float64(0.5), np.int64(1), torch.tensor(0.5, requires_grad=True)])
def test_a_knob_is_any_number(knob):
    check_knob(kl_coeff=knob)
    loss = ppo_loss(-ONE, -ONE, ONE, ref_logprobs=-2 * ONE, kl_coeff=knob, clip_eps=knob)
    torch.testing.assert_close(
        loss, ppo_loss(-ONE, -ONE, ONE, ref_logprobs=-2 * ONE, kl_coeff=torch.as_tensor(knob).item())
    )


# names as the caller wrote them


class Remembering(nn.Module):
    """A policy with something called memory that is no method of that meaning."""

    def __init__(self, memory):
        super().__init__()
        self.memory = memory

    def forward(self, ids):
        return torch.zeros(*ids.shape, 4)


@pytest.mark.parametrize("memory", [torch.zeros(3), None, [1], nn.Linear(2, 2), "much"])
def test_something_else_called_memory_is_left_alone(memory):
    assert generate(Remembering(memory), IDS, 2).shape == (2, 2)


GENERATORS = {
    "TinyPolicy": lambda g: TinyPolicy(generator=g),
    "uniform_policy": lambda g: uniform_policy(generator=g),
    "TinyGPT": lambda g: TinyGPT(generator=g),
    "generate": lambda g: generate(POLICY, IDS, 2, generator=g),
    "preference_pairs": lambda g: preference_pairs([judge_utilities()], 2, generator=g),
    "prefer": lambda g: prefer(IDS, IDS, torch.ones(2), generator=g),
}


@pytest.mark.parametrize("call", GENERATORS.values(), ids=GENERATORS)
def test_a_seed_is_no_generator(call):
    with pytest.raises(TypeError, match="generator must be a torch.Generator, got int"):
        call(0)


LONG = torch.ones(1, 4, dtype=torch.int64)
PADDED = torch.tensor([[1, 4]])
META = {"device": "meta"}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        # ends
        (lambda: mask_after_end(IDS, [0, 5]), TypeError, "end_id must be a token id, got list"),
        (lambda: mask_after_end(IDS, 0.0), TypeError, "end_id must be a token id, got float"),
        (lambda: mask_after_end(IDS, -1), ValueError, "end_id must be a token id of at least 0, got -1"),
        # what a policy is asked
        (lambda: generate(POLICY, IDS + 4, 3), ValueError, r"^prompt_ids must be token ids in \[0, 4\), got .* 4 to 4"),
        (
            lambda: generate(GPT, LONG, 3),
            ValueError,
            "^prompt_ids and what is drawn after them must have at most max_l",
        ),
        (lambda: generate(GPT, PADDED, 3), ValueError, "^prompt_ids must be padded on the left only"),
        (
            lambda: token_logprobs(POLICY, IDS + 4, IDS),
            ValueError,
            r"^prompt_ids and completion_ids must be token ids in \[0, 4\), got values from 0 to 4",
        ),
        (lambda: token_logprobs(GPT, LONG, LONG), ValueError, "^prompt_ids and completion_ids must have at most"),
        (lambda: token_logprobs(POLICY, LONG, LONG + 3), ValueError, r"completion_ids must be token ids in \[0, 4\)"),
        (lambda: policy_table(POLICY, 5), ValueError, r"^vocab_size must be the policy's, got 5: token ids must be"),
        (lambda: generate(None, IDS, 3), TypeError, "policy must be a function of ids, got NoneType"),
        (lambda: policy_table(3), TypeError, "policy must be a function of ids, got int"),
        (
            lambda: token_logprobs(lambda ids: torch.zeros(2, 4), IDS, IDS),
            ValueError,
            r"policy must return logits \(B, L, V\) for ids \(2, 5\), got \(2, 4\)",
        ),
        (lambda: generate(lambda ids: None, IDS, 3), ValueError, r"policy must return logits .* got NoneType"),
        (lambda: generate(TinyCritic(), IDS, 3), ValueError, r"policy must return logits .* got \(2, 3\)"),
        (
            lambda: generate(POLICY, IDS, torch.tensor(True)),
            TypeError,
            "max_new_tokens must be a whole number",
        ),
        (lambda: generate(POLICY, "abc", 3), TypeError, "prompt_ids must be a torch.Tensor, got str"),
        (lambda: generate(POLICY, IDS, 3, temperature=None), TypeError, "temperature must be a number, got NoneType"),
        (lambda: sample_with(POLICY, IDS, [[0.1]]), TypeError, "uniforms must be a torch.Tensor, got list"),
        # devices
        (
            lambda: sample_with(POLICY, IDS, torch.zeros(2, 1, **META)),
            ValueError,
            "devices must match, got {'prompt_ids': 'cpu', 'uniforms': 'meta'}",
        ),
        (
            lambda: next_token_logprobs(POLICY, IDS, IDS.to("meta")),
            ValueError,
            "devices must match, got {'prompt_ids': 'cpu', 'completion_ids': 'meta'}",
        ),
        (lambda: aggregate(ONE, ONE.to("meta")), ValueError, "devices must match, got {'completion_mask': 'meta', "),
        (
            lambda: reinforce_loss(ONE, ONE[:, 0].to("meta")),
            ValueError,
            "devices must match, got {'advantages': 'meta'",
        ),
        (lambda: dpo_loss(LAW, LAW.to("meta")), ValueError, "devices must match, got {'chosen_logprobs': 'cpu', 'rej"),
        (lambda: token_utilities(IDS, ONE.to("meta")), ValueError, "devices must match, got {'completion_ids': 'cpu'"),
        (lambda: prefer(IDS, IDS, torch.ones(2, **META)), ValueError, "devices must match, got {'a_ids': 'cpu', "),
        (lambda: best_of_n(LAW, LAW.to("meta"), 2), ValueError, "devices must match, got {'logprobs': 'cpu', 'scores'"),
        (
            lambda: optimal_policy(TABLE, PAY.to("meta"), kl_coeff=1.0),
            ValueError,
            "devices must match, got {'ref_table': 'cpu', 'token_rewards': 'meta'}",
        ),
        (
            lambda: expected_reward_and_kl(TABLE.to("meta"), TABLE, PAY),
            ValueError,
            "devices must match, got {'table': 'meta', 'ref_table': 'cpu'}",
        ),
        # tables and laws
        (
            lambda: expected_reward_and_kl(TABLE.exp(), TABLE, PAY),
            ValueError,
            "^table must be log-probabilities: exp adds up to at most 1 in every row, got 4",
        ),
        (lambda: expected_reward_and_kl(TABLE, 0 * TABLE, PAY), ValueError, "ref_table must be log-prob.* got 3.0"),
        (lambda: expected_reward_and_kl(TABLE, TABLE, PAY, start="a"), TypeError, "start must be a token id, got str"),
        (lambda: optimal_policy(TABLE * math.nan, PAY, kl_coeff=1.0), ValueError, "ref_table must be log-prob.* nan"),
        (lambda: optimal_policy(TABLE, PAY, kl_coeff="x"), TypeError, "kl_coeff must be a number, got str"),
        (lambda: tilt(LAW + 1, LAW, 1.0), ValueError, "logprobs must be log-probabilities"),
        (lambda: tilt(LAW, LAW * math.nan, 1.0), ValueError, "scores must be finite"),
        (lambda: tilt(LAW, [0, 1], 1.0), TypeError, "scores must be a torch.Tensor, got list"),
        (lambda: best_of_n(LAW * math.nan, LAW, 2), ValueError, "logprobs must be log-probabilities"),
        # feedback
        (lambda: preference_pairs(judge_utilities(), 3), TypeError, "judges must be a list of utility tables, got Ten"),
        (lambda: preference_pairs(None, 3), TypeError, "judges must be a list of utility tables, got NoneType"),
        (lambda: preference_pairs([None], 3), TypeError, r"judges\[0\] must be a torch.Tensor, got NoneType"),
        (lambda: preference_pairs([LAW], 3), ValueError, r"judges\[0\] must have shape \(V, T\), got \(2,\)"),
        (lambda: token_utilities([[1]], ONE), TypeError, "completion_ids must be a torch.Tensor, got list"),
        (lambda: token_utilities(IDS + 2, ONE), ValueError, r"completion_ids must be token ids in \[0, 2\), got .* 2"),
        (lambda: token_utilities(IDS[0, 0], ONE), ValueError, r"completion_ids must have shape \(..., T\), got \(\)"),
        (lambda: prefer([1], IDS, torch.ones(2)), TypeError, "a_ids must be a torch.Tensor, got list"),
        (lambda: prefer(IDS, None, torch.ones(2)), TypeError, "b_ids must be a torch.Tensor, got NoneType"),
        (lambda: judge_utilities(torch.ones(2)), ValueError, "judge must be one of 'first', 'second'"),
        (lambda: fit_reward_model([[1]], IDS), TypeError, "chosen_ids must be a torch.Tensor, got list"),
        (
            lambda: fit_reward_model(IDS, IDS.float()),
            TypeError,
            "rejected_ids must hold token ids of dtype torch.int64",
        ),
        (lambda: fit_reward_model(IDS, IDS + 10), ValueError, r"rejected_ids must be token ids in \[0, 10\)"),
        (lambda: fit_reward_model(IDS, IDS, margin=math.nan), ValueError, "margin must be in"),
        (lambda: fit_reward_model(IDS, IDS, prior="wide"), TypeError, "prior must be a number, got str"),
        # losses: what overflows is named by what was given
        (
            lambda: reinforce_loss(-1e38 * ONE, 1e38 * ONE),
            ValueError,
            "^logprobs \\* advantages must be finite where it counts",
        ),
        (
            lambda: ppo_loss(3 * ONE, ONE, -2e38 * ONE),
            ValueError,
            r"^ratio \* advantages - kl_coeff \* kl must be finite where it counts",
        ),
        (lambda: value_loss(1e38 * ONE, ONE), ValueError, r"^\(values - returns\) \*\* 2 must be finite"),
        (lambda: aggregate(ONE, how=ONE), ValueError, "how must be one of 'token_mean', 'sequence_mean', 'fixed_len"),
        (lambda: kl_estimate(ONE, ONE, None), ValueError, "kind must be one of 'k1', 'k2', 'k3', got None"),
        (lambda: bradley_terry_loss(LAW, LAW, margin="m"), TypeError, "margin must be a number, got str"),
        (lambda: dpo_loss(LAW, LAW, beta=[1]), TypeError, "beta must be a number, got list"),
        (lambda: group_advantages(ONE, eps=None), TypeError, "eps must be a number, got NoneType"),
        # models
        (lambda: ScalarGPT(3), TypeError, "policy must be a TinyGPT, got int"),
        # names
        (
            lambda: alliterates(LONG, torch.ones(2, 2).long()),
            ValueError,
            "prompt_ids and completion_ids must have one b",
        ),
        (lambda: alliterates(None, LONG), TypeError, "prompt_ids must be a torch.Tensor, got NoneType"),
        (lambda: name_score(LONG, torch.full((6,), math.nan)), ValueError, "utilities must be finite"),
        (lambda: name_score(LONG, torch.ones(6), unfinished="much"), TypeError, "unfinished must be a number, got str"),
        (lambda: names_loss(POLICY, None, LONG), TypeError, "prompt_ids must be a torch.Tensor, got NoneType"),
        (lambda: names_loss(POLICY, LONG, None), TypeError, "completion_ids must be a torch.Tensor, got NoneType"),
        (lambda: names_loss(POLICY, IDS, LONG), ValueError, "prompt_ids and completion_ids must have one batch size"),
        (lambda: pretrain(seed=0.5), TypeError, "seed must be a whole number, got float"),
    ],
)
def test_says_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_an_error_of_a_policy_of_ones_own_comes_through():
    def broken(ids):
        raise ValueError("not today")

    with pytest.raises(ValueError, match="^not today$"):
        generate(broken, IDS, 2)


@pytest.mark.parametrize("dtypes", [(F64, torch.float32), (torch.float32, F64), (torch.bfloat16, F64)])
def test_tables_and_rewards_of_two_precisions_meet_in_the_better_one(dtypes):
    table, pay = TABLE.to(dtypes[0]), PAY.to(dtypes[1])
    exact = expected_reward_and_kl(table.double(), table.double(), pay.double())
    for ours, expected in zip(expected_reward_and_kl(table, table, pay), exact, strict=True):
        torch.testing.assert_close(ours, expected)
    best = optimal_policy(table, pay, kl_coeff=0.5)
    torch.testing.assert_close(best, optimal_policy(table.double(), pay.double(), kl_coeff=0.5))
