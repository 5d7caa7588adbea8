/** What is asked of the server for a list of runs. `apps/web/pages/workspace.py` asks the same for the first page. */

/** What a row shows whatever its columns are. */
const OF_EVERY_RUN = ["created", "seen", "ended", "step", "group", "tags"];

/** A text as the query language writes it. */
export const quoted = (text) => `"${text.replace(/(["\\])/g, "\\$1")}"`;

/** The query with a search for names in it. */
export function composed(query, search) {
  if (!search?.text) return query;
  const named = `name ${search.regex ? "matches" : "contains"} ${quoted(search.text)}`;
  return query.trim() ? `(${query}) and ${named}` : named;
}

/** The path an order begins with, and its way; null without one. */
export function sortedBy(sort) {
  const first = /^\s*(-?)((?:"[^"]*"|[^,"])*)/.exec(sort ?? "");
  const path = first?.[2].trim();
  return path ? { path, isDescending: first[1] === "-" } : null;
}

/** The columns that a list shows: those of the view, and what it is sorted by if that is a value. */
export function columnsOf({ columns, sort }, automatic) {
  const chosen = columns ?? automatic;
  const by = sortedBy(sort)?.path;
  return by && /[.(]/.test(by) && !chosen.includes(by) ? [...chosen, by] : chosen;
}

/** @returns {URLSearchParams} of `GET /projects/{project}/runs` */
export function asked(state, automatic, { limit, cursor, ids } = {}) {
  let query = composed(state.q, state.search);
  if (ids) {
    const named = `id in (${ids.map(quoted).join(", ")})`;
    query = query.trim() ? `(${query}) and ${named}` : named;
  }
  const params = new URLSearchParams();
  if (query) params.set("q", query);
  if (state.sort) params.set("sort", state.sort);
  if (limit) params.set("limit", limit);
  if (cursor) params.set("cursor", cursor);
  const fields = new Set([...OF_EVERY_RUN, ...columnsOf(state, automatic), ...(state.group ? [state.group] : [])]);
  for (const field of fields) params.append("field", field);
  return params;
}
