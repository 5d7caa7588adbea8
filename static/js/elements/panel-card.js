/**
 * <panel-card>: a panel with its head; the chart is there only while the card is in view. Properties: `panel`, `runs`,
 * `metrics` (of the x menu), `full` (it fills the screen). Events: "open" (to fill the screen), "change" with new settings, "remove", "duplicate".
 */

import { LitElement, html, nothing } from "lit";
import "#js/elements/chart-table.js";
import "#js/elements/line-chart.js";
import { settingRows } from "#js/elements/setting-rows.js";
import { icon } from "#js/lib/icon.js";
import { toast } from "#js/lib/toast.js";
import { noData } from "#js/models/no-data.js";
import { overrides } from "#js/models/panel.js";

class PanelCard extends LitElement {
  static properties = {
    panel: { attribute: false }, runs: { attribute: false }, metrics: { attribute: false }, full: { type: Boolean },
    isNear: { state: true }, told: { state: true }, hasLegend: { state: true }, hasTable: { state: true },
  };

  #watch = new IntersectionObserver((seen) => (this.isNear = seen.at(-1).isIntersecting), { rootMargin: "300px" });

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#watch.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#watch.disconnect();
  }

  get #chart() {
    return this.querySelector("line-chart");
  }

  render() {
    const { spec, title } = this.panel;
    const cut = title.indexOf("/") + 1;
    return html`<div class="panel-head">
        <span class="panel-title" title=${title}><span>${title.slice(0, cut)}</span>${title.slice(cut)}</span>
        <span class="panel-meta">${this.#caption()}</span>
        <div class="panel-tools">
          ${this.full ? nothing : html`<span class="grip" draggable="true" title="Drag to move" @dragstart=${this.#dragged}>${icon("grip")}</span>`}
          ${this.#tool("columns", "Legend", () => (this.hasLegend = !this.hasLegend), this.hasLegend)}
          ${this.#tool("table", "Data table", () => (this.hasTable = !this.hasTable), this.hasTable)}
          ${this.full ? nothing : this.#tool("expand", "Full screen", () => this.#say("open"))}
          ${this.#menu(spec)}
        </div></div>
      ${this.isNear || this.full
        ? html`<div class="plot-hold">
            <line-chart .spec=${spec} .runs=${this.runs} .visible=${true} .legend=${Boolean(this.hasLegend)} @data=${({ detail }) => (this.told = detail)}></line-chart>
            ${this.#reason(spec)}
          </div>
          ${this.hasTable ? html`<div class="plot-table"><chart-table .chart=${this.#chart}></chart-table></div>` : nothing}`
        : html`<div class="plot-rest"></div>`}`;
  }

  #caption() {
    if (!this.told) return nothing;
    const { text, missing, lines } = this.told;
    const without = missing.length && missing.length < lines ? ` · ${missing.length} runs without it` : "";
    return `${this.panel.spec.y_scale === "log" ? "log y · " : ""}${text}${without}`;
  }

  #reason(spec) {
    const found = noData(this.told, spec, this.runs?.length ?? 0);
    if (!found) return nothing;
    return html`<p class="plot-none" role="status">${found.text}
      ${found.fix === "zoom" ? html`<button class="link" type="button" @click=${() => this.#chart.reset()}>Show everything</button>` : nothing}
      ${found.fix === "linear" ? html`<button class="link" type="button" @click=${() => this.#change({ y_scale: "linear" })}>Use a linear scale</button>` : nothing}</p>`;
  }

  #tool(name, label, click, isOn = false) {
    return html`<button type="button" aria-label=${label} title=${label} aria-pressed=${String(Boolean(isOn))} @click=${click}>${icon(name)}</button>`;
  }

  #menu(spec) {
    const item = (name, words, run) => html`<button class="menu-item" type="button" @click=${(event) => (run(), (event.target.closest("details").open = false))}>${icon(name)}<span class="grow">${words}</span></button>`;
    const isLog = spec.y_scale === "log";
    return html`<details class="menu-hold end"><summary aria-label="More of ${this.panel.title}">${icon("more")}</summary><div class="menu settings-menu">
      ${item("chart", isLog ? "Linear y axis" : "Logarithmic y axis", () => this.#change({ y_scale: isLog ? "linear" : "log" }))}
      ${["png", "svg", "csv"].map((kind) => item("download", `Export ${kind.toUpperCase()}`, () => this.#export(kind)))}
      <div class="menu-sep"></div>
      ${settingRows({ own: this.panel.change, metrics: this.metrics ?? [], change: (change) => this.#change(change) })}
      <div class="menu-sep"></div>
      ${overrides(this.panel.change) ? item("restore", "Take settings from the section", () => this.#say("inherit")) : nothing}
      ${item("copy", "Duplicate panel", () => this.#say("duplicate"))}
      ${item("trash", "Remove panel", () => this.#say("remove"))}</div></details>`;
  }

  async #export(kind) {
    try {
      const address = URL.createObjectURL(await this.#chart[kind]());
      const link = Object.assign(document.createElement("a"), { href: address, download: `${this.panel.title.replace(/[^\p{L}\p{N}.-]+/gu, "_")}.${kind}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    } catch (failure) {
      toast(`The ${kind.toUpperCase()} could not be made. ${failure.message}`, { kind: "error" });
    }
  }

  #dragged = ({ dataTransfer }) => {
    dataTransfer.setData("text/x-isoline-panel", this.panel.id);
    dataTransfer.setDragImage(this, 20, 16);
  };

  #change(change) {
    this.dispatchEvent(new CustomEvent("change", { detail: change }));
  }

  #say(type) {
    this.dispatchEvent(new CustomEvent(type));
  }
}

customElements.define("panel-card", PanelCard);
