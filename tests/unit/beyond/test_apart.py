"""Sampler and learner, without the Ray between them."""

import copy

import pytest
import torch

from rlhf_helpers import token_logprobs
from rlhf_helpers.beyond import apart
from rlhf_helpers.beyond.apart import Learner, Sampler, main, start, worth


def trained(learner, saved, updates, sampler=None):
    """The weights after some updates, sampler and learner taking turns."""
    weights, version = learner.begin(saved)
    sampler = sampler or Sampler(0, 0.0)
    while version < updates:
        weights, version = learner.learn(sampler.write(version, weights, version))
    return {name: weight.clone() for name, weight in weights.items()}


def assert_same(some, others):
    assert all((some[name] == others[name]).all() for name in others)


def test_a_batch_is_the_same_whoever_writes_it():
    weights = start().state_dict()
    one, other = Sampler(0, 0.0), Sampler(0, 0.0)
    one.write(0, weights, 0)
    assert (one.write(3, weights, 0)[0].completion_ids == other.write(3, weights, 7)[0].completion_ids).all()
    assert (one.write(3, weights, 0)[0].completion_ids != one.write(4, weights, 0)[0].completion_ids).any()


def test_writing_takes_its_seconds_in_the_mean(monkeypatch):
    spans, sampler, weights = [], Sampler(0, 2.0), start().state_dict()
    monkeypatch.setattr(apart.time, "sleep", spans.append)
    for number in range(400):
        sampler.write(number, weights, 0)
    assert sum(spans) / 400 == pytest.approx(2.0, abs=0.2)
    assert max(spans) > 2 * min(spans)


def test_they_train(tmp_path):
    weights = trained(Learner(0.05, 0.0, "learned"), tmp_path / "a.pt", 40)
    reward, paid = worth(weights)
    assert reward == pytest.approx(0.4509, abs=0.08)  # the optimum
    assert 0.22 < paid <= 0.2470
    assert worth(start().state_dict()) == pytest.approx((0.1, 0.1))


def test_a_learner_goes_on_from_where_another_has_died(tmp_path):
    whole = trained(Learner(0.05, 0.0, "learned"), tmp_path / "whole.pt", 6)
    trained(Learner(0.05, 0.0, "learned"), tmp_path / "half.pt", 3)
    _, version = Learner(0.05, 0.0, "learned").begin(tmp_path / "half.pt")
    assert version == 3
    assert_same(trained(Learner(0.05, 0.0, "learned"), tmp_path / "half.pt", 6), whole)


def test_a_learner_that_dies_while_it_saves_leaves_the_file_whole(tmp_path, monkeypatch):
    saved, learner = tmp_path / "a.pt", Learner(0.05, 0.0, "learned")
    before = trained(learner, saved, 2)

    def dies(state, file):
        file.write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", dies)
    with pytest.raises(KeyboardInterrupt):
        learner.learn(Sampler(0, 0.0).write(2, before, 2))
    weights, version = Learner(0.05, 0.0, "learned").begin(saved)
    assert version == 2
    assert_same(weights, before)


def test_the_price_of_the_kl_is_today_s_or_that_of_the_day_of_writing(tmp_path):
    fresh = [trained(Learner(0.05, 0.0, priced), tmp_path / f"{priced}.pt", 2) for priced in ("learned", "written")]
    assert_same(*fresh)  # of a fresh batch they are one

    class Old(Sampler):
        def write(self, number, weights, version):
            return super().write(number, start().state_dict(), 0)

    old = [
        trained(Learner(0.05, 0.0, priced), tmp_path / f"old-{priced}.pt", 3, Old(0, 0.0))
        for priced in ("learned", "written")
    ]
    assert any((old[0][name] != old[1][name]).any() for name in old[0])


@pytest.mark.parametrize("priced", ["learned", "written"])
def test_whose_log_probabilities_the_price_takes(tmp_path, priced):
    learner = Learner(0.05, 0.0, priced)
    trained(learner, tmp_path / "a.pt", 3)
    written = Sampler(0, 0.0).write(3, start().state_dict(), 0)
    batch, policy = written[0], copy.deepcopy(learner.policy)
    learner.learn(written)
    logprobs = token_logprobs(policy, batch.prompt_ids, batch.completion_ids)
    at = {"learned": logprobs.detach(), "written": batch.old_logprobs}[priced]
    returns = batch.rewards.sum(1) - 0.5 * (at - batch.ref_logprobs).sum(1)
    loss = -((returns - returns.mean())[:, None] * logprobs).mean()
    for wanted, parameter in zip(
        torch.autograd.grad(loss, policy.parameters()), learner.policy.parameters(), strict=True
    ):
        torch.testing.assert_close(parameter.grad, wanted)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--depth", "1", "-1"], "--depth: must be at least 0, got -1"),
        (["--updates", "0"], "--updates: must be at least 1, got 0"),
        (["--at", "-3"], "--at: must be at least 0, got -3"),
        (["--seed", "-3"], "--seed: must be at least 0, got -3"),
        (["--write", "61"], "--write must be seconds from 0 to 60, got 61.0"),
        (["--learn", "nan"], "--learn must be seconds from 0 to 60, got nan"),
        (["--learning-rate", "inf"], "--learning-rate: must be a positive number, got inf"),
        (["--kill", "everybody"], "invalid choice: 'everybody'"),
    ],
)
def test_bad_arguments(capsys, arguments, says):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert says in capsys.readouterr().err
