/** The methods of a canvas context that charts draw with, writing SVG instead: vectors, same picture. */

const STYLE = ["fillStyle", "strokeStyle", "lineWidth", "globalAlpha", "font", "textAlign", "lineJoin", "clipId", "dash"];

export class SvgContext {
  fillStyle = "#000";
  strokeStyle = "#000";
  lineWidth = 1;
  globalAlpha = 1;
  font = "11px sans-serif";
  textAlign = "left";
  lineJoin = "miter";
  clipId = null;
  dash = [];
  #path = [];
  #saved = [];
  #parts = [];
  #clips = 0;

  save() {
    this.#saved.push(Object.fromEntries(STYLE.map((name) => [name, this[name]])));
  }
  restore() {
    Object.assign(this, this.#saved.pop());
  }
  beginPath() {
    this.#path = [];
  }
  moveTo(x, y) {
    this.#path.push(`M${short(x)} ${short(y)}`);
  }
  lineTo(x, y) {
    this.#path.push(`L${short(x)} ${short(y)}`);
  }
  closePath() {
    this.#path.push("Z");
  }
  rect(x, y, width, height) {
    this.#path.push(`M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`);
  }
  /** Whole circles only. */
  arc(x, y, radius) {
    const r = short(radius);
    this.#path.push(`M${short(x - radius)} ${short(y)}a${r} ${r} 0 1 0 ${short(2 * radius)} 0a${r} ${r} 0 1 0 ${short(-2 * radius)} 0Z`);
  }
  clip() {
    this.clipId = `clip${this.#clips++}`;
    this.#parts.push(`<clipPath id="${this.clipId}"><path d="${this.#path.join("")}"/></clipPath>`);
  }
  setLineDash(dash) {
    this.dash = dash;
  }
  stroke() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    this.#draw(
      `fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${this.lineWidth}" stroke-linejoin="${this.lineJoin}"${dash}`,
    );
  }
  fill() {
    this.#draw(`fill="${escaped(this.fillStyle)}"`);
  }
  fillRect(x, y, width, height) {
    const path = this.#path;
    this.#path = [];
    this.rect(x, y, width, height);
    this.fill();
    this.#path = path;
  }
  fillText(text, x, y) {
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const [, weight = "400", size, family] = /^(?:(\d+) )?([\d.]+)px (.*)$/.exec(this.font);
    this.#parts.push(
      `<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" ` +
        `font-family="${escaped(family)}" fill="${escaped(this.fillStyle)}"${this.#common()}>${escaped(text)}</text>`,
    );
  }

  /** The whole drawing. */
  document(width, height, title) {
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">` +
      `<title>${escaped(title)}</title>${this.#parts.join("\n")}</svg>\n`
    );
  }

  #draw(style) {
    if (this.#path.length) this.#parts.push(`<path d="${this.#path.join("")}" ${style}${this.#common()}/>`);
  }

  #common() {
    const opacity = this.globalAlpha < 1 ? ` opacity="${this.globalAlpha}"` : "";
    return opacity + (this.clipId ? ` clip-path="url(#${this.clipId})"` : "");
  }
}

const short = (v) => String(Math.round(v * 100) / 100);

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escaped(text) {
  return String(text)
    .replace(/[&<>"]/g, (character) => ENTITIES[character])
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd");
}
