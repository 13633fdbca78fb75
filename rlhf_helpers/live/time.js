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
  let [frame, wanted, wish, asked] = [null, null, 0, false];
  const ask = (step) => {
    wanted = wish = Math.max(0, Math.min(Math.round(step), frame.reached));
    input.value = wanted;
    if (!asked) requestAnimationFrame(send);
    asked = true;
  };
  const send = () => {
    asked = false;
    host?.seek?.(wish);
  };
  input.addEventListener("input", () => ask(Number(input.value)));
  return (next) => {
    frame = next;
    if (frame.step === wanted || frame.playing) wanted = null;
    set(input, { max: Math.ceil(frame.width), "aria-valuetext": `${frame.step} of ${frame.reached} updates made` });
    if (wanted === null) input.value = frame.step;
    const { plot } = entry.reads ?? {};
    input.style.marginLeft = plot ? `${plot.x - THUMB / 2}px` : "0";
    input.style.width = plot ? `${plot.width + THUMB}px` : "100%";
    input.style.setProperty("--made", `${(100 * frame.reached) / frame.width}%`);
  };
}
