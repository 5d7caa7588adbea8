/** A chart as a file: PNG and SVG of the same drawing, CSV of every point. */

import { request } from "#js/lib/api.js";
import { Prefixed, textCell } from "#js/lib/csv.js";
import { count } from "#js/lib/format.js";
import { place, projection } from "#js/lib/scale.js";
import { paintLines } from "#js/lib/painter.js";
import { SvgContext } from "#js/lib/svg.js";

const TITLE_HEIGHT = 34;
const LEGEND_ROW = 18;
const MOST_IN_LEGEND = 40;
const PX_PER_CHARACTER = 6.3;
const FAMILY = "Inter, ui-sans-serif, system-ui, sans-serif";
const SCALE = 2;

export async function toPNG(figure) {
  const layout = layoutOf(figure);
  const canvas = Object.assign(document.createElement("canvas"), {
    width: layout.width * SCALE,
    height: layout.height * SCALE,
  });
  const ctx = canvas.getContext("2d");
  ctx.scale(SCALE, SCALE);
  paint(ctx, figure, layout);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

export async function toSVG(figure) {
  const layout = layoutOf(figure);
  const ctx = new SvgContext();
  paint(ctx, figure, layout);
  return new Blob([ctx.document(layout.width, layout.height, titleOf(figure))], { type: "image/svg+xml" });
}

const titleOf = ({ spec }) => spec.title || spec.metrics.join(", ");

/** Where the legend's entries stand, and how large that makes the picture. */
function layoutOf({ size, scene }) {
  const entries = [];
  let [x, row] = [12, 0];
  const hidden = scene.lines.length - MOST_IN_LEGEND;
  const named = scene.lines.slice(0, MOST_IN_LEGEND);
  for (const { name, colour, dash } of [...named, ...(hidden > 0 ? [{ name: `${count(hidden)} more` }] : [])]) {
    const width = 20 + name.length * PX_PER_CHARACTER + 14;
    if (x + width > size.width && x > 12) [x, row] = [12, row + 1];
    entries.push({ name, colour, dash, x, y: row * LEGEND_ROW });
    x += width;
  }
  const plotHeight = TITLE_HEIGHT + size.height;
  return { width: size.width, height: plotHeight + (row + 1) * LEGEND_ROW + 12, plotHeight, entries };
}

function paint(ctx, figure, { width, height, plotHeight, entries }) {
  const { scene, axes, ink } = figure;
  const box = { ...scene.view.box, top: scene.view.box.top + TITLE_HEIGHT };
  const view = { ...scene.view, box };
  ctx.fillStyle = scene.ink.ground;
  ctx.fillRect(0, 0, width, height);
  ctx.font = `500 13px ${FAMILY}`;
  ctx.fillStyle = ink("var(--text)");
  ctx.textAlign = "left";
  ctx.fillText(titleOf(figure), 12, 22);
  paintAxes(ctx, axes, view, { text: scene.ink.axis, grid: ink("var(--line)") });
  paintLines(ctx, { ...scene, view });
  for (const { name, colour, dash, x, y } of entries) {
    const middle = plotHeight + y + 10;
    if (colour) {
      ctx.beginPath();
      ctx.moveTo(x, middle);
      ctx.lineTo(x + 14, middle);
      ctx.strokeStyle = colour;
      ctx.lineWidth = 2.5;
      ctx.setLineDash(dash ?? []);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    ctx.font = `11px ${FAMILY}`;
    ctx.fillStyle = ink("var(--text-2)");
    ctx.fillText(name, x + 20, middle + 4);
  }
}

function paintAxes(ctx, axes, { box, x, y }, { text, grid }) {
  const { left, top, width, height } = box;
  const px = projection(x, left, left + width);
  const py = projection(y, top + height, top);
  const stroke = (x1, y1, x2, y2) => {
    ctx.beginPath();
    ctx.moveTo(x1, y1);
    ctx.lineTo(x2, y2);
    ctx.strokeStyle = grid;
    ctx.lineWidth = 1;
    ctx.stroke();
  };
  ctx.font = `11px ${FAMILY}`;
  ctx.fillStyle = text;
  for (const { v, text: label } of axes.y) {
    const at = place(py, v);
    stroke(left, at, left + width, at);
    ctx.textAlign = "right";
    ctx.fillText(label, left - 6, at + 4);
  }
  stroke(left, top + height, left + width, top + height);
  ctx.textAlign = "center";
  for (const { v, text: label } of axes.x) ctx.fillText(label, place(px, v), top + height + 16);
  ctx.textAlign = "left";
}

/** Every point of every line as the server has it, read run by run and never held as more than text. */
export async function toCSV({ entries }) {
  const parts = [];
  let header = null;
  const metrics = new Map();
  for (const { line } of entries) {
    if (line.isMissing) continue;
    const of = metrics.get(line.run.id) ?? { run: line.run, names: [] };
    of.names.push(line.metric);
    metrics.set(line.run.id, of);
  }
  for (const { run, names } of metrics.values()) {
    const query = new URLSearchParams([...names.map((name) => ["metric", name]), ["format", "csv"]]);
    const response = await request("GET", `/runs/${run.id}/history?${query}`, { accept: "text/csv" });
    const rows = new Prefixed([textCell(run.id), textCell(run.name)]);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const text = rows.push(piece.value);
      // A run whose metric has had several kinds has other columns: they get a header of their own.
      if (rows.header !== null && rows.header !== header) {
        header = rows.header;
        parts.push(`run,name,${header}\n`);
      }
      parts.push(text);
    }
    parts.push(rows.end());
  }
  return new Blob(parts, { type: "text/csv" });
}
