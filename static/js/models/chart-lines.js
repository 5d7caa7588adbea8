/**
 * The lines of one chart: asks for their tiles, keeps the coarse one under the finer, puts in points as they
 * arrive, reads again where some are missing. Knows nothing of how they are drawn.
 */

import { Series, over } from "#js/models/series.js";
import { batchesOf, lineKey, serverX, tiles as pageTiles } from "#js/models/tiles.js";
import { live as pageLive } from "#js/models/live.js";

/** Readings that live news ask for are at least so far apart. */
const REREAD_MS = 1000;

/**
 * @typedef {{id: string, name: string, colour: string, live?: boolean, dash?: boolean}} Run
 * @typedef {{spec: object, runs: Run[], range: [number, number] | null, pixels: number, isVisible: boolean}} Shown
 */

/** One line: a metric of a run. */
export class Line {
  /** What is drawn: the coarse marks with the finer ones in their place. */
  drawn = new Series();
  coarse = null;
  fine = null;
  version = "";
  origin = null;
  kind = "f64";
  isMissing = false;
  /** A reading is on its way: which, and what has arrived since it was asked for. */
  asking = { coarse: null, fine: null };
  arrived = [];
  wanted = 0;

  constructor(run, metric) {
    this.key = lineKey(run.id, metric);
    this.run = run;
    this.metric = metric;
  }

  get isLoaded() {
    return this.coarse !== null || this.fine !== null;
  }

  compose() {
    const { coarse, fine } = this;
    const next = coarse && fine ? over(coarse.series, fine.series) : (fine ?? coarse)?.series;
    if (next && next !== this.drawn) {
      next.revision += this.drawn.revision + 1;
      this.drawn = next;
    }
  }

  insert(x, y) {
    for (const series of new Set([this.coarse?.series, this.drawn])) series?.insert(x, y);
  }

  /** Whether what is held shows a range as finely as the server could. */
  isFineIn([min, max], pixels) {
    const { fine, coarse } = this;
    if (fine && fine.range[0] <= min && fine.range[1] >= max)
      if ((fine.range[1] - fine.range[0]) / fine.pixels <= ((max - min) / pixels) * 1.05) return true;
    return coarse !== null && isExactIn(coarse.series, min, max);
  }
}

function isExactIn(series, min, max) {
  for (let at = Math.max(0, series.firstAt(min) - 1); at < series.length; at++) {
    if (series.count[at] > 1) return false;
    if (series.x_first[at] > max) break;
  }
  return true;
}

/** Events: "change" when there is something else to draw; "failed" with the error. */
export class ChartLines extends EventTarget {
  #tiles;
  #live;
  /** @type {Map<string, Line>} */
  #lines = new Map();
  #shown = { spec: null, runs: [], range: null, pixels: 0, isVisible: false };
  #subscriptions = new Map();
  #fineAsked = null;
  #reread = 0;
  #rereadAt = 0;

  constructor({ tiles = pageTiles, live = pageLive } = {}) {
    super();
    this.#tiles = tiles;
    this.#live = live;
  }

