"""What another processor does to a chapter passes; what a change does to it fails."""

import base64
import json
import re
import shutil
import subprocess
import sys
import zlib

import nbformat
import numpy as np
import pytest
from close_outputs import PIXELS, differences
from execute import BOOK, keep_outputs
from kept_figures import KEPT, html_of
from nbformat.v4 import new_code_cell, new_notebook, new_output

TABLE = """            reward    KL   R - KL
PPO           0.54  0.12    0.420
RLOO          0.53  0.31   -0.002
GRPO          9.99  0.00    0.246
5 of 12 seeds, p = 1.2e-05, lr 0.1, 4,096 tokens, -0.25, 1.50, 2.50, 3.50
"""
DATA = re.compile(r'(<script type="application/json" class="baby-live-data">)(.*?)(</script>)', re.S)


def printed(text):
    return [new_output("stream", name="stdout", text=text)]


def drawn(html):
    return [new_output("execute_result", data={"text/html": html, "text/plain": "Live figure"}, execution_count=1)]


@pytest.fixture(scope="module")
def figure() -> str:
    """A live figure with curves, numbers and starts, as a chapter holds it."""
    cells = nbformat.read(BOOK / "03_ppo_ratio.ipynb", as_version=4).cells
    pages = [html_of(o.data) for cell in cells for o in cell.get("outputs", []) if "data" in o]
    return next(page for page in pages if '"starts":[' in page and '"bytes"' in page)


def replaced(text: str, old: str, new: str) -> str:
    """The text with its first ``old`` replaced, which has to be there."""
    assert old in text
    return text.replace(old, new, 1)


def test_a_figure_is_compared_by_its_html_however_it_is_kept(figure):
    def as_kept(html, level, image="iVBORw0K"):
        packed = base64.b64encode(zlib.compress(html.encode(), level)).decode()
        data = {KEPT: packed, "image/png": image, "text/plain": "Live figure"}
        return [new_output("execute_result", data=data, execution_count=1)]

    kept = as_kept(figure, 9)
    assert differences(as_kept(figure, 1, image="another"), kept) == []  # another zlib, another processor
    (wrong,) = differences(as_kept(figure.replace("</figcaption>", "!</figcaption>"), 9), kept)
    assert wrong.startswith("execute_result text/html: ")
    assert "the chapter has" in differences(drawn(figure), kept)[0]  # without an image


NOISE = {
    "a last digit": ("0.54", "0.55"),
    "a last digit below": ("0.246", "0.245"),
    "a zero without its sign": ("-0.002", "-0.001"),
    "zero with a sign": (" 0.00", "-0.00"),
    "one digit more in a column": (" 9.99", "10.00"),
    "an exponent": ("1.2e-05", "1.3e-05"),
}


@pytest.mark.parametrize("case", NOISE)
def test_noise_passes(case):
    new = replaced(TABLE, *NOISE[case])
    assert differences(printed(new), printed(TABLE)) == []
    assert differences(printed(TABLE), printed(new)) == []


