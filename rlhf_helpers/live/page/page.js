// Runs the live figures of a built page: no kernel, no runtime, no other host. Each figure carries its own data (module,
// controls, starts) as JSON. It is put together while the page is read, before anybody sees it, and no part of it changes
// its place after that. What it computes begins when it comes near the window: it makes its default run, and from then on
// `live.js` draws it. All of it happens in slices of BUSY milliseconds. The first figure of a page plays by itself.
import { copy } from "./clipboard.js";
import { Engine, unzip } from "./engine.js";
import { draw } from "./live.js";
import { BUSY, FRAME, FRAMES, moveMark, writeAct, writeNumber, writeStatus, writeStop } from "./rules.js";
import { idsOf, isWord, wordField } from "./words.js";

const CALM = matchMedia("(prefers-reduced-motion: reduce)").matches;
const PAUSE = CALM ? 500 : FRAME; // from picture to picture
const ALONE = 12_000; // milliseconds for a run that plays by itself: slow enough to see what happens
const LONG = -0.888; // as long as a number in the status line gets
const BACK = "Back to the text";
const COPY = "Copy a link to this state";
const UNFIT = "The address does not fit this figure.";
const COPIED = "The link is in your clipboard: this run, to the last bit, in every browser.";
const AHEAD = "100%"; // of the window: a figure is made ready before a reader has scrolled to it
const SCRIPT = document.currentScript.src;

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
    this.initial = { ...this.values }; // the settings that the run began with
    this.seed = 0;
    this.frame = { step: 0 };
    this.moves = [];
    this.script = []; // moves to come
    this.marks = [];
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
      set: (name, value) => this.attempt(() => this.moved(name, value, this.inputs.get(name).show)),
      look: () => this.takeOver(),
      act: (query) => this.attempt(() => this.act(query)),
    };
    this.update = draw(canvas, { ...spec, controls }, host);
    for (const [index, still] of stills.entries()) {
      still.classList.add("baby-still");
      this.update.boxes[index].append(still);
    }
    this.line = canvas.querySelector(".baby-status");
    this.line.textContent = words?.textContent ?? "";
    words?.remove();
    const room = roomFor(this.longestStatus(), this.line);
    canvas.prepend(room);
    for (const trouble of [...room.children].slice(2)) trouble.classList.add("baby-error"); // which is bold
    if (this.trains) this.controls.append(this.buttons());
    this.inputs = new Map(this.data.controls.map((control) => [control.name, this.control(control, this.controls)]));
    this.cost = build("p", "baby-word baby-cost");
    this.controls.append(...this.presets(), ...this.sharing());
    for (const touch of ["pointerdown", "keydown", "input"])
      this.controls.addEventListener(touch, (event) => this.takeOver(event.target), true);
  }

  // The longest that the status line says: with a sentence, where a run stops, and where there is none.
  longestStatus() {
    const { status, says, spec, starts, steps } = this.data;
    const [longest = ""] = says.map(({ text }) => text).sort((a, b) => b.length - a.length);
    const known = new Proxy({}, { get: () => LONG });
    const running = `${this.trains ? `Update ${steps} of ${spec.steps}: ` : ""}${writeStatus(status, [longest], known)}`;
    const series = spec.panels.flatMap(({ looks }) => Object.keys(looks));
    const names = [...series, ...Object.keys(starts?.[0] ?? {})].sort((a, b) => b.length - a.length);
    const stopped = writeStop(names.slice(0, 2), steps, Object.keys(this.values), this.trains);
    return [running, stopped, failure("its module is missing")];
  }

  // Make it ready, once: the module, and a run to look at.
  start(settings = {}) {
    this.started ??= this.open(settings).catch((error) => this.fail(error));
    return this.started;
  }

  async open({ values = {}, seed = this.seed, moves, step, word }) {
    if (!this.data.module) throw new Error("its module is missing");
    const words = this.data.controls.filter(({ kind }) => kind === "word");
    const ids = words.map((control) => [control.name, (word) => idsOf(control, word)]);
    this.engine = await Engine.open(bytes(this.data.module), Object.fromEntries(ids));
    this.choose({ ...this.values, ...values }, seed);
    await this.restart();
    await turn();
    if (moves) await this.replay(moves, step);
    else if (this.trains) await this.advance(this.data.steps);
    if (word) this.say(word);
    this.element.dataset.state = "ready";
    this.share.textContent = COPY;
    this.paint();
    this.tend();
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
    const label = build("label", "baby-seed", "seed ");
    this.seeds = build("select");
    for (const seed of this.data.starts.keys()) this.seeds.append(new Option(seed, seed));
    this.seeds.onchange = () => {
      this.seed = Number(this.seeds.value);
      this.attempt(() => this.restart());
    };
    label.append(this.seeds);
    bar.append(this.button, step, reset, label);
    return bar;
  }

  control(control, box) {
    const label = build("label", "baby-control");
    const words = build("span", "baby-words", control.label);
    if (control.kind === "word") {
      const { field, told, show } = wordField(control, (word) => this.moved(control.name, word, show));
      label.append(words, field, roomFor([control.told], told));
      box.append(label);
      show(this.values[control.name]);
      return { show };
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
      shown.textContent = threeDigits(value);
      input.setAttribute("aria-valuetext", threeDigits(value));
    };
    const read = () => {
      if (control.kind === "switch") return input.checked ? 1 : 0;
      return control.kind === "log" ? control.base ** Number(input.value) : Number(input.value);
    };
    input.name = control.name;
    input.oninput = () => this.moved(control.name, read(), show);
    label.append(words, input, ...(input.type === "range" ? [shown] : []));
    if (control.kind === "switch") label.classList.add("baby-switch");
    box.append(label);
    show(this.values[control.name]);
    return { show };
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
        if (this.trains) await this.play();
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
    const { word, values, seed, step, moves } = this.settingsFrom(asked);
    if (word) return this.say(word);
    this.takeOver();
    this.choose({ ...this.defaults(), ...values }, seed);
    await this.restart();
    const write = (name, value) =>
      inWords(
        this.data.controls.find((one) => one.name === name),
        value,
      );
    const settings = Object.entries(values).map(([name, value]) => write(name, value));
    const later = (moves ?? []).map((move) => [...write(move.name, move.value), move.step]);
    const back = build("button", "baby-back", BACK);
    back.type = "button";
    this.sentence.replaceChildren(`${writeAct(settings, seed, later)} `, back);
    this.script = moves ?? [];
    if (this.trains) await this.play(step);
  }

  // Run from the start with some controls set.
  async trainOn(values) {
    await this.start();
    if (this.element.dataset.state !== "ready") return;
    await this.use({ ...this.values, ...values });
    await this.play();
  }

  async restart() {
    this.pause();
    const token = {};
    this.token = token;
    const state = this.trains ? await unpacked(this.data.starts[this.seed]) : {};
    if (this.token !== token) return;
    if (this.frame.step) this.previous = this.frame.rows;
    this.initial = { ...this.values };
    this.asked = { ...this.values }; // the settings that the engine knows
    this.moves = [];
    this.script = [];
    this.marks = [];
    this.pending.clear();
    this.engine.reset({ state, seed: this.seed, controls: this.values });
    this.rows = {};
    this.spent = 0;
    this.take();
    this.paint();
  }

  // What the engine has: the series of the states that it left behind, and of the present one.
  take(rows = []) {
    for (const row of rows)
      for (const [name, value] of Object.entries(row)) {
        this.rows[name] ??= [];
        this.rows[name].push(value);
      }
    const { step, trouble } = this.engine;
    this.now = this.engine.now();
    this.trouble = trouble;
    const present = Object.entries(this.engine.numbers()).map(([name, value]) => [
      name,
      [...(this.rows[name] ?? []), value],
    ]);
    this.frame = {
      step,
      rows: Object.fromEntries(present),
      previous: this.previous,
      now: this.now,
      marks: [...this.marks],
      settings: { ...this.values },
    };
  }

  paint() {
    if (this.element.dataset.state !== "ready") return; // the still and its words are of the default run
    const stopped = this.trouble.length > 0;
    const controls = Object.keys(this.values);
    const status = stopped ? writeStop(this.trouble, this.frame.step, controls, this.trains) : this.status();
    this.update({ ...this.frame, status, error: stopped, playing: this.playing });
    if (this.button) this.button.textContent = this.playing ? "Pause" : "Play";
    if (this.frame.step) {
      const cost = Math.max(0.01, this.spent / this.frame.step);
      this.cost.textContent = `${cost < 1 ? cost.toFixed(2) : Number(cost.toPrecision(2))} ms an update`;
    }
    this.element.dataset.step = this.frame.step;
  }

  status() {
    const known = { ...this.values, ...this.now, step: this.frame.step, seed: this.seed };
    const speaks = ({ series, above, below, after }) =>
      this.frame.step >= after &&
      ((above !== null && known[series] > above) || (below !== null && known[series] < below));
    const sentences = this.data.says.filter(speaks).map((say) => say.text);
    return writeStatus(this.data.status, sentences, known);
  }

  async play(end = this.data.steps) {
    if (this.frame.step >= this.data.steps) await this.restart();
    this.playing = true;
    const token = this.token;
    const frames = this.alone ? Math.min(this.data.steps, ALONE / FRAME) : FRAMES;
    const pause = this.alone ? ALONE / frames : PAUSE;
    const stride = Math.max(1, Math.round(this.data.steps / frames));
    while (this.playing && this.token === token && this.frame.step < end) {
      const begun = performance.now();
      this.slice(Math.min(stride, end - this.frame.step));
      await turn();
      if (this.token !== token) return;
      this.paint();
      if (this.trouble.length) break;
      await new Promise((next) => setTimeout(next, Math.max(0, pause - (performance.now() - begun))));
    }
    if (this.token !== token) return;
    if (this.playing) this.alone = false; // it came to its end
    this.pause();
    this.settle();
  }

  // Play alone while there is somebody to see it, from the start of a run to its end.
  async tend() {
    if (!this.alone || this.element.dataset.state !== "ready") return;
    const seen = this.inView && !document.hidden;
    if (!seen) this.pause();
    else if (!this.playing) await this.attempt(() => this.playAlone());
  }

  async playAlone() {
    if (this.frame.step >= this.data.steps) {
      await this.restart();
      this.previous = undefined; // nobody saw the run before
    }
    if (this.alone && this.inView && !document.hidden) await this.play();
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
    this.paint();
  }

  async step() {
    this.pause();
    if (this.frame.step >= this.data.steps) await this.restart();
    await this.advance(1);
  }

  // Make some updates in one go; the page gets its turn between slices.
  async advance(count) {
    const token = this.token;
    const end = Math.min(this.frame.step + count, this.data.steps);
    while (this.token === token && this.frame.step < end) {
      this.slice(end - this.frame.step);
      await turn();
      if (this.trouble.length) break;
    }
    if (this.token === token) this.paint();
  }

  // As many updates as fit into BUSY milliseconds.
  slice(count) {
    while (this.script[0]?.step === this.frame.step) this.make(this.script.shift());
    this.note(this.frame.step + 1); // the state that waits was made with the old settings
    const end = Math.min(this.data.steps, this.script[0]?.step ?? Infinity);
    const begun = performance.now();
    const rows = this.engine.advance(this.values, Math.min(count, end - this.frame.step), BUSY);
    this.spent += performance.now() - begun;
    this.take(rows);
  }

  moved(name, value, show) {
    show(value);
    this.values[name] = value;
    this.pending.set(name, value);
    if (!this.playing) this.attempt(() => this.settle()); // else the next step takes it
  }

  // Settings that moved since the engine last heard of them, and from which state on they hold.
  note(step) {
    for (const [name, value] of this.pending) {
      if (this.trains && step > 0) this.mark(name, value, step);
      else this.initial = { ...this.values };
      this.asked[name] = value;
    }
    this.pending.clear();
  }

  // The present state again, with the settings as they are now.
  settle() {
    if (!this.pending.size) return;
    this.note(this.frame.step);
    this.engine.evaluate(this.values);
    this.take();
    this.paint();
  }

  mark(name, value, step) {
    this.moves.push({ step, name, value });
    if (typeof value === "string") return; // a word asks, and leaves no mark
    if (value !== this.asked[name]) moveMark(this.marks, name, this.asked[name], value, step, this.data.steps);
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

  // The address: the settings a run began with, its seed, the moves since, and how far it went

  address() {
    const address = new URL(location.href);
    address.search = "";
    address.hash = "";
    const query = address.searchParams;
    query.set("figure", this.name);
    for (const [name, value] of Object.entries(this.initial)) query.set(name, written(value));
    if (this.trains) {
      query.set("seed", this.seed);
      query.set("step", this.frame.step);
      const last = new Map(this.moves.map((move) => [`${move.step} ${move.name}`, move]));
      if (last.size)
        query.set("moves", [...last.values()].map((m) => `${m.step}:${m.name}:${written(m.value)}`).join(","));
    }
    return address.href;
  }

  settingsFrom(query) {
    const values = {};
    let damaged = false;
    const fits = (control, value) => {
      if (control.kind === "word") return isWord(control, value);
      if (!Number.isFinite(value)) return false;
      if (control.kind === "choice") return control.options.some(([, option]) => option === value);
      if (control.kind === "switch") return value === 0 || value === 1;
      const place = control.kind === "log" ? Math.log(value) / Math.log(control.base) : value;
      return place >= control.min - 1e-9 && place <= control.max + 1e-9;
    };
    const number = (text) => (text === null || text.trim() === "" ? NaN : Number(text));
    const read = (control, text) => (control?.kind === "word" ? text : number(text));
    for (const control of this.data.controls) {
      if (!query.has(control.name)) continue;
      const value = read(control, query.get(control.name));
      if (fits(control, value)) values[control.name] = value;
      else damaged = true;
    }
    const whole = (name, limit) => {
      const value = query.has(name) ? number(query.get(name)) : 0;
      if (Number.isInteger(value) && value >= 0 && value <= limit) return value;
      damaged = true;
      return 0;
    };
    const seed = this.trains ? whole("seed", this.data.starts.length - 1) : 0;
    const step = this.trains ? whole("step", this.data.steps) : 0;
    const moves = (query.get("moves") ?? "")
      .split(",")
      .filter(Boolean)
      .map((text) => {
        const [at, name, value] = text.split(":");
        const control = this.data.controls.find((one) => one.name === name);
        const move = { step: number(at ?? ""), name, value: read(control, value ?? "") };
        if (!control || !fits(control, move.value) || !Number.isInteger(move.step) || move.step < 1 || move.step > step)
          damaged = true;
        return move;
      });
    if (damaged) return { word: UNFIT };
    return { values, seed, step, moves: this.trains ? moves : null };
  }

  async replay(moves, step) {
    for (const move of moves) {
      if (move.step > this.frame.step) await this.advance(move.step - this.frame.step);
      this.make(move);
    }
    if (step > this.frame.step) await this.advance(step - this.frame.step);
  }

  // Move a control where the run is.
  make({ name, value }) {
    this.values[name] = value;
    this.inputs.get(name).show(value);
    this.mark(name, value, this.frame.step);
    this.asked[name] = value;
    this.engine.evaluate(this.values);
    this.take();
  }
}

