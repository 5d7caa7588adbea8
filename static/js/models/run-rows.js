/** The rows of the table: pages of the server's answer in order, asked for as far as somebody scrolls. */

import { getJSON } from "#js/lib/api.js";

const PAGE = 500;

/** @typedef {{id: string, name: string, state: string, fields: {[path: string]: any}}} Row */

/** Event "change": there are other rows, or other values. */
export class RunRows extends EventTarget {
  #project;
  #asked = { q: "", sort: "", paths: [] };
  #loading = null;
  #generation = 0;
  /** @type {Row[]} */
  rows = [];
  next = null;
  matching = 0;
  total = 0;
  refused = null;

  constructor({ project, rows, next, matching, total, refused, q, sort, paths }) {
    super();
    this.#project = project;
    this.#asked = { q, sort, paths };
    Object.assign(this, { rows, next, matching, total, refused });
  }

  /** Ask anew. What is shown stays until the answer is there. */
  async ask(change) {
    this.#asked = { ...this.#asked, ...change };
    const generation = ++this.#generation;
    this.#loading = null;
    try {
      const told = await this.#page({ limit: 100 });
      if (generation !== this.#generation) return;
      Object.assign(this, { rows: told.items, next: told.next, matching: told.total, refused: null });
      if (!this.#asked.q.trim()) this.total = told.total;
    } catch (refusal) {
      if (generation !== this.#generation) return;
      this.refused = refusal;
    }
    this.dispatchEvent(new CustomEvent("change"));
  }

  /** See that there are rows up to this place, as far as there are any. */
  async reach(index) {
    if (this.#loading || !this.next || index < this.rows.length) return;
    const generation = this.#generation;
    this.#loading = this.#page({ limit: PAGE, cursor: this.next });
    try {
      const told = await this.#loading;
      if (generation !== this.#generation) return;
      this.rows = [...this.rows, ...told.items];
      this.next = told.next;
    } catch (refusal) {
      if (generation === this.#generation) this.refused = refusal;
      return;
    } finally {
      if (generation === this.#generation) this.#loading = null;
    }
    this.dispatchEvent(new CustomEvent("change"));
    return this.reach(index);
  }

  /** The ids of all that match, those not loaded included. */
  async all() {
    const ids = [];
    let cursor;
    do {
      const told = await this.#page({ limit: 1000, cursor, paths: ["name"] });
      ids.push(...told.items.map(({ id }) => id));
      cursor = told.next;
    } while (cursor);
    return ids;
  }

  /** Read some of the rows again, in place. */
  async refresh(ids) {
    const there = ids.filter((id) => this.rows.some((row) => row.id === id)).slice(0, 200);
    if (!there.length) return;
    const q = `id in (${there.map((id) => `"${id}"`).join(", ")})`;
    const told = await this.#page({ limit: 200, q, sort: "" });
    const news = new Map(told.items.map((row) => [row.id, row]));
    this.rows = this.rows.map((row) => news.get(row.id) ?? row);
    this.dispatchEvent(new CustomEvent("change"));
  }

  #page({ limit, cursor, paths = this.#asked.paths, q = this.#asked.q, sort = this.#asked.sort }) {
    const query = new URLSearchParams({ q, sort, limit: String(limit) });
    if (cursor) query.set("cursor", cursor);
    for (const path of paths) query.append("field", path);
    return getJSON(`/projects/${this.#project}/runs?${query}`);
  }
}
