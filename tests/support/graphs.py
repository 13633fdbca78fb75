"""A chapter's graphs outside of the page: run in torch, and in onnxruntime, from the same uniforms."""

import base64
import functools
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
import onnxruntime
import torch
from _site import modules

from rlhf_helpers.live.word import Spelling
from rlhf_helpers.names.pretraining import WEIGHTS

STEPS = 50
FEW = 5  # steps with a control at one of its ends


def published_data(path) -> list[dict]:
    """What the committed outputs of a chapter give to the page."""
    return modules.published(path)


def run_in_onnxruntime(data: dict, steps: int) -> dict[str, np.ndarray]:
    """The same from a graph, fed with the same uniforms."""
    return rows_of(data, {c["name"]: c["value"] for c in data["controls"]}, steps=steps)


def settings_to_try(data: dict) -> Iterator[tuple[dict, int]]:
    """The settings with which engines must agree on a figure, and for how many steps: its own, and every end."""
    yield {}, STEPS
    for control in data["controls"]:
        for end in ends_of(control):
            yield {control["name"]: end}, FEW


def ends_of(control: dict) -> list[float | str]:
    """The two ends of a control's range, or all its options; of a word none, a long one, and one that has ended."""
    if control["kind"] == "word":
        letters, length = control["letters"], control["length"]
        return ["", letters[-length:], letters[1] + letters[control["end"]]]
    if control["kind"] == "switch":
        return [0, 1]
    if control["kind"] == "choice":
        return [value for _, value in control["options"]]
    ends = control["min"], control["max"]
    return [control["base"] ** end for end in ends] if control["kind"] == "log" else list(ends)


def control_inputs(data: dict, settings: Mapping) -> dict[str, np.ndarray]:
    """What a graph gets for the settings of a figure: a number for each, or the ids of a word."""
    words = {c["name"]: Spelling(c["letters"], c["length"], c["end"]) for c in data["controls"] if c["kind"] == "word"}
    return {
        f"control/{name}": np.array(words[name].ids(value)) if name in words else np.float32(value)
        for name, value in settings.items()
    }


@functools.cache
def session_of(graph: str) -> onnxruntime.InferenceSession:
    """A graph, ready to run; on one thread, since a second one only waits, and burns the time of others.

    Fusions stay off: onnxruntime 1.32 takes the transpose of a matrix times a vector for the matrix times the vector.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(base64.b64decode(graph), options)


def rows_of(data: dict, settings: dict, *, steps: int, seed: int = 0, moves: Mapping = MappingProxyType({})) -> dict:
    """Run a graph in onnxruntime, as :meth:`support.claims.Figure.run` says."""
    session = session_of(data["graph"])
    wanted = {x.name for x in session.get_inputs()}
    starts = data.get("starts")
    state = unpacked(starts[seed % len(starts)]) if starts else {}
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for step in range(steps + 1 if state else 1):
        settings = settings | moves.get(step, {})
        controls = control_inputs(data, settings)
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
    for name, entry in packed.items():
        if "like" in entry:
            state[name] = state[entry["like"]]
        elif "bytes" in entry:
            state[name] = np.frombuffer(base64.b64decode(entry["bytes"]), entry["type"]).reshape(entry["shape"])
        elif "file" in entry:
            state[name] = np.frombuffer((WEIGHTS.parent / entry["file"]).read_bytes(), "<f4").reshape(entry["shape"])
        else:
            state[name] = np.full(entry["shape"], entry["fill"], entry["type"])
    return state
