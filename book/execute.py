"""Run chapters from top to bottom and rewrite their outputs, the same on every run.

    python book/execute.py              # every chapter
    python book/execute.py 04_ppo ...   # these chapters

A cell that raises, or writes to stderr, stops the run with the chapter's and the cell's name. What a run
adds by chance (cell ids, times, the state of widgets) is dropped or numbered, and outputs that differ from
those of the chapter by no more than `close_outputs` allows are left as they were: a chapter changes only
when what it shows changes, on any processor. Live figures that are new or have changed are then compiled for their
pages (`_site/modules.py`), which needs `requirements/publish.txt`.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from close_outputs import WIDGET_VIEW, differences
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

BOOK = Path(__file__).resolve().parent
TIMEOUT = 300  # seconds a cell may take before something is wrong
# No progress bars. One thread: on tensors this small a second one only waits, and sums come out alike on any machine.
# Live figures carry what a page needs to run them.
ENVIRONMENT = {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1", "BABY_RLHF_PUBLISH": "1"}
KEPT_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
KEPT_CELL_METADATA = {"tags", "mystnb"}
FOLDED = {"hide-input", "remove-input"}  # tags of cells whose code is not for reading first


class ChapterError(Exception):
    """A chapter that does not run cleanly."""


def run(notebook: nbformat.NotebookNode, name: str) -> None:
    """Execute all cells in place, in a fresh kernel.

    Raises:
        ChapterError: when a cell raises, takes too long or ends the kernel.
    """
    current = "its first cell"

    def remember(cell, cell_index, **_):
        nonlocal current
        current = f"cell {cell_index + 1}"

    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(BOOK)}},
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors only: the rest is about the kernel, not the chapter
        record_timing=False,
        store_widget_state=False,
        on_cell_start=remember,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise ChapterError(f"{name}, {current}: {error}") from None


def cleaned(outputs: list) -> list:
    """Join neighboring prints, since how a stream is cut into pieces depends on time, and drop what widgets leave."""
    clean = []
    for output in copy.deepcopy(outputs):
        last = clean[-1] if clean else {}
        if output.output_type == "stream" and last.get("output_type") == "stream" and last["name"] == output.name:
            last["text"] += output.text
            continue
        if "data" in output:
            output.data.pop(WIDGET_VIEW, None)
            output.metadata = nbformat.from_dict({})
        clean.append(output)
    return clean


def normalize(notebook: nbformat.NotebookNode, name: str) -> None:
    """Drop or number, in place, whatever differs between two runs of the same code, and fold what pages fold.

    Pages fold code by its tags, and answers by their directive; an editor of notebooks asks the cell's metadata.

    Raises:
        ChapterError: when a cell wrote to stderr.
    """
    notebook.metadata = nbformat.from_dict(KEPT_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    answering = False
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:03d}"
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in KEPT_CELL_METADATA & cell.metadata.keys()}
        )
        if cell.cell_type != "code":
            answering = "{solution-start}" in cell.source or answering and "{solution-end}" not in cell.source
            continue
        if answering or FOLDED & set(cell.metadata.get("tags", [])):
            cell.metadata["jupyter"] = {"source_hidden": True}
        cell.outputs = cleaned(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                raise ChapterError(f"{name}, cell {number} wrote to stderr:\n{output.text}")


def keep_outputs(notebook: nbformat.NotebookNode, before: nbformat.NotebookNode) -> None:
    """Put back, in place, the outputs from before the run of every cell that shows the same again."""
    for cell, old in zip(notebook.cells, before.cells, strict=True):
        if cell.cell_type == "code" and not differences(cell.outputs, kept := cleaned(old.outputs)):
            for output in kept:
                if output.output_type == "execute_result":
                    output.execution_count = cell.execution_count
            cell.outputs = kept


def rebuild(path: Path) -> float:
    """Run one chapter, rewrite it, and return the seconds it took."""
    before = nbformat.read(path, as_version=4)
    notebook = copy.deepcopy(before)
    start = time.perf_counter()
    run(notebook, path.stem)
    seconds = time.perf_counter() - start
    normalize(notebook, path.stem)
    keep_outputs(notebook, before)
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return seconds


def main(names: list[str]) -> int:
    """Rebuild the named chapters, or all; return 1 when one of them fails."""
    chapters = sorted(BOOK.glob("*.ipynb"))
    if names:
        wanted = {Path(name).stem for name in names}
        unknown = wanted - {path.stem for path in chapters}
        if unknown:
            print(f"no such chapter: {', '.join(sorted(unknown))}", file=sys.stderr)
            return 1
        chapters = [path for path in chapters if path.stem in wanted]
    os.environ.update(ENVIRONMENT)
    failed = 0
    for path in chapters:
        try:
            print(f"{path.stem:<24}{rebuild(path):6.1f} s", flush=True)
        except ChapterError as error:
            failed = 1
            print(error, file=sys.stderr, flush=True)
    compiled = subprocess.run([sys.executable, BOOK / "_site" / "modules.py"])
    return failed or compiled.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
