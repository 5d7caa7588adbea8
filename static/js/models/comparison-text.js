/** A table of texts as Markdown and as CSV: what is copied from a comparison. */

import { textCell } from "#js/lib/csv.js";

/** @param {string[][]} rows the head first */
export function toMarkdown([head, ...rows]) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll(/\s+/g, " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Numbers are written as a program reads them, so that a spreadsheet does not take one for text. */
export function toCSV(rows) {
  return rows.map((cells) => cells.map((cell) => csvCell(cell)).join(",")).join("\n");
}

function csvCell(text) {
  const plain = text.replace("−", "-").replaceAll(",", "").replace("e−", "e-");
  return /^-?\d+(\.\d+)?(e-?\d+)?$/.test(plain) ? plain : textCell(text);
}
