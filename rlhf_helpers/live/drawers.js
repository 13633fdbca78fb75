// The panels: (panel, frame, {width, height, edges}, spec, memory) -> {scene, words}, and what can be taken hold of:
// axes, on which a guess is drawn; grips, each for a control that is dragged, see `handles.js`

import { apart, endLabels, frameAxes, markTexts } from "./axes.js";
import {
  calm,
  color,
  dot,
  FONT,
  inner,
  measure,
  of,
  pane,
  path,
  sentence,
  square,
  surface,
  text,
  trace,
  traceAt,
} from "./ink.js";
import { number, places, r, shortProbability, usable } from "./numbers.js";
import { heads, letters } from "./writing.js";

const REACH = 14; // pixels beyond the ends of a bar at which it can still be taken
const TRAIL = 1500; // points of a trail at most
const ENDINGS = ["th", "st", "nd", "rd"];
const ordinal = (n) => `${n}${(n % 100 > 10 && n % 100 < 14 ? "" : ENDINGS[n % 10]) || "th"}`;

// A token as something that a reader can ask about: where it is, what it is called.
function spot([b, t], face, letters, box) {
  const what = letters ? "letter" : "token";
  return { place: [b, t], name: `Row ${b + 1}, ${ordinal(t + 1)} ${what}: ${face}`, ...box };
}

const COLUMN = 2; // pixels, about as wide as a line
const HOLD = 2200; // milliseconds for which rows that fell stay, while a figure plays

