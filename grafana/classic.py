"""A board as Grafana's classic dashboard JSON, schema 42, which Grafana 11 to 13 import.

The JSON is written through Grafana's own types (grafana-foundation-sdk), so that a field that Grafana does
not know fails the type check. The SDK is pinned to 0.0.21: its newer-looking versions have a PEP 440 epoch
and write the schema of Grafana 10.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from grafana_foundation_sdk.builders import common as build_common
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard

from grafana.links import runbook_url
from grafana.panel import HEIGHT, WIDTH, Board, Kind, Panel

TAG = "tollbridge"
REFRESH = "30s"
SOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
OPAQUE, TRANSLUCENT = 60, 12
"""Per cent: how much a stacked area hides, and one that only carries its line."""

PanelBuilder = timeseries.Panel | stat.Panel | statetimeline.Panel


def classic(board: Board) -> str:
    """Return `board` as JSON, ending in a newline."""
    builder = (
        build.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .timezone("browser")
        .refresh(REFRESH)
        .time("now-3h", "now")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            build.DashboardLink("Tollbridge dashboards")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(
            build.DatasourceVariable("datasource").label("Prometheus").type("prometheus").regex("")
        )
    )
    for row_or_panel in _laid_out(board):
        if isinstance(row_or_panel, build.Row):
            builder = builder.with_row(row_or_panel)
        else:
            builder = builder.with_panel(row_or_panel)
    encoded = JSONEncoder().encode(builder.build())
    return json.dumps(json.loads(encoded, object_hook=_without_placement), sort_keys=True, indent=2) + "\n"


def _without_placement(part: dict[str, Any]) -> dict[str, Any]:
    """Leave out a default of the SDK's that hides links in a menu; without it they stand on the dashboard."""
    return {key: value for key, value in part.items() if (key, value) != ("placement", "inControlsMenu")}


def _laid_out(board: Board) -> Iterator[build.Row | PanelBuilder]:
    number = top = 0
    for row in board.rows:
        number += 1
        yield build.Row(row.title).id(number).grid_pos(dashboard.GridPos(h=1, w=WIDTH, x=0, y=top))
        top += 1
        left = tallest = 0
        for panel in row.panels:
            if left + panel.width > WIDTH:
                top, left, tallest = top + tallest, 0, 0
            height = HEIGHT[panel.kind]
            tallest = max(tallest, height)
            number += 1
            place = dashboard.GridPos(h=height, w=panel.width, x=left, y=top)
            yield _panel(panel).id(number).grid_pos(place)
            left += panel.width
        top += tallest


def _panel(panel: Panel) -> PanelBuilder:
    builder = _KINDS[panel.kind](panel)
    builder = (
        builder.title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(SOURCE)
        .links(
            [
                build.DashboardLink(f"What to do: {panel.runbook}")
                .url(runbook_url(panel.runbook))
                .target_blank(True)
            ]
        )
        .thresholds(_thresholds(panel))
    )
    if panel.decimals is not None:
        builder = builder.decimals(panel.decimals)
    if panel.names:
        builder = builder.mappings([_names(panel)])
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        builder = builder.with_target(
            prometheus.Dataquery()
            .ref_id(letter)
            .datasource(SOURCE)
            .expr(query.expr)
            .legend_format(query.legend)
            .range()
        )
    return builder


def _graph(panel: Panel) -> timeseries.Panel:
    marked = len(panel.thresholds) > 1
    style = common.GraphThresholdsStyleMode.DASHED if marked else common.GraphThresholdsStyleMode.OFF
    builder = (
        timeseries.Panel()
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC))
        .min(0)
        .line_width(1)
        .fill_opacity(OPAQUE if panel.stacked else TRANSLUCENT)
        .show_points(common.VisibilityMode.NEVER)
        .thresholds_style(build_common.GraphThresholdsStyleConfig().mode(style))
        .legend(
            build_common.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(build_common.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if panel.stacked:
        builder = builder.stacking(build_common.StackingConfig().mode(common.StackingMode.NORMAL))
    return builder


def _stat(_: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .reduce_options(build_common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(common.BigValueColorMode.BACKGROUND)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    )


def _states(_: Panel) -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(common.VisibilityMode.AUTO)
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    )


_KINDS: dict[Kind, Callable[[Panel], PanelBuilder]] = {"graph": _graph, "stat": _stat, "states": _states}


def _thresholds(panel: Panel) -> build.ThresholdsConfig:
    steps = [
        dashboard.Threshold(value=None if place == 0 else value, color=color)
        for place, (value, color) in enumerate(panel.thresholds)
    ]
    return build.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _names(panel: Panel) -> dashboard.ValueMap:
    return dashboard.ValueMap(
        options={
            str(value): dashboard.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, text, color) in enumerate(panel.names)
        }
    )
