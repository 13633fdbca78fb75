"""Clicks on pairs: one format for notebook and page, kept here and sent nowhere, and a fit that is the right one."""

import json

import pytest

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


def test_a_page_gets_the_pairs_without_a_kernel_and_escaped():
    html = ask([("</script>", "b")], name="test", features={"letters": len})._repr_mimebundle_()[0]["text/html"]
    assert html.count("</script>") == 1
    spec = json.loads(html.split('class="baby-clicks-data">')[1].split("</script>")[0])
    assert spec["pairs"] == [[{"value": "</script>", "features": [9.0]}, {"value": "b", "features": [1.0]}]]
