/** What the server wrote into <html> about this site. */

const root = globalThis.document?.documentElement;

/** The path prefix the site lives under; "" at the root of a host. */
export const base = root?.dataset.base ?? "";

/** An address of this site: `at("/api/v1/tiles")`. */
export const at = (path) => base + path;

/** Where an icon of the sprite is: for `<use href=…>`. */
export const iconAddress = (name) => `${root?.dataset.icons ?? ""}#${name}`;

/** The token that a signed-in page sends with whatever changes something. */
export function csrfToken() {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}
