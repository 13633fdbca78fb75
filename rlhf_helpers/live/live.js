// Draws a live figure as SVG. It knows no kernel and no page: `draw(el, spec)` fills an element and returns
// `update(frame)`, which shows one frame. A kernel hosts it as an anywidget (the default export), a page by itself.
// How high a panel is, `live.css` says, so that its place is known before there is anything to draw.
//
//   spec   {panels: [{kind, title, looks: {series: {label, quantity, dash}}, ...}], steps, training}
//   frame  {step, rows: {series: [..]}, previous: {series: [..]}, now: {series: value}, marks: [{step, text}],
//           status, error, playing}

const SVG = "http://www.w3.org/2000/svg";
const FONT = 12;
const AT_END = 0.3; // of the width: longer names of lines stand above the plot, not where the lines end
const LINE = 17; // pixels from one row of names to the next
const WIDEST = " −0.00"; // the value of a line
const HOLD = 1100; // milliseconds for which rows that fell stay, while a figure plays
const color = (quantity) => (quantity ? `var(--q-${quantity})` : "currentColor"); // see palette.css
// as text a color needs more contrast than as a surface
const surface = (quantity) => color(quantity === "accent" || quantity === "old" ? `${quantity}-fill` : quantity);
const DRAWERS = { curves, plot, bars, strip, table, chips, loop };
const PICTURES = ["loop", "strip", "table", "chips"]; // they stand together, before the charts
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export function draw(el, spec) {
  const status = add(el, "p", "baby-status");
  status.setAttribute("role", "status");
  const pictures = add(el, "div", "baby-pictures");
  const main = add(el, "div", "baby-main");
  const panels = spec.panels.map((panel) => {
    const box = add(PICTURES.includes(panel.kind) ? pictures : main, "div", `baby-panel baby-${panel.kind}`);
    if (panel.title) add(box, "div", "baby-title").textContent = panel.title;
    const place = add(box, "div", "baby-place");
    if (panel.rows) place.style.setProperty("--rows", panel.rows);
    const pitch = panel.letters || panel.beside ? 30 : 36; // pixels from one row of chips to the next
    if (panel.kind === "chips") place.style.setProperty("--pitch", `${pitch}px`);
    const svg = place.appendChild(document.createElementNS(SVG, "svg"));
    svg.setAttribute("aria-hidden", "true"); // there is nothing to see yet
    return { panel, box, place, svg, memory: {} };
  });
  (pictures.firstChild ?? main.firstChild).classList.add("baby-first");
  let frame = null;
  const room = {};
  const edges = { left: 30 }; // of all plots of the figure
  const paint = () => {
    if (!frame) return;
    const before = edges.left;
    for (const { panel, place, svg, memory } of panels) {
      const [width, height] = [Math.floor(place.clientWidth), Math.floor(place.clientHeight)];
      if (width < 40) continue;
      const { scene, words } = DRAWERS[panel.kind](panel, frame, { width, height, edges }, spec, memory);
      set(svg, { width, height, viewBox: `0 0 ${width} ${height}`, "font-size": FONT });
      set(svg, { role: "img", "aria-label": `${panel.title ? `${panel.title}: ` : ""}${words}` });
      svg.removeAttribute("aria-hidden");
      patch(svg, scene);
    }
    if (edges.left > before) paint(); // numbers of a later panel asked for more room
    // a screen reader hears where a run stops, not every step of it
    status.setAttribute("aria-live", frame.playing ? "off" : "polite");
    status.classList.toggle("baby-error", Boolean(frame.error));
    const text =
      spec.training && !frame.error ? `Update ${frame.step} of ${spec.steps}: ${frame.status}` : frame.status;
    if (status.textContent !== text) status.textContent = text;
    keepRoom(status, room);
  };
  const observer = new ResizeObserver(() => requestAnimationFrame(paint));
  for (const { place } of panels) observer.observe(place);
  let painted = 0;
  const update = (next) => {
    frame = next;
    // with reduced motion there are two pictures a second, and the last one
    if (calm.matches && frame.playing && performance.now() - painted < 500) return;
    painted = performance.now();
    paint();
  };
  update.stop = () => observer.disconnect();
  update.boxes = panels.map(({ box }) => box);
  return update;
}

