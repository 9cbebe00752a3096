"""Which rows are old: an index by time beside the rows, in the same RocksDB, made from them.

Faust's windows forget to expire after a restart (issue 385) and RocksDB's TTL corrupts reads when it is
switched on later and never shortens the changelog. Here a row's time is in its value, the index is
written with the row and again when the changelog is read back, and expiring a row is a delete like any
other: bounded work per call, a tombstone in the changelog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Protocol

INDEX = b"\x00at\x00"
"""Begins the index's keys; no row's key begins with a zero byte."""
_AT = Struct(">Q")

TimeOf = Callable[[bytes], int]
"""Reads a value's time, in unix seconds."""


class Rows(Protocol):
    """The part of a RocksDB that the sweep needs."""

    def keys(self, *, from_key: bytes) -> Iterator[bytes]:
        """Iterate the keys in order from `from_key` on."""
        ...

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""
        ...

    def delete(self, key: bytes) -> None:
        """Forget a key."""
        ...


def index_key(at: int, key: bytes) -> bytes:
    """Return the index's key for the row `key` of time `at`."""
    return INDEX + _AT.pack(max(at, 0)) + key


class Sweep:
    """Finds what has expired in one partition, oldest first, a bounded number a call."""

    def __init__(self, rows: Rows, time_of: TimeOf) -> None:
        """Sweep `rows`, whose values tell their time by `time_of`."""
        self._rows = rows
        self._time_of = time_of
        self._from = INDEX

    def expired(self, before: int, limit: int) -> list[bytes]:
        """Return the keys of rows older than `before`, `limit` at most, and drop them from the index.

        The rows themselves are the caller's to delete, for their tombstones have to reach the changelog.
        """
        found: list[bytes] = []
        end = INDEX + _AT.pack(max(before, 0))
        for looked, entry in enumerate(self._rows.keys(from_key=self._from)):
            if entry >= end or not entry.startswith(INDEX) or looked >= limit:
                break
            at, key = _AT.unpack_from(entry, len(INDEX))[0], entry[len(INDEX) + _AT.size :]
            row = self._rows.get(key)
            if row is not None and self._time_of(row) == at:
                found.append(key)
            self._rows.delete(entry)
            # RocksDB would step over every deleted entry again; begin behind them next time.
            self._from = entry
        return found
