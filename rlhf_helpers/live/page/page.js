// Runs the live figures of a built page: no kernel, no runtime, no other host. Each figure carries its own data (module,
// controls, starts) as JSON. It is put together while the page is read, before anybody sees it, and no part of it changes
// its place after that. What it computes begins when it comes near the window: it makes its default run, and from then on
// `live.js` draws it. All of it happens in slices of BUSY milliseconds. The first figure of a page plays by itself.
import { addressOf, readAddress } from "./address.js";
import { copy } from "./clipboard.js";
import { build, button, controlFor, inWords, longestSettings, menu, roomFor } from "./controls.js";
import { Engine } from "./engine.js";
import { say } from "./ink.js";
import { draw } from "./live.js";
import { axisWidth, BACK, BUSY, PACES, PINS, pace, writeAct, writeStatus, writeStop } from "./rules.js";
import { Run } from "./run.js";
import { bytes, unpacked } from "./starts.js";
import { idsOf } from "./words.js";

const CALM = matchMedia("(prefers-reduced-motion: reduce)").matches;
const LONG = -0.888; // as long as a number in the status line gets
const LAST = 99_999; // an update as long as its number gets
const COPY = "Copy a link to this state";
const UNFIT = "The address does not fit this figure.";
const COPIED = "The link is in your clipboard: this run, to the last bit, in every browser.";
const AHEAD = "100%"; // of the window: a figure is made ready before a reader has scrolled to it

// One figure

class Figure {
  constructor(element, index) {
    this.element = element;
    // the API of slides.js, clicks/page.js, the tests and the benchmarks: fields and methods keep their names
    element.liveFigure = this;
    this.name = element.dataset.name ?? String(index + 1);
    this.data = JSON.parse(element.querySelector("script.baby-live-data").textContent);
    this.trains = Boolean(this.data.starts);
    this.values = this.defaults();
    this.seed = 0;
    this.speed = "normal";
    this.frame = { step: 0 };
    this.pins = []; // {name, seed, initial, changes, reached, rows}
    this.seedRuns = [];
    this.progress = "";
    this.trouble = [];
    this.pending = new Map();
    element.querySelector(".baby-noscript")?.remove();
    this.assemble();
  }

  defaults() {
    return Object.fromEntries(this.data.controls.map(({ name, value }) => [name, value]));
  }

  // The still picture where the drawing will be, a panel in each panel's place, and the controls.
  assemble() {
    const caption = this.element.querySelector("figcaption");
    const stills = [...this.element.querySelectorAll(":scope > svg")];
    const words = this.element.querySelector(":scope > .baby-status");
    const grid = build("div", "baby-grid");
    const canvas = build("div", "baby-canvas");
    this.controls = build("div", "baby-controls");
    grid.append(canvas, this.controls);
    this.element.insertBefore(grid, caption);
    const { controls, spec } = this.data;
    const host = {
      set: (name, value) => {
        this.takeOver();
        this.attempt(() => this.moved(name, value, this.inputs.get(name).show));
      },
      seek: (step) => this.attempt(() => this.seek(step)),
      pin: (name) => this.attempt(() => this.pin(name)),
      unpin: (name) => this.unpin(name),
      seeds: () => this.attempt(() => this.allSeeds()),
      act: (query) => this.attempt(() => this.act(query)),
      look: () => this.takeOver(),
    };
    this.update = draw(canvas, { ...spec, controls, seeds: this.data.starts?.length }, host);
    for (const [index, still] of stills.entries()) {
      still.classList.add("baby-still");
      this.update.boxes[index].append(still);
    }
    this.line = canvas.querySelector(".baby-status");
    this.line.textContent = words?.textContent ?? "";
    words?.remove();
    const room = roomFor([this.line.textContent, ...this.longestStatus()], this.line);
    canvas.prepend(room);
    for (const trouble of [...room.children].slice(3)) trouble.classList.add("baby-error"); // which is bold
    if (this.trains) this.controls.append(this.buttons());
    this.inputs = new Map();
    const asking = build("div", "baby-asking"); // what asks about a run is not among what trains it
    for (const control of this.data.controls) {
      const { label, show, mark } = controlFor(control, (value) => this.moved(control.name, value, show));
      this.inputs.set(control.name, { show, mark });
      if (spec.alone?.includes(control.name)) continue; // it is moved in the drawing
      (control.kind === "word" ? asking : this.controls).append(label);
    }
    this.cost = build("p", "baby-word baby-cost");
    this.controls.append(...this.presets(), ...(asking.firstChild ? [asking] : []), ...this.sharing());
    for (const touch of ["pointerdown", "keydown", "input"])
      this.controls.addEventListener(touch, (event) => this.takeOver(event.target), true);
  }

