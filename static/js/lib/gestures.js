/**
 * What hands do on a plot: point, click, drag a box, Shift-drag to pan, Alt-wheel and pinch to zoom, double-click.
 * Places are told in pixels of the plot area.
 */

const DRAG_PX = 4;
/** A box thinner than this was meant along one axis. */
const THIN_PX = 24;

/**
 * @typedef {{x: number, y: number}} Place
 * @typedef {{left: number, top: number, width: number, height: number, axes: "x" | "y" | "xy"}} Selection
 * @typedef {{point: (at: Place) => void, leave: () => void, click: (at: Place) => void, reset: () => void,
 *   selecting: (box: Selection | null) => void, select: (box: Selection) => void,
 *   pan: (by: Place, isOver: boolean) => void, zoom: (at: Place, factor: number, axes: "x" | "xy") => void}} Hands
 */

export class Gestures {
  #over;
  #hands;
  #from = null;
  #mode = null;
  #touches = new Map();
  #stop = new AbortController();

  /**
   * @param {HTMLElement} over the plot area
   * @param {Hands} hands
   */
  constructor(over, hands) {
    this.#over = over;
    this.#hands = hands;
    const { signal } = this.#stop;
    over.addEventListener("pointerdown", this.#down, { signal });
    over.addEventListener("pointermove", this.#move, { signal });
    over.addEventListener("pointerup", this.#up, { signal });
    over.addEventListener("pointercancel", this.#cancel, { signal });
    over.addEventListener("pointerleave", this.#leave, { signal });
    over.addEventListener("dblclick", () => hands.reset(), { signal });
    over.addEventListener("wheel", this.#wheel, { signal, passive: false });
  }

  stop() {
    this.#stop.abort();
  }

  /** Forget a drag that has begun. */
  cancel() {
    if (this.#mode === "box") this.#hands.selecting(null);
    this.#mode = this.#from = null;
  }

  #at({ clientX, clientY }) {
    const { left, top } = this.#over.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  #down = (event) => {
    const at = this.#at(event);
    if (event.pointerType === "touch") {
      this.#touches.set(event.pointerId, at);
      return;
    }
    if (event.button !== 0) return;
    this.#from = this.#last = at;
    this.#mode = event.shiftKey ? "will pan" : "will box";
    this.#over.setPointerCapture(event.pointerId);
  };

  #last = null;

  #move = (event) => {
    const at = this.#at(event);
    if (this.#touches.has(event.pointerId)) this.#touched(event.pointerId, at);
    else if (!this.#from) this.#hands.point(at);
    else this.#drag(at);
  };

  #drag(at) {
    if (this.#mode.startsWith("will") && Math.hypot(at.x - this.#from.x, at.y - this.#from.y) < DRAG_PX) return;
    this.#mode = this.#mode.replace("will ", "");
    if (this.#mode === "box") this.#hands.selecting(this.#box(at));
    else this.#hands.pan({ x: at.x - this.#last.x, y: at.y - this.#last.y }, false);
    this.#last = at;
  }

  #up = (event) => {
    const at = this.#at(event);
    if (this.#touches.delete(event.pointerId)) {
      if (!this.#touches.size) this.#hands.point(at);
      return;
    }
    const mode = this.#mode;
    const box = mode === "box" ? this.#box(at) : null;
    this.cancel();
    if (mode?.startsWith("will")) this.#hands.click(at);
    if (mode === "pan") this.#hands.pan({ x: 0, y: 0 }, true);
    if (box) this.#hands.select(box);
  };

  #cancel = (event) => {
    this.#touches.delete(event.pointerId);
    this.cancel();
  };

  #leave = (event) => {
    // A finger that is lifted leaves; what it pointed at stays to be read.
    if (!this.#from && event.pointerType !== "touch") this.#hands.leave();
  };

  #wheel = (event) => {
    if (!event.altKey) return;
    event.preventDefault();
    const turned = event.deltaY || event.deltaX;
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    this.#hands.zoom(this.#at(event), Math.exp(Math.max(-240, Math.min(240, turned * lines)) / 400), "x");
  };

  /** One finger points, two zoom around their middle. */
  #touched(id, at) {
    if (this.#touches.size === 1) {
      this.#touches.set(id, at);
      this.#hands.point(at);
      return;
    }
    const [other] = [...this.#touches].find(([each]) => each !== id).slice(1);
    const before = this.#touches.get(id);
    this.#touches.set(id, at);
    const [was, is] = [before, at].map(({ x, y }) => Math.hypot(x - other.x, y - other.y));
    if (is > 0) this.#hands.zoom({ x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 }, was / is, "x");
  }

  #box(at) {
    const { clientWidth, clientHeight } = this.#over;
    const inside = (v, most) => Math.max(0, Math.min(most, v));
    const [x1, x2] = [this.#from.x, inside(at.x, clientWidth)].sort((one, other) => one - other);
    const [y1, y2] = [this.#from.y, inside(at.y, clientHeight)].sort((one, other) => one - other);
    const axes = y2 - y1 < THIN_PX ? "x" : x2 - x1 < THIN_PX ? "y" : "xy";
    return {
      left: axes === "y" ? 0 : x1,
      top: axes === "x" ? 0 : y1,
      width: axes === "y" ? clientWidth : x2 - x1,
      height: axes === "x" ? clientHeight : y2 - y1,
      axes,
    };
  }
}
