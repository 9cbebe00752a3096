"""Write what is made from code: dashboards, rules, docs/metrics.md. `python -m grafana.build`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.metrics.reference import page
from grafana.boards import BOARDS
from grafana.classic import classic
from grafana.rules import plain_rules, prometheus_rule

ROOT = Path(__file__).resolve().parents[1]


def files() -> Mapping[Path, str]:
    """Return every generated file with what must stand in it."""
    return {
        **{ROOT / "grafana" / "dashboards" / f"{board.uid}.json": classic(board) for board in BOARDS},
        ROOT / "k8s" / "monitoring" / "tollbridge.rules.yaml": plain_rules(),
        ROOT / "k8s" / "base" / "monitoring" / "prometheus-rules.yaml": prometheus_rule(),
        ROOT / "docs" / "metrics.md": page(),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