  // The longest that the status line says: with a sentence, where a run stops, and where there is none.
  longestStatus() {
    const { status, says, spec, starts } = this.data;
    const [longest = ""] = says.map(({ text }) => text).sort((a, b) => b.length - a.length);
    const known = new Proxy({}, { get: () => LONG });
    const running = `${this.trains ? `Update ${LAST}: ` : ""}${writeStatus(status, [longest], known)}`;
    const series = spec.panels.flatMap(({ looks }) => Object.keys(looks));
    const names = [...series, ...Object.keys(starts?.[0] ?? {})].sort((a, b) => b.length - a.length);
    const stopped = writeStop(names.slice(0, 2), LAST, Object.keys(this.values), this.trains);
    return [running, stopped, failure("its module is missing")];
  }

  // Make it ready, once: the module, and a run to look at.
  start(settings = {}) {
    this.started ??= this.open(settings).catch((error) => this.fail(error));
    return this.started;
  }

  async open({ values = {}, seed = this.seed, step, until = this.data.steps, changes, pins = [], word }) {
    if (!this.data.module) throw new Error("its module is missing");
    this.engine = await this.openEngine();
    this.choose({ ...this.values, ...values }, seed);
    await this.restart(changes);
    await turn();
    if (this.trains) await this.advance(until);
    if (step < this.run.step) await this.seek(step);
    for (const pin of pins) await this.add(pin);
    this.untouched = step === undefined; // the default run, which nobody has seen being made
    if (word) this.say(word);
    this.element.dataset.state = "ready";
    this.share.textContent = COPY;
    this.paint();
    this.tend();
  }

  openEngine() {
    const words = this.data.controls.filter(({ kind }) => kind === "word");
    const ids = words.map((control) => [control.name, (word) => idsOf(control, word)]);
    return Engine.open(bytes(this.data.module), Object.fromEntries(ids));
  }

  // Say what went wrong, with the still picture in its place again. Every control makes another try.
  fail(error) {
    this.playing = false;
    this.alone = false;
    this.token = null;
    this.started = null;
    this.element.dataset.state = "failed";
    this.line.textContent = failure(error.message);
    this.line.setAttribute("aria-live", "polite");
    this.line.classList.add("baby-error");
    this.share.textContent = "Try again";
  }

  // Controls

  buttons() {
    const bar = build("div", "baby-buttons");
    this.button = button("Play", () => (this.playing ? this.pause() : this.attempt(() => this.play())));
    const step = button("Step", () => this.attempt(() => this.step()));
    const reset = button("Reset", () => this.attempt(() => this.restart()));
    const speed = menu("speed", [...Object.keys(PACES), "one by one"], (value) => {
      this.speed = value;
    });
    speed.select.value = this.speed;
    const seed = menu("seed", [...this.data.starts.keys()], (value) => {
      this.seed = Number(value);
      this.attempt(() => this.restart());
    });
    this.seeds = seed.select;
    bar.append(this.button, step, reset, speed.label);
    if (seed.select.length > 1) bar.append(seed.label);
    return bar;
  }

  presets() {
    const { presets = [], spec, controls } = this.data;
    if (!presets.length && !spec.name) return [];
    const box = build("div", "baby-presets");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Settings worth a look");
    this.sentence = build("p", "baby-sentence");
    this.sentence.setAttribute("role", "status");
    const texts = presets.map(({ text }) => text);
    if (spec.name) texts.push(`${writeAct(longestSettings(controls), 0, [])} ${BACK}`);
    const sentences = roomFor(texts, this.sentence);
    sentences.classList.add("baby-sentences");
    for (const { name, text, values } of presets) {
      const use = async () => {
        const words = Object.entries(this.values).filter(([, value]) => typeof value === "string"); // these stay
        await this.use({ ...this.defaults(), ...Object.fromEntries(words), ...values });
        this.sentence.textContent = text;
        if (this.trains) await this.play(this.data.steps);
      };
      box.append(button(name, () => this.attempt(use)));
    }
    return presets.length ? [box, sentences] : [sentences];
  }

  sharing() {
    const box = build("div", "baby-share");
    this.share = button(COPY, async () => {
      if (this.element.dataset.state === "failed") return this.start(this.linked);
      const address = this.address();
      showAddress(address);
      if (await copy(address)) this.say(COPIED);
      else this.offer(address);
    });
    box.append(this.share);
    this.notice = build("p", "baby-word baby-notice");
    this.notice.setAttribute("role", "status");
    if (this.trains) box.append(this.cost);
    return [box, roomFor([UNFIT, COPIED], this.notice)];
  }

