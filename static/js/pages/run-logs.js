/** The console of a run: its lines, and new ones as they come. */

import "#js/elements/log-view.js";
import { getJSON } from "#js/lib/api.js";
import { live } from "#js/models/live.js";
import { LogLines } from "#js/models/log-lines.js";

const SOON_MS = 200;

const run = JSON.parse(document.getElementById("run").textContent);
const view = document.querySelector("log-view");
const lines = new LogLines(run.id, getJSON);
Object.assign(view, { lines, live: run.isRunning });

let reading = 0;
function readSoon() {
  reading ||= setTimeout(async () => {
    await lines.readEnd().catch(() => {});
    reading = 0;
  }, SOON_MS);
}

if (run.isRunning) {
  // Whoever was away has missed something: the answer to a subscription says so.
  live.subscribe(run.id, [], { onPoints: () => {}, onChanged: readSoon });
  live.addEventListener("records", ({ detail }) => {
    if (detail.run === run.id && detail.kinds.some((kind) => kind === "stdout" || kind === "stderr")) readSoon();
  });
  live.addEventListener("run", ({ detail }) => {
    if (detail.run === run.id && detail.state) view.live = detail.state === "running";
  });
}