// A line keeps the room that its longest words took at this width, so that nothing below it moves.
function keepRoom(line, room) {
  if (room.width !== line.clientWidth) {
    Object.assign(room, { width: line.clientWidth, height: 0 });
    line.style.minHeight = "";
  }
  if (line.clientHeight <= room.height) return;
  room.height = line.clientHeight;
  line.style.minHeight = `${room.height}px`;
}

export default {
  render({ model, el }) {
    const update = draw(el, model.get("spec"));
    let waiting = false;
    const paint = () => {
      waiting = false;
      update({ ...model.get("frame"), previous: model.get("previous") });
    };
    const changed = () => {
      if (!waiting) requestAnimationFrame(paint);
      waiting = true;
    };
    model.on("change:frame", changed);
    paint();
    const naming = setTimeout(nameSliders, 0, el);
    return () => {
      clearTimeout(naming);
      model.off("change:frame", changed);
      update.stop();
    };
  },
};

// The handles of Jupyter's sliders have no names of their own.
function nameSliders(el) {
  for (const slider of el.closest(".baby-live")?.querySelectorAll(".widget-slider") ?? [])
    slider.querySelector("[role=slider]")?.setAttribute("aria-label", slider.querySelector("label")?.textContent ?? "");
}

// Panels: (panel, frame, {width, height, edges}, spec, memory) -> {scene, words}

function curves(panel, frame, room, spec, memory) {
  const lines = panel.names.map((name) => ({
    ...panel.looks[name],
    y: frame.rows[name] || [],
    before: frame.previous?.[name] || [],
  }));
  const scale = panel.log ? Math.log10 : (v) => v;
  const values = lines.flatMap((line) => [...line.y, ...line.before]).filter((v) => usable(v, panel.log));
  const named = lines.map((line) => ({ ...line, value: number(line.y[line.y.length - 1]) }));
  const axes = frameAxes(panel, room, [0, spec.steps], values.map(scale), named, spec, memory, panel.log);
  const { X, Y, plot } = axes;
  const at = (v) => (usable(v, panel.log) ? Y(scale(v)) : null);
  const inside = [];
  for (const line of lines) {
    if (line.before.length > 1)
      inside.push(
        path(
          trace(line.before, (_, i) => X(i), at),
          color(line.quantity),
          { "stroke-opacity": 0.28, "stroke-width": 1.4 },
        ),
      );
  }
  for (const mark of frame.marks)
    inside.push(
      path(`M${r(X(mark.step))} 0V${plot.height}`, "currentColor", {
        "stroke-opacity": 0.45,
        "stroke-width": 1,
        "stroke-dasharray": "2 3",
      }),
    );
  const ends = [];
  for (const line of lines) {
    const last = line.y.length - 1;
    inside.push(
      path(
        trace(line.y, (_, i) => X(i), at),
        color(line.quantity),
        { "stroke-dasharray": line.dash.join(" "), class: "baby-line" },
      ),
    );
    const y = at(line.y[last]);
    if (y === null) continue;
    ends.push({ x: X(last), y, text: line.label, value: number(line.y[last]), color: color(line.quantity) });
  }
  const scene = [...axes.scene, pane(plot, inside), ...markTexts(frame.marks, X, plot, panel, room.width)];
  for (const end of ends)
    if (end.y > -2 && end.y < plot.height + 2) scene.push(dot(plot.x + end.x, plot.y + end.y, end.color, 3.2));
  if (!axes.above) scene.push(...endLabels(ends, plot));
  return { scene, words: sentence(ends) };
}

