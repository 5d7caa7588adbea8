/** An icon of the sprite, for templates of elements. */

import { html } from "lit";
import { iconAddress } from "#js/lib/site.js";

export const icon = (name, css = "") =>
  html`<svg class="icon ${css}" aria-hidden="true"><use href=${iconAddress(name)}></use></svg>`;
