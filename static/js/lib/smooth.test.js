import assert from "node:assert/strict";
import { test } from "node:test";
import { gaussian, movingAverage, runningMean } from "#js/lib/smooth.js";

const ones = (n) => new Float64Array(n).fill(1);
const noise = (n) => Float64Array.from({ length: n }, (_, at) => Math.sin(at * 1.7) * 3 + (at * 7919) % 13);
const close = (one, other, by = 1e-9) => one.forEach((v, at) => assert.ok(Math.abs(v - other[at]) <= by, `${at}: ${v} ${other[at]}`));

test("the moving average weighs by distance, as written out", () => {
  const x = Float64Array.from([0, 1, 5, 6, 20, 100]);
  const y = noise(6);
  const weight = 0.97;
  const plain = Array.from(y, (_, at) => {
    const weights = Array.from(x.subarray(0, at + 1), (each) => weight ** (((x[at] - each) / 100) * 1000));
    return weights.reduce((sum, w, nth) => sum + w * y[nth], 0) / weights.reduce((sum, w) => sum + w, 0);
  });
  close(movingAverage(x, y, ones(6), 6, weight), plain);
});

test("the Gaussian is the weighted mean of the points around", () => {
  const y = noise(60);
  const plain = Array.from(y, (_, at) => {
    let [sum, seen] = [0, 0];
    for (let other = 0; other < 60; other++) {
      if (Math.abs(other - at) > 9) continue;
      const w = Math.exp(-0.5 * ((other - at) / 3) ** 2);
      sum += w * y[other];
      seen += w;
    }
    return sum / seen;
  });
  close(gaussian(y, ones(60), 60, 3), plain);
});

test("the running mean is the mean of its window", () => {
  const y = noise(40);
  const plain = Array.from(y, (_, at) => {
    const window = y.subarray(Math.max(0, at - 2), Math.min(40, at + 3));
    return window.reduce((sum, v) => sum + v, 0) / window.length;
  });
  close(runningMean(y, ones(40), 40, 5), plain);
});

test("a constant stays what it is, however points are gathered into marks", () => {
  const count = Float64Array.from({ length: 50 }, (_, at) => 1 + (at % 7));
  const x = Float64Array.from({ length: 50 }, (_, at) => at * at);
  const y = new Float64Array(50).fill(4);
  close(movingAverage(x, y, count, 50, 0.9), y);
  close(gaussian(y, count, 50, 6), y);
  close(runningMean(y, count, 50, 11), y);
});

test("the running mean over marks is that over their points", () => {
  const raw = noise(200);
  const count = Float64Array.from({ length: 40 }, () => 5);
  const means = Float64Array.from({ length: 40 }, (_, at) => raw.subarray(at * 5, at * 5 + 5).reduce((sum, v) => sum + v, 0) / 5);
  const smooth = runningMean(means, count, 40, 25);
  for (let at = 3; at < 37; at++) {
    const window = raw.subarray(at * 5 - 10, at * 5 + 15);
    assert.ok(Math.abs(smooth[at] - window.reduce((sum, v) => sum + v, 0) / 25) < 1e-9);
  }
});

test("NaN passes through and leaves its neighbours alone", () => {
  const y = Float64Array.from([1, NaN, 1, 1, Infinity, 1]);
  for (const smooth of [movingAverage(Float64Array.from([0, 1, 2, 3, 4, 5]), y, ones(6), 6, 0.9), gaussian(y, ones(6), 6, 2), runningMean(y, ones(6), 6, 3)]) {
    assert.ok(Number.isNaN(smooth[1]));
    assert.equal(smooth[4], Infinity);
    close([smooth[0], smooth[2], smooth[3], smooth[5]], [1, 1, 1, 1]);
  }
});
