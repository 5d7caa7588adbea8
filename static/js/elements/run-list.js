/**
 * <run-list>: the runs beside the panels: eyes, names, values, groups, selection. Properties: `runs` (models/runs.js),
 * `view`, `place` (the address of the project), `project` (its id), `mayEdit`.
 */

import { LitElement, html, nothing, repeat } from "lit";
import "#js/elements/query-bar.js";
import "#js/elements/run-bulk.js";
import { getJSON } from "#js/lib/api.js";
import { colourIndex } from "#js/lib/colour.js";
import { count, tick, value } from "#js/lib/format.js";
import { icon } from "#js/lib/icon.js";
import { isTyping } from "#js/lib/shortcuts.js";
import { ALL, NONE, Solo, isShown, show, toggle } from "#js/models/eyes.js";
import { hover } from "#js/models/hover.js";
import { grouped, meanOf } from "#js/models/run-groups.js";
import { columnsOf, sortedBy } from "#js/models/run-query.js";
import { NOTHING, among, ranged, toggled } from "#js/models/selection.js";

const NEAR_END_PX = 400;
const CLOCK_MS = 1000;
const ORDERS = [["", "Newest first"], ["created", "Oldest first"], ["name", "Name"]];

class RunList extends LitElement {
  static properties = {
    runs: { attribute: false }, view: { attribute: false }, place: {}, project: {}, mayEdit: { type: Boolean },
    hasFilter: { state: true }, choices: { state: true }, picked: { state: true }, at: { state: true },
  };

  #solo = new Solo();
  #closed = new Set();
  #clock = 0;
  #redraw = () => this.requestUpdate();

