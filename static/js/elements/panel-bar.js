/** <panel-bar>: search, x, smoothing and scales for all panels; undo and redo. Properties: `view`, `undo`, `metrics`. */

import { LitElement, html, nothing } from "lit";
import { xChoices } from "#js/elements/setting-rows.js";
import { icon } from "#js/lib/icon.js";
import { resolve } from "#js/models/panel.js";

const MOST = { none: 0.99, ema: 0.99, gaussian: 100, mean: 100 };
const KINDS = [["ema", "Exponential average"], ["gaussian", "Gaussian"], ["mean", "Running mean"]];

class PanelBar extends LitElement {
  static properties = { view: { attribute: false }, undo: { attribute: false }, metrics: { attribute: false } };

  #redraw = () => this.requestUpdate();

  createRenderRoot() {
    return this;
  }

  firstUpdated() {
    this.view.addEventListener("change", this.#redraw);
    this.undo.addEventListener("change", this.#redraw);
  }

  render() {
    if (!this.view) return nothing;
    const { panel_search: search, sync_zoom: isSynced } = this.view.state;
    const { x, x_scale, y_scale, smoothing, outliers } = resolve(this.view.state.settings);
    const { kind, amount } = smoothing;
    const most = MOST[kind];
    return html`
      <label class="field quiet">${icon("search", "icon-s")}<span class="sr">Search panels</span>
        <input type="search" placeholder="Search panels" .value=${search.text} @input=${({ target }) => this.view.update({ panel_search: { ...search, text: target.value } })}>
        ${toggle("regex", search.regex, "Search by a pattern", () => this.view.update({ panel_search: { ...search, regex: !search.regex } }))}</label>
      <label class="ctl-label">X <select class="ctl-select" aria-label="X axis" @change=${({ target }) => this.#set({ x: target.value }, "x axis")}>
        ${xChoices(this.metrics ?? []).map(([value, words]) => html`<option value=${value} ?selected=${value === x}>${words}</option>`)}</select></label>
      <span class="ctl-label"><span class="hide-m">Smoothing</span>
        <input class="slider" type="range" aria-label="Smoothing" min="0" max=${most} step=${most > 1 ? 1 : 0.01} .value=${String(amount)} @input=${this.#smooth}>
        <input class="numbox" type="number" aria-label="Amount of smoothing" min="0" max=${most} step=${most > 1 ? 1 : 0.01} .value=${String(amount)} @change=${this.#smooth}></span>
      <button class="btn ghost ${y_scale === "log" ? "on" : ""}" type="button" aria-pressed=${String(y_scale === "log")}
        @click=${() => this.#set({ y_scale: y_scale === "log" ? "linear" : "log" }, "log y")}>Log y</button>
      <button class="btn ghost ${outliers === "show" ? "on" : ""}" type="button" aria-pressed=${String(outliers === "show")}
        title="Let the y axis reach to the last outlier" @click=${() => this.#set({ outliers: outliers === "show" ? "ignore" : "show" }, "outliers")}>Outliers</button>
      <details class="menu-hold"><summary class="btn ghost icon-only" aria-label="More settings of all panels">${icon("sliders")}</summary>
        <div class="menu settings-menu">
          <label class="setting-row"><span>Smoothing</span><select class="input" @change=${({ target }) => this.#set({ smoothing: { kind: target.value, amount: target.value === "ema" ? 0.6 : 10 } }, "smoothing")}>
            ${KINDS.map(([value, words]) => html`<option value=${value} ?selected=${value === kind}>${words}</option>`)}</select></label>
          <label class="setting-row"><span>Logarithmic x</span><input class="check" type="checkbox" .checked=${x_scale === "log"}
            @change=${({ target }) => this.#set({ x_scale: target.checked ? "log" : "linear" }, "log x")}></label>
          <label class="setting-row"><span>Zoom all panels together</span><input class="check" type="checkbox" .checked=${isSynced}
            @change=${({ target }) => this.view.update({ sync_zoom: target.checked })}></label>
        </div></details>
      <span class="grow"></span>
      ${this.#step("undo", "Undo", this.undo.does, () => this.undo.undo())}
      ${this.#step("redo", "Redo", this.undo.doesAgain, () => this.undo.redo())}`;
  }

  #step(name, word, does, run) {
    return html`<button class="btn ghost icon-only" type="button" aria-label=${word} title=${does ? `${word}: ${does}` : word} ?disabled=${!does} @click=${run}>${icon(name)}</button>`;
  }

  #smooth = ({ target }) => {
    const { kind } = resolve(this.view.state.settings).smoothing;
    const amount = Math.min(MOST[kind], Math.max(0, Number(target.value) || 0));
    this.#set({ smoothing: amount ? { kind: kind === "none" ? "ema" : kind, amount } : { kind: "none", amount: 0 } }, "smoothing");
  };

  #set(change, does) {
    this.view.update({ settings: { ...this.view.state.settings, ...change } }, { does });
  }
}

const toggle = (name, isOn, label, click) =>
  html`<button class="eye" type="button" aria-pressed=${String(Boolean(isOn))} aria-label=${label} title=${label} @click=${click}>${icon(name)}</button>`;

customElements.define("panel-bar", PanelBar);
