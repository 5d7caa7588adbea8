/**
 * `<runs-table>`: the table of runs. It takes over what the server rendered: draws the rows in view only, asks for
 * more as one scrolls, sorts, filters, edits in place, picks. Property: start, what the server knew. What the table shows is in the address.
 */

import { LitElement, html, live, nothing, repeat } from "lit";
import "#js/elements/column-picker.js";
import "#js/elements/inline-edit.js";
import "#js/elements/query-bar.js";
import { getJSON, patchJSON, postJSON } from "#js/lib/api.js";
import { runColour } from "#js/lib/colour.js";
import { count } from "#js/lib/format.js";
import { icon } from "#js/lib/icon.js";
import { csrfToken } from "#js/lib/site.js";
import { toast } from "#js/lib/toast.js";
import { best, isNumber, moved, naturalWidth, orders, selectedWords, sorted, text, title } from "#js/models/columns.js";
import { hover } from "#js/models/hover.js";
import { live as news } from "#js/models/live.js";
import { RunRows } from "#js/models/run-rows.js";
import { NOTHING, ranged, toggled } from "#js/models/selection.js";

const ROW = 28;
const BEYOND = 12;
const NAME = 260;
const NEWS_MS = 1000;
// Styles are set as `.style=${…}`: that goes through the style object, which the policy allows.
/** What a row itself needs, besides its columns. */
const ALWAYS = ["state", "seen", "notes", "tags"];

