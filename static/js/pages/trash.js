/** The trash: picking all at once, and a button that says how many. */

import "#js/pages/frame.js";

const form = document.querySelector("[data-trash]");
const boxes = [...form.querySelectorAll("input[name=run]")];
const all = form.querySelector("[data-all]");
const label = form.querySelector("[data-restore-label]");

all?.addEventListener("change", () => {
  for (const box of boxes) box.checked = all.checked;
});
form.addEventListener("change", () => {
  const picked = boxes.filter((box) => box.checked).length;
  if (label) label.textContent = picked ? `Restore ${picked} run${picked === 1 ? "" : "s"}` : "Restore what is picked";
});
// The button of one row restores that one, whatever is picked.
form.addEventListener("submit", (event) => {
  if (event.submitter?.matches("[data-one]")) for (const box of boxes) box.checked = false;
});
