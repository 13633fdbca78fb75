// A formula in its terms. A term, the curves that show it, the control that sets it and the line of code that computes
// it light up together, whichever of them is pointed at, has the focus or is tapped; all others are dimmed.

import { add, color, set } from "./ink.js";

export function formula(el, spec) {
  if (!spec.formula) return () => {};
  const looks = Object.assign({}, ...spec.panels.map((panel) => panel.looks));
  const box = add(el, "div", "baby-formula");
  const line = add(box, "p", "baby-terms");
  const code = add(add(box, "pre", "baby-code"), "code", "");
  const terms = [];
  for (const piece of spec.formula) {
    if (typeof piece === "string") {
      line.append(piece);
      continue;
    }
    const button = add(line, "button", "baby-term");
    set(button, { type: "button", "aria-pressed": false });
    button.textContent = piece.text;
    button.style.color = color(looks[piece.series[0]]?.quantity);
    const row = piece.code && add(code, "span", "baby-row");
    if (row) row.textContent = `${piece.code}\n`;
    terms.push({ ...piece, parts: [button, row].filter(Boolean), button });
  }
  if (!code.firstChild) code.parentElement.remove();
  let [root, rows, lit, held] = [null, [], [], []];

  // Which terms something on the screen belongs to.
  function about(node) {
    rows = rowsOf(root, spec.controls); // a notebook draws them when it likes
    const series = node.closest("[data-series]")?.dataset.series;
    const control = rows.find(({ row }) => row.contains(node))?.name;
    return terms.filter(
      (term) => term.parts.includes(node) || term.series.includes(series) || term.controls.includes(control),
    );
  }

  function mark() {
    if (!root || (!lit.length && !root.classList.contains("baby-lit"))) return;
    root.classList.toggle("baby-lit", lit.length > 0);
    const on = (node, is) => node.classList.toggle("baby-on", is);
    for (const term of terms) for (const part of term.parts) on(part, lit.includes(term));
    for (const node of el.querySelectorAll("[data-series]"))
      on(
        node,
        lit.some(({ series }) => series.includes(node.dataset.series)),
      );
    for (const { row } of rows) row.classList.add("baby-dial");
    for (const { name, row } of rows)
      on(
        row,
        lit.some(({ controls }) => controls.includes(name)),
      );
  }

  function light(some) {
    lit = some.length ? some : held;
    mark();
  }

  function hold(term) {
    held = term && held[0] !== term ? [term] : [];
    for (const { button } of terms) button.setAttribute("aria-pressed", held[0]?.button === button);
    light([]);
  }

  function listen() {
    root = el.closest(".baby-live");
    if (!root) return;
    const label = ".baby-term, .baby-row, [data-series], .baby-words, .widget-label";
    root.addEventListener("pointerover", ({ target, pointerType }) => {
      if (pointerType === "mouse") light(target.closest(label) ? about(target.closest(label)) : []);
    });
    root.addEventListener("pointerleave", () => light([]));
    root.addEventListener("focusin", ({ target }) => target.matches(":focus-visible") && light(about(target)));
    root.addEventListener("focusout", () => light([]));
    root.addEventListener("keydown", ({ key }) => key === "Escape" && hold(null));
    box.addEventListener("click", ({ target }) => hold(terms.find(({ button }) => button === target)));
  }

  return () => {
    if (!root) listen();
    mark();
  };
}

// The row of each control, in a page and in a notebook, where rows have no names but those that a reader sees.
function rowsOf(root, controls) {
  const labelled = (words) =>
    [...root.querySelectorAll(".baby-controls .widget-label")].find((label) => label.textContent === words);
  return controls
    .map(({ name, label }) => ({
      name,
      row:
        root.querySelector(`.baby-controls [name="${name}"]`)?.closest("label") ??
        labelled(label)?.closest(".widget-inline-hbox"),
    }))
    .filter(({ row }) => row);
}
