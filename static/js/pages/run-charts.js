/** The charts of a run: a few on its overview, one for each metric on the tabs of charts and of its machine. */

import { html, render } from "lit";
import "#js/elements/panel-card.js";
import "#js/elements/panel-grid.js";
import { runColour } from "#js/lib/colour.js";
import { layout } from "#js/models/panels.js";
import { AUTOMATIC_VIEW, View } from "#js/models/view.js";

const run = JSON.parse(document.getElementById("run").textContent);
const lines = [{ id: run.id, name: run.name, colour: runColour(run.id), live: run.isRunning, dash: false }];
// A machine is measured by the clock, whatever step the training is at.
const settings = run.tab === "system" ? { x: "relative" } : {};
const view = new View({ ...AUTOMATIC_VIEW, settings, sections: { system: { folded: false } } });

const few = document.querySelector("[data-key-charts]");
if (few) {
  const panels = new Map(layout(run.metrics, view.state).flatMap((section) => section.panels).map((panel) => [panel.title, panel]));
  render(
    run.metrics.map((name) => html`<panel-card class="panel" .panel=${panels.get(name)} .runs=${lines}></panel-card>`),
    few,
  );
}

const grid = document.querySelector("panel-grid");
if (grid) Object.assign(grid, { view, metrics: run.metrics, runs: lines });

document.querySelector("[data-panel-search]")?.addEventListener("input", ({ target }) => {
  view.update({ panel_search: { text: target.value, regex: false } });
});
