"""A figure's published graph is its function: outside of torch it gives the same numbers.

That it is also what the code gives *today*, byte for byte, nbval tests with all other outputs: the graph is part of the
output that a chapter shows.
"""

from __future__ import annotations

import base64
import gzip

import numpy as np
import onnx
import pytest
import torch
from ipywidgets import FloatLogSlider
from support.chapters import every_chapter, live_figures
from support.graphs import CLOSE, STEPS, published_data, run_in_onnxruntime, run_in_torch
from torch.torch_version import TorchVersion

from rlhf_helpers import ppo, training_step
from rlhf_helpers.live import Curves, live
from rlhf_helpers.live.export import IR_VERSION, OPSET, export_graph, page_data


@every_chapter
def test_a_graph_runs_as_the_kernel_does(path):
    for figure, data in zip(live_figures(path), published_data(path), strict=True):
        here, there = run_in_torch(figure, STEPS), run_in_onnxruntime(data, STEPS)
        assert here.keys() == there.keys()
        for name in here:
            np.testing.assert_allclose(there[name], here[name], **CLOSE, err_msg=f"{figure.definition.caption}: {name}")


@every_chapter
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
        step,
        start=start,
        noise=(32, 8),
        panels=[Curves(["reward"])],
        caption="PPO",
        kl_coeff=FloatLogSlider(value=0.1),
        learning_rate=FloatLogSlider(value=0.05),
    )


def test_a_graph_depends_on_the_code_alone(trained_figure, monkeypatch):
    """Two exports are the same bytes, whatever build of torch makes them."""
    usual = export_graph(trained_figure)
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.99.0+cu999"))
    assert export_graph(trained_figure) == usual


@every_chapter
def test_a_graph_says_nothing_of_who_made_it(path):
    for data in published_data(path):
        model = onnx.load_from_string(base64.b64decode(data["graph"]))
        fields = {field.name for field, _ in model.ListFields()}
        assert fields == {"ir_version", "graph", "opset_import"}
        assert (model.ir_version, [(x.domain, x.version) for x in model.opset_import]) == (IR_VERSION, [("", OPSET)])
        for part in (model.graph, *model.graph.input, *model.graph.output, *model.graph.initializer, *model.graph.node):
            assert not part.metadata_props
            assert not part.doc_string
        for word in (b"torch", b"onnx", b"/home", b"site-packages"):
            assert word not in model.SerializeToString()


def test_adams_epsilon_survives_the_optimizer(trained_figure):
    """A rewrite rule that takes x + 1e-8 for x would divide zero by zero where a parameter has no gradient."""
    start, step = trained_figure.definition.start(0), trained_figure.definition.function
    assert (step(start, torch.full((32, 8), 0.5), **as_tensors(trained_figure))[0]["v"] == 0).any()
    found = run_in_onnxruntime(page_data(trained_figure), 2)
    assert all(np.isfinite(x).all() for x in found.values())


def as_tensors(figure) -> dict[str, torch.Tensor]:
    """The default settings as a step takes them."""
    return {name: torch.tensor(value) for name, value in figure.definition.defaults.items()}
