/** The page of the table of runs. What the server knew is given to the element before it wakes up. */

import "#js/pages/frame.js";

const table = document.querySelector("runs-table");
table.start = JSON.parse(document.getElementById("runs-table-data").textContent);
await import("#js/elements/runs-table.js");

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  document.querySelector("query-bar").focus();
});
