/**
 * <line-chart>: lines of metrics of runs, drawn from tiles; docs/design/browser.md has its properties, events and
 * methods. What it shows is kept in models/chart-lines.js, how it is drawn in lib/painter.js.
 */

import { LitElement, html, nothing } from "lit";
import "#js/elements/chart-legend.js";
import { tooltip } from "#js/elements/chart-tooltip.js";
import { cardOf } from "#js/lib/card.js";
import { census, curveOf, extentOfX, extentOfY } from "#js/lib/curve.js";
import { count, points } from "#js/lib/format.js";
import { inFrame, notInFrame } from "#js/lib/frame.js";
import { Gestures } from "#js/lib/gestures.js";
import { Ink } from "#js/lib/ink.js";
import { projections } from "#js/lib/lines.js";
import { paintLines } from "#js/lib/painter.js";
import { FONT, axesOf, makePlot } from "#js/lib/plot.js";
import { panned, place, valueAt, zoomed } from "#js/lib/scale.js";
import { ChartLines } from "#js/models/chart-lines.js";
import { hover } from "#js/models/hover.js";
import { moments } from "#js/models/moments.js";
import { nearestLines, stepped } from "#js/models/nearest.js";
import { askedPixels } from "#js/models/tiles.js";
import { Zoom, isSame } from "#js/models/zoom.js";

const NEAR_PX = 8;
const UNSMOOTHED = { kind: "none", amount: 0 };
/** A run's further metrics share its colour, so they differ in this. */
const DASHES = [null, [6, 3], [2, 3], [8, 3, 2, 3]];
const BASELINE = [5, 3];

export class LineChart extends LitElement {
  static properties = {
    spec: { attribute: false },
    runs: { attribute: false },
    visible: { type: Boolean },
    legend: { type: Boolean },
    notes: { state: true },
    failure: { state: true },
    isLoading: { state: true },
  };

  #data = new ChartLines();
  #zoom = new Zoom();
  #ink = new Ink(this);
  #plot = null;
  #gestures = null;
  #observer = null;
  #layers = null;
  #curves = new Map();
  #view = { box: null, x: { min: 0, max: 1, isLog: false }, y: { min: 0, max: 1, isLog: false } };
  #size = { width: 0, height: 0 };
  /** Where the pointer, or the crosshair of the keyboard, is on the plot area. */
  #pointer = null;
  #near = [];
  #isFrozen = false;
  #hasShift = false;
  #told = "";

  constructor() {
    super();
    this.spec = null;
    this.runs = [];
    this.visible = false;
    this.legend = false;
    this.notes = [];
    this.failure = "";
    this.isLoading = true;
  }

  createRenderRoot() {
    return this;
  }