  say(text) {
    this.notice.textContent = text;
  }

  // A link that could not be copied, selected, so that one key does it.
  offer(address) {
    this.say("Copy this:");
    const link = build("input");
    Object.assign(link, { value: address, readOnly: true });
    link.setAttribute("aria-label", "A link to this state");
    this.notice.append(link);
    link.focus();
    link.select();
  }

  // A run

  choose(values, seed = this.seed) {
    this.values = { ...values };
    for (const [name, { show }] of this.inputs) show(values[name]);
    this.seed = seed;
    if (this.seeds) this.seeds.value = seed;
  }

  async use(values) {
    if (this.sentence) this.sentence.textContent = "";
    this.choose(values);
    await this.restart();
  }

  // What a sentence of the page asks for: its settings and its seed, and its moves when their updates come.
  async act(query) {
    const asked = new URLSearchParams(query);
    if (!asked.has("step")) asked.set("step", this.data.steps);
    const { word, values, seed, step, changes } = this.settingsFrom(asked);
    if (word) return this.say(word);
    this.takeOver();
    this.choose({ ...this.defaults(), ...values }, seed);
    await this.restart(changes);
    const back = build("button", "baby-back", BACK);
    back.type = "button";
    this.sentence.replaceChildren(`${this.told(values, seed, changes)} `, back);
    if (this.trains) await this.play(step);
  }

  // What a sentence of the page has set, in words.
  told(values, seed, changes = new Map()) {
    const inAll = (all) =>
      Object.entries(all).map(([name, value]) =>
        inWords(
          this.data.controls.find((one) => one.name === name),
          value,
        ),
      );
    const later = [...changes].flatMap(([at, moves]) => inAll(moves).map((move) => [...move, at]));
    return writeAct(inAll(values), seed, later);
  }

  // Run from the start with some controls set.
  async trainOn(values) {
    await this.start();
    if (this.element.dataset.state !== "ready") return;
    await this.use({ ...this.values, ...values });
    await this.play(this.data.steps);
  }

  async restart(changes) {
    this.pause();
    const token = {};
    this.token = token;
    this.untouched = false;
    const state = this.trains ? await unpacked(this.data.starts[this.seed]) : {};
    if (this.token !== token) return;
    const previous = this.run?.reached ? this.run.rows : this.run?.previous;
    this.pending.clear();
    this.run = new Run(this.engine, this.data.steps, {
      state,
      seed: this.seed,
      values: this.values,
      changes,
      previous,
    });
    this.take();
    this.paint();
  }

  // What the run shows now, with the settings as they are there, but for those that a reader has just moved.
  take() {
    const { step, reached, furthest, rows, previous, settings, marks } = this.run;
    for (const [name, value] of Object.entries(settings)) {
      if (this.pending.has(name) || this.values[name] === value) continue;
      this.values[name] = value;
      this.inputs.get(name).show(value);
    }
    for (const { name, value } of this.data.controls) this.inputs.get(name).mark(this.values[name] !== value);
    this.now = this.engine.now();
    this.trouble = this.engine.trouble;
    this.frame = {
      step,
      reached,
      width: axisWidth(furthest, this.data.steps),
      rows,
      previous,
      now: this.now,
      marks,
      seed: this.seed,
      pins: this.pins,
      seeds: this.seedRuns,
      progress: this.progress,
      settings: { ...this.values },
    };
  }

  paint() {
    if (this.element.dataset.state !== "ready") return; // the still and its words are of the default run
    const stopped = this.trouble.length > 0;
    const controls = Object.keys(this.values);
    const status = stopped ? writeStop(this.trouble, this.frame.step, controls, this.trains) : this.status();
    this.update({ ...this.frame, status, error: stopped, playing: this.playing });
    if (this.button) say(this.button, this.playing ? "Pause" : "Play");
    const { made, spent } = this.run.time;
    if (made) {
      const cost = Math.max(0.01, spent / made);
      say(this.cost, `${cost < 1 ? cost.toFixed(2) : Number(cost.toPrecision(2))} ms an update`);
    }
    this.element.dataset.step = this.frame.step;
  }

