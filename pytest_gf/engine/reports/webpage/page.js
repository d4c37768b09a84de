"use strict";
// Filters the rows, and opens what a link leads to. It reads the page's own texts and writes numbers: no text becomes markup.
(() => {
  const form = document.getElementById("filter");
  const words = document.getElementById("words");
  const shown = document.getElementById("shown");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const rows = [...document.querySelectorAll(".row")];
  const groups = [...document.querySelectorAll(".group")].map((group) => [group, [...group.querySelectorAll(".row")]]);
  const verdicts = rows.map((row) => row.dataset.verdict);
  let texts = null;
  const read = () => { texts ??= rows.map((row) => row.textContent.toLowerCase()); };

  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    if (wanted.length) read();
    let count = 0;
    rows.forEach((row, index) => {
      const fits = chosen.has(verdicts[index]) && wanted.every((word) => texts[index].includes(word));
      if (row.hidden === fits) row.hidden = !fits;
      count += fits;
    });
    for (const [group, within] of groups) group.hidden = within.every((row) => row.hidden);
    shown.textContent = `${count} of ${rows.length} rows`;
  };

  const reveal = () => {
    const found = document.getElementById(location.hash.slice(1));
    if (!found) return;
    const row = found.closest(".row");
    if (row && row.hidden) {
      words.value = "";
      for (const box of boxes) box.checked = true;
      apply();
    }
    for (let each = found; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    found.scrollIntoView();
  };

  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", reveal);
  (globalThis.requestIdleCallback ?? setTimeout)(read);
  apply();
  reveal();
})();
