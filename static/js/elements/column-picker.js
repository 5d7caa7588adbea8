/**
 * `<column-picker project="ID">`: which columns the table has. Properties: picked (their paths, in order).
 * Event: "columns" with {paths}; none means those that suggest themselves. The list is asked for when it is opened.
 */

import { LitElement, html, nothing } from "lit";
import { getJSON } from "#js/lib/api.js";
import { icon } from "#js/lib/icon.js";
import { title } from "#js/models/columns.js";

const SCOPES = [["run", "Run"], ["config", "Config"], ["metrics", "Metrics"], ["labels", "Labels"], ["metadata", "Environment"]];
const PAUSE_MS = 150;

export class ColumnPicker extends LitElement {
  static properties = {
    project: {},
    q: {},
    picked: { attribute: false },
    found: { state: true },
    total: { state: true },
    fault: { state: true },
  };

  #part = "";
  #pause = 0;

  constructor() {
    super();
    this.picked = [];
    this.q = "";
  }

  createRenderRoot() {
    return this;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#pause);
  }

  render() {
    const all = this.found ? ` of ${this.total}` : "";
    return html`<details class="menu-hold" @toggle=${this.#opened}>
      <summary class="btn">${icon("columns")}${this.picked.length}${all} columns</summary>
      <div class="menu picker">
        <label class="field">${icon("search", "icon-s")}<span class="sr">Search columns</span>
          <input type="search" placeholder="Search columns" @input=${this.#searched} /></label>
        <div class="picker-list">${this.found ? SCOPES.map((scope) => this.#section(scope)) : html`<p class="muted picker-note">${this.fault ?? "Reading the columns …"}</p>`}</div>
        <div class="picker-foot"><button class="btn small" type="button" @click=${this.#differing}>Add what differs</button>
          <button class="btn small ghost" type="button" @click=${() => this.#tell([])}>Reset</button></div>
      </div>
    </details>`;
  }

  #section([scope, words]) {
    const columns = this.found.filter((column) => column.scope === scope && column.path !== "name");
    if (!columns.length) return nothing;
    return html`<p class="over menu-head">${words}</p>
      ${columns.map((column) => html`<label class="menu-item"><input class="check" type="checkbox" .checked=${this.picked.includes(column.path)}
        @change=${(event) => this.#toggle(column.path, event.target.checked)} /><span class="grow cut ${scope === "run" ? "" : "mono"}">${title(column)}</span>${
        column.path.includes("(") ? html`<span class="muted">${column.statistic}</span>` : nothing}</label>`)}`;
  }

  #opened(event) {
    if (!event.target.open) return;
    this.querySelector("input").focus();
    this.#ask();
  }

  #searched(event) {
    this.#part = event.target.value.trim();
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#ask(), PAUSE_MS);
  }

  async #ask() {
    const part = this.#part;
    try {
      const told = await getJSON(`/projects/${this.project}/columns?${new URLSearchParams({ part })}`);
      if (part !== this.#part) return;
      this.found = told.items;
      if (!part) this.total = told.total - 1;
    } catch (refusal) {
      this.fault = refusal.message;
    }
  }

  #toggle(path, isOn) {
    this.#tell(isOn ? [...this.picked, path] : this.picked.filter((each) => each !== path));
  }

  async #differing() {
    const spreads = await getJSON(`/projects/${this.project}/columns/spread?${new URLSearchParams({ q: this.q })}`);
    const news = spreads.filter(({ path, differs }) => differs && !path.startsWith("metrics.system/") && !path.includes("("));
    this.#tell([...new Set([...this.picked, ...news.map(({ path }) => path)])].slice(0, 150));
  }

  #tell(paths) {
    this.picked = paths;
    this.dispatchEvent(new CustomEvent("columns", { detail: { paths } }));
  }
}

customElements.define("column-picker", ColumnPicker);
