"""Our names against TRL's own code: its trainers' losses, called on stand-ins that hold nothing but their settings.

Where TRL leaves the paper, both are computed and the difference is what the test names.
"""

import math
import warnings
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from support.enumeration import F64, gradient, normals, random_logprobs

from rlhf_helpers import aggregate, dpo_loss, grpo_loss, reinforce_loss, sequence_logprobs
from rlhf_helpers.family import (
    cdpo_loss,
    cispo_loss,
    dapo_loss,
    distillation_kl,
    dr_grpo_loss,
    gspo_loss,
    ipo_loss,
    kto_loss,
    orpo_loss,
    overlong_penalty,
    sapo_loss,
    simpo_loss,
)

pytest.importorskip("trl", reason="comparing with TRL needs requirements/beyond.txt")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what importing it says is not about us
    from trl.experimental.cpo import CPOTrainer
    from trl.experimental.orpo import ORPOTrainer
    from trl.rewards import get_soft_overlong_punishment
    from trl.trainer import distillation_trainer
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.grpo_trainer import GRPOTrainer
    from trl.trainer.kto_trainer import KTOTrainer
    from trl.trainer.rloo_trainer import RLOOTrainer

LOGPROBS = -normals(0, 4, 5).abs() - 0.1
OLD, REF = LOGPROBS + 0.3 * normals(1, 4, 5), LOGPROBS + 0.5 * normals(2, 4, 5)
ROWS = torch.tensor([1.0, -2.0, 0.5, -0.3], dtype=F64)
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [1, 0, 0, 0, 0]], dtype=F64)


def assert_same(ours, theirs, x=LOGPROBS):
    """One value and one gradient."""
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(gradient(ours, x), gradient(theirs, x))


ACCELERATOR = SimpleNamespace(
    num_processes=1,
    device="cpu",
    gather=lambda x: x,
    gather_for_metrics=lambda x: x,
    reduce=lambda x, reduction: x,
)


def stand_in(**settings):
    """What a trainer would know about itself, of the settings that these losses read."""
    return SimpleNamespace(
        accelerator=ACCELERATOR,
        model=SimpleNamespace(training=True),
        aux_loss_enabled=False,
        _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0,
        _tp_size=1,
        use_weighting=False,
        **settings,
    )


def grpo_of_trl(logprobs, loss_type, *, advantages=ROWS, level="token", beta=0.0, high=0.2, bias_correction=True):
    """TRL's loss for log-probabilities that we choose."""
    trainer = stand_in(
        _get_per_token_logps_and_entropies=lambda *a, **k: (logprobs, 0 * logprobs.detach(), None),
        loss_type=loss_type,
        importance_sampling_level=level,
        beta=beta,
        epsilon_low=0.2,
        epsilon_high=high,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=False,
        max_completion_length=5,
        current_gradient_accumulation_steps=1,
        _entropy_bonus_enabled=False,
        args=SimpleNamespace(
            use_bias_correction_kl=bias_correction,
            delta=None,
            sapo_temperature_pos=1.0,
            sapo_temperature_neg=1.05,
            steps_per_generation=1,
        ),
    )
    ids = torch.zeros(4, 5, dtype=torch.int64)
    inputs = {
        "prompt_ids": ids[:, :1],
        "prompt_mask": ids[:, :1],
        "completion_ids": ids,
        "completion_mask": MASK,
        "advantages": advantages,
        "old_per_token_logps": OLD,
        "ref_per_token_logps": REF,
        "num_items_in_batch": MASK.sum(),
    }
    return GRPOTrainer._compute_loss(trainer, None, inputs)


@pytest.mark.parametrize(
    ("loss_type", "settings", "ours"),
    [
        ("grpo", {}, grpo_loss),
        ("dr_grpo", {}, dr_grpo_loss),
        ("dapo", {"high": 0.28}, dapo_loss),
        ("cispo", {"high": 1.3}, lambda *told: cispo_loss(*told, max_weight=1.3)),
        ("sapo", {}, sapo_loss),
        ("grpo", {"level": "sequence"}, lambda *told: gspo_loss(*told, clip_low=0.2, clip_high=0.2)),
    ],
    ids=["grpo", "dr_grpo", "dapo", "cispo", "sapo", "gspo"],
)
def test_policy_gradients(loss_type, settings, ours):
    assert_same(lambda x: ours(x, OLD, ROWS, MASK), lambda x: grpo_of_trl(x, loss_type, **settings))


def test_cispo_left_at_trl_s_default_is_a_fifth_of_reinforce_on_fresh_samples():
    """Its ``epsilon_high`` is the largest weight itself, and falls back to ``epsilon``, 0.2."""
    theirs = gradient(lambda x: grpo_of_trl(x, "cispo"), OLD)
    torch.testing.assert_close(theirs, 0.2 * gradient(lambda x: reinforce_loss(x, ROWS, MASK), OLD))


