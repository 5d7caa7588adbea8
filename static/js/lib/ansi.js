/** Lines of a terminal as pieces of text with the colours they were printed in. Text only: nothing here is HTML. */

// CSI sequences; OSC ones, such as links; the two-letter ones; what else is no letter.
const SEQUENCE =
  // eslint-disable-next-line no-control-regex
  /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b[@-Z\\-_]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

const FLAGS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "struck" };
const ENDS = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["struck"] };
const LEVELS = [0, 95, 135, 175, 215, 255];

/**
 * @typedef {{text: string, classes: string[], colour: string, ground: string}} Piece
 *   classes: `ansi-…`; colour, ground: a CSS colour where none of the sixteen was asked for, "" else
 */

/**
 * @param {string} line
 * @returns {Piece[]} none for an empty line
 */
export function pieces(line) {
  const made = [];
  let style = plain();
  let from = 0;
  const add = (to) => {
    if (to > from) made.push(piece(line.slice(from, to), style));
  };
  for (const match of line.matchAll(SEQUENCE)) {
    add(match.index);
    from = match.index + match[0].length;
    if (match[2] === "m") style = styled(style, match[1]);
  }
  add(line.length);
  return made;
}

/** What is left of a line without its sequences. */
export const plainText = (line) => line.replace(SEQUENCE, "");

const plain = () => ({ flags: new Set(), colour: null, ground: null });

function piece(text, { flags, colour, ground }) {
  const classes = [...flags].map((flag) => `ansi-${flag}`);
  if (typeof colour === "number") classes.push(`ansi-${colour}`);
  if (typeof ground === "number") classes.push(`ansi-on-${ground}`);
  return { text, classes, colour: rgb(colour), ground: rgb(ground) };
}

const rgb = (colour) => (Array.isArray(colour) ? `rgb(${colour.join(" ")})` : "");

/** A style after the parameters of one `m`. */
function styled({ flags, colour, ground }, parameters) {
  const codes = parameters.split(/[;:]/).map(Number);
  let next = { flags: new Set(flags), colour, ground };
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (!code) next = plain();
    else if (FLAGS[code]) next.flags.add(FLAGS[code]);
    else if (ENDS[code]) for (const flag of ENDS[code]) next.flags.delete(flag);
    else if (code >= 30 && code <= 37) next.colour = code - 30;
    else if (code >= 90 && code <= 97) next.colour = code - 82;
    else if (code === 39) next.colour = null;
    else if (code >= 40 && code <= 47) next.ground = code - 40;
    else if (code >= 100 && code <= 107) next.ground = code - 92;
    else if (code === 49) next.ground = null;
    else if (code === 38 || code === 48) {
      const [made, used] = extended(codes.slice(i + 1));
      if (made !== undefined) next[code === 38 ? "colour" : "ground"] = made;
      i += used;
    }
  }
  return next;
}

/** @returns {[number | number[] | undefined, number]} one of the sixteen or its parts; how many codes it took */
function extended([kind, ...rest]) {
  if (kind === 5) return [ofPalette(rest[0]), 2];
  if (kind === 2 && rest.length >= 3) return [rest.slice(0, 3).map((part) => Math.min(255, part || 0)), 4];
  return [undefined, rest.length + 1];
}

/** Of the 256: the first sixteen are those of the theme, then a cube of six levels, then greys. */
function ofPalette(index) {
  if (!(index >= 0 && index <= 255)) return undefined;
  if (index < 16) return index;
  if (index >= 232) return Array(3).fill(8 + 10 * (index - 232));
  const at = index - 16;
  return [Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6].map((level) => LEVELS[level]);
}