function curves(panel, frame, room, spec, memory) {
  const { step, width } = frame;
  // a few points for each COLUMN, of the part that was made before the update that is shown, and of the part behind it
  const drawn = (values, from, to) => places(values, from, Math.min(to, width), room.width / COLUMN);
  const lines = panel.names.map((name) => {
    const [y, before] = [frame.rows[name] || [], frame.previous?.[name] || []];
    const [past, future] = [drawn(y, 0, step), drawn(y, step, y.length - 1)];
    const others = besides(frame).map(({ rows, ...look }) => {
      const values = rows[name] || [];
      return { ...look, y: values, at: drawn(values, 0, values.length - 1) };
    });
    return {
      ...panel.looks[name],
      series: name,
      y,
      before,
      past,
      future,
      others,
      old: drawn(before, 0, before.length - 1),
    };
  });
  const scale = panel.log ? Math.log10 : (v) => v;
  const values = lines
    .flatMap((line) => [
      ...line.past.map((i) => line.y[i]),
      ...line.future.map((i) => line.y[i]),
      ...line.old.map((i) => line.before[i]),
      ...line.others.flatMap(({ y, at }) => at.map((i) => y[i])),
    ])
    .filter((v) => usable(v, panel.log));
  const named = lines.map((line) => ({ ...line, value: line.y[step] }));
  const axes = frameAxes(panel, room, [0, width], values.map(scale), named, spec, memory, panel.log);
  const { X, Y, plot } = axes;
  const at = (v) => (usable(v, panel.log) ? Y(scale(v)) : null);
  const inside = [];
  for (const line of lines) {
    if (line.before.length > 1)
      inside.push(
        path(traceAt(line.old, line.before, X, at), color(line.quantity), {
          "stroke-opacity": 0.28,
          "stroke-width": 1.4,
        }),
      );
  }
  if (panel.anew) {
    const begins = (frame.rows[panel.anew] || []).flatMap((is, i) => (is && i && i <= width ? i : []));
    const crowded = begins.length > plot.width / 3; // they would be a wall
    const d = crowded ? "" : begins.map((i) => `M${r(X(i))} 0V${plot.height}`).join("");
    inside.push(path(d, "currentColor", { "stroke-opacity": 0.25, "stroke-width": 1 }));
  }
  for (const { quantity, others } of lines)
    for (const { y, at: drawn, look, key } of others) {
      inside.push(path(traceAt(drawn, y, X, at), color(quantity), look));
      const place = drawn[Math.floor(drawn.length * (0.1 + 0.2 * key))];
      if (key && at(y[place]) !== null) inside.push(keyed(X(place), at(y[place]), key, color(quantity)));
    }
  for (const mark of frame.marks)
    inside.push(
      path(`M${r(X(mark.step))} 0V${plot.height}`, "currentColor", {
        "stroke-opacity": 0.45,
        "stroke-width": 1,
        "stroke-dasharray": "2 3",
      }),
    );
  const told = apart(
    lines.map((line) => ({ ...line, seen: [...line.past, ...line.future] })),
    at,
  );
  const ends = [];
  for (const [k, line] of lines.entries()) {
    const look = { "stroke-dasharray": line.dash.join(" "), "data-series": line.series };
    inside.push(
      path(traceAt(line.past, line.y, X, at), color(line.quantity), { ...look, class: "baby-line" }),
      path(line.future.length > 1 ? traceAt(line.future, line.y, X, at) : "", color(line.quantity), {
        ...look,
        "stroke-opacity": 0.35,
      }),
    );
    const y = at(line.y[step]);
    if (y === null) continue;
    const { label, quantity, series } = line;
    const value = line.y[step];
    ends.push({ line: k, series, x: X(step), y, text: label, value, color: color(quantity), ...told[k] });
  }
  if (step < frame.reached)
    inside.push(path(`M${r(X(step))} 0V${plot.height}`, "currentColor", { "stroke-opacity": 0.6, "stroke-width": 1 }));
  const marks = (some) => markTexts(some, X, plot, panel, room.width, spec.controls);
  const scene = [...axes.scene, pane(plot, inside), ...marks(frame.marks)];
  for (const end of ends)
    if (end.y > -2 && end.y < plot.height + 2)
      scene.push(of(end.series, dot(plot.x + end.x, plot.y + end.y, end.color, 3.2)));
  if (!axes.above) scene.push(...endLabels(ends, plot, axes.reads.span));
  const names = (index) => {
    const values = lines.map((line) => line.y[index]);
    if (axes.above) return axes.reads.legend(values);
    return endLabels(
      ends.map((end) => ({ ...end, value: values[end.line] })),
      plot,
      axes.reads.span,
    );
  };
  const { span } = axes.reads;
  const reads = {
    ...axes.reads,
    axis: "",
    word: "update",
    xs: updates(lines[0].y.length),
    lines: lines.map(({ label, quantity, series, y }) => ({ label, series, color: color(quantity), y, at, span })),
    names,
    marks,
  };
  return { scene, words: sentence(ends), reads, axes };
}

const counted = [];
function updates(count) {
  while (counted.length < count) counted.push(counted.length);
  return counted.slice(0, count);
}

// The runs beside the one that is shown, and how their lines look; a pinned one has a number on it.
function besides({ pins = [], seeds = [] }) {
  const thin = { "stroke-width": 1.2, "stroke-opacity": 0.8 };
  return [
    ...seeds.map(({ rows }) => ({ rows, look: { "stroke-width": 0.9, "stroke-opacity": 0.4 } })),
    ...pins.map(({ rows }, i) => ({ rows, look: thin, key: i + 1 })),
  ];
}

const keyed = (x, y, key, fill) =>
  text(x, y + 4, `${key}`, { "text-anchor": "middle", "font-size": 11, "font-weight": 700, class: "baby-halo", fill });

