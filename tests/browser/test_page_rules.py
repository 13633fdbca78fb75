"""The rules that a kernel and a page share, in the page's script, run by Node: it says what the kernel says."""

import json
import random
from pathlib import Path

from support import node

from rlhf_helpers.live import rules

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "rlhf_helpers" / "live" / "page" / "rules.js"
CASES = json.loads((ROOT / "tests" / "support" / "live_rules.json").read_text("utf-8"))
FORMS = ["", "+", ".0f", ".1f", "+.1f", ".2f", ".3f", ".0%", "+.1%", ".2g", ".3g", "+.3g", ".0e", ".1e", ".3e", "g"]
# Answers every case as tests/unit/live/test_rules.py does.
ANSWER = """
import * as rules from %s;
import { readFileSync } from "node:fs";
const { numbers, statuses, known, stops, paces, widths, marks, acts } = JSON.parse(readFileSync(0, "utf-8"));
const marked = ({ steps, moves }) => {
  const all = [];
  for (const [step, name, old, value] of moves) rules.moveMark(all, name, old, value, step, steps);
  return all.map((mark) => [mark.step, mark.name, mark.to]);
};
console.log(JSON.stringify({
  numbers: numbers.map(([value, form]) => rules.writeNumber(value, form)),
  statuses: statuses.map(([status, sentences]) => rules.writeStatus(status, sentences, known)),
  stops: stops.map(([names, step, controls, trains]) => rules.writeStop(names, step, controls, trains)),
  paces: paces.map(([speed, steps]) => [speed, steps, ...rules.pace(speed, steps)]),
  widths: widths.map(([reached, steps]) => [reached, steps, rules.axisWidth(reached, steps)]),
  marks: marks.map(marked),
  acts: acts.map(([settings, seed, moves]) => rules.writeAct(settings, seed, moves)),
  constants: [rules.FRAME, rules.BUSY, rules.ONE_BY_ONE, rules.SAME_DRAG, rules.BACK, rules.PINS],
  speeds: rules.PACES,
}));
"""


# The places that are drawn of a row that gets longer, asked after each of its parts, and of the same row asked once.
PLACES = """
import { places } from %s;
import { readFileSync } from "node:fs";
const { row, parts, columns } = JSON.parse(readFileSync(0, "utf-8"));
const [growing, parted] = [[], []];
const asked = parts.map((part) => {
  growing.splice(growing.length - 1, 1, ...row.slice(Math.max(0, growing.length - 1), part));
  if (part < row.length) growing[part - 1] = 99; // the last may still change
  for (const span of [[0, part - 500], [500, part - 1]]) // of a run that went back: up to what is shown, and from there
    parted.push([places(growing, ...span, columns), places([...growing], ...span, columns)]);
  return places(growing, 0, part - 1, columns);
});
console.log(JSON.stringify({ asked, parted, once: places([...growing], 0, row.length - 1, columns) }));
"""


def answers(cases: dict) -> dict:
    """What the page's script says to some cases."""
    return node.answer(ANSWER % json.dumps(SCRIPT.as_uri()), cases)


def test_the_page_has_the_kernels_rules():
    found = answers(CASES)
    for kind in ("numbers", "statuses", "stops", "acts"):
        assert found[kind] == [case[-1] for case in CASES[kind]]
    assert found["marks"] == [case["marks"] for case in CASES["marks"]]
    for kind in ("paces", "widths"):
        assert found[kind] == CASES[kind]
    times = [1000 * seconds for seconds in (rules.FRAME, rules.BUSY, rules.ONE_BY_ONE)]
    assert found["constants"] == [*times, rules.SAME_DRAG, rules.BACK, rules.PINS]
    assert found["speeds"] == rules.PACES


def test_the_page_writes_any_number_as_the_kernel_does():
    draw = random.Random(0)
    values = [draw.uniform(-1, 1) * 10 ** draw.randint(-8, 8) for _ in range(2000)]
    values += [draw.randint(-999, 999) / 2 ** draw.randint(0, 10) for _ in range(2000)]  # with halves to round
    numbers = [[value, draw.choice(FORMS)] for value in values]
    expected = [rules.write_number(value, form) for value, form in numbers]
    assert answers({**CASES, "numbers": numbers})["numbers"] == expected


def test_of_a_long_line_what_is_seen_is_drawn_and_no_more():
    draw = random.Random(1)
    row = [draw.gauss(0, 1) for _ in range(5000)]
    row[1234] = 50  # one update among thousands
    row[2345] = None
    script = PLACES % json.dumps((ROOT / "rlhf_helpers" / "live" / "numbers.js").as_uri())
    found = node.answer(script, {"row": row, "parts": [*range(1, 5000, 97), 4992, 5000], "columns": 200})
    assert found["asked"][-1] == found["once"], "what was found before is still so"
    assert all(remembered == fresh for remembered, fresh in found["parted"])
    drawn = found["once"]
    assert drawn == sorted(set(drawn))
    assert {0, 1234, 2345, 4999} <= set(drawn)
    assert len(drawn) <= 5 * 200
    for first in range(0, 5000, 32):
        column = [v for v in row[first : first + 32] if v is not None]
        kept = [row[i] for i in drawn if first <= i < first + 32 and row[i] is not None]
        assert (min(kept), max(kept)) == (min(column), max(column))
