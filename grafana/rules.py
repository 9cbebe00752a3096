"""Alerts and recorded ratios as Prometheus reads them: one source, two files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from grafana.alerts import ALERTS, Alert
from grafana.links import dashboard_url, runbook_url
from grafana.slo import RECORD, SLOS, WINDOWS

HEADER = (
    "# Written by `python -m grafana.build` from grafana/alerts.py and grafana/slo.py; a test compares.\n"
)


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as blocks that a person can read."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def groups() -> list[dict[str, Any]]:
    """Return the rule groups."""
    recorded = [
        {
            "record": f"{RECORD}{window}",
            "labels": {"slo": slo.name},
            "expr": slo.ratio.replace("%s", window),
        }
        for slo in SLOS
        for window in WINDOWS
    ]
    return [
        {"name": "tollbridge-slo", "rules": recorded},
        {"name": "tollbridge-alerts", "rules": [_rule(alert) for alert in ALERTS]},
    ]


def plain_rules() -> str:
    """Return the rules file for a Prometheus that is configured by files."""
    return HEADER + _yaml({"groups": groups()})


def prometheus_rule() -> str:
    """Return the PrometheusRule for the Prometheus operator."""
    return HEADER + _yaml(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {
                "name": "tollbridge",
                "labels": {
                    "app.kubernetes.io/name": "tollbridge",
                    "app.kubernetes.io/component": "monitoring",
                },
            },
            "spec": {"groups": groups()},
        }
    )


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.lasting,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": runbook_url(alert.name),
            "dashboard_url": dashboard_url(alert.board),
        },
    }


def _yaml(document: Mapping[str, Any]) -> str:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return text
