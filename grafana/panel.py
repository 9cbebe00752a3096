"""A dashboard before it is Grafana's: what a board says, and what tests and pictures read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Unit = Literal["short", "reqps", "ops", "s", "bytes", "percentunit", "none"]
"""Grafana's unit ids, as far as we use them: `ops` is any count a second, `short` a count."""
Kind = Literal["graph", "stat", "states"]
Color = Literal["green", "yellow", "orange", "red", "blue", "purple"]

WIDTH = 24
HEIGHT: dict[Kind, int] = {"graph": 8, "stat": 5, "states": 5}


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression; `legend` may hold `{{label}}`."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One question and its answer.

    `thresholds`: the colour from each value on; the first holds from the bottom. `names`: words for values.
    `runbook`: the heading of the runbook's section that says what to do. `stacked`: the areas add up.
    """

    title: str
    description: str
    unit: Unit
    runbook: str
    queries: tuple[Query, ...]
    kind: Kind = "graph"
    width: int = 8
    thresholds: tuple[tuple[float, Color], ...] = ((0, "green"),)
    names: tuple[tuple[int, str, Color], ...] = ()
    stacked: bool = False
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading, left to right, wrapped at 24 columns."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. `uid` is part of its address and never changes."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Iterator[Panel]:
        """All panels in the order in which they are read."""
        for row in self.rows:
            yield from row.panels


def query(legend: str, expr: str) -> Query:
    """Return a query written over several lines as one line."""
    return Query(" ".join(expr.split()), legend)


def quantile(q: float, histogram: str, by: str = "") -> str:
    """Return PromQL for a quantile of a histogram over the rate interval."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({histogram}_bucket[$__rate_interval])))"


BREAKER_NAMES: tuple[tuple[int, str, Color], ...] = (
    (0, "closed", "green"),
    (1, "half-open", "yellow"),
    (2, "open", "red"),
)
