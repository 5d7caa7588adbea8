/** Scales: from values to places on a canvas and back, and the ranges that show what there is. */

/**
 * @typedef {{min: number, max: number, isLog: boolean}} Scale
 * @typedef {{a: number, b: number, isLog: boolean}} Projection place = (log₁₀) value × a + b
 */

/** Map a scale onto the stretch from `from` (its min) to `to` (its max). */
export function projection({ min, max, isLog }, from, to) {
  const low = isLog ? Math.log10(min) : min;
  const high = isLog ? Math.log10(max) : max;
  const a = high === low ? 0 : (to - from) / (high - low);
  return { a, b: from - low * a, isLog };
}

export const place = ({ a, b, isLog }, v) => (isLog ? Math.log10(v) : v) * a + b;

export const valueAt = ({ a, b, isLog }, at) => (isLog ? 10 ** ((at - b) / a) : (at - b) / a);

/** A range with air above and below; a flat line gets some too. Null if there is nothing finite. */
export function airy(min, max, isLog, share = 0.05) {
  if (!(min <= max)) return null;
  if (isLog) {
    const [low, high] = [Math.log10(min), Math.log10(max)];
    const air = (high - low) * share || 0.1;
    return [10 ** (low - air), 10 ** (high + air)];
  }
  // As wide as a number of this size can be told apart, where all are equal.
  const air = (max - min) * share || Math.abs(max) * 0.05 || 1;
  return [min - air, max + air];
}

/** How many steps a range is told apart in where it is rounded. */
const ROUND_STEPS = 20;

/** A range widened to round numbers: as a line grows, its axis moves rarely, and then by a step. */
export function rounded([min, max], isLog) {
  const [low, high] = isLog ? [Math.log10(min), Math.log10(max)] : [min, max];
  const rough = (high - low) / ROUND_STEPS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
  if (!step) return [min, max];
  const range = [Math.floor(low / step) * step, Math.ceil(high / step) * step].map((v) => Number(v.toPrecision(12)));
  return isLog ? range.map((v) => 10 ** v) : range;
}

/** Move a range so that the value at `share` of its length stays where it is, and `factor` of the length is left. */
export function zoomed({ min, max, isLog }, share, factor) {
  const [low, high] = isLog ? [Math.log10(min), Math.log10(max)] : [min, max];
  const at = low + (high - low) * share;
  const range = [at - (at - low) * factor, at + (high - at) * factor];
  return isLog ? range.map((v) => 10 ** v) : range;
}

/** Move a range by a share of its length. */
export function panned({ min, max, isLog }, share) {
  const [low, high] = isLog ? [Math.log10(min), Math.log10(max)] : [min, max];
  const by = (high - low) * share;
  return isLog ? [10 ** (low + by), 10 ** (high + by)] : [low + by, high + by];
}

/**
 * The value below which `share` of the weight lies.
 * @param {{value: number, weight: number}[]} weighted sorted by value
 */
export function percentile(weighted, share) {
  const wanted = weighted.reduce((sum, each) => sum + each.weight, 0) * share;
  let seen = 0;
  for (const { value, weight } of weighted) {
    seen += weight;
    if (seen >= wanted) return value;
  }
  return weighted.at(-1)?.value ?? NaN;
}
