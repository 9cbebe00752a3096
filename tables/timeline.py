"""The table of the last decisions about each subscription."""

from __future__ import annotations

from typing import Protocol

from billing.timeline import Entry, note
from tables.row import Change, Origin

TIMELINE = "timeline"


class Rows(Protocol):
    """The part of `tables.table.Table` that the timeline needs."""

    def get_row(self, partition: int, key: bytes) -> bytes | None:
        """Return a value."""
        ...

    def put(self, partition: int, key: bytes, value: bytes, origin: Origin) -> Change:
        """Keep a value."""
        ...

    def add_alias(self, partition: int, key: bytes) -> None:
        """Write the alias of `key`."""
        ...


def without_customer(key: bytes) -> bytes:
    """Return account, mode and subscription of a row's key, such as b"acct_1|live|sub_1": its alias."""
    account, mode, _, subscription = key.split(b"|")
    return b"|".join((account, mode, subscription))


class Timeline:
    """The last decisions about each subscription, by partition of stripe.events."""

    def __init__(self, rows: Rows, limit: int) -> None:
        """Keep `limit` entries a subscription."""
        self._rows = rows
        self._limit = limit

    def note(self, partition: int, key: str, entry: Entry, origin: Origin) -> Change:
        """Keep `entry` for the subscription `key`; the change returned must reach the changelog."""
        encoded = key.encode()
        row = self._rows.get_row(partition, encoded)
        if row is None:
            self._rows.add_alias(partition, encoded)
        return self._rows.put(partition, encoded, note(row, entry, self._limit), origin)