  status() {
    const known = { ...this.values, ...this.now, step: this.frame.step, seed: this.seed };
    const speaks = ({ series, above, below, after }) =>
      this.frame.step >= after &&
      ((above !== null && known[series] > above) || (below !== null && known[series] < below));
    const sentences = this.data.says
      .filter(speaks)
      .map((say) => say.text)
      .slice(0, 1); // the first that applies
    return writeStatus(this.data.status, sentences, known);
  }

  // Go on, without an end if none is given. What was made before is made again, and is the same.
  async play(end = Infinity) {
    await this.seeking;
    if (this.untouched) await this.startOver();
    this.playing = true;
    const token = this.token;
    while (this.playing && this.token === token && this.run.step < end) {
      const begun = performance.now();
      const [stride, wait] = pace(this.alone ? "slow" : this.speed, this.data.steps);
      if (this.away) {
        await sleep(wait); // a run has no end, but it waits while nobody sees it
        continue;
      }
      this.slice(Math.min(stride, end - this.run.step));
      await turn();
      if (this.token !== token) return;
      this.paint();
      if (this.trouble.length) break;
      await sleep(Math.max(0, wait - (performance.now() - begun)));
    }
    if (this.token !== token) return;
    if (this.playing) this.alone = false; // it came to its end
    this.pause();
  }

  // From the start, and nothing is known of a run that nobody saw.
  async startOver() {
    await this.restart();
    this.run.previous = undefined;
    this.take();
  }

  // Play alone while there is somebody to see it, from the start of a run to its end.
  async tend() {
    if (!this.alone || this.element.dataset.state !== "ready") return;
    const seen = this.inView && !document.hidden;
    if (!seen) this.pause();
    else if (!this.playing) await this.attempt(() => this.playAlone());
  }

  async playAlone() {
    if (this.untouched) await this.startOver();
    if (this.alone && this.inView && !document.hidden) await this.play(this.data.steps);
  }

  // A reader has touched a control: from now on nothing happens by itself.
  takeOver(target) {
    if (!this.alone) return;
    this.alone = false;
    if (target !== this.button) this.pause(); // which pauses, or not, when it is released
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.settle();
    this.paint();
  }

  async step() {
    this.pause();
    await this.seeking;
    await this.advance(1);
  }

  // Make some updates in one go; the page gets its turn between slices.
  async advance(count) {
    const token = this.token;
    const end = this.run.step + count;
    while (this.token === token && this.run.step < end) {
      this.slice(end - this.run.step);
      await turn();
      if (this.trouble.length) break;
    }
    if (this.token === token) this.paint();
  }

  // As many updates as fit into BUSY milliseconds.
  slice(count) {
    this.untouched = false;
    if (this.pending.size) this.run.move(this.moves(), this.trains); // the state that waits was made with the old settings
    this.run.advance(count, BUSY);
    this.take();
  }

  // Show another update of those that were made: on the way there the page gets its turn, and the last wish counts.
  seek(step) {
    this.pause();
    this.settle();
    this.alone = false;
    this.untouched = false;
    this.wanted = Math.min(Math.max(Math.round(step), 0), this.run.reached);
    this.seeking ??= this.approach().finally(() => {
      this.seeking = null;
    });
    return this.seeking;
  }

  async approach() {
    const token = this.token;
    while (this.token === token) {
      const wanted = this.wanted;
      if (this.run.seek(wanted, BUSY)) {
        this.take();
        this.paint();
        if (wanted === this.wanted) break;
      }
      await turn();
    }
    if (this.token === token) this.settle();
  }

  moved(name, value, show) {
    show(value);
    this.values[name] = value;
    this.pending.set(name, value);
    if (!this.playing && !this.seeking) this.attempt(() => this.settle()); // else the next step takes it
  }

  // The settings that moved since the run last heard of them.
  moves() {
    const moves = Object.fromEntries(this.pending);
    this.pending.clear();
    return moves;
  }

  // The present state again, with the settings as they are now.
  settle() {
    if (!this.pending.size) return;
    this.untouched = false;
    this.run.move(this.moves(), false);
    this.take();
    this.paint();
  }

  // Do what a reader asked for, once it is ready.
  async attempt(action) {
    if (this.element.dataset.state !== "ready") await this.start();
    if (this.element.dataset.state !== "ready") return;
    try {
      await action();
    } catch (error) {
      this.fail(error);
    }
  }

  // Comparing

  // Keep the run as it is, as a thin line; another of this name goes.
  pin(name) {
    const { seed, initial, changes, reached, rows } = this.run;
    const kept = Object.fromEntries(Object.entries(rows).map(([series, row]) => [series, [...row]]));
    const others = this.pins.filter((pin) => pin.name !== name).slice(1 - PINS);
    this.pins = [...others, { name, seed, initial: { ...initial }, changes: new Map(changes), reached, rows: kept }];
    this.take();
    this.paint();
  }

