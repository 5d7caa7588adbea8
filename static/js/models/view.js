/**
 * The view: which runs, which panels, which x, how smooth, how far zoomed in. One store a page; whatever
 * changes it calls `update`, whatever shows it listens for "change". The URL says the same.
 */

/** @typedef {{[key: string]: unknown}} ViewState plain JSON */

export class View extends EventTarget {
  #state;

  /** @param {ViewState} state what the page starts with */
  constructor(state = {}) {
    super();
    this.#state = Object.freeze({ ...state });
  }

  get state() {
    return this.#state;
  }

  /** Merge a change in; listeners hear of it once, with the keys whose values are new. */
  update(change) {
    const keys = Object.keys(change).filter((key) => !Object.is(this.#state[key], change[key]));
    if (!keys.length) return;
    this.#state = Object.freeze({ ...this.#state, ...change });
    this.dispatchEvent(new CustomEvent("change", { detail: { keys } }));
  }
}
