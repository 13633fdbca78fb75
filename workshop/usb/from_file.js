// Stands in for `Worker` in the scripts of a book that is opened from a file: there a browser loads neither module
// workers nor WebAssembly. `runtime.js` beside the page's script carries both as text; it is loaded with the first worker.
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

// gzipped bytes in base64 -> bytes
function unpacked(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

class FileWorker {
  constructor() {
    this.hired = this.hire();
    this.hired.catch(() => this.onerror());
  }

  async hire() {
    await load();
    const { worker, wasm } = globalThis.babyRuntime;
    const address = URL.createObjectURL(new Blob([worker], { type: "text/javascript" }));
    const hired = new globalThis.Worker(address);
    hired.onmessage = (event) => this.onmessage(event);
    hired.onerror = () => this.onerror();
    hired.postMessage({ call: "bring", wasm: await unpacked(wasm) });
    return hired;
  }

  postMessage(...message) {
    this.hired.then((hired) => hired.postMessage(...message), () => {});
  }

  terminate() {
    this.hired.then((hired) => hired.terminate(), () => {});
  }
}

export { FileWorker as Worker };
