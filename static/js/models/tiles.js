/**
 * Tiles for all charts of a page. Questions asked in the same moment become few: those that differ only in
 * their metrics travel together. Lines are kept, newest used last, up to a bound in bytes.
 */

import { decodeTile } from "#js/lib/binary.js";
import { request } from "#js/lib/api.js";

/** Of the server: a call answers at most so many series, and so many pixels over all of them. */
const MOST_SERIES = 1000;
const MOST_PIXELS = 2_000_000;
/** Questions of fewer series let the first charts appear before the last are read. */
const WANTED_SERIES = 400;
const GATHERED_MS = 4;
const MOST_BYTES = 96 * 2 ** 20;
const BINARY = "application/vnd.isoline.tile";
const COLUMNS = ["x_first", "x_last", "y_min", "y_max", "sum", "count", "nan", "pinf", "ninf"];

/**
 * @typedef {{runs: string[], metrics: string[], x: string, range: [number, number] | null, pixels: number,
 *   isFresh?: boolean}} Question isFresh: ask the server even for what is held
 * @typedef {{columns: Record<string, ArrayLike<number>> | null, kind: string, version: string, origin: number | null}} Line
 *   columns: null if the run has no point of the metric in the range; origin: µs at which relative time begins
 */

/** How lines are named in answers. */
export const lineKey = (run, metric) => `${run} ${metric}`;

/** How many batches a version counts: "12-3" is 12. Batches only ever grow. */
export const batchesOf = (version) => Number.parseInt(version, 10) || 0;

/** A width as it is asked for: a chart that grows by three pixels asks nothing new. */
export const askedPixels = (width) => Math.max(64, Math.min(8192, Math.ceil(width / 64) * 64));

/** The x of a panel's spec as the server names it. */
export const serverX = (x) => (x.startsWith("metric:") ? x.slice(7) : x);

export class Tiles {
  #post;
  #mostBytes;
  #bytes = 0;
  /** @type {Map<string, Line & {etag: string, bytes: number, run: string}>} least recently used first */
  #held = new Map();
  #newest = new Map();
  #waiting = [];

  /** @param {{post?: typeof ask, mostBytes?: number}} [options] */
  constructor({ post = ask, mostBytes = MOST_BYTES } = {}) {
    this.#post = post;
    this.#mostBytes = mostBytes;
  }

  get bytes() {
    return this.#bytes;
  }

