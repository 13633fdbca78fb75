"""A live figure's function as an ONNX graph, and all else that a page needs to run it without a kernel.

No formula is written a second time: the torch function is traced as it is, with whatever it does inside (sampling
from given uniforms, a backward pass, Adam).
"""

import base64
import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from rlhf_helpers._html import in_script
from rlhf_helpers.live.controls import setting
from rlhf_helpers.names.pretraining import WEIGHTS

OPSET, IR_VERSION = 20, 10  # of every graph, whatever the exporter would choose
LARGEST = 4096  # numbers in a constant that is worth carrying along, rather than computing in the page
STATE, NEXT, SERIES, CONTROL, NOISE = "state/", "next/", "series/", "control/", "noise"


def export_graph(figure) -> bytes:
    """Trace a figure's function and return it as the bytes of an ONNX model.

    They depend on the function alone: no version, build, platform or path is in them.

    Inputs are called ``state/<name>``, ``noise`` and ``control/<name>``, outputs ``next/<name>`` and ``series/<name>``;
    all hold float32 but for integers in the state.

    Args:
        figure: what ``live`` returns.

    Returns:
        A serialized ONNX model of one evaluation: one step of a run, or one computation.

    Raises:
        ImportError: onnx and onnxscript, which only publishing needs, are not installed.
    """
    return to_onnx(*flat(figure.definition))