function plot(panel, frame, room, spec, memory) {
  const { width } = room;
  const xs = panel.ys.length ? frame.now[panel.x] : [];
  const lines = panel.ys.map((name) => ({ ...panel.looks[name], y: frame.now[name] || [] }));
  const points = panel.points.flatMap(([px, py]) =>
    [].concat(frame.now[px]).map((x, i) => ({ x, y: [].concat(frame.now[py])[i], ...panel.looks[py] })),
  );
  const trails = panel.trails.map(([px, py]) => ({
    ...panel.looks[py],
    x: frame.rows[px] || [],
    y: frame.rows[py] || [],
  }));
  const values = [lines, trails]
    .flat()
    .flatMap((line) => line.y)
    .concat(points.map((p) => p.y))
    .filter((v) => usable(v));
  const wide = [...xs, ...(panel.ys.length ? [] : points.map((p) => p.x).concat(trails.flatMap((t) => t.x)))].filter(
    (v) => usable(v),
  );
  const across = panel.x_range || (wide.length ? [Math.min(...wide), Math.max(...wide)] : [0, 1]);
  const axes = frameAxes(panel, room, across, values, lines, spec, memory);
  const { X, Y } = axes;
  const at = (v) => (usable(v) ? Y(v) : null);
  const inside = trails.map((line) =>
    path(
      trace(line.y, (_, i) => X(line.x[i]), at),
      color(line.quantity),
      { "stroke-width": 1.4, "stroke-opacity": 0.6 },
    ),
  );
  const ends = [];
  for (const line of lines) {
    inside.push(
      path(
        trace(line.y, (_, i) => X(xs[i]), at),
        color(line.quantity),
        { "stroke-dasharray": line.dash.join(" "), class: "baby-line" },
      ),
    );
    const seen = line.y.map((_, i) => i).filter((i) => usable(line.y[i]) && xs[i] <= across[1]);
    const last = seen[seen.length - 1];
    if (seen.length) ends.push({ x: X(xs[last]), y: Y(line.y[last]), text: line.label, color: color(line.quantity) });
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
  return { scene, words: words || lines.map((line) => line.label).join(", ") };
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
  };
}

