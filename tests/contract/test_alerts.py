"""Each alert fires when it should and is silent when it should be, says promtool; amtool reads the routes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.alerts import ALERTS, Alert
from grafana.slo import RECORD
from tests.alert_cases import CASES, Case
from tests.prometheus import run

ROOT = Path(__file__).parents[2]
RULES = ROOT / "k8s" / "monitoring" / "tollbridge.rules.yaml"
ALERTMANAGER = ROOT / "k8s" / "monitoring" / "alertmanager.yaml"


def rule(name: str) -> dict[str, Any]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    (found,) = [one for group in groups for one in group["rules"] if one.get("alert") == name]
    return dict(found)


def rules_for(case: Case) -> dict[str, Any]:
    """The case's rule and what it reads, as committed: to evaluate all for days takes minutes."""
    of = rule(case.alert)
    recorded, *_ = yaml.safe_load(RULES.read_text())["groups"]
    groups = [recorded] if RECORD in of["expr"] else []
    return {"groups": [*groups, {"name": "tested", "rules": [of]}]}


def expected(case: Case) -> list[dict[str, Any]]:
    """The alerts of a case as promtool wants them, every label and every word of every annotation."""
    of = rule(case.alert)
    return [
        {
            "exp_labels": {**labels, **of["labels"]},
            "exp_annotations": {
                name: re.sub(r"{{ \$labels\.(\w+) }}", lambda label: labels[label[1]], text)  # noqa: B023 - used at once
                for name, text in of["annotations"].items()
            },
        }
        for labels in case.fires
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.promise}")
def test_an_alert_keeps_to_its_case(case: Case, tmp_path: Path) -> None:
    suite = {
        "rule_files": ["rules.json"],
        "evaluation_interval": case.interval,
        "tests": [
            {
                "interval": case.interval,
                "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                "alert_rule_test": [
                    {"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected(case)}
                ],
            }
        ],
    }
    (tmp_path / "rules.json").write_text(json.dumps(rules_for(case)))
    path = tmp_path / "case.json"
    path.write_text(json.dumps(suite))  # JSON is YAML
    tested = run("promtool", "test", "rules", str(path))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    names = {alert.name for alert in ALERTS}
    assert {case.alert for case in CASES if case.fires} == names
    assert {case.alert for case in CASES if not case.fires} == names


def test_promtool_accepts_the_rules() -> None:
    checked = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_amtool_accepts_the_alertmanager_example() -> None:
    checked = run("amtool", "check-config", str(ALERTMANAGER))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_severity_decides_who_is_told(alert: Alert) -> None:
    receiver = {"critical": "page", "warning": "ticket", "info": "ticket"}[alert.severity]
    routed = run(
        "amtool",
        "config",
        "routes",
        "test",
        f"--config.file={ALERTMANAGER}",
        f"--verify.receivers={receiver}",
        f"alertname={alert.name}",
        f"severity={alert.severity}",
    )
    assert routed.returncode == 0, routed.stdout + routed.stderr