def flat(definition) -> tuple[Callable, dict[str, Tensor]]:
    """Return a figure's function from one dict of tensors to another, and the inputs that it is traced with.

    Args:
        definition: the figure.
    """
    state = definition.start(0) if definition.trains else {}
    noise = {} if definition.noise is None else {NOISE: torch.full(definition.noise, 0.5)}
    values = {name: spelling.ids(definition.defaults[name]) for name, spelling in definition.words.items()}
    controls = {CONTROL + name: torch.tensor(value) for name, value in (definition.defaults | values).items()}

    def evaluate(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        chosen = {name.removeprefix(CONTROL): x for name, x in given.items() if name.startswith(CONTROL)}
        outputs = {}
        if not definition.trains:
            series = definition.function(**chosen)
        else:
            before = {name: given[STATE + name] for name in state}
            following, series = definition.function(dict(before), given.get(NOISE), **chosen)
            outputs = {NEXT + name: following[name].clone() for name in state}
        return outputs | {SERIES + name: x.to(torch.float32).clone() for name, x in series.items()}

    return evaluate, {STATE + name: x.clone() for name, x in state.items()} | noise | controls


def to_onnx(function: Callable, inputs: Mapping[str, Tensor]) -> bytes:
    """Trace a function and return it as the bytes of an ONNX model.

    Args:
        function: from one dict of tensors to another; the keys name inputs and outputs.
        inputs: what it is traced with.
    """
    try:
        import onnx_ir
        from onnx_ir.passes import common
        from onnxscript import optimizer, rewriter
        from onnxscript.rewriter.rules import common as rules
    except ImportError as error:
        raise ImportError('a graph needs onnx and onnxscript: pip install "baby-rlhf[publish]"') from error

    names: list[str] = []

    def evaluate(*values: Tensor) -> tuple[Tensor, ...]:
        outputs = function(dict(zip(inputs, values, strict=True)))
        names[:] = outputs
        return tuple(outputs.values())

    with _quiet():
        values = tuple(inputs.values())
        traced = torch.export.export(make_fx(evaluate)(*values), values)
        program = torch.onnx.export(
            traced,
            values,
            dynamo=True,
            optimize=False,
            verbose=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=names,
        )
    model = program.model
    # The optimizer's default rules also hold x + 1e-8 to be x: Adam divides by zero without it.
    unsafe = ("add_0_rule", "sub_0_rule")
    # A policy has no convolutions, and to look for a second slice beside each node takes a quarter of a large export.
    useless = ("conv", "batchnorm", "dropout", "slice_split")
    known = [name for name in dir(rules) if name.endswith("_rule") and name not in unsafe]
    safe = [getattr(rules, name) for name in known if not any(part in name for part in useless)]
    for _ in range(2):
        optimizer.fold_constants(model, output_size_limit=LARGEST)
        rewriter.rewrite(model, pattern_rewrite_rules=safe)
    with _quiet():
        for tidy in (
            common.RemoveUnusedNodesPass(),
            common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
            common.DeduplicateInitializersPass(),
            common.CommonSubexpressionEliminationPass(),
            common.OutputFixPass(),
            common.RemoveUnusedNodesPass(),
            common.ClearMetadataAndDocStringPass(),
        ):
            tidy(model)
    proto = onnx_ir.to_proto(model)
    _shorten(proto)
    return proto.SerializeToString(deterministic=True)


@contextlib.contextmanager
def _quiet():
    """Keep the exporter's talk about itself out of a chapter's output."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def page_data(figure) -> dict:
    """Return, ready for JSON, what a page needs to run a figure: its graph, its starts, its controls and its words.

    Args:
        figure: what ``live`` returns.

    Returns:
        A dict of ``spec`` for the drawing module; ``controls``; ``steps``, ``noise`` and ``starts`` (one state for each
        seed) of a figure that trains; ``status``, ``says``; ``graph``, the ONNX model in base64.
    """
    definition = figure.definition
    data = {
        "spec": definition.spec(),
        "controls": [described(name, widget) for name, widget in figure.controls.items()],
        "steps": definition.steps,
        "noise": definition.noise,
        "caption": definition.caption,
        "status": definition.status,
        "says": [asdict(say) for say in definition.says],
        "presets": [asdict(preset) for preset in definition.presets],
        "graph": base64.b64encode(export_graph(figure)).decode(),
    }
    if definition.trains:
        data["starts"] = [_packed(definition.start(seed)) for seed in range(definition.seeds)]
    return data


def published(markup: str, figure) -> str:
    """Return a figure's HTML with the data from which ``page.js`` runs it, and a sentence for pages without scripts."""
    word = "This is a picture of the default run. With JavaScript, the figure runs here, in the page."
    note = f'<p class="baby-noscript">{word}</p>'
    script = f'<script type="application/json" class="baby-live-data">{in_script(page_data(figure))}</script>'
    return markup.replace("<figcaption>", f"{note}<figcaption>", 1).replace("</figure>", f"{script}</figure>", 1)


def _packed(state: dict[str, Tensor]) -> dict[str, dict]:
    """Tensors as base64 of their bytes.

    A tensor that is one number, equals an earlier one, or comes with the book as a file says just that.
    """
    packed: dict[str, dict] = {}
    for name, tensor in state.items():
        array = tensor.detach().numpy()
        entry = {"type": str(array.dtype), "shape": list(array.shape)}
        same = next((other for other in packed if torch.equal(state[other], tensor)), None)  # the first of its kind
        if array.size and np.all(array == array.flat[0]):
            entry["fill"] = array.flat[0].item()
        elif same is not None:
            entry["like"] = same
        elif _is_in_the_book(array):
            entry["file"] = WEIGHTS.name
        else:
            entry["bytes"] = base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
        packed[name] = entry
    return packed


def _is_in_the_book(array: np.ndarray) -> bool:
    """Whether the file of weights that comes with the book holds just these numbers."""
    return array.dtype == np.float32 and array.astype("<f4").tobytes() == WEIGHTS.read_bytes()


def described(name: str, widget) -> dict:
    """Describe an ipywidgets control to a page, and to the drawing."""
    kind = type(widget).__name__
    data = {"name": name, "label": widget.description, "value": setting(widget)}
    if kind == "Word":
        return data | {"kind": "word", "told": widget.told} | asdict(widget.spelling)
    if kind == "FloatLogSlider":
        return data | {"kind": "log", "base": widget.base, "min": widget.min, "max": widget.max, "step": widget.step}
    if kind in ("FloatSlider", "IntSlider"):
        return data | {"kind": "linear", "min": widget.min, "max": widget.max, "step": widget.step}
    if kind == "Checkbox":
        return data | {"kind": "switch"}
    options = zip(widget._options_labels, widget._options_values, strict=True)
    return data | {"kind": "choice", "options": [[label, float(value)] for label, value in options]}


def _shorten(proto) -> None:
    """Give every inner value a short name and drop what only a reader of the graph would miss: who made it, and how."""
    fixed = {value.name for value in (*proto.graph.input, *proto.graph.output)}
    short: dict[str, str] = {"": ""}

    def rename(name: str) -> str:
        return name if name in fixed else short.setdefault(name, f"v{len(short)}")

    for tensor in proto.graph.initializer:
        tensor.name = rename(tensor.name)
    for node in proto.graph.node:
        node.name = ""
        node.input[:] = [rename(name) for name in node.input]
        node.output[:] = [rename(name) for name in node.output]
    for part in (
        proto,
        proto.graph,
        *proto.graph.input,
        *proto.graph.output,
        *proto.graph.initializer,
        *proto.graph.node,
    ):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    for name in ("producer_name", "producer_version", "domain", "model_version"):
        proto.ClearField(name)
    proto.ir_version = IR_VERSION
    del proto.graph.value_info[:]
    proto.graph.name = "step"
