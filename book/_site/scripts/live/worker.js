// Runs figures' graphs away from the page, so that the page never waits. It gets
//   {call: "bring", wasm}                        the runtime's WebAssembly, where a page cannot fetch it (from a file)
//   {id, call: "open", figure, graph}            a figure's ONNX model, as bytes
//   {id, call: "reset", figure, state, noise, seed, controls}
//   {id, call: "evaluate", figure, controls}     the present state again, with other controls
//   {id, call: "advance", figure, controls, count, budget}   `count` steps, or as many as take `budget` ms
// and answers each with {id, step, rows, now, trouble, spent} or {id, error}; `spent` is in milliseconds. At step n it
// has evaluated the graph once: `now` holds the series of state n, and state n + 1 waits. `rows` are the series of the
// states that were left behind, `trouble` names what is no longer finite.

const engines = new Map();
let runtime = null;
let brought = null;

function load() {
  runtime ??= import("../vendor/onnxruntime-web/ort.wasm.min.mjs").then((ort) => {
    if (brought) ort.env.wasm.wasmBinary = brought;
    else ort.env.wasm.wasmPaths = new URL("../vendor/onnxruntime-web/", import.meta.url).href;
    ort.env.wasm.numThreads = 1; // more would need isolation headers
    return ort;
  });
  return runtime;
}

// The generator behind torch.Generator: a seed gives the same uniforms here as there.
class MersenneTwister {
  constructor(seed) {
    this.words = new Uint32Array(624);
    this.words[0] = seed;
    for (let i = 1; i < 624; i++) {
      const last = this.words[i - 1];
      this.words[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
    }
    this.index = 624;
  }

  uint32() {
    if (this.index === 624) this.twist();
    let y = this.words[this.index++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  twist() {
    const w = this.words;
    for (let i = 0; i < 624; i++) {
      const y = (w[i] & 0x80000000) | (w[(i + 1) % 624] & 0x7fffffff);
      w[i] = w[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.index = 0;
  }

  uniforms(count) {
    return Float32Array.from({ length: count }, () => (this.uint32() & 0xffffff) / 0x1000000);
  }
}

class Engine {
  constructor(ort, session) {
    Object.assign(this, { ort, session, state: {}, noise: null, step: 0, now: {} });
  }

  static async open(graph) {
    const ort = await load();
    return new Engine(ort, await ort.InferenceSession.create(graph));
  }

  tensor(data, shape) {
    const type = data instanceof BigInt64Array ? "int64" : "float32";
    return new this.ort.Tensor(type, data, shape);
  }

  async reset({ state, noise, seed, controls }) {
    this.step = 0;
    this.spare = null;
    this.shape = noise;
    this.random = new MersenneTwister(seed);
    this.state = {};
    for (const [name, { data, shape }] of Object.entries(state)) this.state[name] = this.tensor(data, shape);
    this.draw();
    await this.evaluate(controls);
  }

  draw() {
    if (this.spare) {
      [this.noise, this.spare] = [this.spare, null];
      return;
    }
    const size = this.shape?.reduce((a, b) => a * b, 1);
    this.noise = this.shape ? this.tensor(this.random.uniforms(size), this.shape) : null;
  }

  async evaluate(controls) {
    const feeds = this.noise ? { noise: this.noise } : {};
    for (const [name, value] of Object.entries(this.state)) feeds[`state/${name}`] = value;
    for (const [name, value] of Object.entries(controls))
      feeds[`control/${name}`] = this.tensor(Float32Array.of(value), []);
    // a knob that the function does not use is not an input of the graph
    for (const name of Object.keys(feeds)) if (!this.session.inputNames.includes(name)) delete feeds[name];
    const outputs = await this.session.run(feeds);
    const series = {};
    const bad = [];
    this.next = {};
    for (const [name, value] of Object.entries(outputs)) {
      const [kind, ...rest] = name.split("/");
      if (kind === "next") this.next[rest.join("/")] = value;
      else series[rest.join("/")] = value;
      if (value.type === "float32" && !value.data.every(Number.isFinite)) bad.push(rest.join("/"));
    }
    this.trouble = bad;
    const seriesAreBad = bad.some((name) => name in series);
    if (!seriesAreBad || !Object.keys(this.next).length)
      this.now = Object.fromEntries(
        Object.entries(series).map(([name, value]) => [name, nested(value.data, value.dims)]),
      );
    return seriesAreBad;
  }

  async advance({ controls, count, budget }) {
    const rows = [];
    const begun = performance.now();
    while (rows.length < count && performance.now() - begun < budget && !this.trouble.length) {
      const before = { state: this.state, now: this.now, noise: this.noise, next: this.next };
      this.state = this.next;
      this.draw();
      this.step += 1;
      if (await this.evaluate(controls)) {
        this.spare = this.noise;
        Object.assign(this, before); // stay where everything was a number
        this.step -= 1;
        break;
      }
      rows.push(numbers(before.now));
    }
    return rows;
  }
}

function nested(data, dims) {
  const values = Array.from(data, Number);
  if (dims.length < 2) return dims.length ? values : values[0];
  const width = dims[dims.length - 1];
  return Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));
}

const numbers = (series) => Object.fromEntries(Object.entries(series).filter(([, value]) => typeof value === "number"));

async function answer({ call, figure, ...wanted }) {
  if (call === "bring") {
    brought = wanted.wasm;
    return {};
  }
  if (call === "open") {
    engines.set(figure, await Engine.open(wanted.graph));
    return {};
  }
  const engine = engines.get(figure);
  let rows = [];
  if (call === "reset") await engine.reset(wanted);
  if (call === "evaluate") await engine.evaluate(wanted.controls);
  const begun = performance.now();
  if (call === "advance") rows = await engine.advance(wanted);
  const spent = performance.now() - begun;
  return { step: engine.step, rows, now: engine.now, trouble: engine.trouble, spent };
}

let queue = Promise.resolve(); // one thing at a time, in the order it was asked for
self.onmessage = ({ data: { id, ...question } }) => {
  queue = queue
    .then(() => answer(question))
    .then(
      (reply) => self.postMessage({ id, ...reply }),
      (error) => self.postMessage({ id, error: error?.message || String(error) }),
    );
};
