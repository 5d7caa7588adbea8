/** The rows of a chart's data table: every point where there are not too many, else the marks that are drawn. */

import { getJSON } from "#js/lib/api.js";
import { count, exact, value } from "#js/lib/format.js";
import { census } from "#js/lib/curve.js";

/** More than this nobody reads; and the history answers at most 100,000 in one piece. */
const MOST_POINTS = 50_000;

/**
 * @typedef {{columns: {name: string, colour: string}[], xs: number[], cell: (row: number, column: number) => string,
 *   isExact: boolean}} Rows
 */

/** @returns {Promise<Rows>} of the range the chart shows, in order of x */
export async function tableRows(figure) {
  const { entries, range, spec } = figure;
  const shown = entries.filter(({ series }) => series?.length);
  const found = census(shown.map(({ series }) => series), range, [-Infinity, Infinity], false);
  const cells = found.isExact
    ? shown.map(({ series }) => drawnPoints(series, range))
    : spec.x === "step" && found.points <= MOST_POINTS
      ? await loggedPoints(shown, range)
      : null;
  const columns = cells ?? shown.map(({ series }) => drawnMarks(series, range));
  const xs = [...new Set(columns.flatMap((column) => [...column.keys()]))].sort((one, other) => one - other);
  return {
    columns: shown.map(({ name, line }) => ({ name, colour: line.run.colour })),
    xs,
    cell: (row, column) => columns[column].get(xs[row]) ?? "",
    isExact: cells !== null,
  };
}

/** Where every mark is one point the chart has them already. */
function drawnPoints(series, range) {
  return cellsOf(series, range, (at) => exact(single(series, at)));
}

function drawnMarks(series, range) {
  return cellsOf(series, range, (at) =>
    series.count[at] === 1
      ? exact(single(series, at))
      : `${value(series.y(at))} (${value(series.y_min[at])} to ${value(series.y_max[at])}, n ${count(series.count[at])})`,
  );
}

function cellsOf(series, [min, max], text) {
  const cells = new Map();
  for (let at = series.firstAt(min); at < series.length && series.x_first[at] <= max; at++)
    cells.set(series.x_first[at], text(at));
  return cells;
}

function single(series, at) {
  if (series.pinf[at]) return Infinity;
  if (series.ninf[at]) return -Infinity;
  return series.y(at);
}

/** As they were logged, a question a run. Of values logged twice at a step the last stands. */
async function loggedPoints(shown, [min, max]) {
  const histories = new Map();
  for (const { line } of shown) {
    const asked = histories.get(line.run.id) ?? [];
    histories.set(line.run.id, [...asked, line.metric]);
  }
  const answers = new Map(
    await Promise.all(
      [...histories].map(async ([run, metrics]) => {
        const query = new URLSearchParams([
          ...metrics.map((name) => ["metric", name]),
          ["x_min", String(Math.ceil(min))],
          ["x_max", String(Math.floor(max))],
        ]);
        return [run, (await getJSON(`/runs/${run}/history?${query}`)).series];
      }),
    ),
  );
  return shown.map(({ line }) => {
    const cells = new Map();
    for (const { metric, step, values } of answers.get(line.run.id))
      if (metric === line.metric) step.forEach((x, at) => cells.set(x, typeof values[at] === "string" ? values[at] : exact(Number(values[at]))));
    return cells;
  });
}
