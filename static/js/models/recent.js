/** What a person opened last in this browser, newest first: projects and runs, for the palette. */

const MOST = 8;

/** @typedef {{kind: "project" | "run", label: string, hint: string, href: string}} Place */

export class Recent {
  #storage;
  #key;

  /**
   * @param {Storage | undefined} storage none where the browser keeps nothing
   * @param {string} person whose list it is: two who share a browser see their own
   */
  constructor(storage, person) {
    this.#storage = storage;
    this.#key = `isoline-recent-${person}`;
  }

  /** @returns {Place[]} */
  list() {
    try {
      const kept = JSON.parse(this.#storage?.getItem(this.#key) ?? "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }

  /** Put a place first; the same address is kept once. @param {Place} place */
  add(place) {
    const others = this.list().filter((other) => other.href !== place.href);
    try {
      this.#storage?.setItem(this.#key, JSON.stringify([place, ...others].slice(0, MOST)));
    } catch {
      /* full or off: the list stays as it was */
    }
  }
}
