/**
 * The runs of a project as a list shows them: page by page, kept up to date, and which of them are drawn.
 * Events: "change" when rows, totals or refusals are new.
 */

import { ApiError, getJSON } from "#js/lib/api.js";
import { runColour } from "#js/lib/colour.js";
import { isShown } from "#js/models/eyes.js";
import { asked } from "#js/models/run-query.js";

const PAGE = 100;
const GROUPED_PAGE = 1000;
const MOST = 10_000;
const MOST_BY_ID = 100;
const REFRESH_MS = 2000;
/** What changes which rows there are, or what they hold. */
const ASKING = ["q", "sort", "search", "group", "columns"];

/** @typedef {{id: string, name: string, state: string, fields: {[path: string]: unknown}}} Run */

export class Runs extends EventTarget {
  #view;
  #project;
  #automatic;
  #next = null;
  #apart = new Map();
  #news = new Set();
  #timer = 0;
  #abort = new AbortController();
  #heard = new Map();

  /** @type {Run[]} */
  items = [];
  total = 0;
  totalIsExact = true;
  refused = null;
  isLoading = false;

  /**
   * @param {import("#js/models/view.js").View} view
   * @param {{project: string, first: object, automatic: string[]}} options first: a page as the server told it;
   *   automatic: the columns of a view that says nothing of them
   */
  constructor(view, { project, first, automatic }) {
    super();
    this.#view = view;
    this.#project = project;
    this.#automatic = automatic;
    this.#take(first);
    view.addEventListener("change", ({ detail: { keys } }) => {
      if (keys.some((key) => ASKING.includes(key))) this.reload();
      else if (keys.some((key) => ["pinned", "baseline", "eyes", "lines"].includes(key))) this.#readOn();
    });
    this.#readOn();
  }

  get columns() {
    return this.#automatic;
  }

  get hasMore() {
    return this.#next !== null && this.items.length < MOST;
  }

  /** A run that is known, in the list or beside it. */
  byId(id) {
    return this.items.find((run) => run.id === id) ?? this.#apart.get(id);
  }

  /** The baseline and the pinned runs, which stand above the others. */
  get above() {
    const { baseline, pinned } = this.#view.state;
    return [...new Set([...(baseline ? [baseline] : []), ...pinned])].map((id) => this.byId(id)).filter(Boolean);
  }

  /** The others, in the order of the list. */
  get below() {
    const above = new Set(this.above.map(({ id }) => id));
    return this.items.filter(({ id }) => !above.has(id));
  }

  /** Runs with an open eye; as far as they have been read. */
  get shown() {
    const { eyes } = this.#view.state;
    return [...this.above, ...this.below].filter(({ id }) => isShown(eyes, id));
  }

  /** How many have an open eye, read or not. */
  get shownTotal() {
    const { eyes } = this.#view.state;
    const among = new Set([...this.above, ...this.items].map(({ id }) => id));
    const named = eyes.but.filter((id) => among.has(id)).length;
    return eyes.all ? Math.max(0, this.total - named) : named;
  }

  /** The lines of the charts: the first of the shown ones, as many as the view draws. */
  lines() {
    const { lines, baseline } = this.#view.state;
    return this.shown.slice(0, lines ?? MOST).map(({ id, name, state }) => ({
      id,
      name,
      colour: runColour(id),
      live: state === "running",
      dash: id === baseline,
    }));
  }

  /** When a run was last heard, in ms; what the socket said counts before the server's note of it. */
  heardAt(run) {
    return Math.max(Date.parse(run.fields.seen) || 0, this.#heard.get(run.id) ?? 0);
  }

  /** Ask anew; what is there stays until the answer has come. */
  reload() {
    this.#abort.abort();
    this.#abort = new AbortController();
    return this.#ask({ limit: this.#page });
  }

  more() {
    return this.hasMore && !this.isLoading ? this.#ask({ limit: this.#page, cursor: this.#next }) : undefined;
  }

  /** The socket has news of a run: it is read again soon, with the others of these two seconds. */
  hear({ run, version, state }) {
    if (version) this.#heard.set(run, Date.now());
    const known = this.byId(run);
    if (known && state && known.state !== state) this.#replace([{ ...known, state }]);
    this.#news.add(run);
    this.#timer ||= setTimeout(() => this.#catchUp(), REFRESH_MS);
  }

  /** Show a change before the server has answered: a new name, say. */
  alter(id, change) {
    const known = this.byId(id);
    if (known) this.#replace([{ ...known, ...change }]);
  }

  /** Runs that are gone. */
  drop(ids) {
    const gone = new Set(ids);
    const left = this.items.filter(({ id }) => !gone.has(id));
    this.total -= this.items.length - left.length;
    this.items = left;
    for (const id of ids) this.#apart.delete(id);
    this.#tell();
  }

  get #page() {
    return this.#view.state.group ? GROUPED_PAGE : PAGE;
  }

