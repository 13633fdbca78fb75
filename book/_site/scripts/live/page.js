// Runs the live figures of a built page: no kernel, no other host. Each figure carries its own data (graph, controls,
// starts) as JSON. Nothing is loaded before a reader starts one; then a worker runs the graph, and `live.js` draws.
import { draw } from "./live.js";
import { BUSY, FRAME, FRAMES, moveMark, writeMark, writeStatus, writeStop } from "./rules.js";

const PAUSE = matchMedia("(prefers-reduced-motion: reduce)").matches ? 500 : FRAME; // from picture to picture
const PATIENCE = 30000; // milliseconds until a silent worker counts as hung

// The worker, and questions to it

let worker = null;
const waiting = new Map();
let asked = 0;

function ask(question, transfer = []) {
  worker ??= startWorker();
  return new Promise((resolve, reject) => {
    const id = ++asked;
    const timer = setTimeout(() => stopWorker("it does not answer"), PATIENCE);
    waiting.set(id, { resolve, reject, timer });
    worker.postMessage({ id, ...question }, transfer);
  });
}

function startWorker() {
  const started = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  started.onmessage = ({ data: { id, ...reply } }) => {
    const question = waiting.get(id);
    if (!question) return;
    waiting.delete(id);
    clearTimeout(question.timer);
    if (reply.error) question.reject(new Error(reply.error));
    else question.resolve(reply);
  };
  started.onerror = () => stopWorker("its script could not be loaded");
  return started;
}

function stopWorker(reason) {
  worker?.terminate();
  worker = null;
  for (const { reject, timer } of waiting.values()) {
    clearTimeout(timer);
    reject(new Error(reason));
  }
  waiting.clear();
}

// One figure

class Figure {
  constructor(element, index) {
    this.element = element;
    // the API of slides.js, clicks/page.js, the tests and the benchmarks: fields and methods keep their names
    element.liveFigure = this;
    this.name = String(index + 1);
    this.data = JSON.parse(element.querySelector("script.baby-live-data").textContent);
    this.trains = Boolean(this.data.starts);
    this.still = [...element.children].filter((child) => !["FIGCAPTION", "SCRIPT"].includes(child.tagName));
    this.invite = build("div", "baby-invite");
    this.starter = build("button", "baby-start", this.trains ? "Train it here" : "Move the sliders");
    this.starter.type = "button";
    this.starter.onclick = () => this.start();
    this.word = build("p", "baby-word");
    this.word.setAttribute("role", "status");
    this.invite.append(this.starter, this.word);
    element.insertBefore(this.invite, element.querySelector("figcaption"));
    element.querySelector(".baby-noscript")?.remove();
  }

  defaults() {
    return Object.fromEntries(this.data.controls.map(({ name, value }) => [name, value]));
  }