function plot(panel, frame, room, spec, memory) {
  const { width } = room;
  const xs = panel.ys.length ? frame.now[panel.x] : [];
  const lines = panel.ys.map((name) => ({ ...panel.looks[name], series: name, y: frame.now[name] || [] }));
  const points = panel.points.flatMap(([px, py]) =>
    [].concat(frame.now[px]).map((x, i) => ({ x, y: [].concat(frame.now[py])[i], ...panel.looks[py] })),
  );
  const trailOf = (rows, [px, py]) => {
    const [x, y] = [rows[px] || [], rows[py] || []];
    const every = Math.ceil(y.length / TRAIL);
    const at = Array.from({ length: Math.ceil(y.length / every) || 0 }, (_, k) => k * every);
    if (frame.step % every && frame.step < y.length) at.splice(Math.ceil(frame.step / every), 0, frame.step);
    const part = (kept) => ({ x: kept.map((i) => x[i]), y: kept.map((i) => y[i]) });
    return {
      ...panel.looks[py],
      ...part(at),
      past: part(at.filter((i) => i <= frame.step)),
      future: part(at.filter((i) => i >= frame.step)),
    };
  };
  const trails = panel.trails.map((pair) => trailOf(frame.rows, pair));
  const others = besides(frame).flatMap(({ rows, ...look }) =>
    panel.trails.map((pair) => ({ ...trailOf(rows, pair), ...look })),
  );
  const values = [lines, trails, others]
    .flat()
    .flatMap((line) => line.y)
    .concat(points.map((p) => p.y))
    .filter((v) => usable(v));
  const wide = [
    ...xs,
    ...(panel.ys.length ? [] : points.map((p) => p.x).concat([...trails, ...others].flatMap((t) => t.x))),
  ].filter((v) => usable(v));
  const across = panel.x_range || (wide.length ? [Math.min(...wide), Math.max(...wide)] : [0, 1]);
  const axes = frameAxes(panel, room, across, values, lines, spec, memory);
  const { X, Y } = axes;
  const at = (v) => (usable(v) ? Y(v) : null);
  const inside = trails.flatMap((line) =>
    [
      [line.past, 0.6],
      [line.future, 0.2],
    ].map(([{ x, y }, opacity]) =>
      path(y.length > 1 ? trace(y, (_, i) => X(x[i]), at) : "", color(line.quantity), {
        "stroke-width": 1.4,
        "stroke-opacity": opacity,
      }),
    ),
  );
  for (const { past, quantity } of trails) inside.push(...arrows({ ...past, quantity }, X, at));
  const told = apart(lines, at);
  for (const { x, y, quantity, look, key } of others) {
    inside.push(
      path(
        trace(y, (_, i) => X(x[i]), at),
        color(quantity),
        look,
      ),
    );
    const place = Math.floor(y.length * (0.1 + 0.2 * key));
    if (key && at(y[place]) !== null) inside.push(keyed(X(x[place]), at(y[place]), key, color(quantity)));
  }
  const ends = [];
  for (const [k, line] of lines.entries()) {
    inside.push(
      path(
        trace(line.y, (_, i) => X(xs[i]), at),
        color(line.quantity),
        { "stroke-dasharray": line.dash.join(" "), class: "baby-line", "data-series": line.series },
      ),
    );
    const seen = line.y.map((_, i) => i).filter((i) => usable(line.y[i]) && xs[i] <= across[1]);
    const last = seen[seen.length - 1];
    if (!seen.length) continue;
    const { label, quantity, series } = line;
    ends.push({ series, x: X(xs[last]), y: Y(line.y[last]), text: label, color: color(quantity), ...told[k] });
  }
  const scene = [...axes.scene, pane(axes.plot, inside), ...(axes.above ? [] : endLabels(ends, axes.plot))];
  for (const point of points.filter((p) => usable(p.x) && usable(p.y))) {
    const [x, y] = [axes.plot.x + X(point.x), axes.plot.y + Y(point.y)];
    scene.push(dot(x, y, color(point.quantity), 5.5));
    if (!point.named) continue;
    const wide = measure(point.label);
    const fits = x + 9 + wide < width;
    const [from, to] = fits ? [x + 9, x + 9 + wide] : [x - 9 - wide, x - 9];
    const passes = (v, i) => {
      const [right, down] = [axes.plot.x + X(xs[i]), axes.plot.y + Y(v)];
      return right > from && right < to && down > y - 20 && down < y - 3; // a line where the label would be
    };
    const above = y > 22 && !lines.some((line) => line.y.some((v, i) => usable(v) && passes(v, i)));
    const side = {
      "text-anchor": fits ? "start" : "end",
      fill: color(point.quantity),
      class: "baby-halo",
      "font-weight": 600,
    };
    scene.push(text(fits ? from : to, above ? y - 7 : y + 16, point.label, side));
  }
  const words = points.map((p) => `${p.label} ${number(p.y)} at ${panel.x_label || panel.x} ${number(p.x)}`).join(", ");
  const { span } = axes.reads;
  const reads = xs.length && {
    ...axes.reads,
    axis: panel.x,
    word: panel.x_label || panel.x,
    xs,
    lines: lines.map(({ label, quantity, series, y }) => ({ label, series, color: color(quantity), y, at, span })),
    names: () => [],
    marks: () => [],
  };
  const grips = panel.drag ? [gripOfPoints(panel.drag, points, axes)] : [];
  return { scene, words: words || lines.map((line) => line.label).join(", "), reads, grips };
}

