/**
 * `<details class="menu-hold">` as a menu: one is open at a time, a click elsewhere and Escape close it, arrow keys
 * move in it. Opening and closing needs no script. Works for menus that come later, too.
 */

const OPEN = "details.menu-hold[open]";

export function watchMenus() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(OPEN)) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details.menu-hold");
    if (!menu) return;
    if (event.key === "Escape" && menu.open) close(menu, event);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") move(menu, event);
    else if ((event.key === "Home" || event.key === "End") && menu.open) move(menu, event);
  });
}

function close(menu, event) {
  event.preventDefault();
  menu.open = false;
  menu.querySelector("summary").focus();
}

function move(menu, event) {
  if (event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  menu.open = true;
  const items = [...menu.querySelectorAll(".menu-item")].filter((item) => !item.disabled);
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1 }[event.key];
  items.at(next % items.length || 0)?.focus();
}
