// Which questions and exercises a reader has done: kept in this browser alone, and shown on the front page.
(() => {
  const KEY = "baby-rlhf-done";

  // page -> what is done on it, names of questions and of exercises; theme.js puts something in the place of storage
  // where a browser refuses it, or has no room left
  function load() {
    try {
      return JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch {
      return {};
    }
  }

  function mark(page, name, done) {
    const kept = load();
    const names = new Set(kept[page]);
    if (done) names.add(name);
    else names.delete(name);
    localStorage.setItem(KEY, JSON.stringify({ ...kept, [page]: [...names] }));
  }

  const pageOf = (address) =>
    new URL(address, location.href).pathname
      .split("/")
      .pop()
      .replace(/\.html$/, "");

  function watch(page) {
    // a question is done when an answer is opened
    for (const answer of document.querySelectorAll("details.baby-choice"))
      answer.addEventListener("toggle", () => answer.open && mark(page, answer.getAttribute("name"), true));
    const done = new Set(load()[page]);
    for (const exercise of document.querySelectorAll(".exercise[id]")) {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: done.has(exercise.id) });
      box.onchange = () => mark(page, exercise.id, box.checked);
      label.className = "baby-done";
      label.append(box, "Done");
      exercise.append(label);
    }
    // one that is answered on the page is done when it is right
    document.addEventListener("baby-solved", ({ detail }) => {
      const box = document.getElementById(detail).querySelector(".baby-done input");
      if (!box.checked) box.click();
    });
  }

  // Beside each chapter in a table of the front page, once something is done.
  function show(totals) {
    const kept = load();
    const added = [];
    const add = (parent, tag, text) => {
      const element = document.createElement(tag);
      element.textContent = text;
      parent.append(element);
      added.push(element);
      return element;
    };
    let table;
    for (const link of document.querySelectorAll("article table td:first-child a")) {
      const page = pageOf(link.href);
      if (!totals[page]) continue;
      const done = new Set(kept[page]);
      const parts = Object.entries(totals[page]).map(
        ([kind, names]) => `${kind} ${names.filter((name) => done.has(name)).length} of ${names.length}`,
      );
      add(link.closest("tr"), "td", done.size ? parts.join(", ") : "");
      table = link.closest("table");
    }
    if (!table) return;
    add(table.tHead.rows[0], "th", "done").scope = "col";
    const note = add(table.parentElement, "p", "What is done is kept in this browser, and nowhere else. ");
    const forget = add(note, "button", "Forget it");
    forget.type = "button";
    forget.onclick = () => {
      localStorage.removeItem(KEY);
      for (const element of added) element.remove();
    };
  }

  document.addEventListener("DOMContentLoaded", () => {
    const totals = document.querySelector("script.baby-totals");
    if (!totals) watch(pageOf(location.href));
    else if (Object.values(load()).some((names) => names.length)) show(JSON.parse(totals.textContent));
  });
})();
