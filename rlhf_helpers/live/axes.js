// Axes, the names of lines, and marks.

import { color, FONT, measure, path, text } from "./ink.js";
import { decades, labelled, niceStep, number, power, r, ticks, tickText } from "./numbers.js";
import { writeMark } from "./settings.js";

const AT_END = 0.3; // of the width: longer names of lines stand above the plot, not where the lines end
const LINE = 17; // pixels from one row of names to the next
const WIDEST = " −0.00"; // the value of a line
const DASH = 24; // a piece of a line before its name, where lines have one color
const told = "baby-told"; // what the cross-hair says in its own words

// Axes of a plot, with the names of its lines above it where they would take too much of its width.
export function frameAxes(panel, room, [x0, x1], values, lines, spec, memory, log = false, names = null) {
  const { width, height, edges } = room;
  const { right, above } = namesOfLines(spec, width);
  const head = panel.y_label || panel.kind === "curves" || names; // a line of words over the plot
  const [low, high] = limits(panel, values, memory, log);
  const span = log ? 0 : high - low;
  const legend = above ? namesAbove(lines, width, head ? 1 : 0, span) : { rows: 0, scene: [] };
  const yTicks = log ? decades(low, high) : ticks(low, high, 4);
  edges.left = Math.ceil(
    Math.max(edges.left, ...yTicks.map((v) => measure(log ? power(v) : tickText(v, yTicks)) + 12)),
  );
  const top = (head ? 26 : 10) + legend.rows * LINE;
  const plot = { x: edges.left, y: top, width: 0, height: height - top - (panel.x_label ? 42 : 26) };
  plot.width = Math.max(width - plot.x - right, 40);
  const X = (v) => ((v - x0) / (x1 - x0 || 1)) * plot.width;
  const Y = (v) => plot.height - ((v - low) / (high - low || 1)) * plot.height;
  const scene = [...legend.scene];
  for (const v of yTicks) {
    const y = plot.y + Y(v);
    scene.push(
      path(`M${plot.x} ${r(y)}h${r(plot.width)}`, "currentColor", { "stroke-opacity": 0.13, "stroke-width": 1 }),
    );
    scene.push(
      text(plot.x - 7, y + 4, log ? power(v) : tickText(v, yTicks), { "text-anchor": "end", "fill-opacity": 0.8 }),
    );
  }
  const floor = plot.y + plot.height;
  if (names) {
    const every = Math.ceil(Math.max(...names.map((n) => measure(n) + 6)) / (plot.width / names.length));
    for (let i = 0; i < names.length; i += every)
      scene.push(text(plot.x + X(i + 0.5), floor + 17, names[i], { "text-anchor": "middle", "fill-opacity": 0.8 }));
  } else {
    scene.push(
      path(`M${plot.x} ${r(floor)}h${r(plot.width)}`, "currentColor", { "stroke-opacity": 0.5, "stroke-width": 1 }),
    );
    const xTicks = ticks(x0, x1, plot.width < 260 ? 3 : 5);
    for (const v of xTicks)
      scene.push(
        text(plot.x + X(v), floor + 17, tickText(v, xTicks), {
          "text-anchor": "middle",
          "fill-opacity": 0.8,
          class: told,
        }),
      );
  }
  if (panel.x_label)
    scene.push(
      text(plot.x + plot.width / 2, floor + 35, panel.x_label, { "text-anchor": "middle", class: names ? "" : told }),
    );
  if (panel.y_label) scene.push(text(0, 12, panel.y_label, {}));
  // what the cross-hair has to know
  const legendOf = (values) =>
    namesAbove(
      lines.map((line, i) => ({ ...line, value: values[i] })),
      width,
      head ? 1 : 0,
      span,
    );
  const reads = { X, plot, width, span, rows: panel.x_label ? 2 : 1, legend: (values) => legendOf(values).scene };
  return { plot, X, Y, above, scene, reads };
}

// All plots of a figure have one right edge: the room that the longest name of a line takes at its end, or none.
function namesOfLines(spec, width) {
  const wide = spec.panels.flatMap((panel) => {
    const names = panel.kind === "curves" ? panel.names : (panel.kind === "plot" && panel.ys) || [];
    const looks = names.map((name) => panel.looks[name]).filter(({ label }) => label);
    const shared = sharedColors(looks);
    const value = panel.kind === "curves" ? WIDEST : "";
    return looks.map((look) => measure(look.label + value) + (shared(look) ? DASH + measure("= ") : 0));
  });
  const right = Math.max(0, ...wide) + 16;
  const above = right > AT_END * width;
  return { right: above || !wide.length ? 8 : right, above };
}

