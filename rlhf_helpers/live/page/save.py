"""Write a live figure as a file that runs by itself, or say which line of its function cannot be compiled, and why."""

import base64
import bisect
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode

from rlhf_helpers.live.export import CONTROL, NEXT, STATE, flat, page_data, to_onnx
from rlhf_helpers.live.lines import line_in, line_now, line_of_error
from rlhf_helpers.live.page.compile import INSTALL, c_code, compile_graph, simplify
from rlhf_helpers.live.page.document import document

NEEDED = ("onnx", "onnxscript", "onnx_ir", "emx_onnx_cgen", "ziglang")
RANDOM = ("RandomNormal", "RandomUniform", "Bernoulli", "Multinomial")  # how operators that draw are called
# what an error says -> what the author did, and the way out
REASONS = {
    "tracing tensor": "this takes a number out of a tensor, which a file without Python cannot do. `torch.where`, "
    "`torch.clamp` and the like decide within tensors",
    "random": "draws random numbers of its own. Take them from the noise that `live(noise=...)` gives to the function",
    "static shapes": "gives a tensor whose size the compiler does not know. If it depends on numbers, keep the whole "
    "size, and choose with `torch.where`; else write it in other operations of torch",
}


def save(figure, path: str | Path) -> None:
    """Compile a figure and write it as one HTML file: see :meth:`rlhf_helpers.live.LiveFigure.save`."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise ImportError(f"to save a figure takes {', '.join(missing)}: {INSTALL}")
    definition = figure.definition
    try:
        data = page_data(figure)
        graph = base64.b64decode(data.pop("graph"))
        _check(graph)
    except Exception as error:
        raise ValueError(_explained(definition, error)) from error
    if unused := [name for name in definition.defaults if CONTROL + name not in _used(graph)]:
        raise ValueError(
            f"{line_in(definition.function)}: nothing that is drawn depends on `{unused[0]}`. Use it, or leave it out"
        )
    if _forgets(definition):
        raise ValueError(
            f"{line_in(definition.function)}: compiled, this would give other numbers. Something leaves torch, as "
            "`.numpy()` does, or changes from call to call. Compute with the arguments alone, and in torch"
        )
    data["module"] = base64.b64encode(compile_graph(graph)).decode()
    Path(path).write_text(document(data), "utf-8")


def _check(graph: bytes) -> None:
    """Raise unless a graph can become C that gives the same numbers every time."""
    import onnx

    model = onnx.load_from_string(graph)
    for node in model.graph.node:
        if node.op_type.startswith(RANDOM):
            raise ValueError(f"{node.op_type} is random")
    simplify(model)
    c_code(model)


def _used(graph: bytes) -> set[str]:
    """The inputs of a graph that something in it depends on."""
    import onnx

    model = onnx.load_from_string(graph)
    return {name for node in model.graph.node for name in node.input}


def _forgets(definition) -> bool:
    """Whether what is traced gives other numbers than the function, one update later, with other noise and controls."""
    function, inputs = flat(definition)
    traced = make_fx(function)(inputs)
    following = function(inputs)
    later = {name: following.get(NEXT + name.removeprefix(STATE), (0.9 * x).to(x.dtype)) for name, x in inputs.items()}
    found, wanted = traced(later), function(later)
    return any(not torch.allclose(found[name], x, equal_nan=True) for name, x in wanted.items())


def _explained(definition, error: Exception) -> str:
    """What is wrong with a function that cannot be compiled, the line, and the way out."""
    function = definition.function
    reason = next((reason for said, reason in REASONS.items() if said in str(error)), None)
    if number := line_of_error(function, error):
        return f"{line_in(function, number)}: {reason or f'{type(error).__name__}: {error}'}"
    if found := _culprit(definition):
        number, operator = found
        way_out = reason or "cannot be compiled. Write it in other operations of torch"
        return f"{line_in(function, number)}: `{operator}` {way_out}"
    return f"{line_in(function)}: {error}"


def _culprit(definition) -> tuple[int | None, str] | None:
    """The first operation of a function that cannot be compiled: its line and its name."""
    function, inputs = flat(definition)
    with _Until(definition.function, None) as whole:
        function(inputs)

    def fails(count: int) -> bool:
        try:
            _check(to_onnx(_beginning(function, definition.function, count), inputs))
        except Exception:
            return True
        return False

    place = bisect.bisect_left(range(1, len(whole.calls) + 1), True, key=fails)
    return whole.calls[place] if place < len(whole.calls) else None


def _beginning(function: Callable, author: Callable, count: int) -> Callable:
    """A function as far as its first operations go; it returns the sum of all that they gave."""

    def evaluate(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        try:
            with _Until(author, count) as part:
                function(given)
        except _Stop:
            pass
        return {"series/sum": torch.stack([x.to(torch.float32).sum() for x in part.given]).sum()}

    return evaluate


class _Stop(Exception):
    """Enough operations."""


class _Until(TorchDispatchMode):
    """Sees the operations of a function, each with its line, and stops after some."""

    def __init__(self, author: Callable, count: int | None):
        super().__init__()
        self.author, self.count = author, count
        self.calls: list[tuple[int | None, str]] = []
        self.given: list[Tensor] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        self.calls.append((line_now(self.author), operation.overloadpacket.__name__.lstrip("_")))
        self.given += [x for x in (result if isinstance(result, (tuple, list)) else [result]) if isinstance(x, Tensor)]
        if len(self.calls) == self.count:
            raise _Stop
        return result
