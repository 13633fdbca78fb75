// What all drawings are made of: colors, shapes and words as a scene, [tag, attributes, text, children] each, and the
// function that makes an element's children those of a scene.

import { labelled, number, r } from "./numbers.js";

export const SVG = "http://www.w3.org/2000/svg";
export const FONT = 12;
export const color = (quantity) => (quantity ? `var(--q-${quantity})` : "currentColor"); // see palette.css
// as text a color needs more contrast than as a surface
export const surface = (quantity) => color(quantity === "accent" || quantity === "old" ? `${quantity}-fill` : quantity);
export const calm = matchMedia("(prefers-reduced-motion: reduce)");

export function square(x, y, side, level, accent, quantity, line = 1.2) {
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

export const inner = (cell) => cell - Math.max(3, cell * 0.1);
export const pane = (plot, children) => [
  "svg",
  { x: plot.x, y: plot.y, width: r(plot.width), height: r(plot.height), overflow: "hidden" },
  null,
  children,
];
export const path = (d, stroke, more) => [
  "path",
  { d, stroke, fill: "none", "stroke-width": 2.2, "stroke-linejoin": "round", ...more },
];
export const dot = (cx, cy, fill, radius) => ["circle", { cx: r(cx), cy: r(cy), r: radius, fill }];
export const of = (series, [tag, attributes, ...rest]) => [tag, { ...attributes, "data-series": series }, ...rest];
export const text = (x, y, words, more) => ["text", { x: r(x), y: r(y), fill: "currentColor", ...more }, words];
export const sentence = (ends) =>
  ends
    .filter((end) => end.text)
    .map((end) => labelled(end.text, number(end.value)))
    .join(", ");

export function trace(values, x, y) {
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

// A line over places, as far as they are drawn.
export const traceAt = (at, values, x, y) =>
  trace(
    at.map((i) => values[i]),
    (_, k) => x(at[k]),
    y,
  );

let pen = null;
const widths = new Map();
const WIDTHS = 1000; // that are remembered: words with numbers in them never end
export function measure(words, size = FONT) {
  const key = `${size} ${words}`;
  if (!widths.has(key)) {
    pen ||= document.createElement("canvas").getContext("2d");
    if (widths.size >= WIDTHS) widths.clear();
    pen.font = `600 ${size}px system-ui, sans-serif`;
    widths.set(key, pen.measureText(words).width);
  }
  return widths.get(key);
}

export function add(el, tag, name) {
  const child = el.appendChild(document.createElement(tag));
  child.className = name;
  return child;
}

// What an element says from now on. Its text changes, and is not replaced: after that a browser would ask again of each
// element around it whether it has (`:has`) what the styles of a page ask for.
export function say(node, words) {
  if (node.firstChild) {
    if (node.firstChild.data !== words) node.firstChild.data = words;
  } else if (words) node.textContent = words;
}

export function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes))
    if (node.getAttribute(key) !== String(value)) node.setAttribute(key, value);
}

// Make an element's children those of the scene, [tag, attributes, text, children] each, touching only what differs
// from the scene before; that is remembered, since to ask the elements takes longer than to draw.
const made = new WeakMap(); // element -> [{node, tag, attributes, words}, ...]
export function patch(parent, scene) {
  if (!made.has(parent)) made.set(parent, []);
  const known = made.get(parent);
  for (const [i, [tag, attributes, words, children]] of scene.entries()) {
    if (known[i]?.tag !== tag) {
      const node = document.createElementNS(SVG, tag);
      known[i] ? known[i].node.replaceWith(node) : parent.append(node);
      known[i] = { node, tag, attributes: {}, words: "" };
    }
    const one = known[i];
    for (const name in one.attributes) if (!(name in attributes)) one.node.removeAttribute(name);
    for (const name in attributes)
      if (attributes[name] !== one.attributes[name]) one.node.setAttribute(name, attributes[name]);
    one.attributes = attributes;
    if (children) patch(one.node, children);
    else if (one.words !== (words || "")) {
      one.words = words || "";
      say(one.node, one.words);
    }
  }
  for (const { node } of known.splice(scene.length)) node.remove();
}