  /**
   * @param {Question} question
   * @param {AbortSignal} [signal]
   * @returns {Promise<Map<string, Line>>} by `lineKey`. Rejects with ApiError, or AbortError if aborted.
   */
  ask(question, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const asker = { question, signal, resolve, reject };
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      if (!this.#waiting.length) setTimeout(() => this.#send(), GATHERED_MS);
      this.#waiting.push(asker);
    });
  }

  /** A run has news: lines of an older version are no longer answered without asking. */
  outdate(run, version) {
    const batches = batchesOf(version);
    if (batches > (this.#newest.get(run) ?? -1)) this.#newest.set(run, batches);
  }

  #send() {
    const groups = new Map();
    for (const asker of this.#waiting) {
      if (asker.signal?.aborted) continue;
      const { runs, x, range, pixels, isFresh } = asker.question;
      const key = JSON.stringify([runs, x, range, pixels, Boolean(isFresh)]);
      groups.set(key, [...(groups.get(key) ?? []), asker]);
    }
    this.#waiting = [];
    for (const askers of groups.values()) this.#sendGroup(askers);
  }

  #sendGroup(askers) {
    const { question } = askers[0];
    const pending = new Map();
    const metrics = [...new Set(askers.flatMap((asker) => asker.question.metrics))];
    for (const runs of slices(question.runs, Math.min(MOST_SERIES, Math.floor(MOST_PIXELS / question.pixels)))) {
      const most = Math.max(1, Math.floor(Math.min(WANTED_SERIES, MOST_PIXELS / question.pixels) / runs.length));
      const missing = metrics.filter((metric) => question.isFresh || runs.some((run) => !this.#usable(question, run, metric)));
      for (const some of slices(missing, most)) {
        const wanting = askers.filter((asker) => asker.question.metrics.some((metric) => some.includes(metric)));
        const answer = this.#question({ ...question, runs, metrics: some }, allAborted(wanting));
        for (const metric of some) pending.set(metric, [...(pending.get(metric) ?? []), answer]);
      }
    }
    for (const asker of askers) {
      const wanted = [...new Set(asker.question.metrics.flatMap((metric) => pending.get(metric) ?? []))];
      Promise.all(wanted).then((answers) => asker.resolve(this.#collected(asker.question, answers)), asker.reject);
    }
  }

  /** The lines of a question: from the answers, else of what is held. */
  #collected(question, answers) {
    const lines = new Map();
    for (const run of question.runs)
      for (const metric of question.metrics) {
        const name = lineKey(run, metric);
        const line = answers.find((answer) => answer.has(name))?.get(name) ?? this.#touch(heldKey(question, run, metric));
        if (line) lines.set(name, line);
      }
    return lines;
  }

  async #question(question, signal) {
    const { runs, metrics, x, range, pixels } = question;
    const names = runs.flatMap((run) => metrics.map((metric) => [run, metric, heldKey(question, run, metric)]));
    const etag = this.#commonEtag(names.map(([, , key]) => key));
    const body = {
      runs,
      metrics,
      x: serverX(x),
      x_min: range?.[0] ?? null,
      x_max: range?.[1] ?? null,
      pixels,
      columns: COLUMNS,
      format: "binary",
    };
    const answer = await this.#post(body, { signal, etag });
    const lines = new Map();
    if (answer === null) {
      for (const [run, metric, key] of names) lines.set(lineKey(run, metric), this.#touch(key));
      return lines;
    }
    const { tile } = answer;
    for (const [run, metric] of names) lines.set(lineKey(run, metric), lineOf(tile, run, null));
    for (const series of tile.series) lines.set(lineKey(series.run, series.metric), lineOf(tile, series.run, series));
    for (const [run, metric, key] of names) this.#keep(key, run, lines.get(lineKey(run, metric)), answer.etag);
    return lines;
  }

  #usable(question, run, metric) {
    const held = this.#held.get(heldKey(question, run, metric));
    return held !== undefined && batchesOf(held.version) >= (this.#newest.get(run) ?? 0);
  }

  #commonEtag(keys) {
    const etag = this.#held.get(keys[0])?.etag;
    return etag && keys.every((key) => this.#held.get(key)?.etag === etag) ? etag : undefined;
  }

  #touch(key) {
    const held = this.#held.get(key);
    if (held) {
      this.#held.delete(key);
      this.#held.set(key, held);
    }
    return held;
  }

  #keep(key, run, line, etag) {
    this.#bytes -= this.#held.get(key)?.bytes ?? 0;
    this.#held.delete(key);
    const bytes = 256 + Object.values(line.columns ?? {}).reduce((sum, column) => sum + column.byteLength, 0);
    this.#held.set(key, { ...line, etag, bytes, run });
    this.#bytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#held) {
      if (this.#bytes <= this.#mostBytes) break;
      this.#held.delete(oldest);
      this.#bytes -= freed;
    }
  }
}

const heldKey = ({ x, range, pixels }, run, metric) => `${x} ${range ?? "all"} ${pixels} ${run} ${metric}`;

function lineOf(tile, run, series) {
  return {
    columns: series?.columns ?? null,
    kind: series?.kind ?? "f64",
    version: tile.versions[run] ?? "0-0",
    origin: tile.origins?.[run] ?? null,
  };
}

/** A signal that aborts once every asker has: what one chart no longer wants another may. */
function allAborted(askers) {
  if (askers.some((asker) => !asker.signal)) return undefined;
  const all = new AbortController();
  const check = () => {
    if (askers.every((asker) => asker.signal.aborted)) all.abort();
  };
  for (const asker of askers) asker.signal.addEventListener("abort", check, { once: true });
  check();
  return all.signal;
}

function* slices(list, size) {
  for (let start = 0; start < list.length; start += size) yield list.slice(start, start + size);
}

/** @returns {Promise<{tile: import("#js/lib/binary.js").Tile, etag: string} | null>} null: what is held is still right. */
async function ask(body, { signal, etag }) {
  try {
    const response = await request("POST", "/tiles", { body, signal, accept: BINARY, etag });
    return { tile: decodeTile(await response.arrayBuffer()), etag: response.headers.get("ETag") ?? "" };
  } catch (failure) {
    if (failure.status === 304) return null;
    throw failure;
  }
}

export const tiles = new Tiles();
