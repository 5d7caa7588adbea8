/** Why a panel shows nothing, in words; null where it shows something or is still reading. Pure. */

import { count, points } from "#js/lib/format.js";

/**
 * @param {object | null} told detail of a chart's "data" event
 * @param {object} spec resolved
 * @param {number} runs how many lines it was given
 * @returns {{text: string, fix?: "zoom" | "linear"} | null}
 */
export function noData(told, spec, runs) {
  if (!runs) return { text: "No run is shown. Open an eye in the list." };
  if (!told || told.isLoading || !told.lines) return null;
  const { missing, lines, points: n, nan, pinf, ninf, outside } = told;
  if (missing.length === lines) return { text: `None of the ${count(runs)} shown runs has logged ${spec.metrics.join(" or ")}.` };
  if (!n && told.isZoomed) return { text: "There is no point in this range.", fix: "zoom" };
  if (!n && spec.x.startsWith("metric:")) return { text: `No step has both ${spec.metrics[0]} and ${spec.x.slice(7)}.` };
  if (!n) return { text: "The shown runs have no point of it yet." };
  if (nan + pinf + ninf === n) return { text: `All ${points(n)} are NaN or infinite.` };
  if (spec.y_scale === "log" && outside.nonPositive[0] + nan + pinf + ninf >= n)
    return { text: "No value is above 0, and a log scale shows no other.", fix: "linear" };
  return null;
}
