/** What every signed-in page has: palette, keys, menus, toasts, the theme button, moments and copy buttons. */

import "#js/elements/copy-button.js";
import "#js/elements/time-ago.js";
import { watchMenus } from "#js/lib/menus.js";
import { watchKeys } from "#js/lib/shortcuts.js";
import { at } from "#js/lib/site.js";
import { tendToasts } from "#js/lib/toast.js";
import { density, isDark, setDensity, setTheme } from "#js/models/appearance.js";
import { Recent } from "#js/models/recent.js";

const palette = document.querySelector("command-palette");
const help = document.querySelector("key-help");
const { person, team, project, projectId, projectName, run, runName } = palette.dataset;
const inProject = project ? at(`/${team}/${project}`) : undefined;
const recent = new Recent(storage(), person);
// A page of no team makes a project in one's own, which is the first.
const newProject = at(`/${team || document.querySelector("[data-team-link]")?.dataset.slug}/new`);

remember();
tendToasts();
watchMenus();
watchKeys({
  places: { h: at("/"), w: inProject, r: inProject && `${inProject}/runs`, s: at("/settings") },
  palette: showPalette,
  help: showHelp,
});

const acts = [
  { id: "theme", icon: "moon", label: "Switch light or dark", hint: "theme", run: switchTheme },
  { id: "system", icon: "sun", label: "Follow the system's theme", run: () => setTheme("system") },
  { id: "density", icon: "sliders", label: "Switch compact or roomy", hint: "density", run: switchDensity },
  { id: "keys", icon: "info", label: "Keys and gestures", hint: "?", run: showHelp },
  { id: "out", icon: "arrow-right", label: "Sign out", run: () => document.getElementById("sign-out").requestSubmit() },
];
document.querySelector("[data-palette]").addEventListener("click", showPalette);
document.querySelector("[data-theme-toggle]").addEventListener("click", switchTheme);
// Not part of the first load, and there before anybody's hands are.
addEventListener("load", () => setTimeout(() => Promise.all([loadPalette(), loadHelp()])));

async function showPalette() {
  await loadPalette();
  Object.assign(palette, { context: { team, project, projectId }, recent, pages: pages(), acts });
  palette.show();
}

async function showHelp() {
  await loadHelp();
  help.show();
}

function loadPalette() {
  return import("#js/elements/command-palette.js");
}

function loadHelp() {
  return import("#js/elements/key-help.js");
}

function pages() {
  const teams = [...document.querySelectorAll("[data-team-link]")].map((link) => ({
    id: `team-${link.getAttribute("href")}`,
    icon: "team",
    label: link.dataset.teamLink,
    hint: "team",
    href: link.href,
  }));
  const here = inProject
    ? [
        { id: "workspace", icon: "workspace", label: "Workspace", hint: projectName, href: inProject },
        { id: "runs", icon: "table", label: "Runs", hint: projectName, href: `${inProject}/runs` },
        { id: "project-settings", icon: "sliders", label: "Project settings", hint: projectName, href: `${inProject}/settings` },
      ]
    : [];
  return [
    ...here,
    { id: "home", icon: "home", label: "Home", href: at("/") },
    ...teams,
    { id: "new", icon: "plus", label: "New project", href: newProject },
    { id: "keys-page", icon: "key", label: "API keys", href: at("/settings/keys") },
    { id: "profile", icon: "user", label: "Profile", hint: "settings", href: at("/settings") },
    { id: "appearance", icon: "sun", label: "Appearance", hint: "settings", href: at("/settings/appearance") },
  ];
}

/** Where one is now is where one will want to come back to. */
function remember() {
  if (run) recent.add({ kind: "run", label: runName, hint: projectName, href: `${inProject}/runs/${run}` });
  else if (project) recent.add({ kind: "project", label: projectName, hint: team, href: inProject });
}

function switchTheme() {
  setTheme(isDark() ? "light" : "dark");
}

function switchDensity() {
  setDensity(density() === "roomy" ? "compact" : "roomy");
}

/** A browser may refuse even to be asked. */
function storage() {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
