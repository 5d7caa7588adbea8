import assert from "node:assert/strict";
import { test } from "node:test";
import { best, moved, orders, sorted, stretch, text } from "#js/models/columns.js";

const metric = { path: "metrics.loss", scope: "metrics", name: "loss", type: "number", statistic: "", direction: "min" };
const config = { path: "config.lr", scope: "config", name: "lr", type: "number", statistic: "", direction: "" };

test("a head sorts up, down, and not at all; with Shift beside the others", () => {
  assert.equal(sorted("", "created", false), "created");
  assert.equal(sorted("created", "created", false), "-created");
  assert.equal(sorted("-created", "created", false), "");
  assert.equal(sorted("created", "metrics.loss", true), "created,metrics.loss");
  assert.equal(sorted("created,metrics.loss", "metrics.loss", true), "created,-metrics.loss");
});

test("an order is read as the server reads it", () => {
  assert.deepEqual([...orders('-config."a, b", name desc')], [['config."a, b"', true], ["name", true]]);
});

test("metrics have four decimals and a true minus, settings are as they were written", () => {
  assert.equal(text(metric, -0.34567), "−0.3457");
  assert.equal(text(metric, "NaN"), "NaN");
  assert.equal(text(config, 0.0003), "0.0003");
  assert.equal(text(config, "adam"), "adam");
  assert.equal(text(metric, undefined), "");
});

test("durations read as people say them", () => {
  assert.deepEqual([12, 250, 7500, 200_000].map(stretch), ["12 s", "4 min 10 s", "2 h 05 min", "2 d 7 h"]);
});

test("best follows the direction, and all alike has none", () => {
  assert.equal(best(metric, { low: 1, high: 2 }), 1);
  assert.equal(best({ ...metric, direction: "max" }, { low: 1, high: 2 }), 2);
  assert.equal(best(metric, { low: 1, high: 1 }), null);
  assert.equal(best(config, { low: 1, high: 2 }), null);
});

test("a column is put before another, or last", () => {
  assert.deepEqual(moved(["a", "b", "c"], "c", "a"), ["c", "a", "b"]);
  assert.deepEqual(moved(["a", "b", "c"], "a"), ["b", "c", "a"]);
});
