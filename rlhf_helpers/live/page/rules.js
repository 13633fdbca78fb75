// The rules that a kernel and a page share: how fast it plays, how a number is written, what the status line says.
// `rlhf_helpers/live/rules.py` has the same rules under like names; the cases of `tests/support/live_rules.json` must
// come out alike from both.

export const FRAME = 50; // milliseconds from one picture to the next while it plays
export const BUSY = 30; // milliseconds of computing after which the page gets its turn
export const PINS = 4; // runs that can be pinned
export const BACK = "Back to the text"; // what leads from a figure to the sentence that has set it
const TOLD = 4; // settings that a figure tells one by one
export const PACES = { slow: 240, normal: 80, fast: 20 }; // pictures of the default run, unless its updates are slow
export const ONE_BY_ONE = 600; // milliseconds for each, at any other speed
export const SAME_DRAG = 20; // a slider moved again within this part of a run is still the same move: one mark
export const FIELD = /\{(\w+)(?::([^{}]*))?\}/g; // a name in a format string, and the format of its number

// A number in one of Python's formats: .2f +.2f .3g .1e .0%; six digits where none is given, and no negative zero.
export function writeNumber(value, form = "") {
  const [, plus, digits, kind] = /^(\+?)(?:\.(\d+))?([feg%]?)$/.exec(form);
  const places = digits === undefined ? 6 : Number(digits);
  const size = Math.abs(value);
  let text = general(size, Math.max(places, 1));
  if (kind === "f") text = fixed(size, places);
  if (kind === "%") text = `${fixed(100 * size, places)}%`;
  if (kind === "e") text = scientific(size, places);
  const negative = value < 0 && /[1-9]/.test(text.split("e")[0]);
  const sign = negative ? "-" : plus && !(value < 0 || Object.is(value, -0)) ? "+" : "";
  return sign + text;
}

// Python rounds an exact half to the even digit, JavaScript up. `long` has SPARE more places than `text`.
const SPARE = 30;
function halfToEven(long, text, places) {
  const kept = long.slice(0, long.length - SPARE - (places ? 0 : 1)); // without places the point goes too
  const half = /^50*$/.test(long.slice(-SPARE));
  return half && /[02468]$/.test(kept) ? kept : text;
}

function fixed(size, places) {
  if (size >= 1e21) return `${BigInt(size)}${places ? `.${"0".repeat(places)}` : ""}`; // toFixed stops there
  return halfToEven(size.toFixed(places + SPARE), size.toFixed(places), places);
}

function scientific(size, places) {
  const [long] = size.toExponential(places + SPARE).split("e");
  const [mantissa, exponent] = size.toExponential(places).split("e");
  return `${halfToEven(long, mantissa, places)}e${exponent.replace(/^([+-])(\d)$/, "$10$2")}`;
}

function general(size, digits) {
  const [mantissa, exponent] = scientific(size, digits - 1).split("e");
  const power = Number(exponent);
  const short = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  return power < -4 || power >= digits ? `${short(mantissa)}e${exponent}` : short(fixed(size, digits - 1 - power));
}

// The status line: the format string filled in, then what the rules say, each a sentence.
export function writeStatus(status, sentences, known) {
  const filled = status.replace(FIELD, (_, name, form) => writeNumber(known[name], form));
  const parts = [filled, ...sentences].filter(Boolean);
  return parts.map((part) => (/[.!?]$/.test(part) ? part : `${part}.`)).join(" ");
}

// What the status line says when series or states are no longer finite.
export function writeStop(names, step, controls, trains) {
  const others = names.slice(0, -1).join(", ");
  const listed = others ? `${others} and ${names.at(-1)}` : names[0];
  const one = names.length === 1;
  if (!trains) return `${listed} ${one ? "is not a finite number" : "are not finite numbers"} at these settings.`;
  const advice = controls.includes("learning_rate") ? "lower the learning rate" : "move a slider back";
  const what = one ? "is no longer a finite number" : "are no longer finite numbers";
  return `Stopped after update ${step}: ${listed} ${what}. Reset, or ${advice}.`;
}

// How many updates there are from one picture to the next, and how many milliseconds; `steps` are those of the default
// run.
export function pace(speed, steps) {
  const pictures = PACES[speed];
  if (!pictures) return [1, ONE_BY_ONE];
  return [Math.max(1, Math.floor(steps / pictures + 0.5)), Math.max(FRAME, (FRAME * pictures) / steps)];
}

// How many updates an axis shows: the default run, or half as many again, or twice as many, and so on.
export function axisWidth(reached, steps) {
  let width = steps;
  while (width < reached) width *= 1.5 * width < reached ? 2 : 1.5;
  return width;
}

// Add a mark where a control moved, to those of the run; a drag is one mark, and a move there and back is none.
export function moveMark(marks, name, old, value, step, steps) {
  if (step === 0) return;
  const last = marks.findLast((mark) => mark.name === name);
  if (!last || step - last.moved > Math.max(3, Math.floor(steps / SAME_DRAG))) {
    marks.push({ step, moved: step, name, from: old, to: value });
    return;
  }
  Object.assign(last, { to: value, moved: step });
  if (last.from === value) marks.splice(marks.indexOf(last), 1);
}

// What a figure says that a sentence has set: words of controls and values, of many the first two; of what moves later,
// with its update.
export function writeAct(settings, seed, moves) {
  const parts = settings.map(([control, value]) => `${control} ${value}`);
  if (parts.length > TOLD) parts.splice(2, Infinity, `${parts.length - 2} more`);
  if (seed) parts.push(`seed ${seed}`);
  parts.push(...moves.map(([control, value, step]) => `${control} ${value} at update ${step}`));
  return `Set: ${parts.join(", ") || "all as at first"}.`;
}
