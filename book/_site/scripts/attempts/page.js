// An exercise on a page: numbers and choices are checked here, code is copied, the answer opens.
import { diagnose } from "./checker.js";

function answerHere(form, label) {
  const { checks, left } = JSON.parse(form.querySelector("script").textContent);
  const said = form.querySelector("[role=status]");
  form.onsubmit = (event) => {
    event.preventDefault();
    const fields = [...form.elements].filter((field) => field.name);
    const empty = fields.find((field) => !field.value.trim());
    if (empty) {
      said.textContent = "Not attempted yet: answer here, and press Check.";
      empty.focus();
      return;
    }
    const fault = checks
      .map((check) =>
        diagnose(
          check,
          fields.splice(0, check.numbers?.length ?? 1).map((field) => field.value),
        ),
      )
      .find(Boolean);
    if (fault) said.textContent = `Not yet. ${fault}`;
    else said.textContent = left ? `Right. ${left}` : "Passed.";
    said.dataset.right = !fault;
    if (!fault && !left) document.dispatchEvent(new CustomEvent("baby-solved", { detail: label }));
  };
}

async function copy(button, cell) {
  try {
    await navigator.clipboard.writeText(cell.textContent);
    button.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(cell); // where a page may not write to the clipboard
    button.textContent = "press Ctrl+C";
  }
}

document.addEventListener("DOMContentLoaded", () => {
  for (const attempt of document.querySelectorAll(".baby-attempt")) {
    const form = attempt.querySelector("form");
    if (form) answerHere(form, attempt.dataset.exercise);
    const cell = attempt.parentElement.querySelector(".cell_input pre");
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "copy it" });
    button.onclick = () => copy(button, cell);
    attempt.querySelector(".baby-copy").replaceChildren(button);
    const reveal = attempt.querySelector(".baby-reveal");
    reveal.onclick = () => {
      const solution = document.getElementById(reveal.hash.slice(1));
      if (solution.classList.contains("toggle-hidden")) solution.querySelector(".toggle-button").click();
    };
  }
});
