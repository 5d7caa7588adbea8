/** How far a chart is zoomed in, and what it was before. */

/** Turns of a wheel that follow one another so closely are one step back. */
const ONE_STEP_MS = 700;
const MOST_STEPS = 100;

/** @typedef {{x: [number, number] | null, y: [number, number] | null}} Ranges null: all there is */

/** @type {Ranges} */
const ALL = Object.freeze({ x: null, y: null });

export class Zoom {
  /** @type {Ranges[]} */
  #past = [];
  #steadyAt = -Infinity;
  /** @type {Ranges} */
  current = ALL;

  get isZoomed() {
    return this.current.x !== null || this.current.y !== null;
  }

  /**
   * @param {Partial<Ranges>} ranges what is left out stays
   * @param {{isSteady?: boolean, now?: number}} [how] isSteady: one of many small moves in a row
   */
  to(ranges, { isSteady = false, now = Date.now() } = {}) {
    const isSameMove = isSteady && now - this.#steadyAt < ONE_STEP_MS;
    this.#steadyAt = isSteady ? now : -Infinity;
    if (!isSameMove) this.#past.push(this.current);
    if (this.#past.length > MOST_STEPS) this.#past.shift();
    this.current = { ...this.current, ...ranges };
  }

  /** One zoom back; false if there is none. */
  back() {
    this.#steadyAt = -Infinity;
    if (!this.#past.length) return false;
    this.current = this.#past.pop();
    return true;
  }

  /** Show all; that can be taken back as well. False if all is shown. */
  reset() {
    if (!this.isZoomed) return false;
    this.to(ALL);
    return true;
  }

  /** Somebody else says what is shown: no step of this chart's own. */
  follow(ranges) {
    this.current = ranges;
  }
}

export const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);
