"""The bug hunt does what it says: a bug shows its symptom, the switch fixes it, the assertion catches it."""

from __future__ import annotations

import ast
import re

import nbformat
import numpy as np
import pytest
import torch
from support.chapters import ROOT, live_figures

from rlhf_helpers.live.run import NotFinite, Run

CHAPTER = ROOT / "book" / "bug_hunt.ipynb"
CELLS = nbformat.read(CHAPTER, as_version=4).cells
CHANCE, OPTIMUM = 0.1, 1 / (1 + 9 * np.exp(-2))  # of a uniform policy; of the best one at kl_coeff 0.5
SEEDS = (0, 1, 2)


def late(series: np.ndarray) -> float:
    """The mean of the last twenty updates."""
    return series[-20:].mean()


# Case -> what holds of its series at the end of the run as it was found, and never of the fixed run.
SYMPTOMS = {
    1: lambda s: s["kl"].max() == 0 and np.ptp(s["loss"]) > 0.05,  # nothing moves, and the loss is busy
    2: lambda s: np.ptp(s["loss"]) < 1e-3 and abs(s["loss"][-1] - 8 * np.log(10)) < 1e-3 and late(s["reward"]) < 0.05,
    3: lambda s: late(s["reward"]) < 0.15 and late(s["trainer"]) > 0.4 and (s["estimate"][20:] < 0).all(),
    4: lambda s: late(s["reward"]) < 0.35,
    5: lambda s: late(s["reward"]) > 2 * OPTIMUM and late(s["logged"]) < -2,
    6: lambda s: late(s["reward"]) > 2 * OPTIMUM and np.abs(s["logged"]).max() < 1e-6 and late(s["kl"]) > 2,
    7: lambda s: late(s["reward"]) > 2 * OPTIMUM and late(s["kl"]) > 2 and s["loss"][-1] < s["loss"][0],
    8: lambda s: s["reward"][30:60].max() > 0.8 and late(s["reward"]) < 0.05 and s["grad_norm"].max() > 1,
    9: lambda s: len(s["reward"]) < 121 and late(s["reward"]) > 0.3 and (s["length"] == 8).all(),
    10: lambda s: s["done"][-1] < 60 and s["chance"][-1] < 0.93,
    11: lambda s: 0.2 < late(s["reward"]) < 0.45 and s["again"][-1] > 0.9 and s["first"][-1] < 0.15,
    12: lambda s: late(s["length"]) > 7 and late(s["people"]) < 5,
}
# Case -> where the fixed run ends.
FIXED = {
    **dict.fromkeys((1, 3, 5, 6, 7, 8), lambda s: abs(late(s["reward"]) - OPTIMUM) < 0.05),
    2: lambda s: late(s["reward"]) > 0.9 and abs(s["loss"][0] - 112) < 0.1,
    4: lambda s: late(s["reward"]) > 0.85,
    9: lambda s: len(s["reward"]) == 121 and (s["length"] < 8).any(),
    10: lambda s: s["done"][-1] == 120 and s["chance"][-1] > 0.97,
    11: lambda s: late(s["reward"]) > 0.9,
    12: lambda s: abs(late(s["length"]) - late(s["people"])) < 0.5,
}


def course(
    case: int, *, fixed: bool, at: int = 0, seed: int = 0, noise: tuple = (), **settings: float
) -> dict[str, np.ndarray]:
    """The series of a whole run of a case, fixed from an update on, up to where it is no longer a number."""
    made = live_figures(CHAPTER)[case - 1].definition
    run = Run(made.function, made.start, noise or made.noise, torch.float32)
    knobs = made.defaults | settings
    try:
        run.reset(seed, knobs | {"fixed": float(fixed and at == 0)})
        for update in range(made.steps):
            run.commit(knobs | {"fixed": float(fixed and update >= at)})
    except NotFinite:
        pass
    return run.history()


@pytest.mark.parametrize("case", SYMPTOMS)
def test_the_symptom_is_there_until_the_switch_is_on(case):
    for seed in SEEDS:
        found, fixed = (course(case, fixed=on, seed=seed) for on in (False, True))
        assert SYMPTOMS[case](found), seed
        assert not SYMPTOMS[case](fixed), seed
        assert FIXED[case](fixed), seed
        assert not FIXED[case](found), seed


def answer(case: int) -> str:
    """The hidden answer to a case."""
    opening = f"::::{{dropdown}} Answer to case {case}\n"
    (text,) = [cell.source.split(opening)[1].split("\n::::\n")[0] for cell in CELLS if opening in cell.source]
    return text


def assertion(case: int) -> str:
    """The lines of an answer that would have caught the bug."""
    (lines,) = re.findall(r"^```python\n(.*?)^```$", answer(case), flags=re.M | re.S)
    return lines