  render() {
    return html`
      <div class="plot-area" role="img" tabindex="0" aria-label=${this.#label()} aria-busy=${String(this.isLoading)}
        @keydown=${this.#key} @blur=${() => this.#leave()}></div>
      ${this.notes.map(({ edge, text }) => html`<span class="plot-note ${edge}">${text}</span>`)}
      ${this.failure
        ? html`<p class="plot-failure" role="status">${this.failure}
            <button class="link" @click=${() => this.#show()}>Try again</button></p>`
        : nothing}
      ${this.legend
        ? html`<chart-legend .chart=${this} @close=${() => (this.legend = false)}></chart-legend>`
        : nothing}
    `;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#data.addEventListener("change", this.#changed);
    this.#data.addEventListener("failed", this.#failed);
    hover.addEventListener("change", this.#hoverChanged);
    moments.addEventListener("change", this.#detailCame);
    document.addEventListener("keydown", this.#pageKey);
    document.addEventListener("keyup", this.#pageKey);
    document.addEventListener("pointerdown", this.#pressedElsewhere);
    this.#observer = new ResizeObserver(this.#resized);
    this.#observer.observe(this);
    this.#themes.observe(document.documentElement, { attributeFilter: ["data-theme", "class", "style"] });
    darkness.addEventListener("change", this.#themeChanged);
    if (this.hasUpdated) this.#show();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#data.end();
    this.#data.removeEventListener("change", this.#changed);
    this.#data.removeEventListener("failed", this.#failed);
    this.#free();
    if (hover.chart === this) this.#leave();
    hover.removeEventListener("change", this.#hoverChanged);
    moments.removeEventListener("change", this.#detailCame);
    document.removeEventListener("keydown", this.#pageKey);
    document.removeEventListener("keyup", this.#pageKey);
    document.removeEventListener("pointerdown", this.#pressedElsewhere);
    this.#observer.disconnect();
    this.#themes.disconnect();
    darkness.removeEventListener("change", this.#themeChanged);
    notInFrame(this.#draw);
    notInFrame(this.#point);
    this.#clear();
  }

  willUpdate(changed) {
    if (!changed.has("spec") || !this.spec) return;
    const before = changed.get("spec");
    const asked = { x: this.spec.x_range ?? null, y: this.spec.y_range ?? null };
    // What the host answers to our own "zoom" is no news; another range, or another x, is.
    const isNews = !before || !isSame(asked, { x: before.x_range ?? null, y: before.y_range ?? null });
    if (before && before.x !== this.spec.x) this.#zoom = new Zoom();
    if (isNews && !isSame(asked, this.#zoom.current)) this.#zoom.follow(asked);
  }

  updated(changed) {
    if (["spec", "runs", "visible"].some((name) => changed.has(name))) this.#show();
  }

  /** What the chart is of, and what it holds: for the legend, the table and exports. */
  get figure() {
    return {
      spec: this.spec,
      range: [this.#view.x.min, this.#view.x.max],
      scene: this.#scene(this.#data.lines),
      entries: this.#data.lines.map((line) => ({ line, name: this.#nameOf(line), ...this.#curves.get(line.key) })),
      axes: this.#plot ? axesOf(this.#plot) : null,
      size: this.#size,
      ink: (colour) => this.#ink.of(colour),
    };
  }

  /** The chart as a picture: Promise of a PNG at twice the size, or of an SVG. */
  async png() {
    return (await import("#js/lib/export.js")).toPNG(this.figure);
  }

  async svg() {
    return (await import("#js/lib/export.js")).toSVG(this.figure);
  }

  /** Every point of every line as it was logged: Promise of a Blob. */
  async csv() {
    return (await import("#js/lib/export.js")).toCSV(this.figure);
  }

  /** What <chart-table> shows: Promise of {columns, rows, isExact}. */
  async rows() {
    return (await import("#js/models/table-rows.js")).tableRows(this.figure);
  }

  /** Show all again. */
  reset() {
    if (this.#zoom.reset()) this.#zoomChanged();
  }

  #show() {
    if (!this.spec) return;
    const { spec, runs, visible } = this;
    this.failure = "";
    this.#data.show({ spec, runs, isVisible: visible, range: this.#zoom.current.x, pixels: this.#pixels() });
    this.isLoading = this.#data.isLoading;
    this.#redraw();
  }

  #pixels() {
    return this.#size.width ? askedPixels(this.#size.width) : 0;
  }

  #changed = () => {
    this.isLoading = this.#data.isLoading;
    this.#redraw();
  };

  #failed = ({ detail }) => {
    this.failure = detail.message;
  };

  // --- drawing ----------------------------------------------------------------------------------

  #redraw = () => {
    // Out of sight nothing is drawn; becoming visible draws.
    if (this.visible) inFrame(this.#draw);
  };

  #resized = ([{ contentRect }]) => {
    const [width, height] = [Math.floor(contentRect.width), Math.floor(contentRect.height)];
    if (width === this.#size.width && height === this.#size.height) return;
    this.#size = { width, height };
    if (!width || !height || !this.spec) return;
    this.#plot?.setSize({ width, height });
    this.#show();
  };

  #themes = new MutationObserver(() => this.#themeChanged());

  #themeChanged = () => {
    this.#ink.forget();
    this.#plot?.redraw(false, true);
    this.#redraw();
  };

  #draw = () => {
    const { width, height } = this.#size;
    if (!width || !height || !this.spec || !this.isConnected || !this.hasUpdated) return;
    this.#derive();
    this.#frame();
    paintLines(fresh(this.#layers.all, this.#size), this.#scene(this.#data.lines));
    this.#light();
    this.#placeCross();
    this.#tell();
    if (this.#pointer && !this.#isFrozen) inFrame(this.#point);
    this.dispatchEvent(new CustomEvent("drawn"));
  };

  /** Curves of what is held, and the ranges that show them. */
  #derive() {
    const { spec } = this;
    const smoothing = spec.smoothing ?? UNSMOOTHED;
    const kept = new Map();
    for (const { key, drawn } of this.#data.lines) {
      const as = `${drawn.revision} ${smoothing.kind} ${smoothing.amount}`;
      const held = this.#curves.get(key);
      const isSameCurve = held?.as === as && held.series === drawn;
      kept.set(key, isSameCurve ? held : { as, series: drawn, curve: curveOf(drawn, smoothing) });
    }
    this.#curves = kept;
    const all = this.#data.lines.map(({ drawn }) => drawn);
    const [isLogX, isLogY] = [spec.x_scale === "log", spec.y_scale === "log"];
    const zoom = this.#zoom.current;
    const x = usable(zoom.x, isLogX) ?? extentOfX(all, isLogX) ?? [isLogX ? 0.1 : 0, 1];
    const ignoresOutliers = spec.outliers === "ignore";
    const y =
      usable(zoom.y, isLogY) ?? extentOfY(all, x, { isLog: isLogY, ignoresOutliers }) ?? (isLogY ? [0.1, 1] : [0, 1]);
    this.#view = {
      box: this.#view.box,
      x: { min: x[0], max: x[1], isLog: isLogX },
      y: { min: y[0], max: y[1], isLog: isLogY },
    };
  }

  /** Axes and grid, anew only where something about them has changed. */
  #frame() {
    const { width, height } = this.#size;
    const { x, y } = this.#view;
    const kind = `${this.spec.x} ${x.isLog} ${y.isLog}`;
    if (this.#plot?.kind !== kind) {
      this.#clear();
      this.#plot = makePlot(this.querySelector(".plot-area"), {
        width,
        height,
        axis: this.spec.x,
        view: () => this.#view,
        ink: () => ({
          axis: this.#ink.of("var(--text-3)"),
          grid: this.#ink.of("color-mix(in oklab, var(--line) 75%, transparent)"),
        }),
      });
      this.#plot.kind = kind;
      this.#furnish();
    }
    const shown = `${x.min} ${x.max} ${y.min} ${y.max}`;
    if (this.#plot.shown !== shown) {
      this.#plot.shown = shown;
      this.#plot.setData(this.#plot.data, true);
    }
    const { bbox } = this.#plot;
    const ratio = devicePixelRatio;
    const [left, top] = [bbox.left / ratio, bbox.top / ratio];
    this.#view.box = { left, top, width: bbox.width / ratio, height: bbox.height / ratio };
  }

  /** What lies over uPlot's canvas: lines, the lit line, the crosshair, its dot, the box of a drag. */
  #furnish() {
    const { over, ctx } = this.#plot;
    const made = (name, className, parent) => {
      const element = document.createElement(name);
      element.className = className;
      parent?.append(element);
      return element;
    };
    this.#layers = {
      all: made("canvas", "plot-lines"),
      lit: made("canvas", "plot-lines"),
      cross: made("i", "plot-cross", over),
      dot: made("i", "plot-dot", over),
      box: made("i", "plot-box", over),
    };
    ctx.canvas.after(this.#layers.all, this.#layers.lit);
    for (const name of ["cross", "dot", "box"]) this.#layers[name].hidden = true;
    this.#layers.lit.width = this.#layers.lit.height = 0;
    this.#gestures = new Gestures(over, this.#hands);
  }

  #clear() {
    this.#gestures?.stop();
    this.#plot?.destroy();
    this.#gestures = this.#plot = this.#layers = null;
  }

  #scene(lines) {
    return {
      view: this.#view,
      font: FONT,
      ink: { ground: this.#ink.of("var(--surface)"), axis: this.#ink.of("var(--text-3)") },
      lines: lines
        .filter(({ key }) => this.#curves.has(key))
        .map((line) => ({
          curve: this.#curves.get(line.key).curve,
          series: line.drawn,
          name: this.#nameOf(line),
          colour: this.#ink.of(line.run.colour),
          dash: this.#dash(line),
          live: Boolean(line.run.live),
        })),
    };
  }

  #dash({ run, metric }) {
    return run.dash ? BASELINE : DASHES[this.spec.metrics.indexOf(metric) % DASHES.length];
  }

  #nameOf = ({ run, metric }) => (this.spec.metrics.length > 1 ? `${run.name} · ${metric}` : run.name);

  /** The lit run over the others, which are a quarter as strong; that costs one line, not all of them. */
  #light() {
    if (!this.#layers || !this.#view.box) return;
    const lit = hover.run === null ? [] : this.#data.lines.filter(({ run }) => run.id === hover.run);
    this.#layers.all.classList.toggle("faded", lit.length > 0);
    if (lit.length) paintLines(fresh(this.#layers.lit, this.#size), this.#scene(lit), { isLit: true });
    else this.#layers.lit.width = this.#layers.lit.height = 0;
  }

  // --- the pointer ------------------------------------------------------------------------------

  #hands = {
    point: (at) => {
      this.#pointer = at;
      if (!this.#isFrozen) inFrame(this.#point);
    },
    leave: () => this.#leave(),
    click: (at) => {
      this.#pointer = at;
      if (this.#isFrozen) this.#free();
      else this.#freeze();
    },
    reset: () => {
      this.#free();
      this.reset();
    },
    selecting: (box) => this.#showBox(box),
    select: ({ left, top, width, height, axes }) => {
      const { box } = this.#view;
      const { px, py } = projections(this.#view);
      // The axes it was drawn along change, the other stays as it is.
      const ranges = {};
      if (axes !== "y") ranges.x = [left, left + width].map((at) => valueAt(px, box.left + at));
      if (axes !== "x") ranges.y = [top + height, top].map((at) => valueAt(py, box.top + at));
      this.#zoom.to(ranges);
      this.#zoomChanged();
    },
    pan: (by, isOver) => {
      const { box, x, y } = this.#view;
      const ranges = { x: panned(x, -by.x / box.width) };
      if (this.#zoom.current.y) ranges.y = panned(y, by.y / box.height);
      if (by.x || by.y) this.#zoom.to(ranges, { isSteady: true });
      this.#zoomChanged(isOver);
    },
    zoom: (at, factor) => {
      this.#zoom.to({ x: zoomed(this.#view.x, at.x / this.#view.box.width, factor) }, { isSteady: true });
      this.#zoomChanged();
    },
  };

  #zoomChanged(isSettled = true) {
    // While the hand still moves, what is held is drawn; finer tiles are asked for where it stops.
    if (!isSettled) return this.#redraw();
    this.#show();
    this.dispatchEvent(new CustomEvent("zoom", { detail: { ...this.#zoom.current }, bubbles: true }));
  }

  #showBox(box) {
    const { box: element } = this.#layers;
    element.hidden = !box;
    if (!box) return;
    this.#hideCard();
    element.style.transform = `translate(${box.left}px, ${box.top}px)`;
    element.style.width = `${box.width}px`;
    element.style.height = `${box.height}px`;
  }

  #point = () => {
    if (!this.#pointer || !this.#plot || !this.#view.box) return;
    const { box } = this.#view;
    const at = { x: this.#pointer.x + box.left, y: this.#pointer.y + box.top };
    this.#near = nearestLines(this.#data.lines, this.#curves, this.#view, at);
    const [first] = this.#near;
    const x = first?.x ?? valueAt(projections(this.#view).px, at.x);
    hover.set({ chart: this, axis: this.spec.x, x, run: first?.distance < NEAR_PX ? first.line.run.id : null });
    this.#showCard();
  };

  #showCard() {
    const [first] = this.#near;
    if (!first || !this.#layers) return this.#hideCard();
    const { box } = this.#view;
    const { left, top } = this.#plot.over.getBoundingClientRect();
    const { dot } = this.#layers;
    dot.hidden = !(first.top >= box.top && first.top <= box.top + box.height);
    dot.style.setProperty("--c", first.line.run.colour);
    const across = place(projections(this.#view).px, first.x) - box.left;
    dot.style.transform = `translate(${across.toFixed(1)}px, ${(first.top - box.top).toFixed(1)}px)`;
    const content = cardOf(this.#near, {
      axis: this.spec.x,
      hasDetail: this.#hasShift,
      isFrozen: this.#isFrozen,
      nameOf: this.#nameOf,
      isDashed: (line) => this.#dash(line) !== null,
      curveOf: (line) => this.#curves.get(line.key).curve,
      momentOf: (near) => this.#momentOf(near),
    });
    const pointer = this.#pointer ?? { x: across, y: first.top - box.top };
    // Beside both: the crosshair stands on the nearest point, the pointer where it is.
    const [from, to] = [across, pointer.x].sort((one, other) => one - other);
    tooltip().show(content, { from: left + from, to: left + to, y: top + pointer.y });
  }

  /** When a point was logged: on an axis of time it says so itself. */
  #momentOf({ line, mark, x }) {
    if (this.spec.x === "relative" && line.origin !== null) return line.origin + x;
    if (this.spec.x !== "step" || line.drawn.count[mark] !== 1) return null;
    return moments.of(line.run.id, line.metric, Math.round(x));
  }

  #detailCame = () => {
    if (this.#hasShift && hover.chart === this) this.#showCard();
  };

  #hideCard() {
    if (hover.chart === this || hover.chart === null) tooltip().hide();
    if (this.#layers) this.#layers.dot.hidden = true;
  }

  #leave() {
    if (this.#isFrozen) return;
    this.#pointer = null;
    this.#near = [];
    notInFrame(this.#point);
    this.#hideCard();
    if (hover.chart === this) hover.clear();
  }

  #freeze() {
    this.#point();
    if (!this.#near.length) return;
    this.#setFrozen(true);
  }

  #free() {
    if (!this.#isFrozen) return;
    this.#setFrozen(false);
    this.#leave();
  }

  #setFrozen(isFrozen) {
    this.#isFrozen = isFrozen;
    tooltip().isFrozen = isFrozen;
    this.#showCard();
    this.dispatchEvent(new CustomEvent("freeze", { detail: { isFrozen }, bubbles: true }));
  }

  get isFrozen() {
    return this.#isFrozen;
  }

  #pressedElsewhere = ({ target }) => {
    if (this.#isFrozen && !this.contains(target) && !tooltip().contains(target)) this.#free();
  };

  #hoverChanged = ({ detail: { keys } }) => {
    if (keys.includes("run")) this.#light();
    // Another chart took the card: this one's is no longer there to be freed.
    if (keys.includes("chart") && this.#isFrozen && hover.chart !== this && hover.chart !== null) this.#free();
    this.#placeCross();
  };

  #placeCross() {
    if (!this.#layers || !this.#view.box) return;
    const isSameAxis = hover.x !== null && hover.axis === this.spec.x;
    const at = isSameAxis ? place(projections(this.#view).px, hover.x) - this.#view.box.left : -1;
    this.#layers.cross.hidden = !(at >= -0.5 && at <= this.#view.box.width + 0.5);
    this.#layers.cross.style.transform = `translateX(${at.toFixed(1)}px)`;
  }

  // --- keys -------------------------------------------------------------------------------------

  /** On the chart that is pointed at, wherever the focus is: Shift, Escape, Backspace. */
  #pageKey = (event) => {
    if (hover.chart !== this && !this.contains(document.activeElement)) return;
    if (event.key === "Shift") {
      this.#hasShift = event.type === "keydown";
      if (this.#near.length) this.#showCard();
      return;
    }
    if (event.type !== "keydown" || isTyping(event.target)) return;
    if (event.key === "Backspace" && this.#zoom.back()) {
      event.preventDefault();
      this.#zoomChanged();
    } else if (event.key === "Escape" && (this.#isFrozen || !this.#layers?.box.hidden)) {
      event.preventDefault();
      event.stopPropagation();
      this.#gestures.cancel();
      this.#free();
    }
  };

  /** On the focused chart: arrows move the crosshair by mark, Home and End to the ends, Enter freezes. */
  #key = (event) => {
    if (event.key === "Enter") return this.#isFrozen ? this.#free() : this.#freeze();
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || event.altKey || event.ctrlKey || event.metaKey || !this.#view.box) return;
    event.preventDefault();
    event.stopPropagation();
    const line = this.#near[0]?.line ?? this.#data.lines.find(({ drawn }) => drawn.length);
    const curve = line && this.#curves.get(line.key)?.curve;
    if (!curve?.n) return;
    const mark = stepped(curve, this.#near[0]?.mark ?? -1, by, this.#view.x);
    const { px, py } = projections(this.#view);
    const { left, top } = this.#view.box;
    this.#pointer = { x: place(px, curve.x[mark]) - left, y: place(py, curve.y[mark]) - top };
    this.#point();
  };

  // --- what it says -----------------------------------------------------------------------------

  #tell() {
    const lines = this.#data.lines;
    const { x, y } = this.#view;
    const found = census(lines.map(({ drawn }) => drawn), [x.min, x.max], [y.min, y.max], y.isLog);
    const { above, below, nonPositive, ...rest } = found;
    const detail = {
      ...rest,
      outside: { above, below, nonPositive },
      missing: lines.filter(({ isMissing }) => isMissing).map(({ run }) => run.id),
      lines: lines.length,
      isLoading: this.#data.isLoading,
      isZoomed: this.#zoom.isZoomed,
      text: found.isExact ? points(found.points) : `${points(found.points)}, envelope exact`,
    };
    const told = JSON.stringify(detail);
    if (told === this.#told) return;
    this.#told = told;
    this.notes = notesOf(found);
    this.dispatchEvent(new CustomEvent("data", { detail, bubbles: true }));
  }

  #label() {
    if (!this.spec) return "";
    const { metrics, x } = this.spec;
    const runs = this.runs.length === 1 ? this.runs[0].name : `${count(this.runs.length)} runs`;
    const over = { step: "step", time: "wall time", relative: "time since the beginning" }[x] ?? x.slice(7);
    return `${metrics.join(", ")} of ${runs} over ${over}. Arrow keys move the crosshair.`;
  }
}

const darkness = matchMedia("(prefers-color-scheme: dark)");

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]") != null;

/** A range somebody chose, if the scale can show it. */
const usable = (range, isLog) => (range && range[0] < range[1] && (!isLog || range[0] > 0) ? range : null);

function notesOf({ above, below, nonPositive }) {
  const told = ([least, most]) => (least === most ? count(least) : `${count(least)} to ${count(most)}`);
  const notes = [];
  if (above[1]) notes.push({ edge: "top", text: `▲ ${told(above)} above` });
  if (below[1]) notes.push({ edge: "bottom", text: `▼ ${told(below)} below` });
  else if (nonPositive[1]) notes.push({ edge: "bottom", text: `${told(nonPositive)} not above 0` });
  return notes;
}

/** A canvas of the size the chart has, empty, in CSS pixels. */
function fresh(canvas, { width, height }) {
  const ratio = devicePixelRatio;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.clearRect(0, 0, w, h);
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  return ctx;
}

customElements.define("line-chart", LineChart);