// Points above one x are taken together, anywhere above or below them.
function gripOfPoints(control, points, { plot, X, Y }) {
  const x = plot.x + X(points[0].x);
  const place = { x: x - 16, y: plot.y, width: 32, height: plot.height, tip: [x, plot.y + Y(points[0].y)] };
  return { control, ...place, upright: false, unit: X(1) - X(0) };
}

// Heads of arrows along a trail, every 40 pixels of it, the fainter the longer ago.
function arrows({ x, y, quantity }, X, at) {
  const found = [];
  let [from, way] = [null, 0];
  for (const [i, v] of y.entries()) {
    if (at(v) === null || !usable(x[i])) continue;
    const to = [X(x[i]), at(v)];
    const [dx, dy] = from ? [to[0] - from[0], to[1] - from[1]] : [0, 0];
    way += Math.hypot(dx, dy);
    if (way > 40) {
      found.push({ i, d: `rotate(${r((Math.atan2(dy, dx) * 180) / Math.PI)} ${r(to[0])} ${r(to[1])})`, to });
      way = 0;
    }
    from = to;
  }
  return found.map(({ i, d, to: [px, py] }) =>
    path(`M${r(px - 7)} ${r(py - 4)}L${r(px)} ${r(py)}L${r(px - 7)} ${r(py + 4)}`, color(quantity), {
      transform: d,
      "stroke-width": 1.6,
      "stroke-opacity": r(0.3 + (0.6 * i) / y.length),
    }),
  );
}

