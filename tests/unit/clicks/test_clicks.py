"""Clicks on pairs: one format for notebook and page, kept here and sent nowhere, and a fit that is the right one."""

import json

import numpy as np
import pytest
import torch

from rlhf_helpers.clicks import ask, load_clicks, save_clicks

PAIRS = [([i, i, 1], [i, i, 2]) for i in range(10)]
WORDS = [("Ada", "Bo"), ("Cleo", "Dan")]


def row(chosen, rejected):
    return {"chosen": chosen, "rejected": rejected}


def test_clicks_are_kept_on_disk_and_found_again(tmp_path):
    path = tmp_path / "mine.json"
    asked = ask(PAIRS, name="test", path=path)
    assert asked.clicks == []
    assert not path.exists()  # nothing is written before somebody clicks
    asked.rows = [row([0, 0, 1], [0, 0, 2])]
    assert load_clicks(path) == [([0, 0, 1], [0, 0, 2])]
    assert ask(PAIRS, name="test", path=path).clicks == asked.clicks


def test_two_widgets_on_one_file_keep_all_clicks(tmp_path):
    path = tmp_path / "ours.json"
    rows = [row([i, i, 1], [i, i, 2]) for i in range(5)]
    mine, yours = (ask(PAIRS, name="test", path=path) for _ in range(2))
    mine.rows = rows[:1]
    mine.rows = rows[:2]
    yours.rows = rows[2:3]  # has not seen mine
    assert yours.rows == rows[:3]
    mine.rows = [*rows[:2], rows[3]]
    assert mine.rows == rows[:4]
    assert load_clicks(path) == mine.clicks
    yours.rows = rows[:2]  # takes its own back
    assert load_clicks(path) == [*mine.clicks[:2], mine.clicks[3]]
    yours.rows = []  # clears
    assert load_clicks(path) == []


def test_pairs_may_be_tensors_or_come_one_by_one():
    expected = ask(PAIRS, name="test").spec["pairs"]
    assert ask(torch.tensor(PAIRS), name="test").spec["pairs"] == expected
    assert ask(iter(PAIRS), name="test").spec["pairs"] == expected


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(ValueError, match="path must be a file in a folder that exists, got 'nosuch/clicks.json'"):
        ask(PAIRS, name="test", path="nosuch/clicks.json")
    folder = tmp_path / "gone"
    folder.mkdir()
    asked = ask(PAIRS, name="test", path=folder / "clicks.json")
    folder.rmdir()
    clicked = [row([0, 0, 1], [0, 0, 2])]
    asked.rows = clicked
    assert "not in the file" in asked.trouble
    assert "No such file" in asked.trouble
    assert asked.rows == clicked
    folder.mkdir()
    asked.rows = [*clicked, row([1, 1, 1], [1, 1, 2])]
    assert asked.trouble == ""
    assert load_clicks(folder / "clicks.json") == asked.clicks


def test_words_go_through_the_file(tmp_path):
    save_clicks(tmp_path / "w.json", "names", [("Zoë", "Bo")])
    assert load_clicks(tmp_path / "w.json") == [("Zoë", "Bo")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "other", "clicks": []}',
        '{"format": "baby-rlhf clicks"}',
        '{"format": "baby-rlhf clicks", "clicks": [{"chosen": 1}]}',
    ],
)
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text, "utf-8")
    with pytest.raises(ValueError, match="path must be a file of clicks"):
        load_clicks(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pairs": []}, "pairs must be at least one pair"),
        ({"pairs": [([1], [1])]}, "two different"),
        ({"pairs": [([1], "a")]}, "got both"),
        ({"pairs": WORDS}, "features must be given"),
        ({"features": {f"f{i}": len for i in range(13)}}, "1 to 12, got 13"),
        ({"name": "a b"}, "name must be made of"),
    ],
)
def test_bad_input_is_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        ask(**{"pairs": PAIRS, "name": "test", **arguments})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pairs": 3}, "pairs must be pairs of completions: 'int' object is not iterable"),
        ({"pairs": [3]}, "pairs must be pairs of completions: 'int' object is not iterable"),
        ({"pairs": torch.tensor(3)}, "pairs must be pairs of completions: iteration over a 0-d tensor"),
        ({"features": {"letters": lambda item: None}}, r"features\['letters'\] must return a number: "),
        ({"pairs": [([0.5], [1])]}, "a completion must be a word or token ids: "),
        ({"features": 3}, "features must be label -> function of a completion"),
        ({"features": {"letters": 3}}, "features must be label -> function of a completion"),
        ({"features": {"letters": str}}, r"features\['letters'\] must return a number: "),
    ],
)
def test_a_wrong_type_is_named(arguments, said):
    with pytest.raises(TypeError, match=said):
        ask(**{"pairs": PAIRS, "name": "test", **arguments})


