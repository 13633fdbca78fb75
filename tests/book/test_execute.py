"""`book/execute.py`: outputs are those of the code, the same on every run, and a cell that fails is named."""

import json

import execute
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output


def written(folder, *sources):
    """A notebook with a heading and these cells, as a program that keeps traces would have left it."""
    cells = [new_markdown_cell("# One"), *(new_code_cell(source, metadata={"collapsed": True}) for source in sources)]
    cells[-1].metadata["tags"] = ["exercise"]
    cells[-1].outputs = [new_output("stream", text="stale")]
    path = folder / "one.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"widgets": {}}), path)
    return path


def test_a_run_leaves_what_the_code_gives_and_no_trace_of_chance(tmp_path):
    path = written(tmp_path, "x = 1\nprint('a', flush=True)\nprint('b')", "x + 1")
    assert execute.rebuild(path) > 0
    first = path.read_bytes()
    notebook = json.loads(first)
    assert notebook["metadata"] == execute.KEPT_METADATA
    assert [cell["id"] for cell in notebook["cells"]] == ["cell-001", "cell-002", "cell-003"]
    assert [cell["metadata"] for cell in notebook["cells"]] == [{}, {}, {"tags": ["exercise"]}]
    stream, result = (cell["outputs"] for cell in notebook["cells"][1:])
    assert stream == [{"name": "stdout", "output_type": "stream", "text": ["a\n", "b\n"]}]
    assert [output["data"] for output in result] == [{"text/plain": ["2"]}]
    execute.rebuild(path)
    assert path.read_bytes() == first


def test_code_that_a_page_folds_is_folded_in_an_editor_too():
    cells = [
        new_code_cell("shown"),
        new_code_cell("plot", metadata={"tags": ["hide-input"]}),
        new_markdown_cell("````{solution-start} ex-one\n````"),
        new_code_cell("answer"),
        new_markdown_cell("in words"),
        new_code_cell("more"),
        new_markdown_cell("````{solution-end}\n````"),
        new_code_cell("shown again"),
    ]
    execute.normalize(notebook := new_notebook(cells=cells), "one")
    folded = [cell.source for cell in notebook.cells if cell.metadata.get("jupyter") == {"source_hidden": True}]
    assert folded == ["plot", "answer", "more"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1 / 0", "one, cell 3.*ZeroDivisionError"),
        ("import sys; print('oh', file=sys.stderr)", "cell 3 wrote to stderr"),
    ],
)
def test_a_cell_that_fails_is_named_and_nothing_is_written(tmp_path, source, said):
    path = written(tmp_path, "x = 1", source)
    before = path.read_bytes()
    with pytest.raises(execute.ChapterError, match=f"(?s){said}"):
        execute.rebuild(path)
    assert path.read_bytes() == before


def test_a_chapter_that_is_not_there_is_named(capsys):
    assert execute.main(["11_nothing"]) == 1
    assert "no such chapter: 11_nothing" in capsys.readouterr().err
