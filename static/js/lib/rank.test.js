import assert from "node:assert/strict";
import { test } from "node:test";

import { rank, ranked } from "#js/lib/rank.js";

test("the beginning of a label is better than the beginning of a word, that than the middle, that than letters", () => {
  const fits = ["Dark theme", "Go dark", "Undarkened", "Database rack"].map((label) => rank("dark", label));
  assert.deepEqual([...fits].sort((a, b) => b - a), fits);
  assert.ok(fits[3] > 0);
});

test("every word must fit", () => {
  assert.equal(rank("dark horse", "Dark theme"), 0);
  assert.ok(rank("theme dark", "Dark theme") > 0);
});

test("nothing typed keeps everything in its order", () => {
  const items = ["b", "a"];
  assert.deepEqual(ranked("  ", items, (item) => item), items);
});

test("of two that fit alike the shorter comes first", () => {
  assert.deepEqual(
    ranked("set", ["Settings of the project", "Settings"], (item) => item),
    ["Settings", "Settings of the project"],
  );
});
