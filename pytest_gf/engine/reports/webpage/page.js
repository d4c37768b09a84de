"use strict";
// Filters the rows, and opens what a link leads to. It reads the page's own texts and writes numbers: no text becomes markup.
(() => {
  const AT_ONCE = 4; // Blocks of rows.
  const SLICE = 2500; // Rows of each later frame: the page stays at hand.
  const form = document.getElementById("filter");
  const words = document.getElementById("words");
  const shown = document.getElementById("shown");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const rows = [...document.querySelectorAll(".row")];
  const verdicts = rows.map((row) => row.dataset.verdict);
  const place = new Map(rows.map((row, index) => [row, index]));
  const inside = (part) => [...part.querySelectorAll(".row")].map((row) => place.get(row));
  const blocks = [...document.querySelectorAll(".block")].map((block) => [block, inside(block), block.closest(".group")]);
  const groups = [...document.querySelectorAll(".group")].map((group) => [group, inside(group)]);
  let texts = null;
  let fits = [];
  let left = [];
  const read = () => { texts ??= rows.map((row) => row.textContent.toLowerCase()); };
  const set = (part, hidden) => { if (part.hidden !== hidden) part.hidden = hidden; };

  const show = ([block, of, group]) => {
    for (const index of of) set(rows[index], !fits[index]);
    set(block, false);
    set(group, false);
  };
  const later = () => requestAnimationFrame(() => requestAnimationFrame(work)); // The next frame shows what is done.
  const work = () => {
    for (let done = 0; left.length && done < SLICE; done += left.shift()[1].length) show(left[0]);
    if (left.length) later();
  };

  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    if (wanted.length) read();
    fits = verdicts.map((verdict, index) => chosen.has(verdict) && wanted.every((word) => texts[index].includes(word)));
    shown.textContent = `${fits.filter(Boolean).length} of ${rows.length} rows`;
    // What does not belong in sight goes at once, and the first rows that do come at once. The rest follows in the next frames.
    const right = blocks.filter(([block, of]) => of.some((index) => fits[index]) || (set(block, true), false));
    for (const [block, of] of right) {
      if (!block.firstElementChild.checkVisibility?.({ contentVisibilityAuto: true })) continue;
      for (const index of of) if (!fits[index]) set(rows[index], true);
    }
    for (const [group, of] of groups) if (!of.some((index) => fits[index])) set(group, true);
    right.splice(0, AT_ONCE).forEach(show);
    const idle = !left.length;
    left = right;
    if (idle && left.length) later();
  };

  const reveal = () => {
    const found = document.getElementById(location.hash.slice(1));
    if (!found) return;
    const row = found.closest(".row");
    if (row && !fits[place.get(row)]) {
      words.value = "";
      for (const box of boxes) box.checked = true;
      apply();
    }
    if (row) row.hidden = false;
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
