// Controls that hold a short word: what may be written there, and its ids. The kernel's `Word` says the same.

export const isWord = ({ letters, length, end }, text) =>
  text.length <= length &&
  [...text].every((letter, i) => letters.includes(letter) && (letter !== letters[end] || i === text.length - 1));

export const idsOf = ({ letters, length }, word) =>
  Array.from({ length }, (_, i) => BigInt(i < word.length ? letters.indexOf(word[i]) : -1));

// A field for a word, and the sentence that it says below itself where it holds none: [field, place of the sentence].
export function wordField(control, moved) {
  const field = document.createElement("input");
  Object.assign(field, { type: "text", name: control.name, autocomplete: "off", spellcheck: false });
  Object.assign(field, { autocapitalize: "off", maxLength: 40 });
  const told = document.createElement("span");
  told.className = "baby-refused";
  told.setAttribute("role", "status");
  const say = () => {
    const fits = isWord(control, field.value);
    field.setAttribute("aria-invalid", !fits);
    told.textContent = fits ? "" : control.told;
    return fits;
  };
  field.oninput = () => say() && moved(field.value);
  const show = (word) => {
    if (field.value !== word) field.value = word;
    say();
  };
  return { field, told, show };
}
