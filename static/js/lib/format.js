/** Numbers, times and counts as people read them: a true minus, tabular widths, units once. */

const MINUS = "−";
const GROUPED = new Intl.NumberFormat("en-US");

/** A whole number with thousands: 27,056. */
export const count = (n) => GROUPED.format(n).replace("-", MINUS);

/** A value of a metric, five or so digits: 3.4776, 12.31, 27,056, 4.0e−4. */
export function value(v) {
  if (v === null || v === undefined) return "–";
  if (!Number.isFinite(v)) return Number.isNaN(v) ? "NaN" : v > 0 ? "∞" : `${MINUS}∞`;
  const size = Math.abs(v);
  if (Number.isInteger(v) && size < 1e15) return count(v);
  if (size >= 1e15 || size < 1e-3) return exponent(v, 3);
  if (size >= 1e4) return GROUPED.format(Math.round(v)).replace("-", MINUS);
  const digits = size >= 1000 ? 1 : size >= 100 ? 2 : size >= 10 ? 3 : 4;
  return v.toFixed(size < 0.01 ? 6 : digits).replace("-", MINUS);
}

/** All digits a number has. */
export const exact = (v) => (v === null || v === undefined ? "" : Number.isFinite(v) ? String(v).replace("-", MINUS) : value(v));

const SIZES = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "k"],
];

/** A short number for an axis: 2.5k, 0.25, 1e−4. */
export function tick(v) {
  const size = Math.abs(v);
  if (v === 0) return "0";
  for (const [unit, name] of SIZES)
    if (size >= unit && size < 1e15) return `${trimmed(v / unit)}${name}`;
  if (size >= 1e15 || size < 1e-3) return exponent(v, 2);
  return trimmed(v);
}

/** How many points, short: "840 points", "2.4 M points". */
export function points(n) {
  if (n === 1) return "1 point";
  if (n < 10_000) return `${count(n)} points`;
  const [unit, name] = SIZES.find(([size]) => n >= size);
  const scaled = n / unit;
  return `${scaled.toFixed(scaled < 100 ? 1 : 0).replace(/\.0$/, "")} ${name} points`;
}

/** A stretch of time in µs: 4.2 s, 12 m 30 s, 2 h 5 m, 3 d 4 h. */
export function duration(us) {
  const s = Math.abs(us) / 1e6;
  const sign = us < 0 ? MINUS : "";
  if (s < 1) return `${sign}${trimmed(s * 1000)} ms`;
  if (s < 60) return `${sign}${trimmed(s)} s`;
  const steps = [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ];
  const at = steps.findIndex(([, size]) => s >= size);
  const [big, bigSize] = steps[at];
  const [small, smallSize] = steps[at + 1];
  const rest = Math.floor((s % bigSize) / smallSize);
  return `${sign}${Math.floor(s / bigSize)} ${big}${rest ? ` ${rest} ${small}` : ""}`;
}

const MOMENT = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** A moment in µs since the epoch, in the reader's time zone: 23 Nov 2026, 14:05:09. */
export const moment = (us) => MOMENT.format(new Date(us / 1000));

const trimmed = (v) => String(Number(v.toPrecision(4))).replace("-", MINUS);

function exponent(v, digits) {
  const [mantissa, power] = v.toExponential(digits - 1).split("e");
  const short = digits > 2 ? mantissa : String(Number(mantissa));
  return `${short}e${Number(power)}`.replaceAll("-", MINUS);
}
