// A word that a reader writes in the drawing: which letter may come next, and what each head of a transformer looks at.
// What can be pressed has `data-key`: one stop of the Tab key in each panel, from which the arrows lead on.

import { color, FONT, inner, square, surface, text } from "./ink.js";
import { number, r, shortProbability } from "./numbers.js";

const NARROW = 520; // pixels: below, the letters stand in two rows, so that a finger hits one
const CHIP = 24; // pixels from one letter of the word to the next
const HEAD = 48; // pixels for the name of a head
const TOPS = [0.25, 0.5, 0.75, 1]; // what the bars are measured by: it does not change with every letter
const SAID = 0.1; // from here on the last of the bars says its percentage
const middle = { "text-anchor": "middle" };

// The probability of each letter as bars, and the word so far; to press a letter writes it behind the word.
export function letters(panel, frame, { width, height }, spec, memory) {
  const word = frame.settings[panel.word];
  const { letters: all, length, end } = spec.words[panel.word];
  const ended = end !== null && word.endsWith(all[end]);
  const open = !ended && word.length < length;
  const lines = panel.names.map((name) => ({ ...panel.looks[name], y: frame.now[name] }));
  const top = TOPS.find((one) => one >= Math.max(...lines.flatMap(({ y }) => y)) - 1e-6) ?? 1;
  // a group of its own: what follows keeps its elements, and the focus, whatever is written
  const scene = [["g", {}, null, chipsOf(word, memory)]];
  const [rows, left] = [width < NARROW ? 2 : 1, 38];
  let x = width;
  for (const { label, quantity } of [...lines].reverse()) {
    scene.push(text(x, 42, label, { fill: color(quantity), "font-weight": 600, "text-anchor": "end" }));
    x -= 7.5 * label.length + 12;
  }
  const per = Math.ceil(all.length / rows);
  const [cell, tall] = [(width - left) / per, (height - 50) / rows];
  const bar = tall - 22; // pixels of a bar at the top of the scale
  for (let row = 0; row < rows; row++) {
    for (const level of [0, top]) {
      const y = 50 + row * tall + bar * (1 - level / top);
      const line = { x1: left, x2: width, y1: r(y), y2: r(y), stroke: "currentColor" };
      scene.push(["line", { ...line, "stroke-opacity": level ? 0.13 : 0.5 }]);
      const share = level ? `${Math.round(100 * level)}%` : "0";
      scene.push(text(left - 6, y + 4, share, { "text-anchor": "end", "font-size": 11, "fill-opacity": 0.8 }));
    }
  }
  const wide = Math.min(cell * 0.4, 11);
  const shares = []; // beside the keys, whose names tell them
  [...all].forEach((letter, i) => {
    const [at, y] = [left + (i % per) * cell, 50 + Math.floor(i / per) * tall];
    const bars = lines.map(({ y: p, quantity }, k) => {
      const tip = ended ? 0 : (bar * p[i]) / top;
      const place = { x: r(at + cell / 2 + (k - lines.length / 2) * wide), y: r(y + bar - tip) };
      return ["rect", { ...place, width: r(wide - 1), height: r(tip), fill: surface(quantity), "fill-opacity": 0.85 }];
    });
    const last = lines.at(-1);
    const share = !ended && last.y[i] >= SAID ? `${Math.round(100 * last.y[i])}` : "";
    const look = { ...middle, "font-size": 11, fill: color(last.quantity), "pointer-events": "none" };
    const above = y + bar - (bar * Math.max(...lines.map((line) => line.y[i]))) / top - 4;
    shares.push(text(at + cell / 2 + wide / 2, above, share, look));
    const told = lines.map(({ label, y: p }) => `${label} ${number(p[i])}`).join(", ");
    const key = press(i + 1, memory.stop ?? 1, `write ${letter}: ${told}`, open ? word + letter : null);
    const strong = i === end ? { fill: color("accent"), "font-weight": 700 } : {};
    scene.push([
      "g",
      key,
      null,
      [
        ["rect", { x: r(at), y: r(y), width: r(cell), height: r(tall - 2), fill: "transparent" }],
        ...bars,
        text(at + cell / 2, y + bar + 15, letter, { ...middle, ...strong }),
      ],
    ]);
  });
  scene.push(...shares);
  if (!open) {
    const why = ended ? "The name has ended." : "No more letters fit in here.";
    scene.push(text(left + 8, 50 + bar / 2, why, { class: "baby-halo", "font-weight": 600 }));
  }
  const likely = ({ label, y }) => {
    const order = [...y.keys()].sort((a, b) => y[b] - y[a]).slice(0, 3);
    return `${label} ${order.map((i) => `${all[i]} ${number(y[i])}`).join(", ")}`;
  };
  return { scene, words: `after "${word}" the likeliest: ${lines.map(likely).join("; ")}` };
}

