// Runs a figure's module: WebAssembly that was compiled ahead of time from the figure's graph. Its function `model` takes
// a pointer for each input and each output; the module's section `signature` names them, with types and shapes, in that
// order. State, noise, controls and outputs stay in the module's memory, so that a step copies nothing.
//
// At step n the state n has been evaluated once: `now` holds its series, and state n + 1 waits. States and series are in
// buffers that change their roles with every step, so that a step whose series are no longer finite can be taken back.

const ALIGNED = 16; // bytes
const PAGE = 65536; // bytes by which the memory of a module grows
const NUMBERS = { float32: Float32Array, int64: BigInt64Array };

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

  fill(uniforms) {
    for (let i = 0; i < uniforms.length; i++) uniforms[i] = (this.uint32() & 0xffffff) / 0x1000000;
  }
}

export class Engine {
  // `packed` is a gzipped module, `words` the ids of each control that holds a word: name -> (word) => BigInts.
  static async open(packed, words = {}) {
    const module = await WebAssembly.compile(await unzip(packed));
    const [section] = WebAssembly.Module.customSections(module, "signature");
    const { exports } = await WebAssembly.instantiate(module);
    return new Engine(exports, JSON.parse(new TextDecoder().decode(section)), words);
  }

  constructor({ model, memory, __heap_base }, { inputs, outputs }, words) {
    Object.assign(this, { model, words });
    const tensors = [...inputs, ...outputs].map(([path, type, shape]) => {
      const [kind, ...name] = path.split("/");
      return { kind, name: name.join("/"), type, shape, size: shape.reduce((a, b) => a * b, 1) };
    });
    // room behind what the module needs itself, for each buffer a map: name -> what is there
    let end = __heap_base.value;
    const rooms = [];
    const room = (...kinds) => {
      const buffer = new Map();
      for (const { kind, name, type, shape, size } of tensors) {
        if (!kinds.includes(kind) || buffer.has(name)) continue;
        const at = Math.ceil(end / ALIGNED) * ALIGNED;
        end = at + size * NUMBERS[type].BYTES_PER_ELEMENT;
        buffer.set(name, { type, shape, size, at });
      }
      rooms.push(buffer);
      return buffer;
    };
    [this.state, this.next, this.later] = [1, 2, 3].map(() => room("state", "next"));
    [this.shown, this.fresh] = [1, 2].map(() => room("series"));
    [this.noise, this.spare] = [1, 2].map(() => room("noise"));
    this.controls = room("control");
    memory.grow(Math.max(0, Math.ceil((end - memory.buffer.byteLength) / PAGE)));
    for (const slot of rooms.flatMap((buffer) => [...buffer.values()]))
      slot.numbers = new NUMBERS[slot.type](memory.buffer, slot.at, slot.size);
    const roles = { state: "state", next: "next", series: "fresh", noise: "noise", control: "controls" };
    this.arguments = tensors.map(({ kind, name }) => [roles[kind], name]);
    this.trains = tensors.some(({ kind }) => kind === "next");
  }

  // Back to a state 0: {name: numbers}; a figure that only computes has none.
  reset({ state = {}, seed = 0, controls }) {
    this.step = 0;
    this.random = new MersenneTwister(seed);
    this.isSpare = false;
    for (const [name, numbers] of Object.entries(state)) this.state.get(name)?.numbers.set(numbers);
    this.draw();
    this.evaluate(controls);
  }

  // All that a run needs to go on from here, copied.
  kept() {
    const copies = (buffer) => new Map([...buffer].map(([name, { numbers }]) => [name, numbers.slice()]));
    const { words, index } = this.random;
    return {
      step: this.step,
      controls: this.asked,
      state: copies(this.state),
      shown: copies(this.shown),
      noise: copies(this.noise),
      spare: this.isSpare ? copies(this.spare) : null,
      random: { words: words.slice(), index },
    };
  }

  // Back, or forward, to where a copy was made. Where the controls were the same, its series are known: what comes after
  // it is computed when somebody asks for that.
  restore({ step, controls: known, state, shown, noise, spare, random }, controls) {
    const put = (copies, buffer) => {
      for (const [name, numbers] of copies) buffer.get(name).numbers.set(numbers);
    };
    put(state, this.state);
    put(noise, this.noise);
    if (spare) put(spare, this.spare);
    this.isSpare = spare !== null;
    this.random.words.set(random.words);
    this.random.index = random.index;
    this.step = step;
    if (Object.entries(controls).some(([name, value]) => known[name] !== value)) this.evaluate(controls);
    else {
      put(shown, this.shown);
      Object.assign(this, { asked: known, trouble: [], isNext: false });
    }
  }

  draw() {
    [this.noise, this.spare] = [this.spare, this.noise];
    if (!this.isSpare) for (const { numbers } of this.noise.values()) this.random.fill(numbers);
    this.isSpare = false;
  }

  // Ask about the present state, with other controls; `trouble` names what is not finite, and the answer is whether
  // the series are. In a run, series that are not do not show.
  evaluate(controls) {
    this.asked = { ...controls };
    this.isNext = true;
    for (const [name, value] of Object.entries(controls)) {
      const numbers = this.controls.get(name)?.numbers; // a control that the function does not use is no input of its graph
      if (typeof value === "string") numbers?.set(this.words[name](value));
      else numbers?.fill(value);
    }
    this.model(...this.arguments.map(([role, name]) => this[role].get(name).at));
    const troubled = (buffer) => [...buffer].filter(([, slot]) => !finite(slot)).map(([name]) => name);
    const bad = troubled(this.fresh);
    this.trouble = [...troubled(this.next), ...bad];
    if (!bad.length || !this.trains) [this.shown, this.fresh] = [this.fresh, this.shown];
    return bad.length === 0;
  }

  // Make `count` steps, or as many as fit into `budget` milliseconds, one at least; returns the series of the states left
  // behind.
  advance(controls, count, budget) {
    const rows = [];
    const begun = performance.now();
    const spent = () => performance.now() - begun;
    if (!this.isNext) this.evaluate(this.asked);
    while (rows.length < count && !this.trouble.length && spent() * (1 + 1 / (rows.length || 1)) < budget) {
      const row = this.numbers();
      [this.state, this.next, this.later] = [this.next, this.later, this.state];
      this.draw();
      this.step += 1;
      if (!this.evaluate(controls)) {
        // stay where everything was a number
        [this.state, this.next, this.later] = [this.later, this.state, this.next];
        [this.noise, this.spare] = [this.spare, this.noise];
        this.isSpare = true;
        this.step -= 1;
        break;
      }
      rows.push(row);
    }
    return rows;
  }

  // The series of one number.
  numbers() {
    const row = {};
    for (const [name, { shape, numbers }] of this.shown) if (!shape.length) row[name] = numbers[0];
    return row;
  }

  // All series of the present state, those with more dimensions as rows.
  now() {
    return Object.fromEntries([...this.shown].map(([name, { shape, numbers }]) => [name, nested([...numbers], shape)]));
  }
}

export async function unzip(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Whether there is no infinity, and nothing that is no number: either, times zero, is not zero.
function finite({ type, numbers }) {
  let zero = 0;
  if (type === "float32") for (let i = 0; i < numbers.length; i++) zero += numbers[i] * 0;
  return zero === 0;
}

function nested(values, [count, ...shape]) {
  if (!shape.length) return count === undefined ? values[0] : values;
  const size = values.length / count;
  return Array.from({ length: count }, (_, i) => nested(values.slice(i * size, (i + 1) * size), shape));
}