  unpin(name) {
    this.pins = this.pins.filter((pin) => pin.name !== name);
    this.take();
    this.paint();
  }

  // A pinned run that a link tells of, made again.
  async add({ name, values, seed, until, changes }) {
    const initial = { ...this.defaults(), ...values };
    const { rows, changes: made } = await this.aside({ seed, initial, changes, reached: until });
    this.pins.push({ name, seed, initial, changes: made, reached: until, rows });
  }

  // The run with all seeds, as thin lines; or without them again.
  async allSeeds() {
    const wanted = !this.seedRuns.length && !this.progress;
    const token = {};
    this.seedsToken = token;
    this.seedRuns = [];
    const { initial, changes, reached } = this.run;
    const run = { initial: { ...initial }, changes: new Map(changes), reached: Math.max(reached, this.data.steps) };
    for (let seed = 0; wanted && seed < this.data.starts.length; seed++) {
      const made = await this.aside({ ...run, seed }, (step) => {
        this.progress = `seed ${seed} of ${this.data.starts.length}: update ${step}`;
        this.take();
        this.paint();
        return this.seedsToken === token;
      });
      if (this.seedsToken !== token) return;
      this.seedRuns = [...this.seedRuns, { rows: made.rows }];
    }
    this.progress = "";
    this.take();
    this.paint();
  }

  // Make another run, in slices, beside the one that is shown.
  async aside({ seed, initial, changes, reached }, goesOn = () => true) {
    const engine = await this.openEngine();
    const state = await unpacked(this.data.starts[seed]);
    const run = new Run(engine, this.data.steps, { state, seed, values: initial, changes });
    let painted = performance.now();
    while (run.step < reached && !engine.trouble.length) {
      run.advance(reached - run.step, BUSY);
      await turn();
      if (performance.now() - painted < 100) continue;
      painted = performance.now();
      if (!goesOn(run.step)) break;
    }
    return run;
  }

  address() {
    return addressOf(this.name, this.run, this.pins);
  }

  settingsFrom(query) {
    return readAddress(query, this.data) ?? { word: UNFIT };
  }
}

// Small things

const failure = (message) => `This figure could not run here (${message}). The picture is its default run.`;

// Put an address into the browser's bar; a frame has none, and must not change its address everywhere.
function showAddress(address) {
  try {
    if (window === window.top) history.replaceState(null, "", address);
  } catch {
    // a page from a file may not, everywhere
  }
}

const sleep = (milliseconds) => new Promise((next) => setTimeout(next, milliseconds));

// Lets the page have its turn.
function turn() {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

// All figures of the page

const query = new URLSearchParams(location.search);
const figures = [];
const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      target.liveFigure.start();
    }
  },
  { rootMargin: AHEAD },
);
const onScreen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) target.liveFigure.away = !isIntersecting;
});
const inView = new IntersectionObserver(
  (entries) => {
    figures[0].inView = entries.at(-1).isIntersecting; // what is true by now, if it was too busy to hear of it before
    figures[0].tend();
  },
  { threshold: 0.5 },
);

function begin(element) {
  if (element.liveFigure) return;
  const figure = new Figure(element, figures.length);
  figures.push(figure);
  element.dispatchEvent(new Event("baby-live", { bubbles: true })); // take.js adds to it
  if (figure.name === query.get("figure")) {
    figure.linked = figure.settingsFrom(query); // for another try too
    figure.start(figure.linked);
    addEventListener("load", () => element.scrollIntoView());
  }
  near.observe(element);
  if (figure.trains) onScreen.observe(element);
  if (figures.length > 1 || !figure.trains || CALM || query.has("figure")) return;
  figure.alone = true;
  inView.observe(element.querySelector(".baby-first"));
  document.addEventListener("visibilitychange", () => figure.tend());
}

// A page has this element at the end of each figure, where the browser has read all of it and shown none of what follows.
customElements.define(
  "baby-live-end",
  class extends HTMLElement {
    connectedCallback() {
      begin(this.closest("figure.baby-live"));
    }
  },
);
// where figures come without it: in slides, in files
const beginAll = () => {
  for (const data of document.querySelectorAll("figure.baby-live > .baby-live-data")) begin(data.parentElement);
};
document.readyState === "loading" ? addEventListener("DOMContentLoaded", beginAll) : beginAll();
