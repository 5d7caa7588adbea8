/** A sentence at the foot of the page that goes by itself; with an action, such as Undo, it stays longer. */

const SHOWN_MS = 5000;
const WITH_ACTION_MS = 10_000;

/**
 * @param {string} text
 * @param {{action?: string, run?: () => void, kind?: "error"}} [options] action: the words of its button; run: what it does
 */
export function toast(text, { action, run, kind } = {}) {
  const item = document.createElement("li");
  item.className = `toast ${kind ?? ""}`;
  const words = document.createElement("span");
  words.textContent = text;
  item.append(words);
  if (action) item.append(button(action, () => (item.remove(), run?.())));
  list().append(item);
  leave(item, action ? WITH_ACTION_MS : SHOWN_MS);
}

/** Give those the server wrote a way to close, and let them go by themselves; what went wrong stays. */
export function tendToasts() {
  for (const item of document.querySelectorAll(".toasts > .toast")) {
    item.append(button("Close", () => item.remove()));
    if (!item.classList.contains("error")) leave(item, SHOWN_MS);
  }
}

function list() {
  const there = document.querySelector(".toasts");
  if (there) return there;
  const made = document.createElement("ul");
  made.className = "toasts";
  made.setAttribute("role", "status");
  document.body.append(made);
  return made;
}

function button(words, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = words;
  made.addEventListener("click", run);
  return made;
}

/** Whoever points at it is still reading. */
function leave(item, afterMs) {
  setTimeout(() => (item.matches(":hover, :focus-within") ? leave(item, afterMs) : item.remove()), afterMs);
}
