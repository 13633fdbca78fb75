"""Questions to a deck in a browser: where it is, whether its live figure runs, what the last row cannot read."""

# What keeps the last row from reading the slide that is shown: too small, or beyond the slide.
FAULTS = """() => {
  const sheet = Reveal.getCurrentSlide().querySelector(".sheet");
  const edge = sheet.getBoundingClientRect();
  const faults = [];
  for (const e of sheet.querySelectorAll(":not(mjx-assistive-mml, mjx-assistive-mml *)")) {
    const box = e.getBoundingClientRect();
    const beyond = Math.max(edge.left - box.left, edge.top - box.top, box.right - edge.right, box.bottom - edge.bottom);
    if (box.width && box.height && beyond > 1 && !e.parentElement.closest("svg"))
      faults.push(`${Math.round(beyond)} px beyond the slide: ${e.outerHTML.slice(0, 100)}`);
  }
  const texts = document.createTreeWalker(sheet, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    if (!texts.currentNode.textContent.trim() || !range.getBoundingClientRect().width) continue;
    if (e.closest("script, style, option, mjx-assistive-mml")) continue;
    const { a, b } = e.closest("svg") ? e.getScreenCTM() : { a: e.currentCSSZoom * Reveal.getScale(), b: 0 };
    const formula = e.closest("mjx-container"); // its indices are smaller than it is
    const size = parseFloat(getComputedStyle(formula ?? e).fontSize) * Math.hypot(a, b) / Reveal.getScale();
    const words = e.closest("svg, .baby-title") ? 18 : e.closest("code, pre") ? 22 : 28;
    const least = sheet.matches(".formula") && formula ? 36 : words;
    if (size < least - 0.1) faults.push(`${size.toFixed(1)} px, not ${least}: ${texts.currentNode.textContent}`);
  }
  return faults;
}"""
SHOWN = "Reveal.getCurrentSlide()"
STARTED = f"() => {SHOWN}.querySelector('figure.baby-live').dataset.state === 'ready'"
HERE = "() => Reveal.getSlidePastCount()"