function bars(panel, frame, room, spec, memory) {
  const groups = panel.names.map((name) => ({ ...panel.looks[name], y: [].concat(frame.now[name]) }));
  const single = groups.every((group) => group.y.length === 1);
  const names = single
    ? groups.map((g) => g.label)
    : panel.ticks.length
      ? panel.ticks
      : groups[0].y.map((_, i) => `${i}`);
  const columns = single ? [groups.map((g) => g.y[0])] : groups.map((g) => g.y);
  const values = [0, ...columns.flat()].filter((v) => usable(v));
  const legend = !single && groups.length > 1;
  const axes = frameAxes(
    { ...panel, x_label: single ? "" : panel.x_label },
    room,
    [0, names.length],
    values,
    [],
    spec,
    memory,
    false,
    names,
  );
  const { X, Y } = axes;
  const wide = Math.min(((X(1) - X(0)) * 0.78) / columns.length, 56);
  const inside = [];
  const texts = [];
  const boxes = names.map((name, i) => {
    const [x, width] = [axes.plot.x + X(i), X(1) - X(0)];
    return {
      place: [i],
      name: `${panel.x_label} ${name}`,
      token: i,
      x,
      y: axes.plot.y,
      width,
      height: axes.plot.height,
    };
  });
  const grips = [];
  for (const [k, column] of columns.entries()) {
    for (const [i, v] of column.entries()) {
      if (!usable(v)) continue;
      const group = groups[single ? i : k];
      const accent = panel.accent === i && columns.length === 1 && !single;
      const x = X(i + 0.5) + (k - columns.length / 2) * wide;
      inside.push([
        "rect",
        {
          x: r(x + 0.5),
          width: r(wide - 1),
          y: r(Math.min(Y(0), Y(v))),
          height: r(Math.abs(Y(v) - Y(0))),
          fill: surface(accent ? "accent" : group.quantity),
          "fill-opacity": accent || group.quantity ? 0.85 : 0.5,
        },
      ]);
      if (k === 0 && panel.drag?.[i]) grips.push(gripOfBar(panel.drag[i], axes, i, x + wide / 2, v));
      if (single)
        texts.push(
          text(axes.plot.x + X(i + 0.5), axes.plot.y + Y(v) + (v >= 0 ? -5 : 14), number(v), {
            "text-anchor": "middle",
          }),
        );
    }
  }
  inside.push(path(`M0 ${r(Y(0))}H${axes.plot.width}`, "currentColor", { "stroke-opacity": 0.6, "stroke-width": 1 }));
  const scene = [...axes.scene, pane(axes.plot, inside), ...texts];
  let place = panel.y_label ? measure(panel.y_label) + 18 : axes.plot.x;
  if (legend)
    for (const group of groups) {
      scene.push(text(place, 12, group.label, { fill: color(group.quantity), "font-weight": 600 }));
      place += measure(group.label) + 18;
    }
  return {
    scene,
    words: groups.map((g) => `${g.label} ${g.y.map(number).join(", ")}`).join("; "),
    asks: { columns: names.length, boxes },
    grips,
  };
}

// A bar is taken anywhere in its group, from a little below it to a little above.
function gripOfBar(control, { plot, X, Y }, i, middle, v) {
  const end = Math.min(Math.max(Y(v), 0), plot.height); // as far as it is seen
  const [y, height] = [plot.y + Math.min(Y(0), end) - REACH, Math.abs(Y(0) - end) + 2 * REACH];
  const tip = [plot.x + middle, plot.y + end];
  return { control, x: plot.x + X(i), y, width: X(1) - X(0), height, tip, upright: true, unit: Y(0) - Y(1) };
}

function strip(panel, frame, { width, height }) {
  const probs = frame.now[panel.name];
  const quantity = panel.quantity || panel.looks[panel.name].quantity || "policy";
  const cell = Math.min(width / probs.length, (height - 22) / 0.9, 64);
  const words = probs.map((p, i) => `token ${i} ${shortProbability(p)}`).join(", ");
  const boxes = probs.map((_, i) => ({
    place: [i],
    name: `Token ${i}`,
    token: i,
    x: i * cell,
    y: 0,
    width: cell,
    height,
  }));
  const side = inner(cell);
  const grips = [...(panel.drag ?? []).entries()]
    .filter(([, control]) => control)
    .map(([i, control]) => {
      const [x, y] = [i * cell + 1.5, 1.5];
      const tip = [x + side / 2, y + side * (1 - probs[i])];
      return { control, x, y, width: side, height: side, tip, upright: true, unit: side };
    });
  return {
    scene: squares(probs, cell, 0, panel.accent, quantity),
    words,
    asks: { columns: probs.length, boxes },
    grips,
  };
}

// A distribution over tokens: a square each, as full as it is likely, its number on it and its probability below.
function squares(probs, cell, y, marked, quantity) {
  const side = inner(cell);
  return probs.flatMap((p, i) => {
    const x = i * cell + 1.5;
    const [weight, size] = [i === marked ? 700 : 400, side > 36 ? 14 : FONT];
    const middle = { "text-anchor": "middle" };
    return [
      ...square(x, y + 1.5, side, p, i === marked, quantity),
      text(x + side / 2, y + 2 + side / 2 + FONT * 0.36, `${i}`, {
        ...middle,
        "font-weight": weight,
        "font-size": size,
      }),
      text(x + side / 2, y + side + 16, shortProbability(p), { ...middle, "font-size": 11 }),
    ];
  });
}

