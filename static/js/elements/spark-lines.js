/** `<spark-lines data-runs="id,id" data-metric="val/loss">`: a glance at runs; asks once it is looked at. */

import { postJSON } from "#js/lib/api.js";
import { runColour } from "#js/lib/colour.js";
import { sparkPaths } from "#js/lib/sparkline.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 240;
const HEIGHT = 48;

const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    target.draw();
  }
});

class SparkLines extends HTMLElement {
  #asking = new AbortController();

  connectedCallback() {
    this.setAttribute("role", "img");
    this.setAttribute("aria-label", `${this.dataset.metric} of the newest runs`);
    seen.observe(this);
  }

  disconnectedCallback() {
    seen.unobserve(this);
    this.#asking.abort();
  }

  async draw() {
    const runs = this.dataset.runs.split(",");
    const asked = { runs, metrics: [this.dataset.metric], pixels: WIDTH / 2, columns: ["x_last", "y_last"] };
    let tile;
    try {
      tile = await postJSON("/tiles", asked, { signal: this.#asking.signal });
    } catch {
      // A picture beside a link that works without it; the next visit asks again.
      return;
    }
    const lines = tile.series.map(({ columns, marks }) => ({
      x: whole(columns, "x_last", marks),
      y: whole(columns, "y_last", marks),
    }));
    const paths = sparkPaths(lines, WIDTH, HEIGHT);
    const svg = element("svg", { viewBox: `0 -2 ${WIDTH} ${HEIGHT + 4}`, preserveAspectRatio: "none" });
    // The newest is first in the list and drawn last, on top.
    for (let i = paths.length - 1; i >= 0; i--) {
      const path = element("path", { d: paths[i] });
      path.style.stroke = runColour(tile.series[i].run);
      svg.append(path);
    }
    this.replaceChildren(svg);
  }
}

/** A column in which all values are equal comes as that value, one that is like the x as "=x_last". */
function whole(columns, name, marks) {
  const column = columns[name] === "=x_last" ? columns.x_last : columns[name];
  return Array.isArray(column) ? column.map(Number) : Array(marks).fill(Number(column));
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

customElements.define("spark-lines", SparkLines);
