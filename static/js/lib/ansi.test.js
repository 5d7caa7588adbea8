import assert from "node:assert/strict";
import { test } from "node:test";
import { pieces, plainText } from "#js/lib/ansi.js";

const ESC = "\x1b";
const told = (line) => pieces(line).map(({ text, classes }) => [text, classes.join(" ")]);

test("a plain line is one piece, an empty one none", () => {
  assert.deepEqual(told("loss 0.5"), [["loss 0.5", ""]]);
  assert.deepEqual(told(""), []);
});

test("colours and weights last until they are ended", () => {
  assert.deepEqual(told(`a ${ESC}[1;31merror${ESC}[22m here${ESC}[0m.`), [
    ["a ", ""],
    ["error", "ansi-bold ansi-1"],
    [" here", "ansi-1"],
    [".", ""],
  ]);
  assert.deepEqual(told(`${ESC}[92mok${ESC}[m!`), [["ok", "ansi-10"], ["!", ""]]);
});

test("of 256 the first sixteen are the theme's, the others are told by their parts", () => {
  assert.deepEqual(told(`${ESC}[38;5;4mx`), [["x", "ansi-4"]]);
  assert.equal(pieces(`${ESC}[38;5;196mx`)[0].colour, "rgb(255 0 0)");
  assert.equal(pieces(`${ESC}[48;5;244mx`)[0].ground, "rgb(128 128 128)");
});

test("a colour in three parts, and what follows it, are understood", () => {
  const [piece] = pieces(`${ESC}[38;2;10;20;999;4mx`);
  assert.equal(piece.colour, "rgb(10 20 255)");
  assert.deepEqual(piece.classes, ["ansi-underline"]);
});

test("links are shown as their text, movements and control characters not at all", () => {
  assert.equal(plainText(`${ESC}]8;;javascript:alert(1)${ESC}\\here${ESC}]8;;${ESC}\\`), "here");
  assert.equal(plainText(`${ESC}[2K${ESC}[1Gdone\u0007\r`), "done");
  assert.equal(plainText(`cut off ${ESC}`), "cut off ");
});

test("markup stays text", () => {
  assert.deepEqual(told("<b>hi</b>"), [["<b>hi</b>", ""]]);
});

test("nonsense in a colour breaks nothing", () => {
  for (const code of ["38", "38;5", "38;5;999", "48;2;1", "38;9;1;2", ";;;", "1234567"])
    assert.equal(plainText(`${ESC}[${code}mx`), "x");
  assert.deepEqual(told(`${ESC}[38;5;999mx`), [["x", ""]]);
});
