/**
 * <log-view>: a console of any length; only what is in sight is drawn. Properties: `lines` (models/log-lines.js),
 * `live` (new lines can come). Attributes: brief (no bar: its last lines), data-download (where it is as text).
 */

import { LitElement, html, nothing, repeat } from "lit";
import { pieces } from "#js/lib/ansi.js";
import { icon } from "#js/lib/icon.js";

const ROW = 20;
const BEYOND = 20;
const BRIEF = 200;
const SEARCH_MS = 250;

class LogView extends LitElement {
  static properties = {
    lines: { attribute: false },
    live: { attribute: false },
    brief: { type: Boolean },
    wraps: { state: true },
    search: { state: true },
    failure: { state: true },
  };

  /** Whether the newest line is in sight: then it stays so. */
  #isAtEnd = true;
  #current = 0;
  #timer = 0;
  #searching = null;
  #sizes = new ResizeObserver(() => this.#changed());

  constructor() {
    super();
    this.search = { text: "", found: null, at: -1 };
    this.failure = "";
  }

  createRenderRoot() {
    return this;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#sizes.disconnect();
    this.lines?.removeEventListener("change", this.#changed);
    removeEventListener("hashchange", this.#followHash);
  }

  firstUpdated() {
    this.#sizes.observe(this.#box);
    addEventListener("hashchange", this.#followHash);
  }

  willUpdate(changed) {
    if (!changed.has("lines")) return;
    changed.get("lines")?.removeEventListener("change", this.#changed);
    this.lines?.addEventListener("change", this.#changed);
    this.#read(() => this.lines?.readEnd()).then(() => this.#followHash());
  }

  updated() {
    if (this.#isAtEnd && this.#box.scrollTop + this.#box.clientHeight < this.#box.scrollHeight - 1)
      this.#box.scrollTop = this.#box.scrollHeight;
  }

  get #box() {
    return this.querySelector(".log-box");
  }

  get #total() {
    return this.lines?.total ?? 0;
  }

  /** The number of the line before the first one that is listed. */
  get #before() {
    return this.brief ? Math.max(0, this.#total - BRIEF) : 0;
  }

  #changed = () => this.requestUpdate();

  render() {
    return html`${this.brief ? nothing : this.#bar()}
      ${this.failure ? html`<p class="note warn" role="status">${this.failure} <button class="link" @click=${() => this.#read(() => this.lines.reload())}>Try again</button></p>` : nothing}
      <div class="log-box ${this.wraps ? "wraps" : ""}" tabindex="0" role="log" aria-label="Console" aria-live="off" @scroll=${this.#scrolled}>
        ${this.lines?.total === 0 ? html`<p class="muted log-none">${this.lines.fd ? "Nothing was printed to stderr." : "Nothing has been printed yet."}</p>` : nothing}
        <div class="log-all" .style=${`height: ${(this.#total - this.#before) * ROW}px`}>${this.#rows()}</div>
      </div>`;
  }

  #bar() {
    const { text, found, at } = this.search;
    const only = (fd, words) => html`<button type="button" aria-pressed=${String((this.lines?.fd ?? "") === fd)}
      @click=${() => this.#choose(fd)}>${words}</button>`;
    return html`<div class="panel-bar">
      <label class="field quiet">${icon("search", "icon-s")}<span class="sr">Search the console</span>
        <input type="search" placeholder="Search ${this.#total.toLocaleString("en-US")} lines" .value=${text}
          @input=${this.#typed} @keydown=${this.#key}></label>
      ${found
        ? html`<span class="muted num" role="status">${found.length ? `${(at + 1).toLocaleString("en-US")} of ${found.length.toLocaleString("en-US")}` : "no line"}</span>
            <button class="btn ghost small" type="button" ?disabled=${!found.length} @click=${() => this.#step(-1)}>Previous</button>
            <button class="btn ghost small" type="button" ?disabled=${!found.length} @click=${() => this.#step(1)}>Next</button>`
        : nothing}
      <span class="grow"></span>
      ${this.live ? html`<span class="live">following</span>` : nothing}
      <div class="seg">${only("", "All")}${only("stderr", "stderr")}</div>
      <button class="btn ghost small" type="button" aria-pressed=${String(Boolean(this.wraps))} @click=${() => (this.wraps = !this.wraps)}>${icon("wrap", "icon-s")}Wrap</button>
      <button class="btn ghost small" type="button" @click=${this.#toEnd}>${icon("chevron-down", "icon-s")}To the end</button>
      <a class="btn ghost small" href=${this.dataset.download} download>${icon("download", "icon-s")}Download</a></div>`;
  }

  #rows() {
    const box = this.#box;
    if (!box || !this.#total) return nothing;
    const top = Math.floor(box.scrollTop / ROW);
    const shown = Math.ceil(box.clientHeight / ROW) + BEYOND;
    const last = Math.min(this.#total, this.#before + top + shown);
    // Wrapped lines are taller than their place: the first in sight stands at its place, the others follow.
    const first = Math.max(1 + this.#before, Math.min(this.#before + top + 1 - (this.wraps ? 0 : BEYOND), last - shown));
    const numbers = Array.from({ length: last - first + 1 }, (_, place) => first + place);
    return html`<ol class="log-lines" .style=${`transform: translateY(${(first - 1 - this.#before) * ROW}px)`}>
      ${repeat(numbers, (number) => number, (number) => this.#row(number))}</ol>`;
  }

  #row(number) {
    const line = this.lines.at(number);
    const found = this.search.found?.[this.search.at] === number || this.#current === number;
    return html`<li class="log-line ${line?.fd ?? ""} ${line?.level ?? ""} ${found ? "at" : ""}" id="L${number}">
      <a href="#L${number}" tabindex="-1">${number.toLocaleString("en-US")}</a>
      ${line ? html`<time title=${moment(line.time)}>${clock(line.time)}</time><code>${pieces(line.text).map(coloured)}</code>` : html`<i class="skel"></i>`}</li>`;
  }

  // --- moving -----------------------------------------------------------------------------------

  #scrolled() {
    const box = this.#box;
    this.#isAtEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - ROW;
    this.requestUpdate();
  }

  #toEnd() {
    this.#isAtEnd = true;
    this.requestUpdate();
  }

  #show(number) {
    this.#isAtEnd = false;
    this.#box.scrollTop = Math.max(0, (number - 1 - this.#before) * ROW - this.#box.clientHeight / 3);
    this.requestUpdate();
  }

  #followHash = () => {
    const number = Number(/^#L(\d+)$/.exec(location.hash)?.[1]);
    if (this.brief || !number || number > this.#total || number === this.#current) return;
    this.#current = number;
    this.updateComplete.then(() => this.#show(number));
  };

  // --- reading ----------------------------------------------------------------------------------

  async #read(how) {
    try {
      await how();
      this.failure = "";
    } catch (refusal) {
      this.failure = refusal.message;
    }
  }

  #choose(fd) {
    this.search = { text: "", found: null, at: -1 };
    this.#isAtEnd = true;
    this.#read(() => this.lines.choose(fd));
  }

  #typed({ target }) {
    clearTimeout(this.#timer);
    this.#searching?.abort();
    this.search = { text: target.value, found: null, at: -1 };
    if (target.value.trim()) this.#timer = setTimeout(() => this.#find(target.value), SEARCH_MS);
  }

  async #find(text) {
    this.#searching = new AbortController();
    try {
      const found = await this.lines.find(text, this.#searching.signal);
      this.search = { text, found, at: -1 };
      // The last one is what happened last: that is looked at first.
      if (found.length) this.#step(-1);
    } catch (refusal) {
      if (refusal.name !== "AbortError") this.failure = refusal.message;
    }
  }

  #step(by) {
    const { text, found, at } = this.search;
    if (!found?.length) return;
    const next = at < 0 ? found.length - 1 : (at + by + found.length) % found.length;
    this.search = { text, found, at: next };
    this.#show(found[next]);
  }

  #key(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    this.#step(event.shiftKey ? 1 : -1);
  }
}

const coloured = ({ text, classes, colour, ground }) =>
  classes.length || colour || ground
    ? html`<span class=${classes.join(" ")} .style=${`${colour ? `--ink: ${colour}; color: color-mix(in oklab, var(--ink) 70%, var(--text))` : ""}; ${ground ? `background: color-mix(in oklab, ${ground} 30%, transparent)` : ""}`}>${text}</span>`
    : text;

const two = (number) => String(number).padStart(2, "0");

function clock(us) {
  const at = new Date(us / 1000);
  return Number.isNaN(at.getTime()) ? "" : [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
}

function moment(us) {
  const at = new Date(us / 1000);
  return Number.isNaN(at.getTime()) ? String(us) : at.toLocaleString();
}

customElements.define("log-view", LogView);
