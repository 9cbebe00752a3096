"""The dashboards say what they should, of metrics that exist, and the committed files are up to date."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.metrics.vocabulary import Declared, vocabulary
from grafana.alerts import ALERTS
from grafana.boards import BOARDS
from grafana.build import files
from grafana.exporters import EXPORTERS
from grafana.links import GRAFANA, anchor, dashboard_url, runbook_url
from grafana.panel import Board, Panel
from grafana.picture import picture
from grafana.rules import groups
from grafana.slo import RECORD, WINDOWS
from grafana.units import shown
from tests.queries import selectors

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "runbook.md"
PANELS = [(board, panel) for board in BOARDS for panel in board.panels]
JSONS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
SCRAPED = {"instance", "job"}


def exposed(declared: Declared) -> Iterator[str]:
    """The series' names of one of our metrics."""
    suffixes = ("_bucket", "_sum", "_count") if declared.kind == "histogram" else ("",)
    return (declared.spec.name + suffix for suffix in suffixes)


OURS = {name: one for one in vocabulary() for name in exposed(one)}
THEIRS = {name for exporter in EXPORTERS for name in exporter.metrics}
RECORDED = {f"{RECORD}{window}" for window in WINDOWS}


def expressions() -> Iterator[tuple[str, str]]:
    for board, panel in PANELS:
        for query in panel.queries:
            yield f"{board.uid}: {panel.title}", query.expr
    for group in groups():
        for rule in group["rules"]:
            yield rule.get("alert") or rule["record"], rule["expr"]


def headings(level: str, within: str | None = None) -> list[str]:
    """Headings of the runbook, those between `## within` and the next such heading only."""
    found, inside = [], within is None
    for line in RUNBOOK.read_text(encoding="utf-8").splitlines():
        if within is not None and line.startswith("## "):
            inside = line == f"## {within}"
        elif inside and line.startswith(f"{level} "):
            found.append(line.removeprefix(f"{level} "))
    return found


