import assert from "node:assert/strict";
import { test } from "node:test";

import { sparkPaths } from "#js/lib/sparkline.js";

test("lines share their axes, greater is higher", () => {
  const paths = sparkPaths([{ x: [0, 10], y: [0, 1] }, { x: [0, 5], y: [1, 0.5] }], 100, 20);
  assert.deepEqual(paths, ["M0 20L100 0", "M0 0L50 10"]);
});

test("what is no number interrupts the line", () => {
  const [path] = sparkPaths([{ x: [0, 1, 2, 3], y: [0, NaN, null, 1] }], 30, 10);
  assert.equal(path, "M0 10M30 0");
});

test("a constant is a line in the middle", () => {
  assert.deepEqual(sparkPaths([{ x: [0, 1], y: [3, 3] }], 10, 10), ["M0 5L10 5"]);
});

test("nothing to draw is no path", () => {
  assert.deepEqual(sparkPaths([{ x: [], y: [] }, { x: [1], y: [NaN] }], 10, 10), ["", ""]);
});

test("one spike does not flatten the rest", () => {
  const y = Array.from({ length: 100 }, (_, i) => i % 2);
  y[50] = 1e9;
  const [path] = sparkPaths([{ x: y.map((_, i) => i), y }], 100, 10);
  assert.ok(path.startsWith("M0 10L1 6L2 10"));
  assert.ok(!path.includes("-"));
});
