"""What can be drawn, and what cannot is named as the caller knows it."""

import math

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from rlhf_helpers import plots

THIRDS = [1 / 3, 2 / 3, 0.0]
KINDS = {
    "a list": lambda x: x,
    "an array of 16 bits": lambda x: np.array(x, dtype=np.float16),
    "a tensor of 16 bits": lambda x: torch.tensor(x, dtype=torch.bfloat16),
    "a tensor with gradients": lambda x: torch.tensor(x, requires_grad=True),
    "a list of tensors": lambda x: [torch.tensor(value, dtype=torch.bfloat16, requires_grad=True) for value in x],
}
DRAWN = {
    "token_strip": lambda x, ids: plots.token_strip(x),
    "policy_table": lambda x, ids: plots.policy_table(
        [x, x, x] if isinstance(x, list) else torch.as_tensor(x).expand(3, 3)
    ),
    "attention_rows": lambda x, ids: plots.attention_rows([x] if isinstance(x, list) else x[None], "abc"),
    "number_rows": lambda x, ids: plots.number_rows({"reward": x}, ids=ids, digits=0),
    "curves": lambda x, ids: plots.curves({"reward": x}, x=x, bands={"reward": (x, x)}),
    "line_plot": lambda x, ids: plots.line_plot(x, {"reward": x}),
    "bars": lambda x, ids: plots.bars(x),
    "completion_chips": lambda x, ids: plots.completion_chips(ids, beside={"reward": x[:1]}),
    "levels, points and trails": lambda x, ids: plots.line_plot(
        x, {"reward": x}, points=[(x[0], x[1], "kl")], trails=[(x, x, "kl")]
    ),
    "rlhf_loop": lambda x, ids: plots.rlhf_loop(x, [ids], 0.5),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DRAWN)
def test_numbers_of_every_kind_are_drawn(name, kind):
    ids = [1, 2, 0] if kind == "a list" else np.array([1, 2, 0], dtype=np.int64)
    assert isinstance(DRAWN[name](KINDS[kind](THIRDS), ids), Axes)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plots.curves(3), TypeError, "^series must be name -> values, got int"),
        (lambda: plots.curves({"a": ["x"]}), TypeError, "^a must be numbers: "),
        (lambda: plots.line_plot([1], [1]), TypeError, "^ys must be name -> values, got list"),
        (lambda: plots.line_plot("x", {"a": [1]}), TypeError, "^x must be numbers: "),
        (lambda: plots.bars(["a"]), TypeError, "^values must be numbers: "),
        (lambda: plots.bars([1, 2], ticks=["a"]), ValueError, "^ticks must be 2, got 1"),
        (lambda: plots.token_strip("a"), TypeError, "^probs must be numbers: "),
        (lambda: plots.token_strip([1.0], quantity="x"), ValueError, "^quantity must be among .* got 'x'"),
        (lambda: plots.policy_table([[1.0]], quantity="x"), ValueError, "^quantity must be among"),
        (lambda: plots.attention_rows([[1.0]], "a", quantity="x"), ValueError, "^quantity must be among"),
        (lambda: plots.number_rows(3), TypeError, "^rows must be name -> values, got int"),
        (lambda: plots.number_rows({"a": [1.0]}, digits=-1), ValueError, "^digits must be in .* got -1"),
        (lambda: plots.number_rows({"a": [1.0]}, digits="1"), TypeError, "^digits must be a whole number, got str"),
        (lambda: plots.completion_chips([[0.5, 1]]), ValueError, "^ids must be token ids, got 0.5"),
        (lambda: plots.completion_chips([["a"]]), TypeError, "^ids must be numbers: "),
        (lambda: plots.rlhf_loop([1.0], [0], 0.5), ValueError, r"^ids must have shape \(B, T\), got \(1,\)"),
        (lambda: plots.figure(5.2, -1.0), ValueError, "^height must be .* got -1"),
        (lambda: plots.figure(columns=0), ValueError, "^columns must be .* got 0"),
        (lambda: plots.bars([1j]), TypeError, "^values must be numbers: these are complex"),
        (lambda: plots.bars(torch.ones(2, device="meta")), TypeError, "^values must be numbers: "),
        (lambda: plots.token_strip([1.0], quantity=[1]), ValueError, "^quantity must be among"),
        (lambda: plots.completion_chips([[math.inf, 1]]), ValueError, "^ids must be token ids, got inf"),
        (lambda: plots.curves({}, levels={"reward": "x"}), ValueError, "^series must be at least one"),
        (lambda: plots.curves({"reward": [1.0]}, levels={"reward": "x"}), TypeError, "^reward must be numbers: "),
        (lambda: plots.figure(rows=0), ValueError, "^rows must be .* got 0"),
        (lambda: plots.figure(0), ValueError, "^width must be .* got 0"),
        (lambda: plots.bars([1], 3), TypeError, "^ax must be axes of matplotlib, got int"),
        (lambda: plots.code_lines(3), TypeError, "^text must be a text, got int"),
        (lambda: plots.show(3, caption="a", alt="b"), TypeError, "^fig must be a figure, or axes of it, got int"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_numbers_keep_all_their_digits():
    third = torch.tensor([1 / 3], dtype=torch.float64)
    ax = plots.curves({"reward": [0.0, 1.0]}, levels={"kl": third[0].requires_grad_()})
    assert ax.lines[-1].get_ydata()[0] == 1 / 3
    assert plots.line_plot([0.0, 1.0], {}, points=[(0.5, third, "kl")]).lines[0].get_ydata()[0] == 1 / 3


def test_what_stands_below_bars_may_come_one_by_one_and_tokens_may_be_letters():
    ax = plots.bars([1.0, 2.0], ticks=(letter for letter in "ab"))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
    words = [text.get_text() for text in plots.number_rows({"reward": [1.0, 2.0]}, ids=["a", "b"]).texts]
    assert {"a", "b"} <= set(words)
