/** Moments as people say them; `apps/web/moments.py` says the same on the server. */

const UNITS = [
  [60, 1, "s"],
  [3600, 60, "min"],
  [86_400, 3600, "h"],
];

/**
 * @param {number} thenMs
 * @param {number} nowMs
 * @returns {string} "just now", "12 s ago", "3 min ago", "2 h ago", "yesterday", "5 days ago", "14 Nov", "14 Nov 2025"
 */
export function ago(thenMs, nowMs) {
  const seconds = Math.floor((nowMs - thenMs) / 1000);
  if (seconds < 5) return "just now";
  for (const [below, size, unit] of UNITS) {
    if (seconds < below) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  const days = Math.floor(seconds / 86_400);
  if (days < 2) return "yesterday";
  if (days < 14) return `${days} days ago`;
  return day(new Date(thenMs), new Date(nowMs).getUTCFullYear());
}

/** "14 Nov", with the year where it is another than this. */
function day(date, thisYear) {
  const month = date.toLocaleString("en-GB", { month: "short", timeZone: "UTC" }).slice(0, 3);
  const year = date.getUTCFullYear() === thisYear ? "" : ` ${date.getUTCFullYear()}`;
  return `${date.getUTCDate()} ${month}${year}`;
}
