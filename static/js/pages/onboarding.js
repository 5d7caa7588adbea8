/** First steps: one client's lines at a time, and the wait for the first point. */

import "#js/elements/copy-button.js";
import "#js/elements/waiting-for-point.js";

// Reloading a page that answered a form would send it again, and make a second key.
if (document.querySelector("[data-fresh-key]")) history.replaceState(null, "", location.href);

const list = document.querySelector("[data-clients]");
if (list) {
  const tabs = [...list.querySelectorAll("[role=tab]")];

  const choose = (chosen) => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
    }
  };
  choose(tabs.find((tab) => tab.getAttribute("aria-selected") === "true"));

  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (!tab || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // Another page would not have the key that is shown once.
    event.preventDefault();
    choose(tab);
  });
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === " ") choose(tabs[at]);
    else if (next === undefined) return;
    else {
      const tab = tabs.at(next % tabs.length);
      tab.focus();
      choose(tab);
    }
    event.preventDefault();
  });
}
