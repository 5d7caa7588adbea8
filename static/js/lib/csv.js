/** Comma-separated values that a spreadsheet shows and does not run. */

/** A text as a cell: what would begin a formula gets an apostrophe before it, what holds a separator gets quotes. */
export function textCell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * Puts the same cells before every row of a CSV that comes in pieces; its header is told apart from its rows.
 */
export class Prefixed {
  #prefix;
  #rest = "";
  #header = null;

  /** @param {string[]} cells ready to be written */
  constructor(cells) {
    this.#prefix = cells.map((cell) => `${cell},`).join("");
  }

  /** The header line; null until it has come. */
  get header() {
    return this.#header;
  }

  /** @returns {string} the whole rows that have come so far */
  push(text) {
    this.#rest += text;
    if (this.#header === null) {
      const end = endOfRow(this.#rest);
      if (end < 0) return "";
      this.#header = this.#rest.slice(0, end).replace(/\r$/, "");
      this.#rest = this.#rest.slice(end + 1);
    }
    const end = this.#rest.lastIndexOf("\n");
    if (end < 0) return "";
    const rows = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return rows
      .split("\n")
      .filter((row) => row.trim())
      .map((row) => `${this.#prefix}${row.replace(/\r$/, "")}\n`)
      .join("");
  }

  /** What was left without a line's end. */
  end() {
    return this.#rest.trim() ? this.push("\n") : "";
  }
}

/** A name in the header may hold a line's end in quotes. */
function endOfRow(text) {
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') isQuoted = !isQuoted;
    else if (text[at] === "\n" && !isQuoted) return at;
  }
  return -1;
}
