"""What chapter 11 says of policies that write names, computed: where each method ends, and how a reward is fooled."""

import functools
import math

import pytest
import torch
from support.enumeration import seeded

from rlhf_helpers import (
    ScalarGPT,
    bradley_terry_loss,
    dpo,
    generate,
    grpo,
    mask_after_end,
    ppo,
    prefer,
    token_logprobs,
    train,
)
from rlhf_helpers.names import (
    END,
    alliterates,
    decode,
    encode,
    ends_in_a,
    is_short,
    judge_names,
    pretrained_policy,
)

DOT = encode(["."])
HEROES = encode(["kent.", "lane.", "murdock.", "parker."], side="left")
REFERENCE = pretrained_policy().double()


def write(policy, count=500, seed=3):
    return generate(policy, DOT.expand(count, -1), 10, generator=seeded(seed))


def align(method, **settings):
    usual = dict(steps=30, batch_size=32, completion_length=10, policy=REFERENCE, prompt_ids=DOT, end_id=END, seed=0)
    if method is ppo:
        usual["critic"] = ScalarGPT(REFERENCE)
    if method is dpo:
        usual["sample_from"] = "reference"
    return train(method, **usual | settings)


def distinct(ids):
    return len(set(decode(ids))) / len(ids)


def kl_of_a_name(policy, ids):
    prompts, mask = DOT.expand(len(ids), -1), mask_after_end(ids, END)
    with torch.no_grad():
        gap = token_logprobs(policy, prompts, ids) - token_logprobs(REFERENCE, prompts, ids)
    return (gap * mask).sum(1).mean().item()


@functools.cache
def ends(method):
    """Share that ends in a and KL of a name after 30 updates at a kl_coeff of 0.5."""
    policy = align(method, learning_rate=1e-3, kl_coeff=0.5, reward=ends_in_a).policy
    ids = write(policy, 2000)
    return ends_in_a(None, ids).mean().item(), kl_of_a_name(policy, ids)


def test_ppo_ends_near_the_exact_optimum_and_dpo_far_beyond():
    p = ends_in_a(None, write(REFERENCE, 4000, seed=2)).mean().item()
    q = p * math.exp(2) / (p * math.exp(2) + 1 - p)
    kl = q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
    assert ends(ppo) == (pytest.approx(q, abs=0.09), pytest.approx(kl, abs=0.2))
    assert ends(dpo)[0] > q + 0.1
    assert ends(dpo)[1] > 4 * kl
    assert ends(ppo)[1] < ends(grpo)[1] < ends(dpo)[1]
    best, *others = (share - 0.5 * nats for share, nats in ((q, kl), ends(ppo), ends(grpo), ends(dpo)))
    assert best > others[0] > others[1] + 0.1 > others[2] + 0.2  # what each has made of the price


def test_short_names_without_a_pull_are_no_names():
    letters = {}
    for kl_coeff in (0.0, 0.3):
        ids = write(align(grpo, learning_rate=2e-3, kl_coeff=kl_coeff, reward=is_short).policy)
        letters[kl_coeff] = sum(map(len, decode(ids))) / len(ids)
        assert is_short(None, ids).mean() > 0.75
        assert (distinct(ids) > 0.8) == (kl_coeff > 0)
    assert letters[0.0] < 1.5
    assert letters[0.3] > 3


@pytest.mark.parametrize("method", [ppo, grpo, dpo])
@pytest.mark.parametrize("rule", [ends_in_a, is_short, alliterates])
def test_every_method_learns_every_rule(method, rule):
    prompts, steps = (HEROES, 60) if rule is alliterates else (DOT, 30)
    settings = dict(learning_rate=3e-3, kl_coeff=0.1, steps=steps, prompt_ids=prompts)
    score = align(method, reward=rule, **settings)["score"]
    assert score[-10:].mean() > score[:5].mean() + 0.2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("hero", "carries_over"), [("murdock.", False), ("martin.", True)])
def test_the_surname_decides_whether_its_letter_is_learned(hero, carries_over, seed):
    rewarded = encode(["kent.", "lane.", hero, "parker."], side="left")
    settings = dict(steps=60, learning_rate=3e-3, kl_coeff=0.1, prompt_ids=rewarded, completions_per_prompt=1)
    policy = align(ppo, seed=seed, reward=alliterates, **settings).policy
    king, lopez, miller, palmer = kept_by(policy, encode(["king.", "lopez.", "miller.", "palmer."], side="left"))
    assert kept_by(policy, rewarded)[2] > 0.7  # the hero with an m
    assert miller > 0.4 if carries_over else miller < 0.25
    if not carries_over and seed == 0:  # the run of the chapter
        assert miller < 0.15
        assert min(king, lopez, palmer) > 0.6


def kept_by(policy, surnames):
    """Share of names that start with the letter of their surname, for each surname."""
    prompts = surnames.repeat_interleave(100, 0)
    ids = generate(policy, prompts, 10, generator=seeded(4))
    return alliterates(prompts, ids).view(len(surnames), 100).mean(1)


def reward_model(seed):
    """A reward model of five hundred labels of the judge; another set of labels for each seed."""
    draw = seeded(seed)
    first, second = (generate(REFERENCE, DOT.expand(500, -1), 10, generator=draw) for _ in range(2))
    chosen, rejected = prefer(first, second, (judge_names(first) - judge_names(second)).double(), generator=draw)
    model = ScalarGPT(REFERENCE)

    def score(ids):
        last = mask_after_end(ids, END).sum(1, keepdim=True)
        return model(torch.cat([DOT.expand(len(ids), -1), ids], dim=1)).gather(1, last)[:, 0]

    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(4):
        for rows in torch.randperm(500, generator=draw).split(50):
            loss = bradley_terry_loss(score(chosen[rows]), score(rejected[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return torch.no_grad()(score)


@functools.cache
def fooled(seed):
    """Reward model's score and judge's score, as the chapter trains with a pull and without."""
    score = reward_model(seed)
    level = score(write(REFERENCE, 4000, seed=2)).mean()
    runs = [
        align(ppo, reward=lambda _, ids: score(ids) - level, **settings)
        for settings in (
            dict(steps=30, learning_rate=2e-3, kl_coeff=0.3),
            dict(steps=45, learning_rate=3e-3, kl_coeff=0.0),
        )
    ]
    written = [write(run.policy) for run in runs]
    return [(score(ids).mean().item(), judge_names(ids).mean().item()) for ids in written]


@pytest.mark.parametrize("seed", range(5))
def test_a_pull_keeps_the_judge_on_the_side_of_the_reward_model(seed):
    (score, judge), (free_score, _) = fooled(seed)
    assert free_score > score
    assert 1.65 < judge < 1.95
    assert judge > judge_names(write(REFERENCE)).mean()


def test_without_a_pull_the_judge_gets_a_lottery():
    held, judges = zip(*([judge for _, judge in fooled(seed)] for seed in range(5)), strict=True)
    before = judge_names(write(REFERENCE)).mean()
    assert sum(judge < before for judge in judges) == 3
    assert sum(free > pulled for free, pulled in zip(judges, held, strict=True)) == 1
    assert min(judges) == pytest.approx(0.35, abs=0.05)
    assert max(judges) == pytest.approx(2.0, abs=0.05)