  async #ask({ limit, cursor }) {
    const { signal } = this.#abort;
    this.isLoading = true;
    this.#tell();
    try {
      const page = await getJSON(`${this.#address}?${asked(this.#view.state, this.#automatic, { limit, cursor })}`, { signal });
      this.isLoading = false;
      this.#take(page, { isMore: Boolean(cursor) });
      this.#readOn();
    } catch (error) {
      if (!(error instanceof ApiError)) return;
      this.isLoading = false;
      this.refused = error;
      this.#tell();
    }
  }

  #take(page, { isMore = false } = {}) {
    const known = new Set(isMore ? this.items.map(({ id }) => id) : []);
    this.items = isMore ? [...this.items, ...page.items.filter(({ id }) => !known.has(id))] : page.items;
    this.#next = page.next;
    this.refused = page.refused ?? null;
    if (!isMore) {
      this.total = page.total;
      this.totalIsExact = page.total_is_exact;
    }
    this.#tell();
  }

  /** Groups are whole, and so is what is drawn, before anybody scrolls; runs named apart are read by their ids. */
  #readOn() {
    const { group, pinned, baseline, eyes, lines } = this.#view.state;
    const wanted = lines ?? MOST;
    if (this.hasMore && (group || (eyes.all && this.shown.length < Math.min(wanted, this.shownTotal)))) this.more();
    const missing = [...new Set([...(baseline ? [baseline] : []), ...pinned, ...(eyes.all ? [] : eyes.but)])]
      .filter((id) => !this.byId(id))
      .slice(0, MOST_BY_ID);
    if (missing.length) this.#readApart(missing);
    else this.#tell();
  }

  async #readApart(ids) {
    const free = { ...this.#view.state, q: "", search: null, sort: "" };
    const found = await this.#byIds(ids, free);
    // Each id is asked for once, also if there is no such run.
    for (const id of ids) this.#apart.set(id, found.find((run) => run.id === id) ?? null);
    this.#tell();
  }

  async #byIds(ids, state) {
    try {
      const params = asked(state, this.#automatic, { ids, limit: ids.length });
      return (await getJSON(`${this.#address}?${params}`)).items;
    } catch {
      return [];
    }
  }

  async #catchUp() {
    const ids = [...this.#news].slice(0, MOST_BY_ID);
    for (const id of ids) this.#news.delete(id);
    const found = await this.#byIds(ids, this.#view.state);
    this.#timer = this.#news.size ? setTimeout(() => this.#catchUp(), REFRESH_MS) : 0;
    const there = new Set(this.items.map(({ id }) => id));
    const told = new Set(found.map(({ id }) => id));
    this.#replace(found);
    const isNew = found.some(({ id }) => !there.has(id));
    const isGone = ids.some((id) => there.has(id) && !told.has(id));
    if (isNew || isGone) await this.#again();
  }

  /** Read as much as is held once more, in one answer, so that nothing jumps. */
  async #again() {
    const limit = Math.min(1000, Math.max(this.#page, this.items.length + 20));
    if (this.items.length <= 1000) await this.#ask({ limit });
  }

  #replace(runs) {
    const by = new Map(runs.map((run) => [run.id, run]));
    this.items = this.items.map((run) => by.get(run.id) ?? run);
    for (const [id, run] of by) if (this.#apart.has(id)) this.#apart.set(id, run);
    this.#tell();
  }

  get #address() {
    return `/projects/${this.#project}/runs`;
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}
