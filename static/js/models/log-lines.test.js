import assert from "node:assert/strict";
import { test } from "node:test";
import { LogLines } from "#js/models/log-lines.js";

/** A server of so many lines; `asked` holds the addresses. */
function server(total) {
  const asked = [];
  const state = { total };
  const ask = async (path) => {
    asked.push(path);
    const query = new URL(path, "http://x").searchParams;
    const limit = Number(query.get("limit"));
    const first = Number(query.get("line")) || Math.max(1, state.total - limit + 1);
    const count = Math.max(0, Math.min(limit, state.total - first + 1));
    return { lines: Array.from({ length: count }, (_, i) => ({ text: `line ${first + i}` })), first, total: state.total };
  };
  return { ask, asked, state };
}

const changed = (lines) => new Promise((resolve) => lines.addEventListener("change", resolve, { once: true }));

test("the end is there at once, what is before it is read when it is looked at", async () => {
  const { ask, asked } = server(1200);
  const lines = new LogLines("r", ask);
  await lines.readEnd();
  assert.equal(lines.total, 1200);
  assert.equal(lines.at(1200).text, "line 1200");
  assert.equal(lines.at(3), undefined);
  await changed(lines);
  assert.equal(lines.at(3).text, "line 3");
  assert.equal(asked.length, 2);
});

test("new lines join those that are held", async () => {
  const { ask, state } = server(10);
  const lines = new LogLines("r", ask);
  await lines.readEnd();
  state.total = 12;
  await lines.readEnd();
  assert.equal(lines.at(12).text, "line 12");
});

test("a page that could not be read is asked for again", async () => {
  const { ask } = server(1200);
  let fails = true;
  const lines = new LogLines("r", (path) => (fails && path.includes("line=") ? Promise.reject(new Error()) : ask(path)));
  await lines.readEnd();
  lines.at(1);
  await new Promise((resolve) => setTimeout(resolve));
  fails = false;
  lines.at(1);
  await changed(lines);
  assert.equal(lines.at(1).text, "line 1");
});
