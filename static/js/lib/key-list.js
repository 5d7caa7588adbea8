/** Every key and gesture there is, as the help shows them; docs/guides/browser.md tells the same in sentences. */

/** @type {{title: string, keys: [keys: string[], does: string][]}[]} keys: pressed one after the other; "a+b" at once */
export const KEY_LIST = [
  {
    title: "Anywhere",
    keys: [
      [["Mod+K"], "Search or jump to anything"],
      [["/"], "Search this page"],
      [["g", "h"], "Go home"],
      [["g", "w"], "Go to the workspace"],
      [["g", "r"], "Go to the runs"],
      [["g", "s"], "Go to the settings"],
      [["?"], "These keys"],
      [["Esc"], "Close what is open"],
    ],
  },
  {
    title: "Runs",
    keys: [
      [["j"], "Next run"],
      [["k"], "Run before"],
      [["x"], "Select"],
      [["Space"], "Show or hide"],
      [["e"], "Open"],
      [["Alt+click"], "Show this run alone; again to restore"],
      [["Mod+click"], "Add to the selection"],
      [["Shift+click"], "Select up to here"],
    ],
  },
  {
    title: "Charts",
    keys: [
      [["drag"], "Zoom in"],
      [["Shift+drag"], "Pan"],
      [["Alt+wheel"], "Zoom around the pointer"],
      [["Backspace"], "One zoom back"],
      [["double-click"], "Show everything"],
      [["click"], "Hold the tooltip; Esc lets go"],
      [["Shift"], "Details in the tooltip"],
      [["←", "→"], "Panel before, next panel, in full screen"],
    ],
  },
];

/** "Mod" is the command key on a Mac and Ctrl elsewhere. */
export const keyNames = (keys, isMac) =>
  keys.split("+").map((key) => (key === "Mod" ? (isMac ? "⌘" : "Ctrl") : key));
