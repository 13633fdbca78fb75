// "Take it along", beside the link to a figure's state: the figure as a file, and the line that shows it in another
// page. It opens over the page, so that nothing there moves.
import { copy } from "./clipboard.js";

const SCRIPT = document.currentScript.src;
const MARGIN = 24; // pixels around the figure in its file, in both directions
const BELOW = 56; // of the line below it that says where it comes from

for (const figure of document.querySelectorAll("figure.baby-live")) offer(figure.liveFigure);
document.addEventListener("baby-live", ({ target }) => offer(target.liveFigure));

function offer(liveFigure) {
  if (!liveFigure?.data.file) return;
  const opener = make("button", { className: "baby-button", type: "button", textContent: "Take it along" });
  opener.setAttribute("aria-haspopup", "dialog");
  opener.onclick = () => open(liveFigure);
  liveFigure.element.querySelector(".baby-share > .baby-button").after(opener);
}

function open({ element, data }) {
  const { name, kilobytes, weights } = data.file;
  const line = embedding(element, data.file);
  const title = make("h2", { id: "baby-take-title", className: "baby-take-title", textContent: "Take it along" });
  const size = `${kilobytes} kB${weights ? ", weights included" : ""}`;
  const words = `This figure is also a single file (${size}). It runs from a folder, on slides and in any page, offline too.`;
  const file = make("a", {
    className: "baby-button",
    href: new URL(`../figures/${name}`, SCRIPT).href,
    download: name,
    textContent: `Download ${name}`,
  });
  const code = make("textarea", { readOnly: true, rows: 5, spellcheck: false, value: line });
  const label = make(
    "label",
    {},
    make("span", { textContent: "To show it in a page of yours, paste this line:" }),
    code,
  );
  const said = make("span", { className: "baby-word" });
  said.setAttribute("role", "status");
  const copier = make("button", { className: "baby-button", type: "button", textContent: "Copy the line" });
  copier.onclick = async () => {
    said.textContent = (await copy(line)) ? "It is in your clipboard." : "Select it, and copy it with Ctrl+C.";
  };
  const own = make("a", {
    href: new URL("../book/make_your_own.html", SCRIPT).href,
    textContent: "Make your own live figure",
  });
  const closer = make("button", { className: "baby-button", type: "button", textContent: "Close" });
  const dialog = make(
    "dialog",
    { className: "baby-take" },
    title,
    make("p", { textContent: words }),
    make("p", {}, file),
    label,
    make("p", {}, copier, said),
    make("p", { className: "baby-take-end" }, own, closer),
  );
  dialog.setAttribute("aria-labelledby", title.id);
  closer.onclick = () => dialog.close();
  dialog.onclose = () => dialog.remove();
  element.append(dialog);
  dialog.showModal();
}

// A frame as large as the figure is here.
function embedding(element, file) {
  const title = file.title.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const [width, height] = [element.offsetWidth + MARGIN, element.offsetHeight + MARGIN + BELOW];
  const size = `width="${width}" height="${height}" style="max-width: 100%; border: 0"`;
  return `<iframe src="${file.address}" title="${title}" ${size} sandbox="allow-scripts"></iframe>`;
}

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
