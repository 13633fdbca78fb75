"""A word is written in a figure: bars and squares are what torch computes, by mouse, touch and keyboard."""

import numpy as np
import pytest
import torch
from support.browser import Tabs, needs_chromium
from support.chapters import ROOT
from support.graphs import published_data
from support.live_pages import UNTIL, arrive, drive, run
from torch.nn.utils import vector_to_parameters

from rlhf_helpers.live.word import Spelling
from rlhf_helpers.names import encode, pretrained_policy

pytestmark = needs_chromium
PAGE = "book/11_names.html"
[DATA] = published_data(ROOT / "book" / "11_names.ipynb")
CONTROL = next(control for control in DATA["controls"] if control["kind"] == "word")
SPELLING = Spelling(CONTROL["letters"], CONTROL["length"], CONTROL["end"])
SPEC = {panel["kind"]: panel for panel in DATA["spec"]["panels"]}
# What is drawn of each letter: the heights of its bars as parts of the scale that stands beside them.
BARS = """figure => {
  const svg = figure.querySelector(".baby-letters .baby-place > svg");
  const top = parseInt([...svg.querySelectorAll("text")].find(t => t.textContent.endsWith("%")).textContent) / 100;
  const [floor, ceiling] = [...svg.querySelectorAll("line")].map(line => Number(line.getAttribute("y1")));
  return [...svg.querySelectorAll("[data-key]")].slice(1).map(key => [...key.querySelectorAll("rect")].slice(1)
    .map(bar => top * Number(bar.getAttribute("height")) / Math.abs(floor - ceiling)));
}"""
# What is drawn of each head: the numbers on its squares, and how full they are.
HEADS = """figure => {
  const svg = figure.querySelector(".baby-heads .baby-place > svg");
  const rows = new Map();
  for (const text of svg.querySelectorAll(":scope > text[font-size='11']")) {
    const y = text.getAttribute("y");
    rows.set(y, [...(rows.get(y) ?? []), Number(text.textContent)]);
  }
  return [...rows.values()];
}"""
FIELD = "the first letters of a name"


@pytest.fixture(scope="module")
def reader(browser, site):
    """A page that nobody else uses, in which nothing goes wrong."""
    tabs = Tabs(browser)
    page = tabs.open(site + PAGE)
    arrive(page)
    yield page
    tabs.leave()
    tabs.close()


@pytest.fixture
def figure(reader):
    """The figure, back at its defaults, a few updates on: policy and reference are no longer the same."""
    figure = arrive(reader)
    run(figure, {}, 8)
    return figure


def written(figure) -> str:
    """The word that is shown, after what was asked for is done."""
    figure.evaluate(UNTIL, "!figure.pending.size")
    return drive(figure, "return figure.frame.settings.prefix")


def check(figure):
    """All that is shown of the word is what torch computes with the weights that the page has."""
    word = written(figure)
    now, params = drive(figure, "return [figure.now, [...figure.engine.state.get('params').numbers]]")
    policy, reference = pretrained_policy(), pretrained_policy()
    vector_to_parameters(torch.tensor(params), policy.parameters())
    ids, memory = encode([f".{word}"]), policy.memory()
    with torch.no_grad():
        wanted = {
            "next_letter": policy(ids, memory)[0, -1].softmax(-1),
            "ref_next_letter": reference(ids)[0, -1].softmax(-1),
        }
    for name, probs in wanted.items():
        np.testing.assert_allclose(now[name], probs, rtol=1e-4, atol=1e-6, err_msg=f"{name} after {word!r}")
    weights = np.array(now["attention"])
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    seen = len(word) + 1
    np.testing.assert_allclose(weights[:, :seen, :seen], memory.weights[0][0], rtol=1e-4, atol=1e-6)
    if not word.endswith("."):
        bars = np.array(figure.evaluate(BARS))
        shown = np.stack([wanted[name] for name in SPEC["letters"]["names"]], 1)
        np.testing.assert_allclose(bars, shown, atol=0.003, err_msg=f"bars after {word!r}")
    np.testing.assert_allclose(figure.evaluate(HEADS), memory.weights[0][0, :, -1], atol=0.0051)


def test_what_is_typed_is_what_torch_computes(reader, figure):
    field = figure.get_by_label(FIELD)
    for word in ("", "a", "kiara", "q", "mariannexx", "anna."):
        field.fill(word)
        assert written(figure) == word
        check(figure)
    field.press("Backspace")
    assert written(figure) == "anna"