  /** In drawing order. */
  get lines() {
    return [...this.#lines.values()];
  }

  get isLoading() {
    return this.lines.some((line) => !line.isLoaded);
  }

  /** Say what is to be shown; what that needs is asked for. @param {Partial<Shown>} change */
  show(change) {
    const before = this.#shown;
    this.#shown = { ...before, ...change };
    const { spec, isVisible } = this.#shown;
    if (!spec) return;
    if (before.spec?.x !== spec.x) this.#lines.clear();
    this.#arrange();
    if (isVisible) this.#read();
    this.#subscribe();
  }

  /** Stop all: nothing is asked, followed or told any more. */
  end() {
    for (const { stop } of this.#subscriptions.values()) stop();
    this.#subscriptions.clear();
    clearTimeout(this.#reread);
    this.#reread = 0;
    this.#fineAsked?.asked.abort();
    for (const line of this.#lines.values()) line.asking.coarse?.abort();
    this.#shown = { ...this.#shown, isVisible: false };
  }

  #arrange() {
    const { spec, runs } = this.#shown;
    const next = new Map();
    for (const run of runs)
      for (const metric of spec.metrics) {
        const line = this.#lines.get(lineKey(run.id, metric)) ?? new Line(run, metric);
        line.run = run;
        next.set(line.key, line);
      }
    for (const [key, line] of this.#lines) if (!next.has(key)) line.asking.coarse?.abort();
    this.#lines = next;
  }

  #read() {
    const { range, pixels } = this.#shown;
    if (!pixels) return;
    const coarse = this.lines.filter((line) => !line.asking.coarse && (line.coarse?.pixels ?? 0) < pixels);
    this.#ask("coarse", coarse, { range: null });
    if (!range) return;
    const fine = this.lines.filter((line) => line.coarse && !line.isFineIn(range, pixels));
    const unread = this.lines.filter((line) => !line.coarse);
    this.#ask("fine", [...unread, ...fine], { range });
  }

  #ask(kind, lines, { range, isFresh = false }) {
    const asked = new AbortController();
    if (kind === "fine") {
      const key = JSON.stringify([range, this.#shown.pixels, lines.map((line) => line.key)]);
      if (this.#fineAsked?.key === key && !isFresh) return;
      this.#fineAsked?.asked.abort();
      this.#fineAsked = lines.length ? { key, asked } : null;
    }
    if (lines.length) this.#receive(kind, lines, { range, isFresh }, asked);
  }

  async #receive(kind, lines, { range, isFresh }, asked) {
    const { spec, pixels } = this.#shown;
    for (const line of lines) {
      line.asking[kind] = asked;
      if (kind === "coarse") line.arrived = [];
    }
    try {
      const answers = await this.#tiles.ask(
        {
          runs: [...new Set(lines.map((line) => line.run.id))],
          metrics: [...new Set(lines.map((line) => line.metric))],
          x: spec.x,
          range,
          pixels,
          isFresh: isFresh || lines.some((line) => line.run.live && !line.isLoaded),
        },
        asked.signal,
      );
      for (const line of lines) {
        if (line.asking[kind] !== asked) continue;
        line.asking[kind] = null;
        this.#take(kind, line, answers.get(line.key), { range, pixels });
      }
    } catch (failure) {
      for (const line of lines) if (line.asking[kind] === asked) line.asking[kind] = null;
      if (asked.signal.aborted) return;
      this.dispatchEvent(new CustomEvent("failed", { detail: failure }));
      return;
    }
    if (this.#fineAsked?.asked === asked) this.#fineAsked = null;
    this.dispatchEvent(new CustomEvent("change"));
    // A range may have been chosen meanwhile, and only now is it known where single points are left.
    if (kind === "coarse" && this.#shown.isVisible) this.#read();
  }

  #take(kind, line, answer, { range, pixels }) {
    if (!answer) return;
    line[kind] = { series: new Series(answer.columns ?? {}), range, pixels };
    line.kind = answer.kind;
    line.origin = answer.origin ?? line.origin;
    if (kind === "coarse") {
      line.version = answer.version;
      line.isMissing = answer.columns === null;
    }
    line.compose();
    for (const [x, y] of line.arrived) line.insert(x, y);
    line.drawn.inserted = line.arrived.length;
    if (kind === "coarse" && batchesOf(answer.version) < line.wanted) this.#rereadSoon();
  }

  // --- live -------------------------------------------------------------------------------------

  #subscribe() {
    const { spec, isVisible, runs } = this.#shown;
    const wanted = new Map();
    if (isVisible) for (const run of runs) if (run.live) wanted.set(run.id, JSON.stringify([spec.metrics, spec.x]));
    for (const [run, { key, stop }] of this.#subscriptions)
      if (wanted.get(run) !== key) {
        stop();
        this.#subscriptions.delete(run);
      }
    const metrics = spec.x.startsWith("metric:") ? [...spec.metrics, serverX(spec.x)] : spec.metrics;
    for (const [run, key] of wanted) {
      if (this.#subscriptions.has(run)) continue;
      const stop = this.#live.subscribe(run, metrics, {
        onPoints: (groups) => this.#insert(run, groups),
        onChanged: (news) => this.#changed(run, news),
      });
      this.#subscriptions.set(run, { key, stop });
    }
  }

  #insert(run, groups) {
    const { spec, pixels } = this.#shown;
    let isNew = false;
    for (const group of groups)
      for (const column of group.columns) {
        const line = this.#lines.get(lineKey(run, column.metric));
        const xs = line && xsOf(group, spec.x, line);
        // Where its time begins comes with a tile; one that is asked for now has these points too.
        if (line && !xs && spec.x === "relative") this.#rereadSoon();
        if (!xs) continue;
        for (let at = 0; at < xs.length; at++) {
          const [x, y] = [numberOf(xs[at]), numberOf(column.values[at])];
          if (line.asking.coarse || line.asking.fine) line.arrived.push([x, y]);
          line.insert(x, y);
        }
        line.isMissing = false;
        isNew = true;
        if (line.drawn.inserted > Math.max(500, pixels)) this.#rereadSoon();
      }
    if (isNew) this.dispatchEvent(new CustomEvent("change"));
  }

  #changed(run, { version, mustRead }) {
    this.#tiles.outdate(run, version);
    const lines = this.lines.filter((line) => line.run.id === run);
    for (const line of lines) line.wanted = Math.max(line.wanted, batchesOf(version));
    if (mustRead || lines.some((line) => line.isLoaded && batchesOf(line.version) < line.wanted)) this.#rereadSoon();
  }

  #rereadSoon() {
    this.#reread ||= setTimeout(
      () => {
        this.#reread = 0;
        this.#rereadAt = Date.now();
        this.#readAgain();
      },
      Math.max(50, this.#rereadAt + REREAD_MS - Date.now()),
    );
  }

  #readAgain() {
    const { range, isVisible } = this.#shown;
    if (!isVisible) return;
    const lines = this.lines.filter((line) => line.run.live || batchesOf(line.version) < line.wanted);
    this.#ask("coarse", lines, { range: null, isFresh: true });
    if (range) this.#ask("fine", lines, { range, isFresh: true });
  }
}

/** The x of each row of a group; null if the group does not have it. */
function xsOf(group, x, line) {
  if (x === "step") return group.step;
  if (x === "time") return group.time;
  if (x === "relative") return line.origin === null ? null : group.time.map((us) => us - line.origin);
  return group.columns.find(({ metric }) => metric === serverX(x))?.values ?? null;
}

const WORDS = { NaN, Infinity, "-Infinity": -Infinity };
const numberOf = (v) => (typeof v === "string" ? (WORDS[v] ?? NaN) : Number(v));
