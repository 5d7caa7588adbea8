/** What every tab of a run does: its name is changed in place, lists are filtered, what the server wrote stays true. */

import "#js/elements/copy-button.js";
import "#js/elements/inline-edit.js";
import "#js/elements/time-ago.js";
import { patchJSON } from "#js/lib/api.js";
import { live } from "#js/models/live.js";

const FRESH_MS = 3000;

const run = JSON.parse(document.getElementById("run").textContent);

document.querySelector("[data-rename]")?.addEventListener("click", () => {
  const name = document.querySelector("[data-name]");
  const field = Object.assign(document.createElement("inline-edit"), {
    value: name.textContent,
    label: "Name of the run",
    save: async (value) => {
      const { name: stored } = await patchJSON(`/runs/${run.id}`, { name: value });
      name.textContent = name.title = stored;
    },
  });
  field.addEventListener("done", () => {
    field.remove();
    name.hidden = false;
  });
  name.hidden = true;
  name.after(field);
});

for (const field of document.querySelectorAll("[data-filters]"))
  field.addEventListener("input", () => {
    const part = field.value.trim().toLowerCase();
    for (const row of document.querySelectorAll(`#${field.dataset.filters} [data-search]`))
      row.hidden = !row.dataset.search.includes(part);
  });

/** The parts that change while a run goes on are what the server would write now. */
async function refresh() {
  const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    // Whoever filters a list, or selects in it, is not disturbed.
    if (next && !part.contains(document.activeElement) && next.innerHTML !== part.innerHTML)
      part.replaceWith(document.adoptNode(next));
  }
}

if (run.isRunning) {
  let due = 0;
  let state = "running";
  live.follow(run.project);
  live.addEventListener("run", ({ detail }) => {
    if (detail.run !== run.id) return;
    const isOther = detail.state && detail.state !== state;
    state = detail.state ?? state;
    if (isOther) clearTimeout(due);
    if (isOther || !due)
      due = setTimeout(async () => {
        await refresh();
        due = 0;
      }, isOther ? 0 : FRESH_MS);
  });
}
