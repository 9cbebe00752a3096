"""The vocabulary, to be gone through: what builds the metrics, and what is tested against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from prometheus_client import Counter, Gauge, Histogram

from app.metrics.names import PARTS
from app.metrics.spec import Spec


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric of the vocabulary: the attribute that holds it, its Prometheus type, its Spec."""

    attribute: str
    type: type[Counter | Gauge | Histogram]
    spec: Spec

    @property
    def kind(self) -> str:
        """Return counter, gauge or histogram."""
        return self.type.__name__.lower()


def vocabulary() -> Iterator[Declared]:
    """Yield every metric in the order in which its page declares it."""
    for part in PARTS:
        for attribute, hint in get_type_hints(part, include_extras=True).items():
            arguments: tuple[Any, ...] = get_args(hint)
            yield Declared(attribute, arguments[0], arguments[1])
