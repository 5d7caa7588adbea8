/** A chart's lines, from below: envelopes, ghosts of what was smoothed, lines, signs. For the screen and for exports. */

import { envelope, envelopeAlpha, line, lineWidth, liveEnd, oddTicks } from "#js/lib/lines.js";

/**
 * @typedef {{curve: import("#js/lib/lines.js").Curve, series: import("#js/models/series.js").Series, name: string,
 *   colour: string, dash: number[] | null, live: boolean}} Drawn
 * @typedef {{lines: Drawn[], view: import("#js/lib/lines.js").View, font: string,
 *   ink: {ground: string, axis: string}}} Scene
 */

const GHOST = 0.22;
const LIT_WIDTH = 2.25;
const LIT_ENVELOPE = 0.2;

/** @param {CanvasRenderingContext2D | import("#js/lib/svg.js").SvgContext} ctx */
export function paintLines(ctx, { lines, view, font, ink }, { isLit = false } = {}) {
  const { left, top, width, height } = view.box;
  const alpha = isLit ? LIT_ENVELOPE : envelopeAlpha(lines.length);
  const thick = isLit ? LIT_WIDTH : lineWidth(lines.length);
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  for (const { curve, colour } of lines) if (!curve.raw) envelope(ctx, curve, view, colour, alpha);
  for (const { curve, colour } of lines)
    if (curve.raw) line(ctx, curve, curve.raw, view, { colour, width: 1, alpha: GHOST });
  for (const { curve, colour, dash } of lines) line(ctx, curve, curve.y, view, { colour, width: thick, dash });
  ctx.restore();
  const named = [];
  for (const { series, colour } of lines) oddTicks(ctx, series, view, { colour, ink: ink.axis, font }, named);
  for (const { curve, colour, live } of lines) if (live) liveEnd(ctx, curve, curve.y, view, colour, ink.ground);
}
