/** <panel-grid>: panels in foldable sections. Properties: `view`, `metrics` (names), `runs` (lines). Knows no page. */

import { LitElement, html, nothing, repeat } from "lit";
import "#js/elements/panel-card.js";
import { icon } from "#js/lib/icon.js";
import { changePanel, changeSection, finder, layout } from "#js/models/panels.js";

class PanelGrid extends LitElement {
  static properties = { view: { attribute: false }, metrics: { attribute: false }, runs: { attribute: false } };

  #redraw = () => this.requestUpdate();

  createRenderRoot() {
    return this;
  }

  updated(changed) {
    if (!changed.has("view")) return;
    changed.get("view")?.removeEventListener("change", this.#redraw);
    this.view?.addEventListener("change", this.#redraw);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.view?.removeEventListener("change", this.#redraw);
  }

  render() {
    if (!this.view) return nothing;
    const isFound = finder(this.view.state.panel_search);
    return repeat(layout(this.metrics ?? [], this.view.state), ({ name }) => name, (section) => this.#section(section, isFound));
  }

  #section({ name, folded, panels }, isFound) {
    const found = panels.filter(isFound);
    if (!found.length) return nothing;
    return html`<section aria-label=${name}>
      <div class="section-head">
        <button class="fold" type="button" aria-expanded=${String(!folded)} aria-label="Fold ${name}"
          @click=${() => this.view.update(changeSection(this.view.state, name, { folded: !folded }), { does: `fold ${name}` })}>
          ${icon("chevron-right")}</button>
        <h2>${name}</h2><span class="count">${found.length}</span></div>
      ${folded
        ? nothing
        : html`<div class="grid">${repeat(found, ({ id }) => id, (panel) => html`<panel-card class="panel" data-panel=${panel.id}
            .panel=${panel} .runs=${this.runs} @zoom=${({ detail }) => this.#zoomed(panel, detail)}></panel-card>`)}</div>`}
    </section>`;
  }

  #zoomed({ id }, { x, y }) {
    this.view.update(changePanel(this.view.state, id, { x_range: x ?? undefined, y_range: y ?? undefined }));
  }
}

customElements.define("panel-grid", PanelGrid);
