/** From marks to what is drawn of them: places, means, smoothed values; and what a range of them holds. */

import { airy, percentile, rounded } from "#js/lib/scale.js";
import { smoothed } from "#js/lib/smooth.js";

const OUTLIERS = 0.02;
/** Rounding adds some more. */
const AIR = 0.025;
/** Percentiles need no more marks than this. */
const SAMPLED = 20_000;

/**
 * @param {import("#js/models/series.js").Series} series
 * @param {{kind: string, amount: number}} smoothing
 * @returns {import("#js/lib/lines.js").Curve}
 */
export function curveOf(series, smoothing) {
  const n = series.length;
  const x = new Float64Array(n);
  const mean = new Float64Array(n);
  let isExact = true;
  for (let at = 0; at < n; at++) {
    x[at] = series.x(at);
    mean[at] = series.y(at);
    if (series.count[at] > 1) isExact = false;
  }
  const isSmooth = smoothing.kind !== "none" && smoothing.amount > 0;
  const y = isSmooth ? smoothed(x, mean, series.count, n, smoothing) : mean;
  return { n, x, y, low: series.y_min, high: series.y_max, isExact, raw: isSmooth ? mean : null };
}

/** The marks of a series that lie in a range of x, as [from, to). */
export function inRange(series, [min, max]) {
  const from = series.firstAt(min);
  let to = from;
  while (to < series.length && series.x_first[to] <= max) to++;
  return [from, to];
}

/** The first and last x of all series; on a log axis of what can be shown there. Null if there is no mark. */
export function extentOfX(all, isLog) {
  let min = Infinity;
  let max = -Infinity;
  for (const series of all) {
    if (!series.length) continue;
    let first = 0;
    if (isLog) while (first < series.length && !(series.x_first[first] > 0)) first++;
    if (first === series.length) continue;
    min = Math.min(min, series.x_first[first]);
    max = Math.max(max, series.x_last[series.length - 1]);
  }
  if (!(min <= max)) return null;
  if (min < max) return [min, max];
  return isLog ? [min / 2, max * 2] : [min - 1, max + 1];
}

/**
 * The y that shows all of a range of x, or, with outliers ignored, all but the strangest marks.
 * @returns {[number, number] | null}
 */
export function extentOfY(all, range, { isLog, ignoresOutliers }) {
  const bounds = ignoresOutliers ? usual(all, range, isLog) : extremes(all, range, isLog);
  return bounds && rounded(airy(...bounds, isLog, AIR), isLog);
}

function extremes(all, range, isLog) {
  let min = Infinity;
  let max = -Infinity;
  for (const series of all) {
    const [from, to] = inRange(series, range);
    for (let at = from; at < to; at++) {
      if (series.y_max[at] > max) max = series.y_max[at];
      const low = isLog ? lowestPositive(series, at) : series.y_min[at];
      if (low < min) min = low;
    }
  }
  return min <= max ? [min, max] : null;
}

const lowestPositive = (series, at) =>
  series.y_min[at] > 0 ? series.y_min[at] : series.y(at) > 0 ? series.y(at) : series.y_max[at] > 0 ? series.y_max[at] : NaN;

function usual(all, range, isLog) {
  const lows = [];
  const highs = [];
  const ranges = all.map((series) => inRange(series, range));
  const step = Math.max(1, Math.ceil(ranges.reduce((sum, [from, to]) => sum + to - from, 0) / SAMPLED));
  all.forEach((series, nth) => {
    const [from, to] = ranges[nth];
    for (let at = from; at < to; at += step) {
      const low = isLog ? lowestPositive(series, at) : series.y_min[at];
      if (Number.isNaN(low)) continue;
      lows.push({ value: low, weight: series.count[at] });
      highs.push({ value: series.y_max[at], weight: series.count[at] });
    }
  });
  if (!lows.length) return null;
  const byValue = (one, other) => one.value - other.value;
  const [low, high] = [percentile(lows.sort(byValue), OUTLIERS), percentile(highs.sort(byValue), 1 - OUTLIERS)];
  return low < high ? [low, high] : extremes(all, range, isLog);
}

/**
 * What of a range of x is there, and what of it a range of y leaves out.
 * `above` and `below` are [least, most]: equal where marks do not reach over the edge, so that the number is exact.
 */
export function census(all, rangeX, [bottom, top], isLog) {
  const found = { points: 0, marks: 0, isExact: true, nan: 0, pinf: 0, ninf: 0, above: [0, 0], below: [0, 0], nonPositive: [0, 0] };
  for (const series of all) {
    const [from, to] = inRange(series, rangeX);
    for (let at = from; at < to; at++) {
      const { nan, pinf, ninf } = { nan: series.nan[at], pinf: series.pinf[at], ninf: series.ninf[at] };
      const finite = series.count[at] - nan - pinf - ninf;
      found.points += series.count[at];
      found.marks++;
      if (series.count[at] > 1) found.isExact = false;
      found.nan += nan;
      found.pinf += pinf;
      found.ninf += ninf;
      if (!finite) continue;
      const [low, high] = [series.y_min[at], series.y_max[at]];
      if (isLog && low <= 0) add(found.nonPositive, finite, high <= 0);
      if (high > top) add(found.above, finite, low > top);
      if (low < bottom && !(isLog && low <= 0)) add(found.below, finite, high < bottom);
    }
  }
  return found;
}

/** Of a mark that reaches over an edge at least one point is beyond it and at least one is not. */
function add(range, finite, isWhole) {
  range[0] += isWhole ? finite : 1;
  range[1] += isWhole ? finite : Math.max(1, finite - 1);
}
