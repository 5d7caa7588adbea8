/** `<dialog data-modal data-back="/address">`: dialogs the server has opened become modal; Escape leads back. */

export function openDialogs() {
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
}
