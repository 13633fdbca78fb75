// Guess first: a reader draws the course of a series before it runs. The line stays beside the run, and when the run is
// as long as the line, words say how near it came. It stays in this drawing: no run and no address knows of it.

import { handlesOver } from "./handles.js";
import { add, color, dot, FONT, measure, patch, path, SVG, say, set, text, trace } from "./ink.js";
import { niceStep, number, r } from "./numbers.js";

const PARTS = 40; // of a drawn line
const POINTS = 5; // of it that can be moved one by one
const EACH = PARTS / POINTS;
const [NEAR, CLOSE, CLEAR] = [0.05, 0.15, 0.1]; // of the axis: very close; close; a rise, a fall, a peak
const HOW = "Draw from the dot to the right: by mouse, by finger, or by the arrow keys on the five points. Then play.";
const RUNS = "Your guess is the dashed line. At the end you read how near it came.";
const OTHER = "This run has other settings than the one that you drew.";

// Over one panel: `see(frame)` at every frame, `covers()` whether the run is hidden, `axis()` the range to
// draw with, `show(axes)` after drawing.
export function guessOver({ panel, box, place, steps, host, changed }) {
  const { series, question, values, settings, y_range } = panel.guess;
  const [low, high] = y_range;
  const bar = document.createElement("div");
  bar.className = "baby-guess";
  box.insertBefore(bar, place);
  const room = add(bar, "div", "baby-room");
  const words = add(room, "p", "baby-guess-words");
  words.setAttribute("role", "status");
  for (const longest of [question, HOW, longestScore(steps, y_range)]) {
    const reserved = add(room, "p", "baby-guess-words baby-reserved");
    reserved.textContent = longest;
    reserved.setAttribute("aria-hidden", "true");
  }
  const buttons = add(bar, "div", "baby-guess-buttons");
  const [first, second] = [add(buttons, "button", ""), add(buttons, "button", "")];
  for (const button of [first, second]) button.type = "button";
  const svg = place.appendChild(document.createElementNS(SVG, "svg"));
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("baby-guessed");
  const sheet = add(place, "div", "baby-paper");
  sheet.hidden = true;
  const handles = handlesOver(place);
  let state = Object.keys(values).length ? "open" : "covered"; // of the default run nothing is told before
  let line = null;
  let axes = null;
  let frame = null;
  const covers = () => ["covered", "drawing", "waiting"].includes(state);
  const go = (next) => {
    state = next;
    changed();
  };
  const draw = () => {
    line ??= Array(PARTS + 1).fill(within(frame?.rows[series]?.[0] ?? low));
    go("drawing");
  };
  const play = () => {
    go("waiting");
    host.act(new URLSearchParams(values).toString());
  };
  const leave = () => {
    line = null;
    go("open");
  };
  const within = (v) => Math.min(Math.max(v, low), high);

  // The line goes where the pointer goes, and not back.
  let last = null;
  const trail = (event) => {
    const rect = sheet.getBoundingClientRect();
    const at = Math.min(Math.max(Math.round(((event.clientX - rect.left) / rect.width) * PARTS), 1), PARTS);
    const value = within(high - ((event.clientY - rect.top) / rect.height) * (high - low));
    const from = last ?? { at, value };
    const way = Math.sign(at - from.at) || 1;
    for (let i = from.at; i !== at + way; i += way)
      line[i] = at === from.at ? value : from.value + ((value - from.value) * (i - from.at)) / (at - from.at);
    if (!last) bend(at, value, 1);
    else if (way > 0) line.fill(value, at); // what is not drawn yet goes on level
    last = { at, value };
    changed();
  };
  // Move one point of the line, and what is between it and those beside it.
  const bend = (at, value, reach = EACH) => {
    const old = [...line];
    for (let i = Math.max(at - reach, 0); i <= Math.min(at + reach, PARTS); i++) {
      const end = i < at ? at - reach : at + reach;
      const part = 1 - Math.abs(i - at) / reach;
      line[i] = (old[end] ?? value) * (1 - part) + value * part;
    }
  };
  sheet.onpointerdown = (event) => {
    if (event.button) return;
    event.preventDefault(); // it is not for who reads the curves
    sheet.setPointerCapture(event.pointerId);
    trail(event);
  };
  sheet.onpointermove = (event) => {
    event.preventDefault();
    if (last) trail(event);
  };
  sheet.onlostpointercapture = () => {
    last = null;
  };

  const points = () =>
    Array.from({ length: POINTS }, (_, i) => {
      const at = (i + 1) * EACH;
      const [x, y] = [axes.plot.x + axes.X((at / PARTS) * steps), axes.plot.y + axes.Y(line[at])];
      const step = niceStep(high - low, 50);
      return {
        ...{ x: x - 14, y: y - 14, width: 28, height: 28, tip: [x, y], upright: true, unit: axes.Y(0) - axes.Y(1) },
        label: `your guess at update ${Math.round((at / PARTS) * steps)}`,
        value: line[at],
        ...{ min: low, max: high, step },
        set: (value) => {
          bend(at, value);
          changed();
        },
      };
    });

  const scene = () => {
    const ink = color(panel.looks[series].quantity);
    const X = (_, i) => axes.plot.x + axes.X((i / PARTS) * steps);
    const Y = (v) => axes.plot.y + axes.Y(v);
    const middle = Math.round(PARTS * 0.4);
    const wide = measure("your guess");
    const top = Math.min(...line.slice(middle - 8, middle + 9));
    return [
      path(trace(line, X, Y), ink, { "stroke-dasharray": "7 5", class: "baby-your-line" }),
      ...(state === "drawing" ? [dot(X(0, 0), Y(line[0]), ink, 5)] : []),
      text(X(0, middle) - wide / 2, Math.min(Y(top) + 20, axes.plot.y + axes.plot.height - 5), "your guess", {
        fill: ink,
        class: "baby-halo",
        "font-weight": 600,
      }),
    ];
  };

  const said = () => {
    if (state === "drawing" || state === "waiting") return HOW;
    if (state !== "played") return question;
    if (frame.marks.length || Object.entries(settings).some(([name, value]) => frame.settings[name] !== value))
      return OTHER;
    const truth = frame.rows[series] ?? [];
    return truth.length > steps ? score(line, truth.slice(0, steps + 1), y_range) : RUNS;
  };

  const label = (button, name, action) => {
    say(button, name);
    button.onclick = action;
    button.style.visibility = action ? "" : "hidden";
  };

  return {
    covers,
    axis: () => (line || covers() ? y_range : panel.y_range),
    see(next) {
      frame = next;
      if (state === "waiting" && (next.playing || next.step < steps)) state = "played";
    },
    show(where, { width, height }) {
      axes = where;
      const { plot } = axes;
      set(svg, { width, height, "font-size": FONT });
      patch(svg, line ? scene() : []);
      const drawing = state === "drawing";
      sheet.hidden = !drawing;
      for (const [name, pixels] of Object.entries({
        left: plot.x,
        top: plot.y,
        width: plot.width,
        height: plot.height,
      }))
        sheet.style[name] = `${r(pixels)}px`;
      handles(drawing ? points() : []);
      say(words, said());
      label(
        first,
        drawing || state === "waiting" ? "Play it" : line ? "Guess again" : "Draw your guess",
        drawing ? play : draw,
      );
      label(second, state === "open" || state === "covered" ? "Skip" : "Leave it", state === "open" ? null : leave);
    },
  };
}

