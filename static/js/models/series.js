/**
 * One line's marks, sorted by x: those of a tile, with points that arrived since put in where they belong.
 * Columns in step, no object a mark; they grow by half when full.
 */

export const MARK_COLUMNS = ["x_first", "x_last", "y_min", "y_max", "sum", "count", "nan", "pinf", "ninf"];
const MARK_BYTES = MARK_COLUMNS.length * 8;

export class Series {
  /** How many marks. Columns may be longer than that. */
  length = 0;
  /** How many points were put in since the tile was read. */
  inserted = 0;
  /** Grows with every change: whoever derived something knows that it is old. */
  revision = 0;
  #isOwn = false;

  /** @param {Record<string, ArrayLike<number>>} columns of a tile, sorted by (x_first, x_last) */
  constructor(columns = {}) {
    for (const name of MARK_COLUMNS) this[name] = columns[name] ?? new Float64Array(0);
    this.length = this.x_first.length;
  }

  get bytes() {
    return this.x_first.length * MARK_BYTES;
  }

  /** The points the marks stand for. */
  get points() {
    return total(this.count, this.length);
  }

  /** The mean of a mark's finite values; NaN if it has none. */
  y(mark) {
    const finite = this.count[mark] - this.nan[mark] - this.pinf[mark] - this.ninf[mark];
    return finite > 0 ? this.sum[mark] / finite : NaN;
  }

  /** The middle of a mark. */
  x(mark) {
    return this.x_first[mark] + (this.x_last[mark] - this.x_first[mark]) / 2;
  }

  /** The first mark that ends at x or after it; `length` if there is none. */
  firstAt(x) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x_last[middle] < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The mark nearest to x; -1 if there is none. */
  nearest(x) {
    if (!this.length) return -1;
    const after = Math.min(this.firstAt(x), this.length - 1);
    if (after === 0) return 0;
    const before = after - 1;
    return this.x_first[after] <= x || this.x_first[after] - x < x - this.x_last[before] ? after : before;
  }

  /**
   * Put a point where it belongs. A point that is told twice draws what it drew: inside a mark of several points
   * only the extremes can change, at the place of a single one an equal value is known.
   */
  insert(x, y) {
    if (Number.isNaN(x)) return;
    this.revision++;
    let at = this.firstAt(x);
    if (at < this.length && this.x_first[at] <= x) {
      if (this.#isIn(at, x, y)) return;
      if (this.x_first[at] < this.x_last[at] || this.count[at] > 1) return this.#widen(at, y);
      while (at < this.length && this.x_last[at] === x) {
        if (this.#isIn(at, x, y)) return;
        at++;
      }
    }
    this.inserted++;
    this.#openAt(at);
    this.x_first[at] = this.x_last[at] = x;
    this.#fill(at, y);
  }

  #isIn(at, x, y) {
    return this.count[at] === 1 && this.x_first[at] === x && (this.y(at) === y || (y !== y && this.nan[at] === 1));
  }

  #widen(at, y) {
    this.#own();
    if (!Number.isFinite(y)) {
      const column = nonFinite(y);
      this[column][at] = Math.max(1, this[column][at]);
      return;
    }
    this.y_min[at] = Math.min(Number.isNaN(this.y_min[at]) ? y : this.y_min[at], y);
    this.y_max[at] = Math.max(Number.isNaN(this.y_max[at]) ? y : this.y_max[at], y);
  }

  #fill(at, y) {
    const isFinite = Number.isFinite(y);
    this.y_min[at] = this.y_max[at] = isFinite ? y : NaN;
    this.sum[at] = isFinite ? y : 0;
    this.count[at] = 1;
    this.nan[at] = this.pinf[at] = this.ninf[at] = 0;
    if (!isFinite) this[nonFinite(y)][at] = 1;
  }

  #openAt(at) {
    this.#own();
    if (this.length === this.x_first.length) this.#grow(Math.max(64, Math.ceil(this.length * 1.5)));
    if (at < this.length)
      for (const name of MARK_COLUMNS) this[name].copyWithin(at + 1, at, this.length);
    this.length++;
  }

  /** Columns of a tile are shared with the store and with one another: they are copied before the first change. */
  #own() {
    if (this.#isOwn) return;
    this.#isOwn = true;
    this.#grow(Math.max(64, this.length));
  }

  #grow(capacity) {
    for (const name of MARK_COLUMNS) {
      const longer = new Float64Array(capacity);
      longer.set(this[name]);
      this[name] = longer;
    }
  }
}

/**
 * The finer marks where there are some, the coarse ones left and right of them: a chart that was moved out of
 * the finer tile's range still has something to draw.
 * @param {Series} coarse
 * @param {Series} fine
 */
export function over(coarse, fine) {
  if (!fine.length) return coarse;
  const left = coarse.firstAt(fine.x_first[0]);
  const rightFrom = fine.x_last[fine.length - 1];
  let right = coarse.firstAt(rightFrom);
  while (right < coarse.length && coarse.x_first[right] <= rightFrom) right++;
  const columns = {};
  for (const name of MARK_COLUMNS) {
    const joined = new Float64Array(left + fine.length + coarse.length - right);
    joined.set(coarse[name].subarray(0, left));
    joined.set(fine[name].subarray(0, fine.length), left);
    joined.set(coarse[name].subarray(right, coarse.length), left + fine.length);
    columns[name] = joined;
  }
  return new Series(columns);
}

const nonFinite = (y) => (Number.isNaN(y) ? "nan" : y > 0 ? "pinf" : "ninf");

function total(column, length) {
  let sum = 0;
  for (let at = 0; at < length; at++) sum += column[at];
  return sum;
}
