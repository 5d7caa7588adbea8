/**
 * `<query-bar project="ID">`: the query language with colours, completion, history and errors at the spot.
 * Properties: value; counted {matching, total}; refused {message, details} of the query that was run last.
 * Event: "query" with {value}, on Enter, on a chosen past query, on clearing. Keys: Ctrl+Space opens, Tab or Enter
 * takes, Escape closes.
 */

import { LitElement, html, live, nothing } from "lit";
import { getJSON } from "#js/lib/api.js";
import { count } from "#js/lib/format.js";
import { icon } from "#js/lib/icon.js";
import { asNameSearch, completed, parts, remembered } from "#js/models/query-text.js";

const PAUSE_MS = 120;
const CHECK_MS = 450;
const CLASSES = { field: "q-f", word: "q-o", mark: "q-v", value: "q-v", space: "" };

export class QueryBar extends LitElement {
  static properties = {
    project: {},
    value: {},
    counted: { attribute: false },
    refused: { attribute: false },
    options: { state: true },
    at: { state: true },
    fault: { state: true },
    unknown: { state: true },
  };

  #place = { start: 0, end: 0 };
  #asking = null;
  #pause = 0;
  #checking = 0;
  #text = "";

  constructor() {
    super();
    this.value = "";
    this.options = [];
    this.at = -1;
    this.fault = null;
    this.unknown = null;
  }

  createRenderRoot() {
    return this;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#pause);
    clearTimeout(this.#checking);
    this.#asking?.abort();
  }

  willUpdate(changed) {
    if (changed.has("value")) this.#text = this.value;
    if (changed.has("refused")) this.fault = this.refused;
  }

  focus() {
    this.#input.focus();
  }

  get #input() {
    return this.querySelector("input");
  }

