"""Two learners: the gradient of several processes, in one process with a stand-in for the others, and once for real."""

import copy
import re

import pytest
import torch
from support.scripts import Script

from rlhf_helpers import Models, TinyPolicy, collect, shaped_rewards
from rlhf_helpers.beyond import two_learners
from rlhf_helpers.beyond.two_learners import END, KL_COEFF, LENGTH, gradient, loss_alone, loss_of, main, rows_of


@pytest.fixture
def policy():
    return TinyPolicy(generator=torch.Generator().manual_seed(0)).double()


@pytest.fixture
def batch(policy):
    reference = TinyPolicy(generator=torch.Generator().manual_seed(1)).double()
    uniforms = torch.rand(12, LENGTH, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return collect(Models(policy), reference, uniforms, end_id=END)


def averaged(monkeypatch, policy, batch, average, processes):
    """The mean over processes of their gradients, each with its rows, as DistributedDataParallel takes it."""
    tokens, returns = batch.completion_mask.sum(), shaped_rewards(batch, KL_COEFF).sum(1)
    monkeypatch.setattr(two_learners.dist, "get_world_size", lambda: processes)
    by_length = batch.completion_mask.sum(1).argsort(descending=True, stable=True)
    found = []
    for rows in by_length.tensor_split(processes):
        sums = iter([returns.sum(), torch.tensor(len(returns)), tokens])  # in the order in which they are asked for
        monkeypatch.setattr(two_learners, "summed", lambda value, sums=sums: next(sums))
        found.append(gradient(policy, lambda rows=rows: loss_of(policy, rows_of(batch, rows), average)))
    return torch.stack(found).mean(0)


@pytest.mark.parametrize("processes", [2, 3])
def test_dividing_by_all_tokens_is_one_process(monkeypatch, policy, batch, processes):
    assert batch.completion_mask.sum(1).unique().numel() > 3  # completions of unlike length
    wanted = gradient(policy, lambda: loss_alone(policy, batch))
    found = averaged(monkeypatch, policy, batch, "tokens", processes)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-14)
    twice = averaged(monkeypatch, policy, batch, "twice", processes)
    torch.testing.assert_close(twice * processes, wanted, rtol=0, atol=1e-14)


def test_a_mean_of_means_is_another_gradient(monkeypatch, policy, batch):
    wanted = gradient(policy, lambda: loss_alone(policy, batch))
    found = averaged(monkeypatch, policy, batch, "means", 2)
    assert (found - wanted).norm() > 0.2 * wanted.norm()
    cut = batch._replace(completion_mask=torch.ones_like(batch.completion_mask))  # all of one length
    wanted = gradient(policy, lambda: loss_alone(policy, cut))
    torch.testing.assert_close(averaged(monkeypatch, policy, cut, "means", 2), wanted, rtol=0, atol=1e-14)


def test_the_loss_leaves_the_policy_as_it_was(policy, batch):
    before = copy.deepcopy(policy.state_dict())
    gradient(policy, lambda: loss_alone(policy, batch))
    assert all((before[name] == weight).all() for name, weight in policy.state_dict().items())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--updates", "0"], "--updates: must be at least 1, got 0"),
        (["--learning-rate", "0"], "--learning-rate: must be a positive number, got 0"),
        (["--average", "sums"], "invalid choice: 'sums'"),
        ([], "start me with: python -m torch.distributed.run --standalone --nproc_per_node=2"),
    ],
)
def test_bad_arguments(capsys, arguments, says):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert says in capsys.readouterr().err


def test_two_processes(tmp_path):
    run = ["torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "rlhf_helpers.beyond.two_learners"]
    script = Script(*run, "--updates", "2", folder=tmp_path)
    status, out, err = script.end()
    assert status == 0, err
    lines = re.findall(
        r"update (\d): (\d+) of (\d+) tokens are on process 0, .* is off by (\S+), its length is (\S+) ", out
    )
    assert [line[0] for line in lines] == ["0", "1"]
    assert all(line[3:] == ("0.000", "1.000") for line in lines)
    assert all(int(here) > 0.55 * int(everywhere) for _, here, everywhere, *_ in lines)
    assert script.left_behind() == []