def checklist() -> str:
    """The cell with all assertions."""
    (source,) = [cell.source for cell in CELLS if cell.cell_type == "code" and "twelve assertions hold" in cell.source]
    return source


@pytest.fixture(scope="module")
def names() -> dict:
    """What the chapter has defined before its figures are drawn: functions and the batch of the assertions."""
    found = {}
    for cell in CELLS:
        if cell.cell_type != "code":
            continue
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.Assign):
                exec(compile(ast.Module([node], []), str(CHAPTER), "exec"), found)
        if "case_12" in found and "fixed_12" in found:
            return found
    raise AssertionError("the chapter has not all twelve cases")


@pytest.mark.parametrize("case", SYMPTOMS)
def test_the_assertion_of_an_answer_holds_for_the_fixed_code_and_fails_for_the_bug(case, names):
    lines = assertion(case)
    exec(lines, dict(names))
    with pytest.raises(AssertionError):
        exec(re.sub(rf"\bfixed_{case}\b", f"case_{case}", lines), dict(names))


@pytest.mark.parametrize("case", SYMPTOMS)
def test_the_checklist_stops_at_each_bug(case, names, capsys):
    exec(checklist(), dict(names))
    assert capsys.readouterr().out == "twelve assertions hold\n"
    with pytest.raises(AssertionError):
        exec(re.sub(rf"\bfixed_{case}\b", f"case_{case}", checklist()), dict(names))


def test_the_checklist_and_the_answers_have_the_same_lines():
    listed = [line for line in checklist().splitlines() if not line.startswith(("#", "print"))]
    told = [line.split("  #")[0].rstrip() for case in SYMPTOMS for line in assertion(case).splitlines()]
    assert told == listed


def test_every_answer_says_the_line_the_silence_the_betrayal_and_the_place():
    for case in SYMPTOMS:
        for part in ("**The line", "**Why it is silent:**", "**What betrays it:**", "**Where it was:**"):
            assert part in answer(case), case


# ---- what the text says about the runs


def test_the_learning_rate_is_not_what_kills_case_9():
    assert len(course(9, fixed=False)["reward"]) == 83
    for learning_rate in (0.001, 0.01, 0.1):
        assert len(course(9, fixed=False, learning_rate=learning_rate)["reward"]) < 121


def test_the_loss_of_case_2_was_infinite_before_the_small_number():
    start = torch.tensor(-course(2, fixed=True)["loss"][0])
    assert torch.log(torch.sigmoid(start)) == -torch.inf


def test_the_learning_rate_does_not_wake_case_1():
    assert course(1, fixed=False, learning_rate=1.0)["kl"].max() == 0


def test_a_smaller_beta_hides_case_2_and_a_larger_one_fixes_case_7():
    assert late(course(2, fixed=False, beta=0.1)["reward"]) > 0.9
    assert abs(late(course(7, fixed=False, beta=4.0)["kl"]) - late(course(7, fixed=True)["kl"])) < 0.02


def test_more_answers_make_case_4_worse():
    few, many = (
        np.mean([late(course(4, fixed=False, seed=seed, noise=(size, 8))["reward"]) for seed in SEEDS])
        for size in (4, 32)
    )
    assert few > 0.4
    assert many < 0.2


def test_a_larger_price_does_not_hold_case_5():
    assert late(course(5, fixed=False, kl_coeff=10.0)["kl"]) > late(course(5, fixed=False)["kl"])
    assert late(course(5, fixed=True, kl_coeff=10.0)["kl"]) < 0.01


def test_most_runs_come_back_when_they_are_fixed_halfway_and_case_5_does_not():
    for case in (1, 3, 7, 11, 12):
        assert FIXED[case](course(case, fixed=True, at=60)), case
    assert late(course(5, fixed=True, at=60)["reward"]) > 0.8


def test_case_8_is_ahead_at_update_30():
    for seed in SEEDS:
        found, fixed = (course(8, fixed=on, seed=seed)["reward"] for on in (False, True))
        assert found[25:35].mean() > fixed[25:35].mean() + 0.1


def test_case_12_has_the_lower_loss():
    for seed in SEEDS:
        found, fixed = (late(course(12, fixed=on, seed=seed)["loss"]) for on in (False, True))
        assert found < fixed - 0.1


def test_the_plateau_of_case_11_is_the_computed_one():
    computed = 1 - sum((8 / 9) ** t for t in range(1, 9)) / 8
    assert np.mean([late(course(11, fixed=False, seed=seed)["reward"]) for seed in SEEDS]) == pytest.approx(
        computed, abs=0.06
    )


def test_a_preset_turns_the_switch():
    figure = live_figures(CHAPTER)[0]
    found, fixed = figure.definition.presets
    figure.use(fixed)
    assert figure.controls["fixed"].value is True
    figure.use(found)
    assert figure.controls["fixed"].value is False
    figure.pause()
