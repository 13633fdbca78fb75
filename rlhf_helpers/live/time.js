// The line of time under the curves, where their axis is: which update the figure shows. Whoever drags along a curve drags
// it too: see `cross_hair.js`.

import { add, set } from "./ink.js";

const THUMB = 16; // pixels, the width of what is dragged; `live.css` says it too

// `panels` are those of `live.js`. Returns a function that shows a frame.
export function timeline(panels, host) {
  const charts = panels.filter(({ panel }) => panel.kind === "curves");
  const entry = charts[0] ?? panels[panels.length - 1];
  const input = add(add(entry.box, "div", "baby-time"), "input", "");
  set(input, { type: "range", min: 0, step: 1, "aria-label": "update" });
  let [frame, wanted, asked] = [null, null, false];
  const ask = (step) => {
    wanted = Math.max(0, Math.min(Math.round(step), frame.reached));
    input.value = wanted;
    if (!asked) requestAnimationFrame(send);
    asked = true;
  };
  const send = () => {
    asked = false;
    host?.seek?.(wanted);
  };
  input.addEventListener("input", () => ask(Number(input.value)));
  return (next) => {
    frame = next;
    if (frame.step === wanted || frame.playing) wanted = null;
    set(input, { max: Math.ceil(frame.width), "aria-valuetext": `${frame.step} of ${frame.reached} updates made` });
    if (wanted === null) input.value = frame.step;
    const { x, width } = entry.reads?.plot ?? { x: THUMB / 2, width: entry.box.clientWidth - THUMB };
    input.style.marginLeft = `${x - THUMB / 2}px`;
    input.style.width = `${width + THUMB}px`;
    input.style.setProperty("--made", `${(100 * frame.reached) / frame.width}%`);
  };
}