// How near a drawn line came to a run, in words with numbers.
export function score(line, run, [low, high]) {
  const truth = line.map((_, i) => between(run, (i / (line.length - 1)) * (run.length - 1)));
  const away = truth.reduce((sum, v, i) => sum + Math.abs(v - line[i]), 0) / line.length;
  const part = away / (high - low);
  const verdict = part < NEAR ? "Very close" : part < CLOSE ? "Close" : "Not as you drew it";
  const clear = CLEAR * (high - low);
  const [is, was] = [shape(truth, clear, run.length - 1), shape(line, clear, run.length - 1)];
  const same = is.kind === was.kind && !is.at;
  const forms = same ? `Both ${is.both}.` : `The run ${is.words}; your line ${was.words}.`;
  const ends = `The run ends at ${number(truth.at(-1))}, your line at ${number(line.at(-1))}.`;
  return `${verdict}: your line is ${number(away)} away on average. ${ends} ${forms}`;
}

function between(run, place) {
  const [from, to] = [Math.floor(place), Math.ceil(place)];
  return run[from] + (run[to] - run[from]) * (place - from);
}

// A peak or a dip that is clear of both ends, or else the way from one end to the other.
function shape(values, clear, steps) {
  const [begin, end] = [values[0], values.at(-1)];
  const [top, floor] = [Math.max(...values), Math.min(...values)];
  const [peak, dip] = [top - Math.max(begin, end), Math.min(begin, end) - floor];
  const update = (v) => Math.round((values.indexOf(v) / (values.length - 1)) * steps);
  if (peak > clear && peak >= dip)
    return { kind: "peak", at: true, words: `has its peak of ${number(top)} at update ${update(top)}` };
  if (dip > clear)
    return { kind: "dip", at: true, words: `has its low of ${number(floor)} at update ${update(floor)}` };
  const way = end - begin;
  if (Math.abs(way) <= clear) return { kind: "level", both: "stay level", words: "stays level" };
  return way > 0 ? { kind: "up", both: "rise", words: "rises" } : { kind: "down", both: "fall", words: "falls" };
}

function longestScore(steps, [low, high]) {
  const wide = [low, high].map((v) => number(v)).sort((a, b) => b.length - a.length)[0];
  const turn = `has its peak of ${wide} at update ${steps}`;
  return (
    `Not as you drew it: your line is ${wide} away on average. ` +
    `The run ends at ${wide}, your line at ${wide}. The run ${turn}; your line ${turn}.`
  );
}
