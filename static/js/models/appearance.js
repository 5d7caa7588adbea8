/**
 * How the site looks in this browser: theme and density. theme.js applies what is kept before the first paint.
 * Whoever draws on a canvas listens for "themechange" on window.
 */

export const THEMES = ["system", "light", "dark"];
export const DENSITIES = ["compact", "roomy"];

export const theme = () => document.documentElement.dataset.theme ?? "system";
export const density = () => document.documentElement.dataset.density ?? "compact";

/** Whether the page is dark now, whoever decided it. */
export function isDark() {
  const chosen = theme();
  return chosen === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
}

/** @param {"system" | "light" | "dark"} chosen */
export const setTheme = (chosen) => choose("theme", chosen, "system");

/** @param {"compact" | "roomy"} chosen */
export const setDensity = (chosen) => choose("density", chosen, "compact");

/** The default is kept as nothing, so that it may change for those who never chose. */
function choose(name, chosen, usual) {
  const { dataset } = document.documentElement;
  if (chosen === usual) delete dataset[name];
  else dataset[name] = chosen;
  try {
    if (chosen === usual) localStorage.removeItem(`isoline-${name}`);
    else localStorage.setItem(`isoline-${name}`, chosen);
  } catch {
    /* storage may be off: it holds for this page */
  }
  dispatchEvent(new Event("themechange"));
}
