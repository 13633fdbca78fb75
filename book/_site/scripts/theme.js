// Runs at the top of every page, before the scripts of the stock theme.
(() => {
  // Those end at their first line where a browser refuses storage or has no room left: there they get one that lasts
  // until the page is left.
  for (const name of ["localStorage", "sessionStorage"]) {
    let stored = {};
    try {
      stored = window[name];
      stored.setItem("baby-rlhf", " ".repeat(1000)); // more than they will store
      stored.removeItem("baby-rlhf");
    } catch {
      const kept = new Map(Object.entries(stored));
      const value = {
        getItem: (key) => kept.get(key) ?? null,
        setItem: (key, text) => kept.set(key, String(text)),
        removeItem: (key) => kept.delete(key),
      };
      Object.defineProperty(window, name, { value });
    }
  }

  // A page prints in the light theme.
  const { dataset } = document.documentElement;
  let shown;
  addEventListener("beforeprint", () => {
    shown = dataset.theme;
    dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    dataset.theme = shown;
  });

  // Whenever an element comes or goes in the text, the stock theme measures all blocks of code again, and lays the page
  // out once for each. In a figure that plays elements come and go all the time.
  const { MutationObserver } = window;
  window.MutationObserver = class extends MutationObserver {
    constructor(callback) {
      super((records, observer) => {
        const others = records.filter(({ target }) => !target.closest?.("figure.baby-live"));
        if (others.length > 0) callback.call(observer, others, observer);
      });
    }
  };

  // Folded contents open when they are pressed: `baby.css` says how.
  addEventListener("DOMContentLoaded", () => {
    document.querySelector(".bd-sidebar-secondary .onthispage")?.setAttribute("tabindex", "-1");
  });
})();
