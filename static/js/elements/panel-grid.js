/**
 * <panel-grid>: panels in foldable sections, and one that fills the screen. Properties: `view`, `metrics` (names),
 * `runs` (lines), `open` (id of the panel that fills the screen). Event: "open" with {id}, null to close. Knows no page.
 */

import { LitElement, html, nothing, repeat } from "lit";
import "#js/elements/panel-card.js";
import { settingRows } from "#js/elements/setting-rows.js";
import { icon } from "#js/lib/icon.js";
import { SETTINGS, overrides, without } from "#js/models/panel.js";
import { changePanel, changeSection, duplicatePanel, finder, layout, movePanel, removePanel } from "#js/models/panels.js";

const DRAGGED = "text/x-isoline-panel";

class PanelGrid extends LitElement {
  static properties = { view: { attribute: false }, metrics: { attribute: false }, runs: { attribute: false }, open: { attribute: false } };

  #sections = [];
  #redraw = () => this.requestUpdate();

  createRenderRoot() {
    return this;
  }

  updated(changed) {
    const dialog = this.querySelector("dialog");
    if (dialog && !dialog.open) dialog.showModal();
    if (!changed.has("view")) return;
    changed.get("view")?.removeEventListener("change", this.#redraw);
    this.view?.addEventListener("change", this.#redraw);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.view?.removeEventListener("change", this.#redraw);
  }

  render() {
    if (!this.view) return nothing;
    const { panel_search: search } = this.view.state;
    const isFound = finder(search);
    this.#sections = layout(this.metrics ?? [], this.view.state);
    const shown = this.#sections.map((section) => ({ ...section, found: section.panels.filter(isFound) })).filter(({ found }) => found.length);
    return html`${repeat(shown, ({ name }) => name, (section) => this.#section(section))}
      ${shown.length ? nothing : this.#nothing(search)}${this.#full(shown)}`;
  }

  #nothing({ text } = {}) {
    if (!text) return html`<p class="empty">No metric has been logged yet. Panels appear with the first point.</p>`;
    return html`<div class="empty"><p>No panel matches “${text}”.</p>
      <button class="btn" type="button" @click=${() => this.view.update({ panel_search: { text: "", regex: false } })}>Clear the search</button></div>`;
  }

  #section({ name, folded, settings, found }) {
    const own = overrides(settings);
    return html`<section aria-label=${name}>
      <div class="section-head">
        <button class="fold" type="button" aria-expanded=${String(!folded)} aria-label="Fold ${name}"
          @click=${() => this.view.update(changeSection(this.view.state, name, { folded: !folded }), { does: `fold ${name}` })}>
          ${icon("chevron-right")}</button>
        <h2>${name}</h2><span class="count">${found.length}</span>
        <span class="tools"><span class="muted small-note">${own ? `${own} ${own === 1 ? "override" : "overrides"}` : nothing}</span>
          <details class="menu-hold end"><summary class="btn ghost small icon-only" aria-label="Settings of ${name}">${icon("sliders")}</summary>
            <div class="menu settings-menu">${settingRows({ own: settings, metrics: this.metrics, change: (change) => this.#setSection(name, settings, change) })}</div></details></span></div>
      ${folded
        ? nothing
        : html`<div class="grid">${repeat(found, ({ id }) => id, (panel) => html`<panel-card class="panel" data-panel=${panel.id}
            .panel=${panel} .runs=${this.runs} .metrics=${this.metrics} @open=${() => this.#go(panel.id)} @zoom=${({ detail }) => this.#zoomed(panel, detail)}
            @change=${({ detail }) => this.#change(panel, detail)} @inherit=${() => this.#inherit(panel)}
            @remove=${() => this.#does(removePanel(this.view.state, panel.id), `remove ${panel.title}`)}
            @duplicate=${() => this.#does(duplicatePanel(this.view.state, panel).change, `duplicate ${panel.title}`)}
            @dragover=${(event) => event.dataTransfer.types.includes(DRAGGED) && event.preventDefault()}
            @drop=${(event) => this.#dropped(event, panel)}></panel-card>`)}</div>`}
    </section>`;
  }

  /** The panel that fills the screen; arrows go through all that the search has left. */
  #full(sections) {
    const panels = sections.flatMap(({ found }) => found);
    const at = panels.findIndex(({ id }) => id === this.open);
    if (at < 0) return nothing;
    const panel = panels[at];
    const go = (by) => this.#go(panels[(at + by + panels.length) % panels.length].id);
    return html`<dialog class="stage" tabindex="-1" aria-label=${panel.title} @close=${() => this.open && this.#go(null)}
      @keydown=${(event) => !event.target.matches("input, select, textarea, [role=grid]") && { ArrowLeft: () => go(-1), ArrowRight: () => go(1) }[event.key]?.()}>
      <div class="stage-bar"><button class="btn ghost icon-only" type="button" aria-label="Panel before" @click=${() => go(-1)}>${icon("chevron-right", "flip")}</button>
        <span class="num muted">${at + 1} of ${panels.length}</span>
        <button class="btn ghost icon-only" type="button" aria-label="Next panel" @click=${() => go(1)}>${icon("chevron-right")}</button>
        <span class="grow"></span><button class="btn ghost icon-only" type="button" aria-label="Close full screen" @click=${() => this.#go(null)}>${icon("close")}</button></div>
      ${repeat([panel], ({ id }) => id, () => html`<panel-card class="panel" full .panel=${panel} .runs=${this.runs} .metrics=${this.metrics}
        @zoom=${({ detail }) => this.#zoomed(panel, detail)} @change=${({ detail }) => this.#change(panel, detail)} @inherit=${() => this.#inherit(panel)}
        @remove=${() => (this.#go(null), this.#does(removePanel(this.view.state, panel.id), `remove ${panel.title}`))}
        @duplicate=${() => this.#does(duplicatePanel(this.view.state, panel).change, `duplicate ${panel.title}`)}></panel-card>`)}
    </dialog>`;
  }

  #go(id) {
    this.open = id;
    this.dispatchEvent(new CustomEvent("open", { detail: { id } }));
  }

  #does(change, does) {
    this.view.update(change, { does });
  }

  #change({ id, title }, change) {
    this.#does(changePanel(this.view.state, id, change), `settings of ${title}`);
  }

  #inherit({ id, title }) {
    const none = Object.fromEntries(SETTINGS.map((name) => [name, undefined]));
    this.#does(changePanel(this.view.state, id, none), `settings of ${title}`);
  }

  #setSection(name, settings, change) {
    const next = Object.fromEntries(Object.entries({ ...settings, ...change }).filter(([, value]) => value !== undefined));
    this.#does(changeSection(this.view.state, name, { settings: next }), `settings of ${name}`);
  }

  #dropped(event, { id, section }) {
    event.preventDefault();
    const moved = event.dataTransfer.getData(DRAGGED);
    this.#does(movePanel(this.view.state, this.#sections, moved, { section, before: id }), "move a panel");
  }

  /** All panels zoom along x together if the view says so; y is each panel's own. */
  #zoomed({ id }, { x, y }) {
    const { state } = this.view;
    if (!state.sync_zoom) return this.view.update(changePanel(state, id, { x_range: x ?? undefined, y_range: y ?? undefined }));
    const settings = x ? { ...state.settings, x_range: x } : without(state.settings, ["x_range"]);
    this.view.update({ settings, ...changePanel(state, id, { x_range: undefined, y_range: y ?? undefined }) });
  }
}

customElements.define("panel-grid", PanelGrid);