CHANGES = {
    "two units": ("0.54", "0.56"),
    "a flipped sign": ("-0.25", "0.25"),
    "a flipped sign in the last digit": ("-0.002", "0.002"),
    "a flipped sign beside a unit": ("-0.002", "0.003"),
    "swapped rows": ("PPO           0.54  0.12    0.420\nRLOO ", "RLOO          0.54  0.12    0.420\nPPO  "),
    "swapped values": ("0.54  0.12", "0.12  0.54"),
    "two columns that lean a little": ("0.54  0.12", "0.55  0.13"),
    "a count": ("5 of 12", "6 of 12"),
    "a count of thousands": ("4,096", "4,097"),
    "a word": ("seeds", "runs"),
    "another number of digits": ("0.420", "0.4200"),
    "no number": ("0.420", "  nan"),
    "a column that moved": ("  0.12", "   0.12"),
    "a line more": ("5 of", "\n5 of"),
    "an exponent": ("1.2e-05", "1.2e-06"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_fails(case):
    new = replaced(TABLE, *CHANGES[case])
    assert differences(printed(new), printed(TABLE))
    assert differences(printed(TABLE), printed(new))


def test_outputs_that_are_missing_or_new_fail():
    one, two = printed("a\n"), [*printed("a\n"), *drawn("<p>b</p>")]
    assert differences(one, one) == differences(two, two) == []
    for found, kept in ((one, two), (two, one), ([], one), (one, []), (two[::-1], two)):
        assert differences(found, kept)
    warned = [new_output("stream", name="stderr", text="a\n")]
    assert differences(warned, one)
    assert differences([*one, *warned], one)


def test_every_form_of_an_output_counts_but_the_number_of_a_widget():
    def shown(plain, number):
        data = {"text/plain": plain, "application/vnd.jupyter.widget-view+json": {"model_id": number}}
        return [new_output("display_data", data=data)]

    assert differences(shown("reward 0.5", "a"), shown("reward 0.5", "b")) == []
    assert differences(shown("rewards 0.5", "a"), shown("reward 0.5", "a"))


def moved(html: str, by: float, points: int | None = None) -> str:
    """A figure whose longest curve lies this many pixels lower, in all of its points or in the first of them."""
    curve = max(re.findall(r' d="(M[^"]*)"', html), key=len)
    starts = re.findall(r"[ML]([^ML]*)", curve)
    assert len(starts) > 20
    lower = [
        re.sub(r" (-?[\d.]+)$", lambda y: f" {float(y[1]) + by:.2f}", point) if points is None or i < points else point
        for i, point in enumerate(starts)
    ]
    return replaced(html, curve, "M" + "L".join(lower))


def test_a_curve_may_tremble_and_not_move(figure):
    assert differences(drawn(moved(figure, 0.01)), drawn(figure)) == []
    assert differences(drawn(moved(figure, -PIXELS / 2, points=3)), drawn(figure)) == []
    assert differences(drawn(moved(figure, 1.0)), drawn(figure))
    assert differences(drawn(moved(figure, 0.3, points=1)), drawn(figure))
    assert differences(drawn(moved(figure, -0.3, points=2)), drawn(figure))


def test_a_figure_is_drawn_alike(figure):
    curve = max(re.findall(r' d="(M[^"]*)"', figure), key=len)
    for old, new in (
        ('stroke-width="2.2"', 'stroke-width="2.3"'),
        ('fill="none"', 'fill="currentColor"'),
        ("<text ", "<tspan "),
        ('width="100%"', 'width="90%"'),
        (curve, curve.rpartition("L")[0]),  # a point less
        (curve, curve.replace("L", "M", 1)),
        ("</svg>", '<path d="M0 0L1 1"/></svg>'),
        ("<figcaption>", "<figcaption>Not: "),
        (' aria-label="', ' aria-label="Not: '),
        ("var(--q-reward", "var(--q-kl"),
    ):
        assert differences(drawn(replaced(figure, old, new)), drawn(figure)), old


def test_the_numbers_of_the_text_alternative_are_printed_numbers(figure):
    label = re.search(r'aria-label="([^"]*?goes from [^"]*)"', figure).group(1)
    number = re.search(r"\d\.\d+", label).group()
    unit = 10.0 ** -len(number.partition(".")[2])
    for units, close in ((1, True), (3, False)):
        other = f"{float(number) + units * unit:.{len(number.partition('.')[2])}f}"
        new = figure.replace(label, replaced(label, number, other), 1)
        assert (differences(drawn(new), drawn(figure)) == []) is close


def test_the_hashes_in_ids_may_differ_and_what_refers_to_what_may_not(figure):
    clip = re.search(r"url\(#(f\w+)\)", figure).group(1)
    other = "f00000000p0000000000"
    assert differences(drawn(figure.replace(clip, other)), drawn(figure)) == []
    assert differences(drawn(figure.replace(f"url(#{clip})", f"url(#{other})")), drawn(figure))


def edited(html: str, edit) -> str:
    """A figure whose data for the page are edited in place."""
    opening, text, closing = DATA.search(html).groups()
    data = json.loads(text)
    edit(data)
    return html.replace(opening + text + closing, opening + json.dumps(data, separators=(",", ":")) + closing)


def test_a_graph_is_the_same_byte_for_byte(figure):
    def flip_a_bit(data):
        graph = bytearray(base64.b64decode(data["graph"]))
        graph[len(graph) // 2] ^= 1
        data["graph"] = base64.b64encode(graph).decode()

    assert differences(drawn(edited(figure, lambda data: None)), drawn(figure)) == []
    assert differences(drawn(edited(figure, flip_a_bit)), drawn(figure))


@pytest.mark.parametrize(("by", "close"), [(1e-6, True), (5e-5, False)])
def test_the_starts_of_a_run_may_differ_in_their_last_bits(figure, by, close):
    def shift_one(data):
        packed = next(told for told in data["starts"][0].values() if "bytes" in told)
        numbers = np.frombuffer(base64.b64decode(packed["bytes"]), "<f4").copy()
        numbers[7] += by
        packed["bytes"] = base64.b64encode(numbers.tobytes()).decode()

    shifted = edited(figure, shift_one)
    assert shifted != figure
    assert (differences(drawn(shifted), drawn(figure)) == []) is close


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data["starts"].pop(),
        lambda data: data["starts"].reverse(),
        lambda data: data["controls"][0].update(value=data["controls"][0]["value"] * 1.01),
        lambda data: data["controls"][0].update(label="another"),
        lambda data: data["presets"].clear(),
        lambda data: data.update(steps=data["steps"] + 1),
        lambda data: data.update(steps=data.pop("steps")),  # in another order
        lambda data: data.update(more=1),
        lambda data: data["spec"].update(training=1),
        lambda data: next(told for told in data["starts"][0].values() if "bytes" in told).update(type="float64"),
    ],
)
def test_the_other_data_of_a_page_are_the_same(figure, edit):
    assert differences(drawn(edited(figure, edit)), drawn(figure))


def test_a_chapter_that_is_run_again_keeps_what_it_shows():
    before = new_notebook(cells=[new_code_cell("1", outputs=printed(TABLE)) for _ in range(2)])
    after = new_notebook(
        cells=[
            new_code_cell("1", outputs=printed(replaced(TABLE, "0.54", end)), execution_count=1)
            for end in ("0.55", "0.57")
        ]
    )
    keep_outputs(after, before)
    assert after.cells[0].outputs == before.cells[0].outputs
    assert "0.57" in after.cells[1].outputs[0].text


def test_nbval_compares_the_cells_of_the_book_so(tmp_path):
    """The conftest of the book, on a notebook whose cells do not all give what it holds."""
    cells = {
        "the same": ("print(0.54)", "0.54\n"),
        "noise": ("print(0.54)", "0.55\n"),
        "a change": ("print(0.54)", "0.57\n"),
        "a word": ("print('reward')", "rewards\n"),
        "nothing any more": ("pass", "0.54\n"),
        "something new": ("print(0.54)", None),
    }
    notebook = new_notebook(
        cells=[
            new_code_cell(source, outputs=printed(text) if text else [], execution_count=number)
            for number, (source, text) in enumerate(cells.values(), start=1)
        ]
    )
    nbformat.write(notebook, tmp_path / "chapter.ipynb")
    for name in ("conftest.py", "close_outputs.py", "execute.py", "kept_figures.py"):
        shutil.copy(BOOK / name, tmp_path)
    options = ["-c", "none.ini", "--nbval", "--nbval-current-env", "-rA", "-q", "-p", "no:cacheprovider", "--color=no"]
    (tmp_path / "none.ini").write_text("[pytest]\n")
    done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=tmp_path, capture_output=True, text=True)
    passed = [int(number) for number in re.findall(r"PASSED .*Cell (\d+)", done.stdout)]
    failed = [int(number) for number in re.findall(r"FAILED .*Cell (\d+)", done.stdout)]
    assert (passed, failed) == ([0, 1], [2, 3, 4, 5]), done.stdout + done.stderr
    assert "0.54 instead of 0.57" in done.stdout
