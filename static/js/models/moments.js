/** When a step was logged: asked once it is wanted, one answer a point, kept while the page lives. */

import { getJSON } from "#js/lib/api.js";

const WAIT_MS = 120;
const MOST_KEPT = 2000;

/** Event "change" when an answer has come. */
export class Moments extends EventTarget {
  #known = new Map();
  #wanted = new Map();
  #timer = 0;

  /** @returns {number | null} µs; null while it is not known, which asks for it */
  of(run, metric, step) {
    const key = `${run} ${metric} ${step}`;
    if (this.#known.has(key)) return this.#known.get(key);
    this.#wanted.set(key, { run, metric, step });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), WAIT_MS);
    return null;
  }

  async #ask() {
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    await Promise.all(wanted.map(([key, point]) => this.#askOne(key, point)));
    this.dispatchEvent(new CustomEvent("change"));
  }

  async #askOne(key, { run, metric, step }) {
    const query = new URLSearchParams({ metric, x_min: step, x_max: step });
    try {
      const { series } = await getJSON(`/runs/${run}/history?${query}`);
      this.#known.set(key, series[0]?.time[0] ?? null);
    } catch {
      // A detail of a card: it is left out, and asked for again when it is next wanted.
    }
    if (this.#known.size > MOST_KEPT) this.#known.delete(this.#known.keys().next().value);
  }
}

export const moments = new Moments();
