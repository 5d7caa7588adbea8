import assert from "node:assert/strict";
import { test } from "node:test";

import { Recent } from "#js/models/recent.js";

/** A Storage of one page. */
class MemoryStorage {
  #items = new Map();
  getItem = (key) => this.#items.get(key) ?? null;
  setItem = (key, value) => this.#items.set(key, value);
}

const place = (n) => ({ kind: "project", label: `p${n}`, hint: "lab", href: `/lab/p${n}` });

test("what was opened last comes first, once", () => {
  const recent = new Recent(new MemoryStorage(), "ada");
  for (const n of [1, 2, 1]) recent.add(place(n));
  assert.deepEqual(recent.list().map((one) => one.label), ["p1", "p2"]);
});

test("eight are kept", () => {
  const recent = new Recent(new MemoryStorage(), "ada");
  for (let n = 0; n < 20; n++) recent.add(place(n));
  assert.equal(recent.list().length, 8);
  assert.equal(recent.list()[0].label, "p19");
});

test("another person on the same browser sees none of it", () => {
  const storage = new MemoryStorage();
  new Recent(storage, "ada").add(place(1));
  assert.deepEqual(new Recent(storage, "bob").list(), []);
});

test("what cannot be read counts as nothing", () => {
  const storage = new MemoryStorage();
  storage.setItem("isoline-recent-ada", "{broken");
  assert.deepEqual(new Recent(storage, "ada").list(), []);
  assert.deepEqual(new Recent(undefined, "ada").list(), []);
});