def panels_of(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("path", list(files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run: python -m grafana.build"


def test_no_dashboard_lies_about_that_is_no_longer_built() -> None:
    assert {path.stem for path in JSONS} == {board.uid for board in BOARDS}


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_a_query_uses_only_metrics_and_labels_that_exist(where: str, expression: str) -> None:
    for name, matchers in selectors(expression):
        assert name in OURS or name in THEIRS or name in RECORDED, f"{where}: nobody exposes {name}"
        if name in OURS:
            known = {*OURS[name].spec.labels, *SCRAPED, "le"}
            assert matchers.keys() <= known, f"{where}: {name} has no label {matchers.keys() - known}"


def test_every_exporters_metric_that_is_listed_is_used() -> None:
    used = {name for _, expression in expressions() for name, _ in selectors(expression)}
    assert THEIRS - used == set()


def test_every_metric_of_ours_is_on_a_dashboard_or_in_an_alert() -> None:
    used = {
        OURS[name].spec.name for _, query in expressions() for name, _ in selectors(query) if name in OURS
    }
    assert {one.spec.name for one in OURS.values()} - used == NOT_SHOWN


NOT_SHOWN = {
    "api_requests_total",  # a dashboard of its users' own knows it
}


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=lambda one: getattr(one, "uid", None) or one.title)
def test_a_panel_says_what_it_shows_and_what_to_do(board: Board, panel: Panel) -> None:
    assert panel.title
    assert panel.description.endswith(".")
    assert panel.unit
    assert panel.queries
    assert all(query.legend for query in panel.queries)
    assert panel.runbook in {*headings("##"), *headings("###")}, f"{board.uid}: no section {panel.runbook}"


def test_the_overview_asks_four_questions_of_twelve_panels_and_more() -> None:
    overview = BOARDS[0]
    assert overview.uid == "tollbridge-overview"
    assert [row.title for row in overview.rows] == [
        "Is it healthy?",
        "Where does it hang?",
        "Is it a sink?",
        "Is it our state?",
    ]
    assert len(list(overview.panels)) >= 12


def test_there_is_a_dashboard_for_each_part() -> None:
    parts = ("overview", "ingress", "lifecycle", "sinks", "nats", "kafka")
    assert [board.uid for board in BOARDS] == [f"tollbridge-{part}" for part in parts]


@pytest.mark.parametrize("path", JSONS, ids=lambda path: path.stem)
def test_the_json_is_what_grafana_11_to_13_import(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    assert dashboard["schemaVersion"] in {41, 42}
    assert dashboard.get("id") is None
    assert dashboard["uid"] == path.stem
    assert [one["type"] for one in dashboard["templating"]["list"]] == ["datasource"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels_of(dashboard):
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["links"][0]["url"].partition("#")[2] in {
            anchor(heading) for level in ("##", "###") for heading in headings(level)
        }
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert "$__rate_interval" in target["expr"] or "rate(" not in target["expr"]


@pytest.mark.parametrize("path", JSONS, ids=lambda path: path.stem)
def test_no_panel_lies_on_another_or_beyond_the_edge(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(path.read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_each_alert_has_its_section_and_each_section_its_alert() -> None:
    assert headings("###", within="Alerts") == [alert.name for alert in ALERTS]


def test_each_section_says_what_it_means_how_to_confirm_what_to_do_and_when_it_is_over() -> None:
    text = RUNBOOK.read_text(encoding="utf-8").partition("## Alerts")[2].partition("\n## ")[0]
    for section in text.split("\n### ")[1:]:
        parts = [line for line in section.splitlines() if line.startswith("**")]
        starts = [part.partition("**")[2].partition("**")[0] for part in parts]
        assert starts == ["Means.", "Confirm.", "Do.", "It worked when"], section.splitlines()[0]


def test_the_runbook_names_objects_that_are_deployed() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    named = set(re.findall(r"\b(deployment|statefulset)/(tollbridge-[a-z-]+)", text))
    deployed = {
        (manifest["kind"].lower(), manifest["metadata"]["name"])
        for path in (ROOT / "k8s" / "base").rglob("*.yaml")
        for manifest in yaml.safe_load_all(path.read_text())
        if manifest and "metadata" in manifest
    }
    assert named - deployed <= {("deployment", "tollbridge-")}  # ends in the process's name
    assert len(named) >= 5


def test_the_routines_are_there() -> None:
    assert headings("###", within="Routines") == [
        "Rotate a secret",
        "Roll a release",
        "Scale",
        "Move to another Kafka",
        "Restore a lost volume",
        "Drain a region",
    ]


def test_an_alert_says_how_bad_what_and_where_to_look() -> None:
    names = [alert.name for alert in ALERTS]
    assert len(names) == len(set(names))
    rules = {rule["alert"]: rule for group in groups() for rule in group["rules"] if "alert" in rule}
    for alert in ALERTS:
        rule = rules[alert.name]
        assert rule["labels"] == {"severity": alert.severity}
        notes = rule["annotations"]
        assert notes["summary"]
        assert notes["description"].endswith(".")
        assert notes["runbook_url"] == runbook_url(alert.name)
        assert notes["dashboard_url"].removeprefix(f"{GRAFANA}/d/") in {board.uid for board in BOARDS}


def test_both_rule_files_hold_the_same_rules() -> None:
    plain = yaml.safe_load((ROOT / "k8s" / "monitoring" / "tollbridge.rules.yaml").read_text())
    operator = yaml.safe_load((ROOT / "k8s" / "base" / "monitoring" / "prometheus-rules.yaml").read_text())
    assert operator["spec"]["groups"] == plain["groups"] == groups()
    assert (operator["apiVersion"], operator["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")


def test_the_operators_own_labels_do_not_hide_ours() -> None:
    """A PodMonitor labels each target with `endpoint`, the port's name; ours has the same name."""
    monitors = yaml.safe_load_all((ROOT / "k8s" / "base" / "monitoring" / "monitors.yaml").read_text())
    (ours,) = [monitor for monitor in monitors if monitor["metadata"]["name"] == "tollbridge"]
    assert [one["honorLabels"] for one in ours["spec"]["podMetricsEndpoints"]] == [True]


def test_provisioning_reads_the_dashboards_as_code() -> None:
    path = ROOT / "grafana" / "provisioning" / "dashboards" / "tollbridge.yaml"
    (provider,) = yaml.safe_load(path.read_text())["providers"]
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)
    sources = yaml.safe_load((path.parents[1] / "datasources" / "prometheus.yaml").read_text())
    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]


def test_each_dashboard_is_shown_in_the_docs() -> None:
    page = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
    for board in BOARDS:
        assert f"(dashboards/{board.uid}.svg)" in page
        drawn = (ROOT / "docs" / "dashboards" / f"{board.uid}.svg").read_text(encoding="utf-8")
        for panel in board.panels:
            assert panel.title in drawn, f"{board.uid}: draw it again, {panel.title!r} is not on the picture"
        assert "No data" not in drawn


def test_links_are_made_as_markdown_makes_them() -> None:
    assert runbook_url("Rotate a secret").endswith("/runbook.md#rotate-a-secret")
    assert dashboard_url("tollbridge-nats").endswith("/d/tollbridge-nats")


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0042, "s", "4.2 ms"),
        (90.0, "s", "1.5 min"),
        (0.0, "s", "0 s"),
        (0.999, "percentunit", "99.9%"),
        (1536.0, "bytes", "1.5 KiB"),
        (12.0, "ops", "12 /s"),
        (0.0, "short", "0"),
        (0.25, "short", "0.25"),
        (3.0, "none", "3"),
        (2500.0, "short", "2.5 K"),
    ],
)
def test_values_are_written_as_grafana_writes_them(value: float, unit: str, words: str) -> None:
    assert shown(value, unit) == words


def test_a_picture_shows_titles_legends_and_the_lack_of_data() -> None:
    dashboard = json.loads((ROOT / "grafana" / "dashboards" / "tollbridge-kafka.json").read_text())
    drawn = picture(dashboard, lambda _: [({"topic": "stripe.events"}, [(0.0, 1.0), (9.0, 2.0)])], 0.0, 9.0)
    assert "Under-replicated partitions" in drawn
    assert "stripe.events" in drawn
    assert "No data" in picture(dashboard, lambda _: [], 0.0, 9.0)
