/** Which runs are drawn: all but some, or none but some. Pure; every function returns new eyes. */

/** @typedef {{all: boolean, but: string[]}} Eyes */

export const ALL = Object.freeze({ all: true, but: [] });
export const NONE = Object.freeze({ all: false, but: [] });

export const isShown = ({ all, but }, id) => all !== but.includes(id);

/** Show these runs, or hide them. */
export function show({ all, but }, ids, isOn) {
  const named = new Set(but);
  for (const id of ids) {
    if (isOn === all) named.delete(id);
    else named.add(id);
  }
  return { all, but: [...named] };
}

export const toggle = (eyes, id) => show(eyes, [id], !isShown(eyes, id));

/** Only these runs are shown. */
export const isSolo = ({ all, but }, ids) => !all && but.length === ids.length && ids.every((id) => but.includes(id));

/** Alt-click: these runs alone; again: what was there before (`Solo` remembers it). */
export class Solo {
  #before = null;

  press(eyes, ids) {
    if (isSolo(eyes, ids)) {
      const before = this.#before ?? ALL;
      this.#before = null;
      return before;
    }
    // From one alone to another alone, what comes back is still what was before the first.
    if (eyes.all || this.#before === null) this.#before = eyes;
    return { all: false, but: [...ids] };
  }
}
