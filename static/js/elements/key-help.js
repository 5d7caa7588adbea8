/** `<key-help>`: every key and gesture, in a dialog; `show()` opens it. */

import { LitElement, html, nothing } from "lit";
import { icon } from "#js/lib/icon.js";
import { KEY_LIST, keyNames } from "#js/lib/key-list.js";

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

class KeyHelp extends LitElement {
  #isOpen = false;

  createRenderRoot() {
    return this;
  }

  async show() {
    this.#isOpen = true;
    this.requestUpdate();
    await this.updateComplete;
    const dialog = this.querySelector("dialog");
    if (!dialog.open) dialog.showModal();
  }

  render() {
    if (!this.#isOpen) return nothing;
    return html`<dialog class="dialog wide" aria-labelledby="key-help-title" @close=${this.#closed} @click=${this.#outside}>
      <header class="dialog-head">
        <h2 id="key-help-title">Keys and gestures</h2>
        <form method="dialog">
          <button class="btn ghost icon-only" aria-label="Close">${icon("close")}</button>
        </form>
      </header>
      <div class="dialog-body key-groups">${KEY_LIST.map(group)}</div>
    </dialog>`;
  }

  #closed = () => {
    this.#isOpen = false;
    this.requestUpdate();
  };

  #outside = (event) => {
    if (event.target === event.currentTarget) event.currentTarget.close();
  };
}

const group = ({ title, keys }) =>
  html`<section>
    <h3 class="over">${title}</h3>
    <dl class="keys">
      ${keys.map(([pressed, does]) => html`<div><dt>${pressed.map(chord)}</dt><dd>${does}</dd></div>`)}
    </dl>
  </section>`;

const chord = (keys) => keyNames(keys, isMac).map((name) => html`<kbd>${name}</kbd>`);

customElements.define("key-help", KeyHelp);
