// Starts reveal.js once the formulas are set, makes formulas fit, and arranges a live figure when its slide is shown.

const FORMULA = [36, 56]; // the smallest and the largest formula, in pixels

// The speaker's window gets the notes without MathJax's styles, so their formulas become MathML.
function writeNotes() {
  for (const math of document.querySelectorAll("aside.notes .math")) {
    const display = math.tagName === "DIV";
    const tex = math.textContent.trim().replace(/^(\([\d.]+\))?\s*\\[([]|\\[)\]]$/g, "");
    math.innerHTML = MathJax.tex2mml(tex, { display });
  }
}

function fitFormulas() {
  for (const sheet of document.querySelectorAll(".sheet.formula")) {
    const formula = sheet.querySelector("mjx-math");
    const { width, height } = formula.getBoundingClientRect();
    const size = parseFloat(getComputedStyle(sheet).fontSize);
    const room = Math.min((sheet.clientWidth - 120) / width, (sheet.clientHeight - 120) / height);
    sheet.style.fontSize = `${Math.max(FORMULA[0], Math.min(FORMULA[1], Math.floor(size * room)))}px`;
  }
}

// A slide has room for two charts and a strip: a button shows the rest, and then what is asked of it. Presets that find
// no room below the controls stand below the charts, and so does their sentence, unless the status needs its room.
async function startFigure(slide) {
  const figure = slide?.querySelector("figure.baby-live");
  if (!figure?.liveFigure || figure.dataset.slide) return;
  figure.dataset.slide = "arranged";
  await figure.liveFigure.start();
  if (figure.dataset.state !== "ready") return;
  const [grid, controls, presets, sentences] = ["grid", "controls", "presets", "sentences"].map((name) =>
    figure.querySelector(`.baby-${name}`),
  );
  const asked = figure.querySelectorAll(".baby-letters, .baby-heads");
  for (const panel of asked) panel.parentElement.append(panel);
  if (figure.querySelector(".baby-main > .baby-panel:nth-child(3), .baby-chips")) {
    const views = asked.length ? ["first", "turned", "asked"] : ["first", "turned"];
    figure.dataset.view = views[0];
    const others = document.createElement("button");
    others.type = "button";
    others.className = "baby-button baby-others";
    others.textContent = "Other charts";
    others.onclick = () => {
      figure.dataset.view = views[(views.indexOf(figure.dataset.view) + 1) % views.length];
    };
    (controls.querySelector(".baby-buttons") ?? controls).append(others);
  }
  if (presets) {
    const foot = grid.appendChild(document.createElement("div"));
    foot.className = "baby-foot";
    const beyond = (element) =>
      element.getBoundingClientRect().bottom > figure.closest(".sheet").getBoundingClientRect().bottom;
    if (beyond(controls)) foot.append(presets);
    foot.append(sentences);
    const place = () => {
      sentences.hidden = false;
      sentences.hidden = beyond(sentences);
    };
    new ResizeObserver(place).observe(grid);
  }
}

// A focused control keeps its keys; Escape gives the keys back to the slides.
function isForSlides(event) {
  const control = document.activeElement?.closest("input, select, button, summary");
  if (!control) return true;
  if (event.key === "Escape") control.blur();
  return !control.matches("input, select") && ![" ", "Enter", "Escape"].includes(event.key);
}

async function startSlides() {
  await MathJax.startup.promise;
  await document.fonts.ready;
  writeNotes();
  fitFormulas();
  document.documentElement.classList.remove("typesetting");
  await Reveal.initialize({
    width: 1280,
    height: 720,
    margin: 0,
    maxScale: 4,
    center: false,
    hash: true,
    transition: "none",
    navigationMode: "linear",
    controls: false,
    slideNumber: "c/t",
    keyboardCondition: isForSlides,
    plugins: [RevealNotes],
  });
  Reveal.on("slidechanged", ({ currentSlide }) => {
    document.activeElement?.blur();
    startFigure(currentSlide);
  });
  startFigure(Reveal.getCurrentSlide());
}

window.addEventListener("load", startSlides);
