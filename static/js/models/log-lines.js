/**
 * The lines of a console by number, read a page at a time as they are looked at. Event: "change".
 * Lines are counted from 1, over all outputs or over one.
 */

const PAGE = 500;
/** So many pages are kept: a window of 20,000 lines around what was looked at last. */
const KEPT = 40;
const MOST_FOUND = 20_000;

/** @typedef {{n: number, time: number, fd: string, level: string, text: string, stream: string}} Line */

export class LogLines extends EventTarget {
  #ask;
  #run;
  #fd = "";
  #pages = new Map();
  #era = 0;
  #total = null;

  /**
   * @param {string} run
   * @param {(path: string) => Promise<any>} ask getJSON
   */
  constructor(run, ask) {
    super();
    this.#run = run;
    this.#ask = ask;
  }

  /** How many there are; null before the first answer. */
  get total() {
    return this.#total;
  }

  get fd() {
    return this.#fd;
  }

  /** Show one output, or all of them: "". */
  choose(fd) {
    this.#fd = fd;
    return this.reload();
  }

  reload() {
    this.#era++;
    this.#pages.clear();
    this.#total = null;
    return this.readEnd();
  }

  /** @returns {Line | undefined} the line, if it is here; else it is asked for */
  at(number) {
    const place = Math.floor((number - 1) / PAGE);
    const page = this.#pages.get(place);
    if (!page) this.#read(place);
    else this.#keep(place, page);
    return page?.lines?.[number - 1 - place * PAGE];
  }

  /** Read how many lines there are now, and the last of them. */
  async readEnd() {
    const era = this.#era;
    const page = await this.#ask(this.#path("logs", { limit: PAGE }));
    if (era !== this.#era) return;
    this.#total = page.total;
    page.lines.forEach((line, place) => this.#put(page.first + place, line));
    this.dispatchEvent(new CustomEvent("change"));
  }

  /** @returns {Promise<number[]>} the numbers of all lines that contain a text, of very many the first */
  async find(text, signal) {
    const found = [];
    let after;
    do {
      const page = await this.#ask(this.#path("logs/find", { q: text, limit: 5000, after }), { signal });
      found.push(...page.lines);
      after = page.after;
    } while (after && found.length < MOST_FOUND);
    return found;
  }

  async #read(place) {
    const era = this.#era;
    this.#keep(place, {});
    try {
      const { lines } = await this.#ask(this.#path("logs", { line: place * PAGE + 1, limit: PAGE }));
      if (era !== this.#era) return;
      this.#keep(place, { lines });
    } catch {
      this.#pages.delete(place);
      return;
    }
    this.dispatchEvent(new CustomEvent("change"));
  }

  #put(number, line) {
    const place = Math.floor((number - 1) / PAGE);
    let page = this.#pages.get(place);
    if (!page?.lines) {
      // A page of which only the end is known is read whole when it is looked at.
      if ((number - 1) % PAGE) return;
      page = { lines: [] };
      this.#keep(place, page);
    }
    page.lines[number - 1 - place * PAGE] = line;
  }

  #keep(place, page) {
    this.#pages.delete(place);
    this.#pages.set(place, page);
    if (this.#pages.size > KEPT) this.#pages.delete(this.#pages.keys().next().value);
  }

  #path(what, asked) {
    const query = new URLSearchParams(Object.entries({ ...asked, fd: this.#fd }).filter(([, value]) => value));
    return `/runs/${this.#run}/${what}?${query}`;
  }
}
