/**
 * <line-chart>: lines of metrics of runs, drawn from tiles; docs/design/browser.md has its properties, events and
 * methods. What it shows is kept in models/chart-lines.js, how it is drawn in lib/lines.js.
 */

import { LitElement, html, nothing } from "lit";
import { tooltip } from "#js/elements/chart-tooltip.js";
import { census, curveOf, extentOfX, extentOfY } from "#js/lib/curve.js";
import { count, duration, moment, points, value } from "#js/lib/format.js";
import { inFrame, notInFrame } from "#js/lib/frame.js";
import { Ink } from "#js/lib/ink.js";
import { envelope, envelopeAlpha, line, lineWidth, liveEnd, oddTicks, projections } from "#js/lib/lines.js";
import { FONT, makePlot } from "#js/lib/plot.js";
import { place, valueAt } from "#js/lib/scale.js";
import { ChartLines } from "#js/models/chart-lines.js";
import { hover } from "#js/models/hover.js";
import { nearestLines } from "#js/models/nearest.js";
import { askedPixels } from "#js/models/tiles.js";

const NEAR_PX = 8;
const ROWS = 8;

export class LineChart extends LitElement {
  static properties = {
    spec: { attribute: false },
    runs: { attribute: false },
    visible: { type: Boolean },
  };

  #data = new ChartLines();
  #plot = null;
  #ink = new Ink(this);
  #curves = new Map();
  #view = { box: null, x: { min: 0, max: 1, isLog: false }, y: { min: 0, max: 1, isLog: false } };
  #size = { width: 0, height: 0 };
  #layer = null;
  #litLayer = null;
  #cross = null;
  #dot = null;
  #pointer = null;
  #observer = null;
  #told = "";
  #note = "";

  constructor() {
    super();
    this.spec = null;
    this.runs = [];
    this.visible = false;
  }

  createRenderRoot() {
    return this;
  }

