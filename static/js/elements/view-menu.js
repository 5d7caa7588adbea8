/**
 * <view-menu>: which saved view the workspace shows, saving it, and what it opens with. Properties: `views`, `current`
 * (the view that is shown, or null), `isEdited`, `mayEdit`, `project` (id), `place`, `state` (what is to be saved).
 * Event: "saved" with the view.
 */

import { LitElement, html, nothing } from "lit";
import { patchJSON, postJSON, remove } from "#js/lib/api.js";
import { icon } from "#js/lib/icon.js";
import { toast } from "#js/lib/toast.js";

class ViewMenu extends LitElement {
  static properties = {
    views: { attribute: false }, current: { attribute: false }, isEdited: { type: Boolean }, mayEdit: { type: Boolean },
    project: {}, place: {}, state: { attribute: false },
  };

  createRenderRoot() {
    return this;
  }

  render() {
    const { current } = this;
    return html`<details class="menu-hold end"><summary class="btn ghost view-btn"><span class="muted">View</span> ${current?.name ?? "Automatic"} ${icon("chevron-down", "icon-s")}</summary>
      <div class="menu settings-menu">
        ${this.#item("auto", "Automatic", !current)}
        ${(this.views ?? []).map((each) => this.#item(each.id, each.name, each.id === current?.id, each.is_my_default ? "your default" : each.is_team_default ? "the team's default" : each.owner === "team" ? "team" : ""))}
        ${this.mayEdit ? html`<div class="menu-sep"></div>${current ? this.#ofCurrent() : nothing}${this.#form()}` : nothing}
      </div></details>
      ${this.isEdited ? html`<span class="badge">Edited</span>` : nothing}
      ${this.mayEdit ? html`<button class="btn" type="button" ?disabled=${!this.isEdited} @click=${this.#save}>Save view</button>` : nothing}`;
  }

  #item(id, name, isOn, hint = "") {
    return html`<a class="menu-item" href="${this.place}?view=${id}" aria-current=${isOn ? "true" : nothing}><span class="grow cut">${name}</span><span class="muted small-note">${hint}</span>${isOn ? icon("check") : nothing}</a>`;
  }

  #ofCurrent() {
    const { current } = this;
    const item = (name, words, run) => html`<button class="menu-item" type="button" @click=${run}>${icon(name)}<span class="grow">${words}</span></button>`;
    return html`${item("star", current.is_my_default ? "No longer open with it" : "Open with it by default", () => this.#default("mine", current.is_my_default))}
      ${current.owner === "team" ? item("team", current.is_team_default ? "No longer the team's default" : "Make it the team's default", () => this.#default("team", current.is_team_default)) : nothing}
      ${item("trash", "Delete view", this.#delete)}<div class="menu-sep"></div>`;
  }

  #form() {
    return html`<form class="view-form" @submit=${this.#saveAs}><input class="input" name="name" placeholder="Name of a new view" aria-label="Name of a new view" required maxlength="200">
      <select class="input" name="owner" aria-label="Whose view"><option value="mine">Mine</option><option value="team">The team’s</option></select><button class="btn">Save as</button></form>`;
  }

  #save = (event) => {
    if (this.current) return this.#act(async () => this.#saved(await patchJSON(`/views/${this.current.id}`, { state: this.state }), "saved"));
    // The click is none beside the menu, which would close it.
    event.stopPropagation();
    this.querySelector("details").open = true;
    this.updateComplete.then(() => this.querySelector("[name=name]").focus());
  };

  #saveAs = (event) => {
    event.preventDefault();
    const { name, owner } = event.target.elements;
    return this.#act(async () => {
      const made = await postJSON(`/projects/${this.project}/views`, { name: name.value, owner: owner.value, state: this.state });
      name.value = "";
      this.querySelector("details").open = false;
      this.#saved(made, "saved");
    });
  };

  #default(of, isOne) {
    return this.#act(async () => {
      const path = `/views/${this.current.id}/default`;
      if (isOne) await remove(`${path}?of=${of}`);
      else await postJSON(path, { of });
      const key = of === "team" ? "is_team_default" : "is_my_default";
      this.views = this.views.map((each) => ({ ...each, [key]: each.id === this.current.id && !isOne }));
      this.current = { ...this.current, [key]: !isOne };
    });
  }

  #delete = () =>
    this.#act(async () => {
      await remove(`/views/${this.current.id}`);
      location.assign(`${this.place}?view=auto`);
    });

  #saved(view, does) {
    this.views = [...this.views.filter(({ id }) => id !== view.id), view].sort((a, b) => a.name.localeCompare(b.name));
    this.current = view;
    this.dispatchEvent(new CustomEvent("saved", { detail: view }));
    toast(`View ${view.name} ${does}.`);
  }

  async #act(act) {
    try {
      await act();
    } catch (refused) {
      toast(refused.message, { kind: "error" });
    }
  }
}

customElements.define("view-menu", ViewMenu);
