/** Runs side by side: search, folds, copies, and the charts of the key metrics. What it takes over works without it. */

import "#js/pages/frame.js";
import "#js/elements/line-chart.js";
import "#js/elements/spark-lines.js";
import { runColour } from "#js/lib/colour.js";
import { toast } from "#js/lib/toast.js";
import { toCSV, toMarkdown } from "#js/models/comparison-text.js";

const { runs, metrics } = JSON.parse(document.getElementById("compare-data").textContent);
const table = document.querySelector(".table.cmp");
const search = document.querySelector(".cmp-search input[type=search]");

const made = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

// Rows: those that contain what is searched, of sections that are not folded.

function show() {
  const part = search.value.trim().toLowerCase();
  let found = 0;
  for (const section of table.tBodies) {
    const isOpen = section.querySelector(".fold").ariaExpanded === "true";
    for (const row of section.rows) {
      if (row.matches(".sect")) continue;
      const has = !part || !row.dataset.key || row.dataset.key.includes(part);
      row.hidden = !isOpen || !has;
      if (has && row.dataset.key) found++;
    }
  }
  document.querySelector("[data-nothing]").hidden = found > 0 || !part;
}

search.addEventListener("input", show);
for (const fold of table.querySelectorAll(".fold")) {
  fold.hidden = false;
  // The machine's own measures always differ; they are there for whoever looks for them.
  if (fold.closest("tbody").dataset.section === "system-metrics") fold.ariaExpanded = "false";
  fold.addEventListener("click", () => {
    fold.ariaExpanded = String(fold.ariaExpanded !== "true");
    show();
  });
}
show();

const offered = document.querySelector("[data-offered]");
offered?.addEventListener("input", () => {
  const part = offered.value.trim().toLowerCase();
  for (const item of offered.parentElement.querySelectorAll("li")) item.hidden = !item.textContent.toLowerCase().includes(part);
});
const adding = document.querySelector(".cmp-add");
adding?.addEventListener("toggle", () => adding.open && offered.focus());
adding?.addEventListener("keydown", ({ key }) => key === "Escape" && (adding.open = false));
document.addEventListener("pointerdown", ({ target }) => adding && !adding.contains(target) && (adding.open = false));

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  search.focus();
});

// Copies: the rows as they are shown; of a metric its value, not how far it is from the baseline's.

function texts() {
  const rows = [...table.querySelectorAll("tr[data-key]:not([hidden])")];
  const of = (cell) => (cell.querySelector(".mv > span:first-child") ?? cell).textContent.trim();
  return [["Key", ...runs.map(({ name }) => name)], ...rows.map((row) => [...row.cells].map(of))];
}

for (const [words, written] of [["Markdown", toMarkdown], ["CSV", toCSV]]) {
  const button = made("button", { type: "button", className: "btn", textContent: words, title: `Copy what is shown as ${words}` });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(written(texts()));
      toast(`Copied as ${words}`);
    } catch {
      toast("The browser gives a page its clipboard over https only", { kind: "error" });
    }
  });
  document.querySelector("[data-copy]").append(button);
}

// Charts of the key metrics, all runs in each.

const lines = runs.map(({ id, name, live }, place) => ({ id, name, live, colour: runColour(id), dash: place === 0 }));
const grid = document.querySelector("[data-charts]");
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) target.querySelector("line-chart").visible = isIntersecting;
});
for (const metric of metrics) {
  const chart = made("line-chart", {
    spec: {
      v: 1, id: `compare-${metric}`, kind: "line", metrics: [metric], title: metric, x: "step", x_scale: "linear",
      y_scale: "linear", smoothing: { kind: "none", amount: 0 }, outliers: "ignore", x_range: null, y_range: null, width: 1,
    },
    runs: lines,
  });
  const title = made("span", { className: "panel-title", textContent: metric, title: metric });
  const panel = made("section", { className: "panel" }, made("div", { className: "panel-head" }, title), chart);
  grid.append(panel);
  seen.observe(panel);
}
