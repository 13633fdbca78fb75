// Which of two do you prefer? Draws pairs, keeps the clicks, and fits a Bradley-Terry model to them.
// A plain script: pages load it as it is, from a file too, and the notebook's widget adds its export.
//
// spec: { name, question, look: "tokens" | "words", labels: [feature names], pairs: [[a, b], ...] }
// where a and b are { value: ids or word, features: [numbers] }.
// store: { load() -> clicks, save(clicks) -> "" or what went wrong }, clicks: [{ chosen, rejected }, ...];
// where a policy can be trained on the fit, also train(labels, utilities) -> null or what went wrong.

// biome-ignore lint/correctness/noUnusedVariables: the pages' script and the widget call it
const babyClicks = (() => {
  const FORMAT = "baby-rlhf clicks";
  const SHOWN_AFTER = 5; // clicks before a fit is worth looking at
  const PRIOR = 1; // variance of the normal prior on every utility: what keeps a fit of few clicks finite

  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  // Gaussian elimination with pivoting: solve A x = b
  function solve(A, b) {
    const rows = A.map((row, i) => [...row, b[i]]);
    const n = b.length;
    for (let k = 0; k < n; k++) {
      let pivot = k;
      for (let i = k + 1; i < n; i++) if (Math.abs(rows[i][k]) > Math.abs(rows[pivot][k])) pivot = i;
      [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
      for (let i = k + 1; i < n; i++) {
        const factor = rows[i][k] / rows[k][k];
        for (let j = k; j <= n; j++) rows[i][j] -= factor * rows[k][j];
      }
    }
    const x = new Array(n).fill(0);
    for (let k = n - 1; k >= 0; k--) x[k] = (rows[k][n] - dot(rows[k].slice(k + 1, n), x.slice(k + 1))) / rows[k][k];
    return x;
  }

  // utilities w that minimize sum -log sigmoid(w . gap) + |w|^2 / (2 PRIOR), by Newton's method from `start`
  function fit(gaps, size, start = new Array(size).fill(0)) {
    let w = start;
    for (let step = 0; step < 50; step++) {
      const gradient = w.map((x) => x / PRIOR);
      const hessian = w.map((_, i) => w.map((__, j) => (i === j ? 1 / PRIOR : 0)));
      for (const gap of gaps) {
        const p = sigmoid(dot(w, gap));
        for (let i = 0; i < size; i++) {
          if (!gap[i]) continue;
          gradient[i] -= (1 - p) * gap[i];
          for (let j = 0; j < size; j++) hessian[i][j] += p * (1 - p) * gap[i] * gap[j];
        }
      }
      const move = solve(hessian, gradient);
      const length = Math.hypot(...move);
      w = w.map((x, i) => x - move[i] * Math.min(1, 2 / (length || 1))); // long steps overshoot
      if (length < 1e-9) break;
    }
    return w;
  }

  // What clicks say: the fit, and how often the fit of the clicks before foresaw the next one.
  function learn(gaps, size) {
    let w = new Array(size).fill(0);
    let foreseen = 0;
    let asked = 0;
    gaps.forEach((gap, i) => {
      if (i >= SHOWN_AFTER) {
        asked += 1;
        const score = dot(w, gap);
        foreseen += score > 0 ? 1 : score < 0 ? 0 : 0.5;
      }
      w = fit(gaps.slice(0, i + 1), size, w);
    });
    return { utilities: w, foreseen, asked };
  }

  // the clicks in the text of a file; an Error says what is wrong with it
  function parse(text) {
    let file;
    try {
      file = JSON.parse(text);
    } catch {
      throw new Error("This file is not JSON.");
    }
    const complete = (click) => click && click.chosen != null && click.rejected != null;
    if (file?.format !== FORMAT || !Array.isArray(file.clicks) || !file.clicks.every(complete)) {
      throw new Error("This file holds no clicks: export them with the button here, or write them in a notebook.");
    }
    return file.clicks.map(({ chosen, rejected }) => ({ chosen, rejected }));
  }

  const print = (name, clicks) => `${JSON.stringify({ format: FORMAT, version: 1, name, clicks }, null, 1)}\n`;

  function element(parent, tag, kind, text) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  }

  function button(parent, text, action, kind = "baby-clicks-small") {
    const made = element(parent, "button", kind, text);
    made.type = "button";
    made.addEventListener("click", action);
    return made;
  }

  // one completion: ten-token chips, or a word
  function draw(target, look, value) {
    target.replaceChildren();
    if (look === "words") {
      element(target, "span", "baby-clicks-word", value);
      return;
    }
    const row = element(target, "span", "baby-clicks-chips");
    for (const id of value) {
      element(row, "span", id === 1 ? "baby-clicks-chip baby-clicks-one" : "baby-clicks-chip", String(id));
      row.append(" "); // so that it is read as single numbers
    }
  }

  function mount(root, spec, store) {
    root.replaceChildren();
    root.classList.add("baby-clicks");
    const known = new Map(spec.pairs.flat().map((item) => [JSON.stringify(item.value), item]));
    let clicks = store.load();
    let skipped = [];

    element(root, "p", "baby-clicks-question", spec.question);
    const choices = element(root, "div", "baby-clicks-pair");
    choices.setAttribute("role", "group");
    choices.setAttribute("aria-label", spec.question); // no ids: a notebook program may hold this twice
    const sides = [0, 1].map((side) => button(choices, "", () => choose(side), "baby-clicks-choice"));
    choices.addEventListener("keydown", (event) => {
      const side = { ArrowLeft: 0, ArrowRight: 1 }[event.key];
      if (side !== undefined) {
        sides[side].focus();
        event.preventDefault();
      }
    });
    const status = element(root, "p", "baby-clicks-status");
    status.setAttribute("aria-live", "polite");
    const chart = element(root, "div", "baby-clicks-chart");
    const bar = element(root, "div", "baby-clicks-bar");
    const undo = button(bar, "Take back", () => change((kept) => kept.slice(0, -1)));
    const skip = button(bar, "Skip", () => {
      skipped.push(pair());
      show();
    });
    const save = button(bar, "Export", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([print(spec.name, clicks)], { type: "application/json" }));
      link.download = `clicks-${spec.name}.json`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    button(bar, "Import", () => file.click());
    const file = element(root, "input");
    Object.assign(file, { type: "file", accept: ".json,application/json", hidden: true });
    file.setAttribute("aria-label", "A file of clicks");
    file.addEventListener("change", async () => {
      try {
        const imported = parse(await file.files[0].text());
        change(() => imported);
      } catch (error) {
        show(error.message);
      }
      file.value = "";
    });
    const clear = button(bar, "Clear", () => change(() => []));
    const train = store.train && button(bar, "Train on my clicks", () => show(store.train(spec.labels, fitted) ?? ""));
    let fitted = null;

    // the first pair that is neither clicked nor skipped; a skipped one comes back at the end
    function pair() {
      const answered = ([a, b]) =>
        clicks.some(({ chosen, rejected }) =>
          [
            [a, b],
            [b, a],
          ].some(([x, y]) => same(x.value, chosen) && same(y.value, rejected)),
        );
      const open = spec.pairs.filter((candidate) => !answered(candidate));
      const next = open.find((candidate) => !skipped.includes(candidate));
      if (!next) skipped = [];
      return next ?? open[0];
    }

    function choose(side) {
      const now = pair();
      if (now) change((kept) => [...kept, { chosen: now[side].value, rejected: now[1 - side].value }]);
    }

    // What is kept by now is changed, not what stands here: another tab may have kept more since.
    function change(edit) {
      clicks = edit(store.load());
      show(store.save(clicks));
    }

    function show(trouble = "") {
      const now = pair();
      sides.forEach((side, i) => {
        side.disabled = !now;
        if (now) draw(side, spec.look, now[i].value);
      });
      choices.hidden = !now;
      undo.disabled = save.disabled = clear.disabled = !clicks.length;
      skip.disabled = !now;
      const seen = clicks.map(({ chosen, rejected }) => [chosen, rejected].map((x) => known.get(JSON.stringify(x))));
      const ours = seen.filter(([a, b]) => a && b);
      const gaps = ours.map(([a, b]) => a.features.map((x, i) => x - b.features[i]));
      const words = [`${clicks.length} ${clicks.length === 1 ? "click" : "clicks"} of ${spec.pairs.length}.`];
      if (!now) words.push("That was the last pair.");
      if (ours.length < clicks.length)
        words.push(`${clicks.length - ours.length} are about other pairs and left out of the fit.`);
      chart.replaceChildren();
      fitted = null;
      if (ours.length < SHOWN_AFTER) words.push(`A fit appears after ${SHOWN_AFTER}.`);
      else {
        const { utilities, foreseen, asked: times } = learn(gaps, spec.labels.length);
        if (times) words.push(`From the clicks before, the fit foresaw ${foreseen} of the last ${times}.`);
        drawUtilities(utilities);
        fitted = utilities;
      }
      if (train) train.hidden = !fitted;
      if (trouble) words.push(trouble);
      status.textContent = words.join(" ");
    }

    function drawUtilities(utilities) {
      element(chart, "p", "baby-clicks-title", "What your clicks say each is worth, in logits");
      const list = element(chart, "ul", "baby-clicks-utilities");
      const largest = Math.max(1, ...utilities.map(Math.abs));
      utilities.forEach((utility, i) => {
        const row = element(list, "li");
        element(row, "span", "baby-clicks-label", spec.labels[i]);
        const track = element(row, "span", "baby-clicks-track");
        const fill = element(track, "span", "baby-clicks-fill");
        fill.style.width = `${(50 * Math.abs(utility)) / largest}%`;
        fill.style.left = `${50 - (utility < 0 ? (50 * -utility) / largest : 0)}%`;
        element(row, "span", "baby-clicks-value", utility.toFixed(2).replace("-", "\u2212"));
      });
    }

    show();
    const reload = (trouble) => {
      clicks = store.load();
      show(trouble);
    };
    return { show: reload };
  }

  return { mount, fit, learn, parse, print };
})();
