// Draws a live figure as SVG. It knows no kernel and no page: `draw(el, spec, host)` fills an element and returns
// `update(frame)`, which shows one frame. A kernel hosts it as an anywidget (`render`), a page by itself.
// How high a panel is, `live.css` says, so that its place is known before there is anything to draw.
//
//   spec   {panels: [{kind, title, looks: {series: {label, quantity, dash}}, ...}], steps, training, name,
//          controls: [{name, label, kind, options}], formula: [text or {text, series, controls, code}, ..],
//          words: {control: {letters, length, end}}: how those are spelled that hold a word}
//   frame  {step, reached, width, rows: {series: [..]}, previous: {series: [..]}, now: {series: value},
//           settings: {control: value}, marks: [{step, name, from, to}], status, error, playing}: rows are of all updates
//           that were made, up to `reached`; `step` is the one that is shown; axes show `width` updates; `seed` is the
//           run's, `pins` are [{name, rows}], `seeds` [{rows}], `progress` is how far the computation of those is
//   host   {set(control, value), seek(step), pin(name), unpin(name), seeds(), act(query), look()}: what a reader does in
//          the drawing, or asks for in a sentence, done by whoever runs the figure; look: a reader asked about a token

import { answer } from "./acts.js";
import { comparison } from "./compare.js";
import { crossHair } from "./cross_hair.js";
import { DRAWERS } from "./drawers.js";
import { guessOver } from "./guess.js";
import { handlesOver } from "./handles.js";
import { add, calm, FONT, patch, SVG, say, set } from "./ink.js";
import { inspector } from "./inspect.js";
import { formula } from "./terms.js";
import { timeline } from "./time.js";
import { write } from "./writing.js";

const PICTURES = ["loop", "strip", "table", "chips", "diff"]; // they stand together, before the charts

export function draw(el, spec, host = {}) {
  const status = add(el, "p", "baby-status");
  status.setAttribute("role", "status");
  const pictures = add(el, "div", "baby-pictures");
  const light = formula(el, spec);
  const main = add(el, "div", "baby-main");
  const panels = spec.panels.map((panel) => {
    const box = add(PICTURES.includes(panel.kind) ? pictures : main, "div", `baby-panel baby-${panel.kind}`);
    if (panel.title) add(box, "div", "baby-title").textContent = panel.title;
    const which = panel.kind === "loop" ? ": any token it wrote" : ""; // not one of its strip
    if (panel.inside) add(box, "div", "baby-hint").textContent = `Click one to look inside${which}.`;
    const place = add(box, "div", "baby-place");
    if (panel.rows) place.style.setProperty("--rows", panel.rows);
    const pitch = panel.letters ? 28 : panel.beside ? 26 : 36; // pixels from one row of chips to the next
    if (panel.kind === "chips") place.style.setProperty("--pitch", `${pitch}px`);
    const svg = place.appendChild(document.createElementNS(SVG, "svg"));
    svg.setAttribute("aria-hidden", "true"); // there is nothing to see yet
    const handles = panel.drag ? handlesOver(place) : null;
    const guess = panel.guess && guessOver({ panel, box, place, steps: spec.steps, host, changed: () => paint() });
    return { panel, box, place, svg, memory: {}, handles, guess };
  });
  const guesses = panels.flatMap(({ guess }) => guess ?? []);
  (pictures.firstChild ?? main.firstChild).classList.add("baby-first");
  const compare = spec.training ? comparison(main, spec, host) : () => {};
  const showTime = spec.training ? timeline(panels, host) : () => {};
  const cross = crossHair(el, spec, host, panels, light);
  const look = panels.some(({ panel }) => panel.inside) ? inspector(el, panels, host) : null;
  let frame = null;
  let sizes = null; // of the panels: to ask for them while a frame is drawn would lay out the page again and again
  const control = (name) => ({
    ...spec.controls.find((one) => one.name === name), // its label, and what it can be
    value: frame.settings[name],
    set: (value) => host.set(name, value),
  });
  const edges = { left: 30 }; // of all plots of the figure
  const paint = () => {
    if (!frame) return;
    const sized = sizes !== null;
    sizes ??= panels.map(({ place }) => [Math.floor(place.clientWidth), Math.floor(place.clientHeight)]);
    const before = edges.left;
    const covered = guesses.some((guess) => guess.covers());
    el.classList.toggle("baby-covered", covered);
    const seen = covered ? { ...frame, rows: {}, previous: {}, marks: [] } : frame;
    for (const [i, entry] of panels.entries()) {
      const { panel, svg, memory, handles, guess } = entry;
      const [width, height] = sizes[i];
      if (width < 40) continue;
      const axis = guess && { y_range: guess.axis() };
      const drawn = DRAWERS[panel.kind]({ ...panel, ...axis }, seen, { width, height, edges }, spec, memory);
      const { scene, words, asks } = drawn;
      entry.reads = covered ? null : drawn.reads;
      set(svg, { width, height, viewBox: `0 0 ${width} ${height}`, "font-size": FONT });
      set(svg, {
        role: panel.word ? "group" : "img",
        "aria-label": `${panel.title ? `${panel.title}: ` : ""}${words}`,
      });
      svg.removeAttribute("aria-hidden");
      patch(svg, scene);
      look?.lay(panel, asks);
      handles?.(drawn.grips.map((grip) => ({ ...grip, ...control(grip.control) })));
      guess?.show(drawn.axes, { width, height });
    }
    if (edges.left > before) return paint(); // numbers of a later panel asked for more room
    cross(frame);
    showTime(frame);
    if (!sized) look?.place();
    look?.show(frame);
    compare(frame);
    // a screen reader hears where a run stops, not every step of it
    set(status, { "aria-live": frame.playing ? "off" : "polite" });
    status.classList.toggle("baby-error", Boolean(frame.error));
    say(status, spec.training && !frame.error ? `Update ${frame.step}: ${frame.status}` : frame.status);
  };
  for (const { panel, svg, memory } of panels) if (panel.word) write(svg, panel, spec, memory, host, paint);
  const observer = new ResizeObserver(() => {
    sizes = null;
    requestAnimationFrame(paint);
  });
  for (const { place } of panels) observer.observe(place);
  const rooms = keepRoom(status);
  let painted = 0;
  const update = (next) => {
    frame = next;
    for (const guess of guesses) guess.see(frame);
    // with reduced motion there are two pictures a second, and the last one
    if (calm.matches && frame.playing && performance.now() - painted < 500) return;
    painted = performance.now();
    paint();
  };
  const forget = spec.name ? answer(spec.name, el, host.act) : () => {};
  update.stop = () => {
    observer.disconnect();
    rooms.disconnect();
    forget();
  };
  update.boxes = panels.map(({ box }) => box);
  return update;
}

