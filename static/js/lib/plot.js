/** uPlot as the frame of a chart: canvas, scales, axes, grid. Lines are drawn by lib/lines.js on top of it. */

import uPlot from "uplot";
import { TIME_STEPS, evenPlaces, logPlaces, numberTicks, sinceBeginning, wallPlaces, wallTicks } from "#js/lib/ticks.js";

export const FONT = '11px Inter, ui-sans-serif, system-ui, sans-serif';
const Y_WIDTH = 46;
const X_HEIGHT = 24;
const PX_PER_CHARACTER = 6.4;

/**
 * @param {HTMLElement} parent
 * @param {{width: number, height: number, axis: string, view: () => import("#js/lib/lines.js").View,
 *   ink: () => {axis: string, grid: string}}} options axis: the kind of x
 * @returns {uPlot}
 */
export function makePlot(parent, { width, height, axis, view, ink }) {
  const scale = (name) => ({
    auto: true,
    time: false,
    distr: view()[name].isLog ? 3 : 1,
    range: () => [view()[name].min, view()[name].max],
  });
  const places = (name, space) => (plot, _axis, min, max) => {
    const along = name === "x" ? plot.bbox.width : plot.bbox.height;
    return view()[name].isLog ? logPlaces(min, max) : evenPlaces(min, max, Math.max(2, along / devicePixelRatio / space));
  };
  return new uPlot(
    {
      width,
      height,
      padding: [8, 10, 0, 0],
      pxAlign: 0,
      scales: { x: scale("x"), y: scale("y") },
      cursor: { show: false },
      legend: { show: false },
      axes: [
        {
          ...COMMON,
          stroke: () => ink().axis,
          size: X_HEIGHT,
          gap: 4,
          grid: { show: false },
          border: { show: true, stroke: () => ink().grid, width: 1 },
          ...xTicks(axis, places("x", 76)),
        },
        {
          ...COMMON,
          stroke: () => ink().axis,
          size: (_plot, values) => Math.max(Y_WIDTH, Math.max(0, ...(values ?? []).map((v) => v.length)) * PX_PER_CHARACTER + 12),
          gap: 6,
          grid: { stroke: () => ink().grid, width: 1, filter: (_plot, at) => at },
          splits: places("y", 36),
          values: (_plot, at) => numberTicks(at),
        },
      ],
      series: [{}, { show: false }],
    },
    [
      [0, 1],
      [null, null],
    ],
    parent,
  );
}

/** The axes as they are drawn now, for exports: places along them with what is written there. */
export function axesOf(plot) {
  const [x, y] = plot.axes.map((axis) => axis._splits.map((v, nth) => ({ v, text: axis._values[nth] ?? "" })));
  return { x, y };
}

const COMMON = { font: FONT, ticks: { show: false }, filter: (_plot, at) => at };

function xTicks(axis, places) {
  if (axis !== "time" && axis !== "relative") return { splits: places, values: (_plot, at) => numberTicks(at) };
  const step = (plot, min, max) => {
    const most = Math.max(2, plot.bbox.width / devicePixelRatio / (axis === "time" ? 92 : 70));
    return TIME_STEPS.find((each) => (max - min) / each <= most) ?? TIME_STEPS.at(-1) * Math.ceil((max - min) / TIME_STEPS.at(-1) / most);
  };
  if (axis === "time")
    return {
      splits: (plot, _axis, min, max) => wallPlaces(min, max, step(plot, min, max)),
      values: (_plot, at) => wallTicks(at, at.length > 1 ? at[1] - at[0] : Infinity),
    };
  return {
    splits: (plot, _axis, min, max) => wallPlaces(min, max, step(plot, min, max), () => 0),
    values: (_plot, at) => at.map(sinceBeginning),
  };
}