def test_the_kl_in_trl_s_loss_is_the_paper_s_times_the_ratio():
    """Since 1.16; ``use_bias_correction_kl=False`` is the paper's."""
    paper = {"ref_logprobs": REF, "kl_coeff": 0.5}
    assert_same(
        lambda x: grpo_loss(x, OLD, ROWS, MASK, **paper),
        lambda x: grpo_of_trl(x, "grpo", beta=0.5, bias_correction=False),
    )
    k3 = lambda x: (REF - x).exp() - (REF - x) - 1  # noqa: E731
    assert_same(
        lambda x: grpo_loss(x, OLD, ROWS, MASK) + 0.5 * aggregate((x - OLD).exp() * k3(x), MASK, "sequence_mean"),
        lambda x: grpo_of_trl(x, "grpo", beta=0.5),
    )


def test_rloo_on_fresh_samples_adds_up_where_ours_takes_the_mean():
    """Of one ratio for a whole answer the gradient is a sum over its tokens: long answers weigh more."""
    trainer = stand_in(epsilon_low=0.2, epsilon_high=0.2)

    def theirs(x):
        trainer._get_per_token_logps_and_entropies = lambda *a, **k: (x, 0 * x.detach(), None)
        ids = torch.zeros(4, 5, dtype=torch.int64)
        inputs = {
            **dict.fromkeys(["prompt_ids", "prompt_mask", "completion_ids"], ids),
            "completion_mask": MASK,
            "advantages": ROWS,
            "old_logps": sequence_logprobs(OLD, MASK),
        }
        return RLOOTrainer._compute_loss(trainer, None, inputs)

    ours = gradient(lambda x: reinforce_loss(x, ROWS, MASK, how="token_mean"), OLD)
    torch.testing.assert_close(gradient(theirs, OLD), ours * MASK.sum() / 4)


# pairs: rows 0 and 1 are chosen, rows 2 and 3 rejected

CHOSEN, REJECTED, REF_CHOSEN, REF_REJECTED = (
    rows for x in (LOGPROBS, REF) for rows in sequence_logprobs(x, MASK).chunk(2)
)
LENGTHS, OTHER_LENGTHS = MASK.sum(1).chunk(2)


def outputs_of(logprobs):
    """What TRL's fused head returns, of which a loss reads the log-probabilities."""
    zero = torch.zeros_like(logprobs)
    return SimpleNamespace(log_probs=logprobs, entropy=zero, mean_logits=zero, is_top1=zero.bool())


def with_prompt(mask):
    return torch.cat([torch.zeros(4, 1, dtype=F64), mask], dim=1)


def dpo_of_trl(logprobs, loss_type, *, beta=0.5, label_smoothing=0.0):
    trainer = stand_in(
        ld_alpha=None,
        precompute_ref_logps=True,
        f_divergence_type="reverse_kl",
        loss_types=[loss_type],
        loss_weights=[1.0],
        beta=beta,
        label_smoothing=label_smoothing,
    )
    inputs = {
        "input_ids": torch.zeros(4, 6, dtype=torch.int64),
        "attention_mask": torch.ones(4, 6),
        "completion_mask": with_prompt(MASK),
        "ref_chosen_logps": REF_CHOSEN,
        "ref_rejected_logps": REF_REJECTED,
    }
    return DPOTrainer._compute_loss(trainer, lambda **k: outputs_of(logprobs * MASK), inputs, False)


def pairs(loss, **knobs):
    """Our loss as a function of the log-probabilities of all four answers."""
    return lambda x: loss(*sequence_logprobs(x, MASK).chunk(2), REF_CHOSEN, REF_REJECTED, **knobs)


def test_dpo():
    assert_same(pairs(dpo_loss, beta=0.5), lambda x: dpo_of_trl(x, "sigmoid"))


def test_trl_has_no_cdpo_its_smoothing_is_ignored_and_its_robust_loss_takes_the_doubt_away():
    silent = gradient(lambda x: dpo_of_trl(x, "sigmoid", label_smoothing=0.3), LOGPROBS)
    torch.testing.assert_close(silent, gradient(pairs(dpo_loss, beta=0.5), LOGPROBS))
    doubt = gradient(pairs(cdpo_loss, beta=0.5, label_smoothing=0.3), LOGPROBS)
    assert (doubt - silent).abs().max() > 0.01
    # robust = [(1 - e) DPO(h) - e DPO(-h)] / (1 - 2e), cDPO = (1 - e) DPO(h) + e DPO(-h)
    h = (CHOSEN - REF_CHOSEN) - (REJECTED - REF_REJECTED)
    agree, disagree = (-torch.nn.functional.logsigmoid(s * 0.5 * h).mean() for s in (1, -1))
    robust = dpo_of_trl(LOGPROBS, "robust", label_smoothing=0.3)
    torch.testing.assert_close(robust, (0.7 * agree - 0.3 * disagree) / 0.4)
    conservative = pairs(cdpo_loss, beta=0.5, label_smoothing=0.3)(LOGPROBS)
    torch.testing.assert_close(conservative, 0.7 * agree + 0.3 * disagree)


