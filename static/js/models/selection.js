/** Selected rows of a list: Ctrl-click adds or takes away, Shift-click takes all from the last one on. Pure. */

/** @typedef {{ids: ReadonlySet<string>, anchor: string | null}} Selection */

export const NOTHING = Object.freeze({ ids: new Set(), anchor: null });

export function toggled({ ids }, id) {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return { ids: next, anchor: id };
}

/** @param {string[]} order all ids as they stand in the list */
export function ranged({ ids, anchor }, id, order) {
  const from = order.indexOf(anchor);
  const to = order.indexOf(id);
  if (from < 0 || to < 0) return toggled({ ids }, id);
  return { ids: new Set([...ids, ...order.slice(Math.min(from, to), Math.max(from, to) + 1)]), anchor };
}

/** Without rows that are no longer there. */
export function among({ ids, anchor }, order) {
  const there = new Set(order);
  return { ids: new Set([...ids].filter((id) => there.has(id))), anchor: there.has(anchor) ? anchor : null };
}
