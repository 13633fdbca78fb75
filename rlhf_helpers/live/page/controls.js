// What a reader touches: buttons, sliders and menus as elements, and rooms for words that come and go.

import { say } from "./ink.js";
import { threeDigits } from "./numbers.js";
import { writeNumber } from "./rules.js";
import { wordField } from "./words.js";

export function build(tag, kind = "", text = "") {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text) element.textContent = text;
  return element;
}

export function button(text, action) {
  const element = build("button", "baby-button", text);
  element.type = "button";
  element.onclick = action;
  return element;
}

// A menu behind its word: texts, or pairs of text and value.
export function menu(word, options, action) {
  const label = build("label", "baby-menu", `${word} `);
  const select = build("select");
  for (const option of options) select.append(new Option(...[option].flat()));
  select.onchange = () => action(select.value);
  label.append(select);
  return { label, select };
}

// A control as `export.py` describes it; `moved` hears of its values. `show` shows one.
export function controlFor(control, moved) {
  const label = build("label", "baby-control");
  const words = build("span", "baby-words", control.label);
  if (control.kind === "word") {
    const { field, told, show } = wordField(control, moved);
    label.append(words, field, roomFor([control.told], told));
    show(control.value);
    return { label, show, mark: () => {} };
  }
  const shown = build("output", "baby-value");
  let input;
  if (control.kind === "choice") {
    input = build("select");
    for (const [text, value] of control.options) input.append(new Option(text, value));
  } else {
    input = build("input");
    input.type = control.kind === "switch" ? "checkbox" : "range";
    if (input.type === "range") Object.assign(input, { min: control.min, max: control.max, step: control.step });
  }
  const show = (value) => {
    if (control.kind === "switch") input.checked = value !== 0;
    else input.value = control.kind === "log" ? Math.log(value) / Math.log(control.base) : value;
    if (input.type !== "range") return;
    say(shown, threeDigits(value));
    input.setAttribute("aria-valuetext", threeDigits(value));
  };
  const read = () => {
    if (control.kind === "switch") return input.checked ? 1 : 0;
    return control.kind === "log" ? control.base ** Number(input.value) : Number(input.value);
  };
  const atFirst = `${inWords(control, control.value)[1]} at first`;
  input.name = control.name;
  input.oninput = () => moved(read());
  label.append(words, input, ...(input.type === "range" ? [shown] : []));
  if (control.kind === "switch") label.classList.add("baby-switch");
  show(control.value);
  // that it is not where it was at first
  const mark = (changed) => {
    if (label.classList.contains("baby-changed") === changed) return;
    label.classList.toggle("baby-changed", changed);
    label.title = changed ? atFirst : "";
    if (changed) input.setAttribute("aria-description", atFirst);
    else input.removeAttribute("aria-description");
  };
  return { label, show, mark };
}

// A control and a value of it in words; of a label that ends in the control's name, as formulas have it, just that.
export function inWords({ name, label, kind, options }, value) {
  const words = label.endsWith(name) ? name : label;
  if (kind === "switch") return [words, value ? "on" : "off"];
  if (typeof value === "string") return [words, value || "empty"];
  return [words, kind === "choice" ? options.find(([, one]) => one === value)[0] : writeNumber(value, ".3g")];
}

// The two longest settings that a sentence may make.
export function longestSettings(controls) {
  const all = controls.flatMap((control) =>
    (control.options ?? [[null, control.value]]).map(([, value]) => inWords(control, value)),
  );
  return all.sort((a, b) => b.join("").length - a.join("").length).slice(0, 2);
}

// A box as high as the longest of some texts, for an element that says them one at a time.
export function roomFor(texts, element) {
  const room = build("div", "baby-room");
  for (const text of texts) {
    const reserved = build("p", `${element.className} baby-reserved`, text);
    reserved.setAttribute("aria-hidden", "true");
    room.append(reserved);
  }
  room.prepend(element);
  return room;
}
