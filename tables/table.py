"""A Faust table whose changes are handed to the caller, who sends them and knows when they are durable.

Faust sends a changelog record by itself, commits the offset whether it arrived or not, and logs a failure
(measured: 310 of 60,000 records gone after 13 restarts, no error anywhere). Here `put` keeps the row and
returns the `Change`; the agent sends it and settles the message when Kafka has acknowledged it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faust
from faust.types import TP

from tables.alias import AliasOf
from tables.expiry import TimeOf
from tables.row import Change, Origin, pack, unpack
from tables.store import Store

NOTE_EVERY = 64
"""Changelog offsets between two notes of how far the changelog holds what is here."""

FLUSH_EVERY = 8192
"""Changelog offsets between two flushes: what a recovery after a kill reads of a partition at most."""


class Table(faust.Table[bytes, bytes]):
    """Rows by partition and key. Faust assigns, recovers and revokes it; nobody uses it as a mapping."""

    def __init__(
        self,
        app: Any,
        *,
        name: str,
        partitions: int,
        time_of: TimeOf | None = None,
        alias_of: AliasOf | None = None,
    ) -> None:
        """Declare the table `name`. `time_of` reads a value's time, in unix seconds, if rows expire.

        `alias_of` makes a second name from a row's key, by which `aliased` finds it.
        """
        super().__init__(app, name=name, partitions=partitions, key_type=bytes, value_type=bytes)
        self._alias_of = alias_of
        self._noted: dict[int, int] = {}
        self._flushed: dict[int, int] = {}
        self._time_of: TimeOf | None = None
        if time_of is not None:
            read_time = time_of
            self._time_of = lambda row: read_time(unpack(row)[1])

    def _new_store(self) -> Store:
        return Store(
            self.app.conf.store,
            self.app,
            self,
            table_name=self.name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            time_of=self._time_of,
            alias_of=self._alias_of,
        )

    @property
    def rows(self) -> Store:
        """The rows on this worker."""
        store = self.data
        assert isinstance(store, Store)  # noqa: S101 - _new_store has just made it
        return store

    def get_row(self, partition: int, key: bytes) -> bytes | None:
        """Return the value of `key`, None when there is none."""
        row = self.rows.read(partition, key)
        return None if row is None else unpack(row)[1]

    def scan(
        self, partition: int, prefix: bytes, after: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Iterate keys and values that begin with `prefix`, in order, those behind the key `after` only."""
        return ((key, unpack(row)[1]) for key, row in self.rows.scan(partition, prefix, after))

    def add_alias(self, partition: int, key: bytes) -> None:
        """Write the alias of `key`. To be called before a new row is put."""
        self.rows.add_alias(partition, key)

    def aliased(self, partition: int, alias: bytes) -> bytes | None:
        """Return the key of the row that is also called `alias`, None when there is none."""
        return self.rows.aliased(partition, alias)

    def put(self, partition: int, key: bytes, value: bytes, origin: Origin) -> Change:
        """Keep `value`; the change returned must reach the changelog before the message is settled."""
        row = pack(origin, value)
        self.rows.write(partition, key, row)
        return Change(self.changelog_topic.get_topic_name(), partition, key, row)

    def delete(self, partition: int, key: bytes) -> Change:
        """Forget `key`; the tombstone returned must reach the changelog."""
        self.rows.drop(partition, key)
        return Change(self.changelog_topic.get_topic_name(), partition, key, None)

    def expired(self, partition: int, before: int, limit: int) -> list[bytes]:
        """Return keys of rows older than `before` (unix seconds), `limit` at most, oldest first."""
        return self.rows.expired(partition, before, limit)

    def acknowledged(self, partition: int, offset: int) -> None:
        """Note that the changelog holds what this worker wrote up to `offset`: recovery begins behind it.

        Noted in steps, for each note is a write: recovery may read `NOTE_EVERY` records more than it needs,
        which end as they are.
        """
        before = self._noted.get(partition)
        if before is None or not before <= offset < before + NOTE_EVERY:
            self._noted[partition] = offset
            self.rows.set_persisted_offset(TP(self.changelog_topic.get_topic_name(), partition), offset)
            if not 0 <= offset - self._flushed.setdefault(partition, offset) < FLUSH_EVERY:
                self._flushed[partition] = offset
                self.rows.flush(partition)