  async start(settings = {}) {
    this.pending = new Map();
    this.starter.disabled = true;
    this.word.textContent = "Loading the runtime (once, about 4 MB) ...";
    try {
      this.graph ??= bytes(this.data.graph);
      await ask({ call: "open", figure: this.name, graph: this.graph.slice() });
      this.values = { ...this.defaults(), ...settings.values };
      this.seed = settings.seed ?? 0;
      this.assemble();
      await this.restart();
      if (settings.moves) await this.replay(settings.moves, settings.step);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (settings.word) this.say(settings.word);
    this.element.dataset.state = "ready";
  }

  fail(error) {
    this.playing = false;
    this.grid?.remove();
    this.grid = null;
    this.showStill(true);
    this.invite.hidden = false;
    this.starter.disabled = false;
    this.starter.textContent = "Try again";
    const advice =
      location.protocol === "file:"
        ? "A browser does not run it from a file: in the folder of the built book run `python -m http.server` " +
          "and open the address that it prints."
        : "The picture above is the default run, and the rest of the page works without it.";
    this.word.textContent = `This figure could not run here (${error.message}). ${advice}`;
    this.element.dataset.state = "failed";
    if (figures.every((figure) => figure.element.dataset.state !== "ready")) stopWorker("it was stopped");
  }

  showStill(shown) {
    for (const child of this.still) child.toggleAttribute("hidden", !shown); // an SVG has no `hidden` property
  }

  assemble() {
    this.grid?.remove();
    this.grid = build("div", "baby-grid");
    const canvas = build("div", "baby-canvas");
    const controls = build("div", "baby-controls");
    this.grid.append(canvas, controls);
    this.showStill(false);
    this.invite.hidden = true;
    this.element.insertBefore(this.grid, this.invite);
    this.update?.stop();
    this.update = draw(canvas, this.data.spec);
    this.cost = build("p", "baby-word");
    if (this.trains) controls.append(this.buttons(), this.cost);
    this.inputs = new Map(this.data.controls.map((control) => [control.name, this.control(control, controls)]));
    controls.append(...this.presets(), this.sharing());
    this.frame = {};
  }

  // Controls

  buttons() {
    const bar = build("div", "baby-buttons");
    this.button = button("Play", () => (this.playing ? this.pause() : this.attempt(() => this.play())));
    const step = button("Step", () => this.attempt(() => this.advance(1)));
    const reset = button("Reset", () => this.attempt(() => this.restart()));
    const label = build("label", "baby-seed", "seed ");
    this.seeds = build("select");
    for (const seed of this.data.starts.keys()) this.seeds.append(new Option(seed, seed));
    this.seeds.value = this.seed;
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
    const presets = this.data.presets ?? [];
    if (!presets.length) return [];
    const box = build("div", "baby-presets");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Settings worth a look");
    this.sentence = build("p", "baby-sentence");
    this.sentence.setAttribute("role", "status");
    for (const { name, text, values } of presets)
      box.append(
        button(name, () =>
          this.attempt(async () => {
            await this.use({ ...this.defaults(), ...values });
            this.sentence.textContent = text;
            if (this.trains) await this.play();
          }),
        ),
      );
    return [box, this.sentence];
  }

  sharing() {
    const box = build("div", "baby-share");
    box.append(
      button("Copy a link to this state", async () => {
        const address = this.address();
        history.replaceState(null, "", address);
        try {
          await navigator.clipboard.writeText(address);
          this.say("The link is in your clipboard.");
        } catch {
          this.say("The link is in the address bar.");
        }
      }),
    );
    this.notice = build("p", "baby-word");
    this.notice.setAttribute("role", "status");
    box.append(this.notice);
    return box;
  }

  say(text) {
    this.notice.textContent = text;
  }

  // A run

  async use(values) {
    if (this.sentence) this.sentence.textContent = "";
    this.values = { ...values };
    for (const [name, { show }] of this.inputs) show(values[name]);
    await this.restart();
  }

  // Run from the start with some controls set.
  async trainOn(values) {
    if (this.element.dataset.state !== "ready") await this.start();
    if (this.element.dataset.state !== "ready") return;
    await this.use({ ...this.values, ...values });
    await this.play();
  }

  async restart() {
    this.pause();
    const token = {};
    this.token = token;
    if (this.frame.step) this.previous = this.frame.rows;
    this.initial = { ...this.values }; // the settings that the run began with
    this.asked = { ...this.values }; // the settings that the worker knows
    this.moves = [];
    this.marks = [];
    this.pending = new Map();
    const state = this.trains ? await unpacked(this.data.starts[this.seed]) : {};
    const question = { call: "reset", state, noise: this.data.noise, seed: this.seed };
    const reply = await ask({ ...question, figure: this.name, controls: this.values });
    if (this.token !== token) return;
    this.rows = {};
    this.spent = 0;
    this.take(reply);
  }

  take({ step, rows, now, trouble, spent }) {
    this.spent += spent;
    for (const row of rows)
      for (const [name, value] of Object.entries(row)) {
        this.rows[name] ??= [];
        this.rows[name].push(value);
      }
    this.now = now;
    const present = Object.fromEntries(
      Object.entries(now)
        .filter(([, value]) => typeof value === "number")
        .map(([name, value]) => [name, [...(this.rows[name] ?? []), value]]),
    );
    this.trouble = trouble;
    const marks = this.marks.map((mark) => ({ step: mark.step, text: writeMark(mark) }));
    this.frame = { step: step ?? 0, rows: present, previous: this.previous, now, marks };
    this.paint();
  }

  paint() {
    const stopped = this.trouble.length > 0;
    const controls = Object.keys(this.values);
    const status = stopped ? writeStop(this.trouble, this.frame.step, controls, this.trains) : this.status();
    this.update({ ...this.frame, status, error: stopped, playing: this.playing });
    if (this.button) this.button.textContent = this.playing ? "Pause" : "Play";
    if (this.frame.step)
      this.cost.textContent = `${threeDigits(this.spent / this.frame.step)} ms an update on this machine.`;
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

  async play() {
    if (this.frame.step >= this.data.steps) await this.restart();
    this.playing = true;
    const token = this.token;
    const stride = Math.max(1, Math.round(this.data.steps / FRAMES));
    while (this.playing && this.token === token && this.frame.step < this.data.steps) {
      const begun = performance.now();
      await this.advance(stride, BUSY);
      if (this.trouble.length) break;
      await new Promise((next) => setTimeout(next, Math.max(0, PAUSE - (performance.now() - begun))));
    }
    if (this.token !== token) return;
    this.pause();
    await this.settle();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.paint();
  }

  async advance(count, budget = Infinity) {
    const token = this.token;
    this.note(this.frame.step + 1); // the state that waits was made with the old settings
    const left = Math.min(count, this.data.steps - this.frame.step);
    const reply = await ask({ call: "advance", figure: this.name, controls: this.values, count: left, budget });
    if (this.token === token) this.take(reply);
  }

  moved(name, value, show) {
    show(value);
    this.values[name] = value;
    this.pending.set(name, value);
    if (this.playing || this.asking) return; // the next step, or the question under way, takes it
    this.asking = true;
    this.attempt(async () => {
      try {
        await this.settle();
      } finally {
        this.asking = false;
      }
    });
  }

  // Settings that moved since the worker last heard of them, and from which state on they hold.
  note(step) {
    for (const [name, value] of this.pending) {
      if (this.trains && step > 0) this.mark(name, value, step);
      else this.initial = { ...this.values };
      this.asked[name] = value;
    }
    this.pending.clear();
  }

  // Tell the worker, until nothing has moved in the meantime.
  async settle() {
    const token = this.token;
    while (this.pending.size && this.token === token) {
      this.note(this.frame.step);
      const reply = await ask({ call: "evaluate", figure: this.name, controls: this.values });
      if (this.token === token) this.take({ ...reply, rows: [] });
    }
  }

  mark(name, value, step) {
    this.moves.push({ step, name, value });
    if (value !== this.asked[name]) moveMark(this.marks, name, this.asked[name], value, step, this.data.steps);
  }

  async attempt(action) {
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
    for (const [name, value] of Object.entries(this.initial)) query.set(name, precise(value));
    if (this.trains) {
      query.set("seed", this.seed);
      query.set("step", this.frame.step);
      const last = new Map(this.moves.map((move) => [`${move.step} ${move.name}`, move]));
      if (last.size)
        query.set("moves", [...last.values()].map((m) => `${m.step}:${m.name}:${precise(m.value)}`).join(","));
    }
    return address.href;
  }

  settingsFrom(query) {
    const values = {};
    let damaged = false;
    const fits = (control, value) => {
      if (!Number.isFinite(value)) return false;
      if (control.kind === "choice") return control.options.some(([, option]) => option === value);
      if (control.kind === "switch") return value === 0 || value === 1;
      const place = control.kind === "log" ? Math.log(value) / Math.log(control.base) : value;
      return place >= control.min - 1e-9 && place <= control.max + 1e-9;
    };
    const number = (text) => (text === null || text.trim() === "" ? NaN : Number(text));
    for (const control of this.data.controls) {
      if (!query.has(control.name)) continue;
      const value = number(query.get(control.name));
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
        const move = { step: number(at ?? ""), name, value: number(value ?? "") };
        if (!control || !fits(control, move.value) || !Number.isInteger(move.step) || move.step < 1 || move.step > step)
          damaged = true;
        return move;
      });
    if (damaged) return { word: "The address does not fit this figure: these are its default settings." };
    return { values, seed, step, moves: this.trains ? moves : null };
  }

  async replay(moves, step) {
    for (const move of moves) {
      if (move.step > this.frame.step) await this.advance(move.step - this.frame.step);
      this.values[move.name] = move.value;
      this.inputs.get(move.name).show(move.value);
      this.mark(move.name, move.value, this.frame.step);
      this.asked[move.name] = move.value;
      this.take({ ...(await ask({ call: "evaluate", figure: this.name, controls: this.values })), rows: [] });
    }
    if (step > this.frame.step) await this.advance(step - this.frame.step);
  }
}

// Small things

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

// Tensors as `export.py` packs them; some are in a file of their own, which is loaded when a figure starts.
async function unpacked(packed) {
  const state = {};
  for (const [name, { type, shape, fill, like, file, bytes: coded }] of Object.entries(packed)) {
    const Typed = type === "int64" ? BigInt64Array : Float32Array;
    const size = shape.reduce((a, b) => a * b, 1);
    if (like !== undefined) state[name] = { data: state[like].data.slice(), shape };
    else if (file !== undefined) state[name] = { data: (await weights(file)).slice(), shape };
    else if (coded !== undefined) state[name] = { data: new Typed(bytes(coded).buffer), shape };
    else state[name] = { data: new Typed(size).fill(type === "int64" ? BigInt(fill) : fill), shape };
  }
  return state;
}

const files = new Map(); // name -> promise of its numbers

function weights(file) {
  if (!files.has(file)) {
    files.set(file, loaded(file));
    files.get(file).catch(() => files.delete(file)); // so that the next start tries again
  }
  return files.get(file);
}

async function loaded(file) {
  const answer = await fetch(new URL(`../weights/${file}`, import.meta.url));
  if (!answer.ok) throw new Error(`${file} could not be loaded`);
  return new Float32Array(await answer.arrayBuffer());
}

const precise = (value) => String(Number(value.toPrecision(9)));

// A setting as its slider shows it.
function threeDigits(value) {
  return value === 0
    ? "0"
    : Math.abs(value) >= 0.001 && Math.abs(value) < 1e5
      ? String(Number(value.toPrecision(3)))
      : value.toExponential(1);
}

const figures = [...document.querySelectorAll("figure.baby-live")]
  .filter((element) => element.querySelector("script.baby-live-data"))
  .map((element, index) => new Figure(element, index));
const query = new URLSearchParams(location.search);
const wanted = figures.find((figure) => figure.name === query.get("figure"));
if (wanted) {
  wanted.element.scrollIntoView();
  wanted.start(wanted.settingsFrom(query));
}
