/** A binary tile (docs/reference/rest.md, "Binary tiles") as columns: views of the answer, no object a point. */

const MAGIC = 0x544f5349; // "ISOT", little-endian

export const COLUMNS = ["x_first", "x_last", "y_first", "y_last", "y_min", "y_max", "sum", "count", "nan", "pinf", "ninf"];

/**
 * @typedef {{run: string, metric: string, kind: string, marks: number, points: number,
 *   columns: Record<string, Float64Array | Uint32Array>}} TileSeries
 * @typedef {{x: string, x_min: number | null, x_max: number | null, versions: Record<string, string>,
 *   origins?: Record<string, number>, series: TileSeries[], missing: {run: string, metric: string}[]}} Tile
 */

/**
 * @param {ArrayBuffer} buffer
 * @returns {Tile} Throws TypeError if the bytes are no tile of version 1.
 */
export function decodeTile(buffer) {
  const head = new DataView(buffer);
  if (buffer.byteLength < 12 || head.getUint32(0, true) !== MAGIC || head.getUint32(4, true) !== 1)
    throw new TypeError("These bytes are not a tile of version 1.");
  const length = head.getUint32(8, true);
  const tile = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 12, length)));
  const base = 12 + length;
  for (const series of tile.series) series.columns = columnsOf(series, buffer, base);
  return tile;
}

function columnsOf(series, buffer, base) {
  const columns = {};
  // In the order the server wrote them: a twin is named after the column it equals.
  for (const [name, told] of Object.entries(series.columns)) {
    if (Array.isArray(told)) {
      const [offset, length, type] = told;
      columns[name] = new (type === "u32" ? Uint32Array : Float64Array)(buffer, base + offset, length);
    } else if (typeof told === "string") columns[name] = columns[told.slice(1)];
    else columns[name] = new Float64Array(series.marks).fill(told);
  }
  return columns;
}
