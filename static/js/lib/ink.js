/** Colours of the theme as a canvas takes them: CSS expressions resolved where the chart stands. */

/** Resolve CSS colours ("var(--run-3)") as seen by an element, each once. */
export class Ink {
  #host;
  #probe = document.createElement("i");
  #known = new Map();

  /** @param {HTMLElement} host */
  constructor(host) {
    this.#host = host;
    this.#probe.hidden = true;
  }

  /** The theme has changed: resolve anew. */
  forget() {
    this.#known.clear();
  }

  /** @returns {string} "rgb(…)" or "rgba(…)", as any program reads it */
  of(expression) {
    if (!this.#known.has(expression)) this.#known.set(expression, this.#resolve(expression));
    return this.#known.get(expression);
  }

  #resolve(expression) {
    this.#host.append(this.#probe);
    this.#probe.style.color = "";
    this.#probe.style.color = expression;
    const computed = getComputedStyle(this.#probe).color;
    this.#probe.remove();
    return inRGB(computed);
  }
}

const pixel = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", {
  willReadFrequently: true,
});

/** Canvases know oklch(); image programs that open an exported SVG do not. */
function inRGB(colour) {
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
  return a === 255 ? `rgb(${r}, ${g}, ${b})` : `rgba(${r}, ${g}, ${b}, ${(a / 255).toFixed(3)})`;
}
