import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeTile } from "#js/lib/binary.js";
import { Prefixed, textCell } from "#js/lib/csv.js";
import { census, extentOfY } from "#js/lib/curve.js";
import { duration, points, tick, value } from "#js/lib/format.js";
import { panned, place, projection, rounded, valueAt, zoomed } from "#js/lib/scale.js";
import { SvgContext } from "#js/lib/svg.js";
import { logPlaces, numberTicks, sinceBeginning, wallPlaces } from "#js/lib/ticks.js";
import { Series } from "#js/models/series.js";
import { Zoom } from "#js/models/zoom.js";

test("a binary tile is read as views; twins and single values are spelled out", () => {
  const told = { series: [{ run: "r", metric: "m", marks: 2, columns: { x_first: [0, 2, "f64"], x_last: "=x_first", count: 1 } }] };
  let header = JSON.stringify(told);
  header += " ".repeat((8 - ((header.length + 12) % 8)) % 8);
  const bytes = new Uint8Array(12 + header.length + 16);
  bytes.set(new TextEncoder().encode(`ISOT\u0001\0\0\0`));
  new DataView(bytes.buffer).setUint32(8, header.length, true);
  bytes.set(new TextEncoder().encode(header), 12);
  new Float64Array(bytes.buffer, 12 + header.length).set([3, 4]);
  const { columns } = decodeTile(bytes.buffer).series[0];
  assert.deepEqual(Array.from(columns.x_last), [3, 4]);
  assert.equal(columns.x_last, columns.x_first);
  assert.deepEqual(Array.from(columns.count), [1, 1]);
  assert.throws(() => decodeTile(new ArrayBuffer(20)), TypeError);
});

test("numbers are typeset", () => {
  assert.deepEqual([3.47761, -0.5, 27056.4, 0.0004, NaN, 0, 12].map(value), ["3.4776", "−0.5000", "27,056", "4.00e−4", "NaN", "0", "12"]);
  assert.deepEqual([0, 2500, 1e6, 0.25, 1e-4].map(tick), ["0", "2.5k", "1M", "0.25", "1e−4"]);
  assert.deepEqual([1, 840, 2_400_000].map(points), ["1 point", "840 points", "2.4 M points"]);
  assert.deepEqual([4_200_000, 7_500_000_000].map(duration), ["4.2 s", "2 h 5 m"]);
  assert.deepEqual([0, 30e6, 5400e6].map(sinceBeginning), ["0", "30s", "1h30m"]);
  assert.deepEqual([-90e6, -5400e6, 7199.999e6].map(sinceBeginning), ["−1m30s", "−1h30m", "2h"]);
  assert.deepEqual(wallPlaces(-70e6, 70e6, 30e6, () => 0).map(sinceBeginning), ["−1m", "−30s", "0", "30s", "1m"]);
});

test("ticks differ from one another", () => {
  assert.deepEqual(numberTicks([1.00001, 1.00002]), ["1.000010", "1.000020"]);
  assert.deepEqual(logPlaces(0.001, 10), [0.001, 0.01, 0.1, 1, 10]);
  assert.ok(logPlaces(2.1, 2.4).length >= 2);
});

test("places and values are each other's inverse, on both scales", () => {
  for (const scale of [{ min: 1, max: 1000, isLog: true }, { min: -5, max: 5, isLog: false }])
    for (const v of [1, 2, 4.5]) assert.ok(Math.abs(valueAt(projection(scale, 10, 90), place(projection(scale, 10, 90), v)) - v) < 1e-9);
  assert.deepEqual(zoomed({ min: 0, max: 100, isLog: false }, 0.5, 0.5), [25, 75]);
  assert.deepEqual(panned({ min: 1, max: 10, isLog: true }, 1).map(Math.round), [10, 100]);
});

test("a range is round, and stays as it is while a line grows a little", () => {
  assert.deepEqual(rounded([0.013, 2.287], false), [0, 2.4]);
  assert.deepEqual(rounded([0.02, 2.31], false), [0, 2.4]);
  const [low, high] = rounded([0.0013, 0.9], true);
  assert.ok(low <= 0.0013 && low > 0.0009 && high >= 0.9 && high < 1.3);
});

function points_(ys) {
  const series = new Series();
  ys.forEach((y, x) => series.insert(x, y));
  return series;
}

test("ignoring outliers clips the axis and counts exactly what it leaves out", () => {
  const all = [points_([...Array.from({ length: 200 }, (_, at) => at % 10), 1e6])];
  const y = extentOfY(all, [0, 500], { isLog: false, ignoresOutliers: true });
  assert.ok(y[1] < 20);
  const found = census(all, [0, 500], y, false);
  assert.deepEqual(found.above, [1, 1]);
  assert.equal(found.points, 201);
});

test("what is not a number, or not above zero on a log axis, is counted", () => {
  const found = census([points_([1, NaN, Infinity, -3, 0])], [0, 9], [0.5, 2], true);
  assert.deepEqual([found.nan, found.pinf, found.nonPositive], [1, 1, [2, 2]]);
});

test("cells that would be formulas are not", () => {
  assert.deepEqual(["=1+1", "@x", "a,b", "plain"].map(textCell), ["'=1+1", "'@x", '"a,b"', "plain"]);
});

test("rows that come in pieces get their prefix, the header does not", () => {
  const rows = new Prefixed(["r1"]);
  const told = [...'step,"a\nb"\n0,1\n1,-2\n'].map((letter) => rows.push(letter)).join("") + rows.end();
  assert.equal(rows.header, 'step,"a\nb"');
  assert.equal(told, "r1,0,1\nr1,1,-2\n");
});

test("an SVG has the drawing and escapes its texts", () => {
  const ctx = new SvgContext();
  ctx.beginPath();
  ctx.moveTo(0, 0);
  ctx.lineTo(1.234567, 2);
  ctx.stroke();
  ctx.fillText("<b> & co", 1, 2);
  const svg = ctx.document(10, 20, '"t"');
  assert.match(svg, /M0 0L1.23 2/);
  assert.match(svg, /&lt;b&gt; &amp; co/);
});

test("zooming goes back step by step, and a turning wheel is one step", () => {
  const zoom = new Zoom();
  zoom.to({ x: [0, 5] });
  for (let n = 0; n < 5; n++) zoom.to({ x: [1, 4 - n / 10] }, { isSteady: true, now: 1000 + n });
  zoom.back();
  assert.deepEqual(zoom.current.x, [0, 5]);
  assert.ok(zoom.back());
  assert.ok(!zoom.isZoomed && !zoom.back());
});
