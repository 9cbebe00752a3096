"""What is remembered of an event (or of a fact): where it first came, and when.

The same id at the same position is the same message once more: the first time through may have been cut
short by a crash, so it is worked through again. The same id at another position is Stripe's repetition,
unless nothing came of the first but a dead letter: whoever has mended the cause has Stripe send it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import orjson

from billing.position import Position


class Sighting(StrEnum):
    """How a message stands to what is remembered of its id."""

    FIRST = "first"
    REPLAY = "replay"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Seen:
    """The first sighting of an id. `at` is in seconds since the Unix epoch.

    `rejected` says that nothing came of it but a dead letter: sent again, it is decided on anew.
    """

    position: Position
    at: int
    rejected: bool = False

    def encode(self) -> bytes:
        """Return a compact JSON array."""
        where = self.position
        fields = (where.topic, where.partition, where.offset, self.at)
        return orjson.dumps((*fields, True) if self.rejected else fields)

    @classmethod
    def decode(cls, encoded: bytes) -> Seen:
        """Read what `encode` wrote. Raises ValueError for anything else."""
        try:
            topic, partition, offset, at, *rejected = orjson.loads(encoded)
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a record of the seen table: {encoded[:80]!r}") from error
        return cls(Position(topic, partition, offset), at, bool(rejected))


def sighting(seen: Seen | None, position: Position) -> Sighting:
    """Say what a message at `position` is, given what is remembered of its id."""
    if seen is None:
        return Sighting.FIRST
    if seen.position == position:
        return Sighting.REPLAY
    return Sighting.FIRST if seen.rejected else Sighting.DUPLICATE