// The word as chips, and behind it what takes the last letter back.
function chipsOf(word, memory) {
  const side = inner(CHIP);
  const scene = [...word].flatMap((letter, i) => [
    ...square(i * CHIP + 1.5, 1.5, side, 0, false, "policy"),
    text(i * CHIP + 1.5 + side / 2, 1.5 + side / 2 + FONT * 0.36, letter, middle),
  ]);
  const x = word.length * CHIP;
  const key = press(0, memory.stop ?? 1, "take the last letter back", word ? word.slice(0, -1) : null);
  const box = { x, y: 0, width: 30, height: CHIP, fill: "transparent" };
  const face = text(x + 14, 1.5 + side / 2 + FONT * 0.36, "⌫", {
    ...middle,
    "font-size": 15,
    "fill-opacity": word ? 1 : 0.3,
  });
  return [...scene, ["g", key, null, [["rect", box], face]]];
}

// The weights of each head from one letter to those before it and to itself: that pointed at, or the last.
export function heads(panel, frame, { width }, spec, memory) {
  const written = [...(panel.start + frame.settings[panel.word])];
  const weights = frame.now[panel.name];
  const from = Math.min(memory.at ?? written.length, written.length - 1);
  const cell = Math.min((width - HEAD) / (spec.words[panel.word].length + 1), 34);
  const side = inner(cell);
  const quantity = panel.quantity || panel.looks[panel.name].quantity || "policy";
  const down = (y) => y + 1.5 + side / 2 + FONT * 0.36;
  const scene = [text(0, down(0), "from", {})];
  for (const [s, letter] of written.entries()) {
    const [x, now] = [HEAD + s * cell, s === from];
    const key = press(s, Math.min(memory.stop ?? from, written.length - 1), `look from ${letter}, position ${s + 1}`);
    const face = text(x + side / 2, down(0), letter, { ...middle, "font-weight": now ? 700 : 400 });
    const box = ["rect", { x, y: 0, width: r(cell), height: r(cell), fill: "transparent" }];
    scene.push([
      "g",
      { ...key, "aria-pressed": now },
      null,
      [box, ...square(x, 1.5, side, now ? 1 : 0, now, "policy"), face],
    ]);
  }
  for (const [k, rows] of weights.slice(0, panel.rows).entries()) {
    const y = (k + 1) * cell;
    scene.push(text(0, down(y), `head ${k + 1}`, {}));
    for (const s of written.keys()) {
      const x = HEAD + s * cell;
      if (s <= from) {
        scene.push(...square(x, y + 1.5, side, rows[from][s], false, quantity));
        scene.push(text(x + side / 2, down(y), shortProbability(rows[from][s]), { ...middle, "font-size": 11 }));
        continue;
      }
      const box = { x: r(x), y: r(y + 1.5), width: r(side), height: r(side), fill: "none", stroke: "currentColor" };
      scene.push(["rect", { ...box, "stroke-opacity": 0.4, "stroke-dasharray": "1 4" }]); // not read yet
    }
  }
  const told = weights.map((rows, k) => {
    const shares = written.slice(0, from + 1).map((letter, s) => `${letter} ${shortProbability(rows[from][s])}`);
    return `head ${k + 1} looks at ${shares.join(", ")}`;
  });
  return { scene, words: `from ${written[from]}, position ${from + 1}: ${told.join("; ")}` };
}

// What makes a group of shapes a button: its number, that of the one where the Tab key stops, its name, and the word
// that it writes; null if there is none now.
function press(key, stop, name, word) {
  const writes = word === null ? { "aria-disabled": true } : word === undefined ? {} : { "data-word": word };
  const tabindex = key === stop ? 0 : -1;
  return { class: "baby-key", role: "button", tabindex, "aria-label": name, "data-key": key, ...writes };
}

// Lets a reader press what can be pressed, by mouse, touch and keyboard.
export function write(svg, panel, spec, memory, host, paint) {
  svg.parentElement.style.setProperty("--columns", spec.words[panel.word].length + 1);
  const keyOf = (target) => target.closest?.("[data-key]");
  const point = (key) => {
    if (panel.kind !== "heads") return;
    memory.at = key === null ? undefined : Number(key.dataset.key);
    paint();
  };
  const takeBack = ({ dataset }) => dataset.word !== undefined && host.set(panel.word, dataset.word);
  const choose = (key) => {
    if (!key) return;
    memory.stop = Number(key.dataset.key);
    if (key.dataset.word !== undefined) host.set(panel.word, key.dataset.word);
    else point(key);
  };
  svg.addEventListener("click", ({ target }) => choose(keyOf(target)));
  svg.addEventListener("pointerover", ({ target }) => keyOf(target) && point(keyOf(target)));
  svg.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && point(null));
  svg.addEventListener("focusin", ({ target }) => point(keyOf(target)));
  svg.addEventListener("focusout", () => {
    memory.at = undefined;
    requestAnimationFrame(paint); // not at once: what had the focus may just be taken out of the picture
  });
  svg.addEventListener("keydown", (event) => {
    const keys = [...svg.querySelectorAll("[data-key]")];
    const here = keys.indexOf(keyOf(event.target));
    const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -here, End: -here - 1 };
    const step = steps[event.key];
    if (step !== undefined) {
      const next = keys[(here + step + keys.length) % keys.length];
      memory.stop = Number(next.dataset.key);
      paint();
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") choose(keys[here]);
    else if (event.key === "Backspace" && panel.kind === "letters") takeBack(keys[0]);
    else return;
    event.preventDefault();
  });
}
