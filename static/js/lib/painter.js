/** A chart's lines, from below: envelopes, ghosts of what was smoothed, lines, signs. For the screen and for exports. */

import { envelope, envelopeAlpha, ghostAlpha, line, lineWidth, liveEnd, oddNames, oddTicks } from "#js/lib/lines.js";

/**
 * @typedef {{curve: import("#js/lib/lines.js").Curve, series: import("#js/models/series.js").Series, name: string,
 *   colour: string, dash: number[] | null, live: boolean}} Drawn
 * @typedef {{lines: Drawn[], view: import("#js/lib/lines.js").View, font: string,
 *   ink: {ground: string, axis: string}}} Scene
 */

const LIT_GHOST = 0.35;
const LIT_WIDTH = 2.25;
const LIT_ENVELOPE = 0.2;

/** @param {CanvasRenderingContext2D | import("#js/lib/svg.js").SvgContext} ctx */
export function paintLines(ctx, { lines, view, font, ink }, { isLit = false } = {}) {
  const { left, top, width, height } = view.box;
  const alpha = isLit ? LIT_ENVELOPE : envelopeAlpha(lines.length);
  const ghost = isLit ? LIT_GHOST : ghostAlpha(lines.length);
  const thick = isLit ? LIT_WIDTH : lineWidth(lines.length);
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  for (const { curve, colour } of lines) if (!curve.raw) envelope(ctx, curve, view, colour, alpha);
  for (const { curve, colour } of lines)
    if (curve.raw) line(ctx, curve, curve.raw, view, { colour, width: 1, alpha: ghost });
  for (const { curve, colour, dash } of lines) line(ctx, curve, curve.y, view, { colour, width: thick, dash });
  ctx.restore();
  const names = lines.flatMap(({ series, colour }) => oddTicks(ctx, series, view, colour));
  oddNames(ctx, names, view, { ink: ink.axis, font });
  for (const { curve, colour, live } of lines) if (live) liveEnd(ctx, curve, curve.y, view, colour, ink.ground);
}
