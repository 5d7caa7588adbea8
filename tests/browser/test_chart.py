"""Charts as hands meet them: drawn and pointed at."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .chromium import wait_for
from .site import SiteProject

# What is drawn, in numbers: the store of a chart is what its picture is made of.
_FIGURE = """chart => {
  const { entries, scene } = chart.figure;
  const { view } = scene;
  return {
    x: [view.x.min, view.x.max],
    y: [view.y.min, view.y.max],
    box: view.box,
    lines: entries.map(({ line }) => ({
      name: line.run.name,
      marks: line.drawn.length,
      points: line.drawn.count.slice(0, line.drawn.length).reduce((sum, n) => sum + n, 0),
      last: line.drawn.length ? line.drawn.x_last[line.drawn.length - 1] : null,
      y: line.drawn.length ? line.drawn.y(line.drawn.length - 1) : null,
    })),
  };
}"""
_INKED = """chart => {
  const canvas = chart.querySelector("canvas.plot-lines");
  if (!canvas?.width) return 0;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let inked = 0;
  for (let at = 3; at < data.length; at += 4) if (data[at]) inked++;
  return inked;
}"""


class Chart:
    """One chart of a page: what it shows, and hands on it."""

    def __init__(self, page: Page, metric: str = "loss") -> None:
        self.page = page
        self.element = page.locator(f'[data-panel="metric:{metric}"] line-chart')

    def wait_drawn(self, lines: int) -> Chart:
        self.element.scroll_into_view_if_needed()
        expect(self.element.locator(".plot-area")).to_have_attribute("aria-busy", "false")
        wait_for(
            self.page, lambda: self.inked() > 0 and len(self.lines()) == lines, what="lines on the canvas"
        )
        return self

    @property
    def figure(self) -> Any:
        return self.element.evaluate(_FIGURE)

    def lines(self) -> Any:
        return self.figure["lines"]

    def inked(self) -> int:
        return int(self.element.evaluate(_INKED))

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is drawn, in the window."""
        figure = self.figure
        left, top = self.element.evaluate(
            "chart => { const { left, top } = chart.querySelector('canvas.plot-lines').getBoundingClientRect();"
            " return [left, top]; }"
        )
        box, (x_min, x_max), (y_min, y_max) = figure["box"], figure["x"], figure["y"]
        across = box["left"] + (x - x_min) / (x_max - x_min) * box["width"]
        down = box["top"] + (y_max - y) / (y_max - y_min) * box["height"]
        return left + across, top + down

    def point(self, x: float, y: float) -> None:
        self.page.mouse.move(*self.place(x, y))


@pytest.fixture
def three(project: SiteProject) -> SiteProject:
    """Three level lines at 1, 2 and 3, a hundred steps long."""
    for height, name in enumerate(["low", "middle", "high"], start=1):
        run = project.make_run(name)
        run.log_points({"loss": [float(height)] * 100, "other": [float(height)] * 100})
        run.end()
    return project


def lit_run(page: Page) -> str | None:
    return page.evaluate("async () => (await import('#js/models/hover.js')).hover.run")


def test_lines_are_drawn(page: Page, three: SiteProject) -> None:
    page.goto(three.path)
    chart = Chart(page).wait_drawn(3)

    assert [line["points"] for line in chart.lines()] == [100, 100, 100]
    low, high = chart.figure["y"]
    assert low < 1
    assert high > 3
    # Three lines as wide as the plot, each a pixel high at least.
    assert chart.inked() > 3 * chart.figure["box"]["width"]


def test_the_card_has_the_nearest_run_first_and_lights_it_everywhere(page: Page, three: SiteProject) -> None:
    page.goto(three.path)
    chart, other = Chart(page).wait_drawn(3), Chart(page, "other").wait_drawn(3)
    chart.point(50, 2.04)

    card = page.locator("chart-tooltip")
    expect(card).to_be_visible()
    expect(card.locator("li").first).to_contain_text("middle")
    expect(card.locator("header")).to_contain_text("step")
    wait_for(page, lambda: lit_run(page) is not None, what="a run that is lit")
    for each in (chart, other):
        expect(each.element.locator("canvas.plot-lines").first).to_have_class("plot-lines faded")
        expect(each.element.locator(".plot-cross")).to_be_visible()

    # The card stands beside what it speaks of.
    pointer_x, _ = chart.place(50, 2.04)
    box = card.bounding_box()
    assert box is not None
    assert box["x"] > pointer_x or box["x"] + box["width"] < pointer_x

    chart.point(50, 2.5)
    wait_for(page, lambda: lit_run(page) is None, what="no run lit between two lines")
    page.mouse.move(2, 2)
    expect(card).to_be_hidden()
