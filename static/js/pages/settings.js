/** The settings: dialogs the server has opened become modal; theme and density are chosen. */

import { openDialogs } from "#js/lib/dialogs.js";
import { density, setDensity, setTheme, theme } from "#js/models/appearance.js";

openDialogs();

const form = document.querySelector("[data-appearance]");
if (form) {
  const show = () => {
    form.elements.theme.value = theme();
    form.elements.density.value = density();
  };
  show();
  addEventListener("themechange", show);
  form.addEventListener("change", () => {
    const { theme: chosen, density: dense } = Object.fromEntries(new FormData(form));
    setTheme(chosen);
    setDensity(dense);
  });
}
