// Sentences that act: a link to `#ppo?kl_coeff=10` sets the figure `ppo` and runs it, wherever in the page it is. It
// comes into view, and takes the focus where it had to; a button in it, or Escape, leads back to the sentence. On a wide
// page it comes to the text instead, and stays beside it. A link from another page acts when this one is there.

const ASKED = /^#(\w+)\?(.*)$/;
const WIDE = matchMedia("(min-width: 1500px)");

// Let links find a figure by its name; what comes back makes them forget it. The figures of a kernel come one by one.
export function answer(name, el, act) {
  document.babyActs ??= obey();
  const figures = document.babyActs;
  const figure = { el, act };
  figures.set(name, figure);
  return () => figures.get(name) === figure && figures.delete(name);
}

// One listener for all links of the document; also for those in a shadow tree, which VS Code puts its text into.
function obey() {
  const figures = new Map();
  const find = (event, kind) => event.composedPath().find((node) => node.matches?.(kind));
  const call = (href, link) => {
    const [, name, query] = ASKED.exec(href) ?? [];
    const figure = figures.get(name);
    if (!figure) return false;
    figure.act(query);
    show(rootOf(figure.el), link);
    return true;
  };
  document.addEventListener(
    "click",
    (event) => {
      const link = find(event, "a[href^='#']");
      if (link && !event.ctrlKey && !event.metaKey && call(link.getAttribute("href"), link)) {
        event.preventDefault();
        event.stopPropagation(); // a notebook has ideas of its own about such links
      }
      const left = find(event, ".baby-back")?.closest(".baby-live");
      if (left) leave(left);
    },
    true,
  );
  document.addEventListener("keydown", (event) => {
    const left = event.key === "Escape" && (find(event, ".baby-called") ?? document.querySelector(".baby-beside"));
    if (left) leave(left);
  });
  addEventListener("load", () => call(location.hash));
  return figures;
}

const rootOf = (el) => el.closest(".baby-live") ?? el;

// Bring a figure into view if it is not; then the focus goes there too. There is no link if it is on another page.
function show(root, link) {
  root.classList.remove("baby-called");
  const grid = root.querySelector(".baby-grid") ?? root;
  const { top, bottom } = grid.getBoundingClientRect();
  const [high, low] = windowOf(grid);
  const fits = bottom - top <= low - high;
  if (top >= high && (fits ? bottom <= low : top < (high + low) / 2)) return;
  root.babyCaller = link;
  root.classList.toggle("baby-called", Boolean(link));
  if (link && WIDE.matches && root.matches("article figure")) {
    if (!root.classList.contains("baby-beside")) stand(root);
    return;
  }
  grid.scrollIntoView({ block: fits ? "nearest" : "start" });
  root.querySelector(".baby-buttons button, .baby-controls :is(input, select, [role=slider])")?.focus({
    preventScroll: true,
  });
}

// Let one figure stand beside the text; where it was, its room is kept.
function stand(root) {
  const other = document.querySelector(".baby-beside");
  if (other) comeHome(other);
  root.parentElement.style.minHeight = `${root.parentElement.getBoundingClientRect().height}px`;
  root.classList.add("baby-beside");
}

function comeHome(root) {
  root.classList.remove("baby-called", "baby-beside");
  root.parentElement.style.minHeight = "";
}

// The heights between which an element shows: of the window, or of what scrolls it in a notebook.
function windowOf(element) {
  let port = element.parentElement;
  while (port && !(/auto|scroll/.test(getComputedStyle(port).overflowY) && port.scrollHeight > port.clientHeight))
    port = port.parentElement;
  const page = document.documentElement;
  const own = port && port !== document.body && port !== page ? port.getBoundingClientRect() : null;
  const hidden = Number.parseFloat(getComputedStyle(own ? port : page).scrollPaddingTop) || 0;
  return [Math.max(0, own?.top ?? 0) + hidden, Math.min(innerHeight, own?.bottom ?? innerHeight)];
}

// Back to the sentence that called.
function leave(root) {
  comeHome(root);
  root.babyCaller.focus({ preventScroll: true });
  root.babyCaller.scrollIntoView({ block: "nearest" });
}
