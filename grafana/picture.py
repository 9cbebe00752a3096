"""A dashboard as an SVG, drawn from its JSON and real data: how it reads, not how Grafana renders.

There is no Grafana in the package registries that we test with. Places, titles, units, thresholds, colours
of states and legends are those of the JSON; the drawing is ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from grafana.units import shown

Points = list[tuple[float, float]]
Fetch = Callable[[str], list[tuple[Mapping[str, str], Points]]]
"""Takes a query; returns each series' labels and its points (unix seconds, value)."""

COLUMN, UNIT, GAP = 60, 34, 6
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d", "#fade2a")
COLORS = {"green": "#73bf69", "yellow": "#fade2a", "orange": "#ff9830", "red": "#f2495c"}
PAPER, CARD, LINE, INK, FAINT = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#8e9297"
FONTS = "Inter, Helvetica, DejaVu Sans, sans-serif"
LEGEND_LINES = 2


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """One series as it is drawn."""

    name: str
    points: Points
    color: str

    @property
    def last(self) -> float | None:
        """The last value, as a stat shows it."""
        return self.points[-1][1] if self.points else None


def picture(dashboard: Mapping[str, Any], fetch: Fetch, start: float, end: float) -> str:
    """Return `dashboard` (classic JSON, parsed) between `start` and `end` as an SVG document."""
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    width, height = 24 * COLUMN + GAP, bottom * UNIT + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="{FONTS}">',
        _rect(Box(0, 0, width, height), PAPER),
        _text(GAP * 2, 24, dashboard["title"], INK, 16),
    ]
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        box = Box(
            place["x"] * COLUMN + GAP,
            place["y"] * UNIT + 36,
            place["w"] * COLUMN - GAP,
            place["h"] * UNIT - GAP,
        )
        if panel["type"] == "row":
            parts.append(_text(box.x + 4, box.y + 19, f"▾ {panel['title']}", INK, 13))
        else:
            parts += _panel(panel, box, fetch, start, end)
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Mapping[str, Any], box: Box, fetch: Fetch, start: float, end: float) -> Iterator[str]:
    yield _rect(box, CARD, LINE)
    yield _text(box.x + 10, box.y + 18, panel["title"], INK, 12)
    lines = list(_lines(panel, fetch))
    inner = Box(box.x + 10, box.y + 28, box.width - 20, box.height - 36)
    if not any(line.points for line in lines):
        yield _text(box.x + box.width / 2 - 24, box.y + box.height / 2, "No data", FAINT, 13)
        return
    draw = {"stat": _stat, "state-timeline": _states}.get(panel["type"])
    yield from draw(panel, inner, lines) if draw else _graph(panel, inner, lines, (start, end))


def _lines(panel: Mapping[str, Any], fetch: Fetch) -> Iterator[Line]:
    count = 0
    for target in panel["targets"]:
        for labels, points in fetch(target["expr"]):
            name = re.sub(r"{{\s*(\w+)\s*}}", lambda label: labels.get(label[1], ""), target["legendFormat"])  # noqa: B023 - used at once
            yield Line(name, points, PALETTE[count % len(PALETTE)])
            count += 1


def _graph(
    panel: Mapping[str, Any], box: Box, lines: Sequence[Line], span: tuple[float, float]
) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults.get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    curves = _stack(lines) if stacked else [line.points for line in lines]
    top = max((value for points in curves for _, value in points), default=0.0) * 1.1 or 1.0
    plot = Box(box.x + 52, box.y, box.width - 56, box.height - 18 - 14 * LEGEND_LINES)

    def at(moment: float, value: float) -> str:
        x = plot.x + (moment - span[0]) / (span[1] - span[0]) * plot.width
        return f"{x:.0f},{plot.y + plot.height * (1 - min(value / top, 1)):.0f}"

    for part in range(5):
        y = plot.y + plot.height * (1 - part / 4)
        yield f'<path d="M{plot.x:.0f} {y:.0f}h{plot.width:.0f}" stroke="{LINE}"/>'
        yield _text(plot.x - 5, y + 4, shown(top * part / 4, defaults["unit"]), FAINT, 10, "end")
    for part in range(4):
        seconds = (span[1] - span[0]) * part / 3
        x = plot.x + plot.width * part / 3
        anchor = "start" if part == 0 else "end" if part == 3 else "middle"  # noqa: PLR2004 - the last of four
        yield _text(x, plot.y + plot.height + 14, f"+{seconds:.0f} s", FAINT, 10, anchor)
    gap = (span[1] - span[0]) / 60
    for line, curve in reversed(list(zip(lines, curves, strict=True))):
        for points in _unbroken(curve, gap):
            path = " ".join(at(*point) for point in points)
            floor = f" {at(points[-1][0], 0)} {at(points[0][0], 0)}"
            opacity = custom.get("fillOpacity", 0) / 100
            yield f'<polygon points="{path}{floor}" fill="{line.color}" opacity="{opacity}"/>'
            yield f'<polyline points="{path}" fill="none" stroke="{line.color}" stroke-width="1.5"/>'
    if custom.get("thresholdsStyle", {}).get("mode") == "dashed":
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is not None and step["value"] <= top:
                y = plot.y + plot.height * (1 - step["value"] / top)
                yield (
                    f'<path d="M{plot.x:.0f} {y:.0f}h{plot.width:.0f}" stroke="{COLORS[step["color"]]}" '
                    'stroke-dasharray="6 4"/>'
                )
    yield from _legend(lines, box)


