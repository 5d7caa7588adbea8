/** What the card beside the crosshair says of the lines near it. */

import { count, duration, moment, value } from "#js/lib/format.js";

const ROWS = 8;

/** A place on the x-axis in words: "step 6,000", "2 h 5 m", "23 Nov 2026, 14:05:09", "tokens 1.2". */
export function placeName(axis, x) {
  if (axis === "step") return `step ${count(Math.round(x))}`;
  if (axis === "relative") return duration(x);
  if (axis === "time") return moment(x);
  return `${axis.slice(7)} ${value(x)}`;
}

/**
 * @param {import("#js/models/nearest.js").Near[]} near nearest first, at least one
 * @param {{axis: string, hasDetail: boolean, isFrozen: boolean, nameOf: (line: object) => string,
 *   isDashed: (line: object) => boolean, curveOf: (line: object) => import("#js/lib/lines.js").Curve,
 *   momentOf: (near: import("#js/models/nearest.js").Near) => number | null}} chart momentOf: µs, if it is known
 */
export function cardOf(near, chart) {
  const rows = chart.isFrozen ? near : near.slice(0, ROWS);
  const baseline = near.find(({ line }) => line.run.dash) ?? null;
  const hidden = near.length - rows.length;
  return {
    head: placeName(chart.axis, near[0].x),
    aside: asideOf(near[0], chart),
    rows: rows.map((each) => ({
      name: chart.nameOf(each.line),
      value: value(each.y),
      colour: each.line.run.colour,
      dash: chart.isDashed(each.line),
      more: chart.hasDetail ? detailOf(each, chart, baseline) : "",
    })),
    foot: chart.isFrozen ? "Esc frees" : hidden > 0 ? `${count(hidden)} more${chart.hasDetail ? "" : " · Shift for detail"}` : "",
  };
}

/** How many points the nearest mark stands for, where it is not one. */
function asideOf({ line, mark }) {
  const points = line.drawn.count[mark];
  return points > 1 ? `mean of ${count(points)}` : "";
}

function detailOf(near, chart, baseline) {
  const { line, mark, x, y } = near;
  const curve = chart.curveOf(line);
  const said = [];
  if (curve.raw) said.push(`raw ${value(curve.raw[mark])}`, `smoothed ${value(y)}`);
  if (line.drawn.count[mark] > 1) said.push(`${value(curve.low[mark])} to ${value(curve.high[mark])}`);
  said.push(placeName(chart.axis, x));
  const at = chart.momentOf(near);
  if (at !== null) said.push(moment(at));
  if (baseline && baseline.line !== line) said.push(`Δ ${signed(y - baseline.y)}`);
  return said.join(" · ");
}

const signed = (v) => (v > 0 ? `+${value(v)}` : value(v));
