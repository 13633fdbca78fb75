// Numbers as a drawing writes them, and where an axis has its ticks.

export const r = (v) => Math.round(v * 10) / 10;
export const usable = (v, log = false) => typeof v === "number" && Number.isFinite(v) && (!log || v > 0);
const minus = (words) => words.replace("-", "−");

// A number on an axis of some span (none where it is logarithmic): what nobody could see there is nothing.
export function number(v, span = 0) {
  if (!usable(v)) return "–";
  const size = Math.abs(v);
  if (size < 0.005 && span > 0.1) return size < 0.0005 ? "0.00" : minus(v.toFixed(3));
  if (size && (size < 0.005 || size >= 1e5)) return minus(v.toExponential(1));
  return minus(v.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2));
}

// "reward 0.43", "token 1: 1.00"
export const labelled = (name, value) => `${name}${/\d$/.test(name) ? ":" : ""} ${value}`;

// A probability in few characters: .10, 0, 1
export function shortProbability(p) {
  if (!usable(p)) return "–";
  return p < 0.005 ? "0" : p > 0.995 ? "1" : p.toFixed(2).replace("0.", ".");
}

export function niceStep(range, count) {
  const rough = range / count;
  const base = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].find((m) => m * base >= rough * 0.999) * base;
}

export function ticks(low, high, count) {
  const step = niceStep(high - low || 1, count);
  const first = Math.ceil(low / step - 1e-6);
  const last = Math.floor(high / step + 1e-6);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

export function decades(low, high) {
  const step = Math.max(1, Math.ceil((high - low) / 4));
  return ticks(low, high, 100).filter(
    (v) => Math.abs(v / step - Math.round(v / step)) < 1e-6 && Math.abs(v - Math.round(v)) < 1e-6,
  );
}

// Which of the places `from` to `to` of a line are drawn: of each of some columns its first and last, its lowest and
// highest, and one where there is no number. A column is as many places as a power of two has, so that it stays one while
// a line gets longer: of the values of a run only the last may change, and what was found in a column is remembered.
export function places(values, from, to, columns) {
  const size = 2 ** Math.max(0, Math.ceil(Math.log2((to - from + 1) / columns)));
  if (size < 8) return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
  if (!found.has(values)) found.set(values, new Map());
  if (!found.get(values).has(size)) found.get(values).set(size, []);
  const known = found.get(values).get(size);
  const kept = [];
  for (let first = from; first <= to; ) {
    const column = Math.floor(first / size);
    const end = column * size + size - 1;
    const last = Math.min(to, end);
    const whole = first === column * size && last === end && end < values.length - 1;
    const some = (whole && known[column]) || ofColumn(values, first, last);
    if (whole) known[column] = some;
    kept.push(...some);
    first = last + 1;
  }
  return kept;
}

const found = new WeakMap(); // values -> Map: size of a column -> places of each

function ofColumn(values, first, last) {
  let [low, high, gap] = [first, first, -1];
  for (let i = first; i <= last; i++) {
    if (values[i] < values[low]) low = i;
    if (values[i] > values[high]) high = i;
    if (!usable(values[i])) gap = i;
  }
  return [...new Set([first, low, high, gap, last].filter((i) => i >= 0).sort((a, b) => a - b))];
}

export function tickText(v, all) {
  const step = all.length > 1 ? Math.abs(all[1] - all[0]) : Math.abs(v) || 1;
  if (step >= 1e5 || step < 1e-4) return minus(v.toExponential(0));
  const digits = Math.max(
    0,
    ...[0, 1, 2, 3, 4].filter((d) => Math.abs(step * 10 ** d - Math.round(step * 10 ** d)) > 1e-6).map((d) => d + 1),
  );
  return minus((Math.abs(v) < 1e-12 ? 0 : v).toFixed(digits));
}

export const power = (v) => (v >= -3 && v <= 3 ? `${+(10 ** v).toPrecision(1)}` : `1e${minus(`${Math.round(v)}`)}`);

// A setting as its slider shows it.
export function threeDigits(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 0.001 && size < 1e5 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
}
