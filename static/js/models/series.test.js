import assert from "node:assert/strict";
import { test } from "node:test";
import { Series, over } from "#js/models/series.js";

/** Marks as a tile has them: [first, last, low, high, sum, count]. */
function seriesOf(marks) {
  const names = ["x_first", "x_last", "y_min", "y_max", "sum", "count"];
  const columns = Object.fromEntries(names.map((name, nth) => [name, Float64Array.from(marks, (mark) => mark[nth])]));
  for (const name of ["nan", "pinf", "ninf"]) columns[name] = new Float64Array(marks.length);
  return new Series(columns);
}

const xs = (series) => Array.from(series.x_first.subarray(0, series.length));

test("a point goes where its x belongs, early or late", () => {
  const series = seriesOf([[0, 0, 1, 1, 1, 1]]);
  for (const x of [5, 9, 2, 7, 100, 1]) series.insert(x, x);
  assert.deepEqual(xs(series), [0, 1, 2, 5, 7, 9, 100]);
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6].map((at) => series.y(at)), [1, 1, 2, 5, 7, 9, 100]);
});

test("random points in any order end up sorted, and columns of the tile stay as they were", () => {
  const tile = seriesOf([[50, 50, 0, 0, 0, 1]]);
  const held = tile.x_first;
  for (let n = 0; n < 500; n++) tile.insert(Math.floor(Math.random() * 1000), Math.random());
  const sorted = xs(tile);
  assert.deepEqual(sorted, [...sorted].sort((one, other) => one - other));
  assert.deepEqual(Array.from(held), [50]);
});

test("a point told twice changes nothing", () => {
  const series = seriesOf([]);
  series.insert(1, 2);
  series.insert(1, 2);
  series.insert(2, NaN);
  series.insert(2, NaN);
  assert.equal(series.length, 2);
  assert.equal(series.points, 2);
});

test("a late point widens the mark it lies in", () => {
  const series = seriesOf([[0, 9, 1, 2, 15, 10]]);
  series.insert(4, 7);
  assert.equal(series.length, 1);
  assert.equal(series.y_max[0], 7);
  assert.equal(series.points, 10);
});

test("the nearest mark is found by its ends", () => {
  const series = seriesOf([
    [0, 4, 0, 0, 0, 5],
    [10, 10, 0, 0, 0, 1],
  ]);
  assert.deepEqual([-5, 3, 6, 8, 99].map((x) => series.nearest(x)), [0, 0, 0, 1, 1]);
  assert.equal(new Series().nearest(3), -1);
});

test("finer marks stand in the place of the coarse ones", () => {
  const coarse = seriesOf([[0, 9, 0, 1, 5, 10], [10, 19, 0, 1, 5, 10], [20, 29, 0, 1, 5, 10]]);
  const fine = seriesOf([[10, 14, 0, 1, 2, 5], [15, 19, 0, 1, 3, 5]]);
  const both = over(coarse, fine);
  assert.deepEqual(xs(both), [0, 10, 15, 20]);
  assert.equal(both.points, coarse.points);
});