def _unbroken(points: Points, gap: float) -> Iterator[Points]:
    """Yield the stretches between which nothing was measured: a line across would be a lie."""
    stretch: Points = []
    for point in points:
        if stretch and point[0] - stretch[-1][0] > gap:
            yield stretch
            stretch = []
        stretch.append(point)
    if stretch:
        yield stretch


def _legend(lines: Sequence[Line], box: Box) -> Iterator[str]:
    x, y = box.x + 4, box.y + box.height - 14 * (LEGEND_LINES - 1) - 2
    for number, line in enumerate(lines):
        wide = 26 + 6.2 * len(line.name)
        if x + wide > box.x + box.width:
            x, y = box.x + 4, y + 14
        if y > box.y + box.height:
            yield _text(box.x + box.width, y - 14, f"and {len(lines) - number} more", FAINT, 10, "end")
            return
        yield f'<rect x="{x:.0f}" y="{y - 6:.0f}" width="12" height="3" fill="{line.color}"/>'
        yield _text(x + 16, y, line.name, INK, 10)
        x += wide


def _stat(panel: Mapping[str, Any], box: Box, lines: Sequence[Line]) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    told = [line for line in lines if line.last is not None]
    each = box.width / len(told)
    for number, line in enumerate(told):
        value = line.last or 0.0
        part = Box(box.x + number * each, box.y, each - 4, box.height)
        yield _rect(part, _threshold(defaults["thresholds"]["steps"], value))
        middle = part.x + part.width / 2
        yield _text(middle, part.y + 24, line.name, "#111217", 12, "middle")
        size = 30 if part.width > 90 else 22  # noqa: PLR2004 - as wide as the number wants
        yield _text(
            middle,
            part.y + part.height * 0.72,
            shown(value, defaults["unit"], defaults.get("decimals")),
            "#111217",
            size,
            "middle",
        )


def _states(panel: Mapping[str, Any], box: Box, lines: Sequence[Line]) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    words = {
        value: result
        for mapping in defaults.get("mappings", [])
        for value, result in mapping["options"].items()
    }
    tall = min(44.0, box.height / len(lines))
    names = 20 + 7 * max(len(line.name) for line in lines)
    first = min(line.points[0][0] for line in lines if line.points)
    last = max(line.points[-1][0] for line in lines if line.points)
    per_second = (box.width - names) / max(last - first, 1)
    for number, line in enumerate(lines):
        y = box.y + number * tall
        yield _text(box.x, y + tall / 2 + 4, line.name, INK, 11)
        if not line.points:
            continue
        for since, until, value in _runs(line.points):
            word = words.get(f"{value:g}", {"text": f"{value:g}", "color": "green"})
            bar = Box(
                box.x + names + (since - first) * per_second, y + 3, (until - since) * per_second, tall - 6
            )
            yield _rect(bar, COLORS[word["color"]])
            if bar.width > 8 * len(word["text"]):
                yield _text(bar.x + 5, bar.y + bar.height / 2 + 4, word["text"], "#111217", 11)


def _runs(points: Points) -> Iterator[tuple[float, float, float]]:
    """Yield from when until when each value lasted."""
    since, before = points[0]
    for moment, value in points[1:]:
        if value != before:
            yield since, moment, before
            since, before = moment, value
    yield since, points[-1][0], before


def _stack(lines: Sequence[Line]) -> list[Points]:
    below: dict[float, float] = {}
    curves = []
    for line in lines:
        for moment, value in line.points:
            below[moment] = below.get(moment, 0.0) + value
        curves.append([(moment, below[moment]) for moment, _ in line.points])
    return curves


def _threshold(steps: Sequence[Mapping[str, Any]], value: float) -> str:
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return COLORS[reached[-1]]


def _rect(box: Box, fill: str, stroke: str = "none") -> str:
    return (
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{max(box.width, 1):.0f}" height="{box.height:.0f}" '
        f'rx="2" fill="{fill}" stroke="{stroke}"/>'
    )


def _text(  # noqa: PLR0917 - as SVG's own attributes, in the usual order
    x: float, y: float, text: str, fill: str, size: int, anchor: str = "start"
) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{fill}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