// The loop of RLHF: tokens fall out of the policy's strip, are paid, squares fill, and a leash pulls them back.
function loop(panel, frame, { width }, _spec, memory) {
  const probs = frame.now[panel.policy];
  const now = frame.now[panel.completions].slice(0, panel.rows);
  const falls = frame.playing && !calm.matches && !memory.open; // what is looked at is of this update
  if (!falls || !memory.ids || performance.now() - memory.begun > HOLD)
    Object.assign(memory, { ids: now, begun: performance.now(), turn: 1 - (memory.turn ?? 0) });
  const { ids, turn } = memory;
  const cell = Math.min(width / probs.length, 44);
  const pitch = Math.min(width * 0.094, (width - 62) / ids[0].length, 34);
  const [side, chip] = [inner(cell), inner(pitch)];
  const top = 22;
  const floor = top + side + 20; // below the probabilities
  const first = floor + 34;
  const strong = { "font-weight": 600 };
  const scene = [
    text(0, 13, `On a leash: straying costs KL ${number(frame.now[panel.kl])}`, {
      fill: color("kl"),
      ...strong,
    }),
    ...squares(probs, cell, top, panel.accent, "policy"),
  ];
  for (const [i, p] of probs.entries()) {
    const [x, from] = [i * cell + 1.5, top + 1.5 + side * (1 - p)];
    const to = top + 1.5 + side * (1 - 1 / probs.length);
    const [tip, way] = [x + side * 0.86, to > from ? 1 : -1];
    scene.push(path(`M${r(x - 1)} ${r(to)}h${r(side + 2)}`, color("kl"), { "stroke-width": 1.6 }));
    const pull = `M${r(tip)} ${r(from)}V${r(to)}m-3.5 ${-4 * way}l3.5 ${4 * way}l3.5 ${-4 * way}`;
    scene.push(path(Math.abs(to - from) > 6 ? pull : "", color("kl"), { "stroke-width": 1.6 }));
  }
  const arrow = (x, from, to) =>
    `M${r(x)} ${r(from)}V${r(to)}m-4 ${from < to ? -5 : 5}l4 ${from < to ? 5 : -5}l4 ${from < to ? -5 : 5}`;
  const right = Math.min(width, cell * probs.length) - 9;
  scene.push(
    path(arrow(8, floor + 4, first - 4), color("policy"), {}),
    path(arrow(right, first + pitch * 0.7, floor + 4), color("reward"), {}),
  );
  const pays = ids.map((row) => row.filter((id) => id === panel.accent).length);
  const boxes = [];
  for (const [b, row] of ids.entries()) {
    const y = first + b * pitch;
    for (const [t, id] of row.entries()) {
      const [x, paid] = [t * pitch + 1.5, id === panel.accent];
      boxes.push(spot([b, t], `${now[b][t]}`, "", { token: now[b][t], x: x - 1.5, y, width: pitch, height: pitch }));
      const motion = falls
        ? {
            class: `baby-fall-${turn}`,
            style: `--x:${r(id * cell - x)}px;--y:${r(floor - y)}px;--late:${b * 150 + t * 25}ms`,
          }
        : {};
      const face = text(x + chip / 2, y + chip / 2 + FONT * 0.36, `${id}`, {
        "text-anchor": "middle",
        "font-weight": paid ? 700 : 400,
      });
      scene.push(["g", motion, null, [...square(x, y, chip, paid ? 1 : 0, paid, "policy"), face]]);
    }
    const word = { fill: color("reward"), "font-weight": 700 };
    if (falls) Object.assign(word, { class: `baby-pay-${turn}`, style: `--late:${b * 150 + row.length * 25 + 350}ms` });
    scene.push(text(row.length * pitch + 8, y + chip / 2 + FONT * 0.36, `pays ${pays[b]}`, word));
  }
  const below = first + ids.length * pitch + 14;
  const halo = { class: "baby-halo", ...strong }; // tokens fall behind these words
  scene.push(
    text(18, floor + 21, "It writes", { fill: color("policy"), ...halo }),
    text(right - 10, floor + 21, right < 280 ? "Paid: likelier" : "Paid tokens become likelier", {
      fill: color("reward"),
      ...halo,
      "text-anchor": "end",
    }),
    text(0, below, "Somebody pays for what was written", { fill: color("reward"), ...strong }),
  );
  const written = now.map((row) => `${row.join(" ")}, paid ${row.filter((id) => id === panel.accent).length}`);
  const words = `token ${panel.accent} ${shortProbability(probs[panel.accent])}; it writes ${written.join("; ")}`;
  return { scene, words, asks: { columns: ids[0].length, boxes } };
}