function strip(panel, frame, { width, height }) {
  const probs = frame.now[panel.name];
  const quantity = panel.quantity || panel.looks[panel.name].quantity || "policy";
  const cell = Math.min(width / probs.length, (height - 22) / 0.9, 64);
  const words = probs.map((p, i) => `token ${i} ${shortProbability(p)}`).join(", ");
  return { scene: squares(probs, cell, 0, panel.accent, quantity), words };
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
  const falls = frame.playing && !calm.matches;
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
    text(18, floor + 21, "It writes", { fill: color("policy"), ...strong }),
    path(arrow(right, first + pitch * 0.7, floor + 4), color("reward"), {}),
    text(right - 10, floor + 21, "Paid tokens become likelier", {
      fill: color("reward"),
      ...strong,
      "text-anchor": "end",
    }),
  );
  const pays = ids.map((row) => row.filter((id) => id === panel.accent).length);
  for (const [b, row] of ids.entries()) {
    const y = first + b * pitch;
    for (const [t, id] of row.entries()) {
      const [x, paid] = [t * pitch + 1.5, id === panel.accent];
      const motion = falls
        ? {
            class: `baby-fall-${turn}`,
            style: `--x:${r(id * cell - x)}px;--y:${r(top - y)}px;--late:${b * 150 + t * 25}ms`,
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
  scene.push(text(0, below, "Somebody pays for what was written", { fill: color("reward"), ...strong }));
  const written = now.map((row) => `${row.join(" ")}, paid ${row.filter((id) => id === panel.accent).length}`);
  const words = `token ${panel.accent} ${shortProbability(probs[panel.accent])}; it writes ${written.join("; ")}`;
  return { scene, words };
}

function table(panel, frame, { width, height }) {
  const rows = frame.now[panel.name];
  const quantity = panel.quantity || panel.looks[panel.name].quantity || "policy";
  const left = 38;
  const top = 38;
  const cell = Math.min((width - left - 2) / rows[0].length, (height - top - 2) / rows.length, 30);
  const side = cell - Math.max(2, cell * 0.12);
  const wide = cell * rows[0].length;
  const scene = [text(left + wide / 2, 12, panel.column_label, { "text-anchor": "middle" })];
  const turned = top + (cell * rows.length) / 2;
  scene.push(text(11, turned, panel.row_label, { "text-anchor": "middle", transform: `rotate(-90 11 ${r(turned)})` }));
  for (const i of rows[0].keys()) {
    const weight = i === panel.accent ? 700 : 400;
    scene.push(text(left + i * cell + side / 2, 31, `${i}`, { "text-anchor": "middle", "font-weight": weight }));
  }
  for (const [s, row] of rows.entries()) {
    scene.push(text(left - 8, top + s * cell + side / 2 + 4, `${s}`, { "text-anchor": "end" }));
    for (const [i, p] of row.entries())
      scene.push(...square(left + i * cell, top + s * cell, side, p, i === panel.accent, quantity, 1));
  }
  const said =
    panel.accent === null
      ? ""
      : rows.map((row, s) => `after ${s}, token ${panel.accent}: ${shortProbability(row[panel.accent])}`).join("; ");
  return { scene, words: said };
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
  const scene = [];
  for (const [b, row] of rows.entries()) {
    for (const [t, id] of row.entries()) {
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
    scene.push(...barsBeside(beside, panel.looks[panel.beside], left, width, { top, pitch, side }, memory));
    for (const [b, v] of beside.entries()) said[b] += `, ${panel.looks[panel.beside].label} ${number(v)}`;
  }
  return { scene, words: said.join("; ") };
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

// Parts of panels

// Axes of a plot, with the names of its lines above it where they would take too much of its width.
function frameAxes(panel, room, [x0, x1], values, lines, spec, memory, log = false, names = null) {
  const { width, height, edges } = room;
  const { right, above } = namesOfLines(spec, width);
  const head = panel.y_label || panel.kind === "curves" || names; // a line of words over the plot
  const legend = above ? namesAbove(lines, width, head ? 1 : 0) : { rows: 0, scene: [] };
  const [low, high] = limits(panel, values, memory, log);
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
        text(plot.x + X(v), floor + 17, tickText(v, xTicks), { "text-anchor": "middle", "fill-opacity": 0.8 }),
      );
  }
  if (panel.x_label) scene.push(text(plot.x + plot.width / 2, floor + 35, panel.x_label, { "text-anchor": "middle" }));
  if (panel.y_label) scene.push(text(0, 12, panel.y_label, {}));
  return { plot, X, Y, above, scene };
}

// All plots of a figure have one right edge: the room that the longest name of a line takes at its end, or none.
function namesOfLines(spec, width) {
  const wide = spec.panels.flatMap((panel) =>
    (panel.kind === "curves" ? panel.names : (panel.kind === "plot" && panel.ys) || [])
      .map((name) => panel.looks[name].label)
      .filter(Boolean)
      .map((label) => measure(label + (panel.kind === "curves" ? WIDEST : ""))),
  );
  const right = Math.max(0, ...wide) + 16;
  const above = right > AT_END * width;
  return { right: above || !wide.length ? 8 : right, above };
}

// The names of lines in rows, each behind a piece of its line.
function namesAbove(lines, width, row) {
  const scene = [];
  const first = row;
  let x = 0;
  for (const line of lines.filter((one) => one.label)) {
    const wide = 22 + measure(line.label + (line.value === undefined ? "" : WIDEST));
    if (x && x + wide > width) [x, row] = [0, row + 1];
    const y = 12 + row * LINE;
    const look = { "stroke-dasharray": line.dash.join(" ") };
    scene.push(path(`M${r(x)} ${r(y - 4)}h17`, color(line.quantity), look));
    const words = line.value === undefined ? line.label : `${line.label} ${line.value}`;
    scene.push(text(x + 22, y, words, { fill: color(line.quantity), "font-weight": 600 }));
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

function endLabels(all, plot) {
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
  return ends.map((end, i) => {
    const label = end.value === undefined ? end.text : `${end.text} ${end.value}`;
    return text(plot.x + Math.min(end.x, plot.width) + 9, plot.y + places[i] + 4, label, {
      fill: end.color,
      class: "baby-halo",
      "font-weight": 600,
    });
  });
}

function markTexts(marks, X, plot, panel, width) {
  const scene = [];
  let edge = Infinity; // the newest mark is told first
  const from = panel.y_label ? measure(panel.y_label) + 10 : 0;
  for (const mark of [...marks].reverse()) {
    const wide = measure(mark.text, 11);
    const x = Math.min(Math.max(plot.x + X(mark.step) - wide / 2, from), width - wide - 2);
    if (x < from || x + wide > edge - 8) continue;
    scene.push(text(x, 12, mark.text, { "font-size": 11, "fill-opacity": 0.85 }));
    edge = x;
  }
  return scene;
}

function square(x, y, side, level, accent, quantity, line = 1.2) {
  const height = side * Math.min(Math.max(level || 0, 0), 1);
  const fill = surface(accent ? "accent" : quantity);
  return [
    ["rect", { x: r(x), y: r(y + side - height), width: r(side), height: r(height), fill, "fill-opacity": 0.6 }],
    [
      "rect",
      {
        x: r(x),
        y: r(y),
        width: r(side),
        height: r(side),
        fill: "none",
        stroke: accent ? fill : "currentColor",
        "stroke-opacity": accent ? 1 : 0.32,
        "stroke-width": accent ? line * 1.6 : line,
      },
    ],
  ];
}

const inner = (cell) => cell - Math.max(3, cell * 0.1);
const pane = (plot, children) => [
  "svg",
  { x: plot.x, y: plot.y, width: r(plot.width), height: r(plot.height), overflow: "hidden" },
  null,
  children,
];
const path = (d, stroke, more) => [
  "path",
  { d, stroke, fill: "none", "stroke-width": 2.2, "stroke-linejoin": "round", ...more },
];
const dot = (cx, cy, fill, radius) => ["circle", { cx: r(cx), cy: r(cy), r: radius, fill }];
const text = (x, y, words, more) => ["text", { x: r(x), y: r(y), fill: "currentColor", ...more }, words];
const sentence = (ends) =>
  ends
    .filter((end) => end.text)
    .map((end) => `${end.text} ${end.value}`)
    .join(", ");

function trace(values, x, y) {
  let d = "";
  let open = false;
  values.forEach((v, i) => {
    const height = y(v);
    if (height === null) open = false;
    else {
      d += `${open ? "L" : "M"}${r(x(v, i))} ${r(height)}`;
      open = true;
    }
  });
  return d;
}

// Numbers

const r = (v) => Math.round(v * 10) / 10;
const usable = (v, log = false) => typeof v === "number" && Number.isFinite(v) && (!log || v > 0);
const minus = (words) => words.replace("-", "−");

function number(v) {
  if (!usable(v)) return "–";
  const size = Math.abs(v);
  if (size && (size < 0.005 || size >= 1e5)) return minus(v.toExponential(1));
  return minus(v.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2));
}

// A probability in few characters: .10, 0, 1
function shortProbability(p) {
  if (!usable(p)) return "–";
  return p < 0.005 ? "0" : p > 0.995 ? "1" : p.toFixed(2).replace("0.", ".");
}

function niceStep(range, count) {
  const rough = range / count;
  const base = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].find((m) => m * base >= rough * 0.999) * base;
}

function ticks(low, high, count) {
  const step = niceStep(high - low || 1, count);
  const first = Math.ceil(low / step - 1e-6);
  const last = Math.floor(high / step + 1e-6);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function decades(low, high) {
  const step = Math.max(1, Math.ceil((high - low) / 4));
  return ticks(low, high, 100).filter(
    (v) => Math.abs(v / step - Math.round(v / step)) < 1e-6 && Math.abs(v - Math.round(v)) < 1e-6,
  );
}

function tickText(v, all) {
  const step = all.length > 1 ? Math.abs(all[1] - all[0]) : Math.abs(v) || 1;
  if (step >= 1e5 || step < 1e-4) return minus(v.toExponential(0));
  const digits = Math.max(
    0,
    ...[0, 1, 2, 3, 4].filter((d) => Math.abs(step * 10 ** d - Math.round(step * 10 ** d)) > 1e-6).map((d) => d + 1),
  );
  return minus((Math.abs(v) < 1e-12 ? 0 : v).toFixed(digits));
}

const power = (v) => (v >= -3 && v <= 3 ? `${+(10 ** v).toPrecision(1)}` : `1e${minus(`${Math.round(v)}`)}`);

// The page

let pen = null;
function measure(words, size = FONT) {
  pen ||= document.createElement("canvas").getContext("2d");
  pen.font = `600 ${size}px system-ui, sans-serif`;
  return pen.measureText(words).width;
}

function add(el, tag, name) {
  const child = el.appendChild(document.createElement(tag));
  child.className = name;
  return child;
}

function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes))
    if (node.getAttribute(key) !== String(value)) node.setAttribute(key, value);
}

// Make an element's children those of the scene, [tag, attributes, text, children] each, touching only what differs.
function patch(parent, scene) {
  scene.forEach(([tag, attributes, words, children], i) => {
    let node = parent.children[i];
    if (!node || node.tagName !== tag) {
      const fresh = document.createElementNS(SVG, tag);
      node ? parent.replaceChild(fresh, node) : parent.appendChild(fresh);
      node = fresh;
    }
    for (const name of node.getAttributeNames()) if (!(name in attributes)) node.removeAttribute(name);
    set(node, attributes);
    if (children) patch(node, children);
    else if (node.textContent !== (words || "")) node.textContent = words || "";
  });
  while (parent.children.length > scene.length) parent.lastChild.remove();
}