def test_ipo_of_trl_divides_each_log_ratio_by_its_length():
    def per_token(x):
        chosen, rejected = sequence_logprobs(x, MASK).chunk(2)
        return ipo_loss(
            chosen / LENGTHS, rejected / OTHER_LENGTHS, REF_CHOSEN / LENGTHS, REF_REJECTED / OTHER_LENGTHS, beta=0.5
        )

    assert_same(per_token, lambda x: dpo_of_trl(x, "ipo"))
    assert (pairs(ipo_loss, beta=0.5)(LOGPROBS) - dpo_of_trl(LOGPROBS, "ipo")).abs() > 0.1


def test_simpo():
    trainer = stand_in(alpha=0.0, loss_type="simpo", beta=2.0, simpo_gamma=0.5, label_smoothing=0.0)

    def theirs(x):
        chosen, rejected = (sequence_logprobs(x, MASK) / MASK.sum(1)).chunk(2)
        return CPOTrainer.cpo_loss(trainer, chosen, rejected)[0].mean()

    assert_same(lambda x: simpo_loss(*sequence_logprobs(x, MASK).chunk(2), LENGTHS, OTHER_LENGTHS), theirs)


def test_orpo_s_odds_are_trl_s_and_its_imitation_is_per_answer_where_trl_s_is_per_token():
    trainer = stand_in(beta=0.1)

    def odds_of_trl(x):
        chosen, rejected = (sequence_logprobs(x, MASK) / MASK.sum(1)).chunk(2)
        return -ORPOTrainer.odds_ratio_loss(trainer, chosen, rejected)[0].mean()

    def ours(x, odds_coeff):
        return orpo_loss(*sequence_logprobs(x, MASK).chunk(2), LENGTHS, OTHER_LENGTHS, odds_coeff=odds_coeff)

    def odds(x):
        return ours(x, 0.1) - ours(x, 0.0)

    # TRL counts in 32 bits here
    torch.testing.assert_close(odds(LOGPROBS), odds_of_trl(LOGPROBS).double(), rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient(odds, LOGPROBS), gradient(odds_of_trl, LOGPROBS), rtol=1e-5, atol=1e-7)
    per_answer, per_token = (aggregate(LOGPROBS[:2], MASK[:2], how) for how in ("sequence_mean", "token_mean"))
    torch.testing.assert_close(ours(LOGPROBS, 0.0), -per_answer)
    assert (per_answer - per_token).abs() > 0.01


@pytest.mark.parametrize("calculate_kl", [False, True])
def test_kto(calculate_kl):
    desirable = torch.tensor([True, False, True, False])
    trainer = stand_in(
        beta=0.5,
        loss_type="kto",
        precompute_ref_logps=True,
        calculate_KL=calculate_kl,
        desirable_weight=1.0,
        undesirable_weight=1.0,
        _compute_kl_logps=lambda model, batch: torch.tensor([-1.0, -1.5], dtype=F64),
    )
    batch = {
        "label": desirable,
        "input_ids": torch.zeros(4, 6, dtype=torch.int64),
        "attention_mask": torch.ones(4, 6),
        "completion_mask": with_prompt(MASK),
        "ref_logps": sequence_logprobs(REF, MASK),
        "ref_KL_logps": torch.tensor([-1.4, -1.8], dtype=F64),
    }

    def theirs(x):
        return KTOTrainer._compute_loss(trainer, lambda **k: outputs_of(x * MASK), batch, False)

    z = 0.35 if calculate_kl else 0.0
    assert_same(
        lambda x: kto_loss(sequence_logprobs(x, MASK), sequence_logprobs(REF, MASK), desirable, beta=0.5, batch_kl=z),
        theirs,
    )


@pytest.mark.parametrize(("direction", "beta"), [("reverse", 1.0), ("forward", 0.0)])
def test_distillation(direction, beta):
    """Its hidden states are logits here, and its heads do nothing."""
    teacher = torch.stack([random_logprobs(7, seed) for seed in range(20)]).view(4, 5, 7)
    head = torch.eye(7, dtype=F64)

    def theirs(x):
        return distillation_trainer._chunked_divergence_loss(x, teacher, head, head, MASK, beta)[0]

    logits = normals(5, 4, 5, 7)

    def ours(x):
        return distillation_kl(x.log_softmax(-1), teacher, MASK, direction=direction)

    # TRL counts in 32 bits here too
    torch.testing.assert_close(ours(logits), theirs(logits).double(), rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient(ours, logits), gradient(theirs, logits), rtol=1e-5, atol=1e-7)


def test_overlong_penalty():
    lengths = [0, 80, 85, 100, 130]
    theirs = get_soft_overlong_punishment(100, 20)([[0] * length for length in lengths])
    ours = overlong_penalty(torch.tensor(lengths, dtype=F64), max_length=100, grace=20)
    assert ours.tolist() == pytest.approx(theirs)
    assert math.isclose(theirs[2], -0.25)