function table(panel, frame, { width, height }) {
  const rows = frame.now[panel.name];
  const quantity = panel.quantity || panel.looks[panel.name].quantity || "policy";
  const left = 38;
  const top = 38;
  const cell = Math.min((width - left - 2) / rows[0].length, (height - top - 2) / rows.length, 30);
  const side = cell - Math.max(2, cell * 0.12);
  const wide = cell * rows[0].length;
  const boxes = [];
  const scene = [text(left + wide / 2, 12, panel.column_label, { "text-anchor": "middle" })];
  const turned = top + (cell * rows.length) / 2;
  scene.push(text(11, turned, panel.row_label, { "text-anchor": "middle", transform: `rotate(-90 11 ${r(turned)})` }));
  for (const i of rows[0].keys()) {
    const weight = i === panel.accent ? 700 : 400;
    scene.push(text(left + i * cell + side / 2, 31, `${i}`, { "text-anchor": "middle", "font-weight": weight }));
  }
  for (const [s, row] of rows.entries()) {
    scene.push(text(left - 8, top + s * cell + side / 2 + 4, `${s}`, { "text-anchor": "end" }));
    for (const [i, p] of row.entries()) {
      const box = { x: left + i * cell, y: top + s * cell, width: cell, height: cell };
      scene.push(...square(box.x, box.y, side, p, i === panel.accent, quantity, 1));
      boxes.push({ place: [s, i], name: `${panel.row_label} ${s}, ${panel.column_label} ${i}`, token: i, ...box });
    }
  }
  const said =
    panel.accent === null
      ? ""
      : rows.map((row, s) => `after ${s}, token ${panel.accent}: ${shortProbability(row[panel.accent])}`).join("; ");
  return { scene, words: said, asks: { columns: rows[0].length, boxes } };
}

function chips(panel, frame, { width, height }, _spec, memory) {
  const ids = [].concat(frame.now[panel.name]);
  const rows = (Array.isArray(ids[0]) ? ids : [ids]).slice(0, panel.rows);
  const top = panel.beside ? 18 : 0;
  const pitch = (height - top) / panel.rows;
  const wide = panel.beside ? width - 120 : width;
  const cell = Math.min(wide / rows[0].length, pitch);
  const side = inner(cell);
  const face = (id) => (panel.letters ? panel.letters[id] : `${id}`);
  const [scene, boxes] = [[], []];
  for (const [b, row] of rows.entries()) {
    for (const [t, id] of row.entries()) {
      const box = { token: id, empty: id < 0, x: t * cell, y: top + b * pitch, width: cell, height: cell };
      boxes.push(spot([b, t], id < 0 ? "none" : face(id), panel.letters, box));
      if (id < 0) continue;
      const accent = id === panel.accent;
      const [x, y] = [t * cell + 1.5, top + b * pitch + 1.5];
      scene.push(...square(x, y, side, accent ? 1 : 0, accent, "policy"));
      const weight = accent ? 700 : 400;
      const [cx, cy] = [x + side / 2, y + side / 2 + FONT * 0.36];
      scene.push(text(cx, cy, face(id), { "text-anchor": "middle", "font-weight": weight }));
    }
  }
  const said = rows.map((row) =>
    row
      .filter((id) => id >= 0)
      .map(face)
      .join(panel.letters ? "" : " "),
  );
  if (panel.beside) {
    const beside = frame.now[panel.beside].slice(0, rows.length);
    const left = cell * rows[0].length + 10;
    const bars = barsBeside(beside, panel.looks[panel.beside], left, width, { top, pitch, side }, memory);
    scene.push(...bars.map((shape) => of(panel.beside, shape)));
    for (const [b, v] of beside.entries()) said[b] += `, ${panel.looks[panel.beside].label} ${number(v)}`;
  }
  return { scene, words: said.join("; "), asks: { columns: rows[0].length, boxes } };
}