// The names of lines in rows, each behind a piece of its line.
function namesAbove(lines, width, row, span) {
  const scene = [];
  const first = row;
  let x = 0;
  for (const line of lines.filter((one) => one.label)) {
    const wide = 22 + measure(line.label + (line.value === undefined ? "" : WIDEST));
    if (x && x + wide > width) [x, row] = [0, row + 1];
    const y = 12 + row * LINE;
    scene.push(path(`M${r(x)} ${r(y - 4)}h17`, color(line.quantity), { "stroke-dasharray": line.dash.join(" ") }));
    const name = line.same ? `= ${line.label}` : line.label;
    const words = line.value === undefined ? name : labelled(name, number(line.value, span));
    const look = { fill: color(line.quantity), "font-weight": 600, "data-series": line.series };
    scene.push(text(x + 22, y, words, line.value === undefined ? look : { ...look, class: told }));
    x += wide + 14;
  }
  return { rows: scene.length ? row - first + 1 : 0, scene };
}

function limits(panel, values, memory, log) {
  if (panel.y_range) return log ? panel.y_range.map(Math.log10) : panel.y_range;
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (!values.length) [low, high] = [0, 1];
  if (log) [low, high] = [Math.floor(low), Math.max(Math.ceil(high), Math.floor(low) + 1)];
  else {
    if (low > 0 && low < 0.6 * high) low = 0;
    if (high < 0 && high > 0.6 * low) high = 0;
    if (high - low < 1e-9) [low, high] = [low - 0.5, high + 0.5];
    const step = niceStep(high - low, 4);
    [low, high] = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
  }
  // a range that breathes in and out would make every curve jump: it only grows, until the panel is emptied
  const wide = memory.range;
  if (wide && low >= wide[0] && high <= wide[1] && high - low > 0.35 * (wide[1] - wide[0])) return wide;
  memory.range = [low, high];
  return memory.range;
}

export function endLabels(all, plot, span) {
  const ends = all.filter((end) => end.text);
  const order = ends.map((_, i) => i).sort((a, b) => ends[a].y - ends[b].y);
  const gap = FONT + 3;
  const places = [];
  let floor = 2;
  for (const i of order) {
    places[i] = Math.max(Math.min(Math.max(ends[i].y, 0), plot.height), floor);
    floor = places[i] + gap;
  }
  let ceiling = plot.height - 5; // above the axis, whose numbers begin there
  for (const i of [...order].reverse()) {
    places[i] = Math.min(places[i], ceiling);
    ceiling = places[i] - gap;
  }
  const pieces = ends.flatMap((end, i) => {
    const y = r(plot.y + places[i]);
    const look = { "stroke-dasharray": end.dash?.join(" "), "data-series": end.series };
    return end.dash ? [path(`M${r(plot.x + Math.min(end.x, plot.width) + 9)} ${y}h19`, end.color, look)] : [];
  });
  const names = ends.map((end, i) => {
    const words = end.same ? `= ${end.text}` : end.text; // it lies under another line
    const label = end.value === undefined ? words : labelled(words, number(end.value, span));
    return text(plot.x + Math.min(end.x, plot.width) + 9 + (end.dash ? DASH : 0), plot.y + places[i] + 4, label, {
      fill: end.color,
      class: end.value === undefined ? "baby-halo" : `baby-halo ${told}`,
      "data-series": end.series,
      "font-weight": 600,
    });
  });
  return [...pieces, ...names];
}

// How lines are told apart that have one color, by a piece of each, and which lie under another, wherever they are seen.
export function apart(lines, at) {
  const shared = sharedColors(lines);
  const covers = (one, other) =>
    one.y.length > 1 &&
    one.y.length === other.y.length &&
    [one, other].every(({ seen, y }) => (seen ?? [...y.keys()]).every((i) => near(at(one.y[i]), at(other.y[i]))));
  return lines.map((line, k) => ({
    dash: shared(line) ? line.dash : null,
    same: lines.slice(0, k).some((other) => covers(other, line)),
  }));
}

const near = (a, b) => a === b || (a !== null && b !== null && Math.abs(a - b) < 1.5);

function sharedColors(lines) {
  const named = lines.filter(({ label }) => label);
  return ({ label, quantity }) => label && named.filter((other) => other.quantity === quantity).length > 1;
}

export function markTexts(marks, X, plot, panel, width, controls) {
  const scene = [];
  let edge = Infinity; // the newest mark is told first
  const from = panel.y_label ? measure(panel.y_label) + 10 : 0;
  for (const mark of [...marks].reverse()) {
    const words = writeMark(mark, controls);
    const wide = measure(words, 11);
    const x = Math.min(Math.max(plot.x + X(mark.step) - wide / 2, from), width - wide - 2);
    if (x < from || x + wide > edge - 8) continue;
    scene.push(text(x, 12, words, { "font-size": 11, "fill-opacity": 0.85, class: told }));
    edge = x;
  }
  return scene;
}