export class RunsTable extends LitElement {
  // `start` is set before the element wakes up and never changes, so it is no reactive property.
  #rows;
  #columns = [];
  #asked;
  /** Which rows are picked: models/selection.js. */
  #picked = NOTHING;
  #widths = {};
  #spreads = new Map();
  #isDiffering = false;
  #editing = null;
  #bulk = null;
  #projects = [];
  #top = 0;
  #height = 800;
  #stale = new Set();
  #unseen = new Set();
  #timer = 0;
  #ends = [];

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    this.#measure();
    this.replaceChildren();
    const { project, asked, columns, rows, next, matching, total, refused } = this.start;
    this.#asked = { q: asked.q, sort: asked.sort, columns: asked.columns, pinned: asked.pinned };
    this.#columns = columns;
    this.#isDiffering = new URLSearchParams(location.search).has("differing");
    this.#rows = new RunRows({ project: project.id, rows, next, matching, total, refused, q: asked.q, sort: asked.sort, paths: this.#paths });
    super.connectedCallback();
    const changed = () => this.requestUpdate();
    this.#rows.addEventListener("change", changed);
    hover.addEventListener("change", changed);
    const heard = ({ detail }) => this.#hear(detail);
    news.addEventListener("run", heard);
    const unfollow = news.follow(project.id);
    const key = (event) => event.key === "Escape" && this.#picked.ids.size && !this.#editing && this.#clear();
    addEventListener("keydown", key);
    const back = () => location.reload();
    addEventListener("popstate", back);
    this.#ends = [
      () => hover.removeEventListener("change", changed),
      () => news.removeEventListener("run", heard),
      unfollow,
      () => removeEventListener("keydown", key),
      () => removeEventListener("popstate", back),
    ];
    if (!refused) this.#spread();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    for (const end of this.#ends) end();
  }

  get #paths() {
    return [...new Set([...ALWAYS, ...this.#columns.map(({ path }) => path)])];
  }

  get #shown() {
    return this.#isDiffering ? this.#columns.filter(({ path }) => this.#spreads.get(path)?.differs ?? true) : this.#columns;
  }

  // --- what is drawn

  render() {
    const rows = this.#rows;
    const { project } = this.start;
    return html`<div class="filterbar">
        <query-bar .project=${project.id} .value=${this.#asked.q} .refused=${rows.refused} .counted=${{ matching: rows.matching, total: rows.total }}
          @query=${({ detail }) => this.#ask({ q: detail.value })}></query-bar>
        <column-picker .project=${project.id} .q=${this.#asked.q} .picked=${this.#columns.map(({ path }) => path)}
          @columns=${({ detail }) => this.#pickColumns(detail.paths)}></column-picker>
        <label class="ctl-label hide-m"><input class="check" type="checkbox" .checked=${live(this.#isDiffering)} @change=${this.#differ} />Only columns that differ</label>
        <details class="menu-hold hide-s"><summary class="btn icon-only" aria-label="Export">${icon("download")}</summary>
          <div class="menu right"><a class="menu-item" href=${this.#export("csv")}>CSV of all ${count(rows.matching)}</a><a class="menu-item" href=${this.#export("json")}>JSON of all ${count(rows.matching)}</a></div></details>
      </div>
      <div class="table-wrap fill" @scroll=${this.#scrolled} @pointerleave=${() => (hover.run = null)}>${this.#table()}</div>
      ${this.#picked.ids.size ? this.#bulkBar() : nothing}`;
  }

  #table() {
    const shown = this.#shown;
    const { rows, next, matching } = this.#rows;
    const all = next ? Math.max(matching, rows.length) : rows.length;
    const first = Math.max(0, Math.floor(this.#top / this.#row) - BEYOND);
    const last = Math.min(all, Math.ceil((this.#top + this.#height) / this.#row) + BEYOND);
    if (last > rows.length) this.#rows.reach(last);
    const order = orders(this.#asked.sort);
    const bests = new Map(shown.map((column) => [column.path, best(column, this.#spreads.get(column.path))]));
    const widths = shown.map((column) => this.#width(column));
    const left = widths.map((_, i) => this.#nameWidth + widths.slice(0, i).reduce((sum, each) => sum + each, 0));
    const place = (i) => (i < this.#asked.pinned ? `left: ${left[i]}px` : "");
    const pinned = (i) => (i < this.#asked.pinned ? `stick ${i === this.#asked.pinned - 1 ? "edge" : ""}` : "");
    const nameEdge = this.#asked.pinned ? "" : "edge";
    const total = this.#nameWidth + widths.reduce((sum, each) => sum + each, 0);
    return html`<table class="table runs fixed" aria-rowcount=${all + 1} .style=${`min-width: ${total}px`}>
      <colgroup><col .style=${`width: ${this.#nameWidth}px`} />${widths.map((width) => html`<col .style=${`width: ${width}px`} />`)}<col /></colgroup>
      <thead><tr>
        <th class="stick ${nameEdge}"><span class="row"><input class="check" type="checkbox" aria-label="Pick all runs" .checked=${live(this.#isAllPicked)}
          .indeterminate=${this.#picked.ids.size > 0 && !this.#isAllPicked} @change=${this.#pickAll} /><button class="th-btn" type="button" @click=${(event) => this.#sort("name", event.shiftKey)}>Run${mark(order.get("name"))}</button>
          ${this.#unseen.size ? html`<button class="btn small on" type="button" @click=${this.#showNews}>${this.#unseen.size} new · show</button>` : html`<span class="count">${count(matching)}</span>`}</span>${this.#grip("name")}</th>
        ${shown.map((column, i) => this.#head(column, pinned(i), place(i), order))}<th class="rest"></th>
      </tr></thead>
      <tbody>
        ${first ? html`<tr class="gap"><td .style=${`height: ${first * this.#row}px`}></td></tr>` : nothing}
        ${repeat(Array.from({ length: last - first }, (_, i) => first + i), (i) => rows[i]?.id ?? `-${i}`, (i) =>
          rows[i] ? this.#tr(rows[i], shown, { pinned, place, bests, nameEdge }) : html`<tr><td class="stick ${nameEdge}"><span class="skel"></span></td>${shown.map(() => html`<td><span class="skel"></span></td>`)}<td></td></tr>`)}
        ${last < all ? html`<tr class="gap"><td .style=${`height: ${(all - last) * this.#row}px`}></td></tr>` : nothing}
      </tbody></table>
      ${all ? nothing : this.#nothing()}`;
  }

  #nothing() {
    if (!this.#asked.q) return html`<div class="empty"><h3>No runs yet</h3><p>Runs appear here as soon as a script begins one.</p></div>`;
    return html`<div class="empty"><h3>No run matches</h3><p><code>${this.#asked.q}</code></p>
      <button class="btn" type="button" @click=${() => this.#ask({ q: "" })}>Clear the query</button></div>`;
  }

  #head(column, pinned, place, order) {
    const { path, statistic, type, unit } = column;
    const isDescending = order.get(path);
    const sortName = isDescending === undefined ? nothing : isDescending ? "descending" : "ascending";
    return html`<th scope="col" class="${isNumber(column) ? "n" : ""} ${pinned}" .style=${place} aria-sort=${sortName} title=${path} draggable="true"
      @dragstart=${(event) => event.dataTransfer.setData("text/plain", path)} @dragover=${(event) => event.preventDefault()}
      @drop=${(event) => this.#dropped(event, path)}>
      ${type === "tags" ? title(column) : html`<button class="th-btn" type="button" @click=${(event) => this.#sort(path, event.shiftKey)}>${title(column)}${statistic || unit ? html` <span class="sub">${statistic} ${unit}</span>` : nothing}${mark(isDescending)}</button>`}
      <details class="menu-hold th-menu"><summary aria-label="Column ${title(column)}">${icon("chevron-down", "icon-s")}</summary><div class="menu right">
        <button class="menu-item" type="button" @click=${() => this.#pin(path)}>${icon("pin")}${this.#columns.findIndex((each) => each.path === path) < this.#asked.pinned ? "Unpin" : "Pin to the left"}</button>
        <button class="menu-item" type="button" @click=${() => this.#step(path, -1)}>Move left</button>
        <button class="menu-item" type="button" @click=${() => this.#step(path, 1)}>Move right</button>
        <button class="menu-item" type="button" @click=${() => this.#pickColumns(this.#columns.map((each) => each.path).filter((each) => each !== path))}>${icon("eye-off")}Hide</button>
      </div></details>${this.#grip(path)}</th>`;
  }

  #grip(path) {
    return html`<i class="th-grip" @pointerdown=${(event) => this.#resize(event, path)} @dragstart=${(event) => event.preventDefault()}></i>`;
  }

  #tr(row, shown, { pinned, place, bests, nameEdge }) {
    const { id, name } = row;
    const isPicked = this.#picked.ids.has(id);
    const lit = hover.run === id ? "lit" : "";
    return html`<tr class=${lit} data-run=${id} aria-selected=${isPicked} @pointerenter=${() => (hover.run = id)} @click=${(event) => this.#clicked(event, id)}>
      <td class="stick ${nameEdge}"><span class="row"><input class="check" type="checkbox" aria-label="Pick ${name}" .checked=${live(isPicked)} @click=${(event) => this.#checked(event, id)} />
        <i class="swatch" .style=${`--c: ${runColour(id)}`}></i>
        ${this.#isEditing(id, "name") ? this.#editor(row, "name", name) : html`<a class="cut" href="${this.dataset.base}/${id}" title=${name}>${name}</a>${this.#pencil(id, "name")}`}</span></td>
      ${shown.map((column, i) => html`<td class="${isNumber(column) ? "n" : ""} ${pinned(i)} ${this.#isBest(row, column, bests) ? "best" : ""}" .style=${place(i)}>${this.#cell(row, column)}</td>`)}<td></td>
    </tr>`;
  }

  #cell(row, column) {
    const content = row.fields[column.path];
    if (column.path === "state") {
      const since = row.fields.seen;
      return row.state === "running" && since ? html`<span class="state running">live, <time-ago datetime=${since}></time-ago></span>` : html`<span class="state ${row.state}">${row.state}</span>`;
    }
    if (column.path === "tags" || column.path === "notes") return this.#editable(row, column, content);
    if (column.type === "time") return content ? html`<time-ago class="muted" datetime=${content}></time-ago>` : nothing;
    const words = text(column, content);
    return html`<span class="cut" title=${typeof content === "number" && words !== String(content) ? String(content) : words}>${words}</span>`;
  }

  #editable(row, { path }, content) {
    if (this.#isEditing(row.id, path)) return this.#editor(row, path, path === "tags" ? (content ?? []).join(", ") : (content ?? ""));
    const said = path === "tags" ? (content ?? []).map((tag) => html`<span class="chip">${tag}</span> `) : content;
    return html`<span class="row"><span class="cut" title=${path === "tags" ? (content ?? []).join(", ") : (content ?? "")}>${said}</span>${this.#pencil(row.id, path)}</span>`;
  }

  #pencil(id, path) {
    if (!this.start.may_edit) return nothing;
    const edit = (event) => {
      event.stopPropagation();
      this.#editing = { id, path };
      this.requestUpdate();
    };
    return html`<button class="pencil" type="button" aria-label="Edit ${path}" @click=${edit}>${icon("edit", "icon-s")}</button>`;
  }

  #isEditing(id, path) {
    return this.#editing?.id === id && this.#editing.path === path;
  }

  #editor(row, path, value) {
    const save = async (written) => {
      const change = path === "tags" ? { tags: split(written) } : { [path]: written };
      const told = await patchJSON(`/runs/${row.id}`, change);
      row.name = told.name;
      row.fields = { ...row.fields, [path]: told[path] };
    };
    const done = () => {
      this.#editing = null;
      this.requestUpdate();
    };
    return html`<inline-edit .value=${value} .label=${`${path} of ${row.name}`} .save=${save} @done=${done}></inline-edit>`;
  }

  #isBest(row, column, bests) {
    const value = bests.get(column.path);
    return value !== null && value !== undefined && row.fields[column.path] === value;
  }

  // --- what is picked

  get #isAllPicked() {
    return this.#picked.ids.size > 0 && this.#rows.rows.every(({ id }) => this.#picked.ids.has(id));
  }

  #pickAll(event) {
    if (event.target.checked) this.#picked = { ids: new Set(this.#rows.rows.map(({ id }) => id)), anchor: null };
    else this.#picked = NOTHING;
    this.requestUpdate();
  }

  #checked(event, id) {
    event.stopPropagation();
    const rows = this.#rows.rows.map((row) => row.id);
    this.#picked = event.shiftKey ? ranged(this.#picked, id, rows) : toggled(this.#picked, id);
    this.requestUpdate();
  }

  #clicked(event, id) {
    if ((!event.ctrlKey && !event.metaKey && !event.shiftKey) || event.target.closest("a, input, button")) return;
    event.preventDefault();
    getSelection()?.removeAllRanges();
    this.#checked(event, id);
  }

  #clear() {
    this.#picked = NOTHING;
    this.#bulk = null;
    this.requestUpdate();
  }

  #bulkBar() {
    const n = this.#picked.ids.size;
    const { matching } = this.#rows;
    const canCompare = n >= 2 && n <= 20;
    const mayEdit = this.start.may_edit;
    const open = (name) => () => ((this.#bulk = this.#bulk === name ? null : name), this.requestUpdate(), this.updateComplete.then(() => this.querySelector(".bulk-form input, .bulk-form select")?.focus()));
    return html`<div class="bulk" role="toolbar" aria-label="${selectedWords(n)} picked"><b class="num">${count(n)} selected</b>
      ${this.#isAllPicked && n < matching ? html`<button class="btn ghost" type="button" @click=${this.#pickMatching}>All ${count(matching)} that match</button>` : nothing}<span class="vr"></span>
      ${canCompare ? html`<a class="btn ghost" href="${this.dataset.compare}?runs=${[...this.#picked.ids].join(",")}">${icon("diff")}Compare</a>` : html`<button class="btn ghost" type="button" disabled title="Pick 2 to 20 runs to compare">${icon("diff")}Compare</button>`}
      ${mayEdit ? html`<button class="btn ghost" type="button" aria-expanded=${this.#bulk === "tag"} @click=${open("tag")}>${icon("tag")}Tag</button>
        <button class="btn ghost" type="button" aria-expanded=${this.#bulk === "move"} @click=${(event) => (this.#readProjects(), open("move")(event))}>${icon("folder")}Move</button>` : nothing}
      <form method="post" action=${this.#export("csv")}><input type="hidden" name="csrfmiddlewaretoken" .value=${csrfToken()} /><input type="hidden" name="ids" .value=${[...this.#picked.ids].join(",")} /><button class="btn ghost">${icon("download")}CSV</button></form>
      <button class="btn ghost" type="button" @click=${this.#copyIds}>${icon("copy")}Ids</button>
      ${mayEdit ? html`<button class="btn ghost" type="button" @click=${this.#remove}>${icon("trash")}Delete</button>` : nothing}<span class="vr"></span>
      <button class="btn ghost icon-only" type="button" aria-label="Clear selection" @click=${() => this.#clear()}>${icon("close")}</button></div>
      ${this.#bulk ? this.#bulkForm() : nothing}`;
  }

  #bulkForm() {
    if (this.#bulk === "tag")
      return html`<form class="bulk bulk-form" @submit=${this.#tag}><label class="row">Tags <input class="input" name="tags" placeholder="best, ablation" aria-label="Tags, with commas between" required /></label>
        <button class="btn primary" value="add">Add</button><button class="btn" value="remove">Remove</button></form>`;
    const projects = this.#projects.filter(({ id }) => id !== this.start.project.id);
    return html`<form class="bulk bulk-form" @submit=${this.#move}><label class="row">Into <select class="input" name="project" required>${projects.map(({ id, name, team }) => html`<option value=${id}>${team} / ${name}</option>`)}</select></label>
      <button class="btn primary" ?disabled=${!projects.length}>Move ${selectedWords(this.#picked.ids.size)}</button></form>`;
  }

  async #pickMatching() {
    await this.#act(async () => (this.#picked = { ids: new Set(await this.#rows.all()), anchor: null }));
  }

  async #readProjects() {
    await this.#act(async () => {
      this.#projects = (await getJSON("/projects?limit=1000")).items;
    });
  }

  #tag(event) {
    event.preventDefault();
    const verb = event.submitter?.value ?? "add";
    const tags = split(event.target.elements.tags.value);
    const ids = [...this.#picked.ids];
    this.#act(async () => {
      await postJSON("/runs/tags", { ids, [verb]: tags });
      this.#bulk = null;
      await this.#rows.refresh(ids);
      toast(`${tags.join(", ")} ${verb === "add" ? "added to" : "removed from"} ${selectedWords(ids.length)}.`);
    });
  }

  #move(event) {
    event.preventDefault();
    const { project } = event.target.elements;
    const ids = [...this.#picked.ids];
    const back = this.start.project.id;
    this.#act(async () => {
      await postJSON("/runs/move", { ids, project: project.value });
      await this.#without();
      toast(`${selectedWords(ids.length)} moved to ${project.selectedOptions[0].text}.`, {
        action: "Undo",
        run: () => this.#act(async () => (await postJSON("/runs/move", { ids, project: back }), await this.#rows.ask({}))),
      });
    });
  }

  #remove() {
    const ids = [...this.#picked.ids];
    this.#act(async () => {
      await postJSON("/runs/delete", { ids });
      await this.#without();
      toast(`${selectedWords(ids.length)} deleted. The trash keeps them for 30 days.`, {
        action: "Undo",
        run: () => this.#act(async () => (await postJSON("/runs/restore", { ids }), await this.#rows.ask({}))),
      });
    });
  }

  async #without() {
    this.#picked = NOTHING;
    this.#bulk = null;
    await this.#rows.ask({});
  }

  #copyIds() {
    const ids = [...this.#picked.ids];
    this.#act(async () => {
      await navigator.clipboard.writeText(ids.join("\n"));
      toast(`${count(ids.length)} ids copied.`);
    });
  }

  async #act(act) {
    try {
      await act();
    } catch (refusal) {
      toast(refusal.message, { kind: "error" });
    }
    this.requestUpdate();
  }

  // --- what the table shows

  async #ask(change) {
    Object.assign(this.#asked, change);
    this.#picked = NOTHING;
    this.#unseen.clear();
    this.#write();
    await this.#rows.ask({ q: this.#asked.q, sort: this.#asked.sort, paths: this.#paths });
    this.querySelector(".table-wrap").scrollTop = 0;
    if (!this.#rows.refused) this.#spread();
  }

  #sort(path, several) {
    this.#ask({ sort: sorted(this.#asked.sort, path, several) });
  }

  async #pickColumns(paths) {
    this.#asked.columns = paths;
    this.#write();
    if (!paths.length) return location.reload();
    const known = new Map(this.#columns.map((column) => [column.path, column]));
    if (paths.some((path) => !known.has(path))) {
      const { items } = await getJSON(`/projects/${this.start.project.id}/columns`);
      for (const column of items) known.set(column.path, column);
    }
    const isNew = paths.some((path) => !this.#paths.includes(path));
    this.#columns = paths.map((path) => known.get(path)).filter(Boolean);
    this.requestUpdate();
    if (isNew) await this.#rows.ask({ paths: this.#paths });
    this.#spread();
  }

  #dropped(event, before) {
    event.preventDefault();
    const path = event.dataTransfer.getData("text/plain");
    const paths = this.#columns.map((column) => column.path);
    if (path !== before && paths.includes(path)) this.#pickColumns(moved(paths, path, before));
  }

  #step(path, by) {
    const paths = this.#columns.map((column) => column.path);
    const at = paths.indexOf(path) + by;
    if (at < 0 || at >= paths.length) return;
    this.#pickColumns(moved(paths, path, paths[by > 0 ? at + 1 : at]));
  }

  #pin(path) {
    const paths = this.#columns.map((column) => column.path);
    const at = paths.indexOf(path);
    const isPinned = at < this.#asked.pinned;
    const others = paths.filter((each) => each !== path);
    const place = isPinned ? this.#asked.pinned - 1 : this.#asked.pinned;
    this.#asked.pinned += isPinned ? -1 : 1;
    this.#pickColumns([...others.slice(0, place), path, ...others.slice(place)]);
  }

  #differ(event) {
    this.#isDiffering = event.target.checked;
    this.#write();
    this.requestUpdate();
  }

  /** Which columns differ, and between which numbers: for what is best, and for what may be left out. */
  async #spread() {
    const query = new URLSearchParams({ q: this.#asked.q });
    for (const { path } of this.#columns) query.append("field", path);
    try {
      const told = await getJSON(`/projects/${this.start.project.id}/columns/spread?${query}`);
      this.#spreads = new Map(told.map((spread) => [spread.path, spread]));
    } catch {
      this.#spreads = new Map();
    }
    this.requestUpdate();
  }

  get #query() {
    const query = new URLSearchParams();
    if (this.#asked.q) query.set("q", this.#asked.q);
    if (this.#asked.sort) query.set("sort", this.#asked.sort);
    if (this.#asked.pinned) query.set("pinned", String(this.#asked.pinned));
    if (this.#isDiffering) query.set("differing", "");
    for (const path of this.#asked.columns) query.append("column", path);
    return query;
  }

  #write() {
    const query = this.#query.toString();
    history.pushState(null, "", query ? `?${query}` : location.pathname);
  }

  #export(form) {
    const query = this.#query;
    query.set("form", form);
    return `${this.dataset.export}?${query}`;
  }

  // --- size

  /** The server's table has set itself; its widths stay, so that nothing jumps. */
  #measure() {
    const heads = [...this.querySelectorAll("thead th")];
    if (heads.length !== this.start.columns.length + 1) return;
    this.#widths.name = Math.min(360, Math.max(NAME, heads[0].offsetWidth));
    this.start.columns.forEach(({ path, name, type }, i) => {
      const most = name === "notes" ? 260 : type === "tags" ? 220 : 200;
      this.#widths[path] = Math.min(most, heads[i + 1].offsetWidth + 12);
    });
  }

  #width(column) {
    return (this.#widths[column.path] ??= naturalWidth(column, this.#rows.rows.slice(0, 100).map((row) => text(column, row.fields[column.path]))));
  }

  get #nameWidth() {
    const width = this.#widths.name ?? NAME;
    return innerWidth < 640 ? Math.min(width, 180) : width;
  }

  get #row() {
    return document.documentElement.dataset.density === "roomy" ? 34 : ROW;
  }

  #resize(event, path) {
    event.preventDefault();
    event.stopPropagation();
    const from = event.clientX - (this.#widths[path] ?? NAME);
    const grip = event.target;
    grip.setPointerCapture(event.pointerId);
    grip.onpointermove = (moving) => {
      this.#widths[path] = Math.max(48, moving.clientX - from);
      this.requestUpdate();
    };
    grip.onpointerup = () => (grip.onpointermove = grip.onpointerup = null);
  }

  #scrolled({ target }) {
    this.#top = target.scrollTop;
    this.#height = target.clientHeight;
    this.requestUpdate();
  }

  // --- while one looks

  #hear({ run, state }) {
    if (this.#rows.rows.some(({ id }) => id === run)) this.#stale.add(run);
    else if (state === "running" && !this.#rows.next && !this.#asked.q) this.#unseen.add(run);
    this.#timer ||= setTimeout(() => this.#renew(), NEWS_MS);
  }

  async #renew() {
    const ids = [...this.#stale];
    this.#stale.clear();
    try {
      await this.#rows.refresh(ids);
    } catch {
      // Said by the page's live sign; the next news asks again.
    }
    this.#timer = this.#stale.size ? setTimeout(() => this.#renew(), NEWS_MS) : 0;
    this.requestUpdate();
  }

  #showNews() {
    this.#unseen.clear();
    this.#rows.ask({});
  }
}

const mark = (isDescending) => (isDescending === undefined ? nothing : html`<i class="sortmark ${isDescending ? "" : "asc"}"></i>`);
const split = (words) => words.split(",").map((tag) => tag.trim()).filter(Boolean);

customElements.define("runs-table", RunsTable);
