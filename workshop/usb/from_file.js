// Stands in for `Worker` and `fetch` in the scripts of a book that is opened from a file: there a browser loads neither
// module workers nor WebAssembly, and fetches nothing. `runtime.js` beside the page's script carries the worker, the
// WebAssembly and the weights that figures start from as text; it is loaded when the first of them is asked for.
const folder = new URL(".", document.currentScript.src);

let loaded = null;

function load() {
  loaded ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("runtime.js", folder).href;
    script.onload = resolve;
    script.onerror = () => {
      loaded = null;
      reject(new Error("runtime.js is missing"));
    };
    document.head.append(script);
  });
  return loaded;
}

// base64 -> bytes
function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// gzipped bytes in base64 -> bytes
function unpacked(text) {
  return new Response(new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

class FileWorker {
  constructor() {
    this.started = this.start();
    this.started.catch(() => this.onerror());
  }

  async start() {
    await load();
    const { worker: script, wasm } = globalThis.babyRuntime;
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const worker = new globalThis.Worker(address);
    worker.onmessage = (event) => this.onmessage(event);
    worker.onerror = () => this.onerror();
    worker.postMessage({ call: "bring", wasm: await unpacked(wasm) });
    return worker;
  }

  postMessage(...message) {
    this.started.then(
      (worker) => worker.postMessage(...message),
      () => {},
    );
  }

  terminate() {
    this.started.then(
      (worker) => worker.terminate(),
      () => {},
    );
  }
}

// answers for the weights that runtime.js carries; all else is the browser's
async function fileFetch(address, ...options) {
  const [, file] = /\/weights\/([^/?#]+)$/.exec(address) ?? [];
  if (file) {
    await load();
    const { weights } = globalThis.babyRuntime;
    if (Object.hasOwn(weights, file)) return new Response(bytes(weights[file]));
  }
  return globalThis.fetch(address, ...options);
}

export { FileWorker as Worker, fileFetch as fetch };
