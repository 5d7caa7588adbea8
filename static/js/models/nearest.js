/** Which line is nearest to a place: by binary search in each, measured along the line's own segments. */

import { place, projection, valueAt } from "#js/lib/scale.js";

/** How far from its end a line is still "at" a place. */
const BESIDE_PX = 8;

/**
 * @typedef {{line: import("#js/models/chart-lines.js").Line, mark: number, x: number, y: number, top: number,
 *   distance: number}} Near mark: its number in the line's curve; top: its place on the canvas
 */

/**
 * @param {import("#js/models/chart-lines.js").Line[]} lines
 * @param {Map<string, {curve: import("#js/lib/lines.js").Curve}>} curves
 * @param {import("#js/lib/lines.js").View} view
 * @param {{x: number, y: number}} at in CSS pixels of the canvas
 * @returns {Near[]} of the lines that have a value there, nearest first
 */
export function nearestLines(lines, curves, view, at) {
  const px = projection(view.x, view.box.left, view.box.left + view.box.width);
  const py = projection(view.y, view.box.top + view.box.height, view.box.top);
  const [left, x, right] = [at.x - BESIDE_PX, at.x, at.x + BESIDE_PX].map((each) => valueAt(px, each));
  const near = [];
  for (const line of lines) {
    const { curve } = curves.get(line.key);
    const mark = nearestMark(curve, x);
    if (mark < 0 || curve.x[0] > right || curve.x[curve.n - 1] < left) continue;
    const top = place(py, curve.y[mark]);
    const distance = toSegments(curve, mark, px, py, at);
    near.push({ line, mark, x: curve.x[mark], y: curve.y[mark], top, distance });
  }
  return near.sort((one, other) => one.distance - other.distance);
}

/** The mark with a number that is nearest to x; -1 if there is none. */
export function nearestMark({ n, x: xs, y }, x) {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  let before = low - 1;
  let after = low;
  while (before >= 0 && Number.isNaN(y[before])) before--;
  while (after < n && Number.isNaN(y[after])) after++;
  if (after === n) return before;
  if (before < 0) return after;
  return x - xs[before] < xs[after] - x ? before : after;
}

function toSegments({ n, x, y }, mark, px, py, at) {
  let least = Infinity;
  for (let start = Math.max(0, mark - 1); start <= Math.min(mark, n - 1); start++) {
    const end = Math.min(start + 1, n - 1);
    const found = toSegment(at, place(px, x[start]), place(py, y[start]), place(px, x[end]), place(py, y[end]));
    if (found < least) least = found;
  }
  return least < Infinity ? least : Math.hypot(at.x - place(px, x[mark]), at.y - place(py, y[mark]));
}

/** The distance from a place to a segment; NaN if an end has none. */
function toSegment({ x, y }, x1, y1, x2, y2) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length = dx * dx + dy * dy;
  const share = length ? Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / length)) : 0;
  return Math.hypot(x - x1 - share * dx, y - y1 - share * dy);
}

/** The next mark with a number to the left or right of one, within a range of x. */
export function stepped(curve, mark, by, { min, max }) {
  const isShown = (at) => curve.x[at] >= min && curve.x[at] <= max && !Number.isNaN(curve.y[at]);
  const direction = Math.sign(by);
  const start = Number.isFinite(by) && mark >= 0 ? mark + by : direction > 0 && Number.isFinite(by) ? 0 : direction > 0 ? curve.n - 1 : 0;
  // From an end inwards, from a mark onwards.
  const inwards = Number.isFinite(by) ? direction : -direction;
  for (let at = start; at >= 0 && at < curve.n; at += inwards) if (isShown(at)) return at;
  return Math.max(0, mark);
}
