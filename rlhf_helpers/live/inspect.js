// Looks inside a token: what a panel says of one of its tokens, squares or bars when a reader asks, in a sheet that lies
// over the figure and moves nothing. It stays open while the run goes on, and shows the numbers of the update that is
// drawn. Over a panel that can be asked lie buttons, one for each token, of which Tab reaches one and arrow keys the
// others; Enter opens, Escape closes.

import { add, color, FONT, measure, patch, path, SVG, say, set, surface, text } from "./ink.js";
import { r } from "./numbers.js";
import { FIELD, writeNumber } from "./rules.js";

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const [HALF, NUMBER] = [30, 14]; // pixels for the largest push, and for its number
const HEIGHT = 2 * (HALF + NUMBER) + 16; // with the names of the logits below

// For the panels of a figure: `lay(panel, asks)` after a panel is drawn, `show(frame)` after all of them are, `place()`
// where the figure has another size.
//   asks  {columns, boxes: [{x, y, width, height, name}]}, row after row
export function inspector(el, panels, host) {
  const layers = new Map();
  let open = null; // {layer, index}
  const dock = add(el, "div", "baby-dock");
  const sheet = add(dock, "div", "baby-sheet");
  sheet.hidden = true;
  sheet.setAttribute("role", "region");
  sheet.setAttribute("aria-label", "Inside a token");
  const head = add(sheet, "div", "baby-sheet-head");
  const title = add(head, "strong", "");
  const close = add(head, "button", "baby-close");
  Object.assign(close, { type: "button", textContent: "×" });
  close.setAttribute("aria-label", "Close");
  const body = add(sheet, "div", "baby-sheet-body");
  const lines = add(body, "dl", "");
  const push = add(body, "div", "baby-push");
  const words = add(push, "div", "");
  const svg = push.appendChild(document.createElementNS(SVG, "svg"));
  svg.setAttribute("aria-hidden", "true"); // there is nothing to see yet
  const says = add(sheet, "p", "");
  let [frame, width] = [null, 0];

  // What a reader looks at from now on; null is nothing.
  const turn = (next) => {
    for (const [one, is] of [
      [open, false],
      [next, true],
    ]) {
      if (!one) continue;
      one.layer.memory.open = is;
      set(one.layer.buttons[one.index], { "aria-expanded": is });
    }
    open = next;
    sheet.hidden = !open;
    push.hidden = !open?.layer.panel.inside.push;
    place();
    show(frame);
  };

  const shut = () => {
    if (!open) return;
    const { layer, index } = open;
    turn(null);
    layer.buttons[index].focus();
  };
  close.onclick = shut;
  sheet.addEventListener("keydown", (event) => event.key === "Escape" && shut());

  const ask = (layer, index) => {
    if (open?.layer === layer && open.index === index) return shut();
    host.look?.();
    lines.replaceChildren();
    turn({ layer, index });
    for (const seen of [sheet, layer.buttons[index]]) seen.scrollIntoView({ block: "nearest" });
  };

  for (const { panel, place, box, memory } of panels.filter((one) => one.panel.inside)) {
    place.classList.add("baby-asks");
    const group = add(place, "div", "baby-tokens");
    const name = `${panel.title || panel.kind}: arrow keys move, Enter looks inside`;
    set(group, { role: "group", "aria-label": name });
    const layer = { panel, box, memory, group, buttons: [], columns: 1, laid: [] };
    layers.set(panel, layer);
    group.addEventListener(
      "click",
      ({ target }) => layer.buttons.includes(target) && ask(layer, layer.buttons.indexOf(target)),
    );
    group.addEventListener("keydown", (event) => {
      if (event.key === "Escape") shut();
      const index = layer.buttons.indexOf(event.target);
      if (index < 0 || !STEPS[event.key]) return;
      event.preventDefault(); // the page does not scroll
      const [down, right] = STEPS[event.key];
      const row = Math.floor(index / layer.columns);
      const next = index + down * layer.columns + right;
      if (!layer.buttons[next] || (right && Math.floor(next / layer.columns) !== row)) return;
      layer.buttons[next].focus();
      if (open?.layer === layer) ask(layer, next);
    });
    group.addEventListener("focusin", ({ target }) => {
      for (const button of layer.buttons) button.tabIndex = button === target ? 0 : -1;
    });
  }

  const lay = (panel, asks) => {
    const layer = layers.get(panel);
    if (!layer) return;
    layer.asks = asks;
    layer.columns = asks.columns;
    for (const [index, { x, y, width, height, name }] of asks.boxes.entries()) {
      if (!layer.buttons[index]) {
        const button = add(layer.group, "button", "");
        Object.assign(button, { type: "button", tabIndex: index ? -1 : 0 });
        set(button, { "aria-expanded": false });
        layer.buttons.push(button);
      }
      const style = `left:${r(x)}px;top:${r(y)}px;width:${r(width)}px;height:${r(height)}px`;
      if (layer.laid[index] === name + style) continue;
      layer.laid[index] = name + style;
      set(layer.buttons[index], { "aria-label": name, style });
    }
  };

  const place = () => {
    if (!open) return;
    const below = open.layer.box.getBoundingClientRect().bottom - dock.getBoundingClientRect().top;
    width = svg.clientWidth;
    dock.style.setProperty("--below", `${r(below)}px`);
  };

  const show = (next) => {
    frame = next;
    if (!open) return;
    const { layer, index } = open;
    const { inside, letters } = layer.panel;
    const spot = layer.asks.boxes[index];
    const at = (name) => spot.place.reduce((value, i) => (Array.isArray(value) ? value[i] : value), frame.now[name]);
    const known = (name) => (name in frame.now ? at(name) : name === "step" ? frame.step : frame.settings[name]);
    set(sheet, { "aria-live": frame.playing ? "off" : "polite" });
    say(title, spot.name);
    sheet.classList.toggle("baby-empty", Boolean(spot.empty));
    for (const [i, [name, form]] of inside.lines.entries()) {
      const line = lines.children[i] ?? addLine(lines, name);
      write(line.lastChild, form, known, inside.quantities);
    }
    const spoken = inside.says.filter(({ series, above, below }) => {
      const value = known(series);
      return (above !== null && value > above) || (below !== null && value < below);
    });
    write(says, spoken.map((say) => say.text).join(" "), known, inside.quantities);
    says.hidden = !inside.says.length;
    if (!inside.push) return;
    const unit = drawPush(svg, width, at(inside.push), letters, layer.memory, spot.token);
    say(words, `Its push on the logits${unit}: a step down the loss moves them this way`);
  };
  return { lay, show, place };
}

