// Clicks in a built page: every pair of the page's data, kept in this browser and nowhere else.
for (const root of document.querySelectorAll(".baby-clicks")) {
  const data = root.querySelector("script.baby-clicks-data");
  if (!data) continue;
  const spec = JSON.parse(data.textContent);
  const key = `baby-rlhf-clicks:${spec.name}`;
  let memory = [];
  babyClicks.mount(root, spec, {
    load() {
      try {
        return babyClicks.parse(localStorage.getItem(key));
      } catch {
        return memory; // nothing is stored yet, or this browser stores nothing
      }
    },
    save(clicks) {
      memory = clicks;
      try {
        localStorage.setItem(key, babyClicks.print(spec.name, clicks));
        return null;
      } catch {
        return "This browser keeps nothing: export your clicks before you leave the page.";
      }
    },
  });
}
