/**
 * `<inline-edit>`: a text that becomes a field. Properties: value; save, which may refuse by throwing. Enter saves,
 * Escape leaves it as it was; a refusal is said beside the field. Event: "done".
 */

import { LitElement, html, nothing } from "lit";

export class InlineEdit extends LitElement {
  static properties = {
    value: {},
    label: {},
    save: { attribute: false },
    fault: { state: true },
    isSaving: { state: true },
  };

  createRenderRoot() {
    return this;
  }

  firstUpdated() {
    const field = this.querySelector("input");
    field.focus();
    field.select();
  }

  render() {
    return html`<input class="input inline" .value=${this.value} aria-label=${this.label} ?disabled=${this.isSaving}
        aria-invalid=${this.fault ? "true" : "false"} @keydown=${this.#key} @blur=${this.#left} @click=${(event) => event.stopPropagation()} />
      ${this.fault ? html`<span class="inline-fault bad" role="alert">${this.fault}</span>` : nothing}`;
  }

  #key(event) {
    event.stopPropagation();
    if (event.key === "Enter") this.#store(event.target.value);
    else if (event.key === "Escape") this.#end();
  }

  #left(event) {
    if (!this.isSaving && !this.fault) this.#store(event.target.value);
  }

  async #store(value) {
    if (value === this.value) return this.#end();
    this.isSaving = true;
    this.fault = "";
    try {
      await this.save(value);
      this.#end();
    } catch (refusal) {
      this.fault = refusal.details?.fields?.[0]?.message ?? refusal.message;
      this.isSaving = false;
      await this.updateComplete;
      this.querySelector("input").focus();
    }
  }

  #end() {
    this.isSaving = true;
    this.dispatchEvent(new CustomEvent("done"));
  }
}

customElements.define("inline-edit", InlineEdit);
