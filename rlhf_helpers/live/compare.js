// What a run is compared with: the run before, pinned runs, all seeds. A row below the charts pins the run that is shown
// under a name, and lets go of it; the row has its room whether it is full or not.

import { add, say, set } from "./ink.js";
import { PINS } from "./rules.js";
import { writeSetting } from "./settings.js";

const KEYS = { "the run before": "baby-key-before" };

export function comparison(el, spec, host) {
  const box = add(el, "div", "baby-compare");
  set(box, { role: "group", "aria-label": "Compare runs" });
  const row = add(box, "div", "baby-pinning");
  const name = add(row, "input", "");
  set(name, { type: "text", maxlength: 24, "aria-label": "Name of this run", autocomplete: "off", spellcheck: false });
  const button = (words, action, place = row) => {
    const made = add(place, "button", "baby-button");
    set(made, { type: "button" });
    made.textContent = words;
    made.onclick = action;
    return made;
  };
  let edited = false;
  name.oninput = () => {
    edited = true;
  };
  const pin = button("Pin this run", () => {
    if (name.value.trim()) host?.pin?.(name.value.trim());
    edited = false;
  });
  name.addEventListener("keydown", ({ key }) => key === "Enter" && pin.click()); // JupyterLab submits no form
  const all = `${spec.seeds} seeds`;
  const seeds = button(all, () => host?.seeds?.());
  seeds.hidden = !(spec.seeds > 1);
  const list = add(box, "ul", "baby-pins");
  const told = add(box, "p", "baby-compared");
  told.setAttribute("role", "status");
  const chips = new Map();
  return ({ settings, seed, previous, pins = [], seeds: lines = [], progress = "" }) => {
    const differ = spec.controls.filter(({ name, value }) => settings[name] !== value);
    const words = differ.map(({ name }) => writeSetting(name, settings[name], spec.controls));
    if (seed) words.push(`seed ${seed}`);
    if (!edited) name.value = (words.join(", ") || "as at first").slice(0, 24);
    pin.disabled = pins.length >= PINS;
    say(seeds, lines.length || progress ? "One seed" : all);
    say(told, progress);
    const keys = [...(Object.keys(previous ?? {}).length ? ["the run before"] : []), ...pins.map((one) => one.name)];
    for (const [key, chip] of chips)
      if (!keys.includes(key)) {
        chip.remove();
        chips.delete(key);
      }
    for (const key of keys) {
      if (chips.has(key)) continue;
      const chip = add(list, "li", KEYS[key] ?? "");
      add(chip, "span", "").textContent = key;
      chips.set(key, chip);
      if (key in KEYS) continue;
      const off = button("×", () => host?.unpin?.(key), chip);
      set(off, { "aria-label": `Unpin ${key}`, title: `Unpin ${key}` });
    }
    for (const [k, { name }] of pins.entries()) chips.get(name).dataset.key = k + 1;
  };
}
