// A run as an address: the settings that it began with, its seed, its moves, the update that is shown and, if it is not
// the last, how far the run went; and the same of runs that are pinned.

import { isWord } from "./words.js";

const LONGEST = 1e6; // updates that an address may ask for

export function addressOf(name, run, pins = []) {
  const address = new URL(location.href);
  address.hash = "";
  const query = new URLSearchParams({ figure: name, ...told(run.engine.trains ? run : { initial: run.initial }) });
  for (const pin of pins)
    query.append("pin", new URLSearchParams({ name: pin.name, ...told({ ...pin, step: pin.reached }) }));
  address.search = query;
  return address.href;
}

function told({ initial, seed, step, reached, changes }) {
  const query = Object.fromEntries(Object.entries(initial).map(([control, value]) => [control, written(value)]));
  if (seed === undefined) return query;
  Object.assign(query, { seed, step });
  if (reached > step) query.until = reached;
  const moves = [...changes].filter(([at]) => at <= reached);
  const words = moves.flatMap(([at, values]) =>
    Object.entries(values).map(([control, value]) => `${at}:${control}:${written(value)}`),
  );
  if (words.length) query.moves = words.join(",");
  return query;
}

// What an address says of a figure: {values, seed, step, until, changes}, or null if it does not fit.
export function readAddress(query, { controls, starts }) {
  const values = {};
  let damaged = false;
  for (const control of controls) {
    if (!query.has(control.name)) continue;
    values[control.name] = read(control, query.get(control.name));
    damaged ||= !fits(control, values[control.name]);
  }
  if (!starts) return damaged ? null : { values };
  const whole = (text, least, most) => {
    const value = number(text);
    damaged ||= !Number.isInteger(value) || value < least || value > most;
    return value;
  };
  const seed = whole(query.get("seed") ?? "0", 0, starts.length - 1);
  const step = whole(query.get("step") ?? "0", 0, LONGEST);
  const until = whole(query.get("until") ?? `${step}`, step, LONGEST);
  const changes = new Map();
  const moves = (query.get("moves") ?? "").split(",").filter(Boolean);
  const asked = moves.map((text) => {
    const [at, name, value = ""] = text.split(":");
    const control = controls.find((one) => one.name === name);
    const move = { at: whole(at, 1, until), name, value: read(control, value) };
    damaged ||= !control || !fits(control, move.value);
    return move;
  });
  for (const { at, name, value } of asked.sort((a, b) => a.at - b.at))
    changes.set(at, { ...changes.get(at), [name]: value });
  const pins = query.getAll("pin").map((text) => {
    const asked = new URLSearchParams(text);
    const pin = readAddress(asked, { controls, starts });
    damaged ||= !pin || !asked.get("name");
    return { ...pin, name: asked.get("name") };
  });
  return damaged ? null : { values, seed, step, until, changes, pins };
}

const written = (value) => (typeof value === "string" ? value : String(Number(value.toPrecision(9))));
const number = (text) => (text.trim() === "" ? NaN : Number(text));
const read = (control, text) => (control?.kind === "word" ? text : number(text));

function fits(control, value) {
  if (control.kind === "word") return isWord(control, value);
  if (!Number.isFinite(value)) return false;
  if (control.kind === "choice") return control.options.some(([, option]) => option === value);
  if (control.kind === "switch") return value === 0 || value === 1;
  const place = control.kind === "log" ? Math.log(value) / Math.log(control.base) : value;
  return place >= control.min - 1e-9 && place <= control.max + 1e-9;
}
