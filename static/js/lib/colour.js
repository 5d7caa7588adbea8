/** Run colours: the same run has the same colour in lists, charts, reports and exports. */

export const COLOURS = 20;

/** FNV-1a of the run's public id, so that every reader and the server agree. */
export function colourIndex(runId) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < runId.length; i++) {
    hash ^= runId.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return (hash >>> 0) % COLOURS;
}

/** The CSS expression of a run's colour; give it to `--c` through the style object. */
export const runColour = (runId) => `var(--run-${colourIndex(runId)})`;