def test_clicks_may_come_one_by_one_or_as_arrays(tmp_path):
    path = tmp_path / "x.json"
    for clicks in (zip("ab", "cd", strict=True), np.array([["a", "c"], ["b", "d"]])):
        save_clicks(path, "x", clicks)
        assert load_clicks(path) == [("a", "c"), ("b", "d")]


@pytest.mark.parametrize(
    ("clicks", "error", "said"),
    [
        (3, TypeError, "clicks must be pairs of completions: "),
        ([("a", "b"), ("c",)], ValueError, r"clicks must be \(chosen, rejected\) each"),
        (["ab"], ValueError, r"clicks must be \(chosen, rejected\) each"),
    ],
)
def test_clicks_that_are_none_are_named_and_nothing_is_lost(tmp_path, clicks, error, said):
    path = tmp_path / "x.json"
    save_clicks(path, "x", [("a", "b")])
    with pytest.raises(error, match=said):
        save_clicks(path, "x", clicks)
    assert load_clicks(path) == [("a", "b")]


def test_a_name_that_is_no_text_is_named(tmp_path):
    with pytest.raises(ValueError, match="name must be made of letters, digits, - and _, got 3"):
        ask(PAIRS, name=3)
    with pytest.raises(TypeError, match="name must be a text, got int"):
        save_clicks(tmp_path / "c.json", 3, [])
    with pytest.raises(ValueError, match=r"clicks must be \(chosen, rejected\) each"):
        save_clicks(tmp_path / "c.json", "test", [("a",)])


def test_token_ids_may_be_numpys(tmp_path):
    one, two = np.array([1, 2]), np.array([3])
    assert ask([(one, two)], name="test").spec["pairs"][0][0]["value"] == [1, 2]
    save_clicks(tmp_path / "c.json", "test", [(one, two)])
    assert load_clicks(tmp_path / "c.json") == [([1, 2], [3])]


def test_a_page_gets_the_pairs_without_a_kernel_and_escaped():
    html = ask([("</script>", "b")], name="test", features={"letters": len})._repr_mimebundle_()[0]["text/html"]
    assert html.count("</script>") == 1
    spec = json.loads(html.split('class="baby-clicks-data">')[1].split("</script>")[0])
    assert spec["pairs"] == [[{"value": "</script>", "features": [9.0]}, {"value": "b", "features": [1.0]}]]


def test_what_is_taken_back_here_may_be_gone_from_the_file_or_in_it_twice(tmp_path):
    one, other = (ask(PAIRS, name="test", path=tmp_path / "c.json") for _ in range(2))
    first, second = row([0, 0, 1], [0, 0, 2]), row([1, 1, 1], [1, 1, 2])
    one.rows = [first]
    other.rows = [second]
    other.rows = [first, second, first]
    one.rows = []
    assert one.rows == [first, second]  # the last of the two is gone
    other.rows = []
    one.rows = [first]
    assert (one.trouble, load_clicks(tmp_path / "c.json")) == ("", [])
