/**
 * <run-bulk>: what can be done with the selected runs. Properties: `ids`, `runs` (models/runs.js), `place`, `mayEdit`.
 * Events: "close"; "show" with {isOn}.
 */

import { LitElement, html, nothing } from "lit";
import { postJSON } from "#js/lib/api.js";
import { count } from "#js/lib/format.js";
import { icon } from "#js/lib/icon.js";
import { toast } from "#js/lib/toast.js";

const runsOf = (n) => (n === 1 ? "1 run" : `${count(n)} runs`);

class RunBulk extends LitElement {
  static properties = { ids: { attribute: false }, runs: { attribute: false }, place: {}, mayEdit: { type: Boolean }, isTagging: { state: true } };

  createRenderRoot() {
    return this;
  }

  render() {
    const { ids } = this;
    const button = (name, words, click) => html`<button class="btn ghost" type="button" @click=${click}>${icon(name)}${words}</button>`;
    return html`<div class="bulk" role="toolbar" aria-label="${runsOf(ids.length)} selected"><b class="num">${count(ids.length)} selected</b>
      <a class="btn ghost" href="${this.place}/compare?runs=${ids.join(",")}">${icon("diff")}Compare</a>
      ${button("eye", "Show", () => this.#say("show", { isOn: true }))}${button("eye-off", "Hide", () => this.#say("show", { isOn: false }))}
      ${this.mayEdit ? html`${button("tag", "Tag", () => (this.isTagging = !this.isTagging))}${button("trash", "Delete", this.#delete)}` : nothing}
      <button class="btn ghost icon-only" type="button" aria-label="Select none" @click=${() => this.#say("close")}>${icon("close")}</button></div>
      ${this.isTagging
        ? html`<form class="bulk bulk-form" @submit=${this.#tag}><input class="input" name="tags" placeholder="best, ablation" aria-label="Tags, with commas between" required>
            <button class="btn primary">Add tags</button></form>`
        : nothing}`;
  }

  #tag = async (event) => {
    event.preventDefault();
    const { ids } = this;
    const tags = event.target.elements.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    // Undo takes them from those only that did not have them.
    const without = (tag) => ids.filter((id) => !(this.runs.byId(id)?.fields.tags ?? []).includes(tag));
    const given = tags.map((tag) => [tag, without(tag)]).filter(([, to]) => to.length);
    await this.#act(async () => {
      await postJSON("/runs/tags", { ids, add: tags });
      this.isTagging = false;
      const back = () => this.#act(async () => {
        for (const [tag, to] of given) await postJSON("/runs/tags", { ids: to, remove: [tag] });
      });
      toast(`${tags.join(", ")} added to ${runsOf(ids.length)}.`, { action: "Undo", run: back });
    });
  };

  #delete = () => {
    const { ids, runs } = this;
    return this.#act(async () => {
      await postJSON("/runs/delete", { ids });
      runs.drop(ids);
      this.#say("close");
      toast(`${runsOf(ids.length)} deleted. The trash keeps them for 30 days.`, {
        action: "Undo",
        run: () => this.#act(async () => (await postJSON("/runs/restore", { ids }), runs.reload())),
      });
    });
  };

  async #act(act) {
    try {
      await act();
    } catch (refused) {
      toast(refused.message, { kind: "error" });
    }
  }

  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

customElements.define("run-bulk", RunBulk);