  render() {
    const { matching, total } = this.counted ?? {};
    return html`<div class="query-hold">
      <div class="query ${this.fault ? "wrong" : ""}">
        ${icon("filter")}
        <div class="q-edit">
          <div class="q-paint" aria-hidden="true">${this.#painted()}</div>
          <input class="q" type="text" role="combobox" aria-label="Query" aria-expanded=${this.options.length > 0}
            aria-controls="q-options" aria-activedescendant=${this.at >= 0 ? `q-option-${this.at}` : nothing}
            aria-invalid=${this.fault ? "true" : "false"} aria-describedby="q-fault" autocomplete="off" spellcheck="false"
            placeholder='Filter: metrics.loss < 0.2 and tags has "best"' .value=${live(this.#text)}
            @input=${this.#typed} @keydown=${this.#key} @scroll=${this.#scrolled} @blur=${this.#left}
            @focus=${() => !this.#text && this.#offerHistory()} @click=${() => this.#ask()} />
        </div>
        ${total === undefined ? nothing : html`<span class="muted q-n num">${this.#text.trim() || matching !== total ? `${count(matching)} of ` : ""}${count(total)}</span>`}
        ${this.#text
          ? html`<button class="btn ghost small icon-only" type="button" aria-label="Clear the query" @click=${this.#clear}>${icon("close", "icon-s")}</button>`
          : html`<kbd>/</kbd>`}
      </div>
      ${this.options.length ? this.#menu() : nothing}
      <p class="q-fault" id="q-fault" role="alert">${this.#said()}</p>
    </div>`;
  }

  #painted() {
    const { position = -1, length = 0 } = this.fault?.details ?? {};
    const from = units(this.#text, position);
    const to = units(this.#text, position + Math.max(1, length));
    return parts(this.#text).map(({ text, start, kind }) => {
      const isWrong = this.fault && start < to && start + text.length > from;
      return html`<span class="${CLASSES[kind]} ${isWrong ? "q-wrong" : ""}">${text}</span>`;
    });
  }

  #said() {
    if (this.fault) {
      const { message, details } = this.fault;
      return html`<span class="bad">${message}</span> ${this.#suggested(details?.suggestions ?? [], details?.position, details?.length)}`;
    }
    if (this.unknown)
      return html`<span class="warn">No run has ${this.unknown.field} yet.</span> ${this.#suggested(this.unknown.suggestions, this.#text.indexOf(this.unknown.field), this.unknown.field.length)}`;
    return nothing;
  }

  #suggested(names, start, length) {
    if (!names.length || !(start >= 0)) return nothing;
    return html`Did you mean ${names.map((name, i) => html`${i ? " or " : ""}<button class="link" type="button"
      @click=${() => this.#use(this.#text.slice(0, start) + name + this.#text.slice(start + length))}>${name}</button>`)}?`;
  }

  #menu() {
    return html`<div class="menu complete" role="listbox" id="q-options" aria-label="Completions">
      ${this.options.map((option, i) => html`<div class="menu-item ${i === this.at ? "at" : ""}" role="option" id="q-option-${i}"
        aria-selected=${i === this.at} @mousedown=${(event) => (event.preventDefault(), this.#take(option))}>
        <span class="grow mono cut">${this.#marked(option)}</span><span class="muted nowrap">${option.hint}</span></div>`)}
    </div>`;
  }

  #marked({ kind, text }) {
    const typed = this.#text.slice(this.#place.start, this.#place.end).toLowerCase();
    const at = typed && kind !== "past" ? text.toLowerCase().indexOf(typed) : -1;
    return at < 0 ? text : html`${text.slice(0, at)}<b>${text.slice(at, at + typed.length)}</b>${text.slice(at + typed.length)}`;
  }

  // --- typing

  #typed(event) {
    this.#text = event.target.value;
    this.fault = this.unknown = null;
    this.requestUpdate();
    if (!this.#text) this.#offerHistory();
    else {
      clearTimeout(this.#pause);
      this.#pause = setTimeout(() => this.#ask(), PAUSE_MS);
    }
    clearTimeout(this.#checking);
    this.#checking = setTimeout(() => this.#check(), CHECK_MS);
  }

  #scrolled(event) {
    this.querySelector(".q-paint").scrollLeft = event.target.scrollLeft;
  }

  #key(event) {
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (!this.options.length) this.#text ? this.#ask() : this.#offerHistory();
      else this.at = (this.at + (key === "ArrowDown" ? 1 : -1) + this.options.length) % this.options.length;
    } else if (key === " " && event.ctrlKey) {
      event.preventDefault();
      this.#text ? this.#ask() : this.#offerHistory();
    } else if (key === "Tab" && this.options.length && !event.shiftKey) {
      event.preventDefault();
      this.#take(this.options[Math.max(0, this.at)]);
    } else if (key === "Enter") {
      event.preventDefault();
      if (this.at >= 0) this.#take(this.options[this.at]);
      else this.#use(asNameSearch(this.#text) ?? this.#text);
    } else if (key === "Escape") {
      if (this.options.length) this.#close();
      else this.#input.blur();
      event.stopPropagation();
    }
  }

  #left() {
    clearTimeout(this.#pause);
    this.#asking?.abort();
    this.#close();
  }

  #close() {
    this.options = [];
    this.at = -1;
  }

  #clear() {
    this.#use("");
    this.#input.focus();
  }

  // --- what may come next

  async #ask() {
    this.#asking?.abort();
    this.#asking = new AbortController();
    const text = this.#text;
    const query = new URLSearchParams({ q: text, at: String(characters(text, this.#input.selectionStart)) });
    let told;
    try {
      told = await getJSON(`/projects/${this.project}/completion?${query}`, { signal: this.#asking.signal });
    } catch {
      return;
    }
    if (text !== this.#text || !this.contains(document.activeElement)) return;
    this.#place = { start: units(text, told.start), end: units(text, told.end) };
    const typed = text.slice(this.#place.start, this.#place.end);
    const offered = told.options.filter((option) => option.text !== typed);
    const byName = asNameSearch(text);
    this.options = byName ? [...offered, { kind: "past", text: byName, hint: "search names" }] : offered;
    this.at = -1;
  }

  #offerHistory() {
    this.options = this.#history().map((text) => ({ kind: "past", text, hint: "" }));
    this.at = -1;
  }

  #take(option) {
    if (option.kind === "past") return this.#use(option.text);
    const { text, at } = completed(this.#text, this.#place, option);
    this.#text = text;
    this.#close();
    this.requestUpdate();
    this.updateComplete.then(() => {
      this.#input.setSelectionRange(at, at);
      this.#ask();
    });
    clearTimeout(this.#checking);
    this.#checking = setTimeout(() => this.#check(), CHECK_MS);
  }

  /** After a pause, tell how many would match; an error only where it is not simply unfinished. */
  async #check() {
    const text = this.#text;
    if (!text.trim() || text === this.value || asNameSearch(text)) return;
    try {
      const query = new URLSearchParams({ q: text, field: "name", limit: "1" });
      const told = await getJSON(`/projects/${this.project}/runs?${query}`);
      if (text !== this.#text) return;
      this.counted = { ...this.counted, matching: told.total };
      this.unknown = told.unknown[0] ?? null;
    } catch (refusal) {
      if (text === this.#text && (refusal.details?.position ?? Infinity) < text.trimEnd().length - 1 && !this.options.length)
        this.fault = refusal;
    }
  }

  #use(text) {
    this.#text = text;
    this.fault = this.unknown = null;
    this.#close();
    clearTimeout(this.#pause);
    clearTimeout(this.#checking);
    this.#asking?.abort();
    this.value = text;
    this.requestUpdate();
    this.#remember(text);
    this.dispatchEvent(new CustomEvent("query", { detail: { value: text }, bubbles: true }));
  }

  // --- past queries, of this browser

  get #store() {
    return `isoline-queries-${this.project}`;
  }

  #history() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.#store) ?? "[]");
      return Array.isArray(kept) ? kept.filter((each) => typeof each === "string").slice(0, 8) : [];
    } catch {
      return [];
    }
  }

  #remember(text) {
    try {
      localStorage.setItem(this.#store, JSON.stringify(remembered(this.#history(), text)));
    } catch {
      // Storage may be off; then nothing is remembered.
    }
  }
}

/** The server counts characters, a text field counts UTF-16 units. */
const characters = (text, units) => [...text.slice(0, units)].length;
const units = (text, characters) => [...text].slice(0, characters).join("").length;

customElements.define("query-bar", QueryBar);
