"""Torch, onnxruntime and the modules of the pages are one engine, and a module is the same in every browser.

Along 50 updates of every figure, and along a few with each control at both of its ends: a page's module leads, and
onnxruntime evaluates the graph from where the module is. That torch agrees with the graphs in the same way is in
`tests/book/test_export.py`.
"""

import hashlib

import numpy as np
import pytest
from support import agreement
from support.browser import needs_chromium
from support.chapters import CHAPTERS
from support.firefox import firefox, needs_firefox
from support.graphs import STEPS, control_inputs, published_data, settings_to_try
from support.live_pages import arrive, run

pytestmark = needs_chromium
PAGES = {path.stem: published_data(path) for path in CHAPTERS if published_data(path)}
# Walks a figure's engine through some steps; a frame is everything that it had and made, one tensor after the other.
# An evaluation whose series are not finite is taken back by the engine: it is the last frame.
WALK = """async (figure, settings, steps, tell) => {
  figure.alone = false; // or it plays by itself meanwhile, on the same engine
  await figure.use({...figure.defaults(), ...settings});
  const {engine, values, trains} = figure;
  const frames = [];
  const note = (...buffers) => frames.push(["state", "next", "noise", "series"].flatMap((kind, place) =>
    [...buffers[place]].map(([name, {type, shape, numbers}]) => {
      const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
      return [name ? `${kind}/${name}` : kind, type, shape, tell(bytes.slice())];
    })));
  const shows = engine.evaluate(values) || !trains;
  note(engine.state, engine.next, engine.noise, shows ? engine.shown : engine.fresh);
  while (trains && frames.length <= steps && !engine.trouble.length) {
    const before = engine.step;
    engine.advance(values, 1, Infinity);
    if (engine.step > before) note(engine.state, engine.next, engine.noise, engine.shown);
    else note(engine.next, engine.later, engine.spare, engine.fresh);
  }
  return {frames, trouble: engine.trouble};
}"""
SEND = f"""async ({{liveFigure: figure}}, jobs) => {{
  const walks = [];
  for (const [settings, steps] of jobs)
    walks.push(await ({WALK})(figure, settings, steps, (bytes) => bytes.toBase64()));
  return walks;
}}"""
# The same as a hash for each job. What is no number has many forms, all alike to a reader: it counts as one.
HASH = f"""async (index, jobs) => {{
  const element = document.querySelectorAll("figure.baby-live")[index];
  element.liveFigure.alone = false;
  await element.liveFigure.start();
  const hashes = [];
  for (const [settings, steps] of jobs) {{
    const parts = [];
    await ({WALK})(element.liveFigure, settings, steps, (bytes) => parts.push(bytes));
    for (const part of parts) {{
      const words = new Uint32Array(part.buffer);
      new Float32Array(part.buffer).forEach((number, i) => number !== number && (words[i] = 0x7fc00000));
    }}
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer()));
    hashes.push(hash.toHex());
  }}
  return hashes;
}}"""


class Visit:
    """A page in Chromium, all its figures, and for each the walks that its jobs ask for."""

    def __init__(self, tabs, site, name):
        self.name, self.data = name, PAGES[name]
        page = tabs.open(f"{site}book/{name}.html")
        self.figures = [arrive(page, index) for index in range(len(self.data))]
        self.jobs = [list(settings_to_try(data)) for data in self.data]
        self.walks = [figure.evaluate(SEND, jobs) for figure, jobs in zip(self.figures, self.jobs, strict=True)]


@pytest.fixture(scope="module", params=PAGES)
def visit(request, kept_tabs, site):
    """One visit to each page."""
    yield Visit(kept_tabs, site, request.param)
    kept_tabs.leave()


def test_a_module_computes_what_its_graph_does(visit):
    for data, jobs, walks in zip(visit.data, visit.jobs, visit.walks, strict=True):
        defaults = {control["name"]: control["value"] for control in data["controls"]}
        for (settings, steps), walk in zip(jobs, walks, strict=True):
            controls = control_inputs(data, defaults | settings)
            frames = [agreement.unpacked(frame) for frame in walk["frames"]]
            assert len(frames) == (steps + 1 if "starts" in data else 1) or walk["trouble"]
            for step, frame in enumerate(frames):
                told = f"{data['caption'][:60]} {settings} step {step}"
                found = {name: value for name, value in frame.items() if name.startswith(("next/", "series/"))}
                agreement.check(data["graph"], frame | controls, found, told)
                bad = [name.split("/", 1)[1] for name, value in found.items() if not np.isfinite(value).all()]
                assert bad == (walk["trouble"] if step == len(frames) - 1 else []), told


def test_a_page_shows_what_its_module_computes_every_time(visit):
    for figure, walks in zip(visit.figures, visit.walks, strict=True):
        frames = [agreement.unpacked(frame) for frame in walks[0]["frames"]]
        for _ in range(2):
            shown = run(figure, {}, STEPS)["series"]
            for name, value in shown.items():
                rows = [frame[f"series/{name}"] for frame in frames]
                tracked = rows[0].ndim == 0 and len(rows) > 1
                np.testing.assert_array_equal(np.float32(value), rows if tracked else rows[-1], err_msg=name)


# A module with one instruction of relaxed SIMD, whose results may differ from processor to processor.
RELAXED = "0061736d0100000001050160" + "00017b030201000a2b012900" + 2 * f"fd0c{16 * '00'}" + "fd80020b"


@pytest.fixture(scope="module")
def fox(site):
    """A Firefox for all pages, one that refuses modules with relaxed SIMD."""
    with firefox({"javascript.options.wasm_relaxed_simd": False}) as fox:
        fox.go(site)
        assert not fox.run("text => WebAssembly.validate(Uint8Array.fromHex(text))", RELAXED)
        yield fox


@needs_firefox
def test_firefox_computes_the_same_to_the_last_bit(visit, fox, site):
    """What every processor must compute alike: no instruction is used that leaves it a choice."""
    fox.go(f"{site}book/{visit.name}.html")
    for index, (jobs, walks) in enumerate(zip(visit.jobs, visit.walks, strict=True)):
        assert fox.run(HASH, index, jobs) == [hashed(walk["frames"]) for walk in walks], visit.data[index]["caption"]


def hashed(frames: list) -> str:
    """What `HASH` says of a walk."""
    whole = hashlib.sha256()
    for frame in frames:
        for value in agreement.unpacked(frame).values():
            alike = np.where(np.isnan(value), np.float32("nan"), value) if value.dtype == np.float32 else value
            whole.update(np.ascontiguousarray(alike).tobytes())
    return whole.hexdigest()
