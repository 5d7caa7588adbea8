/**
 * <chart-tooltip>: the card beside the crosshair. One a page, in the top layer, so that no panel cuts it off.
 * Rows are made once and filled again; while it is frozen it can be scrolled.
 */

const GAP_PX = 14;
const EDGE_PX = 8;

class ChartTooltip extends HTMLElement {
  #head;
  #aside;
  #rows;
  #foot;
  #size = null;

  connectedCallback() {
    if (this.#head) return;
    this.className = "hovercard";
    this.popover = "manual";
    this.setAttribute("role", "tooltip");
    const header = document.createElement("header");
    this.#head = header.appendChild(document.createElement("span"));
    this.#aside = header.appendChild(document.createElement("span"));
    this.#rows = document.createElement("ul");
    this.#foot = document.createElement("footer");
    this.append(header, this.#rows, this.#foot);
  }

  /**
   * @param {{head: string, aside: string, foot: string, detail: boolean,
   *   rows: {name: string, value: string, colour: string, dash: boolean, more: string}[]}} content
   * @param {{from: number, to: number, y: number}} at what of x it must not cover, in the window
   */
  show(content, at) {
    if (!this.matches(":popover-open")) this.showPopover();
    this.#fill(content);
    this.#move(at);
  }

  hide() {
    if (this.isConnected && this.matches(":popover-open")) this.hidePopover();
  }

  set isFrozen(isFrozen) {
    this.classList.toggle("frozen", isFrozen);
  }

  #fill({ head, aside, rows, foot }) {
    this.#head.textContent = head;
    this.#aside.textContent = aside;
    this.#foot.textContent = foot;
    this.#foot.hidden = !foot;
    const shape = `${rows.map(({ more }) => (more ? 2 : 1))} ${foot ? 1 : 0}`;
    while (this.#rows.children.length > rows.length) this.#rows.lastChild.remove();
    while (this.#rows.children.length < rows.length) this.#rows.append(row());
    rows.forEach(({ name, value, colour, dash, more }, at) => {
      const item = this.#rows.children[at];
      const [swatch, label, number, detail] = item.children;
      swatch.style.setProperty("--c", colour);
      swatch.classList.toggle("dash", dash);
      label.textContent = name;
      number.textContent = value;
      detail.textContent = more;
      detail.hidden = !more;
    });
    // Measured only when it may have become taller: a measurement makes the browser lay out.
    if (this.#size?.shape !== shape) this.#size = { shape, width: this.offsetWidth, height: this.offsetHeight };
  }

  /** Beside the crosshair, never over it; where neither side has room, below. */
  #move({ from, to, y }) {
    const { height } = this.#size;
    const width = Math.max(this.#size.width, this.offsetWidth);
    const [right, left] = [to + GAP_PX, from - GAP_PX - width];
    const isRight = right + width < innerWidth - EDGE_PX;
    const isBeside = isRight || left > EDGE_PX;
    const across = isRight ? right : isBeside ? left : Math.max(EDGE_PX, (innerWidth - width) / 2);
    const down = isBeside ? y - 24 : y + 32;
    this.style.left = `${Math.round(across)}px`;
    this.style.top = `${Math.round(Math.max(EDGE_PX, Math.min(down, innerHeight - height - EDGE_PX)))}px`;
  }
}

function row() {
  const item = document.createElement("li");
  const swatch = document.createElement("i");
  swatch.className = "swatch line";
  const label = document.createElement("span");
  label.className = "cut";
  const detail = document.createElement("small");
  item.append(swatch, label, document.createElement("b"), detail);
  return item;
}

customElements.define("chart-tooltip", ChartTooltip);

/** The page's card. */
export function tooltip() {
  return document.querySelector("chart-tooltip") ?? document.body.appendChild(document.createElement("chart-tooltip"));
}