  constructor() {
    super();
    this.choices = null;
    this.picked = NOTHING;
    this.at = null;
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    hover.addEventListener("change", this.#redraw);
    document.addEventListener("keydown", this.#key);
    this.#clock = setInterval(() => this.runs?.items.some(({ state }) => state === "running") && this.requestUpdate(), CLOCK_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    hover.removeEventListener("change", this.#redraw);
    document.removeEventListener("keydown", this.#key);
    clearInterval(this.#clock);
    this.runs?.removeEventListener("change", this.#redraw);
    this.view?.removeEventListener("change", this.#redraw);
  }

  updated(changed) {
    for (const name of ["runs", "view"]) {
      if (!changed.has(name)) continue;
      changed.get(name)?.removeEventListener("change", this.#redraw);
      this[name]?.addEventListener("change", this.#redraw);
    }
  }

  get #rows() {
    return [...this.runs.above, ...this.runs.below];
  }

  render() {
    if (!this.runs) return nothing;
    const { runs, view } = this;
    const { search, q, group, lines } = view.state;
    const column = columnsOf(view.state, runs.columns).at(-1);
    const by = sortedBy(view.state.sort);
    const total = `${count(runs.total)}${runs.totalIsExact ? "" : "+"}`;
    const hidden = lines !== null && runs.shownTotal > lines;
    const sortedHere = by?.path === column;
    return html`
      <div class="side-head"><label class="field quiet">${icon("search", "icon-s")}<span class="sr">Search runs</span>
        <input type="search" placeholder="Search runs" data-search .value=${search.text} @input=${({ target }) => view.update({ search: { ...search, text: target.value } })}>
        <button class="eye" type="button" aria-pressed=${String(Boolean(search.regex))} aria-label="Search by a pattern" title="Search by a pattern"
          @click=${() => view.update({ search: { ...search, regex: !search.regex } })}>${icon("regex")}</button></label>
        <div class="row tight">
          <button class="btn ghost small ${q ? "on" : ""}" type="button" aria-expanded=${String(Boolean(this.hasFilter || q))} @click=${() => (this.hasFilter = !this.hasFilter)}>${icon("filter")}Filter</button>
          ${this.#menu("group", group ? `Group: ${group.replace(/^config\./, "")}` : "Group", Boolean(group), this.#groups)}
          ${this.#menu("sort", "Sort", Boolean(view.state.sort), this.#sorts)}
        </div>
        ${this.hasFilter || q ? html`<query-bar project=${this.project} .value=${q} .refused=${runs.refused} @query=${({ detail }) => view.update({ q: detail.value })}></query-bar>` : nothing}
      </div>
      <div class="side-cols">
        <button class="eye" type="button" aria-pressed=${String(runs.shownTotal > 0)} aria-label="Show or hide all"
          @click=${() => view.update({ eyes: runs.shownTotal ? NONE : ALL })}>${icon(runs.shownTotal ? "eye" : "eye-off")}</button>
        <span class="grow num"><b class="soft">${count(runs.shownTotal)}</b> of ${total} shown</span>
        ${column
          ? html`<button class="cv cut" type="button" title="Sort by ${column}" @click=${() => this.#sort(sortedHere && !by.isDescending ? `-${column}` : column)}>
              ${column.replace(/^metrics\./, "").replaceAll("`", "")}${sortedHere ? (by.isDescending ? " ▾" : " ▴") : ""}</button>`
          : nothing}<span class="cv2">step</span>
      </div>
      ${hidden
        ? html`<p class="side-note num">${count(lines)} of ${count(runs.shownTotal)} drawn · <button class="link" type="button" @click=${() => view.update({ lines: null })}>Draw all</button></p>`
        : nothing}
      ${runs.refused && !q ? html`<p class="hint bad side-note" role="alert">${runs.refused.message}</p>` : nothing}
      ${!runs.items.length && !runs.isLoading && !runs.refused && (search.text || q)
        ? html`<p class="side-note">No run matches ${search.text ? html`“${search.text}”` : nothing} ${q ? html`<code>${q}</code>` : nothing}.
            <button class="link" type="button" @click=${() => view.update({ q: "", search: { text: "", regex: false } })}>Clear the search</button></p>`
        : nothing}
      <ul class="side-list" @scroll=${this.#scrolled}>
        ${repeat(runs.above, ({ id }) => id, (run) => this.#row(run, column))}
        ${runs.above.length ? html`<li class="pin-line" role="separator"></li>` : nothing}
        ${group ? grouped(runs.below, group).map((each) => this.#group(each, column)) : repeat(runs.below, ({ id }) => id, (run) => this.#row(run, column))}
      </ul>
      ${this.picked.ids.size
        ? html`<run-bulk .ids=${[...this.picked.ids]} .runs=${runs} place=${this.place} ?mayEdit=${this.mayEdit} @close=${() => (this.picked = NOTHING)}
            @show=${({ detail }) => view.update({ eyes: show(view.state.eyes, [...this.picked.ids], detail.isOn) })}></run-bulk>`
        : nothing}`;
  }

  #menu(name, words, isOn, items) {
    return html`<details class="menu-hold" @toggle=${this.#readChoices}><summary class="btn ghost small ${isOn ? "on" : ""}" title=${words}>${icon(name)}<span class="cut menu-words">${words}</span></summary>
      <div class="menu menu-scroll" @click=${(event) => event.target.closest(".menu-item") && (event.currentTarget.parentElement.open = false)}>${items()}</div></details>`;
  }

  #item = (words, isOn, click) =>
    html`<button class="menu-item" type="button" aria-current=${isOn ? "true" : nothing} @click=${click}><span class="grow cut">${words}</span>${isOn ? icon("check") : nothing}</button>`;

  #sorts = () => {
    const { sort } = this.view.state;
    const by = sortedBy(sort);
    const values = (this.choices ?? []).filter(({ scope }) => scope === "metrics" || scope === "config");
    return html`${ORDERS.map(([order, words]) => this.#item(words, sort === order, () => this.#sort(order)))}<div class="menu-sep"></div>
      ${values.map(({ path, name, direction, statistic }) => {
        const isOn = by?.path === path;
        const next = isOn ? !by.isDescending : direction === "max";
        return this.#item(`${name}${statistic ? `, ${statistic}` : ""}${isOn ? (by.isDescending ? " ▾" : " ▴") : ""}`, isOn, () => this.#sort(`${next ? "-" : ""}${path}`));
      })}`;
  };

  #groups = () => {
    const { group } = this.view.state;
    const set = (path) => () => this.view.update({ group: path });
    const configs = (this.choices ?? []).filter(({ scope }) => scope === "config");
    return html`${this.#item("No groups", !group, set(""))}<div class="menu-sep"></div>
      ${this.#item("Group of the run", group === "group", set("group"))}${this.#item("Tags", group === "tags", set("tags"))}
      ${configs.map(({ path, name }) => this.#item(name, group === path, set(path)))}`;
  };

  /** What a menu offers beyond the usual is asked for once somebody opens one. */
  #readChoices = async ({ target }) => {
    if (!target.open || this.choices) return;
    this.choices = (await getJSON(`/projects/${this.project}/columns`).catch(() => null))?.items ?? null;
  };

  #sort(sort) {
    this.view.update({ sort });
  }

  #group({ name, runs }, column) {
    const ids = runs.map(({ id }) => id);
    const isOn = ids.some((id) => isShown(this.view.state.eyes, id));
    const isOpen = !this.#closed.has(name);
    const fold = () => (this.#closed.delete(name) || this.#closed.add(name), this.requestUpdate());
    return html`<li class="run-row group ${isOn ? "" : "off"}">
      <button class="fold" type="button" aria-expanded=${String(isOpen)} aria-label="Fold ${name}" @click=${fold}>${icon("chevron-right")}</button>
      <button class="eye" type="button" aria-pressed=${String(isOn)} aria-label="Show the group ${name}" @click=${(event) => this.#eye(event, ids, !isOn)}>${icon(isOn ? "eye" : "eye-off")}</button>
      <span class="name" title=${name}>${name} <span class="count">${count(runs.length)}</span></span>
      <span class="val" title="Mean of the group">${value(meanOf(runs, column)?.mean)}</span><span class="val2"></span></li>
      ${isOpen ? runs.map((run) => this.#row(run, column, "child")) : nothing}`;
  }

  #row(run, column, css = "") {
    const { eyes, baseline, pinned } = this.view.state;
    const isOn = isShown(eyes, run.id);
    const said = run.fields[column];
    const isPicked = this.picked.ids.has(run.id);
    const mark = (name, is, words, click) => html`<button class="eye row-mark ${is ? "is" : ""}" type="button" aria-pressed=${String(is)} aria-label="${words} ${run.name}" title=${words} @click=${click}>${icon(name)}</button>`;
    return html`<li class="run-row ${css} ${isOn ? "" : "off"} ${hover.run === run.id ? "lit" : ""} ${isPicked ? "picked" : ""} ${this.at === run.id ? "here" : ""}" data-run=${run.id}
      @click=${(event) => this.#clicked(event, run.id)} @pointerenter=${() => isOn && (hover.run = run.id)} @pointerleave=${() => (hover.run = null)}>
      <button class="eye" type="button" aria-pressed=${String(isOn)} aria-label="Show ${run.name}" title="Show or hide; Alt-click shows it alone"
        @click=${(event) => this.#eye(event, [run.id], !isOn)}>${icon(isOn ? "eye" : "eye-off")}</button>
      <i class="swatch c${colourIndex(run.id)}"></i>
      <a class="name" href="${this.place}/runs/${run.id}" title=${run.name}>${run.name}</a>
      ${mark("baseline", baseline === run.id, "Baseline", () => this.view.update({ baseline: baseline === run.id ? null : run.id }))}
      ${mark("pin", pinned.includes(run.id), "Pin", () => this.view.update({ pinned: pinned.includes(run.id) ? pinned.filter((id) => id !== run.id) : [...pinned, run.id] }))}
      <span class="val">${typeof said === "number" ? value(said) : (said ?? "–")}</span>
      ${this.#age(run)}
    </li>`;
  }

  /** Of a run that goes on, how long ago it was heard; of one that has ended, how far it came. */
  #age(run) {
    const { step } = run.fields;
    const at = step === undefined || step === null ? "no step yet" : `step ${count(step)}`;
    if (run.state !== "running")
      return html`<span class="val2 ${run.state === "finished" ? "" : `state ${run.state}`}" title="${run.state}, ${at}">${step === undefined || step === null ? "–" : tick(step)}</span>`;
    const seconds = Math.max(0, Math.floor((Date.now() - this.runs.heardAt(run)) / 1000));
    const words = seconds < 60 ? `${seconds} s` : seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
    return html`<span class="val2 ago" title="running, last heard ${words} ago, ${at}"><i class="dot-live"></i>${words}</span>`;
  }

  #eye(event, ids, isOn) {
    const { eyes } = this.view.state;
    this.view.update({ eyes: event.altKey ? this.#solo.press(eyes, ids) : show(eyes, ids, isOn) });
  }

  #clicked(event, id) {
    if (event.target.closest("button")) return;
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return void (this.at = id);
    event.preventDefault();
    const order = this.#rows.map((run) => run.id);
    const held = among(this.picked, order);
    this.picked = event.shiftKey ? ranged(held, id, order) : toggled(held, id);
    this.at = id;
  }

  /** j and k go through the list, x selects, the space bar shows or hides, e opens. */
  #key = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    if (event.key === " " && event.target.closest?.("button, a, summary, input, .plot-area")) return;
    const ids = this.runs?.items.length ? this.#rows.map(({ id }) => id) : [];
    const at = ids.indexOf(this.at);
    const go = (to) => {
      this.at = ids[Math.max(0, Math.min(ids.length - 1, to))];
      hover.run = this.at;
      this.updateComplete.then(() => this.querySelector(".run-row.here")?.scrollIntoView({ block: "nearest" }));
    };
    const act = {
      j: () => go(at + 1),
      k: () => go(at - 1),
      x: () => at >= 0 && (this.picked = toggled(this.picked, this.at)),
      " ": () => at >= 0 && this.view.update({ eyes: toggle(this.view.state.eyes, this.at) }),
      e: () => at >= 0 && location.assign(`${this.place}/runs/${this.at}`),
    }[event.key];
    if (!act || !ids.length) return;
    event.preventDefault();
    act();
  };

  #scrolled({ target }) {
    if (target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_END_PX) this.runs.more();
  }
}

customElements.define("run-list", RunList);
