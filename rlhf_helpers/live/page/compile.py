"""Compile the graph of a live figure into the WebAssembly module that a page runs.

The graph becomes C by emx-onnx-cgen and WebAssembly by zig's compiler: a few kilobytes that need no runtime. The same
graph gives the same bytes on every machine. Only whoever publishes a figure needs the compilers: they come with
``baby-rlhf[publish]``, and with ``requirements/publish.txt`` of the book.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

TEMPLATES = Path(__file__).parent / "templates"  # in place of those of emx-onnx-cgen with the same names
INSTALL = (
    "python -m pip install -r requirements/publish.txt, in a copy of the book; elsewhere "
    '"baby-rlhf[publish] @ git+<address of the copy>"'
)
SECTION = "signature"  # of a module: names, types and shapes of what its function `model` is given pointers to
TYPES = {1: "float32", 7: "int64"}  # of ONNX's, those that states, controls and series have
# One level for all figures, by this rule: the smallest code within a tenth of the time of the fastest. Measured on PPO,
# against -O3: -Os takes a quarter more time; -O2 without unrolled loops 6 % more, in 40 % of the bytes.
OPTIONS = (
    *("-target", "wasm32-wasi", "-mexec-model=reactor", "-O2", "-fno-unroll-loops", "-msimd128"),
    *("-fno-math-errno", "-fno-trapping-math"),
    # 16-bit floats: stored as such, computed in 32 bits and rounded, which is what a processor does that has them
    "-D_Float16=__fp16",
    *("-Wl,--export=model", "-Wl,--export=__heap_base", "-Wl,--gc-sections", "-Wl,--strip-all"),
)


class CompileError(Exception):
    """A graph that cannot become a module, or compilers that are not there."""


def compile_graph(graph: bytes) -> bytes:
    """Compile a graph.

    Args:
        graph: an ONNX model with fixed shapes.

    Returns:
        A gzipped WebAssembly module. It exports ``memory``, ``__heap_base`` and ``model``, which takes a pointer for
        each input and each output, in the graph's order; the section ``signature`` names them.

    Raises:
        CompileError: a compiler is missing, or refuses the graph; the message has its reason and the way out.
    """
    missing = [name for name in ("emx_onnx_cgen", "ziglang") if importlib.util.find_spec(name) is None]
    if missing:
        raise CompileError(f"{' and '.join(missing)} not found: {INSTALL}")
    import onnx

    model = onnx.load_from_string(graph)
    signature = {"inputs": [_told(value) for value in model.graph.input]}
    signature["outputs"] = [_told(value) for value in model.graph.output]
    simplify(model)
    wasm = _wasm(c_code(model))
    wasm += _section(SECTION, json.dumps(signature, separators=(",", ":")).encode())
    packed = gzip.compress(wasm, 9, mtime=0)
    return packed[:9] + b"\3" + packed[10:]  # names a system, which is not the same in every version of Python


def simplify(model: onnx.ModelProto) -> None:
    """Write, in place, what emx-onnx-cgen refuses or leaves out as what it takes; the values stay the same.

    A slice that runs backwards becomes a gather, and an output that is a constant a copy of it.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: _shape(value) for value in (*inferred.value_info, *graph.input, *graph.output)}

    def numbers(name: str) -> list[int]:
        return numpy_helper.to_array(constants[name]).tolist()

    for node in graph.node:
        if node.op_type != "Slice" or len(node.input) < 5 or numbers(node.input[4]) != [-1]:
            continue
        [start], [end], [axis] = (numbers(name) for name in node.input[1:4])
        size = shapes[node.input[0]][axis]
        places = range(size)[start if start >= -size else 0 : end if end >= -size else None : -1]
        indices = numpy_helper.from_array(np.array(places, np.int64), f"places_of_{node.output[0]}")
        graph.initializer.append(indices)
        gather = helper.make_node("Gather", [node.input[0], indices.name], list(node.output), axis=axis)
        node.CopyFrom(gather)
    for output in graph.output:
        if output.name in constants:
            copied = constants[output.name]
            copied.name = f"constant_{output.name}"
            for node in graph.node:
                node.input[:] = [copied.name if name == output.name else name for name in node.input]
            graph.node.append(helper.make_node("Identity", [copied.name], [output.name]))


def c_code(model: onnx.ModelProto) -> str:
    """Return the graph as C, all of whose temporaries are in one static arena rather than on the stack."""
    import emx_onnx_cgen
    from emx_onnx_cgen.compiler import Compiler, CompilerOptions
    from emx_onnx_cgen.errors import CompilerError

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        templates = Path(folder, "templates")
        shutil.copytree(Path(emx_onnx_cgen.__file__).parent / "templates", templates)
        for ours in TEMPLATES.glob("*.j2"):
            shutil.copy(ours, templates)
        options = CompilerOptions(template_dir=templates, large_temp_threshold_bytes=0, large_weight_threshold=0)
        try:
            source = Compiler(options).compile(model)
        except CompilerError as error:
            raise CompileError(f"{error}. The way out: compute it in another way in the figure's function") from error
    declaration = re.compile(r"^ {4}(?=\w+ tmp\d+_\w+(?:\[\d+\])+;$)", re.MULTILINE)
    return Path(TEMPLATES, "exp.h").read_text("utf-8") + declaration.sub("    static ", source)


def _wasm(source: str) -> bytes:
    """C as WebAssembly."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "model.c").write_text(source, "utf-8")
        command = [sys.executable, "-m", "ziglang", "cc", *OPTIONS, "model.c", "-o", "model.wasm"]
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise CompileError(f"zig refuses the C code:\n{done.stderr[-2000:]}")
        return Path(folder, "model.wasm").read_bytes()


def _section(name: str, content: bytes) -> bytes:
    """A custom section of a WebAssembly module."""
    named = _length(name.encode()) + name.encode() + content
    return b"\0" + _length(named) + named


def _length(content: bytes) -> bytes:
    """How many bytes there are, in LEB128."""
    size, coded = len(content), b""
    while size > 127:
        size, coded = size >> 7, coded + bytes([size & 127 | 128])
    return coded + bytes([size])


def _told(value) -> list:
    """Name, type and shape of an input or output of a graph."""
    kind = value.type.tensor_type.elem_type
    if kind not in TYPES:
        raise CompileError(f"`{value.name}` must hold float32 or int64: convert it in the figure's function")
    return [value.name, TYPES[kind], _shape(value)]


def _shape(value) -> list[int]:
    """The shape of a value."""
    return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
