/** Small lines without axes: from columns of a tile to the `d` of a path. */

/** @typedef {{x: number[], y: number[]}} Line  y may hold null and NaN, which interrupt the line */

/**
 * @param {Line[]} lines share their axes
 * @param {number} width
 * @param {number} height
 * @returns {string[]} a path each, "" for a line without a finite point
 *
 * The y axis ends at Tukey's fences (1.5 interquartile ranges beyond the quartiles): a run that diverges must not
 * flatten the others.
 */
export function sparkPaths(lines, width, height) {
  const xs = lines.flatMap(({ x }) => x).filter(Number.isFinite);
  const ys = lines.flatMap(({ y }) => y).filter(Number.isFinite).sort((a, b) => a - b);
  if (!xs.length || !ys.length) return lines.map(() => "");
  const across = scale(Math.min(...xs), Math.max(...xs), 0, width);
  const down = scale(...fenced(ys), height, 0);
  return lines.map(({ x, y }) => path(x, y, across, (value) => clamp(down(value), 0, height)));
}

/** @param {number[]} sorted @returns {[number, number]} */
function fenced(sorted) {
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const reach = 1.5 * (at(0.75) - at(0.25));
  if (!reach) return [at(0), at(1)];
  return [Math.max(at(0), at(0.25) - reach), Math.min(at(1), at(0.75) + reach)];
}

function path(x, y, across, down) {
  let d = "";
  let isDrawing = false;
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(y[i])) {
      isDrawing = false;
      continue;
    }
    d += `${isDrawing ? "L" : "M"}${round(across(x[i]))} ${round(down(y[i]))}`;
    isDrawing = true;
  }
  return d;
}

/** A range without width is drawn in the middle. */
const scale = (low, high, from, to) => (value) =>
  high > low ? from + ((value - low) / (high - low)) * (to - from) : (from + to) / 2;
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const round = (value) => Math.round(value * 10) / 10;
