/** The workspace: hands the runs, the view and the metrics to its elements, and keeps the address true. */

import "#js/elements/panel-grid.js";
import "#js/elements/run-list.js";
import { getJSON, postJSON } from "#js/lib/api.js";
import { at } from "#js/lib/site.js";
import { linked, read, written } from "#js/models/address.js";
import { live } from "#js/models/live.js";
import { Runs } from "#js/models/runs.js";
import { AUTOMATIC_VIEW, View, difference, kept } from "#js/models/view.js";

const ADDRESS_MS = 300;
const NAMES_MS = 5000;

const content = JSON.parse(document.getElementById("workspace").textContent);
const { project } = content;
const base = { ...AUTOMATIC_VIEW, ...content.view?.state };
const asked = read(location.search);
const view = new View({ ...base, ...(content.link ? { ...AUTOMATIC_VIEW, ...content.link } : {}), ...asked.change });
const runs = new Runs(view, { project: project.id, first: content.runs, automatic: content.columns });
const list = document.querySelector("run-list");
const grid = document.querySelector("panel-grid");

Object.assign(list, { runs, view, place: at(`/${project.team}/${project.slug}`) });
Object.assign(grid, { view, metrics: content.metrics.names, runs: runs.lines() });

let lines = "";
function draw() {
  const next = runs.lines();
  const said = JSON.stringify(next);
  if (said !== lines) grid.runs = next;
  lines = said;
}
runs.addEventListener("change", draw);
view.addEventListener("change", draw);

let writing = 0;
view.addEventListener("change", () => {
  clearTimeout(writing);
  writing = setTimeout(writeAddress, ADDRESS_MS);
});

/** What is too long for an address is kept by the server under a short id. */
async function writeAddress() {
  const more = { view: asked.view, others: new URLSearchParams(location.search) };
  const { state } = view;
  let { search, isLong } = written(difference(state, base), more);
  if (isLong) search = linked((await postJSON(`/projects/${project.id}/view-links`, { state: kept(state) })).id, more);
  if (state === view.state) history.replaceState(null, "", location.pathname + search + location.hash);
}

live.follow(project.id);
live.addEventListener("run", ({ detail }) => {
  runs.hear(detail);
  readNames();
});

let names = 0;
function readNames() {
  names ||= setTimeout(async () => {
    names = 0;
    const page = await getJSON(`/projects/${project.id}/metrics`).catch(() => null);
    if (page && page.items.length !== grid.metrics.length) grid.metrics = page.items.map(({ name }) => name);
  }, NAMES_MS);
}
