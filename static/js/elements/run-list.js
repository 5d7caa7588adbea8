/** <run-list>: the runs beside the panels: eyes, names, values. Properties: `runs` (models/runs.js), `view`, `place` (the address of the project). */

import { LitElement, html, nothing } from "lit";
import { colourIndex } from "#js/lib/colour.js";
import { count, value } from "#js/lib/format.js";
import { icon } from "#js/lib/icon.js";
import { ALL, NONE, Solo, isShown, toggle } from "#js/models/eyes.js";
import { hover } from "#js/models/hover.js";
import { columnsOf } from "#js/models/run-query.js";

const NEAR_END_PX = 400;

class RunList extends LitElement {
  static properties = { runs: { attribute: false }, view: { attribute: false }, place: {} };

  #solo = new Solo();
  #redraw = () => this.requestUpdate();

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    hover.addEventListener("change", this.#redraw);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    hover.removeEventListener("change", this.#redraw);
    this.runs?.removeEventListener("change", this.#redraw);
    this.view?.removeEventListener("change", this.#redraw);
  }

  updated(changed) {
    for (const name of ["runs", "view"]) {
      if (!changed.has(name)) continue;
      changed.get(name)?.removeEventListener("change", this.#redraw);
      this[name]?.addEventListener("change", this.#redraw);
    }
  }

  render() {
    if (!this.runs) return nothing;
    const { runs, view } = this;
    const { search, eyes } = view.state;
    const column = columnsOf(view.state, runs.columns).at(-1);
    const total = `${count(runs.total)}${runs.totalIsExact ? "" : "+"}`;
    return html`
      <div class="side-head"><label class="field quiet">${icon("search", "icon-s")}<span class="sr">Search runs</span>
        <input type="search" placeholder="Search runs" data-search .value=${search.text} @input=${this.#search}></label></div>
      <div class="side-cols">
        <button class="eye" type="button" aria-pressed=${String(runs.shownTotal > 0)} aria-label="Show or hide all"
          @click=${() => view.update({ eyes: runs.shownTotal ? NONE : ALL })}>${icon(runs.shownTotal ? "eye" : "eye-off")}</button>
        <span class="grow num"><b class="soft">${count(runs.shownTotal)}</b> of ${total} shown</span>
        <span class="cv cut" title=${column ?? ""}>${column?.replace(/^metrics\./, "")}</span><span class="cv2">step</span>
      </div>
      ${runs.refused ? html`<p class="hint bad" role="alert">${runs.refused.message}</p>` : nothing}
      ${!runs.items.length && !runs.isLoading && (search.text || view.state.q)
        ? html`<p class="hint">No run matches ${view.state.q} ${search.text}.
            <button class="link" type="button" @click=${() => view.update({ q: "", search: { text: "", regex: false } })}>Clear the search</button></p>`
        : nothing}
      <ul class="side-list" @scroll=${this.#scrolled}>
        ${runs.above.map((run) => this.#row(run, column, eyes))}
        ${runs.above.length ? html`<li class="pin-line" role="separator"></li>` : nothing}
        ${runs.below.map((run) => this.#row(run, column, eyes))}
      </ul>`;
  }

  #row(run, column, eyes) {
    const isOn = isShown(eyes, run.id);
    const { step } = run.fields;
    const said = run.fields[column];
    return html`<li class="run-row ${isOn ? "" : "off"} ${hover.run === run.id ? "lit" : ""}" data-run=${run.id}
      @pointerenter=${() => isOn && (hover.run = run.id)} @pointerleave=${() => (hover.run = null)}>
      <button class="eye" type="button" aria-pressed=${String(isOn)} aria-label="Show ${run.name}"
        @click=${(event) => this.#eye(event, run.id)}>${icon(isOn ? "eye" : "eye-off")}</button>
      <i class="swatch c${colourIndex(run.id)}"></i>
      <a class="name" href="${this.place}/runs/${run.id}" title=${run.name}>${run.name}</a>
      <span class="val">${typeof said === "number" ? value(said) : (said ?? "–")}</span>
      <span class="val2 ${run.state === "finished" ? "" : `state ${run.state}`}" title=${run.state}>${step === undefined ? "–" : count(step)}</span>
    </li>`;
  }

  #eye(event, id) {
    const { eyes } = this.view.state;
    this.view.update({ eyes: event.altKey ? this.#solo.press(eyes, [id]) : toggle(eyes, id) });
  }

  #search(event) {
    this.view.update({ search: { ...this.view.state.search, text: event.target.value } });
  }

  #scrolled({ target }) {
    if (target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_END_PX) this.runs.more();
  }
}

customElements.define("run-list", RunList);