// A line keeps the room that its longest words took at this width, so that nothing below it moves.
function keepRoom(line) {
  let room = {};
  const keep = ({ width, height }) => {
    room = { width, height };
    line.style.minHeight = `${height}px`;
  };
  const anew = () => {
    line.style.minHeight = "";
    keep(line.getBoundingClientRect());
  };
  const observer = new ResizeObserver(([{ contentRect }]) => {
    if (Math.abs(contentRect.width - room.width) < 0.5) contentRect.height > room.height && keep(contentRect);
    else requestAnimationFrame(anew);
  });
  observer.observe(line);
  return observer;
}

// The anywidget. A kernel tells the rows of a run once, in the frames that are the first to have them; here they are
// put together, for all views of the figure. Who has missed a frame asks for all of them.
const histories = new WeakMap();

function historyOf(model) {
  if (histories.has(model)) return histories.get(model);
  const history = { rows: {}, number: -1 };
  const hear = () => {
    const { rows, since, number } = model.get("frame");
    if (since > 0 && number !== history.number + 1) model.send({ rows: true });
    else
      for (const [name, news] of Object.entries(rows)) {
        // what is told again is another row: of one that only gets longer, the drawing remembers what it found in it
        if (history.rows[name]?.length !== since) history.rows[name] = (history.rows[name] ?? []).slice(0, since);
        for (const value of news) history.rows[name].push(value);
      }
    history.number = number;
  };
  model.on("change:frame", hear);
  hear();
  histories.set(model, history);
  return history;
}

export function initialize({ model }) {
  historyOf(model);
}

export function render({ model, el }) {
  const history = historyOf(model);
  const update = draw(el, model.get("spec"), {
    set: (name, value) => model.send({ set: [name, value] }),
    seek: (step) => model.send({ seek: step }),
    act: (query) => model.send({ act: query }),
    pin: (name) => model.send({ pin: name }),
    unpin: (name) => model.send({ unpin: name }),
    seeds: () => model.send({ seeds: true }),
  });
  let waiting = false;
  const paint = () => {
    waiting = false;
    const others = { previous: model.get("previous"), pins: model.get("pins"), seeds: model.get("seeds") };
    update({ ...model.get("frame"), rows: history.rows, ...others });
  };
  const changed = () => {
    if (!waiting) requestAnimationFrame(paint);
    waiting = true;
  };
  model.on("change:frame", changed);
  paint();
  const naming = setTimeout(furnish, 0, el);
  return () => {
    clearTimeout(naming);
    model.off("change:frame", changed);
    update.stop();
  };
}

// The handles of Jupyter's sliders have no names of their own. JupyterLab takes arrow keys for its own, unless the element
// that has the focus says otherwise.
function furnish(el) {
  const root = el.closest(".baby-live") ?? el;
  root.addEventListener("focusin", ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", true));
  for (const slider of root.querySelectorAll(".widget-slider"))
    slider.querySelector("[role=slider]")?.setAttribute("aria-label", slider.querySelector("label")?.textContent ?? "");
}
