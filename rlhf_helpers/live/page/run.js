// A run that a reader is in: the updates made so far, the moves of its controls, and the way back. A run is its start,
// its seed and its moves, and nothing else: whoever goes back and on again finds the same numbers, to the last bit.
import { moveMark } from "./rules.js";

const ROOM = 40e6; // bytes of states that a run keeps, to go back to: all of the default run of chapter 11
const LEAST = 24; // states that it keeps whatever they take

export class Run {
  // `previous` are the rows of the run before.
  constructor(engine, steps, { state, seed, values, changes = new Map(), previous }) {
    Object.assign(this, { engine, steps, seed, changes, previous });
    this.initial = { ...values };
    this.settings = { ...values }; // those that the engine was last asked with
    this.rows = {}; // of every state that was made, also of those behind the one that is shown
    this.reached = 0; // updates that were made; the one that is shown may be an earlier one
    this.furthest = 0; // that the run ever was
    this.kept = [];
    this.every = 1; // update of which the state is kept
    this.time = { made: 0, spent: 0 };
    engine.reset({ state, seed, controls: values });
    this.note();
  }

  get step() {
    return this.engine.step;
  }

  // The settings with which an update was evaluated.
  at(step) {
    const settings = { ...this.initial };
    for (const [from, values] of this.changes) if (from <= step) Object.assign(settings, values);
    return settings;
  }

  // Make `count` updates, as they were made before if they were, or as many as fit into `budget` milliseconds.
  advance(count, budget) {
    const begun = performance.now();
    for (let made = 0; made < count && !this.engine.trouble.length; made++) {
      if (made && (performance.now() - begun) * (1 + 1 / made) >= budget) break;
      const { step } = this;
      const changed = this.changes.get(step + 1);
      if (changed) this.settings = { ...this.settings, ...changed };
      this.engine.advance(this.settings, 1, Infinity);
      if (this.step > step) this.note();
      this.time.made += 1;
    }
    this.time.spent += performance.now() - begun;
  }

  // Go towards an update that was made, for `budget` milliseconds at most; whether there is nothing left to do.
  seek(target, budget) {
    const begun = performance.now();
    const nearest = this.kept.findLast(({ step }) => step <= target);
    if (target < this.step || nearest?.step > this.step) {
      this.settings = this.at(nearest.step);
      this.engine.restore(nearest, this.settings);
    }
    const left = budget - 2 * (performance.now() - begun); // an update takes as long as that
    if (left > 0) this.advance(target - this.step, left);
    return this.step === target || this.engine.trouble.length > 0;
  }

  // Controls moved: from the present update on or, if it plays, from the next one on. What came after it is dropped. A
  // word only asks, at every update.
  move(values, plays) {
    const news = Object.entries(values).filter(([name, value]) => value !== this.settings[name]);
    const words = Object.fromEntries(news.filter(([, value]) => typeof value === "string"));
    const numbers = Object.fromEntries(news.filter(([, value]) => typeof value === "number"));
    Object.assign(this.initial, words);
    Object.assign(this.settings, words);
    if (Object.keys(numbers).length) {
      this.cut();
      const step = this.step + (plays ? 1 : 0);
      if (step) this.changes.set(step, { ...this.changes.get(step), ...numbers });
      else Object.assign(this.initial, numbers);
      this.kept = this.kept.filter((one) => one.step < step);
    }
    if (plays || !news.length) return;
    this.settings = this.at(this.step);
    this.engine.evaluate(this.settings);
    this.note();
  }

  cut() {
    const { step } = this;
    if (step < this.reached) {
      this.previous = this.rows;
      this.rows = Object.fromEntries(Object.entries(this.rows).map(([name, row]) => [name, row.slice(0, step + 1)]));
      this.kept = this.kept.filter((one) => one.step <= step);
    }
    this.reached = step;
    for (const from of this.changes.keys()) if (from > step) this.changes.delete(from);
  }

  // The series of the present update, and now and then all that is needed to come back to it.
  note() {
    const { step } = this;
    for (const [name, value] of Object.entries(this.engine.numbers())) {
      this.rows[name] ??= [];
      this.rows[name][step] = value;
    }
    this.reached = Math.max(this.reached, step);
    this.furthest = Math.max(this.furthest, step);
    if (step % this.every || this.kept.at(-1)?.step >= step || this.engine.trouble.length) return;
    this.kept.push(this.engine.kept());
    const { state, noise } = this.kept[0];
    const size = [...state.values(), ...noise.values()].reduce((sum, numbers) => sum + numbers.byteLength, 2500);
    if (this.kept.length <= Math.max(LEAST, ROOM / size)) return;
    this.every *= 2;
    this.kept = this.kept.filter((one) => one.step % this.every === 0);
  }

  // Where controls moved, as far as the run went: `changes` may hold moves to come.
  get marks() {
    const marks = [];
    const known = { ...this.initial };
    for (const [step, values] of this.changes)
      if (step <= this.reached)
        for (const [name, value] of Object.entries(values)) {
          if (value !== known[name]) moveMark(marks, name, known[name], value, step, this.steps);
          known[name] = value;
        }
    return marks;
  }
}
