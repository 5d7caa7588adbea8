/**
 * <chart-legend>: a chart's lines as a floating table: name, value at the crosshair, last, lowest, highest. It can
 * be searched and dragged; a click on the chart holds its values. Property: `chart`. Event: `close`.
 */

import { LitElement, html } from "lit";
import { count, value } from "#js/lib/format.js";
import { icon } from "#js/lib/icon.js";
import { inFrame, notInFrame } from "#js/lib/frame.js";
import { hover } from "#js/models/hover.js";
import { nearestMark } from "#js/models/nearest.js";

const MOST_ROWS = 200;

class ChartLegend extends LitElement {
  static properties = { chart: { attribute: false }, query: { state: true } };

  #dragged = null;

  constructor() {
    super();
    this.chart = null;
    this.query = "";
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    hover.addEventListener("change", this.#refresh);
    this.chart?.addEventListener("drawn", this.#refresh);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    hover.removeEventListener("change", this.#refresh);
    this.chart?.removeEventListener("drawn", this.#refresh);
    notInFrame(this.#update);
  }

  render() {
    const { entries, spec } = this.chart.figure;
    const wanted = this.query.toLowerCase();
    const found = entries.filter(({ name, curve }) => curve && name.toLowerCase().includes(wanted));
    const x = hover.axis === spec.x ? hover.x : null;
    return html`
      <header @pointerdown=${this.#grab} @pointermove=${this.#drag} @pointerup=${this.#drop}>
        <input type="search" placeholder="Search lines" aria-label="Search lines" .value=${this.query}
          @input=${({ target }) => (this.query = target.value)} />
        <span class="count">${count(found.length)}</span>
        <button class="icon-btn" aria-label="Close legend" @click=${() => this.dispatchEvent(new CustomEvent("close"))}>
          ${icon("x", "icon-s")}
        </button>
      </header>
      <div class="rows">
        <table>
          <thead>
            <tr><th scope="col">Line</th>${["Here", "Last", "Min", "Max"].map((name) => html`<th scope="col" class="n">${name}</th>`)}</tr>
          </thead>
          <tbody>${found.slice(0, MOST_ROWS).map((entry) => this.#row(entry, x))}</tbody>
        </table>
      </div>
      ${found.length > MOST_ROWS ? html`<footer>${MOST_ROWS} of ${count(found.length)} shown, search to narrow</footer>` : ""}
    `;
  }

  #row({ line, name, curve, series }, x) {
    const mark = x === null ? -1 : nearestMark(curve, x);
    const { last, min, max } = ends(series);
    return html`
      <tr class=${hover.run === line.run.id ? "lit" : ""}
        @pointerenter=${() => (hover.run = line.run.id)} @pointerleave=${() => (hover.run = null)}>
        <th scope="row" title=${name}><i class="swatch line" .style=${`--c: ${line.run.colour}`}></i><span class="cut">${name}</span></th>
        <td class="n">${mark < 0 ? "–" : value(curve.y[mark])}</td>
        <td class="n">${value(last)}</td>
        <td class="n">${value(min)}</td>
        <td class="n">${value(max)}</td>
      </tr>
    `;
  }

  #update = () => this.requestUpdate();

  #refresh = () => {
    if (!this.chart.isFrozen) inFrame(this.#update);
  };

  #grab = (event) => {
    if (event.target.closest("input, button")) return;
    this.#dragged = { x: event.clientX - this.offsetLeft, y: event.clientY - this.offsetTop };
    event.currentTarget.setPointerCapture(event.pointerId);
  };

  #drag = (event) => {
    if (!this.#dragged) return;
    this.style.left = `${event.clientX - this.#dragged.x}px`;
    this.style.top = `${event.clientY - this.#dragged.y}px`;
    this.style.right = "auto";
  };

  #drop = () => {
    this.#dragged = null;
  };
}

/** The last mean and the extremes of what is drawn. */
function ends(series) {
  let min = Infinity;
  let max = -Infinity;
  for (let at = 0; at < series.length; at++) {
    if (series.y_min[at] < min) min = series.y_min[at];
    if (series.y_max[at] > max) max = series.y_max[at];
  }
  let at = series.length - 1;
  while (at >= 0 && Number.isNaN(series.y(at))) at--;
  return { last: at < 0 ? null : series.y(at), min: min <= max ? min : null, max: min <= max ? max : null };
}

customElements.define("chart-legend", ChartLegend);
