/** Undo of what a view's panels have been through. Runs, queries and zooms go back by other ways. */

const KEYS = ["settings", "sections", "panels", "order"];
const MOST = 200;
/** Changes of one kind in quick succession, such as a slider's, are one. */
const TOGETHER_MS = 1000;

export class Undo extends EventTarget {
  #view;
  #done = [];
  #undone = [];
  #isOurs = false;
  #now;

  /** @param {import("#js/models/view.js").View} view */
  constructor(view, { now = Date.now } = {}) {
    super();
    this.#view = view;
    this.#now = now;
    view.addEventListener("change", ({ detail }) => this.#changed(detail));
  }

  /** What undo() would undo, in words; null for nothing. */
  get does() {
    return this.#done.at(-1)?.does ?? null;
  }

  get doesAgain() {
    return this.#undone.at(-1)?.does ?? null;
  }

  undo() {
    this.#step(this.#done, this.#undone, "before");
  }

  redo() {
    this.#step(this.#undone, this.#done, "after");
  }

  #step(from, to, side) {
    const act = from.pop();
    if (!act) return;
    to.push(act);
    this.#isOurs = true;
    this.#view.update(act[side]);
    this.#isOurs = false;
    this.#tell();
  }

  #changed({ keys, before, does }) {
    const ours = keys.filter((key) => KEYS.includes(key));
    if (this.#isOurs || !does || !ours.length) return;
    const pick = (state) => Object.fromEntries(ours.map((key) => [key, state[key]]));
    const last = this.#done.at(-1);
    const at = this.#now();
    if (last && last.does === does && at - last.at < TOGETHER_MS) {
      Object.assign(last, { at, after: { ...last.after, ...pick(this.#view.state) }, before: { ...pick(before), ...last.before } });
    } else {
      this.#done.push({ does, at, before: pick(before), after: pick(this.#view.state) });
      this.#done.splice(0, this.#done.length - MOST);
    }
    this.#undone = [];
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}
