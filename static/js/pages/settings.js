/** The settings: dialogs the server has opened become modal; theme and density are chosen. */

import { density, setDensity, setTheme, theme } from "#js/models/appearance.js";

for (const dialog of document.querySelectorAll("dialog[data-modal]")) {
  dialog.close();
  dialog.showModal();
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    // A key that is shown once does not go away by a slip of the hand.
    if (!("once" in dialog.dataset)) location.assign(dialog.dataset.back);
  });
  // Reloading a page that answered a form would send it again, and make a second key.
  if ("once" in dialog.dataset) history.replaceState(null, "", dialog.dataset.back);
}

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
