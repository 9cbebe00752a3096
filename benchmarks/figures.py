"""Figures by name, round by round; their medians and ratios."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Better = Literal["higher", "lower"]


class BenchmarkFailed(Exception):  # noqa: N818 - says what happened
    """What was measured did not do its work, so that its speed means nothing. The text says what."""


@dataclass(slots=True)
class Series:
    """One figure in every round."""

    unit: str
    better: Better
    rounds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.rounds)

    def as_json(self) -> dict[str, Any]:
        """Return the series as the results file holds it."""
        return {
            "unit": self.unit,
            "better": self.better,
            "median": _short(self.median),
            "min": _short(min(self.rounds)),
            "max": _short(max(self.rounds)),
            "rounds": [_short(value) for value in self.rounds],
        }


class Figures:
    """All that was measured in a run."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}

    def rate(self, name: str, value: float) -> None:
        """Note so many a second."""
        self._add(name, "1/s", "higher", value)

    def milliseconds(self, name: str, seconds: float) -> None:
        """Note a time."""
        self._add(name, "ms", "lower", seconds * 1000)

    def ratio(self, name: str, of: str, to: str) -> None:
        """Note by how much `of` was more than `to`, in each round of its own: drift hits both alike."""
        if of in self.series and to in self.series:
            pairs = zip(self.series[of].rounds, self.series[to].rounds, strict=True)
            self.series[name] = Series("ratio", self.series[of].better, [a / b for a, b in pairs])

    def _add(self, name: str, unit: str, better: Better, value: float) -> None:
        self.series.setdefault(name, Series(unit, better)).rounds.append(value)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _short(value: float) -> float:
    return round(value, 3 if value < 100 else 1)
