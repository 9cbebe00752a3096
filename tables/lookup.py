"""What queries read: rows of one partition, a bounded number at once, as the bytes they are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple, Protocol


class Rows(Protocol):
    """The part of `tables.table.Table` that queries need."""

    def get_row(self, partition: int, key: bytes) -> bytes | None:
        """Return a value."""
        ...

    def aliased(self, partition: int, alias: bytes) -> bytes | None:
        """Return the key of the row that is also called `alias`."""
        ...

    def scan(
        self, partition: int, prefix: bytes, after: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Iterate keys and values that begin with `prefix`, those behind the key `after` only."""
        ...


class Found(NamedTuple):
    """A row: the partition it lies in, its key and its value."""

    partition: int
    key: bytes
    value: bytes


class Lookup:
    """Reads subscriptions and their timelines. Whoever asks must own the partitions that are named."""

    def __init__(self, subscriptions: Rows, timeline: Rows) -> None:
        """Read these two tables. Timelines know their rows by an alias: account, mode and subscription."""
        self._subscriptions = subscriptions
        self._timeline = timeline

    def of_customer(self, partition: int, customer: bytes, after: str | None, limit: int) -> list[Found]:
        """Return a customer's subscriptions by id, behind the id `after`, `limit` at most.

        `customer` is the partition key of its events.
        """
        prefix = customer + b"|"
        begin = None if after is None else prefix + after.encode()
        rows = islice(self._subscriptions.scan(partition, prefix, begin), limit)
        return [Found(partition, key, value) for key, value in rows]

    def subscription(self, partition: int, alias: bytes) -> Found | None:
        """Return the subscription called `alias`, such as b"acct_1|live|sub_1"."""
        return self._find(self._subscriptions, partition, alias)

    def timeline(self, partition: int, alias: bytes) -> Found | None:
        """Return the timeline of the subscription called `alias`."""
        return self._find(self._timeline, partition, alias)

    def _find(self, table: Rows, partition: int, alias: bytes) -> Found | None:
        # Every decision about a subscription is noted, so each of them has a timeline, and an alias there.
        key = self._timeline.aliased(partition, alias)
        value = None if key is None else table.get_row(partition, key)
        return None if key is None or value is None else Found(partition, key, value)
