// Reading a figure: one line through all panels with a common axis, the updates or the x of functions, where a pointer
// or a key puts it. The names of the lines tell their values there, and the rows below the axis where that is and which
// settings were in force. Nothing is drawn anew for it: a layer over each panel stands in for what it hides (`told`).
//
// A panel that can be read gives `reads`: {axis, word, xs, X, plot, width, rows, lines, names, marks}

import { add, dot, measure, of, patch, path, SVG, set, text } from "./ink.js";
import { labelled, number, r } from "./numbers.js";
import { inForce, near, writeMark, writeSetting } from "./settings.js";

const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity };
KEYS.End = Infinity;

export function crossHair(el, spec, host, panels, painted) {
  let frame = null;
  let reading = null; // {axis, index, entry}: where, and the panel that was asked
  const layers = [];
  let heard = null; // what a screen reader is told
  const lastOf = (entry) => entry.reads.xs.length - 1;
  const indexIn = (entry) => Math.min(reading.index, lastOf(entry));

  function paint() {
    el.classList.toggle("baby-reading", Boolean(reading));
    for (const { entry, svg, layer } of layers) {
      const { reads } = entry;
      layer.style.visibility = reads ? "" : "hidden"; // where there is nothing to read, nothing takes the focus
      if (!reads) continue;
      const here = reading?.axis === reads.axis;
      entry.place.classList.toggle("baby-read", here);
      patch(svg, here ? scene(entry, indexIn(entry), entry === reading.entry) : []);
      if (!layer.hasAttribute("tabindex")) continue;
      if (frame.playing && !here && layer.hasAttribute("aria-valuenow")) continue; // nobody listens
      const index = here ? indexIn(entry) : lastOf(entry);
      set(layer, {
        "aria-valuemin": 0,
        "aria-valuemax": lastOf(entry),
        "aria-valuenow": index,
        "aria-valuetext": where(reads, index),
      });
    }
    painted();
  }

  function scene(entry, index, asked) {
    const { reads } = entry;
    const { plot, xs, X, lines, width, rows, marks } = reads;
    const x = plot.x + X(xs[index]);
    const dots = lines.flatMap(({ series, y, at, color }) =>
      at(y[index]) === null ? [] : [of(series, dot(x, plot.y + at(y[index]), color, 3.6))],
    );
    const words = [where(reads, index), ...(asked || reads.axis ? details(entry, index) : [])];
    const told = wrapped(words, width, rows).map((row, i) => ({ row, y: plot.y + plot.height + 17 + 18 * i }));
    return [
      path(`M${r(x)} ${plot.y}v${r(plot.height)}`, "currentColor", { "stroke-width": 1, "stroke-opacity": 0.8 }),
      ...dots,
      ...reads.names(index),
      ...marks(near(frame.marks, index, spec.steps)),
      ...told.map(({ row, y }) => {
        const wide = measure(row, 11);
        const left = Math.max(0, Math.min(x - wide / 2, width - wide));
        return text(left, y, row, { "font-size": 11, "font-weight": 600 });
      }),
    ];
  }

  // What the rows below the axis say of a place: the settings at an update, the values of functions.
  function details({ reads }, index) {
    if (reads.axis) return reads.lines.filter(({ label }) => label).map((line) => inWords(line, index));
    return Object.entries(inForce(frame, index)).map(([name, value]) => writeSetting(name, value, spec.controls));
  }

  // All of it, in words.
  function sentence(index) {
    const read = layers.map(({ entry }) => entry).filter(({ reads }) => reads?.axis === reading.axis);
    const values = read.flatMap(({ reads }) => reads.lines.filter(({ label }) => label).map((l) => inWords(l, index)));
    if (reading.axis) return [...new Set(values)].join(", ");
    const settings = details(reading.entry, index);
    const moved = near(frame.marks, index, spec.steps);
    const marks = moved.map((mark) => `at update ${mark.step}: ${writeMark(mark, spec.controls)}`);
    return [[...new Set(values)].join(", "), settings.join(", "), ...marks].filter(Boolean).join("; ");
  }

  function read(entry, index, aloud) {
    reading = { axis: entry.reads.axis, index: Math.max(0, Math.min(index, lastOf(entry))), entry };
    paint();
    if (aloud) heard.textContent = sentence(reading.index);
  }

  function leave() {
    if (!reading) return;
    reading = null;
    paint();
  }

  function indexUnder(event, { place, reads }) {
    const x = event.clientX - place.getBoundingClientRect().left - reads.plot.x;
    let nearest = 0;
    for (const [i, v] of reads.xs.entries())
      if (Math.abs(reads.X(v) - x) < Math.abs(reads.X(reads.xs[nearest]) - x)) nearest = i;
    return nearest;
  }

  // What a drag along the updates becomes.
  const drag = (entry, index) => spec.training && !entry.reads.axis && host?.seek?.(index);

  function listen(entry, focusable) {
    const { place } = entry;
    place.classList.add("baby-readable");
    place.addEventListener("pointerdown", (event) => {
      if (!entry.reads || event.defaultPrevented) return;
      if (event.pointerType !== "mouse") focusable.focus({ preventScroll: true }); // what takes the focus ends it
      read(entry, indexUnder(event, entry));
    });
    place.addEventListener("pointermove", (event) => {
      if (!entry.reads || event.defaultPrevented) return;
      const index = indexUnder(event, entry);
      read(entry, index);
      if (event.buttons & 1) drag(entry, index);
    });
    place.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && leave());
    place.addEventListener("pointercancel", leave);
  }

  function listenToKeys(entry, layer) {
    set(layer, { tabindex: 0, role: "slider" });
    layer.setAttribute("aria-label", entry.panel.kind === "curves" ? "Read the curves" : "Read the functions");
    layer.addEventListener("keydown", (event) => {
      if (event.key === "Escape") return leave();
      if (!(event.key in KEYS) || !entry.reads || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const asked = reading?.axis === entry.reads.axis ? reading : { entry, index: lastOf(entry) };
      read(asked.entry, asked.index + KEYS[event.key], true);
    });
    layer.addEventListener("focus", () => layer.matches(":focus-visible") && entry.reads && read(entry, Infinity));
    layer.addEventListener("blur", leave);
  }

  const focusable = {};
  for (const entry of panels) {
    const { panel, place } = entry;
    if (!(panel.kind === "curves" || (panel.kind === "plot" && panel.ys.length))) continue;
    const layer = add(place, "div", "baby-cross");
    const svg = layer.appendChild(document.createElementNS(SVG, "svg"));
    svg.setAttribute("aria-hidden", "true");
    layers.push({ entry, layer, svg });
    const axis = panel.kind === "curves" ? "" : panel.x;
    if (!focusable[axis]) listenToKeys(entry, layer);
    focusable[axis] ??= layer;
    listen(entry, focusable[axis]);
  }
  if (layers.length) {
    heard = add(layers[0].entry.place, "p", "baby-heard");
    heard.setAttribute("aria-live", "polite");
  }

  return (next) => {
    frame = next;
    paint();
  };
}

const where = ({ word, xs }, index) => `${word} ${Number.isInteger(xs[index]) ? xs[index] : number(xs[index])}`;
const inWords = ({ label, y, span }, index) => labelled(label, number(y[index], span));

// Words in at most this many rows: "where: this, that"; what has no room is left out.
function wrapped([first, ...rest], width, most) {
  const rows = [first];
  for (const [i, piece] of rest.entries()) {
    const joined = `${rows.at(-1)}${i ? "," : ":"} ${piece}`;
    if (measure(joined, 11) <= width) rows[rows.length - 1] = joined;
    else if (rows.length < most) {
      rows[rows.length - 1] += i ? "," : ":";
      rows.push(piece);
    } else return rows.with(-1, `${rows.at(-1)} …`);
  }
  return rows;
}
