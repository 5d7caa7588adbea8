/**
 * Lines on a canvas, or on whatever else has its methods (lib/svg.js): envelope, line, signs of what is not a
 * number, dot at the live end. All places are in CSS pixels.
 */

import { place, projection } from "#js/lib/scale.js";

/**
 * @typedef {{left: number, top: number, width: number, height: number}} Box
 * @typedef {{box: Box, x: import("#js/lib/scale.js").Scale, y: import("#js/lib/scale.js").Scale}} View
 * @typedef {{n: number, x: Float64Array, y: Float64Array, low: Float64Array, high: Float64Array, isExact: boolean,
 *   raw: Float64Array | null}} Curve raw: what y was before it was smoothed
 */

/** Far outside is as good as anywhere: rasterisers dislike huge numbers. */
const FAR = 20_000;
const clamp = (v) => (v < -FAR ? -FAR : v > FAR ? FAR : v);

export const projections = ({ box, x, y }) => ({
  px: projection(x, box.left, box.left + box.width),
  py: projection(y, box.top + box.height, box.top),
});

/** The stretch of marks a view shows: one more on each side, so that lines leave the frame. */
export function shown(curve, { x }) {
  let from = lowerBound(curve.x, curve.n, x.min);
  let to = lowerBound(curve.x, curve.n, x.max);
  from = Math.max(0, from - 1);
  to = Math.min(curve.n, to + 1);
  while (to < curve.n && curve.x[to] <= x.max) to++;
  return [from, Math.min(curve.n, to + 1)];
}

function lowerBound(column, length, v) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column[middle] < v) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Fill from the lowest to the highest value of each mark; nothing where every mark is one point. */
export function envelope(ctx, curve, view, colour, alpha) {
  if (curve.isExact) return;
  const { px, py } = projections(view);
  const [from, to] = shown(curve, view);
  const floor = view.box.top + view.box.height + 2;
  const yOf = (v) => (py.isLog && v <= 0 ? floor : clamp(place(py, v)));
  ctx.beginPath();
  for (let start = from; start < to; ) {
    if (Number.isNaN(curve.low[start])) {
      start++;
      continue;
    }
    let end = start;
    while (end < to && !Number.isNaN(curve.low[end])) end++;
    ctx.moveTo(clamp(place(px, curve.x[start])), yOf(curve.high[start]));
    for (let at = start + 1; at < end; at++) ctx.lineTo(clamp(place(px, curve.x[at])), yOf(curve.high[at]));
    for (let at = end - 1; at >= start; at--) ctx.lineTo(clamp(place(px, curve.x[at])), yOf(curve.low[at]));
    ctx.closePath();
    start = end;
  }
  ctx.globalAlpha = alpha;
  ctx.fillStyle = colour;
  ctx.fill();
  ctx.globalAlpha = 1;
}

/** Draw the line through `values`; it breaks where there is no number. A point alone is a dot. */
export function line(ctx, curve, values, view, { colour, width, dash = null, alpha = 1 }) {
  const { px, py } = projections(view);
  const [from, to] = shown(curve, view);
  const alone = [];
  ctx.beginPath();
  let run = 0;
  let lastX = 0;
  let lastY = 0;
  for (let at = from; at <= to; at++) {
    const v = at < to ? values[at] : NaN;
    if (Number.isNaN(v) || (py.isLog && v <= 0)) {
      if (run === 1) alone.push(lastX, lastY);
      run = 0;
      continue;
    }
    lastX = clamp(place(px, curve.x[at]));
    lastY = clamp(place(py, v));
    if (run++) ctx.lineTo(lastX, lastY);
    else ctx.moveTo(lastX, lastY);
  }
  ctx.globalAlpha = alpha;
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.lineJoin = "round";
  ctx.setLineDash(dash ?? []);
  ctx.stroke();
  ctx.setLineDash([]);
  for (let at = 0; at < alone.length; at += 2) disc(ctx, alone[at], alone[at + 1], width + 0.5, colour);
  ctx.globalAlpha = 1;
}

function disc(ctx, x, y, radius, colour) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = colour;
  ctx.fill();
}

/** The dot at the end of a line that still grows. */
export function liveEnd(ctx, curve, values, view, colour, ground) {
  let at = curve.n - 1;
  while (at >= 0 && Number.isNaN(values[at])) at--;
  if (at < 0) return;
  const { px, py } = projections(view);
  const [x, y] = [place(px, curve.x[at]), place(py, values[at])];
  const { left, top, width, height } = view.box;
  if (!(x >= left && x <= left + width + 0.5 && y >= top && y <= top + height)) return;
  disc(ctx, x, y, 3, colour);
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = ground;
  ctx.stroke();
}

/** What a name needs of an edge. */
const NAME_PX = 34;

/** The names of what is not a number, and the edge their ticks stand on. */
const ODD = [
  ["nan", "NaN", "bottom"],
  ["ninf", "−∞", "bottom"],
  ["pinf", "∞", "top"],
];

/**
 * Ticks where a series was not a number; a stretch of them is one tick and a thin bar.
 * @returns {{x: number, edge: "top" | "bottom", name: string}[]} what is to be written beside them
 */
export function oddTicks(ctx, series, view, colour) {
  const { px } = projections(view);
  const { left, top, width, height } = view.box;
  const names = [];
  ctx.fillStyle = colour;
  for (const [column, name, edge] of ODD) {
    let before = -Infinity;
    for (let at = 0; at < series.length; at++) {
      if (!series[column][at]) continue;
      const x = place(px, series.x(at));
      const isSeen = x >= left && x <= left + width;
      if (isSeen && x - before > 3) {
        ctx.fillRect(x - 1, edge === "top" ? top : top + height - 7, 2, 7);
        names.push({ x, edge, name });
      } else if (isSeen && x - before > 0.5) ctx.fillRect(before, edge === "top" ? top : top + height - 2, x - before, 2);
      else if (isSeen) continue;
      before = x;
    }
  }
  return names;
}

/** Write the names beside their ticks, where one does not cover another. */
export function oddNames(ctx, names, { box }, { ink, font }) {
  const written = [];
  ctx.font = font;
  ctx.fillStyle = ink;
  for (const { x, edge, name } of names) {
    if (written.some((other) => other.edge === edge && Math.abs(other.x - x) < NAME_PX)) continue;
    written.push({ x, edge });
    const isLeft = x > box.left + box.width - NAME_PX;
    ctx.textAlign = isLeft ? "right" : "left";
    ctx.fillText(name, x + (isLeft ? -5 : 5), edge === "top" ? box.top + 9 : box.top + box.height - 5);
  }
  ctx.textAlign = "left";
}

/** How opaque an envelope is: clear alone, a breath among thirty. */
export const envelopeAlpha = (lines) => Math.max(0.035, Math.min(0.2, 0.9 / lines));

/** How wide lines are: the more, the finer. */
export const lineWidth = (lines) => (lines < 4 ? 1.75 : lines < 60 ? 1.25 : 1);

/** How opaque the ghost of a smoothed line is. */
export const ghostAlpha = (lines) => Math.max(0.05, Math.min(0.3, 1.2 / lines));
