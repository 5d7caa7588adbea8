/** The settings of a section or a panel as rows of a menu; each can be inherited from the level above. A template. */

import { html } from "lit";
import { xName } from "#js/models/panel.js";

const SCALES = [["linear", "Linear"], ["log", "Logarithmic"]];
const OUTLIERS = [["ignore", "Left out of the range"], ["show", "Shown"]];
const SMOOTHINGS = [["none", 0], ["ema", 0.6], ["ema", 0.9], ["ema", 0.97], ["gaussian", 10], ["mean", 20]];
const KINDS = { none: "None", ema: "Average", gaussian: "Gaussian", mean: "Running mean" };

export const xChoices = (metrics) => ["step", "relative", "time", ...metrics.slice(0, 200).map((name) => `metric:${name}`)].map((x) => [x, xName(x)]);

/**
 * @param {{own: object, metrics: string[], change: (change: object) => void}} options own: what this level says itself;
 *   change: is given the new values, undefined for one that is inherited again
 */
export function settingRows({ own, metrics, change }) {
  const row = (label, name, choices, held = own[name], read = (text) => text) => html`<label class="setting-row"><span>${label}</span>
    <select class="input" @change=${({ target }) => change({ [name]: target.value ? read(target.value) : undefined })}>
      <option value="" ?selected=${held === undefined}>As above</option>
      ${choices.map(([value, words]) => html`<option value=${value} ?selected=${held === value}>${words}</option>`)}
    </select></label>`;
  const smooth = own.smoothing && JSON.stringify(own.smoothing);
  const smoothings = SMOOTHINGS.map(([kind, amount]) => [JSON.stringify({ kind, amount }), amount ? `${KINDS[kind]}, ${amount}` : KINDS[kind]]);
  const others = smooth && !smoothings.some(([text]) => text === smooth) ? [[smooth, `${KINDS[own.smoothing.kind]}, ${own.smoothing.amount}`]] : [];
  return html`${row("X axis", "x", xChoices(metrics))}${row("X scale", "x_scale", SCALES)}${row("Y scale", "y_scale", SCALES)}
    ${row("Smoothing", "smoothing", [...smoothings, ...others], smooth, JSON.parse)}${row("Outliers", "outliers", OUTLIERS)}`;
}
