// Clicks in a built page: every pair of the page's data, kept in this browser and nowhere else. Where the page has a
// live figure with a slider for each feature, the fit of the clicks can set them.
const sliderOf = (label) => label.replace(/[^a-z]+/gi, "_"); // "ends in a" is the slider ends_in_a

function figureFor(labels) {
  const figures = [...document.querySelectorAll("figure.baby-live")]
    .map((element) => element.liveFigure)
    .filter(Boolean);
  return figures.find(({ data }) =>
    labels.every((label) => data.controls.some(({ name }) => name === sliderOf(label))),
  );
}

function train(labels, utilities) {
  const figure = figureFor(labels);
  if (!figure) return "The figure could not be found: reload the page.";
  // utilities are logits: at this pull two names change their odds by just what the clicks say
  const values = { kl_coeff: 1 };
  let limited = "";
  labels.forEach((label, i) => {
    const { name, min, max } = figure.data.controls.find((control) => control.name === sliderOf(label));
    values[name] = Math.min(max, Math.max(min, Number(utilities[i].toFixed(1)))); // sliders go in tenths
    if (utilities[i] < min - 0.05 || utilities[i] > max + 0.05)
      limited += ` "${label}" goes only to ${values[name]} there.`;
  });
  figure.element.scrollIntoView({ block: "start" });
  figure.attempt(() => figure.trainOn(values));
  return `The figure at the top of the page trains on your utilities, at a pull of 1.${limited}`;
}

// after the scripts of the live figures, which come later on the page
document.addEventListener("DOMContentLoaded", () => {
  for (const root of document.querySelectorAll(".baby-clicks")) {
    const data = root.querySelector("script.baby-clicks-data");
    if (!data) continue;
    const spec = JSON.parse(data.textContent);
    const key = `baby-rlhf-clicks:${spec.name}`;
    let unstored = null; // the clicks, while this browser does not store them
    const { show } = babyClicks.mount(root, spec, {
      load() {
        if (unstored) return unstored;
        try {
          return babyClicks.parse(localStorage.getItem(key));
        } catch {
          return []; // nothing is stored yet, or nothing can be
        }
      },
      train: figureFor(spec.labels) && train,
      save(clicks) {
        unstored = clicks;
        try {
          localStorage.setItem(key, babyClicks.print(spec.name, clicks));
          if (localStorage instanceof Storage) unstored = null; // else it is what theme.js puts in its place
        } catch {
          // is said below
        }
        return unstored ? "This browser keeps nothing: export your clicks before you leave the page." : "";
      },
    });
    addEventListener("storage", (event) => event.key === key && show()); // another tab has changed them
  }
});
