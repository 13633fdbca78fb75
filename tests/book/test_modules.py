"""The modules that pages run: each graph has one, it is what the compilers make of it, and a page carries it."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from types import SimpleNamespace

import _site
import numpy as np
import onnx
import onnxruntime
import pytest
from _site import figures, modules
from onnx import TensorProto, helper
from support import node
from support.chapters import CHAPTERS
from support.graphs import published_data

from rlhf_helpers.live.page import compile
from rlhf_helpers.live.scripts import classic

KILOBYTES = 30  # that a module may have, gzipped


def graphs() -> list[bytes]:
    """The graphs that chapters publish, each once."""
    data = (data for path in CHAPTERS for data in published_data(path))
    return list(dict.fromkeys(base64.b64decode(one["graph"]) for one in data))


def backwards(graph: bytes) -> bool:
    """Whether a graph has a slice with a negative step."""
    model = onnx.load_from_string(graph)
    constants = {x.name: onnx.numpy_helper.to_array(x) for x in model.graph.initializer}
    return any(x.op_type == "Slice" and len(x.input) > 4 and constants[x.input[4]] < 0 for x in model.graph.node)


def constant(graph: bytes) -> bool:
    """Whether an output of a graph depends on nothing."""
    model = onnx.load_from_string(graph)
    return bool({x.name for x in model.graph.output} & {x.name for x in model.graph.initializer})


@pytest.fixture
def compilers():
    """Skips a test where the compilers are not installed."""
    for name in ("emx_onnx_cgen", "ziglang"):
        pytest.importorskip(name, reason=f"compiling needs {compile.INSTALL}")


def test_every_graph_has_a_module_and_every_module_a_graph():
    wanted = {modules.file_of(graph) for graph in graphs()}
    there = set(modules.MODULES.iterdir())
    assert (wanted - there, there - wanted) == (set(), set()), "python book/_site/modules.py"
    assert all(file.stat().st_size < 1000 * KILOBYTES for file in there)


def test_a_module_says_what_it_takes_and_asks_for_nothing():
    for graph in graphs():
        wasm = gzip.decompress(modules.file_of(graph).read_bytes())
        model = onnx.load_from_string(graph)
        text = wasm[wasm.rindex(compile.SECTION.encode()) + len(compile.SECTION) :]
        told = {kind: [x[0] for x in values] for kind, values in json.loads(text).items()}
        assert told == {"inputs": [x.name for x in model.graph.input], "outputs": [x.name for x in model.graph.output]}
        assert b"wasi_snapshot" not in wasm


def some() -> list:
    """The smallest graph, and the smallest of each kind that is rewritten first."""
    by_size = sorted(graphs(), key=len)
    found = {kind.__name__: next(filter(kind, by_size), None) for kind in (len, backwards, constant)}
    return [pytest.param(graph, id=name) for name, graph in found.items() if graph]


def test_a_module_does_not_say_which_python_packed_it(compilers, monkeypatch):
    packs = compile.gzip.compress
    found = []
    for system in (b"\3", b"\xff"):  # as Python 3.12 and 3.13 have it there

        def pack(data, *settings, system=system, **more):
            packed = packs(data, *settings, **more)
            return packed[:9] + system + packed[10:]

        monkeypatch.setattr(compile.gzip, "compress", pack)
        found.append(compile.compile_graph(tiny("Neg")))
    assert found[0] == found[1]


@pytest.mark.parametrize("graph", some())
def test_compiling_again_gives_the_same_bytes(compilers, graph):
    assert compile.compile_graph(graph) == modules.file_of(graph).read_bytes()


@pytest.mark.parametrize("graph", [graph for graph in graphs() if backwards(graph) or constant(graph)])
def test_what_is_rewritten_for_the_compiler_computes_the_same(graph):
    model = onnx.load_from_string(graph)
    compile.simplify(model)
    onnx.checker.check_model(model)
    assert not backwards(model.SerializeToString())
    assert not constant(model.SerializeToString())
    draw = np.random.default_rng(0)
    feeds = {}
    for value in model.graph.input:
        _, kind, shape = compile._told(value)
        feeds[value.name] = draw.uniform(0.1, 0.9, shape).astype(kind)
    one, other = (onnxruntime.InferenceSession(x).run(None, feeds) for x in (graph, model.SerializeToString()))
    for here, there in zip(one, other, strict=True):
        np.testing.assert_array_equal(here, there)


def tiny(operator: str, kind: int = TensorProto.FLOAT) -> bytes:
    """A graph of one operator."""
    x, y = (helper.make_tensor_value_info(name, kind, [2]) for name in ("control/x", "series/y"))
    graph = helper.make_graph([helper.make_node(operator, ["control/x"], ["series/y"])], "step", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]).SerializeToString()


# Gives a module numbers as its state `x`, and writes the bits of its series `y`.
EXPONENTIALS = """
import { Engine } from %s;
import { readFileSync } from "node:fs";
const { module, x } = JSON.parse(readFileSync(0, "utf-8"));
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const engine = await Engine.open(bytes(module));
engine.reset({ state: { x: new Float32Array(bytes(x).buffer) }, controls: {} });
console.log(JSON.stringify([...new Float32Array(engine.fresh.get("y").numbers)].map((y) => `${y}`)));
"""


def test_the_exponential_is_right_but_for_the_last_places(compilers):
    numbers = [0.0, -0.0, np.inf, -np.inf, np.nan, 88.72, 88.73, 89.5, 1e30, -87.4, -103.9, -104.5, -1e30, 1e-8, -1e-8]
    x = np.concatenate([np.float32(numbers), np.linspace(-104, 88.7, 20_001, dtype=np.float32)])
    state, following, series = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name in ("state/x", "next/x", "series/y")
    )
    nodes = [helper.make_node("Identity", ["state/x"], ["next/x"]), helper.make_node("Exp", ["state/x"], ["series/y"])]
    graph = helper.make_graph(nodes, "step", [state], [following, series])
    module = compile.compile_graph(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]).SerializeToString()
    )
    told = {"module": base64.b64encode(module).decode(), "x": base64.b64encode(x.tobytes()).decode()}
    script = EXPONENTIALS % json.dumps((Path(compile.__file__).parent / "engine.js").as_uri())
    found = np.array([float(text.replace("Infinity", "inf")) for text in node.answer(script, told)], np.float32)
    with np.errstate(over="ignore", under="ignore"):
        wanted = np.exp(x.astype(np.float64)).astype(np.float32)
    assert (found[:2] == 1).all()
    assert np.isnan(found[4])
    found, wanted = (values[~np.isnan(x)] for values in (found, wanted))
    places = np.abs(found.view(np.int32).astype(np.int64) - wanted.view(np.int32))  # floats between the two
    assert places.max() <= 2


def test_a_compiler_that_is_missing_is_named_with_the_way_to_it(monkeypatch):
    monkeypatch.setattr(compile.importlib.util, "find_spec", lambda name: None if name == "ziglang" else True)
    with pytest.raises(compile.CompileError, match="ziglang not found: .* -r requirements/publish"):
        compile.compile_graph(tiny("Neg"))


def test_what_cannot_be_compiled_is_named_with_its_figure_and_a_way_out(compilers, monkeypatch, tmp_path, capsys):
    figure = {"caption": "A figure of mine", "graph": base64.b64encode(tiny("NoSuchThing")).decode()}
    html = f'<script type="application/json" class="baby-live-data">{json.dumps(figure)}</script>'
    cell = {"outputs": [{"data": {"text/html": [html]}}]}
    (tmp_path / "chapter.ipynb").write_text(json.dumps({"cells": [cell]}), "utf-8")
    monkeypatch.setattr(modules, "BOOK", tmp_path)
    monkeypatch.setattr(modules, "MODULES", tmp_path / "modules")
    assert modules.main() == 1
    said = capsys.readouterr().err
    for words in ("chapter", "A figure of mine", "NoSuchThing", "in another way"):
        assert words in said
    assert list((tmp_path / "modules").iterdir()) == []


def test_a_module_that_no_chapter_uses_is_removed(monkeypatch, tmp_path):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "0123456789abcdef.wasm.gz").write_bytes(b"")
    monkeypatch.setattr(modules, "BOOK", tmp_path)
    monkeypatch.setattr(modules, "MODULES", tmp_path / "modules")
    assert modules.main() == 0
    assert list((tmp_path / "modules").iterdir()) == []


@pytest.mark.parametrize(
    "line",
    ['import { a as b } from "./m.js";', 'import * as m from "./m.js";', "export { a };", "export let a = 1;"],
)
def test_a_line_that_a_plain_script_cannot_have_is_named(tmp_path, line):
    (tmp_path / "page.js").write_text(f"const a = 1;\n{line}\n", "utf-8")
    with pytest.raises(ValueError, match="page.js: a plain script cannot have"):
        classic(tmp_path / "page.js")


def test_a_type_that_no_page_has_is_named():
    with pytest.raises(compile.CompileError, match="`series/y` must hold float32 or int64"):
        compile._told(helper.make_tensor_value_info("series/y", TensorProto.DOUBLE, [2]))


def test_a_page_carries_the_module_in_place_of_the_graph(monkeypatch, caplog):
    graph = graphs()[0]
    warned = []
    monkeypatch.setattr(modules.logger, "warning", lambda words, *rest: warned.append(words % rest))
    for published, module in ((graph, modules.file_of(graph).read_bytes()), (b"another", None)):
        data = {"caption": "a </script>", "graph": base64.b64encode(published).decode()}
        text = json.dumps(data).replace("<", "\\u003c")
        body = f'<script type="application/json" class="baby-live-data">{text}</script>'
        context = {"body": body}
        modules.put_modules(SimpleNamespace(), "book/page", "", context, None)
        found = json.loads(modules.DATA.search(context["body"])[1])
        wanted = {"module": base64.b64encode(module).decode()} if module else {}
        assert found == {"caption": "a </script>"} | wanted
        assert context["body"].endswith("</script><baby-live-end></baby-live-end>")
    assert warned == [
        'book/page: the figure "a </script>" has no module and stays a picture: python book/_site/modules.py'
    ]


def test_a_page_that_is_no_longer_in_the_book_has_no_figures(tmp_path):
    script = '<script type="application/json" class="baby-live-data">{}</script>'
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "gone.html").write_text(script.format("{}"), "utf-8")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "gone-1.html").touch()
    env = SimpleNamespace(found_docs=set())
    figures.write_files(SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path, env=env), None)
    assert list((tmp_path / "figures").iterdir()) == []


def test_pages_that_other_code_wrote_are_written_again(monkeypatch, tmp_path):
    before = _site.code_now()
    (tmp_path / "figures.py").write_text("x = 1", "utf-8")
    monkeypatch.setattr(_site, "__file__", str(tmp_path / "__init__.py"))
    assert _site.code_now() != before
