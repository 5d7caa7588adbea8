/** What a panel is drawn with: workspace, section and panel say something each, and the nearest word counts. */

/** What is drawn where nobody has said anything. apps/reports/panel_spec.py knows the same fields. */
export const AUTOMATIC = Object.freeze({
  x: "step",
  x_scale: "linear",
  y_scale: "linear",
  smoothing: Object.freeze({ kind: "none", amount: 0 }),
  outliers: "ignore",
  x_range: null,
  y_range: null,
});

export const SETTINGS = Object.keys(AUTOMATIC);

const OF_METRIC = "metric:";

/** The id of the panel a metric has by itself. */
export const panelId = (metric) => OF_METRIC + metric;

/** The metric whose own panel this is; null for one that a person has made. */
export const metricOf = (id) => (id.startsWith(OF_METRIC) ? id.slice(OF_METRIC.length) : null);

/** An id for a panel that a person makes. */
export const newPanelId = () => Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => (byte % 36).toString(36)).join("");

/**
 * @param {...object} levels workspace first, panel last; a field that is absent is inherited
 * @returns {typeof AUTOMATIC} what is drawn. A level with another x forgets the range of the x above it.
 */
export function resolve(...levels) {
  let made = AUTOMATIC;
  for (const level of levels) {
    const said = Object.fromEntries(SETTINGS.filter((name) => level?.[name] !== undefined).map((name) => [name, level[name]]));
    const isOtherX = said.x !== undefined && said.x !== made.x;
    made = { ...made, ...(isOtherX ? { x_range: null } : {}), ...said };
  }
  return made;
}

/** How many settings a level has of its own; ranges are zooms and not counted. */
export const overrides = (level) =>
  SETTINGS.filter((name) => !name.endsWith("_range") && level?.[name] !== undefined).length;

/** A level without these settings, so that they are inherited again. */
export const without = (level, names) =>
  Object.fromEntries(Object.entries(level ?? {}).filter(([name]) => !names.includes(name)));

/** What the x axis is called. */
export const xName = (x) =>
  ({ step: "Step", relative: "Relative time", time: "Wall time" })[x] ?? x.slice(OF_METRIC.length);
