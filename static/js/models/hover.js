/**
 * What is lit: the run under the pointer and the x of the crosshair. One store a page, so that a run is lit in
 * every list and every chart at once, and every chart with the same x shows the same place.
 */

/** @typedef {{run: string | null, x: number | null, axis: string | null, chart: object | null}} Lit */

const NOTHING = Object.freeze({ run: null, x: null, axis: null, chart: null });

export class Hover extends EventTarget {
  #state = NOTHING;

  /** The run that is lit, by its id. Setting it lights the run everywhere. */
  get run() {
    return this.#state.run;
  }
  set run(run) {
    this.set({ run });
  }

  /** Where the crosshair is, in units of `axis`: "step", "time", "relative" or "metric:NAME". */
  get x() {
    return this.#state.x;
  }
  get axis() {
    return this.#state.axis;
  }

  /** The chart the pointer is on; it alone shows the card. */
  get chart() {
    return this.#state.chart;
  }

  /**
   * Light something; listeners of "change" hear of it once, with the keys whose values are new.
   * @param {Partial<Lit>} change
   */
  set(change) {
    const keys = Object.keys(change).filter((key) => !Object.is(this.#state[key], change[key]));
    if (!keys.length) return;
    this.#state = Object.freeze({ ...this.#state, ...change });
    this.dispatchEvent(new CustomEvent("change", { detail: { keys } }));
  }

  clear() {
    this.set(NOTHING);
  }
}

export const hover = new Hover();
