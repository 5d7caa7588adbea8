/** The text of a query as an editor sees it: its parts, for colouring, and what Enter makes of a bare word. */

/** @typedef {{text: string, start: number, kind: "field" | "word" | "value" | "mark" | "space"}} Part */

const PART = /\s+|"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|`[^`]*`?|[<>=!]=?|[(),]|[^\s"'`<>=!(),]+/gy;
const WORDS = new Set(["and", "or", "not", "in", "has", "is", "null", "contains", "like", "ilike", "matches"]);
const VALUES = /^(?:[+-]?(?:\d|\.\d)|true$|false$|now$|nan$|-?inf$)/i;

/** @returns {Part[]} every character is in one of them, in order */
export function parts(text) {
  const found = [];
  PART.lastIndex = 0;
  while (PART.lastIndex < text.length) {
    const start = PART.lastIndex;
    const match = PART.exec(text);
    const part = match ? match[0] : text.slice(start, start + 1);
    if (!match) PART.lastIndex = start + 1;
    found.push({ text: part, start, kind: kindOf(part, found) });
  }
  return found;
}

function kindOf(part, before) {
  if (/^\s/.test(part)) return "space";
  if (WORDS.has(part.toLowerCase())) return "word";
  if (/^[<>=!]/.test(part)) return "word";
  if (/^[(),]/.test(part)) return "mark";
  if (/^["'`]/.test(part)) return before.at(-1)?.text.endsWith(".") ? "field" : "value";
  return VALUES.test(part) ? "value" : "field";
}

/**
 * Words without an operator are looked for in the names of runs.
 * @returns {string | null} the query that does, or null where the text is a query already
 */
export function asNameSearch(text) {
  const found = parts(text.trim()).filter(({ kind }) => kind !== "space");
  if (!found.length || found.some(({ kind }) => kind === "word" || kind === "mark")) return null;
  const words = text.trim().replace(/^["'](.*)["']$/, "$1");
  return `name contains "${words.replace(/(["\\])/g, "\\$1")}"`;
}

/**
 * Put a completion in its place.
 * @param {string} text
 * @param {{start: number, end: number}} place
 * @param {{kind: string, text: string}} option
 * @returns {{text: string, at: number}} with where the cursor is then
 */
export function completed(text, { start, end }, option) {
  const goesOn = option.text.endsWith(".") || option.text === "(";
  const rest = text.slice(end);
  const gap = goesOn || /^[\s),]/.test(rest) ? "" : " ";
  const before = text.slice(0, start) + option.text + gap;
  return { text: before + rest, at: before.length };
}

/** The newest first, each once, no more than `most`. */
export const remembered = (history, query, most = 20) =>
  query.trim() ? [query, ...history.filter((each) => each !== query)].slice(0, most) : history;
