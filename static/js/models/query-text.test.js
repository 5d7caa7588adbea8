import assert from "node:assert/strict";
import { test } from "node:test";
import { asNameSearch, completed, parts, remembered } from "#js/models/query-text.js";

const kinds = (text) => parts(text).filter(({ kind }) => kind !== "space").map(({ text, kind }) => `${text}:${kind}`);

test("a query falls into fields, words and values", () => {
  assert.deepEqual(kinds('min(metrics.val/loss) <= 0.3 and tags has "a b"'), [
    "min:field", "(:mark", "metrics.val/loss:field", "):mark", "<=:word", "0.3:value", "and:word", "tags:field",
    "has:word", '"a b":value',
  ]);
});

test("a quoted key of a path is a part of the field", () => {
  assert.deepEqual(kinds('config."a b" = -1e-3'), ["config.:field", '"a b":field', "=:word", "-1e-3:value"]);
});

test("no character is lost, whatever is typed", () => {
  for (const text of ['"open', "a \u0000 ! b", "`x", "((", "日本 = 'é'", ""])
    assert.equal(parts(text).map((part) => part.text).join(""), text);
});

test("bare words look for names", () => {
  assert.equal(asNameSearch("  sgd lr0.1 "), 'name contains "sgd lr0.1"');
  assert.equal(asNameSearch('say "x"'), 'name contains "say \\"x\\""');
  assert.equal(asNameSearch("config.lr = 1"), null);
  assert.equal(asNameSearch(""), null);
});

test("a completion replaces what was typed and leaves room for what follows", () => {
  assert.deepEqual(completed("conf", { start: 0, end: 4 }, { text: "config.lr" }), { text: "config.lr ", at: 10 });
  assert.deepEqual(completed("(a)", { start: 1, end: 2 }, { text: "name" }), { text: "(name)", at: 5 });
  assert.equal(completed("m", { start: 0, end: 1 }, { text: "metrics." }).text, "metrics.");
});

test("history holds each query once, the newest first", () => {
  assert.deepEqual(remembered(["b", "a"], "a"), ["a", "b"]);
  assert.deepEqual(remembered(["a"], " "), ["a"]);
  assert.equal(remembered(Array.from({ length: 20 }, (_, i) => `${i}`), "new").length, 20);
});