// A bar at the end of each row, to the left below zero, with its number; one scale that only grows.
function barsBeside(values, look, left, right, { top, pitch, side }, memory) {
  memory.widest = Math.max(memory.widest ?? 1, ...values.filter((v) => usable(v)).map(Math.abs));
  const [zero, half] = [(left + right) / 2 - 10, (right - left) / 2 - 36];
  const scene = [text(zero, 12, look.label, { "text-anchor": "middle", fill: color(look.quantity) })];
  for (const [b, v] of values.entries()) {
    if (!usable(v)) continue;
    const [x, y] = [zero + (half * v) / memory.widest, top + b * pitch + 1.5];
    const box = { x: r(Math.min(zero, x)), y: r(y + 2), width: r(Math.abs(x - zero)), height: r(side - 4) };
    scene.push(["rect", { ...box, fill: surface(look.quantity), "fill-opacity": look.quantity ? 0.8 : 0.5 }]);
    scene.push(text(Math.max(zero, x) + 5, y + side / 2 + 4, `${v > 0 ? "+" : ""}${number(v)}`, { "font-size": 11 }));
  }
  scene.push(
    path(`M${r(zero)} ${top}v${r(pitch * values.length)}`, "currentColor", {
      "stroke-opacity": 0.6,
      "stroke-width": 1,
    }),
  );
  return scene;
}

// Lines of code, a marked one behind each of the neighbor's; as large as the longest of all texts allows.
function diff(panel, frame, { width, height }) {
  const lines = panel.texts[frame.settings[panel.control]].split("\n");
  const longest = Math.max(...panel.texts.flatMap((some) => some.split("\n")).map((line) => line.length));
  const pitch = height / panel.rows;
  const size = Math.min(Math.max(width / (longest * 0.605), 11), FONT + 1);
  const scene = lines.flatMap((line, i) => {
    const [sign, code, y] = [line[0], line.slice(2), i * pitch];
    const marked = sign === "+";
    const box = { x: 0, y: r(y), width: marked ? width : 0, height: r(pitch), fill: surface("accent") };
    const mono = { "font-size": r(size), "font-weight": marked ? 600 : 400, class: "baby-mono" };
    const heading = { "font-weight": 600, "font-size": FONT + 1 };
    const look = sign === "#" ? heading : sign === "-" ? { ...mono, "fill-opacity": 0.75 } : mono;
    const before = sign === "-" ? "\u2212" : sign === "+" ? "+" : "";
    return [
      ["rect", { ...box, "fill-opacity": 0.3 }],
      text(2, y + pitch * 0.72, before, mono),
      text(sign === "#" ? 0 : size * 1.3, y + pitch * 0.72, code, look),
    ];
  });
  const said = { "#": "", "-": "without ", "+": "new ", " ": "" };
  return { scene, words: lines.map((line) => said[line[0]] + line.slice(2)).join("; ") };
}

export const DRAWERS = { curves, plot, bars, strip, table, chips, diff, loop, letters, heads };
