/**
 * <chart-table>: what a chart shows as a table of numbers, a column a line. Only the rows in sight are in the page;
 * arrow keys move the cursor, Ctrl/Cmd+C or a click copies the value. Property: `chart`.
 */

import { LitElement, html, nothing } from "lit";
import { placeName } from "#js/lib/card.js";
import { count } from "#js/lib/format.js";

const ROW_PX = 28;
const SPARE_ROWS = 10;
const PAGE_ROWS = 20;
const MOST_COLUMNS = 60;

class ChartTable extends LitElement {
  static properties = {
    chart: { attribute: false },
    data: { state: true },
    failure: { state: true },
    first: { state: true },
    cursor: { state: true },
    copied: { state: true },
  };

  constructor() {
    super();
    this.chart = null;
    this.data = null;
    this.failure = "";
    this.first = 0;
    this.cursor = { row: 0, column: 0 };
    this.copied = "";
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.load();
  }

  async load() {
    try {
      this.data = await this.chart.rows();
    } catch (failure) {
      this.failure = failure.message;
    }
  }

  render() {
    if (this.failure) return html`<p class="plot-failure" role="status">${this.failure}</p>`;
    if (!this.data) return html`<p class="muted" role="status">Reading the points …</p>`;
    const { xs, isExact, columns } = this.data;
    if (!xs.length) return html`<p class="muted">There is no point in this range.</p>`;
    const shown = columns.slice(0, MOST_COLUMNS);
    return html`
      <p class="muted">
        ${count(xs.length)} rows${isExact ? ", exact values" : ", a row a mark: mean, lowest to highest, number of points. Zoom in for single points, or export CSV"}.
        ${columns.length > shown.length ? html`${MOST_COLUMNS} of ${count(columns.length)} lines shown; the export has all.` : nothing}
        <span role="status">${this.copied}</span>
      </p>
      <div class="scroll" tabindex="0" role="grid" aria-label="Data of ${this.chart.spec.metrics.join(", ")}"
        aria-rowcount=${xs.length + 1} aria-colcount=${shown.length + 1}
        aria-activedescendant="cell-${this.cursor.row}-${this.cursor.column}"
        @scroll=${this.#scrolled} @keydown=${this.#key} @click=${this.#click}>
        <table class="data">
          <thead>
            <tr aria-rowindex="1">
              <th scope="col">${axisName(this.chart.spec.x)}</th>
              ${shown.map(({ name, colour }) => html`<th scope="col" class="n" title=${name}><i class="swatch" .style=${`--c: ${colour}`}></i> ${name}</th>`)}
            </tr>
          </thead>
          <tbody>${this.#rows(shown.length)}</tbody>
        </table>
      </div>
    `;
  }

  #rows(width) {
    const { xs } = this.data;
    const inSight = Math.ceil((this.querySelector(".scroll")?.clientHeight ?? 600) / ROW_PX);
    const from = Math.max(0, this.first - SPARE_ROWS);
    const to = Math.min(xs.length, this.first + inSight + SPARE_ROWS);
    const rows = [];
    for (let row = from; row < to; row++) rows.push(this.#row(row, width));
    return html`${spacer(from)}${rows}${spacer(xs.length - to)}`;
  }

  #row(row, width) {
    const cells = [];
    for (let column = 0; column <= width; column++) {
      const isHere = this.cursor.row === row && this.cursor.column === column;
      const text = this.#text(row, column);
      cells.push(html`<td id="cell-${row}-${column}" class="n ${isHere ? "here" : ""}" data-row=${row} data-column=${column}>${text}</td>`);
    }
    return html`<tr aria-rowindex=${row + 2}>${cells}</tr>`;
  }

  #text(row, column) {
    if (column > 0) return this.data.cell(row, column - 1);
    const x = this.data.xs[row];
    return this.chart.spec.x === "step" ? count(x) : placeName(this.chart.spec.x, x);
  }

  #scrolled = ({ target }) => {
    const first = Math.floor(target.scrollTop / ROW_PX);
    if (Math.abs(first - this.first) >= SPARE_ROWS / 2 || first === 0) this.first = first;
  };

  #key = (event) => {
    const { row, column } = this.cursor;
    if ((event.ctrlKey || event.metaKey) && event.key === "c") return this.#copy(row, column);
    const end = this.data.xs.length - 1;
    const moved = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      PageUp: [row - PAGE_ROWS, column],
      PageDown: [row + PAGE_ROWS, column],
      Home: event.ctrlKey ? [0, column] : [row, 0],
      End: event.ctrlKey ? [end, column] : [row, Infinity],
    }[event.key];
    if (!moved) return;
    event.preventDefault();
    const last = Math.min(this.data.columns.length, MOST_COLUMNS);
    this.cursor = { row: Math.max(0, Math.min(end, moved[0])), column: Math.max(0, Math.min(last, moved[1])) };
    this.#reveal();
  };

  async #reveal() {
    const scroll = this.querySelector(".scroll");
    const top = this.cursor.row * ROW_PX;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top + 2 * ROW_PX > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + 2 * ROW_PX - scroll.clientHeight;
    this.first = Math.floor(scroll.scrollTop / ROW_PX);
    await this.updateComplete;
    this.querySelector(".here")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #click = ({ target }) => {
    const cell = target.closest("td[data-row]");
    if (!cell) return;
    this.cursor = { row: Number(cell.dataset.row), column: Number(cell.dataset.column) };
    this.#copy(this.cursor.row, this.cursor.column);
  };

  async #copy(row, column) {
    const text = this.#text(row, column).replaceAll("−", "-");
    if (!text) return;
    await navigator.clipboard.writeText(text);
    this.copied = `Copied ${text}.`;
  }
}

const axisName = (x) => ({ step: "Step", time: "Time", relative: "Since the beginning" })[x] ?? x.slice(7);

/** The rows that are not in the page, as one empty row of their height. */
function spacer(rows) {
  return rows > 0 ? html`<tr aria-hidden="true"><td .style=${`height: ${rows * ROW_PX}px`} class="spacer"></td></tr>` : nothing;
}

customElements.define("chart-table", ChartTable);
