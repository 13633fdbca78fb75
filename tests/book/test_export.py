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
from support import agreement
from support.chapters import every_chapter, live_figures
from support.graphs import control_inputs, published_data, run_in_onnxruntime, session_of, settings_to_try
from torch.torch_version import TorchVersion

from rlhf_helpers import ppo, training_step
from rlhf_helpers.live import Curves, live
from rlhf_helpers.live.export import IR_VERSION, OPSET, export_graph, page_data, to_onnx


@every_chapter
def test_a_graph_computes_what_torch_does(path):
    """At every step of a run, from where torch is."""
    for figure, data in zip(live_figures(path), published_data(path), strict=True):
        definition = figure.definition
        for settings, steps in settings_to_try(data):
            known = control_inputs(data, definition.defaults | settings)
            controls = {name.removeprefix("control/"): torch.as_tensor(x) for name, x in known.items()}
            generator = torch.Generator().manual_seed(0)
            state = definition.start(0) if definition.trains else {}
            for step in range(steps + 1 if definition.trains else 1):
                known |= {f"state/{name}": x.numpy() for name, x in state.items()}
                if not definition.trains:
                    series = definition.function(**controls)
                else:
                    noise = None if definition.noise is None else torch.rand(definition.noise, generator=generator)
                    known |= {} if noise is None else {"noise": noise.numpy()}
                    state, series = definition.function(dict(state), noise, **controls)
                found = {f"next/{name}": x.detach().numpy() for name, x in state.items()}
                found |= {f"series/{name}": x.detach().float().numpy() for name, x in series.items()}
                agreement.check(data["graph"], known, found, f"{definition.caption[:60]} {settings} step {step}")
                if not all(np.isfinite(x).all() for x in found.values()):
                    break


def test_engines_that_do_not_agree_are_told_apart(trained_figure):
    """A sign, a number that is none, a token that rounding does not explain; and one that it does."""
    data = page_data(trained_figure)
    known = {f"state/{name}": x.numpy() for name, x in trained_figure.definition.start(0).items()}
    known |= {f"control/{name}": np.float32(x) for name, x in trained_figure.definition.defaults.items()}
    known["noise"] = torch.rand(32, 8, generator=torch.Generator().manual_seed(0)).numpy()
    boundary = known["noise"].copy()
    boundary[3, 3] = 0.5  # in a uniform policy, between two tokens
    found = {
        noise: agreement.evaluate(data["graph"], known | {"noise": noise_of})
        for noise, noise_of in (
            ("usual", known["noise"]),
            ("below", np.nextafter(boundary, 0)),
            ("other", boundary - 0.2),
        )
    }
    agreement.check(data["graph"], known, found["usual"], "")
    agreement.check(data["graph"], known | {"noise": boundary}, found["below"], "")
    for wrong in (
        found["usual"] | {"series/reward": -found["usual"]["series/reward"]},
        found["usual"] | {"series/kl": np.float32("nan")},
        found["usual"] | {"next/m": 1.001 * found["usual"]["next/m"]},
        found["other"],
    ):
        with pytest.raises(AssertionError, match="told here"):
            agreement.check(data["graph"], known, wrong, "told here")


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


def test_a_matrix_times_a_vector_has_its_gradient():
    """The engine that checks graphs turns the matrix the wrong way in its stronger optimizations."""
    logits = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))

    def step(given):
        table = given["state/logits"].detach().clone().requires_grad_()
        loss = (table.softmax(-1) @ table[0]).square().sum()
        return {"next/logits": torch.autograd.grad(loss, table)[0]}

    graph = to_onnx(step, {"state/logits": logits})
    (found,) = session_of(base64.b64encode(graph).decode()).run(None, {"state/logits": logits.numpy()})
    np.testing.assert_allclose(found, step({"state/logits": logits})["next/logits"], rtol=1e-5, atol=1e-6)


def as_tensors(figure) -> dict[str, torch.Tensor]:
    """The default settings as a step takes them."""
    return {name: torch.tensor(value) for name, value in figure.definition.defaults.items()}
