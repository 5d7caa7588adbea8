/**
 * The view: which runs, which panels, which x, how smooth, how far zoomed in. One store a page; whatever
 * changes it calls `update`, whatever shows it listens for "change". The URL says the same (models/address.js),
 * and so does what the server keeps (apps/reports/view_state.py).
 */

/** @typedef {{[key: string]: unknown}} ViewState plain JSON */

/** What a workspace shows where neither a saved view nor the address says otherwise. */
export const AUTOMATIC_VIEW = Object.freeze({
  q: "",
  sort: "",
  search: { text: "", regex: false },
  group: "",
  eyes: { all: true, but: [] },
  pinned: [],
  baseline: null,
  columns: null,
  lines: 100,
  settings: {},
  sections: {},
  panels: {},
  order: {},
  panel_search: { text: "", regex: false },
  sync_zoom: true,
});

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

  /**
   * Merge a change in; listeners hear of it once, with the keys whose values are new.
   * @param {ViewState} change
   * @param {{does?: string, isStep?: boolean}} [how] does: in words, for undo; isStep: the browser's back button undoes it
   */
  update(change, { does = "", isStep = false } = {}) {
    const before = this.#state;
    const keys = Object.keys(change).filter((key) => !Object.is(before[key], change[key]));
    if (!keys.length) return;
    this.#state = Object.freeze({ ...before, ...change });
    this.dispatchEvent(new CustomEvent("change", { detail: { keys, before, does, isStep } }));
  }
}

/** Two plain values say the same. */
export const isSame = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

/** What a state says that its base does not: only these keys. */
export const difference = (state, base) =>
  Object.fromEntries(
    Object.keys(AUTOMATIC_VIEW)
      .filter((key) => !isSame(state[key], base[key]))
      .map((key) => [key, state[key]]),
  );

/** What the server keeps of a state: what is open is not part of a view, and what is automatic needs no word. */
export const kept = (state) => difference(state, AUTOMATIC_VIEW);

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}
