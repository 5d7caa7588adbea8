/** Columns of the table of runs: what they are called, how their values read, which stands where. */

import { count, value } from "#js/lib/format.js";

/**
 * @typedef {{path: string, scope: string, name: string, type: string, statistic: string, direction: string, unit: string}} Column
 */

const TITLES = {
  state: "State", step: "Step", duration: "Duration", tags: "Tags", user: "By", created: "Created", notes: "Notes",
  group: "Group", job_type: "Job type", started: "Started", ended: "Ended", seen: "Last heard of", updated: "Updated",
  host: "Host", commit: "Commit", sweep: "Sweep", parent: "Parent", exit_code: "Exit code", client_id: "Own id",
  id: "Id", name: "Name",
};
const NOT_FINITE = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

export const title = ({ scope, name }) => (scope === "run" ? (TITLES[name] ?? name) : name);

/** Set to the right, with tabular figures. */
export const isNumber = ({ type }) => type === "number" || type === "duration";

/** A cell's text. Moments are not of them: they go on while one looks. */
export function text(column, content) {
  if (content === undefined || content === null) return "";
  if (column.type === "duration") return stretch(Number(content));
  if (column.scope === "config" || column.scope === "labels") return setting(content);
  const number = typeof content === "number" ? content : NOT_FINITE[content];
  if (number !== undefined && isNumber(column)) return value(number);
  return String(content);
}

/** As it was configured: 0.0003 and 100000 stay as they are written. */
const setting = (content) => (typeof content === "number" ? String(content).replaceAll("-", "−") : String(content));

/** Seconds: 12 s, 4 min 10 s, 2 h 05 min, 3 d 4 h. */
export function stretch(seconds) {
  const whole = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor(whole / 3600) % 24} h`;
}

/** The value that counts as best, by the metric's direction; null where it has none. */
export function best(column, spread) {
  if (!spread || spread.low === spread.high) return null;
  return column.direction === "min" ? spread.low : column.direction === "max" ? spread.high : null;
}

/**
 * The order after a click on a column's head: up, then down, then none. With `several` the others stay.
 * @param {string} sort "-metrics.loss, created"
 */
export function sorted(sort, path, several) {
  const keys = orders(sort);
  const now = keys.get(path);
  const next = now === undefined ? false : now === false ? true : undefined;
  if (!several) keys.clear();
  keys.delete(path);
  if (next !== undefined) keys.set(path, next);
  return [...keys].map(([key, isDescending]) => (isDescending ? "-" : "") + key).join(",");
}

/** @returns {Map<string, boolean>} path → whether it descends, in order */
export function orders(sort) {
  const keys = new Map();
  for (const part of sort.match(/(?:"(?:\\.|[^"])*"|`[^`]*`|[^,])+/g) ?? []) {
    const [, sign, path, word] = /^\s*([-+]?)\s*(.*?)(?:\s+(asc|desc))?\s*$/i.exec(part) ?? [];
    if (path) keys.set(path, sign === "-" || word?.toLowerCase() === "desc");
  }
  return keys;
}

/** Put a column before another; without a second, at the end. */
export function moved(paths, path, before) {
  const rest = paths.filter((each) => each !== path);
  const at = before ? rest.indexOf(before) : rest.length;
  return [...rest.slice(0, at), path, ...rest.slice(at)];
}

/** How wide a column is before anybody sets it: its longest text, within reason. */
export function naturalWidth(column, texts) {
  const longest = Math.max(title(column).length + 3 + (column.statistic ? 5 : 0), ...texts.map((each) => each.length));
  const most = column.name === "notes" ? 260 : column.type === "tags" ? 220 : 200;
  return Math.min(most, Math.max(56, Math.round(longest * 7.1 + 22)));
}

export const selectedWords = (n) => (n === 1 ? "1 run" : `${count(n)} runs`);
