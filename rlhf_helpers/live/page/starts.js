// Tensors and modules as a page carries them.
import { unzip } from "./engine.js";

const SCRIPT = document.currentScript.src;

export function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

// Tensors as `export.py` packs them: name -> numbers. Some are in a file of their own, loaded when a figure needs it.
export async function unpacked(packed) {
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
      const script = document.createElement("script");
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
