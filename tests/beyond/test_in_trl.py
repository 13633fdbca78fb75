"""The ten tokens in TRL's trainers: loss, gradient and update are the book's, and what the script prints."""

from __future__ import annotations

import json
import re
import sys
from importlib.util import find_spec

import pytest
import torch
from support.scripts import ROOT, Script

from rlhf_helpers import train, uniform_policy
from rlhf_helpers.beyond import in_trl
from rlhf_helpers.beyond.in_trl import KL_COEFF, LENGTH, METHODS, give_answers, main, trainer_of
from rlhf_helpers.training import seeded

KEPT = ROOT / "rlhf_helpers" / "beyond" / "in_trl.json"
needs_trl = pytest.mark.skipif(not find_spec("trl"), reason="what trains in TRL needs requirements/beyond.txt")


def third_update(method, policy):
    """The book's loss at the third update, away from the reference, its gradient, and the weights after it."""
    seen = []

    def looked_at(models, rollout, **knobs):
        loss, series = METHODS[method](models, rollout, **knobs)
        seen.append((loss.detach(), torch.autograd.grad(loss, list(models.policy.parameters()), retain_graph=True)))
        return loss, series

    sample_from = "reference" if method == "dpo" else "policy"
    options = {"learning_rate": 0.05, "kl_coeff": KL_COEFF[method], "seed": 3, "sample_from": sample_from}
    history = train(looked_at, steps=3, policy=policy, **options)
    return *seen[-1], list(history.policy.parameters())


def third_update_in_trl(method, policy, folder):
    """The same of TRL's trainer, on the same answers."""
    from transformers import TrainerCallback

    seen = {}

    class Look(TrainerCallback):
        def on_pre_optimizer_step(self, *_, model, **__):
            seen["gradient"] = [parameter.grad.clone() for parameter in model.parameters()]

    trainer = trainer_of(method, policy, folder, steps=3, learning_rate=0.05, seed=3)
    compute_loss = trainer.compute_loss

    def looked_at(*told, **named):
        seen["loss"] = compute_loss(*told, **named)
        return seen["loss"]

    trainer.compute_loss = looked_at
    trainer.add_callback(Look)
    give_answers(trainer.model, 3)
    trainer.train()
    return seen["loss"].detach(), seen["gradient"], list(trainer.model.parameters())


def assert_close(some, others, tolerance):
    for one, other in zip(some, others, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


@needs_trl
@pytest.mark.filterwarnings("ignore")  # what TRL says is not about us
@pytest.mark.parametrize("method", METHODS)
def test_loss_gradient_and_update_are_the_book_s(method, tmp_path):
    policy = uniform_policy(generator=seeded(0)).double()
    torch.nn.init.normal_(policy.head.weight, std=0.5, generator=seeded(1))  # where every weight has a gradient
    loss, gradient, weights = third_update(method, policy)
    their_loss, their_gradient, their_weights = third_update_in_trl(method, policy, tmp_path)
    if method == "rloo":  # a sum over each answer's tokens, of a ratio that is 1: another value
        gradient = [LENGTH * part for part in gradient]
    else:
        assert loss.item() == pytest.approx(their_loss.item(), abs=1e-6)
    assert max(part.abs().max() for part in gradient) > 0.01
    assert_close(gradient, their_gradient, 1e-6)
    assert_close(weights, their_weights, 1e-5)


@needs_trl
def test_the_script_finds_what_is_kept(tmp_path):
    """Everything but the times: these are of another machine, or day."""
    script = Script("rlhf_helpers.beyond.in_trl", "--out", "curves.json", folder=tmp_path)
    status, out, err = script.end()
    assert status == 0, err
    assert err == ""
    assert script.left_behind() == []
    assert [path.name for path in tmp_path.iterdir()] == ["curves.json"]
    kept, found = (json.loads(path.read_text("utf-8")) for path in (KEPT, tmp_path / "curves.json"))
    for name in METHODS:
        theirs, ours = (told["methods"][name] for told in (kept, found))
        assert max(ours["apart"].values()) < 1e-4
        for where in ("book", "trl"):
            for series in ("reward", "kl"):
                assert ours["curves"][where][series] == pytest.approx(theirs["curves"][where][series], abs=1e-4)
    del kept["methods"], found["methods"]
    assert found == kept
    assert len(re.findall(r"TRL, \S+ times as long", out)) == len(METHODS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--method", "ppo"], "invalid choice: 'ppo'"),
        (["--steps", "2"], "--steps: must be at least 3, got 2"),
        (["--learning-rate", "-1"], "--learning-rate: must be a positive number, got -1"),
        (["--seed", "-1"], "--seed: must be at least 0, got -1"),
        (["--out", "nowhere/curves.json"], "--out must be in a folder that exists, got nowhere/curves.json"),
    ],
)
def test_bad_arguments(capsys, arguments, says):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert says in capsys.readouterr().err


def test_without_trl_it_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", None)
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr(in_trl.os, "environ", {})
    with pytest.raises(SystemExit, match="needs TRL: python -m pip install -r requirements/beyond.txt"):
        main(["--steps", "3"])
