/**
 * Smoothing of marks, each a mean of `count` points: time-weighted average, Gaussian, running mean. What is not a
 * number passes through and leaves the others alone.
 */

/** Distances of the time-weighted average are thousandths of a line's extent. */
const EXTENT = 1000;
/** Beyond this an average would hardly ever move. */
const MOST = 0.999;

/**
 * @param {Float64Array} x sorted
 * @param {Float64Array} y
 * @param {ArrayLike<number>} count
 * @param {number} n how many of the columns' places are in use
 * @param {{kind: string, amount: number}} smoothing amount: of "ema" in [0, 1), the square of the weight left
 *   after a thousandth of the extent; of "gaussian" the standard deviation, of "mean" the width of the window, in points
 * @returns {Float64Array}
 */
export function smoothed(x, y, count, n, { kind, amount }) {
  if (kind === "ema") return movingAverage(x, y, count, n, Math.min(Math.sqrt(amount), MOST));
  if (kind === "gaussian") return gaussian(y, count, n, amount);
  if (kind === "mean") return runningMean(y, count, n, amount);
  return y.slice(0, n);
}

/**
 * The exponential moving average over x. A value counts for weight^d after a distance d, however many marks lie
 * between; the sum is divided by the weight seen so far (Adam's correction: Kingma and Ba, 2015, section 3).
 */
export function movingAverage(x, y, count, n, weight) {
  const out = new Float64Array(n);
  const extent = n > 1 ? x[n - 1] - x[0] : 0;
  const perX = extent > 0 ? EXTENT / extent : 0;
  let sum = 0;
  let seen = 0;
  let last = n ? x[0] : 0;
  for (let at = 0; at < n; at++) {
    if (!Number.isFinite(y[at])) {
      out[at] = y[at];
      continue;
    }
    const left = weight ** ((x[at] - last) * perX);
    last = x[at];
    sum = sum * left + y[at] * count[at];
    seen = seen * left + count[at];
    out[at] = sum / seen;
  }
  return out;
}

/** A Gaussian over the points' order, cut off at three standard deviations; a mark of many points is its middle. */
export function gaussian(y, count, n, deviation) {
  const { middle, used } = order(y, count, n);
  const out = Float64Array.from(y.subarray(0, n));
  const reach = 3 * deviation;
  const scale = -0.5 / (deviation * deviation);
  let first = 0;
  for (let nth = 0; nth < used.length; nth++) {
    const at = used[nth];
    while (middle[at] - middle[used[first]] > reach) first++;
    let sum = 0;
    let seen = 0;
    for (let other = first; other < used.length; other++) {
      const near = used[other];
      const away = middle[near] - middle[at];
      if (away > reach) break;
      const weight = Math.exp(away * away * scale) * count[near];
      sum += weight * y[near];
      seen += weight;
    }
    out[at] = sum / seen;
  }
  return out;
}

/** The mean of a window of so many points, as wide to the left as to the right; narrower at both ends. */
export function runningMean(y, count, n, width) {
  const { start, sums, used } = order(y, count, n);
  const out = Float64Array.from(y.subarray(0, n));
  const most = sums.at(-1)?.upto ?? 0;
  for (const at of used) {
    const middle = start[at] + count[at] / 2;
    const half = Math.max(width, count[at]) / 2;
    const [from, to] = [Math.max(0, middle - half), Math.min(most, middle + half)];
    out[at] = (sumUpto(sums, to) - sumUpto(sums, from)) / (to - from);
  }
  return out;
}

/** Where each mark's points stand among all that are numbers. */
function order(y, count, n) {
  const start = new Float64Array(n);
  const middle = new Float64Array(n);
  const used = [];
  const sums = [];
  let upto = 0;
  let sum = 0;
  for (let at = 0; at < n; at++) {
    start[at] = upto;
    middle[at] = upto + count[at] / 2;
    if (!Number.isFinite(y[at])) continue;
    used.push(at);
    sums.push({ from: upto, upto: upto + count[at], sum, y: y[at] });
    sum += y[at] * count[at];
    upto += count[at];
  }
  return { start, middle, used, sums };
}

/** The sum of the first `points` points, a part of a mark at its mean. */
function sumUpto(sums, points) {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle].upto < points) low = middle + 1;
    else high = middle;
  }
  const mark = sums[low];
  return mark ? mark.sum + (points - mark.from) * mark.y : 0;
}
