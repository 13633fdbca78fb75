"""The table of names, read against files of our own making."""

import inspect

import pytest

import rlhf_helpers
from rlhf_helpers.beyond import rosetta
from rlhf_helpers.beyond.rosetta import default_in, faults, table

SOURCE = """
class Config:
    beta: float = field(default=0.1, metadata={})
    lr: float = Field(1e-6, ge=0)
    name: str = "x"
    later: list = field(default_factory=list)

class Other:
    beta: float = 0.5

parser.add_argument("--a.b", type=float, default=0.01)
parser.add_argument("--switch", action="store_true")
parser.add_argument("--none", type=int)
parser.add_argument(f"--{prefix}.lr", default=1e-6 if prefix else 1e-5)
"""


@pytest.mark.parametrize(
    ("at", "default"),
    [
        ("Config.beta", 0.1),
        ("Config.lr", 1e-6),
        ("Config.name", "x"),
        ("Config.later", None),
        ("Other.beta", 0.5),
        ("--a.b", 0.01),
        ("--switch", False),
        ("--none", None),
        ("--{prefix}.lr", "1e-06 if prefix else 1e-05"),
    ],
)
def test_defaults_in_python(at, default):
    assert default_in("config.py", SOURCE, at) == default


def test_defaults_in_yaml():
    text = "a:\n  b: 1e-6\n  c: null\n  d: token-mean\n"
    assert [default_in("x.yaml", text, f"a.{key}") for key in "bcd"] == [1e-6, None, "token-mean"]


@pytest.mark.parametrize(("file", "at"), [("x.py", "Config.alpha"), ("x.py", "--b"), ("x.yaml", "alpha")])
def test_what_is_not_there_is_missed(file, at):
    with pytest.raises(KeyError, match=at):
        default_in(file, SOURCE if file == "x.py" else "beta: 1", at)


def test_a_row_that_does_not_hold_is_named(monkeypatch):
    cells = [
        {"file": "x.py", "at": "Config.beta", "default": 0.2},
        {"file": "x.py", "at": "Other.beta", "default": 0.5},
        {"file": "x.py", "at": "Config.alpha", "default": 1},
    ]
    monkeypatch.setattr(rosetta, "table", lambda: {"rows": [{"theirs": {"trl": cells}}]})
    assert faults("trl", {"x.py": SOURCE}) == [
        "Config.beta is 0.1, and 0.2 in the table",
        "x.py has no Config.alpha",
    ]


def test_the_table_is_whole():
    told = table()
    for row in told["rows"]:
        assert set(row) == {"ours", "what", "note", "theirs"}
        assert row["what"]
        assert set(row["theirs"]) <= set(told["libraries"])
    assert all(any(name in row["theirs"] for row in told["rows"]) for name in told["libraries"])


def test_our_names_are_arguments_of_the_package():
    functions = [rlhf_helpers.train, rlhf_helpers.generate, rlhf_helpers.aggregate]
    functions += [getattr(rlhf_helpers, name) for name in ("ppo", "grpo", "rloo", "dpo", "group_advantages", "gae")]
    functions += [rlhf_helpers.kl_estimate, rlhf_helpers.ppo_loss]
    known = {name for function in functions for name in inspect.signature(function).parameters}
    ours = {name.split(" of ")[0] for row in table()["rows"] if row["ours"] for name in row["ours"].split(", ")}
    assert ours - known == set()
