/** Runs of a list in groups, in the order in which the list meets them; and what a group's row says. Pure. */

const NONE = "none";

/** What a run is grouped under: a run with several tags is under each. */
export function namesOf(run, path) {
  const value = run.fields[path];
  if (Array.isArray(value)) return value.length ? value.map(String) : [NONE];
  return [value === undefined || value === null || value === "" ? NONE : String(value)];
}

/** @returns {{name: string, runs: object[]}[]} runs without a value come last. */
export function grouped(runs, path) {
  const groups = new Map();
  for (const run of runs) {
    for (const name of namesOf(run, path)) {
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(run);
    }
  }
  return [...groups]
    .map(([name, of]) => ({ name, runs: of }))
    .sort((a, b) => (a.name === NONE) - (b.name === NONE));
}

/** @returns {{mean: number, n: number} | null} over the runs that have a finite number there */
export function meanOf(runs, path) {
  const values = runs.map((run) => run.fields[path]).filter((value) => Number.isFinite(value));
  if (!values.length) return null;
  return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, n: values.length };
}
