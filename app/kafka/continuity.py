"""Whether what is fetched of a partition follows without a gap on what was handed on before.

Faust drops fetched messages in places: it empties its queues whenever flow resumes, and a fetch that was
under way during a rebalance may come back ahead of the committed position. Handed on as it comes, the
first would be committed over, and the second would make what is behind it look like a repetition.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from agents.ledger import TopicPartition


class Verdict(Enum):
    """What to do with a fetched message."""

    TAKE = "take"
    DROP = "drop"
    ASK = "ask"
    """Something before it is missing: seek there, and fetch again."""


class Continuity:
    """Knows the next offset of each partition of one assignment."""

    def __init__(self) -> None:
        self._next: dict[TopicPartition, int] = {}
        self._asked: dict[TopicPartition, tuple[int, int]] = {}

    def begin(self, positions: Mapping[TopicPartition, int]) -> None:
        """Note where partitions begin. One that has begun goes on: a later seek only repeats messages."""
        for at, offset in positions.items():
            self._next.setdefault(at, offset)

    def clear(self) -> None:
        """Forget everything: the assignment is over."""
        self._next.clear()
        self._asked.clear()

    def next(self, at: TopicPartition) -> int | None:
        """Return the offset that is to come next, None before the partition has begun."""
        return self._next.get(at)

    def judge(self, at: TopicPartition, offset: int, fetch: int) -> Verdict:
        """Judge a message that came with the fetch numbered `fetch`.

        A gap that a later fetch shows again is Kafka's own (retention, a control record) and is passed over;
        the rest of the fetch that showed it first proves nothing.
        """
        expected = self._next.get(at)
        if expected is not None and offset < expected:
            return Verdict.DROP
        if expected is not None and offset > expected:
            asked_for, asked_in = self._asked.get(at, (-1, -1))
            if asked_for != expected:
                self._asked[at] = (expected, fetch)
                return Verdict.ASK
            if fetch <= asked_in:
                return Verdict.DROP
        self._next[at] = offset + 1
        return Verdict.TAKE
