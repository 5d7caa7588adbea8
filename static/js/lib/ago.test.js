import assert from "node:assert/strict";
import { test } from "node:test";

import { ago } from "#js/lib/ago.js";

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const S = 1000;
const DAY = 86_400 * S;

// The same pairs as in tests/web/test_moments.py.
const SAID = [
  [0, "just now"],
  [-30 * S, "just now"],
  [4 * S, "just now"],
  [5 * S, "5 s ago"],
  [59 * S, "59 s ago"],
  [60 * S, "1 min ago"],
  [3599 * S, "59 min ago"],
  [3600 * S, "1 h ago"],
  [DAY - S, "23 h ago"],
  [DAY, "yesterday"],
  [2 * DAY, "2 days ago"],
  [14 * DAY - S, "13 days ago"],
  [14 * DAY, "9 Nov"],
  [400 * DAY, "19 Oct 2025"],
];

for (const [age, words] of SAID) {
  test(`${age / S} s is said as "${words}"`, () => assert.equal(ago(NOW - age, NOW), words));
}
