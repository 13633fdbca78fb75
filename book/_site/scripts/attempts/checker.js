// What a check says to numbers or to a word that a reader typed: the words, and all that is compared with, are those of
// the check in Python (rlhf_helpers/exercises/diagnosis.py), which the page carries as data. Null: it is right.

export function diagnose(check, texts) {
  return check.words ? choice(check, texts[0]) : numbers(check, texts);
}

function numbers({ numbers: asked, mistakes }, texts) {
  const values = texts.flatMap(read);
  const given = values.includes(null) ? [] : values;
  if (asked.length === 1 && given.length === 2 && given.every(Number.isInteger))
    return `A comma makes two numbers in Python: write ${given[0]}.${given[1]}, with a point.`;
  if (given.length !== asked.length)
    return `Answer with ${asked.length} number${asked.length > 1 ? "s" : ""}; you gave ${repr(texts)}.`;
  const wrong = asked.flatMap(({ accepted }, place) => (within(given[place], accepted) ? [] : [place]));
  if (!wrong.length) return null;
  const said = `You say ${given.map(written).join(", ")}.`;
  const [nearest] = mistakes
    .map((mistake) => ({ ...mistake, distance: distance(given, mistake.numbers) }))
    .filter((mistake) => mistake.distance < Infinity)
    .sort((a, b) => a.distance - b.distance);
  if (nearest) return `${said} ${nearest.words}`;
  for (const one of wrong)
    for (const two of wrong)
      if (one < two && within(given[one], asked[two].accepted) && within(given[two], asked[one].accepted))
        return `${said} Numbers ${one + 1} and ${two + 1} are swapped.`;
  const [place] = wrong;
  const yours = given[place];
  const { value, related, hint } = asked[place];
  const which = asked.length > 1 ? `Number ${place + 1} of your answer, ${written(yours)},` : written(yours);
  const relation = related.find(([ranges]) => within(yours, ranges));
  if (relation) return `${which} ${relation[1]}`;
  return `${which} is too ${yours > value ? "large" : "small"}. Hint ${hint} helps with it.`;
}

function choice({ right, mistakes }, word) {
  return word === right ? null : `You say '${word}'. ${mistakes[word]}`;
}

const within = (number, ranges) => ranges.some(([low, high]) => low <= number && number <= high);

// in thousandths; infinite if it is not that mistake
function distance(given, mistake) {
  let sum = 0;
  for (const [place, wrong] of mistake.entries()) {
    if (!wrong) continue; // any number
    if (!within(given[place], wrong.accepted)) return Infinity;
    if (wrong.value) sum += Math.abs(given[place] - wrong.value) / Math.abs(wrong.value);
  }
  return Math.round(1000 * sum);
}

// "0.23", "0,23", "23%" or "1/4", also several in one text; null where it is none
function read(text) {
  const parts = text.replace(/^[ ()[\]]+|[ ()[\]]+$/g, "").split(/[;\s]+|,\s+/);
  return parts.filter(Boolean).map((part) => {
    const plain = part.replaceAll(",", ".").replaceAll("−", "-");
    const decimal = plain.replace(/%$/, "");
    let number = Number.NaN;
    if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(decimal)) number = decimal / (plain === decimal ? 1 : 100);
    const fraction = /^([-+]?\d+)\/(\d+)$/.exec(plain);
    if (fraction) number = fraction[1] / fraction[2];
    return Number.isFinite(number) ? number : null;
  });
}

// four digits, as "%.4g" of Python
function written(number) {
  const [digits, exponent] = number.toExponential(3).split("e");
  if (exponent < -4 || exponent > 3) {
    const sign = exponent < 0 ? "-" : "+";
    return `${Number(digits)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  return String(Number(number.toPrecision(4)));
}

// as Python shows a text, or a tuple of them
function repr(texts) {
  const shown = texts.map((text) => (text.includes("'") && !text.includes('"') ? `"${text}"` : `'${text}'`));
  return texts.length > 1 ? `(${shown.join(", ")})` : shown[0];
}
