/** The workspace: hands the runs, the view and the metrics to its elements, and keeps the address true. */

import "#js/elements/panel-bar.js";
import "#js/elements/panel-grid.js";
import "#js/elements/run-list.js";
import "#js/elements/view-menu.js";
import { getJSON, postJSON } from "#js/lib/api.js";
import { isTyping } from "#js/lib/shortcuts.js";
import { at } from "#js/lib/site.js";
import { linked, read, written } from "#js/models/address.js";
import { live } from "#js/models/live.js";
import { Runs } from "#js/models/runs.js";
import { Undo } from "#js/models/undo.js";
import { AUTOMATIC_VIEW, View, difference, isSame, kept } from "#js/models/view.js";

const ADDRESS_MS = 300;
const NAMES_MS = 3000;

const content = JSON.parse(document.getElementById("workspace").textContent);
const { project } = content;
let base = { ...AUTOMATIC_VIEW, ...content.view?.state };
const asked = read(location.search);
const view = new View({ ...base, ...(content.link ? { ...AUTOMATIC_VIEW, ...content.link } : {}), ...asked.change });
const runs = new Runs(view, { project: project.id, first: content.runs, automatic: content.columns });
const undo = new Undo(view);
const place = at(`/${project.team}/${project.slug}`);
const [list, bar, grid, menu] = ["run-list", "panel-bar", "panel-grid", "view-menu"].map((name) => document.querySelector(name));
const lamp = document.querySelector("[data-live]");

Object.assign(list, { runs, view, place, project: project.id, mayEdit: content.mayEdit });
Object.assign(bar, { view, undo, metrics: content.metrics.names });
Object.assign(grid, { view, metrics: content.metrics.names, runs: runs.lines(), open: asked.panel });
Object.assign(menu, { views: content.views, current: content.view, project: project.id, place, mayEdit: content.mayEdit });

let lines = "";
function draw() {
  const next = runs.lines();
  const said = JSON.stringify(next);
  if (said !== lines) grid.runs = next;
  lines = said;
  light();
}
function compare() {
  menu.state = kept(view.state);
  menu.isEdited = !isSame(menu.state, kept(base));
}
runs.addEventListener("change", draw);
view.addEventListener("change", draw);
view.addEventListener("change", compare);
compare();

let writing = 0;
view.addEventListener("change", () => {
  clearTimeout(writing);
  writing = setTimeout(writeAddress, ADDRESS_MS);
});
menu.addEventListener("saved", ({ detail }) => {
  base = { ...AUTOMATIC_VIEW, ...detail.state };
  asked.view = detail.id;
  compare();
  writeAddress();
});

/** What is too long for an address is kept by the server under a short id. */
async function writeAddress() {
  const { state } = view;
  const more = { view: asked.view, panel: grid.open, others: new URLSearchParams(location.search) };
  let { search, isLong } = written(difference(state, base), more);
  try {
    if (isLong) search = linked((await postJSON(`/projects/${project.id}/view-links`, { state: kept(state) })).id, more);
  } catch {
    // The long address says the same as long as the server cannot keep it.
  }
  if (state === view.state) history.replaceState(history.state, "", location.pathname + search + location.hash);
}

/** Filling the screen is a step that the browser's back button undoes; going on to the next panel is none. */
grid.addEventListener("open", ({ detail: { id } }) => {
  if (id && !history.state?.isFull) history.pushState({ isFull: true }, "");
  else if (!id && history.state?.isFull) return history.back();
  writeAddress();
});
addEventListener("popstate", () => {
  grid.open = history.state?.isFull ? read(location.search).panel : null;
  writeAddress();
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || isTyping(event)) return;
  event.preventDefault();
  if (event.shiftKey) undo.redo();
  else undo.undo();
});

live.follow(project.id);
live.addEventListener("run", ({ detail }) => {
  runs.hear(detail);
  readNames();
});
// What the page brought is new enough until the connection has once been lost.
let isBehind = false;
live.addEventListener("open", () => {
  if (isBehind) runs.reload();
  isBehind = false;
  light();
});
live.addEventListener("lost", ({ detail }) => {
  isBehind = true;
  light(detail);
});

/** The top bar says how many runs go on, and whether their news arrive. */
function light({ isSignedOut = false } = {}) {
  const n = runs.items.filter(({ state }) => state === "running").length;
  lamp.classList.toggle("off", live.isLost);
  const words = isSignedOut ? "Signed out" : live.isLost ? "Connection lost, trying again" : n ? `${n} ${n === 1 ? "run" : "runs"} live` : "";
  if (lamp.textContent !== words) lamp.textContent = words;
}
light();

let names = 0;
function readNames() {
  names ||= setTimeout(async () => {
    names = 0;
    const page = await getJSON(`/projects/${project.id}/metrics`).catch(() => null);
    if (page && page.items.length !== grid.metrics.length) grid.metrics = bar.metrics = page.items.map(({ name }) => name);
  }, NAMES_MS);
}