const tidy = (words) => words.replace("-", "−");

function addLine(lines, name) {
  const line = lines.appendChild(document.createElement("div"));
  line.append(document.createElement("dt"), document.createElement("dd"));
  line.firstChild.textContent = name;
  return line;
}

// A format string with its numbers in it, each in the color of its quantity.
function write(element, form, known, quantities) {
  const parts = form.split(FIELD); // words, name, format, words, ...
  const pieces = [];
  for (let i = 0; i < parts.length; i += 3) {
    if (parts[i]) pieces.push([parts[i], null]);
    if (i + 1 < parts.length)
      pieces.push([tidy(writeNumber(known(parts[i + 1]), parts[i + 2])), quantities[parts[i + 1]]]);
  }
  const whole = pieces.map(([words]) => words).join("");
  if (element.textContent === whole) return;
  element.replaceChildren(
    ...pieces.map(([words, quantity]) => {
      if (!quantity) return words;
      const colored = document.createElement("b");
      colored.style.color = color(quantity);
      colored.textContent = words;
      return colored;
    }),
  );
}

// A bar for each logit, up or down, with its number where there is room; the scale only grows. Returns its unit.
function drawPush(svg, width, values, letters, memory, token) {
  const wide = width / values.length;
  memory.push = Math.max(memory.push ?? 1e-9, ...values.map(Math.abs));
  const power = Math.floor(Math.log10(memory.push));
  const numbers = values.map((v) => tidy(writeNumber(v / 10 ** power, "+.1f")));
  const zero = HALF + NUMBER;
  const scene = [path(`M0 ${zero}H${r(width)}`, "currentColor", { "stroke-opacity": 0.6, "stroke-width": 1 })];
  for (const [i, v] of values.entries()) {
    const own = i === token;
    const tip = zero - (v / memory.push) * HALF;
    const middle = { "text-anchor": "middle", "font-weight": own ? 700 : 400 };
    const bar = { x: r(i * wide + wide * 0.15), y: r(Math.min(zero, tip)), width: r(wide * 0.7) };
    scene.push(["rect", { ...bar, height: r(Math.abs(tip - zero)), fill: surface("policy"), "fill-opacity": 0.85 }]);
    if (own || measure(numbers[i], 11) < wide)
      scene.push(text((i + 0.5) * wide, v < 0 ? tip + 11 : tip - 3, numbers[i], { ...middle, "font-size": 11 }));
    scene.push(text((i + 0.5) * wide, 2 * zero + 12, letters ? letters[i] : `${i}`, middle));
  }
  set(svg, { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "font-size": FONT, role: "img" });
  set(svg, { "aria-label": values.map((_, i) => `${letters ? letters[i] : i} ${numbers[i]}`).join(", ") });
  svg.removeAttribute("aria-hidden");
  patch(svg, scene);
  return power ? `, in 10${[...`${power}`].map((digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]).join("")}` : "";
}
