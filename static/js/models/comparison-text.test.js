import assert from "node:assert/strict";
import test from "node:test";

import { toCSV, toMarkdown } from "#js/models/comparison-text.js";

test("a bar in a value does not end its cell", () => {
  assert.equal(toMarkdown([["Key", "a|b"], ["lr", "1"]]), "| Key | a\\|b |\n| --- | --- |\n| lr | 1 |");
});

test("numbers are plain and a formula is text", () => {
  assert.equal(toCSV([["Key", "=cmd()"], ["loss", "−4.0e−4"], ["n", "27,056"]]), "Key,'=cmd()\nloss,-4.0e-4\nn,27056");
});
