"""A figure's published graph is its function: outside of torch it gives the same numbers.

That it is also what the code gives *today*, byte for byte, nbval tests with all other outputs: the graph is part of the
output that a chapter shows.
"""

from __future__ import annotations

import base64
import gzip
import json
import re

import nbformat
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from chapters import CHAPTERS, live_figures
from ipywidgets import FloatLogSlider

from rlhf_helpers import ppo, training_step
from rlhf_helpers.live import Curves, live
from rlhf_helpers.live.export import WEIGHTS, export_graph, page_data

STEPS = 50
CLOSE = {"rtol": 1e-3, "atol": 1e-3}  # float32, after 50 steps


def published_data(path) -> list[dict]:
    """What the committed outputs of a chapter give to the page."""
    pattern = re.compile(r'<script type="application/json" class="baby-live-data">(.*?)</script>', re.S)
    outputs = (o for cell in nbformat.read(path, as_version=4).cells for o in cell.get("outputs", []))
    return [json.loads(text) for o in outputs for text in pattern.findall(o.get("data", {}).get("text/html", ""))]


def run_in_torch(figure, steps: int) -> dict[str, np.ndarray]:
    """Rows 0 to ``steps`` of every series of one number, and the last of the others, on the kernel."""
    if figure.start is None:
        return figure.now
    figure.reset(seed=0)
    figure.step(steps)
    return {**figure.now, **figure.history}


def run_in_onnxruntime(data: dict, steps: int) -> dict[str, np.ndarray]:
    """The same from a graph, fed with the same uniforms."""
    session = onnxruntime.InferenceSession(base64.b64decode(data["graph"]))
    wanted = {x.name for x in session.get_inputs()}
    controls = {f"control/{c['name']}": np.float32(c["value"]) for c in data["controls"]}
    state = unpacked(data["starts"][0]) if "starts" in data else {}
    generator = torch.Generator().manual_seed(0)
    rows = []
    for _ in range(steps + 1 if state else 1):
        feeds = {f"state/{name}": value for name, value in state.items()} | controls
        if data["noise"]:
            feeds["noise"] = torch.rand(data["noise"], generator=generator).numpy()
        outputs = session.run(None, {name: np.asarray(x) for name, x in feeds.items() if name in wanted})
        named = dict(zip((x.name for x in session.get_outputs()), outputs, strict=True))
        state = {name: named[f"next/{name}"] for name in state}
        rows.append({name.removeprefix("series/"): x for name, x in named.items() if name.startswith("series/")})
    if not state:
        return rows[0]
    return {name: np.array([row[name] for row in rows]) if x.ndim == 0 else x for name, x in rows[-1].items()}


def unpacked(packed: dict) -> dict[str, np.ndarray]:
    """The states that ``page_data`` packs."""
    state = {}
    for name, told in packed.items():
        if "like" in told:
            state[name] = state[told["like"]]
        elif "bytes" in told:
            state[name] = np.frombuffer(base64.b64decode(told["bytes"]), told["type"]).reshape(told["shape"])
        elif "file" in told:
            state[name] = np.frombuffer((WEIGHTS / told["file"]).read_bytes(), "<f4").reshape(told["shape"])
        else:
            state[name] = np.full(told["shape"], told["fill"], told["type"])
    return state


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_graph_runs_as_the_kernel_does(path):
    for figure, data in zip(live_figures(path), published_data(path), strict=True):
        here, there = run_in_torch(figure, STEPS), run_in_onnxruntime(data, STEPS)
        assert here.keys() == there.keys()
        for name in here:
            np.testing.assert_allclose(there[name], here[name], **CLOSE, err_msg=f"{figure.caption}: {name}")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_graph_is_small_and_knows_only_its_inputs(path):
    for figure, data in zip(live_figures(path), published_data(path), strict=True):
        model = onnx.load_from_string(base64.b64decode(data["graph"]))
        onnx.checker.check_model(model)
        assert len(gzip.compress(model.SerializeToString())) < 16_000
        known = {f"control/{name}" for name in figure.controls} | {"noise"}
        assert {x.name for x in model.graph.input if not x.name.startswith("state/")} <= known


@pytest.fixture(scope="module")
def trained_figure():
    """A figure that trains, as a chapter makes it."""
    start, step = training_step(ppo)
    return live(
        step, start=start, noise=(32, 8), panels=[Curves(["reward"])], caption="PPO",
        kl_coeff=FloatLogSlider(value=0.1), learning_rate=FloatLogSlider(value=0.05),
    )  # fmt: skip


def test_two_exports_are_the_same_bytes(trained_figure):
    assert export_graph(trained_figure) == export_graph(trained_figure)


def test_adams_epsilon_survives_the_optimizer(trained_figure):
    """A rewrite rule that takes x + 1e-8 for x would divide zero by zero where a parameter has no gradient."""
    start = trained_figure.start(0)
    assert (trained_figure.function(start, torch.full((32, 8), 0.5), **as_tensors(trained_figure))[0]["v"] == 0).any()
    found = run_in_onnxruntime(page_data(trained_figure), 2)
    assert all(np.isfinite(x).all() for x in found.values())


def as_tensors(figure) -> dict[str, torch.Tensor]:
    """The default settings as a step takes them."""
    return {name: torch.tensor(value) for name, value in figure.defaults.items()}
