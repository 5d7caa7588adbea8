/**
 * `<copy-button value="text">` or `<copy-button from="id">`: copies the text, or what that element shows.
 * label: what it says to a screen reader, "Copy" if it says nothing; words: shown beside the icon.
 */

import { LitElement, html, nothing } from "lit";
import { icon } from "#js/lib/icon.js";

const SAID_FOR_MS = 1600;

class CopyButton extends LitElement {
  static properties = { value: {}, from: {}, label: {}, words: {} };

  #said = "";
  #timer;

  createRenderRoot() {
    return this;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  render() {
    const label = this.#said || this.label || "Copy";
    return html`<button
        class="btn ghost small ${this.words ? "" : "icon-only"}"
        type="button"
        aria-label=${label}
        title=${label}
        @click=${this.#copy}
      >
        ${icon(this.#said === "Copied" ? "check" : "copy", "icon-s")}${this.words ? (this.#said || this.words) : nothing}
      </button>
      <span class="sr" role="status">${this.#said}</span>`;
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#text());
      this.#say("Copied");
    } catch {
      // Without https a browser has no clipboard to give; a selection can be copied by hand.
      this.#say(this.#select() ? "Press Ctrl+C to copy" : "Could not copy");
    }
  }

  #source() {
    return this.from ? document.getElementById(this.from) : null;
  }

  #text() {
    const source = this.#source();
    return this.value ?? source?.value ?? source?.textContent ?? "";
  }

  #select() {
    const source = this.#source();
    if (!source) return false;
    if (source instanceof HTMLInputElement) source.select();
    else getSelection().selectAllChildren(source);
    return true;
  }

  #say(words) {
    this.#said = words;
    this.requestUpdate();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#said = "";
      this.requestUpdate();
    }, SAID_FOR_MS);
  }
}

customElements.define("copy-button", CopyButton);
