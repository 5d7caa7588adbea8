/**
 * The panels of a workspace: one for each metric, in sections by prefix, as far as a view has not said otherwise.
 * Pure: `layout` reads a state, the others return what changes in it.
 */

import { metricOf, newPanelId, panelId, resolve, without } from "#js/models/panel.js";

/** @typedef {{id: string, section: string, change: object, metrics: string[], title: string, spec: object}} Panel */
/** @typedef {{name: string, folded: boolean, settings: object, panels: Panel[]}} Section */

const WITHOUT_PREFIX = "charts";
const LAST = "system";

/** The section a metric's panel is in by itself. */
export function sectionOf(metric) {
  const end = metric.indexOf("/");
  return end > 0 ? metric.slice(0, end) : WITHOUT_PREFIX;
}

/**
 * @param {string[]} metrics names
 * @param {object} state of the view
 * @returns {Section[]} "charts" first, "system" last and folded, the others by name
 */
export function layout(metrics, state) {
  const changes = state.panels ?? {};
  const sections = new Map();
  const add = (id, change, names) => {
    if (change.removed) return;
    const name = change.section ?? sectionOf(names[0]);
    if (!sections.has(name)) sections.set(name, []);
    sections.get(name).push({ id, section: name, change, metrics: change.metrics ?? names });
  };
  for (const metric of metrics) add(panelId(metric), changes[panelId(metric)] ?? {}, [metric]);
  for (const [id, change] of Object.entries(changes)) {
    if (metricOf(id) === null && change.metrics) add(id, change, change.metrics);
  }
  return [...sections]
    .sort(([a], [b]) => rank(a) - rank(b) || compare(a, b))
    .map(([name, panels]) => {
      const said = state.sections?.[name] ?? {};
      return {
        name,
        folded: said.folded ?? name === LAST,
        settings: said.settings ?? {},
        panels: inOrder(panels, state.order?.[name] ?? []).map((panel) => drawn(panel, state, said)),
      };
    });
}

const rank = (name) => (name === WITHOUT_PREFIX ? 0 : name === LAST ? 2 : 1);
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Those that have been moved stand where they were put; what is new comes behind, by name. */
function inOrder(panels, ids) {
  const places = new Map(ids.map((id, place) => [id, place]));
  const place = ({ id }) => places.get(id) ?? ids.length;
  return panels.sort((a, b) => place(a) - place(b) || compare(a.metrics[0], b.metrics[0]) || compare(a.id, b.id));
}

function drawn(panel, state, section) {
  const { id, change, metrics } = panel;
  const spec = {
    v: 1,
    id,
    kind: "line",
    metrics,
    title: change.title ?? "",
    ...resolve(state.settings, section.settings, change),
    width: change.width ?? 1,
    height: change.height ?? 1,
  };
  return { ...panel, title: change.title || metrics.join(", "), spec };
}

/** @returns {(panel: Panel) => boolean} whether a search finds a panel; a pattern that cannot be read finds none. */
export function finder({ text = "", regex = false } = {}) {
  if (!text) return () => true;
  if (!regex) {
    const part = text.toLowerCase();
    return ({ title, metrics }) => [title, ...metrics].some((name) => name.toLowerCase().includes(part));
  }
  try {
    const pattern = new RegExp(text, "i");
    return ({ title, metrics }) => [title, ...metrics].some((name) => pattern.test(name));
  } catch {
    return () => false;
  }
}

/** Change one panel. Undefined takes a field away. */
export function changePanel(state, id, change) {
  const merged = { ...state.panels?.[id], ...change };
  const kept = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
  const panels = { ...state.panels, [id]: kept };
  if (!Object.keys(kept).length) delete panels[id];
  return { panels };
}

/** A panel that a person has made is gone; one that is there by itself is remembered as unwanted. */
export function removePanel(state, id) {
  return metricOf(id) === null ? { panels: without(state.panels, [id]) } : changePanel(state, id, { removed: true });
}

/** @returns {{change: object, id: string}} */
export function addPanel(state, fields) {
  const id = newPanelId();
  return { id, change: { panels: { ...state.panels, [id]: { kind: "line", ...fields } } } };
}

export function duplicatePanel(state, panel) {
  const { id, change } = addPanel(state, {
    ...without(panel.change, ["removed"]),
    metrics: panel.metrics,
    section: panel.section,
    title: `${panel.title} (copy)`.slice(0, 200),
  });
  return { id, change };
}

/**
 * Put a panel before another, or at the end of a section (before: null).
 * @param {Section[]} sections as `layout` made them
 */
export function movePanel(state, sections, id, { section, before = null }) {
  const from = sections.find(({ panels }) => panels.some((panel) => panel.id === id));
  const to = sections.find(({ name }) => name === section) ?? { panels: [] };
  if (!from || id === before) return {};
  const panel = from.panels.find((each) => each.id === id);
  const ids = to.panels.map((each) => each.id).filter((each) => each !== id);
  const place = before === null ? -1 : ids.indexOf(before);
  ids.splice(place < 0 ? ids.length : place, 0, id);
  const order = { ...state.order, [section]: ids };
  if (from.name === section) return { order };
  const home = sectionOf(panel.metrics[0]) === section ? undefined : section;
  return { order, ...changePanel(state, id, { section: home }) };
}

export const changeSection = (state, name, change) => ({
  sections: { ...state.sections, [name]: { ...state.sections?.[name], ...change } },
});
