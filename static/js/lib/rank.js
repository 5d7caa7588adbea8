/** How well what was typed fits a label: for lists that are searched as one types. */

/**
 * @param {string} typed
 * @param {string} label
 * @returns {number} 0 if it does not fit; greater is better.
 *
 * Every typed word must be found: at the beginning of the label best, then at the beginning of a word, then anywhere,
 * last as letters in order ("shr" in "Sharpness"). Shorter labels win among equals.
 */
export function rank(typed, label) {
  const text = label.toLowerCase();
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  let total = 1;
  for (const word of words) {
    const found = rankOfWord(word, text);
    if (!found) return 0;
    total += found;
  }
  return total + 1 / (1 + label.length);
}

function rankOfWord(word, text) {
  const at = text.indexOf(word);
  if (at === 0) return 8;
  if (at > 0) return text.split(/[^\p{L}\p{N}]+/u).some((part) => part.startsWith(word)) ? 6 : 4;
  let from = 0;
  for (const letter of word) {
    from = text.indexOf(letter, from) + 1;
    if (!from) return 0;
  }
  return 1;
}

/**
 * @template T
 * @param {string} typed nothing keeps the order as it is
 * @param {T[]} items
 * @param {(item: T) => string} labelOf
 * @returns {T[]} those that fit, best first
 */
export function ranked(typed, items, labelOf) {
  if (!typed.trim()) return items;
  return items
    .map((item, order) => ({ item, order, fit: rank(typed, labelOf(item)) }))
    .filter((one) => one.fit)
    .sort((a, b) => b.fit - a.fit || a.order - b.order)
    .map((one) => one.item);
}