def test_a_letter_is_written_by_mouse_and_by_keyboard_alone(reader, figure):
    letters = figure.locator(".baby-letters")
    letters.get_by_role("button", name="write n").click()
    assert written(figure) == "ann"
    check(figure)
    reader.keyboard.press("ArrowRight")  # from n to o
    reader.keyboard.press("Enter")
    assert written(figure) == "anno"
    reader.keyboard.press("Backspace")
    reader.keyboard.press("Home")
    reader.keyboard.press("ArrowRight")  # past what takes a letter back: the end, and then a
    reader.keyboard.press("ArrowRight")
    reader.keyboard.press("Space")
    assert written(figure) == "anna"
    assert figure.get_by_label(FIELD).input_value() == "anna"
    reader.keyboard.press("ArrowLeft")
    reader.keyboard.press("Enter")
    assert written(figure) == "anna."
    assert "The name has ended" in letters.locator(".baby-place > svg").text_content()
    reader.keyboard.press("Enter")  # nothing follows an end
    assert written(figure) == "anna."
    letters.get_by_role("button", name="take the last letter back").click()
    assert written(figure) == "anna"
    check(figure)


def test_attention_is_shown_from_the_letter_that_is_pointed_at(reader, figure):
    figure.get_by_label(FIELD).fill("maria")
    written(figure)
    weights = np.array(drive(figure, "return figure.now.attention"))
    heads = figure.locator(".baby-heads")
    heads.get_by_role("button", name="look from r, position 4").hover()
    np.testing.assert_allclose(figure.evaluate(HEADS), weights[:, 3, :4], atol=0.0051)
    assert heads.locator("svg [stroke-dasharray]").count() == 2 * 4  # i and a: not read yet
    figure.get_by_label(FIELD).hover()
    np.testing.assert_allclose(figure.evaluate(HEADS), weights[:, 5, :6], atol=0.0051)
    heads.locator("[tabindex='0']").focus()
    reader.keyboard.press("ArrowLeft")
    np.testing.assert_allclose(figure.evaluate(HEADS), weights[:, 4, :5], atol=0.0051)
    assert "from i, position 5: head 1 looks at" in heads.locator(".baby-place > svg").get_attribute("aria-label")
    drive(figure, 'figure.moved("prefix", "a", figure.inputs.get("prefix").show)')  # what has the focus goes away
    assert written(figure) == "a"
    check(figure)


@pytest.mark.parametrize("text", ["", "ab", "zoe.", ".", "a.b", "..", "Anna", "an 7", "é", "abcdefghijk", "abcdefghij"])
def test_a_page_and_a_kernel_take_the_same_words(figure, text):
    field = figure.get_by_label(FIELD)
    field.fill(text)
    fits = SPELLING.is_word(text)
    assert written(figure) == (text if fits else "an")
    told = figure.locator(".baby-control .baby-refused:not(.baby-reserved)")
    assert told.text_content() == ("" if fits else CONTROL["told"])
    assert field.get_attribute("aria-invalid") == ("false" if fits else "true")


def test_a_link_tells_the_word(figure, tabs):
    field = figure.get_by_label(FIELD)
    field.fill("jo")
    drive(figure, "await figure.advance(3)")
    field.fill("jos")
    shown = drive(figure, "figure.settle(); return figure.now")
    address = drive(figure, "return figure.address()")
    page = tabs.open(address)
    copy = arrive(page)
    assert written(copy) == "jos"
    assert drive(copy, "return figure.now") == shown
    page.goto(address.replace("prefix=jos", "prefix=a7"))
    assert "does not fit" in arrive(page).inner_text()


def test_a_finger_writes_on_a_phone_and_in_a_saved_file(browser, html_dir):
    context = browser.new_context(
        viewport={"width": 375, "height": 800}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto((html_dir / "figures" / "11_names-1.html").as_uri())
    figure = arrive(page)
    keys = figure.locator(".baby-letters [data-key]")
    boxes = keys.evaluate_all("keys => keys.map(key => key.getBoundingClientRect()).map(b => [b.width, b.height])")
    assert np.min(boxes, 0).tolist() >= [20, 24]
    for letter in "na":
        figure.get_by_role("button", name=f"write {letter}").tap()
    assert written(figure) == "anna"
    check(figure)
    figure.locator(".baby-heads").get_by_role("button", name="look from n, position 4").tap()
    assert len(figure.evaluate(HEADS)[0]) == 4
    context.close()
