/** Where an axis has its numbers, and how they read. */

import { tick } from "#js/lib/format.js";

const S = 1e6;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

/** Lengths of time that people count in, in µs: what uPlot chooses a step from. */
export const TIME_STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * 1000),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * S),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * M),
  ...[1, 2, 3, 6, 12].map((n) => n * H),
  ...[1, 2, 7, 14, 30, 90, 180, 365].map((n) => n * D),
];

/** Ticks of a relative axis, in µs: 30s, 5m, 1h30m, 2d. */
export function sinceBeginning(us) {
  if (us === 0) return "0";
  const size = Math.abs(us);
  const sign = us < 0 ? "−" : "";
  if (size < S) return `${sign}${Number((size / 1000).toPrecision(3))}ms`;
  const units = [
    [D, "d"],
    [H, "h"],
    [M, "m"],
    [S, "s"],
  ];
  const at = units.findIndex(([unit]) => size >= unit);
  const [unit, name] = units[at];
  if (name === "s") return `${sign}${Number((size / S).toPrecision(3))}s`;
  const [smaller, smallName] = units[at + 1];
  // In the smaller unit first: what is a hair short of 2h is not 1h60m.
  const parts = Math.round(size / smaller);
  const rest = parts % (unit / smaller);
  return `${sign}${Math.floor((parts * smaller) / unit)}${name}${rest ? `${rest}${smallName}` : ""}`;
}

/**
 * Places of whole steps of local time between two moments, in µs.
 * @param {(us: number) => number} offsetOf minutes that local time is behind UTC
 */
export function wallPlaces(min, max, step, offsetOf = zoneOffset) {
  const behind = offsetOf(min) * M;
  const places = [];
  for (let at = Math.ceil((min - behind) / step) * step + behind; at <= max; at += step) places.push(at);
  return places;
}

/** Ticks of wall time: the time of day, and the day where it begins or is all there is to say. */
export function wallTicks(places, step) {
  let day = "";
  return places.map((us) => {
    const at = new Date(us / 1000);
    const today = DAY.format(at);
    const isNewDay = today !== day;
    day = today;
    if (step >= D) return step >= 300 * D ? String(at.getFullYear()) : today;
    const clock = (step < M ? CLOCK_S : CLOCK).format(at);
    return isNewDay ? `${today} ${clock}` : clock;
  });
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const CLOCK_S = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const zoneOffset = (us) => new Date(us / 1000).getTimezoneOffset();

/** Where a log axis has its numbers: powers of ten in long ranges, 1, 2, 5 in shorter, even steps in short ones. */
export function logPlaces(min, max) {
  const decades = Math.log10(max / min);
  if (decades < 0.7) return evenPlaces(min, max, 4);
  const every = Math.max(1, Math.ceil(decades / 6));
  const mantissas = decades < 2.3 ? [1, 2, 5] : [1];
  const places = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.log10(max); power++) {
    if (decades >= 2.3 && power % every) continue;
    for (const mantissa of mantissas) {
      const v = Number(`${mantissa}e${power}`);
      if (v >= min && v <= max) places.push(v);
    }
  }
  return places;
}

/** Round numbers between two others, about so many. */
export function evenPlaces(min, max, about) {
  const rough = (max - min) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const places = [];
  for (let n = Math.ceil(min / step); n * step <= max; n++) places.push(Number((n * step).toPrecision(12)));
  return places;
}

/** Short numbers that differ from one another: as many digits as the step between them needs. */
export function numberTicks(places) {
  const told = places.filter((v) => v !== null);
  const short = told.map(tick);
  if (new Set(short).size === short.length) return places.map((v) => (v === null ? "" : tick(v)));
  // A little less, as the step between two floats may be a hair too small; one more digit, for steps of 2.5.
  const digits = Math.max(0, Math.ceil(-Math.log10(Math.abs(told[1] - told[0])) - 0.01) + 1);
  return places.map((v) => (v === null ? "" : v.toFixed(Math.min(digits, 12)).replace("-", "−")));
}
