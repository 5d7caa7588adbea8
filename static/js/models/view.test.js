import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_CHARACTERS, linked, read, written } from "#js/models/address.js";
import { ALL, Solo, isShown, show } from "#js/models/eyes.js";
import { noData } from "#js/models/no-data.js";
import { AUTOMATIC_VIEW, difference } from "#js/models/view.js";

const roundTrip = (state, more) => read(written(difference(state, AUTOMATIC_VIEW), more).search);

test("an address says the whole view, and nothing of an automatic one", () => {
  const state = {
    ...AUTOMATIC_VIEW,
    q: 'metrics.loss < 0.2 and name contains "ä&b"', sort: "-metrics.`val/loss`", group: "config.lr",
    search: { text: "^a+", regex: true }, eyes: { all: false, but: ["r1"] }, pinned: ["r2"], baseline: "r3",
    settings: { smoothing: { kind: "ema", amount: 0.6 }, x: "metric:train/tokens", x_range: [1, 2.5] },
    panels: { "metric:train/löss": { y_scale: "log" } },
  };
  const { change, panel, view } = roundTrip(state, { panel: "metric:train/löss", view: "v1" });
  assert.deepEqual({ ...AUTOMATIC_VIEW, ...change }, state);
  assert.deepEqual([panel, view], ["metric:train/löss", "v1"]);
  assert.equal(written(difference(AUTOMATIC_VIEW, AUTOMATIC_VIEW)).search, "");
});

test("a long one is kept by the server, a cut one says less, and what is not ours stays", () => {
  const but = Array.from({ length: MOST_CHARACTERS / 10 }, (_, i) => `run-number-${i}`);
  assert.ok(written({ eyes: { all: true, but } }).isLong);
  assert.equal(linked("k1", { others: new URLSearchParams("tour=1&s=old") }), "?tour=1&v=k1");
  assert.deepEqual(read("?s=eyJ").change, {});
});

test("solo shows one alone and brings back what was there, also from one alone to another", () => {
  const solo = new Solo();
  const before = show(ALL, ["b"], false);
  const alone = solo.press(before, ["a"]);
  assert.deepEqual(["a", "b", "c"].map((id) => isShown(alone, id)), [true, false, false]);
  const other = solo.press(alone, ["c"]);
  assert.deepEqual(["a", "b", "c"].map((id) => isShown(other, id)), [false, false, true]);
  assert.deepEqual(solo.press(other, ["c"]), before);
});

test("an empty panel says which cause", () => {
  const told = { lines: 1, points: 0, missing: [], nan: 0, pinf: 0, ninf: 0, outside: { nonPositive: [0, 0] }, isZoomed: false };
  const spec = { metrics: ["loss"], x: "step", y_scale: "linear" };
  assert.match(noData(told, spec, 0).text, /No run is shown/);
  assert.match(noData({ ...told, missing: ["a"] }, spec, 1).text, /None of the 1 shown runs has logged loss/);
  assert.equal(noData({ ...told, isZoomed: true }, spec, 1).fix, "zoom");
  assert.match(noData({ ...told, points: 3, nan: 3 }, spec, 1).text, /NaN/);
  assert.equal(noData({ ...told, points: 3, outside: { nonPositive: [3, 3] } }, { ...spec, y_scale: "log" }, 1).fix, "linear");
  assert.equal(noData({ ...told, points: 3 }, spec, 1), null);
});
