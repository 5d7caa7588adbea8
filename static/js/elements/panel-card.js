/** <panel-card>: a panel with its head; the chart is there only while the card is in view. Properties: `panel`, `runs`. */

import { LitElement, html, nothing } from "lit";
import "#js/elements/line-chart.js";
import { points } from "#js/lib/format.js";

class PanelCard extends LitElement {
  static properties = { panel: { attribute: false }, runs: { attribute: false }, isNear: { state: true }, told: { state: true } };

  #watch = new IntersectionObserver(([{ isIntersecting }]) => (this.isNear = isIntersecting), { rootMargin: "300px" });

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

  render() {
    const { spec, title } = this.panel;
    const cut = title.indexOf("/") + 1;
    return html`<div class="panel-head">
        <span class="panel-title" title=${title}><span>${title.slice(0, cut)}</span>${title.slice(cut)}</span>
        <span class="panel-meta">${this.told ? points(this.told.points) : nothing}</span></div>
      ${this.isNear
        ? html`<line-chart .spec=${spec} .runs=${this.runs} .visible=${true} @data=${({ detail }) => (this.told = detail)}></line-chart>`
        : html`<div class="plot"></div>`}`;
  }
}

customElements.define("panel-card", PanelCard);
