/**
 * Address ⇄ state: what differs from the base stands in the query string, readable where it is short. What is too
 * long is kept by the server, and the address says `?v=ID`.
 *
 *     ?view=ID    the saved view it starts from ("auto": none)     ?panel=ID   the panel that fills the screen
 *     ?q= ?sort= ?group= ?search= ?regex=1                          ?s=         all the rest
 */

const PLAIN = ["q", "sort", "group"];
export const MOST_CHARACTERS = 1500;
const OURS = [...PLAIN, "search", "regex", "s", "v", "view", "panel"];

/**
 * @param {object} change what differs from the base, as `difference` says
 * @param {{view?: string | null, panel?: string | null, others?: URLSearchParams}} more others: what is not ours stays
 * @returns {{search: string, isLong: boolean}} isLong: better kept by the server
 */
export function written(change, { view = null, panel = null, others = new URLSearchParams() } = {}) {
  const params = foreign(others);
  const rest = { ...change };
  if (view) params.set("view", view);
  for (const key of PLAIN) {
    if (rest[key] !== undefined) params.set(key, rest[key]);
    delete rest[key];
  }
  if (rest.search) {
    params.set("search", rest.search.text);
    if (rest.search.regex) params.set("regex", "1");
    delete rest.search;
  }
  if (Object.keys(rest).length) params.set("s", encoded(rest));
  if (panel) params.set("panel", panel);
  const search = params.size ? `?${spelled(params)}` : "";
  return { search, isLong: search.length > MOST_CHARACTERS };
}

/** The address of a state that the server keeps. */
export function linked(id, { view = null, panel = null, others = new URLSearchParams() } = {}) {
  const params = foreign(others);
  if (view) params.set("view", view);
  params.set("v", id);
  if (panel) params.set("panel", panel);
  return `?${spelled(params)}`;
}

/** @returns {{change: object, view: string | null, link: string | null, panel: string | null}} what an address says. */
export function read(search) {
  const params = new URLSearchParams(search);
  const change = decoded(params.get("s"));
  for (const key of PLAIN) if (params.has(key)) change[key] = params.get(key);
  if (params.has("search")) change.search = { text: params.get("search"), regex: params.has("regex") };
  return { change, view: params.get("view"), link: params.get("v"), panel: params.get("panel") };
}

function foreign(others) {
  return new URLSearchParams([...others].filter(([name]) => !OURS.includes(name)));
}

/** Slashes and colons need no escape in a query string; metrics have many. */
const spelled = (params) => params.toString().replaceAll("%2F", "/").replaceAll("%3A", ":");

function encoded(value) {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** An address that was cut short says less, and breaks nothing. */
function decoded(text) {
  if (!text) return {};
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return value && typeof value === "object" && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
