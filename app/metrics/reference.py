"""docs/metrics.md, made from the vocabulary itself: `python -m grafana.build` writes it, a test compares."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from app.metrics.labels import BOUNDS, PROCESSES
from app.metrics.names import PARTS
from app.metrics.vocabulary import Declared, vocabulary

_SECTION = re.compile(r"^    # (?P<title>[A-Z].*)$")
_ATTRIBUTE = re.compile(r"^    (?P<name>[a-z_]+): Annotated\[$")

INTRODUCTION = """# Metrics

Each process serves its own at `/metrics` ([health endpoints](health-endpoints.md)), with those of Python and
the operating system (`process_*`, `python_*`). Six names carry no prefix: dashboards knew them before.
Counters that alerts compare begin at 0 when the process starts, so that the first event is an increase.

This page is generated from `app/metrics/*_names.py`: `python -m grafana.build`.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    declared = {one.attribute: one for one in vocabulary()}
    lines = [INTRODUCTION]
    for title, attributes in _sections():
        lines += [f"## {title}", ""]
        for attribute in attributes:
            lines += _entry(declared[attribute])
    lines += ["## Labels", "", "No label's values are unbounded. What keeps each few:", ""]
    lines += ["| label | values |", "|---|---|"]
    lines += [f"| `{label}` | {bound} |" for label, bound in BOUNDS.items()]
    return "\n".join(lines) + "\n"


def _sections() -> Iterator[tuple[str, list[str]]]:
    title, attributes = "", list[str]()
    for line in (line for part in PARTS for line in inspect.getsource(part).splitlines()):
        if section := _SECTION.match(line):
            if attributes:
                yield title, attributes
            title, attributes = section["title"], []
        elif attribute := _ATTRIBUTE.match(line):
            attributes.append(attribute["name"])
    yield title, attributes


def _entry(one: Declared) -> list[str]:
    spec = one.spec
    labels = ", ".join(f"`{label}`" for label in spec.labels) or "none"
    processes = "every process" if spec.processes == PROCESSES else ", ".join(spec.processes)
    unit = f" of {spec.unit}" if spec.unit else ""
    lines = [
        f"### `{spec.name}`",
        "",
        spec.meaning,
        "",
        f"- {one.kind}{unit}; labels: {labels}; from {processes}",
        f"- What to do: {spec.action}",
    ]
    if spec.buckets:
        lines.append(f"- buckets: {', '.join(f'{bound:g}' for bound in spec.buckets)}")
    return [*lines, ""]