  render() {
    return html`
      <div class="plot-area" role="img" tabindex="0" aria-label=${this.#label()}></div>
      ${this.#note ? html`<span class="plot-note">${this.#note}</span>` : nothing}
    `;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#data.addEventListener("change", this.#redraw);
    hover.addEventListener("change", this.#hoverChanged);
    this.#observer = new ResizeObserver(this.#resized);
    this.#observer.observe(this);
    this.#themes.observe(document.documentElement, { attributeFilter: ["data-theme", "class"] });
    darkness.addEventListener("change", this.#themeChanged);
    if (this.hasUpdated) this.#show();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#data.end();
    this.#data.removeEventListener("change", this.#redraw);
    hover.removeEventListener("change", this.#hoverChanged);
    this.#observer.disconnect();
    this.#themes.disconnect();
    darkness.removeEventListener("change", this.#themeChanged);
    notInFrame(this.#draw);
    notInFrame(this.#point);
    if (hover.chart === this) this.#leave();
    this.#plot?.destroy();
    this.#plot = null;
  }

  updated(changed) {
    if (changed.has("spec") || changed.has("runs") || changed.has("visible")) this.#show();
  }

  #show() {
    if (!this.spec) return;
    const { spec, runs, visible } = this;
    this.#data.show({ spec, runs, isVisible: visible, range: this.#rangeX(), pixels: this.#pixels() });
    this.#redraw();
  }

  #rangeX() {
    return this.spec.x_range ?? null;
  }

  #pixels() {
    return this.#size.width ? askedPixels(this.#size.width) : 0;
  }

  // --- drawing ----------------------------------------------------------------------------------

  #redraw = () => inFrame(this.#draw);

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
    if (!width || !height || !this.spec || !this.isConnected) return;
    this.#derive();
    this.#frame();
    this.#paint();
    this.#light();
    this.#tell();
  };

  /** Curves of what is held, and the ranges that show them. */
  #derive() {
    const { spec } = this;
    const smoothing = spec.smoothing ?? { kind: "none", amount: 0 };
    const kept = new Map();
    for (const each of this.#data.lines) {
      const key = `${each.drawn.revision} ${smoothing.kind} ${smoothing.amount}`;
      const held = this.#curves.get(each.key);
      const isSame = held?.key === key && held.series === each.drawn;
      kept.set(each.key, isSame ? held : { key, series: each.drawn, curve: curveOf(each.drawn, smoothing) });
    }
    this.#curves = kept;
    const all = this.#data.lines.map(({ drawn }) => drawn);
    const [isLogX, isLogY] = [spec.x_scale === "log", spec.y_scale === "log"];
    const x = this.#rangeX() ?? extentOfX(all, isLogX) ?? [0, 1];
    const ignoresOutliers = spec.outliers === "ignore";
    const fitted = extentOfY(all, x, { isLog: isLogY, ignoresOutliers }) ?? (isLogY ? [0.1, 1] : [0, 1]);
    const y = [spec.y_range?.[0] ?? fitted[0], spec.y_range?.[1] ?? fitted[1]];
    this.#view = {
      box: this.#view.box,
      x: { min: x[0], max: x[1], isLog: isLogX },
      y: { min: y[0], max: y[1], isLog: isLogY },
    };
  }

  /** Axes and grid; anew only where something about them has changed. */
  #frame() {
    const { width, height } = this.#size;
    const { x, y } = this.#view;
    const kind = `${this.spec.x} ${x.isLog} ${y.isLog}`;
    if (this.#plot?.kind !== kind) {
      this.#plot?.destroy();
      this.#plot = makePlot(this.querySelector(".plot-area"), {
        width,
        height,
        axis: this.spec.x,
        view: () => this.#view,
        ink: () => ({ axis: this.#ink.of("var(--text-3)"), grid: this.#ink.of("color-mix(in oklab, var(--line) 75%, transparent)") }),
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
    const box = { left: bbox.left / ratio, top: bbox.top / ratio, width: bbox.width / ratio, height: bbox.height / ratio };
    this.#view = { ...this.#view, box };
  }

  /** What lies over uPlot's canvas: lines, the lit line, the crosshair and its dot. */
  #furnish() {
    const { over, ctx } = this.#plot;
    this.#layer = document.createElement("canvas");
    this.#litLayer = document.createElement("canvas");
    this.#layer.className = this.#litLayer.className = "plot-lines";
    ctx.canvas.after(this.#layer, this.#litLayer);
    this.#cross = document.createElement("i");
    this.#cross.className = "plot-cross";
    this.#dot = document.createElement("i");
    this.#dot.className = "plot-dot";
    this.#cross.hidden = this.#dot.hidden = true;
    over.append(this.#cross, this.#dot);
    over.addEventListener("pointermove", this.#moved);
    over.addEventListener("pointerleave", () => this.#leave());
  }

  #paint() {
    const lines = this.#data.lines;
    const ctx = fresh(this.#layer, this.#size);
    const { box } = this.#view;
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.left, box.top, box.width, box.height);
    ctx.clip();
    this.#strokes(ctx, lines, { width: lineWidth(lines.length), alpha: envelopeAlpha(lines.length) });
    ctx.restore();
    this.#signs(ctx, lines);
  }

  #strokes(ctx, lines, { width, alpha }) {
    const curves = lines.map((each) => [each, this.#curves.get(each.key).curve, this.#ink.of(each.run.colour)]);
    for (const [, curve, colour] of curves) if (!curve.raw) envelope(ctx, curve, this.#view, colour, alpha);
    for (const [, curve, colour] of curves) if (curve.raw) line(ctx, curve, curve.raw, this.#view, { colour, width: 1, alpha: 0.22 });
    for (const [each, curve, colour] of curves)
      line(ctx, curve, curve.y, this.#view, { colour, width, dash: this.#dash(each) });
  }

  #signs(ctx, lines) {
    const ground = this.#ink.of("var(--surface)");
    const ink = this.#ink.of("var(--text-3)");
    const named = [];
    for (const each of lines) {
      const { curve } = this.#curves.get(each.key);
      const colour = this.#ink.of(each.run.colour);
      oddTicks(ctx, each.drawn, this.#view, { colour, ink, font: FONT }, named);
      if (each.run.live) liveEnd(ctx, curve, curve.y, this.#view, colour, ground);
    }
  }

  /** The baseline is dashed; so are a run's further metrics, as they share its colour. */
  #dash({ run, metric }) {
    if (run.dash) return [5, 3];
    return DASHES[this.spec.metrics.indexOf(metric) % DASHES.length];
  }

  /** The lit run over the others, which are a quarter as strong; that costs one line, not all of them. */
  #light() {
    const lit = this.#data.lines.filter(({ run }) => run.id === hover.run);
    this.#layer?.classList.toggle("faded", lit.length > 0);
    if (!this.#litLayer) return;
    if (!lit.length) {
      this.#litLayer.width = this.#litLayer.height = 0;
      return;
    }
    const ctx = fresh(this.#litLayer, this.#size);
    const { box } = this.#view;
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.left, box.top, box.width, box.height);
    ctx.clip();
    this.#strokes(ctx, lit, { width: 2.25, alpha: 0.2 });
    ctx.restore();
    this.#signs(ctx, lit);
  }

  // --- the pointer ------------------------------------------------------------------------------

  #moved = (event) => {
    this.#pointer = { x: event.clientX, y: event.clientY };
    inFrame(this.#point);
  };

  #leave() {
    this.#pointer = null;
    notInFrame(this.#point);
    tooltip().hide();
    hover.clear();
  }

  #point = () => {
    if (!this.#pointer || !this.#plot) return;
    const { left, top } = this.#plot.over.getBoundingClientRect();
    const { box } = this.#view;
    const at = { x: this.#pointer.x - left + box.left, y: this.#pointer.y - top + box.top };
    const near = nearestLines(this.#data.lines, this.#curves, this.#view, at);
    const x = near[0]?.x ?? valueAt(projections(this.#view).px, at.x);
    const run = near[0] && near[0].distance < NEAR_PX ? near[0].line.run.id : null;
    hover.set({ chart: this, axis: this.spec.x, x, run });
    if (!near.length) return tooltip().hide();
    tooltip().show(this.#card(near, x), { x: this.#pointer.x, y: this.#pointer.y });
  };

  #card(near, x) {
    const [first] = near;
    return {
      head: this.#xText(x, first),
      aside: "",
      rows: near.slice(0, ROWS).map(({ line: each, y }) => ({
        name: this.#name(each),
        value: value(y),
        colour: each.run.colour,
        dash: Boolean(this.#dash(each)),
        more: "",
      })),
      foot: near.length > ROWS ? `${count(near.length - ROWS)} more · Shift for detail` : "",
    };
  }

  #name = ({ run, metric }) => (this.spec.metrics.length > 1 ? `${run.name} · ${metric}` : run.name);

  #xText(x) {
    if (this.spec.x === "step") return `step ${count(Math.round(x))}`;
    if (this.spec.x === "relative") return duration(x);
    if (this.spec.x === "time") return moment(x);
    return `${this.spec.x.slice(7)} ${value(x)}`;
  }

  #hoverChanged = ({ detail: { keys } }) => {
    if (keys.includes("run")) this.#light();
    if (!this.#plot) return;
    const isHere = hover.x !== null && hover.axis === this.spec.x && this.#view.box !== null;
    const { px } = isHere ? projections(this.#view) : {};
    const at = isHere ? place(px, hover.x) - this.#view.box.left : -1;
    this.#cross.hidden = !(at >= 0 && at <= this.#view.box?.width);
    this.#cross.style.transform = `translateX(${at.toFixed(1)}px)`;
  };

  // --- what it says -----------------------------------------------------------------------------

  #tell() {
    const lines = this.#data.lines;
    const { x, y } = this.#view;
    const found = census(lines.map(({ drawn }) => drawn), [x.min, x.max], [y.min, y.max], y.isLog);
    const missing = lines.filter(({ isMissing }) => isMissing).map(({ run }) => run.id);
    const detail = { ...found, missing, lines: lines.length, text: points(found.points) };
    const told = JSON.stringify(detail);
    if (told === this.#told) return;
    this.#told = told;
    this.dispatchEvent(new CustomEvent("data", { detail, bubbles: true }));
  }

  #label() {
    return this.spec ? `Line chart of ${this.spec.metrics.join(", ")}, ${this.runs.length} runs` : "";
  }
}

const DASHES = [null, [6, 3], [2, 3], [8, 3, 2, 3]];
const darkness = matchMedia("(prefers-color-scheme: dark)");

/** A canvas of the size the chart has, empty, in CSS pixels. */
function fresh(canvas, { width, height }) {
  const ratio = devicePixelRatio;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.clearRect(0, 0, w, h);
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  return ctx;
}

customElements.define("line-chart", LineChart);
