// Settings in words, and which were in force.

const short = (value) => String(Number(value.toPrecision(3)));

// "kl_coeff 0.3", "method SPO", "pull on"
export function writeSetting(name, value, controls) {
  const { kind, options = [] } = controls.find((control) => control.name === name);
  if (kind === "switch") return `${name} ${value ? "on" : "off"}`;
  if (typeof value === "string") return `${name} ${value || "empty"}`; // a word
  const choice = options.find(([, one]) => one === value);
  return `${name} ${choice ? choice[0] : short(value)}`;
}

export const writeMark = ({ name, to }, controls) => writeSetting(name, to, controls);

// The settings at an update, from those of the frame and from where they moved.
export function inForce({ settings, marks }, step) {
  const past = { ...settings };
  const known = new Set();
  for (const { name, from, to, step: moved } of marks) {
    if (moved <= step) past[name] = to;
    else if (!known.has(name)) past[name] = from;
    known.add(name);
  }
  return past;
}

// The mark that is next to an update, if it is within a twentieth of the run.
export function near(marks, step, steps) {
  const distance = (mark) => Math.abs(mark.step - step);
  const [first] = [...marks].sort((a, b) => distance(a) - distance(b));
  return first && distance(first) <= steps / 20 ? [first] : [];
}
