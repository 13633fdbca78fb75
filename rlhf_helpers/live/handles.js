// What can be dragged in a drawing: each such thing is a slider where it is seen, by mouse, touch and keyboard.
//
//   grip   {x, y, width, height}: where it can be taken; tip: [x, y], its end; upright: whether it moves up and down;
//          unit: pixels for 1; label, min, max, step, value; set(value)

import { add, set } from "./ink.js";
import { r, threeDigits } from "./numbers.js";

const FAR = 10; // steps that a page key makes
const PATIENCE = 1000; // milliseconds for which what was asked counts, until a frame says so too

// The handles over a drawing; what it returns shows these grips, and no others.
export function handlesOver(place) {
  const layer = add(place, "div", "baby-handles");
  const handles = [];
  return (grips) => {
    while (handles.length < grips.length) handles.push(new Handle(layer));
    while (handles.length > grips.length) handles.pop().element.remove();
    for (const [i, handle] of handles.entries()) handle.show(grips[i]);
  };
}

class Handle {
  constructor(layer) {
    this.element = add(layer, "div", "baby-handle");
    set(this.element, { role: "slider", tabindex: 0 });
    this.element.onkeydown = (event) => this.key(event);
    this.element.onpointerdown = (event) => this.take(event);
    this.element.onpointermove = (event) => this.drag(event);
    this.element.onlostpointercapture = () => {
      this.taken = null;
    };
  }

  show(grip) {
    this.grip = grip;
    const heard = grip.value === this.asked || performance.now() > (this.until ?? 0);
    if (heard) this.asked = undefined;
    this.value = this.asked ?? grip.value;
    const { style } = this.element;
    for (const [name, pixels] of Object.entries({ left: grip.x, top: grip.y, width: grip.width, height: grip.height }))
      style[name] = `${r(pixels)}px`;
    style.setProperty("--x", `${r(grip.tip[0] - grip.x)}px`);
    style.setProperty("--y", `${r(grip.tip[1] - grip.y)}px`);
    this.element.classList.toggle("baby-upright", grip.upright);
    this.say();
  }

  say() {
    const { label, min, max, upright } = this.grip;
    set(this.element, {
      "aria-label": label,
      "aria-orientation": upright ? "vertical" : "horizontal",
      "aria-valuemin": min,
      "aria-valuemax": max,
      "aria-valuenow": this.value,
      "aria-valuetext": threeDigits(this.value),
    });
  }

  key(event) {
    const { step, min, max } = this.grip;
    const moves = {
      ArrowUp: this.value + step,
      ArrowRight: this.value + step,
      ArrowDown: this.value - step,
      ArrowLeft: this.value - step,
      PageUp: this.value + FAR * step,
      PageDown: this.value - FAR * step,
      Home: min,
      End: max,
    };
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.ask(moves[event.key]);
  }

  // It moves as far as the pointer does.
  take(event) {
    if (event.button) return;
    event.preventDefault(); // it is not for who reads the curves
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    this.taken = { x: event.clientX, y: event.clientY, value: this.value, unit: this.grip.unit };
  }

  drag(event) {
    if (!this.taken) return;
    event.preventDefault();
    const { x, y, value, unit } = this.taken;
    const wide = this.element.getBoundingClientRect().width / this.element.offsetWidth; // slides are scaled
    this.ask(value + (this.grip.upright ? y - event.clientY : event.clientX - x) / wide / unit);
  }

  // Once in a frame of the screen it is told.
  ask(value) {
    const near = onGrid(value, this.grip);
    if (near === this.value) return;
    if (!this.waiting) {
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.grip.set(this.value);
      });
    }
    this.value = this.asked = near;
    this.until = performance.now() + PATIENCE;
    this.say();
  }
}

// The value that a slider can have next to this one.
export function onGrid(value, { min, max, step }) {
  const count = Math.min(Math.round((value - min) / step), Math.floor((max - min) / step + 1e-9));
  return Number((min + Math.max(count, 0) * step).toPrecision(12));
}