// Small things

const failure = (message) => `This figure could not run here (${message}). The picture is its default run.`;

function build(tag, kind = "", text = "") {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text) element.textContent = text;
  return element;
}

function button(text, action) {
  const element = build("button", "baby-button", text);
  element.type = "button";
  element.onclick = action;
  return element;
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

// Put an address into the browser's bar; a frame has none, and must not change its address everywhere.
function showAddress(address) {
  try {
    if (window === window.top) history.replaceState(null, "", address);
  } catch {
    // a page from a file may not, everywhere
  }
}

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

// Tensors as `export.py` packs them: name -> numbers. Some are in a file of their own, loaded when a figure needs it.
async function unpacked(packed) {
  const state = {};
  for (const [name, { type, shape, fill, like, file, bytes: coded }] of Object.entries(packed)) {
    const Typed = type === "int64" ? BigInt64Array : Float32Array;
    const size = shape.reduce((a, b) => a * b, 1);
    if (like !== undefined) state[name] = state[like];
    else if (file !== undefined) state[name] = await weights(file);
    else if (coded !== undefined) state[name] = new Typed(bytes(coded).buffer);
    else state[name] = new Typed(size).fill(type === "int64" ? BigInt(fill) : fill);
  }
  return state;
}

// A file of weights: the first bytes of all, the second, the third; the last is zero. It comes as a script, which a page
// loads from a file too.
async function weights(file) {
  if (!globalThis.babyWeights?.[file])
    await new Promise((resolve, reject) => {
      const script = build("script");
      script.src = new URL(`../weights/${file}.js`, SCRIPT).href;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${file} could not be loaded`));
      document.head.append(script);
    });
  const planes = await unzip(bytes(globalThis.babyWeights[file]));
  const size = planes.length / 3;
  const whole = new Uint8Array(4 * size);
  for (let place = 0; place < 3; place++)
    for (let i = 0; i < size; i++) whole[4 * i + 3 - place] = planes[place * size + i];
  return new Float32Array(whole.buffer);
}

const written = (value) => (typeof value === "string" ? value : String(Number(value.toPrecision(9))));

// A setting as its slider shows it.
function threeDigits(value) {
  return value === 0
    ? "0"
    : Math.abs(value) >= 0.001 && Math.abs(value) < 1e5
      ? String(Number(value.toPrecision(3)))
      : value.toExponential(1);
}

// A control and a value of it in words; of a label that ends in the control's name, as formulas have it, just that.
function inWords({ name, label, kind, options }, value) {
  const words = label.endsWith(name) ? name : label;
  if (kind === "switch") return [words, value ? "on" : "off"];
  if (typeof value === "string") return [words, value || "empty"];
  return [words, kind === "choice" ? options.find(([, one]) => one === value)[0] : writeNumber(value, ".3g")];
}

// The two longest settings that a sentence may make.
function longestSettings(controls) {
  const all = controls.flatMap((control) =>
    (control.options ?? [[null, control.value]]).map(([, value]) => inWords(control, value)),
  );
  return all.sort((a, b) => b.join("").length - a.join("").length).slice(0, 2);
}

// A box as high as the longest of some texts, for an element that says them one at a time.
function roomFor(texts, element) {
  const room = build("div", "baby-room");
  for (const text of texts) {
    const reserved = build("p", `${element.className} baby-reserved`, text);
    reserved.setAttribute("aria-hidden", "true");
    room.append(reserved);
  }
  room.prepend(element);
  return room;
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
