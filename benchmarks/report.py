"""Figures as a table for people and as JSON for the next run to compare with."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.broker import TITLES, BrokerName
from benchmarks.figures import Figures
from benchmarks.sizes import Sizes

SCHEMA = 1


def document(
    figures: Figures, sizes: Sizes, broker: BrokerName, seconds: float, load_before: float
) -> dict[str, Any]:
    """Return the run as `benchmarks/schema.json` describes it."""
    return {
        "schema": SCHEMA,
        "measured_at": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "seconds": round(seconds, 1),
        "broker": TITLES[broker],
        "machine": {
            "processors": os.cpu_count() or 1,
            "load_before": round(load_before, 2),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "sizes": sizes.as_json(),
        "figures": {name: series.as_json() for name, series in figures.series.items()},
    }


def read_previous(file: Path) -> Mapping[str, Any] | None:
    """Return the document of the last run, if there is one."""
    if not file.exists():
        return None
    previous: Mapping[str, Any] = orjson.loads(file.read_bytes())
    return previous if previous.get("schema") == SCHEMA else None


def write(run: Mapping[str, Any], file: Path) -> None:
    """Write the document."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(run, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def show(run: Mapping[str, Any], previous: Mapping[str, Any] | None, console: Console) -> None:
    """Print the table: ratios first, for they say more than figures do on a machine that others use too."""
    machine = run["machine"]
    table = Table(
        title=f"{run['broker']}; {machine['processors']} processors, load {machine['load_before']} "
        f"at the start; {run['sizes']['rounds']} rounds in {run['seconds']:.0f} s",
        title_justify="left",
    )
    table.add_column("figure", no_wrap=True)
    for heading in ("median", "least", "most", "unit", "before"):
        table.add_column(heading, justify="right")
    rows = sorted(run["figures"].items(), key=lambda item: item[1]["unit"] != "ratio")
    for position, (name, series) in enumerate(rows):
        following = rows[position + 1][1]["unit"] if position + 1 < len(rows) else None
        table.add_row(
            name,
            *(_number(series[key]) for key in ("median", "min", "max")),
            "" if series["unit"] == "ratio" else series["unit"],
            _before(name, run, previous),
            end_section=series["unit"] == "ratio" != following,
        )
    console.print(table)


def _before(name: str, run: Mapping[str, Any], previous: Mapping[str, Any] | None) -> str:
    """Return the median of the run before, when it was measured on the same kind of broker."""
    if previous is None or previous["broker"] != run["broker"] or name not in previous["figures"]:
        return "-"
    return _number(previous["figures"][name]["median"])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
