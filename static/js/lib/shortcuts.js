/** The keys that work on every page; those of lists and charts belong to them. */

const SECOND_KEY_WITHIN_MS = 1200;

/**
 * @param {{places: {[letter: string]: string | undefined}, palette: () => void, help: () => void}} does
 *   places: where `g` and a letter lead; a letter without an address leads nowhere on this page.
 */
export function watchKeys({ places, palette, help }) {
  let leader = -Infinity;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      palette();
      return;
    }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    const isSecond = event.timeStamp - leader < SECOND_KEY_WITHIN_MS;
    leader = -Infinity;
    if (isSecond) {
      const address = places[event.key];
      if (!address) return;
      event.preventDefault();
      // No list takes the letter for its own.
      event.stopImmediatePropagation();
      location.assign(address);
    } else if (event.key === "g") {
      leader = event.timeStamp;
    } else if (event.key === "?") {
      event.preventDefault();
      help();
    } else if (event.key === "/") {
      event.preventDefault();
      focusSearch() || palette();
    }
  }, { capture: true });
}

/** @returns {boolean} whether keys go into a text, or into a dialog that has its own */
export function isTyping(event) {
  const target = event.composedPath()[0];
  return (
    target.isContentEditable ||
    Boolean(target.closest?.("input:not([type=checkbox], [type=radio], [type=range]), textarea, select")) ||
    Boolean(document.querySelector("dialog:modal"))
  );
}

function focusSearch() {
  const fields = [...document.querySelectorAll("[data-search]")];
  const field = fields.find((one) => one.checkVisibility());
  field?.focus();
  field?.select?.();
  return Boolean(field);
}
